"""ARM operations: the only durable jobs. A runner holds one under a lease with a fencing number.

Who lost its lease (it hung, its node died, its clock jumped) may still be running: every write it tries with
the old number raises `LeaseLost` and so undoes the unit it was part of. Operations on one resource run one
after the other, in the order they were begun.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.store import tables
from outofband.store.tx import Tx, columns
from outofband.wire.arm.operations import Status

LEASE = timedelta(seconds=30)
"""How long a runner may be silent before another takes over."""
KEEP = timedelta(days=7)
"""How long one that has ended is known."""
MAX_LISTED = 1000
QUEUE_TOPIC = "operations"
"""Rings whenever an operation may have become runnable."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    sequence: int
    id: str
    """GUID, part of the polling address."""
    key: str
    """Idempotency key: the same key never begins a second operation."""
    resource_id: str
    resource_key: str
    kind: str
    """What is done, as an action: `Microsoft.Compute/virtualMachines/start/action`."""
    status: Status
    """A queued operation is InProgress too: clients know no other word for it."""
    input: Any
    state: Any
    """What the steps done so far need to remember."""
    output: Any
    error: Any
    caller: Any
    correlation_id: str | None
    attempts: int
    """How often it was leased."""
    lease_owner: str | None
    lease_epoch: int
    """The fencing number."""
    lease_expires: datetime | None
    not_before: datetime | None
    cancel: datetime | None
    """Since when somebody wants it to be canceled."""
    started: datetime
    changed: datetime
    ended: datetime | None


class LeaseLost(Exception):
    """Another runner has the operation now, or it has ended; the unit that met this is undone."""


