"""conserver, the console server most used in machine rooms: one log file a console, viewers over TCP."""

from __future__ import annotations

import shutil
import time

from bench.delay import Far
from bench.guests import Guests
from bench.lines import ConserverLine
from bench.load import Seat
from bench.processes import Child, cpu_seconds, memory_mib, wait_until
from bench.system import CAPTURES, KEYS, Place, free_port, listens

PER_PROCESS = 400
"""Consoles in one process: with its default of 16 it takes more memory and minutes to start."""
START_SECONDS = 60.0


class Conserver:
    name = "conserver"
    stated = f"logging on, plain TCP, no TLS, no password; -m {PER_PROCESS}"
    does = KEYS | CAPTURES | {"attach"}

    def __init__(self, place: Place, guests: Guests, folder: str) -> None:
        found = shutil.which("conserver", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
        if found is None:
            raise FileNotFoundError("conserver is not installed; `make bench` does it")
        self._program = found
        self._place, self._guests = place, guests
        self._folder = place.folder(folder)
        self._logs = place.folder(f"{folder}/logs")
        self._port = 0
        self._process: Child | None = None

    def prepare(self) -> None:
        (self._folder / "passwd").write_text("*any*:\n")
        (self._folder / "conserver.cf").write_text(self._configuration())

    def start(self) -> None:
        self._port = free_port()
        command = [self._program, "-M", "127.0.0.1", "-p", str(self._port), "-m", str(PER_PROCESS)]
        command += ["-C", str(self._folder / "conserver.cf"), "-P", str(self._folder / "passwd")]
        before = self._guests.count().connected
        assert before == 0, "the guests are somebody else's still"
        self._process = Child(command, cpu=self._place.system_cpu, log=self._folder / "words")
        wait_until(self._is_there, START_SECONDS, "conserver", self._process)

    def _configuration(self) -> str:
        lines = [f"default * {{ rw *; logfile {self._logs}/&; }}"]
        for guest in range(self._guests.number):
            uds = self._guests.socket(guest)
            lines.append(f"console c{guest} {{ master localhost; type uds; uds {uds}; }}")
        # Debian's build wants TLS from everybody who does not say so.
        lines += ["access * { trusted 127.0.0.1; }", "config * { sslrequired no; }", ""]
        return "\n".join(lines)

    def _is_there(self) -> bool:
        if self._guests.count().connected < self._guests.number:
            return False
        return listens(self._port)

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None

    def cpu(self) -> dict[str, float]:
        assert self._process is not None
        return {"conserver": cpu_seconds(self._process.tree())}

    def memory(self) -> float:
        assert self._process is not None
        return memory_mib(self._process.tree())

    captured = memory

    def logged(self) -> int:
        return sum(log.stat().st_size for log in self._logs.iterdir())

    async def attach(self, guest: int, seat: Seat, *, replay: bool = False, far: Far | None = None) -> float:
        name = f"c{guest}"
        reach = far.port if far is not None else _here
        began = time.perf_counter()
        master, answer = await ConserverLine.ask(await reach(self._port), name)
        line, _ = await ConserverLine.ask(await reach(int(answer)), name, attach=seat)
        line.enter(replay=replay)
        seat.line = line
        await master.close()
        return began


async def _here(port: int) -> int:
    return port
