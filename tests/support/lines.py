"""What a child process answers, line by line, with a limit for each: one that stands still stops no run."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Callable
from typing import IO, Any

from outofband.core import clock
from tests.support.wait import WAIT, patience


class Lines:
    """The standard output of `child`, which nobody else reads; `log` gives what it printed elsewhere.

    It is read from the descriptor itself: what a file object has taken already, `select` does not see.
    """

    def __init__(self, child: subprocess.Popen[Any], log: Callable[[], str] | None = None) -> None:
        assert child.stdout is not None
        self._child = child
        self._stream: IO[Any] = child.stdout
        self._log = log or self._errors
        self._kept = b""

    def next(self, seconds: float = WAIT) -> str:
        """The next line, without its end. Where none comes in time or ever, the child is killed, and the
        failure says what it had printed.
        """
        limit = patience(seconds)
        end = clock.monotonic() + limit
        while b"\n" not in self._kept:
            if not select.select([self._stream], [], [], max(0.0, end - clock.monotonic()))[0]:
                raise AssertionError(self._told(f"printed no line for {limit:.0f} s"))
            chunk = os.read(self._stream.fileno(), 65536)
            if not chunk:
                raise AssertionError(self._told("printed its last line"))
            self._kept += chunk
        line, _, self._kept = self._kept.partition(b"\n")
        return line.decode()

    def _told(self, what: str) -> str:
        self._child.kill()
        code = self._child.wait(WAIT)
        return f"{self._child.args!r} {what}, and ended with {code}: {self._kept!r}\n{self._log()[-4000:]}"

    def _errors(self) -> str:
        told = self._child.communicate(timeout=WAIT)[1] or ""
        return told if isinstance(told, str) else told.decode(errors="replace")
