"""One command prompt channel: the login, then a shell, until nobody types for too long."""

from __future__ import annotations

import enum
from collections.abc import Callable

from outofband.simulators.sac import texts
from outofband.simulators.sac.command_line import CommandLine
from outofband.simulators.sac.lines import ETX
from outofband.simulators.sac.settings import Event, Kind
from outofband.simulators.sac.shell import Shell, World
from outofband.simulators.sac.texts import wire
from outofband.simulators.sac.vtutf8 import KeyReader


class Step(enum.Enum):
    """What is typed is taken for."""

    USER = enum.auto()
    DOMAIN = enum.auto()
    PASSWORD = enum.auto()
    SHELL = enum.auto()


class Session:
    """`write` shows bytes on the channel; `close` is called when the shell was left."""

    def __init__(
        self,
        world: World,
        now: float,
        *,
        name: str,
        write: Callable[[bytes], None],
        close: Callable[[], None],
    ) -> None:
        self._world = world
        self._name = name
        self._write = write
        self._close = close
        self._line = CommandLine()
        self._keys = KeyReader()
        self._shell = Shell(world)
        self._last: tuple[int, float] = (-1, now)
        self._repeats = 0
        self._raw = bytearray()
        self._user = ""
        self._typed_at = now
        self._ask()

    # --- who is there ---

    def _ask(self) -> None:
        self._step = Step.USER
        self._line.clear()
        self._line.secret = self._line.plain = False
        self._write(wire(f"{texts.LOGIN}\n{texts.USERNAME}"))

    def lock(self) -> None:
        """The next key has to be of somebody who logs in; what ran goes on."""
        if self._step is Step.SHELL:
            self._world.tell(Event(Kind.LOGOUT, self._name))
            self._write(b"\r\n")
            self._ask()

    @property
    def deadline(self) -> float | None:
        """When it logs out if nobody types; None while nobody is logged in."""
        return self._typed_at + self._world.settings.logout_seconds if self._step is Step.SHELL else None

    def tick(self, now: float) -> None:
        deadline = self.deadline
        if deadline is not None and now >= deadline:
            seconds = self._world.settings.logout_seconds
            self._shell = Shell(self._world)
            self._write(wire(f"\n{texts.TIMED_OUT.format(seconds=seconds)}"))
            self.lock()

    # --- typing ---

    def type(self, data: bytes, now: float) -> None:
        self._typed_at = now
        if self._step is Step.SHELL and self._shell.keys:
            self._show_keys(data)
            return
        for byte in data:
            for key in self._keys.feed(byte):
                for each in self._repeated(key, now):
                    self._press(each, now)

    def _repeated(self, key: str | int, now: float) -> tuple[str | int, ...]:
        """What the system makes of a character that comes again at once.

        PSReadLine makes three of two (of four six: how it goes on is our guess); `cmd` of 2016 and 2019
        takes the second for a bounce. A pause before the second helps in both.
        """
        if not isinstance(key, int) or not 0x20 <= key < 0x7F or self._step is not Step.SHELL:
            self._last = (-1, now)
            return (key,)
        last, at = self._last
        again = key == last and now - at < self._world.settings.bounce_seconds
        self._last = (key, now)
        self._repeats = self._repeats + 1 if again else 0
        if not again:
            return (key,)
        if self._shell.powershell:
            return (key, key) if self._shell.psreadline and self._repeats % 2 else (key,)
        return () if self._world.settings.release.debounces else (key,)

    def _press(self, key: str | int, now: float) -> None:
        if key == ETX and self._step is Step.SHELL:
            self._shell.interrupt()
        echo, line = self._line.feed(key)
        if self._step is Step.SHELL and self._shell.powershell and self._shell.psreadline:
            echo = _painted(echo)
        if echo:
            self._write(echo)
        if line is not None:
            self._finished(line, now)

    def _finished(self, line: bytes, now: float) -> None:
        settings = self._world.settings
        match self._step:
            case Step.USER:
                self._user, self._step = line.decode("utf-8", "replace"), Step.DOMAIN
                self._write(wire(texts.DOMAIN))
            case Step.DOMAIN:
                self._step, self._line.secret = Step.PASSWORD, True
                self._write(wire(texts.PASSWORD))
            case Step.PASSWORD:
                self._line.secret = False
                right = self._user.lower() == settings.user.lower() and line == settings.password.encode()
                if not right:
                    self._write(wire(f"{texts.LOGIN_FAILED}\n\n"))
                    self._ask()
                    return
                self._step = Step.SHELL
                self._world.tell(Event(Kind.LOGIN, self._name))
                self._prompt()
            case Step.SHELL:
                answer = self._shell.run(line, now)
                if answer:
                    self._write(wire(answer.rstrip("\n") + "\n"))
                if self._shell.clear:
                    self._shell.clear = False
                    self._write(wire(texts.CLEAR))
                if self._shell.leave:
                    self._world.tell(Event(Kind.LOGOUT, self._name))
                    self._close()
                    return
                self._prompt()

    def _prompt(self) -> None:
        self._line.plain = self._shell.reads_plain
        if not self._shell.keys and self._shell.prompt:
            before = "" if self._shell.powershell else "\n"
            self._write(wire(before + self._shell.prompt))

    def _show_keys(self, data: bytes) -> None:
        for byte in data:
            self._raw.append(byte)
            for key in self._keys.feed(byte):
                name = key if isinstance(key, str) else repr(chr(key))
                self._write(wire(f"{self._raw.hex(' ')}  {name}\n"))
                self._raw.clear()
            if byte == ETX:
                self._shell.keys = False
                self._raw.clear()
                self._prompt()
                return


def _painted(echo: bytes) -> bytes:
    """PSReadLine paints its line with VT100 sequences; which ones is our guess."""
    return echo if not echo or echo[0] < 0x20 else b"\x1b[93m" + echo + b"\x1b[m"
