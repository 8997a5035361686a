"""Whatever client, guest and gateway say: no crash, nothing unbounded, no split character, no typed token."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from outofband.core.errors import ProtocolError
from outofband.wire import stream
from outofband.wire.azure_console import MAX_KEYS, MAX_TEXT, AzureConsole, Phase
from outofband.wire.azure_words import MAX_REASON
from outofband.wire.grant import Mode

TOKEN = "eyJh.eyJi.c2ln"
NAMES = st.none() | st.sampled_from(["alice", "bob"])


@given(st.text(max_size=60), st.data())
def test_a_guests_text_arrives_as_it_was_printed(text: str, data: st.DataObject) -> None:
    """Cut anywhere. What a terminal would obey is another file's matter, and left out here."""
    text = "".join(each for each in text if each >= " " and not "\x7f" <= each <= "\x9f")
    console = attached()
    printed, offset, shown = text.encode(), 0, ""
    while offset < len(printed):
        end = data.draw(st.integers(offset + 1, len(printed)))
        console.frame(stream.data(offset, printed[offset:end]), 0.0)
        shown += console.text()
        offset = end
    assert shown == text


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_any_bytes_of_a_guest_become_text(pieces: list[bytes]) -> None:
    console = attached()
    offset = 0
    for piece in pieces:
        console.frame(stream.data(offset, piece), 0.0)
        offset += len(piece)
        text = console.text()
        assert text.encode().decode() == text
        assert "\x05" not in text
    assert console.waiting == 0


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_first_message_is_a_token_or_an_end(message: str | bytes) -> None:
    console = AzureConsole("demo")
    console.receive(message)
    assert (console.phase is Phase.CHECKING) == (console.closing is None)
    if console.closing is not None:
        assert len(console.closing.reason.encode()) <= MAX_REASON


@given(st.binary(max_size=200))
def test_any_frame_is_obeyed_or_a_protocol_error(message: bytes) -> None:
    console = attached()
    try:
        console.frame(message, 0.0)
    except ProtocolError:
        return
    assert console.text().encode()


def attached() -> AzureConsole:
    console = AzureConsole("demo", token=TOKEN)
    console.admit()
    fields = {"mode": "observe", "offset": 0, "live": 0, "input": 0, "writer": None}
    console.frame(stream.encode(stream.Notice("attached", fields)), 0.0)
    while console.text():
        pass
    return console


class Anything(RuleBasedStateMachine):
    """A client that says anything, a seat that changes at any moment, a port that answers when it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.console = AzureConsole("demo", token=TOKEN)
        self.typed = b""
        self.offset = 0
        self.asked = 0
        self.enter = False
        self.mode = Mode.OBSERVE

    @initialize()
    def admitted(self) -> None:
        self.console.admit()

    @rule(text=st.text(max_size=5) | st.just("x" * 5000))
    def types(self, text: str) -> None:
        if self.console.room:
            self.console.receive(text)
        self.sent()

    @rule()
    def says_the_token(self) -> None:
        self.console.receive(TOKEN)

    @rule(writer=NAMES, mine=st.booleans())
    def attaches(self, writer: str | None, mine: bool) -> None:
        self.mode = Mode.WRITE if mine else Mode.OBSERVE
        fields = {
            "mode": self.mode,
            "offset": self.offset,
            "live": self.offset,
            "input": len(self.typed),
            "writer": "me" if mine else writer,
        }
        self.frame(stream.Notice("attached", fields))

    @rule(writer=NAMES, mine=st.booleans())
    def seat(self, writer: str | None, mine: bool) -> None:
        self.mode = Mode.WRITE if mine else Mode.OBSERVE
        self.frame(stream.Notice("writer", {"writer": "me" if mine else writer, "mode": self.mode}))

    @rule(code=st.sampled_from(["WriteNotGranted", "AgentOffline", "nonsense"]))
    def alarm(self, code: str) -> None:
        self.frame(stream.Notice("alarm", {"code": code, "fields": {"vm": "demo"}}))

    @rule(payload=st.binary(max_size=30))
    def prints(self, payload: bytes) -> None:
        self.frame(stream.Data(self.offset, payload))
        self.offset += len(payload)

    @rule()
    def reads(self) -> None:
        before = self.console.waiting
        text = self.console.text()
        assert len(text) <= MAX_TEXT
        assert self.console.waiting == before - len(text)

    def frame(self, frame: stream.Frame) -> None:
        try:
            self.console.frame(stream.encode(frame), 0.0)
        except ProtocolError:
            # Output before the first `attached`, as no gateway sends it.
            return
        self.sent()

    def sent(self) -> None:
        for message in self.console.frames():
            sent = stream.decode(message)
            if isinstance(sent, stream.Input):
                assert self.mode is Mode.WRITE, "only who has the keyboard types"
                self.typed += sent.payload
                assert TOKEN.encode() not in self.typed

    @invariant()
    def is_bounded(self) -> None:
        assert len(self.console._keys) <= MAX_KEYS


TestAnything = Anything.TestCase
TestAnything.settings = settings(stateful_step_count=25, deadline=None)
