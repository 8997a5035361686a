"""Rescues: one row for each run of the steps that get somebody back into a VM, a bounded number a VM.

A row changes only from the version that its writer has read, so a runner that lost its lease and does not
know it yet cannot take a run back to where it was.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from outofband.store.operations import LeaseLost
from outofband.store.rescues_tables import rescues as table
from outofband.store.tables import resources, withheld
from outofband.store.tx import Tx, columns

MAX_OF_VM = 20
"""Ended ones kept of one VM; what was changed first goes first."""


class StoredRescue(msgspec.Struct, frozen=True, kw_only=True):
    """A run of the VM with the uid `vm`. `body` is the run itself; `busy`: the VM while it has not ended."""

    id: str
    vm: str
    name: str
    busy: str | None
    version: int
    body: Any
    created: datetime
    created_by: str
    changed: datetime
    ended: datetime | None


class Rescues:
    async def begin(self, tx: Tx, rescue: StoredRescue) -> bool:
        """Put a new run in; False when one of its VM, or of that name, is there already."""
        values = msgspec.structs.asdict(rescue) | {"vm": rescue.vm.lower(), "name_key": rescue.name.lower()}
        made = await tx.change(tx.insert(table).values(values).on_conflict_do_nothing())
        if made:
            await self._make_room(tx, rescue.vm.lower())
            tx.ring(topic(rescue.id))
        return made > 0

    async def get(self, tx: Tx, vm: str, name: str) -> StoredRescue | None:
        mine = sa.and_(table.c.vm == vm.lower(), table.c.name_key == name.lower())
        return await tx.row(StoredRescue, columns(table, StoredRescue).where(mine))

    async def by_id(self, tx: Tx, id_: str) -> StoredRescue | None:
        return await tx.row(StoredRescue, columns(table, StoredRescue).where(table.c.id == id_))

    async def of_vm(self, tx: Tx, vm: str) -> list[StoredRescue]:
        """The newest first."""
        query = columns(table, StoredRescue).where(table.c.vm == vm.lower())
        return await tx.rows(StoredRescue, query.order_by(table.c.created.desc(), table.c.id))

    async def busy_of(self, tx: Tx, vm: str) -> StoredRescue | None:
        """The run of a VM that has not ended."""
        return await tx.row(StoredRescue, columns(table, StoredRescue).where(table.c.busy == vm.lower()))

    async def save(
        self, tx: Tx, rescue: StoredRescue, body: Any, now: datetime, *, ended: bool
    ) -> StoredRescue:
        """Write what the run is now over what `rescue` says it was. Raises LeaseLost."""
        changes: dict[str, Any] = {"body": body, "version": rescue.version + 1, "changed": now}
        if ended:
            changes |= {"busy": None, "ended": now}
        mine = sa.and_(table.c.id == rescue.id, table.c.version == rescue.version)
        if not await tx.change(sa.update(table).where(mine).values(changes)):
            raise LeaseLost(rescue.id)
        tx.ring(topic(rescue.id))
        return msgspec.structs.replace(rescue, **changes)

    async def prune(self, tx: Tx, before: datetime) -> int:
        """Forget those that nothing happened to since then, questions that nobody answered among them, and
        all of VMs that are no more; and what was withheld for those.
        """
        gone = table.c.vm.not_in(sa.select(resources.c.uid))
        mine = sa.or_(table.c.ended < before, table.c.changed < before, gone)
        kept = withheld.c.id.in_(sa.select(table.c.id).where(mine))
        await tx.change(sa.delete(withheld).where(kept))
        return await tx.change(sa.delete(table).where(mine))

    async def _make_room(self, tx: Tx, vm: str) -> None:
        query = sa.select(table.c.id).where(table.c.vm == vm, table.c.ended.is_not(None))
        doomed = [row[0] for row in await tx.fetch(query.order_by(table.c.changed.desc()).offset(MAX_OF_VM))]
        if doomed:
            await tx.change(sa.delete(table).where(table.c.id.in_(doomed)))


def topic(id_: str) -> str:
    """The bell topic that rings when a run changes."""
    return f"rescue:{id_}"
