"""A SELECT that is made once: built and compiled a single time, run with nothing but its values.

Making a statement of twenty columns and finding its text again costs many times what SQLite needs to answer
it. What runs like this lies in a request's path and finds its rows by a key or in the order of an index: on
SQLite it runs on the event loop itself (`snapshots`, ADR 19), where nothing may take long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

S = TypeVar("S", bound=msgspec.Struct)
_Step = Callable[[Any], Any]


class Query(Generic[S]):
    """Rows of `statement` as structs of `kind`, whose fields are its columns in the same order.

    The statement names its values with `sa.bindparam`; one with a list of values is a new one each time.
    """

    def __init__(self, kind: type[S], statement: sa.Select[Any]) -> None:
        self.kind = kind
        self.statement = statement

    @cached_property
    def sqlite(self) -> SqliteForm[S]:
        return SqliteForm(self)


class SqliteForm(Generic[S]):
    """What the bare driver is given, and how its values become a struct's."""

    def __init__(self, query: Query[S]) -> None:
        dialect = SQLiteDialect_pysqlite()
        compiled = query.statement.compile(dialect=dialect)
        self.text = str(compiled)
        self._kind = query.kind
        binds = [compiled.binds[name] for name in compiled.positiontup or ()]
        if any(each.expanding for each in binds):
            raise ValueError(f"a list of values in: {self.text}")
        self._binds = [
            (each.key, each.value, each.type.dialect_impl(dialect).bind_processor(dialect)) for each in binds
        ]
        steps = (
            column.type.dialect_impl(dialect).result_processor(dialect, None)
            for column in query.statement.selected_columns
        )
        self._steps = [(at, step) for at, step in enumerate(steps) if step is not None]

    def values(self, given: dict[str, Any]) -> list[Any]:
        """The text's values, in the order of its marks. Raises KeyError for one that is missing."""
        return [
            _stepped(step, value if value is not None else given[name]) for name, value, step in self._binds
        ]

    def struct(self, row: Sequence[Any]) -> S:
        values = list(row)
        for at, step in self._steps:
            values[at] = step(values[at])
        return struct(self._kind, values)


def struct(kind: type[S], row: Sequence[Any]) -> S:
    """A row as SQLAlchemy gives it, of a statement from `columns(table, kind)`."""
    return msgspec.convert(dict(zip(kind.__struct_fields__, row, strict=True)), kind)


def _stepped(step: _Step | None, value: Any) -> Any:
    return value if step is None else step(value)
