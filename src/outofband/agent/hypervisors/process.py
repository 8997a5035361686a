"""A program that outlives the agent: started detached, found again later, never confused with another.

A pid alone is no identity, the kernel gives it out again. Everything here goes through a pidfd, and a process
that was not started by this object is accepted only after its own /proc entry was looked at.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_REAP_FLAGS = os.WEXITED | os.WNOHANG


class _Detached(subprocess.Popen[bytes]):
    """A child that is meant to go on when its starter goes, so leaving it behind deserves no warning."""

    def __del__(self, *_: object) -> None:
        pass


class Process:
    """One running program, held by its pidfd. Needs a running event loop; call `close` to let go of it."""

    def __init__(self, pid: int, pidfd: int) -> None:
        self.pid = pid
        self.status: int | None = None
        """Exit status, negative for a signal; None while it runs, and when it was not our child."""
        self.gone = False
        self._pidfd = pidfd
        self._ended = asyncio.Event()
        self._listeners: list[Callable[[], object]] = []
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(pidfd, self._on_end)

    @classmethod
    def spawn(
        cls, command: Sequence[str], *, directory: Path, log: Path, env: Mapping[str, str] | None = None
    ) -> Process:
        """Start `command` in `directory`, in a session of its own, its words appended to `log` (0600).

        Raises OSError (FileNotFoundError when there is no such program).
        """
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            child = _Detached(
                command,
                cwd=directory,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=handle,
                stderr=handle,
                start_new_session=True,
            )
        finally:
            os.close(handle)
        return cls(child.pid, os.pidfd_open(child.pid))

    @classmethod
    def adopt(cls, pid: int, is_it: Callable[[Path], bool]) -> Process | None:
        """Take hold of a process that runs already; None when `is_it`, shown its /proc folder, says no."""
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            return None
        # The pidfd is open, so from here on the pid cannot come to mean another process unnoticed.
        try:
            right = is_it(Path("/proc") / str(pid))
            signal.pidfd_send_signal(pidfd, 0)
        except OSError:
            right = False
        if not right:
            os.close(pidfd)
            return None
        return cls(pid, pidfd)

    def on_end(self, listener: Callable[[], object]) -> None:
        """Call `listener` once when the process has ended; at once if it has already."""
        if self.gone:
            listener()
        else:
            self._listeners.append(listener)

    async def wait(self, timeout: float) -> bool:
        """True as soon as the process has ended, False when it still runs after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._ended.wait()
        except TimeoutError:
            return self.gone
        return True

    def send(self, number: signal.Signals) -> None:
        """Send a signal; a process that has gone meanwhile is no error."""
        if self._pidfd >= 0 and not self.gone:
            try:
                signal.pidfd_send_signal(self._pidfd, number)
            except ProcessLookupError:
                pass

    async def destroy(self, timeout: float = 10.0) -> bool:
        """Kill it, wait until it is gone and let go of it. False when even the kernel could not end it."""
        self.send(signal.SIGKILL)
        ended = await self.wait(timeout)
        self.close()
        return ended

    def close(self) -> None:
        """Let go of the process; it goes on running."""
        self._listeners.clear()
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    def _on_end(self) -> None:
        self._loop.remove_reader(self._pidfd)
        try:
            if (result := os.waitid(os.P_PIDFD, self._pidfd, _REAP_FLAGS)) is not None:
                killed = result.si_code != os.CLD_EXITED
                self.status = -result.si_status if killed else result.si_status
        except ChildProcessError:
            pass  # adopted: its exit status went to the init process
        os.close(self._pidfd)
        self._pidfd = -1
        self.gone = True
        self._ended.set()
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener()


def read_pid(path: Path) -> int | None:
    """The number in a pid file; None when the file is missing or holds something else."""
    try:
        text = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return int(text) if text.isdecimal() and len(text) <= 10 and int(text) > 1 else None


def tail(path: Path, start: int = 0, limit: int = 2000) -> str:
    """The last words a program wrote to its log at or after byte `start`, at most `limit` bytes of them."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(start, end - limit))
            return file.read(limit).decode("utf-8", "replace").strip()
    except OSError:
        return ""
