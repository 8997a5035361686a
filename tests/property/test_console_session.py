"""A viewer that is cut off anywhere, any number of times, shows every byte once and types every byte once."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from outofband.wire import stream
from outofband.wire.console import ClientSession, InputDropped, Missing, Output, Phase


class Drops(RuleBasedStateMachine):
    """The far side keeps the log and the typed bytes it took; the network loses whole tails of frames."""

    def __init__(self) -> None:
        super().__init__()
        self.session = ClientSession(replay=16)
        self.log = bytearray()
        self.sent = 0
        self.taken = bytearray()
        self.to_viewer: list[bytes] = []
        self.to_port: list[bytes] = []
        self.shown = bytearray()
        self.first = 0
        self.typed = bytearray()
        self.now = 0.0

    @initialize(past=st.binary(max_size=40))
    def begin(self, past: bytes) -> None:
        self.log += past
        self.connect()

    def connect(self) -> None:
        self.session.open("ticket")
        resume = self.session.next_offset
        start = max(0, len(self.log) - 16) if resume is None else resume
        if resume is None:
            self.first = start
        self.sent = start
        fields = {"mode": "write", "offset": start, "live": len(self.log), "input": len(self.taken)}
        self.to_viewer = [stream.encode(stream.Notice("attached", fields))]
        self.to_port = []
        self.deliver(1)

    def deliver(self, count: int) -> None:
        for message in self.to_viewer[:count]:
            for event in self.session.receive(message, self.now):
                assert not isinstance(event, Missing | InputDropped)
                if isinstance(event, Output):
                    assert event.offset == self.first + len(self.shown)
                    self.shown += event.payload
        del self.to_viewer[:count]
        self.to_port += self.session.outgoing()

    @rule(text=st.binary(min_size=1, max_size=30))
    def guest_prints(self, text: bytes) -> None:
        self.log += text

    @precondition(lambda self: self.session.phase is Phase.ATTACHED)
    @rule(size=st.integers(1, 20), again=st.integers(0, 5))
    def agent_sends(self, size: int, again: int) -> None:
        start = max(self.first, self.sent - again)
        piece = bytes(self.log[start : start + size])
        if piece:
            self.to_viewer.append(stream.data(start, piece))
            self.sent = max(self.sent, start + len(piece))

    @precondition(lambda self: self.session.phase is Phase.ATTACHED)
    @rule(keys=st.binary(min_size=1, max_size=10))
    def person_types(self, keys: bytes) -> None:
        assert self.session.type(keys) == len(keys)
        self.typed += keys
        self.to_port += self.session.outgoing()

    @rule(count=st.integers(1, 5), ack=st.booleans())
    def port_takes(self, count: int, ack: bool) -> None:
        for message in self.to_port[:count]:
            frame = stream.decode(message)
            assert isinstance(frame, stream.Input)
            assert frame.offset <= len(self.taken)
            self.taken += frame.payload[len(self.taken) - frame.offset :]
        del self.to_port[:count]
        if ack and self.session.phase is Phase.ATTACHED:
            self.to_viewer.append(stream.encode(stream.Ack(len(self.taken))))

    @precondition(lambda self: self.session.phase is Phase.ATTACHED)
    @rule(count=st.integers(1, 5))
    def frames_arrive(self, count: int) -> None:
        self.deliver(count)

    @precondition(lambda self: self.session.phase is Phase.ATTACHED)
    @rule(arrived=st.integers(0, 5), seconds=st.floats(0, 9))
    def the_line_drops_and_comes_back(self, arrived: int, seconds: float) -> None:
        self.deliver(arrived)
        self.session.lost(self.now)
        self.now += seconds
        self.connect()

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        assert self.shown == self.log[self.first : self.first + len(self.shown)]
        assert self.taken == self.typed[: len(self.taken)]


TestDrops = Drops.TestCase
