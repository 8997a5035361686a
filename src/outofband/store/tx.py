"""A unit of work: statements in, structs out, and the topics to ring once it is committed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from outofband.core.errors import Fault
from outofband.net.tasks import finish
from outofband.store.query import Change, Query, struct

MAX_TOPICS = 1000
"""Topics one unit may ring."""

COUNTED = {"preserve_rowcount": True}
"""Option of an execution: the count of an INSERT is otherwise -1, and a conflict could not be told."""

S = TypeVar("S", bound=msgspec.Struct)
T = TypeVar("T")


class Tx(ABC):
    """An open unit. Valid only inside the `async with` block that gave it, for one task at a time."""

    dialect: str
    """`sqlite` or `postgresql`."""
    node = "local"
    """Whose chain what it adds to the activity log goes into."""

    def __init__(self) -> None:
        self._topics: dict[str, None] = {}

    @property
    def topics(self) -> list[str]:
        return list(self._topics)

    def ring(self, topic: str) -> None:
        """Ring `topic` when, and only when, this unit is committed."""
        if len(self._topics) >= MAX_TOPICS:
            raise Fault("InternalError")
        self._topics[topic] = None

    @abstractmethod
    async def change(self, statement: sa.Executable) -> int:
        """Run an INSERT, UPDATE or DELETE; the number of rows it touched."""

    @abstractmethod
    async def apply(self, change: Change, **values: Any) -> int:
        """Run one that was made beforehand; the number of rows it touched."""

    @abstractmethod
    async def run_sync(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` on the connection itself; for what is written for SQLAlchemy's blocking interface."""

    @abstractmethod
    async def fetch(
        self, statement: sa.Select[Any], values: dict[str, Any] | None = None
    ) -> Sequence[sa.Row[Any]]:
        """Every row of one statement, as SQLAlchemy gives them."""

    async def row(self, kind: type[S], statement: sa.Select[Any]) -> S | None:
        """The first row as a struct, or None; the statement comes from `columns(table, kind)`."""
        found = await self.fetch(statement)
        return struct(kind, found[0]) if found else None

    async def rows(self, kind: type[S], statement: sa.Select[Any]) -> list[S]:
        return [struct(kind, each) for each in await self.fetch(statement)]

    async def value(self, statement: sa.Select[Any]) -> Any:
        """The first column of the first row, or None."""
        found = await self.fetch(statement)
        return found[0][0] if found else None

    async def first(self, query: Query[S], **values: Any) -> S | None:
        """The first row of a statement made beforehand, or None."""
        found = await self.fetch(query.statement, values)
        return struct(query.kind, found[0]) if found else None

    async def all(self, query: Query[S], **values: Any) -> list[S]:
        """Every row of a statement made beforehand."""
        return [struct(query.kind, each) for each in await self.fetch(query.statement, values)]

    def insert(self, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT that knows ON CONFLICT: a failed statement would spoil the whole unit on PostgreSQL."""
        return sqlite.insert(table) if self.dialect == "sqlite" else postgresql.insert(table)


class AsyncTx(Tx):
    """On PostgreSQL: a connection of one of SQLAlchemy's asynchronous engines."""

    def __init__(self, connection: AsyncConnection, dialect: str, node: str) -> None:
        super().__init__()
        self._connection = connection
        self.dialect = dialect
        self.node = node

    async def change(self, statement: sa.Executable) -> int:
        return await self._execute(statement)

    async def apply(self, change: Change, **values: Any) -> int:
        return await self._execute(change.statement, values)

    async def run_sync(self, work: Callable[[sa.Connection], T]) -> T:
        return await finish(self._connection.run_sync(work))

    async def _execute(self, statement: sa.Executable, values: dict[str, Any] | None = None) -> int:
        result: Any = await finish(self._connection.execute(statement, values, execution_options=COUNTED))
        return int(result.rowcount)

    async def fetch(
        self, statement: sa.Select[Any], values: dict[str, Any] | None = None
    ) -> Sequence[sa.Row[Any]]:
        # Whole: torn by a cancellation, the driver throws its connection away with the transaction still open
        # in it, and on SQLite nobody can write any more.
        result: sa.CursorResult[Any] = await finish(self._connection.execute(statement, values))
        return result.all()


def columns(table: sa.Table, kind: type[msgspec.Struct]) -> sa.Select[Any]:
    """SELECT exactly the columns that `kind` has fields for."""
    return sa.select(*(table.c[name] for name in kind.__struct_fields__))
