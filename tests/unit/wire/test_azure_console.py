"""Conversations of Azure's clients, message by message, as each version of the extension has them."""

from __future__ import annotations

from typing import Any

import pytest

from outofband.core.errors import ProtocolError
from outofband.wire import stream
from outofband.wire.azure_console import (
    GREETING,
    MAX_KEYS,
    MAX_MESSAGE,
    MAX_TEXT,
    MAX_WAITING,
    AzureConsole,
    Phase,
)
from outofband.wire.azure_words import MAX_REASON, Closing, Code
from outofband.wire.grant import Mode

TOKEN = "eyJh.eyJi.c2ln"


class Talk:
    """A conversation whose far side, the gateway, is played by hand."""

    def __init__(self, *, token: str | None = None, new: bool = False) -> None:
        self.console = AzureConsole("demo", token=token, new=new)
        self.shown = ""
        self.sent: list[stream.Frame] = []

    def settle(self) -> str:
        """Fetch what there is; the new text."""
        new = ""
        while text := self.console.text():
            assert len(text) <= MAX_TEXT
            new += text
        self.shown += new
        self.sent += [stream.decode(frame) for frame in self.console.frames()]
        return new

    def say(self, *messages: str | bytes) -> str:
        for message in messages:
            self.console.receive(message)
        return self.settle()

    def frame(self, *frames: stream.Frame) -> str:
        for frame in frames:
            self.console.frame(stream.encode(frame), 0.0)
        return self.settle()

    def attach(self, writer: str | None = None, offset: int = 0, live: int = 0, **more: Any) -> str:
        fields = {"mode": "observe", "offset": offset, "live": live, "input": 0, "writer": writer, **more}
        return self.frame(stream.Notice("attached", fields))

    def seat(self, writer: str | None, mode: Mode = Mode.OBSERVE) -> str:
        return self.frame(stream.Notice("writer", {"writer": writer, "mode": mode}))

    @property
    def typed(self) -> bytes:
        return b"".join(frame.payload for frame in self.sent if isinstance(frame, stream.Input))

    @property
    def wishes(self) -> list[str]:
        return [frame.verb for frame in self.sent if isinstance(frame, stream.Control)]


def opened(writer: str | None = None, **more: Any) -> Talk:
    """A client that is attached."""
    talk = Talk()
    talk.say(TOKEN)
    talk.console.admit("me")
    talk.attach(writer, **more)
    return talk


def test_0_1_6_has_its_token_in_the_query() -> None:
    talk = Talk(token=TOKEN)
    assert talk.settle() == GREETING
    assert (talk.console.phase, talk.console.token) == (Phase.CHECKING, TOKEN)
    first = talk.console.admit()
    assert (first.mode, first.client) == (Mode.OBSERVE, "az serial-console 0.1.6 or older")
    assert "demo" in talk.attach()
    talk.say("l")
    talk.seat("alice", Mode.WRITE)
    assert talk.typed == b"l"


def test_0_1_8_says_its_token_three_times() -> None:
    talk = Talk(token=TOKEN, new=True)
    assert talk.settle() == GREETING
    talk.say(TOKEN)
    assert talk.console.admit().client == "az serial-console 0.1.7 or 0.1.8"
    talk.say(TOKEN)
    talk.attach()
    talk.say("i", "d", TOKEN)
    talk.seat("alice", Mode.WRITE)
    talk.say(TOKEN, "\r")
    assert talk.typed == b"id\r"
    assert TOKEN.encode() not in b"".join(stream.encode(frame) for frame in talk.sent)


def test_1_0_says_its_token_after_the_greeting() -> None:
    talk = Talk()
    assert talk.settle() == GREETING
    assert talk.console.phase is Phase.UNNAMED
    talk.say(TOKEN)
    assert talk.console.token == TOKEN
    talk.console.admit()
    talk.attach()
    assert talk.wishes == [], "who only looks, or sends an admin command, asks for nothing"


@pytest.mark.parametrize("message", ["", "hello", "a.b", "a.b.c d", "é.e.e", "x" * MAX_MESSAGE])
def test_a_first_message_that_is_no_token(message: str) -> None:
    talk = Talk()
    talk.say(message)
    closing = talk.console.closing
    assert closing is not None
    assert closing.code is Code.REFUSED
    assert closing.reason.startswith("InvalidAuthenticationToken: ")
    assert "\x1b[0;7m oob " in talk.shown
    assert talk.say(TOKEN) == ""
    assert talk.console.token is None


