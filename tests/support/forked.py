"""`azcmagent` as often as wanted, each in a process of its own, without the second that its imports take.

As a module it is the nursery: it has imported all there is, and forks a command for each line of JSON with
its words. What that prints goes into the file `said`; its exit code is the answer.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

from tests.support.wait import within

SECONDS = 120.0


class Forked:
    def __init__(self, folder: Path) -> None:
        self._said = folder / "said"

    async def __aenter__(self) -> Forked:
        command = [sys.executable, "-m", "tests.support.forked", str(self._said)]
        self._nursery = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._nursery.stdin is not None
        self._nursery.stdin.close()
        await within(self._nursery.wait())

    async def run(self, *words: str) -> tuple[int, str]:
        """One command, and only one at a time: its exit code, and what it printed."""
        assert self._nursery.stdin is not None and self._nursery.stdout is not None
        self._nursery.stdin.write(json.dumps(words).encode() + b"\n")
        line = self._nursery.stdout.readline()
        code = int(await within(line, self._said.read_text, seconds=SECONDS))
        return code, self._said.read_text()


def _nurse(said: Path) -> None:
    from outofband.cli.azcmagent import connect, disconnect, main, show

    assert connect and disconnect and show
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(file, 1)
            os.dup2(file, 2)
            main.main(json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    _nurse(Path(sys.argv[1]))
