"""The boot manager on the serial port: the menu with its countdown, and the advanced options."""

from __future__ import annotations

import enum

from outofband.simulators.sac import texts
from outofband.simulators.sac.bcd import BootStore
from outofband.simulators.sac.lines import CR, LF
from outofband.simulators.sac.settings import Settings
from outofband.simulators.sac.texts import wire
from outofband.simulators.sac.vtutf8 import KeyReader

COUNTDOWN_ROW = 9


class Choice(enum.Enum):
    """What somebody, or the countdown, decided."""

    NORMAL = enum.auto()
    DEBUG = enum.auto()


class BootMenu:
    """Shown while a system is not yet chosen. A key other than Enter stops the countdown, as in Windows."""

    def __init__(self, settings: Settings, store: BootStore, now: float, *, advanced: bool) -> None:
        self._title = settings.release.title + (" [EMS Enabled]" if store.ems else "")
        self._left = max(store.timeout, 1)
        self._next: float | None = now + 1
        self._keys = KeyReader()
        self._line = 0
        self.advanced = advanced
        if advanced:
            self._next = None

    def screen(self) -> bytes:
        if not self.advanced:
            return wire(texts.CLEAR + texts.MENU.format(title=self._title, seconds=self._left))
        choices = [
            f"  {'>' if at == self._line else ' '} {each}\n" for at, each in enumerate(texts.ADVANCED_CHOICES)
        ]
        return wire(
            texts.CLEAR + texts.ADVANCED.format(title=self._title) + "".join(choices) + "\nENTER=Choose\n"
        )

    @property
    def deadline(self) -> float | None:
        return self._next

    def tick(self, now: float) -> tuple[bytes, Choice | None]:
        if self._next is None or now < self._next:
            return b"", None
        # However late one looks, a second is a second.
        passed = int(now - self._next) + 1
        self._next += passed
        self._left -= passed
        if self._left <= 0:
            return b"", Choice.NORMAL
        line = "Seconds until the highlighted choice will be started automatically:"
        return wire(f"\x1b[{COUNTDOWN_ROW};1H{line} {self._left} \x1b[K"), None

    def feed(self, byte: int) -> tuple[bytes, Choice | None]:
        out = b""
        for key in self._keys.feed(byte):
            self._next = None
            if key in (CR, LF):
                debug = self.advanced and texts.ADVANCED_CHOICES[self._line] == "Debugging Mode"
                return out, Choice.DEBUG if debug else Choice.NORMAL
            if key == "F8" and not self.advanced:
                self.advanced, self._line = True, len(texts.ADVANCED_CHOICES) - 1
                out += self.screen()
            elif key in ("Up", "Down") and self.advanced:
                step = 1 if key == "Down" else -1
                self._line = (self._line + step) % len(texts.ADVANCED_CHOICES)
                out += self.screen()
            elif key == "Escape" and self.advanced:
                self.advanced = False
                out += self.screen()
        return out, None
