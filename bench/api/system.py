"""What the measurements need from an API under test."""

from __future__ import annotations

from typing import Protocol

from bench.api.line import Line, Place


class Api(Protocol):
    """A server that knows a number of machines. `start` and `stop` may follow each other again."""

    name: str
    stated: str
    """What is switched on and how it is reached: goes into the report."""

    def start(self, machines: int) -> None:
        """Run it, and return when it answers and knows so many machines."""
        ...

    def stop(self) -> None: ...

    @property
    def place(self) -> Place: ...

    @property
    def pids(self) -> list[int]:
        """Every process that works for an answer."""
        ...

    async def one(self, line: Line, number: int) -> int:
        """Read machine `number` by its name; how many machines the answer had."""
        ...

    async def all(self, line: Line) -> int:
        """Read every machine as a client does that is asked for the list; how many came."""
        ...
