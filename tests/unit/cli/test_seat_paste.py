"""Pastes at `oob console`: told from keys, shown before, watched and stopped."""

from __future__ import annotations

from typing import Any

import pytest

from outofband.cli.seat_paste import Marks, SeatPaste
from outofband.client.pasting import Pasting
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
        self.keys: list[bytes] = []
        self.sent: list[bytes] = []
        self.said: list[str] = []
        self.pasting = Pasting(self, self.told)  # type: ignore[arg-type]
        self.paste = SeatPaste(
            self.pasting,
            keys=self.keys.append,
            send=self.sent.append,
            say=self.said.append,
            may_type=lambda: True,
        )
        self.pasting.hear(Attached(Mode.WRITE, False, {"paste": True}))

    def put(self, frame: Any) -> None:
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
    assert desk.said[-1] == "paste stopped after 4 bytes: as you asked"
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
