"""What a guest's program did to the terminal is done again after a pager had it."""

from __future__ import annotations

import pytest

from outofband.wire.modes import Modes


@pytest.mark.parametrize(
    ("shown", "again", "other_screen"),
    [
        (b"ordinary", b"", False),
        (b"\x1b[?1049h\x1b[?1h\x1b=", b"\x1b[?1049h\x1b[?1h\x1b=", True),
        (b"\x1b[?1049h\x1b[?1h\x1b=\x1b[?1049l\x1b[?1l\x1b>", b"", False),
        (b"\x1b[?25l\x1b[?7l", b"\x1b[?7l\x1b[?25l", False),
        (b"\x1b[?25l\x1b[?25h", b"", False),
        (b"\x1b[?1000;1006h", b"\x1b[?1000h\x1b[?1006h", False),
        (b"\x1b[?1h\x1bc", b"", False),
        (b"\x1b[?1049h\x1b[?1h\x1b[!p", b"\x1b[?1049h", True),
        (b"\x1b[?9999h\x1b[4h", b"", False),
    ],
)
def test_modes(shown: bytes, again: bytes, other_screen: bool) -> None:
    modes = Modes()
    modes.feed(shown)
    assert modes.again() == again
    assert modes.other_screen is other_screen
