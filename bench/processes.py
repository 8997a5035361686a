"""Child processes of a benchmark: pinned to a processor, measured, and ended with all their children."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

END_SECONDS = 15.0
_POLL_SECONDS = 0.02


class Child:
    """One program and what it forks, on processor `cpu` (None: anywhere). Its words go to `log`."""

    def __init__(self, command: Sequence[str], *, cpu: int | None, log: Path) -> None:
        if cpu is not None:
            command = ["taskset", "-c", str(cpu), *command]
        self.log = log
        with log.open("ab") as sink:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True
            )
        if os.nice(0):
            prefer(self.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    def tree(self) -> list[int]:
        """Its own id and those of all descendants."""
        return tree(self.pid)

    def check(self) -> None:
        """Raises RuntimeError with its last words when it has ended."""
        code = self._process.poll()
        if code is not None:
            words = self.log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{self._process.args!r} ended with {code}:\n{words}")

    def stop(self) -> None:
        """Ask it to end, wait, kill what is left. Idempotent."""
        family = self.tree()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                pass
        for pid in family[:0:-1]:
            if _session(pid) == self.pid:
                os.kill(pid, signal.SIGKILL)
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()


def prefer(pid: int) -> None:
    """Give the session of a process the niceness that this process has.

    With autogroups (sched(7)) niceness counts only within a session, and each child has its own.
    """
    group = Path(f"/proc/{pid}/autogroup")
    if group.exists():
        group.write_text(str(os.nice(0)))


def tree(pid: int) -> list[int]:
    """`pid` and its descendants, parents first; empty when it is gone."""
    found = [pid]
    for parent in found:
        try:
            tasks = list(Path(f"/proc/{parent}/task").iterdir())
            for task in tasks:
                found += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """Processor time these processes have used so far, to the nanosecond, threads that ended included."""
    total = 0.0
    for pid in pids:
        try:
            # The clock of another process: clock_getcpuclockid(3) computes it like this on Linux.
            total += time.clock_gettime((~pid << 3) | 2)
        except OSError:
            continue
    return total


def memory_mib(pids: Iterable[int]) -> float:
    """Memory of these processes; what they share is counted once (PSS)."""
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total / 1024


def wait_until(ready: Callable[[], object], seconds: float, what: str, *children: Child) -> None:
    """Poll `ready` until it says yes. Raises TimeoutError, or RuntimeError when a child ended meanwhile."""
    deadline = time.monotonic() + seconds
    while not ready():
        for child in children:
            child.check()
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(_POLL_SECONDS)


def _session(pid: int) -> int | None:
    """The session a process belongs to: what a child started stays in it, also without its parent."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[3])
    except OSError:
        return None
