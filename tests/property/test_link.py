"""The control link under any interleaving of messages, garbage, ticks and silence."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from outofband.core.errors import ProtocolError
from outofband.wire import link
from outofband.wire.finding import Finding, Severity
from outofband.wire.link import LinkAgent, LinkServer, State
from outofband.wire.machine import Power, VmReport

REPORT = VmReport(vm="vm-1", name="n", driver="qemu", epoch=1, power=Power.RUNNING, since="", ports=[])
FINDING = Finding(
    id="GuestPanicked-0-7",
    code="GuestPanicked",
    severity=Severity.ERROR,
    port="0",
    boot=1,
    offset=7,
    first=1.0,
    last=1.0,
)
FROM_SERVER: list[link.ServerMessage] = [
    link.Challenge("again"),
    link.Welcome("l", "n", [], ""),
    link.Reject("AgentUnknown"),
    link.Heartbeat(),
    link.Command("k", "vm.start", "vm-1"),
    link.OpenStream("s", "wss://g", "t", "g"),
    link.EndSession("s", "AccessRevoked"),
    link.FoundKept(1),
]
FROM_AGENT: list[link.AgentMessage] = [
    link.Hello("a", "forged", "v", "i"),
    link.VmChanged(REPORT),
    link.VmGone("vm-1"),
    link.Result("k", True),
    link.StreamFailed("s", "StreamFailed"),
    link.Found(1, [link.Told("vm-1", FINDING)]),
    link.Heartbeat(),
]
GARBAGE = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=40),
    st.sampled_from(['{"type":"nothing"}', '{"type":"welcome"}', "null", "[]", '{"type":"hello","agent":1}']),
    st.just(" " * (link.MAX_MESSAGE + 1)),
)
LATER = st.builds(
    lambda kind, fields: msgspec.json.encode({**fields, "type": kind}),
    st.text(max_size=80).filter(lambda kind: kind not in link._KINDS),
    st.dictionaries(
        st.text(max_size=8),
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
            ),
            max_leaves=6,
        ),
        max_size=4,
    ),
)
"""Messages of a day that has not come."""
PASSED = st.one_of(
    st.floats(min_value=0.0, max_value=1.0),
    st.sampled_from([link.HANDSHAKE_SECONDS, link.KEEPALIVE_SECONDS, link.DEAD_SECONDS]),
)


def sign(text: bytes) -> str:
    return "signed:" + text.hex()


def verify(agent: str, signature: str, text: bytes) -> bool:
    return agent == "a" and signature == sign(text)


class Links(RuleBasedStateMachine):
    """Both ends, and a wire between them whose messages arrive late, out of a forger's hand, or never."""

    to_agent = Bundle("to_agent")
    to_server = Bundle("to_server")

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.agent = LinkAgent(agent="a", version="v", instance="i", sign=sign, now=self.now)
        self.server = LinkServer(nonce="nonce", verify=verify, now=self.now)
        self.heard = {self.agent: self.now, self.server: self.now}
        self.spoke = {self.agent: self.now, self.server: self.now}
        self.was_closed: set[object] = set()
        self.welcomed = False

    @initialize(steps=st.integers(0, 4))
    def an_honest_beginning(self, steps: int) -> None:
        """Nothing, the challenge, the hello, the welcome sent, the welcome heard: then anything goes."""
        if steps >= 1:
            for text in self._send(self.server):
                self._receive(self.agent, text)
        if steps >= 2:
            for text in self._send(self.agent):
                self._receive(self.server, text)
        if steps >= 3:
            self.server_welcomes()
        if steps >= 4:
            for text in self._send(self.server):
                self._receive(self.agent, text)

    def _send(self, side: LinkAgent | LinkServer) -> list[bytes]:
        texts = side.outgoing(self.now)
        if texts:
            self.spoke[side] = self.now
        return texts

    def _receive(self, side: LinkAgent | LinkServer, text: bytes | str) -> None:
        before = side.state
        try:
            events = side.receive(text, self.now)
        except ProtocolError:
            # A driver gives the link up after the first broken rule.
            self.heard[side] = self.now if before is not State.CLOSED else self.heard[side]
            side.close("a rule was broken")
            return
        assert before is not State.CLOSED, "a closed link takes nothing"
        self.heard[side] = self.now
        for event in events:
            if before is State.OPEN:
                assert not isinstance(event, link.Hello | link.Challenge | link.Welcome)
            else:
                assert isinstance(event, link.Hello | link.Welcome | link.Reject), "no proof, no say"
            if isinstance(event, link.Hello):
                assert verify(event.agent, event.signature, link.signed_text(event.agent, "nonce"))
            assert not isinstance(event, link.Heartbeat), "heartbeats are nobody's news"

    @rule(target=to_agent)
    def server_speaks(self) -> object:
        return multiple(*self._send(self.server))

    @rule(target=to_server)
    def agent_speaks(self) -> object:
        return multiple(*self._send(self.agent))

    @rule(text=to_agent)
    def arrives_at_agent(self, text: bytes) -> None:
        self._receive(self.agent, text)

    @rule(text=to_server)
    def arrives_at_server(self, text: bytes) -> None:
        self._receive(self.server, text)

    @rule(message=st.sampled_from(FROM_SERVER))
    def agent_hears_anything(self, message: link.ServerMessage) -> None:
        self._receive(self.agent, msgspec.json.encode(message))

    @rule(message=st.sampled_from(FROM_AGENT))
    def server_hears_anything(self, message: link.AgentMessage) -> None:
        before = self.server.agent
        self._receive(self.server, msgspec.json.encode(message))
        assert self.server.agent == before, "a forged hello names nobody"

    @rule(text=GARBAGE, at_agent=st.booleans())
    def garbage(self, text: bytes | str, at_agent: bool) -> None:
        side = self.agent if at_agent else self.server
        before = side.state
        self._receive(side, text)
        assert side.state is State.CLOSED or side.state is before

    @rule(text=LATER, at_agent=st.booleans())
    def a_message_of_a_later_day(self, text: bytes, at_agent: bool) -> None:
        """Passed over by an open link; before that it is as wrong as any other."""
        side = self.agent if at_agent else self.server
        before = side.state
        self._receive(side, text)
        assert side.state is (State.OPEN if before is State.OPEN else State.CLOSED)
        assert len(side.unknown) <= link.MAX_UNKNOWN

    @precondition(lambda self: self.server.state is State.PROVING)
    @rule()
    def server_welcomes(self) -> None:
        self.server.welcome(link.Welcome("l", "n", [], ""))
        self.welcomed = True

    @precondition(lambda self: self.server.state is State.PROVING)
    @rule()
    def server_rejects(self) -> None:
        self.server.reject("AgentRevoked", agent="a")
        assert self.server.state is State.CLOSED

    @rule(message=st.sampled_from(FROM_SERVER[4:]))
    def server_wants_something(self, message: link.ServerMessage) -> None:
        self._want(self.server, message)

    @rule(message=st.sampled_from(FROM_AGENT[1:6]))
    def agent_tells_something(self, message: link.AgentMessage) -> None:
        self._want(self.agent, message)

    def _want(self, side: LinkAgent | LinkServer, message: link.Message) -> None:
        is_open = side.state is State.OPEN
        try:
            side.send(message)
        except ProtocolError:
            assert not is_open
        else:
            assert is_open

    @rule(passed=PASSED)
    def time_passes(self, passed: float) -> None:
        self.now += passed

    @rule(at_agent=st.booleans())
    def nothing_is_to_do_before_it_is_due(self, at_agent: bool) -> None:
        side = self.agent if at_agent else self.server
        before, since = side.state, side.due(self.now)
        if before is State.CLOSED or since < 0.002:
            return
        self._send(side)
        side.tick(self.now + since - 0.001)
        assert side.state is before and not side.outgoing(self.now)

    @rule(at_agent=st.booleans())
    def tick(self, at_agent: bool) -> None:
        side = self.agent if at_agent else self.server
        before, silent = side.state, self.now - self.heard[side]
        side.tick(self.now)
        if silent >= link.DEAD_SECONDS:
            assert side.state is State.CLOSED, "45 s of silence are the end"
        if before is not State.OPEN and self.now - 1000.0 >= link.HANDSHAKE_SECONDS:
            assert side.state is State.CLOSED, "a handshake has 10 s"
        if before is State.OPEN and silent < link.DEAD_SECONDS:
            assert side.state is State.OPEN

    @precondition(lambda self: self.agent.state is State.OPEN)
    @rule(target=to_server)
    def agent_beats(self) -> object:
        return self._beat(self.agent)

    @precondition(lambda self: self.server.state is State.OPEN)
    @rule(target=to_agent)
    def server_beats(self) -> object:
        return self._beat(self.server)

    def _beat(self, side: LinkAgent | LinkServer) -> object:
        """Whoever was silent for 15 s speaks after the next tick."""
        since = self.now - self.spoke[side]
        side.tick(self.now)
        texts = self._send(side)
        if side.state is State.OPEN and since >= link.KEEPALIVE_SECONDS:
            assert texts
        return multiple(*texts)

    @invariant()
    def closed_stays_closed(self) -> None:
        for side in (self.agent, self.server):
            if side in self.was_closed:
                assert side.state is State.CLOSED and side.reason
            elif side.state is State.CLOSED:
                self.was_closed.add(side)

    @invariant()
    def only_the_proven_are_welcome(self) -> None:
        if self.server.state is State.OPEN:
            assert self.server.agent == "a" and self.welcomed
        if self.welcomed:
            assert self.server.agent == "a"


