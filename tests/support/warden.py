"""What a process of pytest leaves running ends with it, whichever way it ends.

A worker that is ended by its limit (`limit.py`) or by a signal runs no fixture's end: its guests, servers and
browsers would take the machine from the rest of the run. A process beside it waits for its end and then kills
what carries the word in its environment that everything it starts inherits, also what has left its group,
its session and its parents.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
import uuid

NAME = "OUTOFBAND_TESTS_OF"
"""Of the environment variable."""
SECONDS = 30.0
"""Until it gives up on what cannot be killed."""


def begin() -> None:
    """Watch this process from now on."""
    word = uuid.uuid4().hex
    command = [sys.executable, "-I", "-S", __file__, str(os.getpid()), word]
    # With nothing of this process: not its standard output, whose end its controller waits for, nor its
    # session, whose signals are not meant for the warden, nor the word of another warden.
    nothing = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0),
        (os.POSIX_SPAWN_DUP2, 0, 1),
        (os.POSIX_SPAWN_DUP2, 0, 2),
    ]
    os.posix_spawn(sys.executable, command, {}, file_actions=nothing, setsid=True)
    os.environ[NAME] = word


def _watch(pid: int, word: str) -> None:
    os.chdir("/")
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        pass
    else:
        if os.getppid() == pid:  # else it has ended and the number is another's
            select.select([watched], [], [])
    end = time.monotonic() + SECONDS
    while _kill(f"{NAME}={word}".encode()) and time.monotonic() < end:
        time.sleep(0.1)


def _kill(mark: bytes) -> int:
    """Whatever was started with `mark`; how many there were. What they start meanwhile is found next time."""
    found = 0
    for name in os.listdir("/proc"):  # noqa: PTH208
        if not name.isdecimal():
            continue
        try:
            process = os.pidfd_open(int(name))
        except OSError:
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                if mark in file.read().split(b"\0"):
                    signal.pidfd_send_signal(process, signal.SIGKILL)
                    found += 1
        except OSError:
            pass
        finally:
            os.close(process)
    return found


if __name__ == "__main__":
    _watch(int(sys.argv[1]), sys.argv[2])
