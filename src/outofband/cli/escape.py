"""What the person at a console types: bytes for the guest, or words for us after the escape key. Pure."""

from __future__ import annotations

import enum

import msgspec

ESCAPE = b"\x1d"
"""Ctrl-], as in telnet, virsh and `az serial-console`."""


ENDING_SYSRQ = ("b", "c", "e", "f", "i", "k", "o", "u")
"""Reboot, crash, end or kill programs, power off, disks read-only: what cannot be taken back."""


class Wish(enum.Enum):
    MENU = "menu"
    CLOSED = "closed"
    SURE = "sure"
    """Ask whether that is meant; `key` is `nmi`, `ctrl-alt-del`, or the SysRq key."""
    NMI = "nmi"
    CTRL_ALT_DEL = "ctrlAltDel"
    SYSRQ_KEY = "sysrq-key"
    SYSRQ = "sysrq"
    RESET_SURE = "reset-sure"
    RESET = "reset"
    WRITE = "write"
    ASK = "ask"
    ALLOW = "allow"
    DECLINE = "decline"
    HAND_WHOM = "hand-whom"
    HAND = "hand"
    GIVE_BACK = "give-back"
    INFO = "info"
    SIZE = "size"
    LOG = "log"
    LOG_BEFORE = "log-before"
    QUIT = "quit"


class Keys(msgspec.Struct, frozen=True):
    """Bytes for the guest."""

    payload: bytes


class Command(msgspec.Struct, frozen=True):
    """A wish of the person; `key` belongs to SYSRQ, and to HAND: the number of a person."""

    wish: Wish
    key: str = ""


class _At(enum.Enum):
    SURE = -1
    GUEST = 0
    MENU = 1
    SYSRQ = 2
    RESET = 3
    HAND = 4


_MENU = {
    b"w": Wish.WRITE,
    b"a": Wish.ASK,
    b"y": Wish.ALLOW,
    b"d": Wish.DECLINE,
    b"g": Wish.GIVE_BACK,
    b"i": Wish.INFO,
    b"z": Wish.SIZE,
    b"l": Wish.LOG,
    b"p": Wish.LOG_BEFORE,
    b"q": Wish.QUIT,
    b".": Wish.QUIT,
}


class Escape:
    """Splits typed bytes. `feed` returns what to do, in order."""

    def __init__(self, key: bytes = ESCAPE) -> None:
        self._key = key
        self._at = _At.GUEST
        self._meant = Command(Wish.CLOSED)
        """What is done when the person is sure."""

    @property
    def open(self) -> bool:
        """The menu, or a question of it, waits for a key."""
        return self._at is not _At.GUEST

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
        if at is _At.SURE:
            return self._meant if pressed in (b"y", b"Y") else Command(Wish.CLOSED)
        if at is _At.SYSRQ:
            key = pressed.decode("ascii", "replace").lower()
            if key in ENDING_SYSRQ:
                return self._ask(Command(Wish.SYSRQ, key), key)
            return Command(Wish.SYSRQ, key) if key.isalnum() else Command(Wish.CLOSED)
        if at is _At.RESET:
            return Command(Wish.RESET if pressed in (b"y", b"Y") else Wish.CLOSED)
        if at is _At.HAND:
            number = pressed.decode("ascii", "replace")
            return Command(Wish.HAND, number) if number in "123456789" else Command(Wish.CLOSED)
        if pressed == self._key:
            return Keys(self._key)
        if pressed in (b"n", b"N"):
            return self._ask(Command(Wish.NMI), "nmi")
        if pressed in (b"c", b"C"):
            return self._ask(Command(Wish.CTRL_ALT_DEL), "ctrl-alt-del")
        if pressed in (b"s", b"S"):
            self._at = _At.SYSRQ
            return Command(Wish.SYSRQ_KEY)
        if pressed in (b"h", b"H"):
            self._at = _At.HAND
            return Command(Wish.HAND_WHOM)
        if pressed in (b"r", b"R"):
            self._at = _At.RESET
            return Command(Wish.RESET_SURE)
        return Command(_MENU.get(pressed.lower(), Wish.CLOSED))

    def _ask(self, meant: Command, what: str) -> Command:
        """It can cost work: only the next key decides."""
        self._at, self._meant = _At.SURE, meant
        return Command(Wish.SURE, what)
