"""A unit of work on a connection to SQLite.

A `Query` or a `Change` runs on the event loop itself: SQLite does it in microseconds, a hop to a thread and
back costs ten times that. Every other statement runs in a thread, one hop for all of it, so that a long one
holds up nobody's keys. Both use the same connection, one after the other (ADR 19, ADR 50).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from outofband.net.tasks import finish
from outofband.store.query import Change, Query
from outofband.store.tx import COUNTED, Tx

AT_ONCE = 50
"""Rows that are made before other tasks get their turn."""

S = TypeVar("S", bound=msgspec.Struct)
T = TypeVar("T")


class Held:
    """One connection: the driver's own, and SQLAlchemy's view of it."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        self.raw = raw

    def end(self) -> None:
        """Undo what was not committed."""
        if self.connection.in_transaction():
            self.connection.rollback()
        if self.raw.in_transaction:
            self.raw.rollback()


class SqliteTx(Tx):
    dialect = "sqlite"

    def __init__(self, held: Held, threads: Executor) -> None:
        super().__init__()
        self._held = held
        self._threads = threads

    async def change(self, statement: sa.Executable) -> int:
        """Raises sqlalchemy.exc.OperationalError in a unit that reads."""
        return await self.run_sync(
            lambda connection: int(connection.execute(statement, execution_options=COUNTED).rowcount)
        )

    async def apply(self, change: Change, **values: Any) -> int:
        form = change.sqlite
        return self._held.raw.execute(form.text, form.values(values)).rowcount

    async def first(self, query: Query[S], **values: Any) -> S | None:
        form = query.sqlite
        row = self._held.raw.execute(form.text, form.values(values)).fetchone()
        return None if row is None else form.struct(row)

    async def all(self, query: Query[S], **values: Any) -> list[S]:
        form = query.sqlite
        rows = self._held.raw.execute(form.text, form.values(values))
        found: list[S] = []
        while part := rows.fetchmany(AT_ONCE):
            found += map(form.struct, part)
            if len(part) < AT_ONCE:
                break
            await asyncio.sleep(0)
        return found

    async def run_sync(self, work: Callable[[sa.Connection], T]) -> T:
        # To its end even when the caller is cancelled: the connection goes back, and must be idle then.
        return await finish(in_thread(self._threads, lambda: work(self._held.connection)))

    async def fetch(
        self, statement: sa.Select[Any], values: dict[str, Any] | None = None
    ) -> Sequence[sa.Row[Any]]:
        return await self.run_sync(lambda connection: connection.execute(statement, values).all())


async def in_thread(threads: Executor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(threads, work)
