"""websockify, the usual bridge from a browser to a socket: a process for each viewer, no log."""

from __future__ import annotations

import shutil
import time

from bench.delay import Far
from bench.guests import Guests
from bench.lines import WebsockifyLine
from bench.load import Seat
from bench.processes import Child, cpu_seconds, memory_mib, wait_until
from bench.system import KEYS, Place, free_port, listens

START_SECONDS = 30.0


class Websockify:
    name = "websockify"
    stated = "no logging, plain WebSocket, no TLS, no password; keeps nothing, one viewer a console"
    does = KEYS

    def __init__(self, place: Place, guests: Guests, folder: str) -> None:
        found = shutil.which("websockify")
        if found is None:
            raise FileNotFoundError("websockify is not installed; `make bench` does it")
        self._program = found
        self._place, self._guests = place, guests
        self._folder = place.folder(folder)
        self._port = 0
        self._process: Child | None = None

    def prepare(self) -> None:
        names = [f"g{n}: unix_socket:{self._guests.socket(n)}\n" for n in range(self._guests.number)]
        (self._folder / "tokens").write_text("".join(names))

    def start(self) -> None:
        self._port = free_port()
        command = [self._program, f"127.0.0.1:{self._port}", "--token-plugin", "TokenFile"]
        command += ["--token-source", str(self._folder / "tokens")]
        self._process = Child(command, cpu=self._place.system_cpu, log=self._folder / "words")
        wait_until(lambda: listens(self._port), START_SECONDS, "websockify", self._process)

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None

    def cpu(self) -> dict[str, float]:
        assert self._process is not None
        return {"websockify": cpu_seconds(self._process.tree())}

    def memory(self) -> float:
        assert self._process is not None
        return memory_mib(self._process.tree())

    captured = memory

    def logged(self) -> int:
        return 0

    async def attach(self, guest: int, seat: Seat, *, replay: bool = False, far: Far | None = None) -> float:
        began = time.perf_counter()
        seat.line = await WebsockifyLine.attach(seat, f"ws://127.0.0.1:{self._port}/?token=g{guest}")
        return began
