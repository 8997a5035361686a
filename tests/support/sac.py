"""The simulator of Windows' console: by hand in a test's own time, or as a real program on a terminal."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from outofband.core import clock
from outofband.simulators.sac import BootStore, Event, Phase, Settings, Simulator
from tests.support.wait import WAIT

REPOSITORY = Path(__file__).resolve().parents[2]
LOGIN = b"administrator\r\rsimulator\r"
"""Name, no domain, password: what a command prompt asks for."""


class Played:
    """A simulator whose clock only the test moves; it was switched on, and is up unless told otherwise."""

    def __init__(
        self, settings: Settings | None = None, store: BootStore | None = None, *, up: bool = True
    ) -> None:
        self.simulator = Simulator(settings, store)
        self.now = 0.0
        self.output = bytearray(self.simulator.power_on(0.0))
        self.events: list[Event] = []
        if up:
            self.wait(10.0)

    def type(self, data: bytes | str, *, pause: float = 0.0) -> bytes:
        """Type it at once, or with `pause` seconds after each byte; what came back meanwhile."""
        raw = data.encode() if isinstance(data, str) else data
        came = b""
        if pause:
            for byte in raw:
                came += self._seen(self.simulator.feed(bytes((byte,)), self.now))
                self.now += pause
        else:
            came = self._seen(self.simulator.feed(raw, self.now))
        return came

    def wait(self, seconds: float) -> bytes:
        """Let time pass, stopping wherever something is due."""
        end, came = self.now + seconds, b""
        while (due := self.simulator.deadline) is not None and due <= end:
            self.now = max(due, self.now)
            came += self._seen(self.simulator.tick(self.now))
        self.now = end
        return came + self._seen(self.simulator.tick(end))

    def open_cmd(self) -> bytes:
        """A command prompt on channel 1, logged in."""
        return self.type(b"cmd\rch -sn cmd0001\r ") + self.type(LOGIN)

    @property
    def phase(self) -> Phase:
        return self.simulator.phase

    def _seen(self, data: bytes) -> bytes:
        self.output += data
        self.events += self.simulator.take_events()
        return data


def command(*options: str) -> list[str]:
    """The program, for agent.toml or `start_ptyhost`; with `environment()` as its environment."""
    return [sys.executable, "-P", "-m", "outofband.simulators.sac", *FAST, *options]


FAST = ("--boot", "0.1", "--cmd", "0.1", "--settle", "0")
"""No waiting where a test has nothing to see."""


def environment() -> dict[str, str]:
    return {"PYTHONPATH": str(REPOSITORY / "src")}


class OnTerminal:
    """The program on a terminal, seen from the other end of the line."""

    def __init__(self, master: int, process: subprocess.Popen[bytes]) -> None:
        self.master = master
        self.process = process
        self.output = bytearray()

    def type(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.master, data) :]

    def expect(self, wanted: bytes, *, since: int = 0) -> bytes:
        """Read until `wanted` has come; everything from offset `since` on."""
        end = clock.monotonic() + WAIT
        while wanted not in self.output[since:]:
            left = end - clock.monotonic()
            assert left > 0, f"{wanted!r} did not come; the end was {bytes(self.output[-400:])!r}"
            if select.select([self.master], [], [], left)[0]:
                try:
                    self.output += os.read(self.master, 65536)
                except OSError as error:
                    raise AssertionError(f"it ended; the last was {bytes(self.output[-400:])!r}") from error
        return bytes(self.output[since:])


@contextlib.contextmanager
def on_terminal(*options: str, env: dict[str, str] | None = None) -> Iterator[OnTerminal]:
    """Start the program on a terminal of its own, and end it."""
    master, slave = os.openpty()
    process = subprocess.Popen(
        command(*options), stdin=slave, stdout=slave, env=os.environ | environment() | (env or {}), cwd="/"
    )
    os.close(slave)
    try:
        yield OnTerminal(master, process)
    finally:
        process.kill()
        process.wait()
        os.close(master)
