"""The floor: a relay in C that copies between a socket and a console, or from consoles to files."""

from __future__ import annotations

import time

from bench.delay import Far
from bench.guests import Guests, built
from bench.lines import PlainLine
from bench.load import Seat
from bench.processes import Child, cpu_seconds, memory_mib, wait_until
from bench.system import CAPTURES, KEYS, Place, free_port, listens

START_SECONDS = 30.0


class Relay:
    """`captures`: consoles are written to files; otherwise viewers come over TCP, and nothing is logged."""

    name = "C relay"
    does = KEYS | CAPTURES

    def __init__(self, place: Place, guests: Guests, folder: str, *, captures: bool) -> None:
        self.stated = "captures to files" if captures else "copies plain TCP, no logging"
        self._place, self._guests, self._captures = place, guests, captures
        self._folder = place.folder(folder)
        self._logs = place.folder(f"{folder}/logs")
        self._port = 0
        self._process: Child | None = None

    def prepare(self) -> None:
        pass

    def start(self) -> None:
        self._port = free_port()
        where = ["capture", f"{self._logs}/c"] if self._captures else ["copy", str(self._port)]
        command = [str(built("relay")), self._guests.prefix, str(self._guests.number), *where]
        self._process = Child(command, cpu=self._place.system_cpu, log=self._folder / "words")
        wait_until(self._is_there, START_SECONDS, "the relay", self._process)

    def _is_there(self) -> bool:
        if self._captures:
            return self._guests.count().connected >= self._guests.number
        return listens(self._port)

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None

    def cpu(self) -> dict[str, float]:
        assert self._process is not None
        return {"relay": cpu_seconds(self._process.tree())}

    def memory(self) -> float:
        assert self._process is not None
        return memory_mib(self._process.tree())

    captured = memory

    def logged(self) -> int:
        return sum(log.stat().st_size for log in self._logs.iterdir())

    async def attach(self, guest: int, seat: Seat, *, replay: bool = False, far: Far | None = None) -> float:
        began = time.perf_counter()
        seat.line = await PlainLine.attach(seat, self._port, b"%d\n" % guest)
        return began
