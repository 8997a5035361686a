"""A unit of work: statements in, structs out, and the topics to ring once it is committed."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from outofband.core.errors import Fault
from outofband.net.tasks import finish

MAX_TOPICS = 1000
"""Topics one unit may ring."""

S = TypeVar("S", bound=msgspec.Struct)


class Tx:
    """An open unit. Valid only inside the `async with` block that gave it."""

    def __init__(self, connection: AsyncConnection, dialect: str) -> None:
        self.connection = connection
        self.dialect = dialect
        self._topics: dict[str, None] = {}

    @property
    def topics(self) -> list[str]:
        return list(self._topics)

    def ring(self, topic: str) -> None:
        """Ring `topic` when, and only when, this unit is committed."""
        if len(self._topics) >= MAX_TOPICS:
            raise Fault("InternalError")
        self._topics[topic] = None

    async def change(self, statement: sa.Executable) -> int:
        """Run an INSERT, UPDATE or DELETE; the number of rows it touched."""
        # The count of an INSERT is otherwise -1 on PostgreSQL, and a conflict could not be told.
        options = {"preserve_rowcount": True}
        result: Any = await self._execute(statement, options)
        return int(result.rowcount)

    async def row(self, kind: type[S], statement: sa.Select[Any]) -> S | None:
        """The first row as a struct, or None; the statement comes from `columns(table, kind)`."""
        found = (await self._execute(statement)).first()
        return None if found is None else _struct(kind, found)

    async def rows(self, kind: type[S], statement: sa.Select[Any]) -> list[S]:
        return [_struct(kind, each) for each in await self._execute(statement)]

    async def value(self, statement: sa.Select[Any]) -> Any:
        """The first column of the first row, or None."""
        return (await self._execute(statement)).scalar()

    async def _execute(
        self, statement: sa.Executable, options: dict[str, Any] | None = None
    ) -> sa.CursorResult[Any]:
        """Run one statement whole. Torn by a cancellation, the driver throws its connection away with the
        transaction still open in it, and on SQLite nobody can write any more.
        """
        return await finish(self.connection.execute(statement, execution_options=options))

    def insert(self, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT that knows ON CONFLICT: a failed statement would spoil the whole unit on PostgreSQL."""
        return sqlite.insert(table) if self.dialect == "sqlite" else postgresql.insert(table)


def columns(table: sa.Table, kind: type[msgspec.Struct]) -> sa.Select[Any]:
    """SELECT exactly the columns that `kind` has fields for."""
    return sa.select(*(table.c[name] for name in kind.__struct_fields__))


def _struct(kind: type[S], row: sa.Row[Any]) -> S:
    return msgspec.convert(dict(zip(kind.__struct_fields__, row, strict=True)), kind)
