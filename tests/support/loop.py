"""The event loop of the tests: uvloop, which also closes while a child runs on.

uvloop's own `close` waits for the end of every child. A fixture that fails between its child's start and its
`yield` leaves one behind, and the whole run would stand still there.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import Any, ClassVar

import uvloop


class Loop(uvloop.Loop):
    known: ClassVar[weakref.WeakSet[Loop]] = weakref.WeakSet()

    def __init__(self) -> None:
        super().__init__()
        self.known.add(self)
        self._children: list[asyncio.SubprocessTransport] = []

    async def subprocess_exec(self, *args: Any, **options: Any) -> Any:
        made = await super().subprocess_exec(*args, **options)
        self._children.append(made[0])
        return made

    async def subprocess_shell(self, *args: Any, **options: Any) -> Any:
        made = await super().subprocess_shell(*args, **options)
        self._children.append(made[0])
        return made

    def close(self) -> None:
        for child in self._children:
            if child.get_returncode() is None:
                child.kill()
        super().close()
