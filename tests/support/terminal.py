"""A program in a real pseudo-terminal, read all the time by a thread, for tests that act as the person."""

from __future__ import annotations

import fcntl
import os
import platform
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.support.wait import patience

EXPECT_SECONDS = 150.0
_WAITING = {
    "x86_64": {"0", "7", "23", "232", "270", "271", "281"},
}.get(platform.machine(), {"22", "63", "72", "73"})
"""Numbers of read, poll, select, epoll_wait, pselect6, ppoll and epoll_pwait; elsewhere of epoll_pwait, read,
pselect6 and ppoll.
"""
# The guest's shell asks the terminal for its cursor right after each prompt.
SHELL = rb"\$ (?:\x1b\[6n)?$"
LOGIN_OR_SHELL = rb"demo login: $|" + SHELL


class Terminal:
    """Runs `command` with the pty as its controlling terminal.

    `answer` may play the terminal's own answers (to queries): it gets each chunk and returns bytes to type.
    `size` is rows and columns.
    """

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        *,
        answer: Callable[[bytes], bytes] | None = None,
        size: tuple[int, int] = (24, 80),
    ) -> None:
        self._ours, theirs = pty.openpty()
        self._theirs = theirs
        self.resize(*size)
        self.before = termios.tcgetattr(theirs)
        self._answer = answer
        self.process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm-256color", **(env or {})},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self._grown = threading.Condition()
        self.seen = bytearray()
        self._taken = 0
        self._stopped = False
        self.reading = threading.Event()
        self.reading.set()
        self._reader = threading.Thread(target=self._read, name="terminal", daemon=True)
        self._reader.start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def expect(self, pattern: bytes, seconds: float = EXPECT_SECONDS) -> bytes:
        """Wait for a regular expression in what is not yet taken; returns all up to the match's end."""
        deadline = time.monotonic() + patience(seconds)
        with self._grown:
            while (found := re.search(pattern, self.seen[self._taken :])) is None:
                if not self._grown.wait(max(0.0, deadline - time.monotonic())):
                    rest = bytes(self.seen[self._taken :])[-2000:]
                    raise AssertionError(f"no {pattern!r} within {seconds} s; last seen: {rest!r}")
            end = self._taken + found.end()
            got = bytes(self.seen[self._taken : end])
            self._taken = end
            return got

    def interrupt(self, seconds: float = EXPECT_SECONDS) -> None:
        """Type Ctrl-C, once the program waits, for what is typed or in its event loop.

        Between its prompt and that wait Python's readline would lose the signal: it looks for signals, and
        then waits for keys alone. A person is never that fast.
        """
        deadline = time.monotonic() + seconds
        while not self._waits():
            assert time.monotonic() < deadline, f"it asks and does not wait: {bytes(self.seen[-2000:])!r}"
            time.sleep(0.02)
        self.send(b"\x03")

    def _waits(self) -> bool:
        """Whether the program's main thread is in a call that waits for a file."""
        try:
            with open(f"/proc/{self.process.pid}/syscall") as file:
                number = file.read().split()[0]
        except OSError:
            return True
        return number in _WAITING

    def wait(self, seconds: float = EXPECT_SECONDS) -> int:
        """The exit code of the program."""
        return self.process.wait(seconds)

    def modes(self) -> list[Any]:
        """The terminal's settings now, to compare with `before`."""
        return termios.tcgetattr(self._theirs)

    def blocks(self) -> bool:
        """Whether the open terminal that the program shared with us still waits when it is read."""
        return os.get_blocking(self._theirs)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)
        self._stopped = True
        self.reading.set()
        self._reader.join(5)
        for handle in (self._ours, self._theirs):
            os.close(handle)

    def _read(self) -> None:
        while not self._stopped:
            self.reading.wait()
            if not select.select([self._ours], [], [], 0.1)[0]:
                continue
            try:
                chunk = os.read(self._ours, 65536)
            except OSError:
                return
            with self._grown:
                self.seen += chunk
                self._grown.notify_all()
            if self._answer and (reply := self._answer(chunk)):
                self.send(reply)
