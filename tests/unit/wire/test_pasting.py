"""A paste is paced by what the guest prints, and what becomes of it is told."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from outofband.core.errors import ProtocolError
from outofband.wire.echo import Echo
from outofband.wire.pasting import AHEAD, REPEAT_SECONDS, Pasting, State, Verdict, Why, progress_of
from outofband.wire.portstate import PortState


class Guest:
    """Drives a paste against `answer`, which gets what is typed and says what is printed for it."""

    def __init__(
        self,
        text: bytes,
        answer: Callable[[bytes], bytes],
        *,
        before: bytes = b"$ ",
        shows: PortState = PortState.UNKNOWN,
    ) -> None:
        self.now = 0.0
        self.paste = Pasting("p", len(text), 0.0, before=before, shows=shows)
        self.text = text
        self.answer = answer
        self.typed: list[tuple[float, bytes]] = []

    def run(self, limit: int = 100_000) -> Pasting:
        paste = self.paste
        for _ in range(limit):
            paste.feed(paste.received, self.text[paste.received : paste.typed + AHEAD])
            piece, wait = paste.step(self.now)
            if paste.state is not State.TYPING:
                return paste
            if piece:
                self.typed.append((self.now, piece))
                self.now += 0.002
                if printed := self.answer(piece):
                    paste.printed(printed, self.now)
            else:
                assert wait is not None, "it waits for nothing"
                self.now += wait
                if printed := self.answer(b""):
                    paste.printed(printed, self.now)
        raise AssertionError("it does not end")

    @property
    def sent(self) -> bytes:
        return b"".join(piece for _, piece in self.typed)


def shell(typed: bytes) -> bytes:
    return typed.replace(b"\r", b"\r\n\x1b[?2004l\r> \x1b[?2004h")


def test_what_a_shell_echoes_is_echoed() -> None:
    text = b"".join(b"echo line %d of a letter\r" % number for number in range(2000))
    guest = Guest(text, shell)
    paste = guest.run()
    assert (paste.state, paste.verdict, paste.at) == (State.DONE, Verdict.ECHOED, None)
    assert guest.sent == text
    assert max(len(piece) for _, piece in guest.typed) > 100, "the window grows while all goes well"
    assert len(guest.typed[0][1]) <= 16


def test_a_boot_loader_gets_no_more_than_its_uart_keeps() -> None:
    guest = Guest(b"set a=b\r" * 200, lambda typed: typed.replace(b"\r", b"\r\ngrub> "), shows=PortState.GRUB)
    assert guest.run().verdict is Verdict.ECHOED
    assert max(len(piece) for _, piece in guest.typed) == 16


def test_without_echo_it_is_typed_by_time() -> None:
    text = b"s3cret" * 400
    guest = Guest(text, lambda _: b"")
    paste = guest.run()
    assert guest.sent == text
    assert paste.verdict is Verdict.NOT_ECHOED
    times = [at for at, _ in guest.typed[1:]]
    assert all(later - before > 0.02 for before, later in pairwise(times))


class BusyShell:
    """Its commands run until `busy` bytes were typed, or nothing more is. Meanwhile the terminal echoes by
    itself; the line editor shows the same again when it reads it. The byte at `lost` never arrives.
    """

    def __init__(self, busy: int, lost: int = -1) -> None:
        self._busy, self._lost = busy, lost
        self._came = 0
        self._ahead = bytearray()
        self._left = 0

    def __call__(self, typed: bytes) -> bytes:
        if not typed and self._left:
            return self._prompt()
        out = b""
        for at, byte in enumerate(typed, self._came):
            if at != self._lost:
                out += self._take(byte)
        self._came += len(typed)
        return out

    def _take(self, byte: int) -> bytes:
        if not self._left:
            return self._read(byte)
        self._ahead.append(byte)
        self._left -= 1
        return _echo(byte) + (b"" if self._left else self._prompt())

    def _prompt(self) -> bytes:
        self._left = 0
        out = b"done\r\nme@host:~$ "
        while self._ahead and not self._left:
            out += self._read(self._ahead.pop(0))
        return out

    def _read(self, byte: int) -> bytes:
        if byte == ord("\r"):
            self._left = self._busy
        return _echo(byte)


def _echo(byte: int) -> bytes:
    return b"\r\n" if byte == ord("\r") else bytes([byte])


EQUAL = b"echo some words\r" * 60
NUMBERED = b"".join(b"echo some wax %d\r" % number for number in range(90))


@pytest.mark.parametrize("busy", [3, 23, 100])
@pytest.mark.parametrize("text", [EQUAL, NUMBERED])
def test_what_is_shown_twice_because_a_command_ran_is_echoed(text: bytes, busy: int) -> None:
    paste = Guest(text, BusyShell(busy), before=b"\x1b[1mme@host\x1b[m:~$ ").run()
    assert (paste.verdict, paste.at) == (Verdict.ECHOED, None)


@pytest.mark.parametrize("busy", [3, 23, 100])
@pytest.mark.parametrize("line", [0, 1, 30, 59])
@pytest.mark.parametrize("text", [EQUAL, NUMBERED])
def test_of_what_is_shown_twice_a_lost_character_is_missed(text: bytes, line: int, busy: int) -> None:
    lost = [at for at, byte in enumerate(text) if byte == ord("w")][line]
    assert Guest(text, BusyShell(busy, lost)).run().verdict is Verdict.DIFFERS


def test_a_lost_character_is_found_where_it_was() -> None:
    text = b"".join(b"the quick brown fox %d\r" % number for number in range(100))
    at = text.index(b"quick", 900) + 2
    count = 0

    def drops(typed: bytes) -> bytes:
        nonlocal count
        start, count = count, count + len(typed)
        if start <= at < count:
            typed = typed[: at - start] + typed[at - start + 1 :]
        return shell(typed)

    paste = Guest(text, drops).run()
    assert (paste.verdict, paste.at) == (Verdict.DIFFERS, at)
    assert paste.typed == len(text), "it does not stop for that"


def test_a_doubled_character_is_found_where_it_was() -> None:
    text = b"abcdefghijklmnop\r" * 20
    paste = Guest(text, lambda typed: shell(typed.replace(b"k", b"kk"))).run()
    assert (paste.verdict, paste.at) == (Verdict.DIFFERS, text.index(b"k") + 1)


def test_a_guest_that_falls_silent_is_asked_about() -> None:
    text = b"x = 12345 + y\r" * 2000
    said = 0

    def falls_silent(typed: bytes) -> bytes:
        nonlocal said
        said += len(typed)
        return shell(typed) if said < 4000 else b""

    guest = Guest(text, falls_silent)
    paste = guest.run()
    assert (paste.state, paste.why) == (State.PAUSED, Why.QUIET)
    assert len(guest.sent) < 4000 + 512 + 2048 + 64, "no more than a terminal keeps"
    paste.resume(guest.now)
    assert guest.run().verdict is Verdict.DIFFERS
    assert guest.sent == text


def test_equal_characters_are_spaced_for_windows() -> None:
    guest = Guest(b"Wait  book\r", lambda typed: typed, before=b"\r\nPS C:\\Users\\me> ")
    assert guest.run().verdict is Verdict.ECHOED
    pieces = [piece for _, piece in guest.typed]
    assert pieces == [b"Wait ", b" bo", b"ok\r"]
    for (before, _), (later, _) in pairwise(guest.typed):
        assert later - before >= REPEAT_SECONDS


def test_a_port_that_windows_console_has_is_known_without_its_prompt() -> None:
    paste = Pasting("p", 4, 0.0, before=b"a program's output", shows=PortState.SAC)
    paste.feed(0, b"aab\r")
    assert paste.step(0.0)[0] == b"a"
    other = Pasting("p", 4, 0.0, before=b"a program's output", shows=PortState.SHELL)
    other.feed(0, b"aab\r")
    assert other.step(0.0)[0] == b"aab\r"


def test_sac_is_asked_about_a_line_it_cuts() -> None:
    short, long = b"ch -?\r", b"abcdefghij" * 9 + b"\r"
    guest = Guest(short + long, lambda typed: typed.replace(b"\r", b"\r\nSAC>"), before=b"\r\nSAC>")
    paste = guest.run()
    assert (paste.state, paste.why, paste.at) == (State.PAUSED, Why.LINE_TOO_LONG, len(short))
    paste.resume(guest.now)
    assert guest.run().state is State.DONE
    assert guest.sent == short + long


def test_a_line_that_a_terminal_cuts_is_told() -> None:
    paste = Guest(b"ok\r" + b"ab" * 3000 + b"\r", shell).run()
    assert paste.progress().long_line == 3


def test_a_paste_that_is_ended_types_nothing_more() -> None:
    guest = Guest(b"abc" * 100, shell)
    guest.paste.feed(0, guest.text)
    piece, _ = guest.paste.step(0.0)
    guest.paste.end(Why.KEYBOARD_LOST)
    assert guest.paste.step(9.0) == (b"", None)
    assert guest.paste.progress().typed == len(piece)


def test_what_was_received_is_not_taken_twice_and_too_much_is_refused() -> None:
    paste = Pasting("p", 4, 0.0)
    paste.feed(0, b"ab")
    paste.feed(0, b"abc")
    paste.feed(4, b"e")
    assert paste.received == 3
    with pytest.raises(ProtocolError):
        paste.feed(3, b"de")
    with pytest.raises(ProtocolError):
        Pasting("p", 0, 0.0)


def test_progress_passes_the_wire() -> None:
    told = Pasting("p", 4, 0.0).progress()
    assert progress_of(told.fields()) == told
    with pytest.raises(ProtocolError):
        progress_of({"id": 3})


def test_an_editor_that_draws_is_followed() -> None:
    echo = Echo()
    echo.typed(b"set a\rset b\r")
    for number, key in enumerate("seta", start=8):
        assert echo.printed(f"\x1b[5;{number}H{key}\x1b[5;{number + 1}H".encode())
    echo.printed(b"\x1b[2;3Hset a  \x1b[6;8Hset b\x1b[7;8H")
    assert (echo.waiting, echo.differs_at) == (0, None)


def test_a_doubled_character_is_found_among_colours() -> None:
    """As PSReadLine paints: each key in its colour."""
    text = b"abcdefghijklmnop\r" * 20

    def painted(typed: bytes) -> bytes:
        keys = typed.replace(b"k", b"kk")
        return b"".join(b"\r\n>> " if key == 13 else b"\x1b[93m%c\x1b[m" % key for key in keys)

    paste = Guest(text, painted).run()
    assert (paste.verdict, paste.at) == (Verdict.DIFFERS, text.index(b"k") + 1)
