"""`himds` in a process of its own that kills itself (-9) at a chosen change of what it keeps, and its keeper.

As with `tests.support.mortal`: `N before` or `N after` in the file `armed` of the state; the N-th private
file that is written or removed from then on is the last thing the process does, or the first it does not do.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable
from pathlib import Path
from typing import Any

from outofband.core import secrets
from outofband.core.paths import StateDir
from tests.support.wait import within

START_SECONDS = 60.0
DEATH_SECONDS = 120.0
"""From what has a change made until the one that it is not to outlive."""


class MortalAgent:
    """One agent at a time on a state directory; `start` it anew when it died."""

    def __init__(self, state: StateDir) -> None:
        self.state = state
        self._log = state.root.parent / "himds.out"

    async def __aenter__(self) -> MortalAgent:
        command = [sys.executable, "-m", "tests.support.mortal_agent", str(self.state.root)]
        with self._log.open("ab") as log:
            self._nursery = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, stderr=log
            )
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()
        assert self._nursery.stdin is not None
        self._nursery.stdin.close()
        await within(self._nursery.wait(), self.log)

    async def start(self) -> None:
        """Until it answers its administrator."""
        self.disarm()
        assert self._nursery.stdin is not None and self._nursery.stdout is not None
        self._nursery.stdin.write(b"\n")
        self._pid = int(await within(self._nursery.stdout.readline(), self.log))
        self._ended = asyncio.ensure_future(self._nursery.stdout.readline())
        async with asyncio.timeout(START_SECONDS):
            while not await asyncio.to_thread(self.answers):
                assert not self.died, self.log()
                await asyncio.sleep(0.02)

    def answers(self) -> bool:
        from outofband.agent import local
        from outofband.core.errors import Fault

        try:
            local.status(self.state)
        except Fault:
            return False
        return True

    async def kill(self) -> None:
        if not self.died:
            os.kill(self._pid, signal.SIGKILL)
        await within(self._ended, self.log)

    @property
    def died(self) -> bool:
        return self._ended.done()

    async def revive(self) -> None:
        how = int(await within(asyncio.shield(self._ended), self.log, seconds=DEATH_SECONDS))
        assert how == -signal.SIGKILL, self.log()
        await self.start()

    def arm(self, change: int, when: str) -> None:
        scratch = self.state.root / "armed.new"
        scratch.write_text(f"{change} {when}")
        scratch.rename(self.state.root / "armed")

    def disarm(self) -> None:
        (self.state.root / "armed").unlink(missing_ok=True)

    def log(self) -> str:
        return self._log.read_text()[-4000:] if self._log.exists() else ""


def _die_at_changes(root: Path) -> None:
    armed = root / "armed"
    seen, order = 0, 0

    def counted(change: Callable[..., None]) -> Callable[..., None]:
        def counting(*arguments: Any, **more: Any) -> None:
            nonlocal seen, order
            try:
                number, when = armed.read_text().split()
                changed = armed.stat().st_mtime_ns
            except FileNotFoundError:
                change(*arguments, **more)
                return
            if order != changed:
                seen, order = 0, changed
            seen += 1
            if seen == int(number) and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            change(*arguments, **more)
            if seen == int(number) and when == "after":
                os.kill(os.getpid(), signal.SIGKILL)

        return counting

    # Before anybody has imported them by name.
    secrets.write_private = counted(secrets.write_private)  # type: ignore[assignment]
    secrets.remove_private = counted(secrets.remove_private)  # type: ignore[assignment]


def _nurse(root: Path) -> None:
    _die_at_changes(root)
    from outofband.agent import himds

    for _ in sys.stdin:
        if (child := os.fork()) == 0:
            os.dup2(2, 1)
            himds.main(["--state", str(root)])
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    _nurse(Path(sys.argv[1]))
