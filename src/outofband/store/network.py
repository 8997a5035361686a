"""What networks need beside the resources themselves: who names whom, who has which address, who is where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from outofband.store import tables
from outofband.store.tx import Tx, columns

_AT_ONCE = 300
"""Keys in one IN list."""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """`part_id`, which is `holder_key` or a part of it, names `target_key`. Keys are lower-cased ids."""

    holder_key: str
    part_id: str
    target_key: str
    target_row: str
    """The resource that the target is, or is a part of."""


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """`address`, of fixed width, is `owner_id`'s, a part of `owner_key`."""

    space: str
    address: str
    owner_key: str
    owner_id: str


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A VM and what its properties say; which interfaces it has is in there."""

    id: str
    properties: Any


class _Address(msgspec.Struct, frozen=True):
    address: str


class _Place(msgspec.Struct, frozen=True):
    location: str | None


class Network:
    """Repository of links and addresses. Every change is within the caller's unit."""

    async def link(self, tx: Tx, holder: str, links: Iterable[Link]) -> None:
        """Replace all that `holder`, a lower-cased id, names."""
        table = tables.network_links
        await tx.change(sa.delete(table).where(table.c.holder_key == holder))
        for each in {(link.part_id.lower(), link.target_key): link for link in links}.values():
            values = msgspec.structs.asdict(each) | {"part_key": each.part_id.lower()}
            await tx.change(sa.insert(table).values(values))

    async def of(self, tx: Tx, holder: str) -> list[Link]:
        """What `holder` names."""
        table = tables.network_links
        return await tx.rows(Link, columns(table, Link).where(table.c.holder_key == holder))

    async def unlink(self, tx: Tx, holder: str, part: str) -> None:
        """A part of `holder`, by its lower-cased id, is gone and names nothing any more."""
        table = tables.network_links
        chosen = (table.c.holder_key == holder) & (table.c.part_key == part)
        await tx.change(sa.delete(table).where(chosen))

    async def unlink_all(self, tx: Tx, target: str) -> None:
        """`target`, a lower-cased id, is gone: nothing names it or a part of it any more."""
        table = tables.network_links
        await tx.change(sa.delete(table).where(table.c.target_row == target))

    async def to(self, tx: Tx, targets: Sequence[str]) -> list[Link]:
        """Links to these resources or to parts of them, in a stable order."""
        table = tables.network_links
        found: list[Link] = []
        for start in range(0, len(targets), _AT_ONCE):
            chosen = table.c.target_row.in_(targets[start : start + _AT_ONCE])
            query = columns(table, Link).where(chosen).order_by(table.c.target_key, table.c.part_key)
            found += await tx.rows(Link, query)
        return found

    async def taken(self, tx: Tx, space: str) -> list[str]:
        """Addresses in use, in order."""
        table = tables.network_addresses
        query = columns(table, _Address).where(table.c.space == space).order_by(table.c.address)
        return [row.address for row in await tx.rows(_Address, query)]

    async def holder(self, tx: Tx, space: str, address: str) -> Holding | None:
        table = tables.network_addresses
        chosen = (table.c.space == space) & (table.c.address == address)
        return await tx.row(Holding, columns(table, Holding).where(chosen))

    async def held(self, tx: Tx, owner: str) -> list[Holding]:
        """What `owner`, a lower-cased id, holds."""
        table = tables.network_addresses
        return await tx.rows(Holding, columns(table, Holding).where(table.c.owner_key == owner))

    async def hold(self, tx: Tx, holding: Holding) -> bool:
        """Take an address; False when somebody has it."""
        statement = tx.insert(tables.network_addresses).values(msgspec.structs.asdict(holding))
        free = statement.on_conflict_do_nothing(index_elements=["space", "address"])
        return await tx.change(free) > 0

    async def release(self, tx: Tx, owner: str, *, spaces: Iterable[str] | None = None) -> None:
        """Give back what `owner` holds, of these spaces only when they are given."""
        table = tables.network_addresses
        query = sa.delete(table).where(table.c.owner_key == owner)
        if spaces is not None:
            query = query.where(table.c.space.in_(list(spaces)))
        await tx.change(query)

    async def forget(self, tx: Tx, holder: str) -> None:
        """Nothing of `holder` is left: what it names and what it holds."""
        await self.link(tx, holder, ())
        await self.release(tx, holder)

    async def attachments(
        self, tx: Tx, subscription: str, types: Iterable[str], interface: str | None = None
    ) -> list[Attachment]:
        """The machines of a subscription that have network interfaces. `types`: in lower case; `interface`:
        the name of one, to leave out most of the machines that do not have it.
        """
        table = tables.resources
        text = sa.func.lower(sa.cast(table.c.properties, sa.Text))
        # An underscore in the name stands for any character here: a few more are found, which does no harm.
        pattern = '%"networkinterfaces"%' if interface is None else f'%/{interface.lower()}"%'
        chosen = sa.and_(
            table.c.subscription_id == subscription.lower(),
            table.c.type_key.in_(list(types)),
            # The text of the JSON; whether it is really there is for the reader to see.
            text.like(pattern),
        )
        return await tx.rows(Attachment, columns(table, Attachment).where(chosen).order_by(table.c.key))

    async def count(self, tx: Tx, subscription: str, type_name: str, location: str) -> int:
        """Resources of a type in a subscription's location."""
        table = tables.resources
        chosen = sa.and_(
            table.c.type_key == type_name.lower(),
            table.c.subscription_id == subscription.lower(),
            table.c.location == location,
        )
        return int(await tx.value(sa.select(sa.func.count()).select_from(table).where(chosen)) or 0)

    async def locations(self, tx: Tx, subscription: str) -> list[str]:
        """Where a subscription has anything, in order."""
        table = tables.resources
        chosen = (table.c.subscription_id == subscription.lower()) & table.c.location.is_not(None)
        query = columns(table, _Place).where(chosen).distinct().order_by(table.c.location)
        return [row.location for row in await tx.rows(_Place, query) if row.location]
