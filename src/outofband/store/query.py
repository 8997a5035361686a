"""Statements that are made once: built and compiled a single time, run with nothing but their values.

Making a statement of twenty columns and finding its text again costs many times what SQLite needs to answer
it. What runs like this lies in a request's path and finds its rows by a key or in the order of an index: on
SQLite it runs on the event loop itself (`snapshots`, ADR 19), where nothing may take long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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


class Change:
    """An INSERT, UPDATE or DELETE of single rows found by a key: a handful at most, for on SQLite nobody has
    a turn while it runs. Its values are named as those of a `Query`, and never as a column of its table.
    """

    def __init__(self, statement: sa.Insert | sa.Update | sa.Delete) -> None:
        self.statement = statement

    @cached_property
    def sqlite(self) -> SqliteText:
        return SqliteText(self.statement)


class SqliteText:
    """What the bare driver is given."""

    def __init__(self, statement: sa.ClauseElement) -> None:
        dialect = SQLiteDialect_pysqlite()
        compiled: Any = statement.compile(dialect=dialect)
        self.text = str(compiled)
        binds = [compiled.binds[name] for name in compiled.positiontup or ()]
        if any(each.expanding for each in binds):
            raise ValueError(f"a list of values in: {self.text}")
        self._binds = [
            (each.key, each.value, each.type.dialect_impl(dialect).bind_processor(dialect)) for each in binds
        ]

    def values(self, given: dict[str, Any]) -> list[Any]:
        """The text's values, in the order of its marks. Raises KeyError for one that is missing."""
        return [
            _stepped(step, value if value is not None else given[name]) for name, value, step in self._binds
        ]


class SqliteForm(SqliteText, Generic[S]):
    """The same, and how its rows become structs."""

    def __init__(self, query: Query[S]) -> None:
        super().__init__(query.statement)
        self._kind = query.kind
        dialect = SQLiteDialect_pysqlite()
        steps = (
            column.type.dialect_impl(dialect).result_processor(dialect, None)
            for column in query.statement.selected_columns
        )
        self._steps = [(at, step) for at, step in enumerate(steps) if step is not None]

    def struct(self, row: Sequence[Any]) -> S:
        values = list(row)
        for at, step in self._steps:
            values[at] = step(values[at])
        return struct(self._kind, values)


def fresh(table: sa.Table, names: Sequence[str]) -> dict[str, sa.BindParameter[Any]]:
    """What a `Change` sets these columns to: values called `new_` and the column's name."""
    return {name: sa.bindparam(f"new_{name}", type_=table.c[name].type) for name in names}


def new(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by the names of their columns, as `fresh` calls them."""
    return {f"new_{name}": value for name, value in values.items()}


def struct(kind: type[S], row: Sequence[Any]) -> S:
    """A row as SQLAlchemy gives it, of a statement from `columns(table, kind)`."""
    return msgspec.convert(dict(zip(kind.__struct_fields__, row, strict=True)), kind)


def _stepped(step: _Step | None, value: Any) -> Any:
    return value if step is None else step(value)
