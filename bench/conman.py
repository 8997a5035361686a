"""ConMan, the console manager of clusters: one process, one log file a console, viewers over TCP."""

from __future__ import annotations

import shutil
import time

from bench.delay import Far
from bench.guests import Guests
from bench.lines import PlainLine
from bench.load import Seat
from bench.processes import Child, cpu_seconds, memory_mib, wait_until
from bench.system import CAPTURES, KEYS, Place, free_port, listens

START_SECONDS = 90.0


class Conman:
    name = "conman"
    stated = "logging on, plain TCP, no TLS, no password"
    does = KEYS | CAPTURES

    def __init__(self, place: Place, guests: Guests, folder: str) -> None:
        found = shutil.which("conmand", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
        if found is None:
            raise FileNotFoundError("ConMan is not installed; `make bench` does it")
        self._program = found
        self._place, self._guests = place, guests
        self._folder = place.folder(folder)
        self._logs = place.folder(f"{folder}/logs")
        self._port = 0
        self._process: Child | None = None

    def prepare(self) -> None:
        pass

    def start(self) -> None:
        self._port = free_port()
        settings = self._folder / "conman.conf"
        settings.write_text(self._configuration())
        self._process = Child(
            [self._program, "-F", "-c", str(settings)],
            cpu=self._place.system_cpu,
            log=self._folder / "words",
        )
        wait_until(self._is_there, START_SECONDS, "conman", self._process)

    def _configuration(self) -> str:
        lines = [
            f'server loopback=on port={self._port} keepalive=off coredump=off logdir="{self._logs}"',
            f'server pidfile="{self._folder}/pid"',
            'global log="%N.log" logopts="nosanitize"',
        ]
        for guest in range(self._guests.number):
            lines.append(f'console name="c{guest}" dev="unix:{self._guests.socket(guest)}"')
        return "\n".join([*lines, ""])

    def _is_there(self) -> bool:
        return self._guests.count().connected >= self._guests.number and listens(self._port)

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None

    def cpu(self) -> dict[str, float]:
        assert self._process is not None
        return {"conman": cpu_seconds(self._process.tree())}

    def memory(self) -> float:
        assert self._process is not None
        return memory_mib(self._process.tree())

    captured = memory

    def logged(self) -> int:
        return sum(log.stat().st_size for log in self._logs.iterdir())

    async def attach(self, guest: int, seat: Seat, *, replay: bool = False, far: Far | None = None) -> float:
        began = time.perf_counter()
        hello = f"HELLO USER='bench' TTY='pts'\nCONNECT OPTION='FORCE' CONSOLE='c{guest}'\n".encode()
        seat.line = await PlainLine.attach(seat, self._port, hello, b"OK")
        return began
