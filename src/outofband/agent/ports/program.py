"""Starting, finding and ending the process that holds a program's terminal (ptyhost)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from outofband.core.errors import Fault
from outofband.core.secrets import write_private
from outofband.net.process import start_ticks

START_SECONDS = 10.0


class PtyHost(msgspec.Struct, frozen=True, rename="camel"):
    """A terminal host (NAME.pid). The start time tells the process from a later one with the same id.

    `passes_on` is False for one of an older day, which SIGUSR1 and SIGUSR2 would end.
    """

    pid: int
    start_ticks: int
    child: int
    passes_on: bool = False

    @property
    def alive(self) -> bool:
        return start_ticks(self.pid) == self.start_ticks

    def pidfd(self) -> int | None:
        """A handle of the process, readable when it has ended; None when it is gone. The caller closes it."""
        if not self.alive:
            return None
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return None
        # The handle is taken: if the process is the right one now, the handle is the right one for ever.
        if self.alive:
            return handle
        os.close(handle)
        return None

    def takes(self, number: signal.Signals) -> bool:
        """The program has a handler for the signal, which else would end it."""
        try:
            status = Path(f"/proc/{self.child}/status").read_text()
        except OSError:
            return False
        caught = next((line for line in status.splitlines() if line.startswith("SigCgt:")), "SigCgt: 0")
        return bool(int(caught.split()[1], 16) >> (number - 1) & 1)

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal to the process; False when it is gone."""
        handle = self.pidfd()
        if handle is None:
            return False
        try:
            signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(handle)
        return True


class Exit(msgspec.Struct, frozen=True):
    """How a program on a terminal ended: exit status, or number of a signal. `at` is ISO time."""

    at: str
    exit: int | None = None
    signal: int | None = None


def find_ptyhost(directory: Path, name: str = "serial0") -> PtyHost | None:
    """The terminal host that runs in `directory`, also one that an earlier agent started."""
    try:
        found = msgspec.json.decode((directory / f"{name}.pid").read_bytes(), type=PtyHost)
    except (OSError, msgspec.MsgspecError):
        return None
    return found if found.alive else None


def last_exit(directory: Path, name: str = "serial0") -> Exit | None:
    """How the last program ended; None while one runs, or when its host was killed."""
    try:
        return msgspec.json.decode((directory / f"{name}.exit").read_bytes(), type=Exit)
    except (OSError, msgspec.MsgspecError):
        return None


async def start_ptyhost(
    directory: Path,
    command: Sequence[str],
    env: Mapping[str, str] | None = None,
    *,
    name: str = "serial0",
    cwd: str | None = None,
    rows: int = 24,
    cols: int = 80,
) -> PtyHost:
    """Run `command` on a terminal whose port is NAME.log and NAME.in in `directory`.

    It outlives this process. `env` is added to a small environment of its own; the agent's is not passed on.
    Raises Fault VmStartFailed when the command cannot be executed, or one runs there already.
    """
    if find_ptyhost(directory, name) is not None:
        raise Fault("VmStartFailed", detail="its program runs already")
    job = {"command": list(command), "env": dict(env or {}), "cwd": cwd, "rows": rows, "cols": cols}
    # In a file and not in argv, which every user of the host can read.
    write_private(directory / f"{name}.job", json.dumps(job))
    said = await asyncio.to_thread(_start, directory, name)
    found = find_ptyhost(directory, name)
    if said != "ready":
        (directory / f"{name}.job").unlink(missing_ok=True)
        raise Fault("VmStartFailed", detail=said.removeprefix("failed ") or "its terminal host said nothing")
    if found is None:
        ended = last_exit(directory, name)
        if ended is None:
            raise Fault("VmStartFailed", detail="its terminal host ended at once")
        # A program may well be faster than its starter; what it printed is in the log.
        found = PtyHost(0, 0, 0)
    return found


def _start(directory: Path, name: str) -> str:
    told, tell = os.pipe()
    words = ["-P", "-m", "outofband.agent.ports.ptyhost", "--dir", str(directory), "--name", name]
    try:
        starter = subprocess.Popen(
            [sys.executable, *words, "--ready", str(tell)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(tell,),
            start_new_session=True,
            cwd="/",
        )
    finally:
        os.close(tell)
    try:
        # The starter forks and ends at once; the pipe closes when the host has spoken or died.
        with contextlib.suppress(subprocess.TimeoutExpired):
            starter.wait(START_SECONDS)
        if starter.poll() is None:
            starter.kill()
            starter.wait()
            return f"its terminal host did not start within {START_SECONDS:.0f} s"
        if not select.select([told], [], [], START_SECONDS)[0]:
            return "its terminal host did not answer"
        return os.read(told, 4096).decode("utf-8", "replace")
    finally:
        os.close(told)


async def stop_ptyhost(host: PtyHost, *, force: bool = False, timeout: float = 10.0) -> bool:
    """End the program: ask it, or with `force` kill it. True when the host has gone within `timeout` seconds.

    Forced, even a host that does not answer is gone afterwards.
    """
    handle = host.pidfd()
    if handle is None:
        return True
    try:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGQUIT if force else signal.SIGTERM)
        if await _ended(handle, timeout):
            return True
        if not force:
            return False
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        return await _ended(handle, timeout)
    finally:
        os.close(handle)


async def wait_ptyhost(host: PtyHost, timeout: float) -> bool:
    """True as soon as the host has gone, False when it still runs after `timeout` seconds."""
    handle = host.pidfd()
    if handle is None:
        return True
    try:
        return await _ended(handle, timeout)
    finally:
        os.close(handle)


async def _ended(handle: int, timeout: float) -> bool:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(handle, ended.set)
    try:
        async with asyncio.timeout(timeout):
            await ended.wait()
        return True
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(handle)
