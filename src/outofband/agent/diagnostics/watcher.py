"""Looks through the logs of all ports for failures, about once a second each, whoever watches.

It rides on the hub's periodic look: no wake-up of its own for each byte, no task for each port. A port that
is behind (the agent was away, the guest floods) catches up piece by piece beside the others.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog

from outofband.agent.diagnostics.cursor import Cursor, Make, write
from outofband.agent.diagnostics.untold import Untold
from outofband.agent.machines.registry import Machines
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.wire.machine import Power, VmReport

REST_SECONDS = 0.01
"""Between two pieces of ports that are behind: keys and other ports come first."""

log = structlog.get_logger(__name__)


class Notes:
    """Writes small files in a thread of its own, the newest content of each: disks may be slow, keys wait."""

    def __init__(self) -> None:
        self._pending: dict[Path, bytes] = {}
        self._lock = threading.Lock()
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="findings")
        self._busy = False

    def put(self, path: Path, data: bytes) -> None:
        with self._lock:
            self._pending[path] = data
            if self._busy:
                return
            self._busy = True
        self._disk.submit(self._drain)

    def close(self) -> None:
        """Returns when all is written."""
        self._disk.shutdown()

    def _drain(self) -> None:
        while True:
            with self._lock:
                if not self._pending:
                    self._busy = False
                    return
                path = next(iter(self._pending))
                data = self._pending.pop(path)
            if path.parent.exists():
                write(path, data)


class Watcher:
    """`open` it once the machines are loaded, `close` it before them. What it finds is in `untold`."""

    def __init__(self, machines: Machines, make: Make) -> None:
        self.untold = Untold()
        self.untold.on_kept = self._kept
        self._machines = machines
        self._make = make
        self._cursors: dict[tuple[str, str], Cursor] = {}
        self._late: deque[Cursor] = deque()
        """Behind, each once; those let go of stay in it until their turn."""
        self._timer: asyncio.TimerHandle | None = None
        self._opened = False
        self._notes = Notes()

    def open(self) -> None:
        self._opened = True
        for report in self._machines.reports():
            self._changed(report.vm, report)
        self._machines.on_change(self._changed)

    def close(self) -> None:
        """Remember how far every port came."""
        self._opened = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for key in list(self._cursors):
            self._drop(key)
        self._notes.close()

    def _changed(self, vm: str, report: VmReport | None) -> None:
        if not self._opened:
            return
        try:
            ports = self._machines.get(vm).ports if report is not None else {}
        except Fault:
            ports = {}
        for key in [key for key in self._cursors if key[0] == vm]:
            if self._cursors[key].broker is not ports.get(key[1]):
                self._drop(key)
        for name, broker in ports.items():
            if (vm, name) not in self._cursors:
                self._watch(Cursor(vm, broker, self._make, self.untold, self._behind, self._notes.put))
            self._cursors[vm, name].powered_off = report is not None and report.power is Power.STOPPED
        if report is None:
            self.untold.forget(vm)

    def _watch(self, cursor: Cursor) -> None:
        self._cursors[cursor.vm, cursor.port] = cursor
        self._machines.host.hub.add(cursor)

    def _drop(self, key: tuple[str, str]) -> None:
        cursor = self._cursors.pop(key)
        self._machines.host.hub.remove(cursor)
        cursor.late = False
        cursor.save()

    def _kept(self, vm: str, port: str) -> None:
        if (cursor := self._cursors.get((vm, port))) is not None:
            cursor.touch()

    # --- catching up ---

    def _behind(self, cursor: Cursor) -> None:
        self._late.append(cursor)
        self._rest()

    def _rest(self) -> None:
        if self._timer is None and self._late:
            self._timer = asyncio.get_running_loop().call_later(REST_SECONDS, self._catch_up)

    def _catch_up(self) -> None:
        self._timer = None
        cursor = self._late.popleft()
        try:
            if cursor.late and cursor.read(clock.wall()):
                self._late.append(cursor)
            else:
                cursor.late = False
        except Exception as error:
            # One port's trouble must not keep the others waiting; its next look tries again.
            cursor.late = False
            log.error("findings.read_failed", vm=cursor.vm, port=cursor.port, exc_info=error)
        self._rest()
