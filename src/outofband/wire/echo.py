"""What a guest prints while something is typed at it: how much of that can be seen to have arrived. Pure.

A guest echoes no byte for byte copy: a shell puts prompts before lines and breaks them at its width, an
editor draws. So the visible ASCII characters that were typed are looked for in order, whatever stands between
them, and what comes between two of them without a move of the cursor is noted as a difference. Spaces, other
bytes than ASCII and colours are not looked at: terminals differ in them without anything being lost.
What is typed ahead of a shell is printed twice: the second echo settles what the first left open.
"""

from __future__ import annotations

import enum

from outofband.wire.repeated import Repeated

_ESC, _BACKSPACE, _LF, _CR, _BELL = 0x1B, 0x08, 0x0A, 0x0D, 0x07
_RESYNC = 12
"""Characters that have to be found further on before those in between are taken for lost."""
_MAX_WANTED = 64 * 1024
"""Typed characters that are still looked for; older ones are given up."""
_COMPACT = 4096
_PROMPT = 4
"""As many characters after a move of the cursor may have been a prompt's, and not typed ones."""


class _In(enum.Enum):
    """Where in an escape sequence the output is."""

    TEXT = 0
    ESCAPE = 1
    CONTROL = 2
    STRING = 3


class Echo:
    """Feed `typed` with what goes to the guest, before it goes, and `printed` with what comes from it.
    `before` is what it printed last: a prompt, perhaps.

    Positions are those of the typed bytes. `seen` counts characters that were found. At most `most` typed
    bytes may be unseen; after `patience` seconds in which none was seen it is typed by time.
    """

    most = 512
    patience = 1.0
    keeps = True
    """What is typed by time is not lost at once: a terminal keeps it for its program."""

    def __init__(self, before: bytes = b"") -> None:
        self.seen = 0
        self.differs_at: int | None = None
        """First typed byte about which the guest printed something else."""
        self._wanted = bytearray()
        self._places: list[int] = []
        self._head = 0
        self._end = 0
        self._last = 0
        """The character found last."""
        self._last_at = 0
        self._moved = True
        """The cursor went elsewhere since: what is printed now says nothing about the typed line."""
        self._run = 0
        """Characters found since the cursor moved."""
        self._draws = False
        """The guest puts its cursor anywhere: the order of what it prints says little."""
        self._recent = bytearray()
        """Visible characters that were printed and did not fit, newest last."""
        self._state = _In.TEXT
        self._repeated = Repeated()
        for byte in before.rpartition(b"\n")[2]:
            self._print(byte)
        self._moved, self._draws, self._state = True, False, _In.TEXT
        self._recent.clear()

    @property
    def whole(self) -> bool:
        """A shell has shown each typed line whole: whatever was printed among them, nothing was lost."""
        return self._repeated.whole

    @property
    def lines(self) -> int:
        """Lines that a shell has shown whole."""
        return self._repeated.count

    @property
    def waiting(self) -> int:
        """Visible characters that were typed and have not been seen."""
        return sum(1 for each in self._wanted[self._head :] if each != _LF)

    @property
    def unseen_from(self) -> int:
        """First typed byte that has not been seen; the end of what was typed, if all was."""
        return self._places[self._head] if self._head < len(self._places) else self._end

    def typed(self, data: bytes) -> None:
        for byte in data:
            if 0x20 < byte < 0x7F:
                self._want(byte)
                self._repeated.typed(byte)
            elif byte in (_CR, _LF):
                self._want(_LF)
                self._repeated.line_ended()
            self._end += 1

    def printed(self, data: bytes) -> bool:
        """True when a typed character was seen."""
        before = self.seen
        for byte in data:
            self._print(byte)
        if len(self._recent) > _MAX_WANTED:
            del self._recent[:-_RESYNC]
        return self.seen > before

    def find_again(self) -> bool:
        """Nothing fits any more: look for what was printed last further on in what was typed.

        True when it was found; the characters before it are lost then.
        """
        tail = bytes(self._recent[-_RESYNC:])
        if len(tail) < _RESYNC:
            return False
        wanted, places = bytearray(), []
        for byte, place in zip(self._wanted[self._head :], self._places[self._head :], strict=True):
            if byte != _LF:
                wanted.append(byte)
                places.append(place)
        at = wanted.find(tail)
        if at < 0:
            return False
        self._differs(self.unseen_from)
        last = places[at + _RESYNC - 1]
        while self._head < len(self._places) and self._places[self._head] <= last:
            self._head += 1
        self.seen += _RESYNC
        self._last, self._last_at, self._moved = tail[-1], last, False
        self._recent.clear()
        return True

    def _want(self, byte: int) -> None:
        self._wanted.append(byte)
        self._places.append(self._end)
        if len(self._wanted) - self._head > _MAX_WANTED:
            self._head += 1
        if self._head > _COMPACT:
            del self._wanted[: self._head], self._places[: self._head]
            self._head = 0

    def _print(self, byte: int) -> None:
        if self._state is not _In.TEXT:
            self._escape(byte)
        elif byte == _ESC:
            self._state = _In.ESCAPE
        elif byte in (_BACKSPACE, _CR, _LF):
            self._moved = True
            if byte == _LF:
                self._repeated.row_ended()
                if self._head < len(self._wanted) and self._wanted[self._head] == _LF:
                    self._head += 1
        elif 0x20 < byte < 0x7F:
            self._repeated.shown(byte)
            self._visible(byte)

    def _visible(self, byte: int) -> None:
        at = self._head
        while self._moved and at < len(self._wanted) and self._wanted[at] == _LF:
            # An editor moves to the next line in its own way.
            at += 1
        if at < len(self._wanted) and self._wanted[at] == byte:
            self._last, self._last_at = byte, self._places[at]
            self._head = at + 1
            self._run = 1 if self._moved else self._run + 1
            self._moved = False
            self.seen += 1
            self._recent.clear()
            return
        self._recent.append(byte)
        if self._moved or self._draws or self._run <= _PROMPT:
            return
        if at < len(self._wanted):
            self._differs(self._places[at])
        elif byte == self._last:
            self._differs(self._last_at)

    def _differs(self, at: int) -> None:
        if self.differs_at is None:
            self.differs_at = at

    def _escape(self, byte: int) -> None:
        match self._state:
            case _In.ESCAPE if byte == ord("["):
                self._state = _In.CONTROL
            case _In.ESCAPE if byte in b"]PX^_":
                self._state = _In.STRING
            case _In.STRING if byte == _ESC:
                self._state = _In.ESCAPE
            case _In.STRING if byte != _BELL:
                pass
            case _In.CONTROL if not 0x40 <= byte <= 0x7E:
                pass
            case state:
                self._state = _In.TEXT
                # Colours leave the cursor where it is: PSReadLine paints each key as it comes.
                self._moved = self._moved or state is not _In.CONTROL or byte != ord("m")
                self._draws = self._draws or (state is _In.CONTROL and byte in b"Hf")
