"""The two services of this machine as `oob up` starts them: detached, logging into the state directory."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import msgspec

from outofband.cli import output as show
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.net import process
from outofband.net.process import RunFile

READY_SECONDS = 60.0
STOP_SECONDS = 15.0
LAST_WORDS = 600
"""Characters of a log shown when its service did not start."""
MAX_LOG = 16 * 1024 * 1024
"""Bytes; a longer log is put aside when its service starts."""
_POLL_SECONDS = 0.05


class Service(msgspec.Struct, frozen=True):
    """One service: what it is called, the verb of `oob` that runs it, and its place in the state."""

    title: str
    name: str
    arguments: tuple[str, ...]

    def run_file(self, state: StateDir) -> Path:
        return state.run / f"{self.name}.json"

    def log_file(self, state: StateDir) -> Path:
        return state.log / f"{self.name}.log"

    def open_log(self, state: StateDir) -> TextIO:
        """The log, 0600, to append to."""
        handle = os.open(self.log_file(state), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(handle, "a", buffering=1)

    def running(self, state: StateDir) -> RunFile | None:
        return process.running(self.run_file(state))

    def start(self, state: StateDir, *more: str, detail: Callable[[str], None] = lambda _: None) -> RunFile:
        """Start it and wait until it is ready. Raises the fault it ended with, Fault StartFailed or NotReady.

        One that runs already and is not ready yet is waited for instead.
        """
        log = self.log_file(state)
        _put_aside(log)
        said = log.stat().st_size if log.exists() else 0
        child = None if self.running(state) else self._launch(state, more)
        began = clock.monotonic()
        while (elapsed := clock.monotonic() - began) < READY_SECONDS:
            found = self.running(state)
            if found is not None and found.ready:
                return found
            if found is None and (child is None or child.poll() is not None):
                raise _failure(self, log, said)
            detail(f"{elapsed:.0f} s")
            clock.pause(_POLL_SECONDS)
        raise Fault("NotReady", what=f"The {self.title}", seconds=int(READY_SECONDS), log=str(log))

    def stop(self, state: StateDir) -> bool:
        """End it; False when it did not run."""
        return process.stop(self.run_file(state), STOP_SECONDS)

    def _launch(self, state: StateDir, more: tuple[str, ...]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "outofband.cli", *self.arguments, "--state", str(state.root), *more]
        with self.open_log(state) as sink:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True, cwd="/"
            )


CONTROL_PLANE = Service("control plane", "control", ("serve",))
AGENT = Service("host agent", "agent", ("agent", "run"))


@contextlib.contextmanager
def alone(state: StateDir, verb: str) -> Iterator[None]:
    """One `oob up` or `oob down` at a time: two would start and stop each other's processes.

    The state's run directory has to exist. Raises Fault AnotherWorks.
    """
    lock = os.open(state.run / "up-down.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            who = os.pread(lock, 64, 0).decode(errors="replace").strip()
            raise Fault("AnotherWorks", who=who or "another", path=str(state.root)) from error
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"oob {verb} (process {os.getpid()})\n".encode(), 0)
        yield
    finally:
        os.close(lock)


def _put_aside(log: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > MAX_LOG:
            log.replace(log.with_name(f"{log.name}.1"))


def _failure(service: Service, log: Path, begin: int) -> Fault:
    """The fault the service reported itself, else its last words."""
    with log.open("rb") as file:
        file.seek(begin)
        words = file.read().decode(errors="replace").strip()
    found = show.reported(words)
    if found is not None:
        return found
    detail = words[-LAST_WORDS:] or "it said nothing"
    return Fault("StartFailed", what=f"The {service.title}", detail=detail, log=str(log))
