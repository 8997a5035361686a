"""The event loop of the tests: uvloop, which also closes while a child runs on or a server listens.

uvloop's own `close` waits for the end of every child, and for some servers. A fixture that fails between its
child's start and its `yield`, or a test that fails before it has closed its server, leaves one behind, and
the whole run would stand still there.
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
        self._opened: list[asyncio.AbstractServer] = []

    async def subprocess_exec(self, *args: Any, **options: Any) -> Any:
        made = await super().subprocess_exec(*args, **options)
        self._children.append(made[0])
        return made

    async def subprocess_shell(self, *args: Any, **options: Any) -> Any:
        made = await super().subprocess_shell(*args, **options)
        self._children.append(made[0])
        return made

    async def create_server(self, *args: Any, **options: Any) -> Any:
        made = await super().create_server(*args, **options)
        self._opened.append(made)
        return made

    async def create_unix_server(self, *args: Any, **options: Any) -> Any:
        made = await super().create_unix_server(*args, **options)
        self._opened.append(made)
        return made

    def close(self) -> None:
        for server in self._opened:
            server.close()
        for child in self._children:
            if child.get_returncode() is None:
                child.kill()
        super().close()