def test_a_query_token_that_is_none_is_refused() -> None:
    talk = Talk(token="nonsense")
    talk.settle()
    assert talk.console.closing is not None


def test_the_first_key_takes_a_free_keyboard() -> None:
    talk = opened()
    talk.say("l")
    assert talk.wishes == ["write"]
    talk.say("s")
    assert talk.typed == b""
    assert talk.seat("me", Mode.WRITE) == ""
    talk.say("\r")
    assert talk.typed == b"ls\r"
    assert talk.wishes == ["write"]


def test_enter_takes_over_and_is_not_typed() -> None:
    talk = opened("alice")
    assert "alice has the keyboard" in talk.shown
    assert talk.say("x") == "\a"
    assert talk.wishes == []
    talk.say("\r", "i", "d")
    assert talk.wishes == ["write"]
    assert "you have the keyboard now" in talk.seat("me", Mode.WRITE)
    assert talk.typed == b"id"


def test_somebody_else_gets_there_first() -> None:
    talk = opened()
    talk.say("r", "m")
    assert "bob has the keyboard" in talk.seat("bob")
    talk.say("x")
    assert talk.seat(None).count("nobody types") == 1
    talk.say("q")
    talk.seat("me", Mode.WRITE)
    assert talk.typed == b"q", "keys that were meant for another moment are not typed later"


@pytest.mark.parametrize("code", ["WriteNotGranted", "WriteRefusedByHost"])
def test_a_refused_keyboard_drops_the_keys(code: str) -> None:
    talk = opened()
    talk.say("r", "m")
    text = talk.frame(stream.Notice("alarm", {"code": code, "fields": {"vm": "demo"}}))
    assert "demo" in text
    talk.say("x")
    assert talk.wishes == ["write", "write"]
    talk.seat("me", Mode.WRITE)
    assert talk.typed == b"x"


def test_the_writer_who_lost_the_keyboard_watches() -> None:
    talk = opened()
    talk.say("a")
    talk.seat("me", Mode.WRITE)
    assert "bob has the keyboard" in talk.seat("bob")
    assert talk.say("b") == "\a"
    assert talk.typed == b"a"


def test_characters_come_whole_however_they_are_cut() -> None:
    text = "größe ✓ 日本 😀\r\n"
    talk = opened()
    shown = ""
    for offset, byte in enumerate(text.encode()):
        shown += talk.frame(stream.Data(offset, bytes([byte])))
    assert shown == text


def test_bytes_that_are_no_characters_are_replaced() -> None:
    talk = opened()
    assert talk.frame(stream.Data(0, b"ok \xff bad \xc3")) == "ok \ufffd bad "
    assert talk.frame(stream.Data(10, b"(")) == "\ufffd("


def test_queries_reach_only_the_live_writer() -> None:
    talk = opened(live=4)
    assert talk.frame(stream.Data(0, b"\x1b[6n")) == ""
    assert talk.frame(stream.Data(4, b"\x1b[6n")) == "", "an observer's terminal is not to answer"
    talk.say("x")
    talk.seat("me", Mode.WRITE)
    assert talk.frame(stream.Data(8, b"\x1b[6n\x1b]52;c;aGk=\x07")) == "\x1b[6n"


def test_gaps_resets_and_people_are_told() -> None:
    talk = opened(others=["carol"])
    assert "Also here: carol." in talk.shown
    assert "90 bytes of output are missing here" in talk.frame(stream.Data(90, b"x"))
    assert "an unknown amount" in talk.frame(stream.Gap(91, 91, stream.GapReason.LOST))
    assert "the VM was reset" in talk.frame(stream.Notice("reset", {"offset": 91}))
    assert "the VM is stopped" in talk.frame(stream.Notice("power", {"power": "stopped"}))
    assert "bob is here too" in talk.frame(stream.Notice("joined", {"who": "bob"}))
    assert "bob\ufffd[2J has left" in talk.frame(stream.Notice("left", {"who": "bob\x1b[2J"}))


def test_an_agent_that_was_away_is_told_once_back() -> None:
    talk = opened()
    talk.frame(stream.Data(0, b"abc"))
    away = {"code": "AgentOffline", "host": "h1", "since": ""}
    assert "h1" in talk.frame(stream.Notice("alarm", away))
    assert "connected again" in talk.attach(offset=3)
    assert talk.attach(offset=3) == ""
    assert talk.frame(stream.Data(3, b"d")) == "d"


