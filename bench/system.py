"""What a benchmark needs from a system under test, and where everything runs."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Protocol

from bench.delay import Far
from bench.load import Seat
from bench.processes import prefer

KEYS = frozenset({"one", "keys", "flood"})
"""Measurements with people who watch and type."""
CAPTURES = frozenset({"capture", "bytes", "idle"})
"""Measurements of what nobody watches."""
SHARED_MEMORY = Path("/dev/shm")
ROOM_BYTES = 3 * 1024**3
"""Room that logs and reserves of a whole run take, with some to spare."""


class Place:
    """A fresh directory for everything a run writes, and who runs on which processor.

    The systems under test get the last processor for themselves, guests and generator share the first. With
    one processor nothing is pinned, and the figures mean little.
    """

    def __init__(self, directory: Path | None = None, *, nice: int = 0) -> None:
        self._nice = nice
        chosen = directory or _roomy()
        self.root = Path(tempfile.mkdtemp(prefix="oob-bench-", dir=chosen))
        cpus = sorted(os.sched_getaffinity(0))
        self.load_cpu: int | None = cpus[0] if len(cpus) > 1 else None
        self.system_cpu: int | None = cpus[-1] if len(cpus) > 1 else None

    def pin_self(self) -> None:
        """Take this process, which generates the load, to the first processor, and prefer it as wanted."""
        if self._nice:
            os.nice(self._nice)
            prefer(os.getpid())
        if self.load_cpu is not None:
            os.sched_setaffinity(0, {self.load_cpu})

    def folder(self, name: str) -> Path:
        path = self.root / name
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def remove(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)


def _roomy() -> Path:
    """Memory, so that a disk's moods are not in the figures; a disk where memory is short."""
    if SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free > ROOM_BYTES:
        return SHARED_MEMORY
    return Path(tempfile.gettempdir())


def free_port() -> int:
    """A TCP port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody takes connections on a TCP port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class System(Protocol):
    """One system that watches the consoles of some guests. `start` and `stop` may follow each other again."""

    name: str
    stated: str
    """What is switched on and how it is reached: goes into the report."""
    does: frozenset[str]
    """The measurements it can be put to."""

    def prepare(self) -> None:
        """What is done once, before the first start."""
        ...

    def start(self) -> None:
        """Run it, and return when it is attached to every guest."""
        ...

    def stop(self) -> None: ...

    def cpu(self) -> dict[str, float]:
        """Processor seconds used so far, by part."""
        ...

    def memory(self) -> float:
        """MiB."""
        ...

    def captured(self) -> float:
        """MiB that are there for the consoles: without what the system takes when it has none."""
        ...

    def logged(self) -> int:
        """Bytes of console output in its logs, of all consoles since the first start."""
        ...

    async def attach(self, guest: int, seat: Seat, *, replay: bool = False, far: Far | None = None) -> float:
        """Take a seat at a console and set `seat.line`: no connection is there before.

        Returns the `time.perf_counter` of setting off, when the client's own preparations were done.
        """
        ...