TestLinks = Links.TestCase
TestLinks.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


@given(
    st.sampled_from([*FROM_SERVER, *FROM_AGENT]),
    st.dictionaries(st.text("xyz", min_size=1, max_size=4), st.none() | st.integers(0, 9), max_size=3),
)
def test_fields_of_a_later_day_change_nothing(message: link.Message, more: dict[str, object]) -> None:
    decoder = link._from_agent if message in FROM_AGENT else link._from_server
    whole = msgspec.json.decode(msgspec.json.encode(message)) | more
    assert decoder.decode(msgspec.json.encode(whole)) == message


@given(st.sampled_from([link.Result("k", True), link.VmGone("vm-1"), link.Hello("a", "s", "v", "i")]))
def test_a_known_message_in_a_wrong_form_is_no_message_of_a_later_day(message: link.Message) -> None:
    whole = msgspec.json.decode(msgspec.json.encode(message))
    now = 0.0
    server = LinkServer(nonce="nonce", verify=verify, now=now)
    hello = link.Hello("a", sign(link.signed_text("a", "nonce")), "v", "i")
    assert server.receive(msgspec.json.encode(hello), now) == [hello]
    server.welcome(link.Welcome("l", "n", [], ""))
    for wrong in ({"type": whole["type"]}, msgspec.to_builtins(link.Command("k", "vm.start", "vm-1"))):
        with pytest.raises(ProtocolError):
            server.receive(msgspec.json.encode(wrong), now)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("agent"), st.sampled_from(FROM_AGENT[1:6])),
        st.tuples(st.just("server"), st.sampled_from(FROM_SERVER[4:])),
        st.tuples(st.just("wait"), st.integers(1, 40)),
    ),
    max_size=30,
)


