"""A person in front of `oob console` in a real pseudo-terminal."""

from __future__ import annotations

import contextlib
import sys
import termios
from collections.abc import AsyncIterator
from typing import Any

from outofband.client import background
from tests.support.terminal import Terminal
from tests.unit.client.far import Far, Visit

OOB = [sys.executable, "-m", "outofband.cli"]
LFLAG = 3


class Seat:
    """The person: expects and types, without keeping the far side's loop from turning."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal

    async def expect(self, pattern: bytes) -> bytes:
        return await background.call(self.terminal.expect, pattern)

    def send(self, keys: bytes) -> None:
        self.terminal.send(keys)

    async def ended(self) -> int:
        code = await background.call(self.terminal.wait)
        assert self.terminal.modes() == self.terminal.before, "the terminal was not given back"
        return code

    def cook(self) -> None:
        """What a shell does with the terminal of a job that was stopped."""
        termios.tcsetattr(self.terminal._theirs, termios.TCSANOW, self.terminal.before)

    def raw(self) -> bool:
        return not self.terminal.modes()[LFLAG] & termios.ICANON


@contextlib.asynccontextmanager
async def seated(far: Far, *arguments: str, **more: Any) -> AsyncIterator[Seat]:
    env = {"OOB_STATE": str(far.folder / "state")}
    with Terminal([*OOB, "console", "demo", *arguments], env, **more) as terminal:
        yield Seat(terminal)


async def quiet(visit: Visit) -> None:
    await visit.attached()
    await visit.gone()
