"""A VM's log in the person's own pager, from `oob console` and back to it.

The pager has the terminal alone meanwhile: the console stays open, and what the guest prints waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from outofband.cli import log_text
from outofband.cli import output as show
from outofband.cli.terminal import RawTerminal, Screen
from outofband.client import background
from outofband.client.http import ArmClient
from outofband.client.log import PAGE_LINES, LogReader, Page
from outofband.core.errors import Fault
from outofband.wire.screen import RESTORE

DRAIN_SECONDS = 1.0
_OLD_LINES = 200
"""What a host with an older agent tells of its log."""
USUAL = ("less", "more")


class SeatPager:
    """`say` tells the person; `again` gives what the terminal needs to be the console's once more."""

    def __init__(
        self,
        client: ArmClient,
        vm: str,
        port: str,
        *,
        say: Callable[[str], None],
        again: Callable[[], bytes],
    ) -> None:
        self._reader = LogReader(client, vm, port)
        self._say, self._again = say, again
        self._process: subprocess.Popen[bytes] | None = None
        self._over = asyncio.Event()
        self._over.set()
        self.open = False
        """The terminal is the pager's."""

    @property
    def coming(self) -> bool:
        """It was asked for, and does not have the terminal yet."""
        return not self._over.is_set() and not self.open

    async def show(self, terminal: RawTerminal, screen: Screen, *, boot: int | None = None) -> None:
        """The log with its times: the whole, opened at its end; or that of one boot, from its beginning."""
        if not self._over.is_set():
            return
        command = pager(os.environ, at_end=boot is None)
        if command is None:
            self._say("there is no pager: install less, or name yours in PAGER")
            return
        self._over.clear()
        try:
            self._say("fetching the log; in the pager, q comes back here")
            pages = await background.call(_begun, self._reader, boot)
            await self._lent(terminal, screen, command, pages)
        except Fault as fault:
            self._say(f"no log: {show.words_for(fault).message}")
        finally:
            self._over.set()

    async def _lent(
        self, terminal: RawTerminal, screen: Screen, command: list[str], pages: Iterator[Page]
    ) -> None:
        # Between these nothing of the guest's may come: what it shows later is drawn after `again`.
        again = self._again()
        screen.say(RESTORE)
        screen.hold()
        self.open = True
        try:
            await screen.drained(DRAIN_SECONDS)
            terminal.lend()
            await background.call(self._run, command, pages)
        except OSError as error:
            self._say(f"{command[0]}: {error.strerror or error}")
        finally:
            # Only where this was cancelled it still runs.
            self._end()
            terminal.take_back()
            self.open = False
            screen.release(again)

    async def close(self, *, by_force: bool) -> None:
        """Wait until the person has left the pager; or end it. One that is still to come does not come."""
        if by_force:
            self._end()
        if self.open:
            await self._over.wait()

    def _end(self) -> None:
        if (process := self._process) is not None:
            with contextlib.suppress(OSError):
                process.terminate()

    def _run(self, command: list[str], pages: Iterator[Page]) -> None:
        """In a thread: until the pager ends."""
        with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
            self._process = process
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                for line in _lines(pages):
                    process.stdin.write(f"{line}\n".encode())
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            process.wait()
        self._process = None


def pager(environment: Any, *, at_end: bool) -> list[str] | None:
    """The command of the person's pager, None where there is none."""
    chosen = environment.get("PAGER", "").strip()
    try:
        command = shlex.split(chosen)
    except ValueError:
        command = [chosen]
    if not command:
        command = [next((each for each in USUAL if shutil.which(each)), "")]
    if not command[0]:
        return None
    if Path(command[0]).name == "less":
        # One screen of log is no reason to be gone before it was read.
        command += ["-R", "-+F", *(["+G"] if at_end else [])]
    return command


def _begun(reader: LogReader, boot: int | None) -> Iterator[Page]:
    """Pages of the log, the first of which is there. Raises Fault where there is none to have."""
    wish: dict[str, Any] = {"from": 0} if boot is None else {"boot": boot}
    pages = reader.forward(**wish, lines=PAGE_LINES)
    try:
        first = next(pages)
    except Fault as fault:
        if fault.code != "LogNotInAgent" or boot is not None:
            raise
        return iter([reader.last_lines(_OLD_LINES)])
    return _after(first, pages)


def _after(first: Page, pages: Iterator[Page]) -> Iterator[Page]:
    yield first
    yield from pages


def _lines(pages: Iterator[Page]) -> Iterator[str]:
    teller = log_text.Teller()
    live = True
    try:
        for page in pages:
            live = page.get("live", True)
            for kind, value in teller.told(page):
                yield log_text.text_of(kind, value, times=kind == "line" and "at" in value)
    except Fault as fault:
        yield f"{log_text.RECORD}the rest is not to be had: {log_text.plain(show.words_for(fault).message)}"
    if not live:
        yield f"{log_text.RECORD}the host cannot be asked: this is what is kept of its log elsewhere"
