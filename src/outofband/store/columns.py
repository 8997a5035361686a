"""Column types that mean the same on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Moment(sa.types.TypeDecorator[datetime]):
    """An aware UTC datetime, kept as integer microseconds since the epoch: exact, ordered, free of time
    zones.
    """

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        if value is None:
            return None
        # A naive datetime raises TypeError here: better than storing a guess.
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else _EPOCH + value * _MICROSECOND


def storable(text: str) -> str:
    """`text` without what some database refuses: U+0000 becomes U+FFFD, a lone surrogate `?`."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


class Text(sa.types.TypeDecorator[str]):
    """Any text, made `storable`, also where it is looked for: an odd name is unknown, not a crash."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else storable(value)


class Json(sa.types.TypeDecorator[Any]):
    """Any JSON value as text. Not JSONB: that reorders keys and refuses U+0000, which a guest may well print.

    None is SQL NULL; reading it back gives None.
    """

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Any:
        return None if value is None else msgspec.json.decode(value)


# SQLite numbers rows by itself for the exact type INTEGER only.
Sequence = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


# Lower-cased ids. Collation C makes PostgreSQL order and range them by code point, as SQLite does.
Key = Text().with_variant(Text(collation="C"), "postgresql")


def sealed(name: str) -> tuple[sa.Column[bytes], sa.Column[str]]:
    """Secret bytes in `name`, and in `wrap` how they are wrapped: `none`, or the name of the key that
    encrypted them.
    """
    return sa.Column(name, sa.LargeBinary, nullable=False), sa.Column("wrap", Text, nullable=False)


def tagged() -> tuple[sa.Column[str], sa.Column[datetime], sa.Column[datetime]]:
    """The entity tag of what a row tells of, when that was made, and when it was made or changed last."""
    return (
        sa.Column("etag", Text, nullable=False),
        sa.Column("created", Moment, nullable=False),
        sa.Column("modified", Moment, nullable=False),
    )


def inside(column: sa.ColumnElement[str], key: str) -> sa.ColumnElement[bool]:
    """Whether `column` holds a key below `key` in the tree. A range, for LIKE would not use the index."""
    if key == "/":
        return column > "/"
    # "0" is the character after "/".
    return sa.and_(column > key + "/", column < key + "0")
