"""Processes of ours that others find by a run file: known by id and start time, for ids are used again."""

from __future__ import annotations

import os
import resource
import select
import signal
from pathlib import Path

import msgspec

from outofband.core import clock
from outofband.core.secrets import write_private


class RunFile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a service of ours says of itself in `run/<name>.json`. `ready`: it answers requests."""

    pid: int
    start_ticks: int
    state: str
    since: str
    ready: bool = False
    ports: dict[str, int] = {}


def leave_no_core() -> None:
    """Whatever ends this process or a child of it, its memory, which holds keys, is not written to a disk."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


MAX_FILES = 65536
"""A port of a VM needs a handful of descriptors, a link or a session one; the usual limit of 1024 is soon
reached."""


def raise_file_limit() -> None:
    """As many descriptors as the system lets this process have, MAX_FILES at most."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def start_ticks(pid: int) -> int | None:
    """When a process started, in clock ticks since boot (/proc/PID/stat, field 22); None if there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The second field is the program's name in parentheses and may itself hold blanks and parentheses.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def announce(path: Path, *, state: Path, ready: bool, ports: dict[str, int] | None = None) -> None:
    """Write this process's run file."""
    pid = os.getpid()
    record = RunFile(
        pid=pid,
        start_ticks=start_ticks(pid) or 0,
        state=str(state),
        since=clock.iso(),
        ready=ready,
        ports=ports or {},
    )
    write_private(path, msgspec.json.format(msgspec.json.encode(record)))


def running(path: Path) -> RunFile | None:
    """The process that wrote this run file, if it still runs."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=RunFile)
    except (OSError, msgspec.MsgspecError):
        return None
    return found if start_ticks(found.pid) == found.start_ticks else None


def stop(path: Path, seconds: float) -> bool:
    """Ask the process of a run file to end, wait, and kill it when it does not. False when none ran."""
    found = running(path)
    if found is None:
        return False
    try:
        handle = os.pidfd_open(found.pid)
    except ProcessLookupError:
        return False
    try:
        # The handle is taken; if the id still belongs to our process now, the handle is our process's.
        if running(path) != found:
            return False
        signal.pidfd_send_signal(handle, signal.SIGTERM)
        if not select.select([handle], [], [], seconds)[0]:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            select.select([handle], [], [], seconds)
    except ProcessLookupError:
        return True
    finally:
        os.close(handle)
    return True
