"""Keys as Windows' Emergency Management Services read them: VT-UTF8, which is VT100+ and not xterm.

A sequence that is none of these is taken apart: its characters are typed. That is why Delete of a VT220
(`ESC [ 3 ~`) shows as `3~` at a command prompt.
"""

from __future__ import annotations

from collections.abc import Iterator

ESC = 0x1B
NAMES = {
    **{ord(str(number)): f"F{number}" for number in range(1, 10)},
    ord("0"): "F10",
    ord("!"): "F11",
    ord("@"): "F12",
    ord("h"): "Home",
    ord("k"): "End",
    ord("+"): "Insert",
    ord("-"): "Delete",
    ord("?"): "PageUp",
    ord("/"): "PageDown",
}
ARROWS = {ord("A"): "Up", ord("B"): "Down", ord("C"): "Right", ord("D"): "Left"}
SEQUENCES = {name: bytes((ESC, byte)) for byte, name in NAMES.items()} | {
    name: bytes((ESC, ord("["), byte)) for byte, name in ARROWS.items()
}
"""What a terminal sends for each key."""


class KeyReader:
    """Bytes in, keys out: a named key as `str`, a plain byte as `int`."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, byte: int) -> Iterator[str | int]:
        if self._held == b"":
            if byte == ESC:
                self._held = b"\x1b"
            else:
                yield byte
        elif self._held == b"\x1b":
            if byte == ord("["):
                self._held = b"\x1b["
            elif byte == ESC:
                yield "Escape"
            else:
                self._held = b""
                yield NAMES.get(byte, byte)
        else:
            self._held = b""
            if byte == ESC:
                self._held = b"\x1b"
                return
            yield ARROWS.get(byte, byte)