@pytest.mark.parametrize(
    ("code", "fields", "wanted"),
    [
        ("TakenOver", {"by": "bob", "at": "2026-01-01T00:00:00Z"}, Code.TAKEN_OVER),
        ("AccessRevoked", {"action": "x"}, Code.REFUSED),
        ("TicketInvalid", {"detail": "it was used", "seconds": 60}, Code.REFUSED),
        ("ConsoleDisabledForSubscription", {"subscription": "s"}, Code.REFUSED),
        ("BootDiagnosticsDisabled", {"vm": "demo"}, Code.ENDED),
        ("AgentOffline", {"host": "h", "since": ""}, Code.TRY_AGAIN),
        ("ControlPlaneStopping", {}, Code.RESTART),
        ("InternalError", {}, Code.FAILED),
    ],
)
def test_ends_are_told_and_have_a_code(code: str, fields: dict[str, Any], wanted: Code) -> None:
    talk = opened()
    talk.console.end(code, fields)
    text = talk.settle()
    closing = talk.console.closing
    assert closing is not None
    assert closing.code is wanted
    assert closing.reason.startswith(f"{code}: ")
    assert len(closing.reason.encode()) <= MAX_REASON
    assert text.startswith("\r\n\x1b[0;7m oob ")
    assert talk.say("x") == ""
    talk.console.end("AccessRevoked", {})
    assert talk.console.closing == closing, "the first reason counts"


def test_a_reason_is_cut_between_characters() -> None:
    talk = opened()
    talk.console.end("TakenOver", {"by": "ü" * 200, "at": "now"})
    assert talk.console.closing is not None
    assert set(talk.console.closing.reason.removeprefix("TakenOver: ")) == {"ü"}


