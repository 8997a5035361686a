"""What the person at a console types: bytes for the guest, or words for us after the escape key. Pure."""

from __future__ import annotations

import enum

import msgspec

ESCAPE = b"\x1d"
"""Ctrl-], as in telnet, virsh and `az serial-console`."""


class Wish(enum.Enum):
    MENU = "menu"
    CLOSED = "closed"
    NMI = "nmi"
    SYSRQ_KEY = "sysrq-key"
    SYSRQ = "sysrq"
    RESET_SURE = "reset-sure"
    RESET = "reset"
    WRITE = "write"
    INFO = "info"
    QUIT = "quit"


class Keys(msgspec.Struct, frozen=True):
    """Bytes for the guest."""

    payload: bytes


class Command(msgspec.Struct, frozen=True):
    """A wish of the person; `key` belongs to SYSRQ."""

    wish: Wish
    key: str = ""


class _At(enum.Enum):
    GUEST = 0
    MENU = 1
    SYSRQ = 2
    RESET = 3


_MENU = {
    b"n": Wish.NMI,
    b"w": Wish.WRITE,
    b"i": Wish.INFO,
    b"q": Wish.QUIT,
    b".": Wish.QUIT,
}


class Escape:
    """Splits typed bytes. `feed` returns what to do, in order."""

    def __init__(self, key: bytes = ESCAPE) -> None:
        self._key = key
        self._at = _At.GUEST

    def feed(self, typed: bytes) -> list[Keys | Command]:
        out: list[Keys | Command] = []
        while typed:
            if self._at is _At.GUEST:
                before, found, typed = typed.partition(self._key)
                if before:
                    out.append(Keys(before))
                if found:
                    self._at = _At.MENU
                    out.append(Command(Wish.MENU))
            else:
                pressed, typed = typed[:1], typed[1:]
                out.append(self._menu(pressed))
        return out

    def _menu(self, pressed: bytes) -> Keys | Command:
        at, self._at = self._at, _At.GUEST
        if at is _At.SYSRQ:
            key = pressed.decode("ascii", "replace").lower()
            return Command(Wish.SYSRQ, key) if key.isalnum() else Command(Wish.CLOSED)
        if at is _At.RESET:
            return Command(Wish.RESET if pressed in (b"y", b"Y") else Wish.CLOSED)
        if pressed == self._key:
            return Keys(self._key)
        if pressed in (b"s", b"S"):
            self._at = _At.SYSRQ
            return Command(Wish.SYSRQ_KEY)
        if pressed in (b"r", b"R"):
            self._at = _At.RESET
            return Command(Wish.RESET_SURE)
        return Command(_MENU.get(pressed.lower(), Wish.CLOSED))
