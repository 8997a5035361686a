"""The line that is edited at a command prompt: a cursor, a history, and the keys of VT-UTF8."""

from __future__ import annotations

from outofband.simulators.sac.lines import BS, CR, DEL, ETX, LF

MAX_LINE = 8191
MAX_HISTORY = 50


class CommandLine:
    """Keys in; echo and finished lines out. With `secret`, stars are echoed and nothing is remembered."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._cursor = 0
        self._after_cr = False
        self._history: list[bytes] = []
        self._back = 0
        self.secret = False
        self.plain = False
        """A program reads lines: no history, and control characters are kept (Ctrl-Z shows as ^Z)."""

    def clear(self) -> None:
        self._line.clear()
        self._cursor = self._back = 0

    def feed(self, key: str | int) -> tuple[bytes, bytes | None]:
        """What is echoed, and the line when the key ended one."""
        after_cr, self._after_cr = self._after_cr, key == CR
        if isinstance(key, str):
            return self._named(key), None
        if key == LF and after_cr:
            return b"", None
        if key in (CR, LF):
            line = bytes(self._line)
            if line and not self.secret and not self.plain:
                self._history = [*self._history[-MAX_HISTORY + 1 :], line]
            self.clear()
            return b"\r\n", line
        if key in (BS, DEL):
            return self._rub(), None
        if key == ETX:
            self.clear()
            return b"^C\r\n", b""
        if key < 0x20 and not self.plain:
            # Tab completes in Windows; there is nothing to complete to in here.
            return b"\a", None
        return self._put(key), None

    def _put(self, byte: int) -> bytes:
        if len(self._line) >= MAX_LINE:
            return b"\a"
        self._line.insert(self._cursor, byte)
        self._cursor += 1
        tail = bytes(self._line[self._cursor :])
        return self._shown(bytes((byte,)) + tail) + b"\b" * len(tail)

    def _shown(self, data: bytes) -> bytes:
        if self.secret:
            return b"*" * len(data)
        return b"".join(
            b"^" + bytes((each + 0x40,)) if each < 0x20 and each != 9 else bytes((each,)) for each in data
        )

    def _rub(self) -> bytes:
        if not self._cursor:
            return b""
        self._cursor -= 1
        return b"\b" + self._cut()

    def _cut(self) -> bytes:
        del self._line[self._cursor]
        tail = bytes(self._line[self._cursor :])
        return self._shown(tail) + b" " + b"\b" * (len(tail) + 1)

    def _named(self, key: str) -> bytes:
        if self.secret or self.plain:
            return b""
        match key:
            case "Left" if self._cursor:
                self._cursor -= 1
                return b"\b"
            case "Right" if self._cursor < len(self._line):
                self._cursor += 1
                return bytes(self._line[self._cursor - 1 : self._cursor])
            case "Home":
                back, self._cursor = self._cursor, 0
                return b"\b" * back
            case "End":
                tail, self._cursor = bytes(self._line[self._cursor :]), len(self._line)
                return tail
            case "Delete" if self._cursor < len(self._line):
                return self._cut()
            case "Escape":
                return self._replace(b"")
            case "Up" if self._back < len(self._history):
                self._back += 1
                return self._replace(self._history[-self._back])
            case "Down" if self._back > 0:
                self._back -= 1
                return self._replace(self._history[-self._back] if self._back else b"")
            case "F3" if self._history:
                return self._replace(self._history[-1])
        return b""

    def _replace(self, line: bytes) -> bytes:
        old = len(self._line)
        wiped = b"\b" * self._cursor + b" " * old + b"\b" * old
        self._line[:] = line
        self._cursor = len(line)
        return wiped + line
