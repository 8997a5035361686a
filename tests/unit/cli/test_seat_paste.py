"""Pastes at `oob console`: told from keys, shown before, watched and stopped."""

from __future__ import annotations

from typing import Any

import pytest

from outofband.cli.seat_paste import Marks, SeatPaste
from outofband.client.console import Lost
from outofband.client.pasting import Pasting
from outofband.core.errors import Fault, ProtocolError
from outofband.wire import stream
from outofband.wire.console import Attached, Told
from outofband.wire.grant import Mode

MARKED = b"a\x1b[200~two\nlines\x1b[201~b"


@pytest.mark.parametrize("size", [3, 5, 9, len(MARKED)])
def test_marks_may_come_in_pieces(size: int) -> None:
    marks = Marks()
    found = [each for at in range(0, len(MARKED), size) for each in marks.feed(MARKED[at : at + size])]
    # An Esc that comes alone would be a key at once.
    assert found == [(b"a", False), (b"two\nlines", True), (b"b", False)]


class Desk:
    """A seat without a socket: frames of the paste are kept."""

    def __init__(self) -> None:
        self.frames: list[Any] = []
        self.gone = False
        self.keys: list[bytes] = []
        self.sent: list[bytes] = []
        self.said: list[str] = []
        self.pasting = Pasting(self, self.told)  # type: ignore[arg-type]
        self.paste = SeatPaste(
            self.pasting,
            keys=lambda keys: None if self.paste.hears(keys) else self.keys.append(keys),
            send=self.sent.append,
            say=self.said.append,
            may_type=lambda: not self.gone,
        )
        self.pasting.hear(Attached(Mode.WRITE, False, {"paste": True}))

    def put(self, frame: Any) -> None:
        if self.gone:
            raise ProtocolError("expected a session that is attached, it is lost")
        self.frames.append(frame)

    def told(self, progress: Any) -> None:
        self.paste.told(progress)

    def agent(self, **fields: Any) -> None:
        begun = self.frames[0].fields
        told = {"id": begun["id"], "size": begun["size"], "received": 0, "typed": 0, **fields}
        self.pasting.hear(Told("paste", told))

    @property
    def events(self) -> list[str]:
        return [each.fields["event"] for each in self.frames if isinstance(each, stream.Control)]


def test_several_lines_are_shown_and_typed_after_a_yes() -> None:
    desk = Desk()
    desk.paste.typed(b"\x1b[200~echo one\necho two\n\x1b[201~")
    assert "paste 2 lines, 18 bytes" in desk.said[-1] and "  echo two" in desk.said[-1]
    assert desk.frames == []
    desk.paste.typed(b"y")
    assert desk.events == ["begin"]
    assert desk.frames[1] == stream.Paste(0, b"echo one\recho two\r")
    desk.paste.typed(b"xp")
    desk.agent(state="paused", why="asked")
    desk.paste.typed(b"p\x03")
    assert desk.events == ["begin", "pause", "resume", "abort"]
    assert (desk.keys, desk.sent) == ([], [])
    desk.agent(state="ended", why="asked", typed=4)
    assert desk.said[-1] == "paste stopped after 4 bytes: it was asked to"
    desk.paste.typed(b"k")
    assert desk.keys == [b"k"]


def test_anything_but_yes_pastes_nothing() -> None:
    desk = Desk()
    desk.paste.typed(b"\x1b[200~rm -rf x\n\x1b[201~")
    desk.paste.typed(b"\r")
    assert (desk.said[-1], desk.frames, desk.keys) == ("not pasted", [], [])


def test_one_line_goes_as_keys_with_the_guests_marks() -> None:
    desk = Desk()
    desk.paste.typed(b"\x1b[200~word\x1b[201~")
    assert desk.paste.printed(b"$ \x1b[?2004h") == b""
    desk.paste.typed(b"\x1b[200~word\x1b[201~")
    assert desk.paste.printed(b"\x1b[?2004l\r") == b"\x1b[?2004h", "our own wish stands"
    assert desk.sent == [b"word", b"\x1b[200~word\x1b[201~"]


SEVERAL = b"\x1b[200~one\ntwo\n\x1b[201~"


def test_an_abort_while_the_line_is_away_is_sent_once_it_is_back() -> None:
    desk = Desk()
    desk.paste.typed(SEVERAL)
    desk.paste.typed(b"y")
    desk.agent(state="typing", typed=2, received=8)
    desk.gone = True
    desk.pasting.hear(Lost(Fault("AgentOffline"), 1.0, True))
    desk.paste.typed(b"\x03")
    assert desk.said[-1] == "the paste is stopped as soon as the line is back"
    desk.gone = False
    told = {"id": desk.frames[0].fields["id"], "state": "paused", "why": "viewerGone"}
    desk.pasting.hear(Attached(Mode.WRITE, True, {"paste": True, "pasting": told | COUNTS}))
    assert desk.events == ["begin", "abort"], "and it is not gone on with"
    desk.agent(state="ended", why="asked", typed=2)
    assert desk.said[-1] == "paste stopped after 2 bytes: it was asked to"


COUNTS = {"size": 8, "received": 8, "typed": 2}


def test_a_second_paste_meanwhile_and_one_too_large_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outofband.cli.seat_paste.MAX_PASTE", 64)
    desk = Desk()
    desk.paste.typed(b"\x1b[200~" + b"long\n" * 14 + b"\x1b[201~")
    assert "larger than" in desk.said[-1] and desk.frames == [], "none of it is left out unsaid"
    desk.paste.typed(SEVERAL)
    desk.paste.typed(SEVERAL)
    assert desk.said[-1] == "not pasted: another paste is not over"
    desk.paste.typed(b"y")
    assert desk.events == ["begin"]


def test_a_long_line_is_paced_without_a_question() -> None:
    desk = Desk()
    desk.paste.typed(b"\x1b[200~" + b"x" * 2000 + b"\x1b[201~")
    assert desk.events == ["begin"] and desk.sent == []


def test_what_a_terminal_answers_by_itself_is_no_answer() -> None:
    desk = Desk()
    desk.paste.typed(SEVERAL)
    desk.paste.typed(b"\x1b[10;10R")
    desk.paste.typed(b"y")
    desk.paste.typed(b"\x1bOP")
    assert desk.events == ["begin"], "F1 has a P in it"
    assert desk.keys == []