class Operations:
    async def begin(
        self,
        tx: Tx,
        *,
        resource: ResourceId | str,
        kind: str,
        now: datetime,
        key: str | None = None,
        input: Any = None,
        caller: Any = None,
        correlation_id: str | None = None,
    ) -> Operation:
        """Begin an operation, or give back the one that `key` began before."""
        chosen = key or str(uuid.uuid4())
        table = tables.operations
        values = {
            "id": str(uuid.uuid4()),
            "key": chosen,
            "resource_id": str(resource),
            "resource_key": str(resource).lower(),
            "kind": kind,
            "status": Status.IN_PROGRESS.value,
            "input": input,
            "caller": caller,
            "correlation_id": correlation_id,
            "attempts": 0,
            "lease_epoch": 0,
            "started": now,
            "changed": now,
        }
        if await tx.change(tx.insert(table).values(values).on_conflict_do_nothing(index_elements=["key"])):
            tx.ring(QUEUE_TOPIC)
        found = await tx.row(Operation, columns(table, Operation).where(table.c.key == chosen))
        assert found is not None
        return found

    async def get(self, tx: Tx, operation_id: str) -> Operation | None:
        table = tables.operations
        return await tx.row(Operation, columns(table, Operation).where(table.c.id == operation_id.lower()))

    async def by_key(self, tx: Tx, key: str) -> Operation | None:
        """The operation that `key` began."""
        table = tables.operations
        return await tx.row(Operation, columns(table, Operation).where(table.c.key == key))

    async def require(self, tx: Tx, operation_id: str) -> Operation:
        """Raises Fault OperationNotFound."""
        found = await self.get(tx, operation_id)
        if found is None:
            raise Fault("OperationNotFound", operation=operation_id)
        return found

    async def may_lease(self, tx: Tx, now: datetime) -> bool:
        """Whether there is one that may run now."""
        return await tx.value(sa.select(tables.operations.c.id).where(_may_run(now)).limit(1)) is not None

    async def lease_next(
        self, tx: Tx, owner: str, now: datetime, *, lease: timedelta = LEASE
    ) -> Operation | None:
        """Take the oldest operation that may run now; None when there is none. `owner` names the runner."""
        table = tables.operations
        query = columns(table, Operation).where(_may_run(now)).order_by(table.c.sequence).limit(1)
        found = await tx.row(Operation, query)
        if found is None:
            return None
        changes = {
            "lease_owner": owner,
            "lease_epoch": found.lease_epoch + 1,
            "lease_expires": now + lease,
            "attempts": found.attempts + 1,
            "not_before": None,
            "changed": now,
        }
        taken = msgspec.structs.replace(found, **changes)
        await self._fenced(tx, found, changes)
        return taken

    async def renew(self, tx: Tx, held: Operation, now: datetime, *, lease: timedelta = LEASE) -> None:
        """Keep the lease for another while. Raises LeaseLost."""
        await self._fenced(tx, held, {"lease_expires": now + lease})

    async def save(self, tx: Tx, held: Operation, state: Any, now: datetime) -> Operation:
        """Remember `state` for whoever runs the next step. Raises LeaseLost."""
        await self._fenced(tx, held, {"state": state, "changed": now})
        return msgspec.structs.replace(held, state=state, changed=now)

    async def release(
        self, tx: Tx, held: Operation, now: datetime, *, not_before: datetime | None = None
    ) -> None:
        """Give it back unfinished, to be taken again, not before `not_before`. Raises LeaseLost."""
        changes = {"lease_owner": None, "lease_expires": None, "not_before": not_before, "changed": now}
        await self._fenced(tx, held, changes)
        tx.ring(QUEUE_TOPIC)

    async def finish(
        self,
        tx: Tx,
        held: Operation,
        status: Status,
        now: datetime,
        *,
        output: Any = None,
        error: Any = None,
    ) -> Operation:
        """End it, once. `error` is ARM's `{"code", "message"}`. Raises LeaseLost."""
        if status is Status.IN_PROGRESS:
            raise ValueError("an operation cannot end in progress")
        changes = {
            "status": status.value,
            "output": output,
            "error": error,
            "ended": now,
            "changed": now,
            "lease_owner": None,
            "lease_expires": None,
        }
        await self._fenced(tx, held, changes)
        tx.ring(topic(held.id))
        tx.ring(QUEUE_TOPIC)
        return msgspec.structs.replace(held, **(changes | {"status": status}))

    async def want_canceled(self, tx: Tx, operation: Operation, now: datetime) -> bool:
        """Ask whoever works on it to stop; False when it has ended."""
        table = tables.operations
        alive = sa.and_(table.c.id == operation.id, table.c.ended.is_(None))
        since = sa.func.coalesce(table.c.cancel, sa.literal(now, table.c.cancel.type))
        tx.ring(cancel_topic(operation.id))
        return await tx.change(sa.update(table).where(alive).values(cancel=since)) > 0

    async def is_unwanted(self, tx: Tx, operation_id: str) -> bool:
        """Whether somebody wants it to be canceled."""
        table = tables.operations
        return await tx.value(sa.select(table.c.cancel).where(table.c.id == operation_id)) is not None

    async def unfinished(self, tx: Tx, resource: ResourceId | str | None = None) -> list[Operation]:
        """Operations that have not ended, oldest first; of one resource when it is given."""
        table = tables.operations
        query = columns(table, Operation).where(table.c.ended.is_(None)).order_by(table.c.sequence)
        if resource is not None:
            query = query.where(table.c.resource_key == str(resource).lower())
        return await tx.rows(Operation, query.limit(MAX_LISTED))

    async def under_way(self, tx: Tx, kinds: str) -> int:
        """How many have not ended whose kind begins so."""
        table = tables.operations
        mine = sa.and_(table.c.ended.is_(None), table.c.kind.startswith(kinds, autoescape=True))
        return int(await tx.value(sa.select(sa.func.count()).select_from(table).where(mine)))

    async def prune(self, tx: Tx, before: datetime) -> int:
        """Forget operations that ended before `before`."""
        table = tables.operations
        return await tx.change(sa.delete(table).where(table.c.ended < before))

    async def _fenced(self, tx: Tx, held: Operation, changes: dict[str, Any]) -> None:
        table = tables.operations
        mine = sa.and_(
            table.c.id == held.id, table.c.lease_epoch == held.lease_epoch, table.c.ended.is_(None)
        )
        if not await tx.change(sa.update(table).where(mine).values(changes)):
            raise LeaseLost(held.id)


def _may_run(now: datetime) -> sa.ColumnElement[bool]:
    """Nobody works on it, it need not wait, and nothing older on its resource is open."""
    table, earlier = tables.operations, tables.operations.alias("earlier")
    blocked = sa.exists().where(
        earlier.c.resource_key == table.c.resource_key,
        earlier.c.ended.is_(None),
        earlier.c.sequence < table.c.sequence,
    )
    return sa.and_(
        table.c.ended.is_(None),
        sa.or_(table.c.lease_expires.is_(None), table.c.lease_expires <= now),
        sa.or_(table.c.not_before.is_(None), table.c.not_before <= now),
        ~blocked,
    )


def cancel_topic(operation_id: str) -> str:
    """The bell topic that rings when somebody wants the operation to be canceled."""
    return f"operation-cancel:{operation_id}"


def topic(operation_id: str) -> str:
    """The bell topic that rings when the operation has ended."""
    return f"operation:{operation_id}"
