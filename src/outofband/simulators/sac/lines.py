"""The line rules of SAC's own channel, as ReactOS' `conmgr.c` describes them."""

from __future__ import annotations

CR, LF, BS, DEL, TAB, BEL, ETX = 0x0D, 0x0A, 0x08, 0x7F, 0x09, 0x07, 0x03
BUFFER = 80
LAST = BUFFER - 2
"""Characters a line can have; each further one takes the place of the last."""


class LineEditor:
    """Bytes in; echo and finished lines out."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._after_cr = False

    @property
    def typed(self) -> bytes:
        return bytes(self._line)

    def clear(self) -> None:
        self._line.clear()

    def feed(self, byte: int) -> tuple[bytes, bytes | None]:
        """What is echoed, and the line when the byte ended one. Ctrl-C ends a line as Enter does."""
        after_cr, self._after_cr = self._after_cr, byte == CR
        if byte == LF and after_cr:
            return b"", None
        if byte in (CR, LF, ETX):
            line = bytes(self._line)
            self._line.clear()
            return b"\r\n", line
        if byte in (BS, DEL):
            if not self._line:
                return b"", None
            self._line.pop()
            return b"\b \b", None
        if byte == TAB:
            return b"\a", None
        # What becomes of other control characters is not described: they are dropped.
        if byte < 0x20:
            return b"", None
        if len(self._line) >= LAST:
            self._line[-1] = byte
            return bytes((BS, byte)), None
        self._line.append(byte)
        return bytes((byte,)), None