@given(STEPS)
def test_honest_ends_stay_linked_and_lose_nothing(steps: list[tuple[str, object]]) -> None:
    now = 0.0
    agent = LinkAgent(agent="a", version="v", instance="i", sign=sign, now=now)
    server = LinkServer(nonce="nonce", verify=verify, now=now)
    got: dict[str, list[object]] = {"agent": [], "server": []}

    def exchange() -> None:
        while texts := [*((agent, text) for text in server.outgoing(now)),
                        *((server, text) for text in agent.outgoing(now))]:  # fmt: skip
            for side, text in texts:
                for event in side.receive(text, now):
                    if isinstance(event, link.Hello):
                        server.welcome(link.Welcome("l", "n", [], ""))
                    elif not isinstance(event, link.Welcome):
                        got["agent" if side is server else "server"].append(event)

    exchange()
    for who, what in steps:
        if who == "wait":
            for _ in range(int(str(what))):
                now += 1.0
                agent.tick(now)
                server.tick(now)
                exchange()
        else:
            (agent if who == "agent" else server).send(what)  # type: ignore[arg-type]
    exchange()
    assert agent.state is server.state is State.OPEN
    for side, heard in got.items():
        assert heard == [what for who, what in steps if who == side]


@given(st.floats(min_value=0.1, max_value=1.0), st.booleans())
def test_a_peer_that_falls_silent_is_given_up_between_45_and_46_seconds(step: float, greeted: bool) -> None:
    now = 0.0
    agent = LinkAgent(agent="a", version="v", instance="i", sign=sign, now=now)
    agent.receive(msgspec.json.encode(link.Challenge("nonce")), now)
    if greeted:
        agent.receive(msgspec.json.encode(link.Welcome("l", "n", [], "")), now)
    limit = link.DEAD_SECONDS if greeted else link.HANDSHAKE_SECONDS
    while agent.state is not State.CLOSED:
        assert now < limit + step
        now += step
        agent.tick(now)
        agent.outgoing(now)
    assert now >= limit
