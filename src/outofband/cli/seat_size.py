"""The size of a guest's terminal at `oob console`: told to a shell that waits, else the guest is shown as
small as it takes itself to be.

A serial line carries no sizes. A shell can be told by `stty`, as the portal does it with the same words; all
else (firmware, boot menus, installers, Windows' SAC) counts on 80 x 25 and draws wrongly in a larger one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from outofband.wire.keys import Shown
from outofband.wire.letterbox import BOX, SAC_BOX, Letterbox, Size

_MAX_LINE = 512
_DRAWN = re.compile(rb"\x1b(?:\[[0-9;?]*[A-HJLMdfr]|[78M])")


class SeatSize:
    """`send` types at the guest, `say` tells the person, `put` gets bytes for the terminal as they are.

    What is shown goes through `shown` (the guest's) or `boxed` (words of ours).
    """

    def __init__(
        self,
        port: Shown,
        *,
        send: Callable[[bytes], None],
        say: Callable[[str], None],
        put: Callable[[bytes], None],
        may_type: Callable[[], bool],
        key: str,
        after_login: bool = False,
    ) -> None:
        self._port, self._send, self._say, self._put = port, send, say, put
        self._may_type = may_type
        self._key = key
        self._after_login = after_login
        self._box: Letterbox | None = None
        self._line = b""
        """What the guest printed since its last line end."""

    def match(self) -> None:
        """The person's wish: tell the size where a shell waits, else box the guest, or free it again."""
        if self._port.at_shell and self._may_type():
            self.close()
            self._tell()
        elif self._box is not None:
            self.close()
            self._say("the guest has the whole terminal again")
        else:
            self._open()

    def shown(self, clean: bytes, *, live: bool) -> bytes:
        """What the terminal gets of the guest's output, which the port (`Shown`) was told already."""
        self._line = (self._line + clean).rpartition(b"\n")[2][-_MAX_LINE:]
        if self._port.take_login() and live and self._after_login and self._may_type():
            self._tell()
        return self.boxed(clean)

    def boxed(self, output: bytes) -> bytes:
        return self._box.feed(output) if self._box is not None else output

    def resized(self) -> None:
        """The person's terminal has another size."""
        if self._box is None:
            return
        terminal = _terminal()
        if Letterbox.fits(self._box.box, terminal):
            self._put(self._box.resized(terminal))
        else:
            self.close()
            self._say(f"the terminal is too small for {_spelled(BOX)} now")

    def again(self) -> bytes:
        """What the terminal needs after something else had it."""
        return self._box.resized(_terminal()) if self._box is not None else b""

    def close(self) -> None:
        if self._box is not None:
            self._put(self._box.close())
            self._box = None

    def _tell(self) -> None:
        size = _terminal()
        self._send(f"stty rows {size.rows} cols {size.columns}\r".encode())

    def _open(self) -> None:
        box, terminal = SAC_BOX if self._port.windows else BOX, _terminal()
        why = "no shell's prompt waits here that could be told the size"
        if self._port.at_shell:
            why = "only who has the keyboard can tell the shell a size"
        if not Letterbox.fits(box, terminal):
            self._say(f"{why}, and this terminal ({_spelled(terminal)}) is smaller than {_spelled(box)}")
            return
        line = b"" if _DRAWN.search(self._line) else self._line
        edge = f"-- {_spelled(box)} -- {self._key} z: the whole terminal again "
        self._box = Letterbox(box, terminal, edge.ljust(box.columns, "-"))
        self._put(self._box.open())
        self._say(
            f"{why}; the guest is shown in {_spelled(box)} now. A program that fills the screen has to draw "
            "once more: often Ctrl-L does it"
        )
        self._put(self.boxed(line))


def _terminal() -> Size:
    try:
        size = os.get_terminal_size(1)
    except OSError:
        return BOX
    return Size(size.lines, size.columns)


def _spelled(size: Size) -> str:
    return f"{size.columns} x {size.rows}"
