"""Whatever is pasted into GRUB's editor arrives whole, at a UART of 16 bytes that holds nobody up."""

from __future__ import annotations

import heapq
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outofband.wire.drawn import Drawn, is_editor
from outofband.wire.pasting import AHEAD, Pasting, State, Verdict, Why

ENTRY = (b"setparams 'Demo guest'", b"", b"    linux /boot/vmlinuz", b"    initrd /boot/initrd.img")
TOP, LEFT, WIDTH, ROWS = 5, 3, 76, 12
UART_BYTES = 16
CHUNK = 7
"""Bytes of a drawing that are seen together."""


class Editor:
    """Draws as GRUB 2.06 does, `speed` bytes a second. `lost`: typed bytes that do not arrive, by number."""

    def __init__(self, speed: float, *, lost: frozenset[int] = frozenset(), lag: float = 0.002) -> None:
        self.speed, self.lost, self.lag = speed, lost, lag
        self.read = bytearray()
        self.dropped = 0
        self._lines = [bytearray(each) for each in ENTRY]
        self._y = self._x = self._top = 0
        self._count = 0
        self._taken: list[float] = []
        self._free_at = 0.0

    def opened(self) -> bytes:
        rows = b"".join(self._shown(number) for number in range(len(self._lines)))
        return b"or ESC to discard edits. \x1b[?25l" + rows + b"\x1b[5;3H\x1b[?25h\x1b[?25h"

    def _shown(self, number: int) -> bytes:
        return b"\x1b[%d;%dH" % (TOP + number - self._top, LEFT) + bytes(self._lines[number]).ljust(WIDTH)

    def _key(self, byte: int) -> bytes:
        if byte == 13:
            rest = self._lines[self._y][self._x :]
            del self._lines[self._y][self._x :]
            self._lines.insert(self._y + 1, rest)
            self._y, self._x = self._y + 1, 0
            self._top = max(self._top, self._y - ROWS + 1)
            end = min(len(self._lines), self._top + ROWS)
            drawn = b"".join(self._shown(number) for number in range(self._top, end))
        else:
            self._lines[self._y].insert(self._x, byte)
            self._x += 1
            drawn = self._shown(self._y)
        place = b"\x1b[%d;%dH" % (TOP + self._y - self._top, LEFT + self._x)
        shown = b"\x1b[?25h" * (1 + self._count % 2)
        return b"\x1b[?25l" + drawn + b"\x1b[5;80H^\x1b[16;80Hv" + place + shown

    def type(self, data: bytes, now: float) -> list[tuple[float, bytes]]:
        out = []
        self._taken = [each for each in self._taken if each > now]
        for byte in data:
            self._count += 1
            if len(self._taken) >= UART_BYTES or self._count - 1 in self.lost:
                self.dropped += 1
                continue
            self.read.append(byte)
            drawn, start = self._key(byte), max(self._free_at, now)
            for at in range(0, len(drawn), CHUNK):
                piece = drawn[at : at + CHUNK]
                out.append((start + (at + len(piece)) / self.speed + self.lag, piece))
            self._free_at = start + len(drawn) / self.speed
            # It is out of the UART when its drawing begins.
            self._taken.append(start)
        return out


def run(text: bytes, editor: Editor) -> Pasting:
    now, order = 0.0, itertools.count()
    paste = Pasting("p", len(text), now, before=editor.opened())
    coming: list[tuple[float, int, bytes]] = []
    for _ in range(500_000):
        paste.feed(paste.received, text[paste.received : paste.typed + AHEAD])
        piece, wait = paste.step(now)
        if paste.state is not State.TYPING:
            return paste
        for at, printed in editor.type(piece, now):
            heapq.heappush(coming, (at, next(order), printed))
        if not piece:
            soon = now + (wait if wait is not None else 60.0)
            now = min([soon, *(each[0] for each in coming[:1])])
        while coming and coming[0][0] <= now:
            paste.printed(heapq.heappop(coming)[2], now)
    raise AssertionError("it does not end")


LINE = st.one_of(
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=70),
    st.sampled_from(["", "a" * 60, "set root=hd0,msdos1", "    initrd /boot/initrd.img", "  "]),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(LINE, min_size=1, max_size=30), st.sampled_from([960.0, 11_520.0, 1e6]))
def test_nothing_is_dropped(lines: list[str], speed: float) -> None:
    text = "\r".join(lines).encode() + b"\r"
    editor = Editor(speed)
    paste = run(text, editor)
    assert (editor.dropped, bytes(editor.read)) == (0, text)
    assert (paste.state, paste.verdict, paste.at) == (State.DONE, Verdict.ECHOED, None)


def test_it_is_known_again_after_a_key_and_in_a_line_of_other_letters() -> None:
    editor = Editor(11_520.0)
    shown = editor.opened() + b"".join(piece for _, piece in editor.type(b"x", 0.0))
    assert is_editor(shown[-2048:])
    drawn = Drawn(b"\x1b[?25l\x1b[5;3H" + "menuentry 'café 日'".encode().ljust(60) + b"\x1b[5;20H\x1b[?25h")
    drawn.typed(b"z")
    line = "menuentry 'café 日z'".encode().ljust(60)
    assert drawn.printed(b"\x1b[?25l\x1b[5;3H" + line + b"\x1b[5;21H\x1b[?25h")
    assert (drawn.waiting, drawn.differs_at) == (0, None)


def test_a_lost_key_is_noticed_and_the_rest_goes_on() -> None:
    text = b"".join(b"menu entry number %d of many\r" % number for number in range(20))
    at = text.index(b"number 9") + 3
    paste = run(text, Editor(11_520.0, lost=frozenset({at})))
    assert (paste.state, paste.verdict, paste.at) == (State.DONE, Verdict.DIFFERS, at)


def test_an_editor_that_takes_nothing_any_more_is_not_typed_at_by_time() -> None:
    text = b"set a=b\r" * 100
    editor = Editor(11_520.0, lost=frozenset(range(200, 10_000)))
    paste = run(text, editor)
    assert (paste.state, paste.why) == (State.PAUSED, Why.QUIET)
    assert paste.typed <= 200 + UART_BYTES


@pytest.mark.parametrize(
    "before",
    [
        b"",
        b"$ ",
        b"grub> ",
        b"\x1b[?25l\x1b[1;1Htext of another editor, drawn at its corner\x1b[2;1H~\x1b[1;3H\x1b[?25h",
        Editor(1.0).opened() + b"\x1b[H\x1b[J\x1b[1;1H  Booting a command list",
    ],
)
def test_others_are_not_taken_for_it(before: bytes) -> None:
    assert not is_editor(before)


@given(st.binary(max_size=200), st.binary(max_size=60))
def test_nothing_that_is_printed_breaks_it(printed: bytes, typed: bytes) -> None:
    drawn = Drawn(Editor(1.0).opened())
    drawn.typed(typed)
    for at in range(0, len(printed), 9):
        drawn.printed(printed[at : at + 9])
    assert 0 <= drawn.unseen_from <= len(typed)
    assert drawn.waiting <= len(typed)
