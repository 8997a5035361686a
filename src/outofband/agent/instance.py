"""One agent per state directory: the lock that guarantees it, and the run file that tells others of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.net import process


def run_path(state: StateDir) -> Path:
    return state.run / "agent.json"


class Instance:
    """Holds the lock of a state directory from `acquire` to `release`, or until the process ends.

    The lock is the kernel's (flock), so a killed agent leaves nothing to clean up; Python opens files
    close-on-exec, so hypervisors started by the agent do not inherit it.
    """

    def __init__(self, state: StateDir) -> None:
        self._state = state
        self._lock: int | None = None
        self._announced = False

    def acquire(self) -> None:
        """Raises Fault AgentRunning when another process holds the lock."""
        self._state.agent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._state.agent / "agent.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(lock, 32, 0).decode(errors="replace").strip()
            os.close(lock)
            pid = int(holder) if holder.isdecimal() else "?"
            raise Fault("AgentRunning", pid=pid, path=str(self._state.agent)) from error
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        self._lock = lock

    def announce(self, *, ready: bool) -> None:
        """Write the run file; `ready` once machines are adopted and local requests are answered."""
        process.announce(run_path(self._state), state=self._state.root, ready=ready)
        self._announced = True

    def release(self) -> None:
        if self._lock is None:
            return
        if self._announced:
            with contextlib.suppress(FileNotFoundError):
                run_path(self._state).unlink()
        os.close(self._lock)
        self._lock = None

    def __enter__(self) -> Instance:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
