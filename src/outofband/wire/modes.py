"""Modes of a terminal that a guest's program has set, to set them again after another had the terminal."""

from __future__ import annotations

import re

_MODE = re.compile(rb"\x1b\[\?([0-9;]{1,40})([hl])|\x1b([=>c])|\x1b\[!p")
_KEPT = (b"1", b"5", b"6", b"7", b"12", b"25", b"1000", b"1002", b"1003", b"1004", b"1005", b"1006", b"2004")
"""Of keys, wrapping, cursor, mouse and pastes."""
_SCREENS = (b"47", b"1047", b"1049")
_USUAL = {b"7": True, b"25": True}


class Modes:
    """Feed it what the terminal gets, with sequences in one piece."""

    def __init__(self) -> None:
        self._set: dict[bytes, bool] = {}
        self._keypad = False

    @property
    def other_screen(self) -> bool:
        """A program has the terminal's other screen: an editor, a pager."""
        return any(self._set.get(each, False) for each in _SCREENS)

    def feed(self, shown: bytes) -> None:
        if b"\x1b" not in shown:
            return
        for found in _MODE.finditer(shown):
            if found[1] is not None:
                for number in found[1].split(b";"):
                    if number in _KEPT or number in _SCREENS:
                        self._set[number] = found[2] == b"h"
            elif found[3] in (b"=", b">"):
                self._keypad = found[3] == b"="
            else:
                screens = {each: on for each, on in self._set.items() if each in _SCREENS}
                self._set = {} if found[3] == b"c" else screens
                self._keypad = False

    def again(self) -> bytes:
        """What brings a terminal in its usual modes to these."""
        screens = [each for each in _SCREENS if self._set.get(each, False)][-1:]
        others = [
            each for each in _KEPT if self._set.get(each, each in _USUAL) is not _USUAL.get(each, False)
        ]
        out = b"".join(b"\x1b[?%sh" % each for each in screens)
        out += b"".join(b"\x1b[?%s%s" % (each, b"h" if self._set[each] else b"l") for each in others)
        return out + (b"\x1b=" if self._keypad else b"")
