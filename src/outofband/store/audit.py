"""The audit chain in rows: every row of the activity log is linked to the one before it (ADR 31).

Write units run one after the other, on every node together: the head that a unit reads is the newest there
is, and the link goes with the row it tells of or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from outofband.store import tables
from outofband.store.audit_tables import audit_chains, audit_checkpoints
from outofband.store.columns import storable
from outofband.store.tx import Tx, columns
from outofband.wire.audit import chain
from outofband.wire.audit.chain import Checkpoint, Pruned

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """Of one node and day."""

    node: str
    day: str
    count: int
    link: str
    previous_day: str | None
    previous_link: str | None
    changed: datetime
    pruned: dict[str, Any] | None = None


class Chained(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the log with its place in the chain. `record` is what was digested."""

    sequence: int
    number: int | None
    link: str | None
    record: dict[str, Any]


class Audit:
    async def place(self, tx: Tx, values: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """`values` of a new row of the log, as the database will give them back, with its place in the chain
        of the unit's node. A clock that was set back goes on with the newest day there is.
        """
        kept = {name: storable(value) if isinstance(value, str) else value for name, value in values.items()}
        head = await self.newest(tx, tx.node)
        day = now.date().isoformat()
        before: tuple[str | None, str | None]
        if head is None or head.day < day:
            before = (head.day, head.link) if head is not None else (None, None)
            count, link = 0, chain.seed(tx.node, day, *before)
        else:
            before = (head.previous_day, head.previous_link)
            day, count, link = head.day, head.count, head.link
        link = chain.link(link, count + 1, chain.digest(record(kept)))
        fresh = {
            "node": tx.node,
            "day": day,
            "count": count + 1,
            "link": link,
            "previous_day": before[0],
            "previous_link": before[1],
            "changed": now,
        }
        change = tx.insert(audit_chains).values(fresh)
        again = {name: fresh[name] for name in ("count", "link", "changed")}
        await tx.change(change.on_conflict_do_update(index_elements=["node", "day"], set_=again))
        return kept | {"node": tx.node, "day": day, "number": count + 1, "link": link}

    async def newest(self, tx: Tx, node: str) -> Head | None:
        query = columns(audit_chains, Head).where(audit_chains.c.node == node)
        return await tx.row(Head, query.order_by(audit_chains.c.day.desc()).limit(1))

    async def days(
        self, tx: Tx, *, since: str | None = None, until: str | None = None
    ) -> list[tuple[str, str]]:
        """Every node and day of which anything is left, in order. A thief takes heads as well as records."""
        found: set[tuple[str, str]] = set()
        for table in (audit_chains, audit_checkpoints, tables.activity):
            query = sa.select(table.c.node, table.c.day).where(table.c.node.is_not(None)).distinct()
            if since is not None:
                query = query.where(table.c.day >= since)
            if until is not None:
                query = query.where(table.c.day <= until)
            rows: list[Any] = list(await tx.fetch(query))
            found |= {(str(node), str(day)) for node, day in rows}
        return sorted(found)

    async def head(self, tx: Tx, node: str, day: str) -> Head | None:
        table = audit_chains
        return await tx.row(Head, columns(table, Head).where(table.c.node == node, table.c.day == day))

    async def unsigned(self, tx: Tx) -> list[Head]:
        """Heads beyond the last signed word on them."""
        heads, words = audit_chains, audit_checkpoints
        signed = sa.exists().where(
            words.c.node == heads.c.node, words.c.day == heads.c.day, words.c.count >= heads.c.count
        )
        query = columns(heads, Head).where(~signed, heads.c.pruned.is_(None))
        return await tx.rows(Head, query.order_by(heads.c.node, heads.c.day))

    async def sign(self, tx: Tx, word: Checkpoint, now: datetime) -> None:
        """Keep a signed word; one on as many records is replaced: the later one says more."""
        values = {
            "node": word.node,
            "day": word.day,
            "count": word.count,
            "word": msgspec.to_builtins(word),
            "at": now,
        }
        change = tx.insert(audit_checkpoints).values(values)
        again = {"word": change.excluded.word, "at": change.excluded.at}
        await tx.change(change.on_conflict_do_update(index_elements=["node", "day", "count"], set_=again))

    async def words(self, tx: Tx, node: str, day: str) -> list[Checkpoint]:
        table = audit_checkpoints
        query = sa.select(table.c.word).where(table.c.node == node, table.c.day == day)
        rows = await tx.fetch(query.order_by(table.c.count))
        return [msgspec.convert(row[0], Checkpoint) for row in rows]

    async def records(self, tx: Tx, node: str, day: str, *, after: int, limit: int) -> list[Chained]:
        """Of one day, by number; those with a number of `after` or less are passed over."""
        table = tables.activity
        query = sa.select(table).where(table.c.node == node, table.c.day == day, table.c.number > after)
        return [_chained(row) for row in await tx.fetch(query.order_by(table.c.number).limit(limit))]

    async def last_number(self, tx: Tx, node: str, day: str) -> int:
        table = tables.activity
        query = sa.select(sa.func.max(table.c.number)).where(table.c.node == node, table.c.day == day)
        return int(await tx.value(query) or 0)

    async def loose(self, tx: Tx, *, after: int, limit: int) -> list[Chained]:
        """Rows of the log that are in no chain, by their place in the log."""
        table = tables.activity
        query = sa.select(table).where(table.c.link.is_(None), table.c.sequence > after)
        return [_chained(row) for row in await tx.fetch(query.order_by(table.c.sequence).limit(limit))]

    async def aged(self, tx: Tx, before: str) -> list[Head]:
        """Whole days before `before` whose records are still here."""
        table = audit_chains
        query = columns(table, Head).where(table.c.day < before, table.c.pruned.is_(None))
        return await tx.rows(Head, query.order_by(table.c.node, table.c.day))

    async def prune(self, tx: Tx, word: Pruned) -> int:
        """Remove a day's records; its head stays, with the signed word that says so."""
        count = 0
        for table in (audit_checkpoints, tables.activity):
            count = await tx.change(
                sa.delete(table).where(table.c.node == word.node, table.c.day == word.day)
            )
        mine = sa.and_(audit_chains.c.node == word.node, audit_chains.c.day == word.day)
        await tx.change(sa.update(audit_chains).where(mine).values(pruned=msgspec.to_builtins(word)))
        return count


def record(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is digested of a row: everything but its place."""
    found = {name: values[name] for name in chain.FIELDS}
    found["at"] = (found["at"] - _EPOCH) // timedelta(microseconds=1)
    # As the column gives it back.
    found["properties"] = msgspec.json.decode(msgspec.json.encode(found["properties"]))
    return found


def _chained(row: sa.Row[Any]) -> Chained:
    values: dict[str, Any] = {str(name): value for name, value in row._mapping.items()}
    return Chained(
        sequence=values["sequence"],
        number=values["number"],
        link=values["link"],
        record=record(values),
    )