def test_messages_that_are_not_text_or_too_long_end_it() -> None:
    for message, code in ((b"ls", Code.UNSUPPORTED), ("x" * (MAX_MESSAGE + 1), Code.TOO_BIG)):
        talk = opened()
        talk.say(message)
        assert talk.console.closing is not None
        assert talk.console.closing.code is code
        assert talk.console.closing.reason.startswith("ProtocolViolated: ")
    talk = opened()
    talk.say("é" * (MAX_MESSAGE // 2 + 1))
    assert talk.console.closing == Closing(
        Code.TOO_BIG, f"ProtocolViolated: expected at most {MAX_MESSAGE} bytes in a message"
    )


def test_keys_for_a_port_that_takes_none_are_bounded() -> None:
    talk = opened()
    taken = 0
    while talk.console.room:
        talk.say("x" * MAX_MESSAGE)
        taken += MAX_MESSAGE
    assert taken <= MAX_KEYS
    talk.say("y" * MAX_MESSAGE)
    talk.seat("me", Mode.WRITE)
    assert talk.typed[:taken] == b"x" * taken
    assert len(talk.typed) <= MAX_KEYS
    assert talk.console.room


def test_words_of_ours_are_left_out_when_nobody_reads() -> None:
    console = AzureConsole("demo", token=TOKEN)
    for _ in range(100_000):
        console.say("x" * 60)
    assert console.waiting < MAX_WAITING + 200


def test_the_words_that_tell_an_end_are_said_whatever_waits() -> None:
    talk = opened()
    while talk.console.waiting <= MAX_WAITING:
        talk.console.say("x" * 1000)
    waiting = talk.console.waiting
    talk.console.say("left out")
    assert talk.console.waiting == waiting
    talk.console.end("TakenOver", {"by": "bob", "at": "2026-01-01T00:00:00Z"})
    talk.console.end("AccessRevoked", {"action": "x"})
    told = talk.settle()
    assert len(told) < waiting + 1000
    last = told[waiting:]
    for words in ("bob took over this console", "NOT ended", "SAC logs out by itself", "set TMOUT"):
        assert words in last
    assert "left out" not in told
    assert talk.console.closing is not None
    assert talk.console.closing.code is Code.TAKEN_OVER


def test_frames_that_break_the_rules_raise() -> None:
    talk = opened()
    with pytest.raises(ProtocolError):
        talk.console.frame(b"\x99", 0.0)
    talk.console.end("InternalError", {})
    talk.console.frame(b"\x99", 0.0)
    with pytest.raises(ProtocolError):
        talk.console.admit()


def test_who_may_not_take_over_asks_by_the_same_enter() -> None:
    talk = Talk(token=TOKEN)
    talk.console.admit()
    talk.settle()
    talk.attach(writer="anna")
    talk.say("\r")
    assert talk.wishes == ["write"]
    talk.frame(stream.Notice("alarm", {"code": "KeyboardHeld", "fields": {"vm": "demo", "by": "anna"}}))
    assert talk.wishes == ["write", "ask"]
    asked = {"event": "asked", "session": "s", "who": "bob", "of": "anna", "seconds": 30}
    assert "anna was asked for the keyboard and has 30 s" in talk.frame(stream.Notice("keyboard", asked))
    gone = talk.frame(stream.Notice("keyboard", {**asked, "event": "unanswered"}))
    assert "anna keeps the keyboard" in gone
    assert "you have the keyboard now" in talk.seat("bob", Mode.WRITE)


def test_a_writer_hears_who_asks_and_what_becomes_of_logins() -> None:
    talk = Talk(token=TOKEN)
    talk.console.admit()
    talk.attach()
    talk.seat("bob", Mode.WRITE)
    asked = {"event": "asked", "session": "x", "who": "carl", "of": "bob", "seconds": 30}
    assert "carl asks for the keyboard" in talk.frame(stream.Notice("keyboard", asked))
    assert talk.frame(stream.Notice("keyboard", {**asked, "event": "withdrawn"})) == ""
    ended = {"state": "ended", "who": "anna", "session": "a", "how": "guest-agent"}
    told = talk.frame(stream.Notice("login", {**ended, "observed": "ended by guest agent"}))
    assert "the login of anna in the guest: ended by guest agent" in told
    taken = talk.frame(stream.Close("TakenOverLoginEnds", {"by": "carl", "at": "now"}))
    assert "is being ended" in taken
    assert talk.console.closing is not None
    assert talk.console.closing.code is Code.TAKEN_OVER


def test_a_newer_token_is_not_typed_either() -> None:
    talk = opened()
    talk.say("a")
    talk.seat("me", Mode.WRITE)
    talk.say("eyJhbGciOiJSUzI1NiJ9.eyJvaWQiOiJ4In0.c2lnbmVk", "eyJ", "a.b.c", "\r")
    assert talk.typed == b"aeyJa.b.c\r"


def test_who_may_only_watch_is_told_so_and_not_to_type() -> None:
    for writer, wanted in ((None, "nobody types; you may only watch"), ("bob", "bob types; you may only")):
        talk = opened(writer, mayWrite=False)
        assert wanted in talk.shown
        assert "takes the keyboard" not in talk.shown
        assert "press Enter" not in talk.shown
    assert "you may only watch" in talk.seat(None)


def test_an_alarm_about_something_else_keeps_the_keys() -> None:
    """A full disk is told to a newcomer at once: what he typed meanwhile is typed all the same."""
    talk = Talk(token=TOKEN)
    talk.console.admit()
    talk.say("l", "s")
    talk.attach()
    assert talk.wishes == ["write"]
    told = talk.frame(stream.Notice("alarm", {"code": "SpoolDiskFull", "fields": {"path": "/var"}}))
    assert " oob " in told
    talk.say("\r")
    talk.seat("me", Mode.WRITE)
    assert (talk.typed, talk.wishes) == (b"ls\r", ["write"])


def test_while_a_login_is_being_ended_the_taker_waits_and_is_told_so() -> None:
    """The seat is his already, in the host's words, and nobody types yet."""
    talk = opened("alice")
    talk.say("\r")
    first = talk.frame(stream.Notice("login", {"state": "ending", "who": "alice", "session": "a"}))
    assert "the login of alice in the guest is being ended" in first
    told = talk.seat("me")
    assert "press Enter" not in told
    assert "me has the keyboard" not in told
    assert "as soon as the login before has ended" in told
    assert talk.say("x") == "\a"
    assert talk.say("\r") == "", "another session of the same person is taken over so"
    assert talk.wishes == ["write", "write"]
    assert talk.seat("me") == "", "what was said need not be said again"
    ended = {"state": "ended", "who": "alice", "session": "a", "how": "guest-agent", "observed": "it is"}
    talk.frame(stream.Notice("login", ended))
    assert "you have the keyboard now" in talk.seat("me", Mode.WRITE)
    talk.say("i", "d")
    assert talk.typed == b"id"


def test_a_login_is_ended_for_somebody_else() -> None:
    talk = opened("alice")
    talk.frame(stream.Notice("login", {"state": "ending", "who": "alice", "session": "a"}))
    assert "bob has the keyboard. You watch" in talk.seat("bob")
    talk.say("\r")
    assert talk.wishes == ["write"], "bob can be taken over meanwhile"
