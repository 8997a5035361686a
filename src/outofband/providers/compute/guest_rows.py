"""What run commands and extensions share: rows under a machine whose writing runs something in its guest.

The row of a machine that is gone is gone too; one that is being deleted or was written anew since is left as
it is by the run that began before.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.providers.compute.inside import Inside
from outofband.providers.compute.shape import INSTANCES, TYPE
from outofband.providers.compute.tasks import Task, public, task_of, with_task
from outofband.resources.declaration import (
    Delete,
    Draft,
    Item,
    Option,
    Page,
    Patch,
    Place,
    Put,
    ResourceType,
    Step,
    Written,
)
from outofband.resources.exchange import Call
from outofband.resources.job import Done, Job
from outofband.resources.lookup import DELETING, missing
from outofband.resources.rows import Rows
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx


class GuestRows:
    """Of VMs, or with `owner` INSTANCES of the instances of scale sets. A subclass has the plan of a write
    (`_write`), its step (`_run`, `_failed`), and how a row is shown (`_render`).
    """

    kind: ClassVar[str]
    """Last part of the type's name."""
    about: ClassVar[str]
    many: ClassVar[str]
    since: ClassVar[str]
    properties: ClassVar[type[msgspec.Struct]]
    example: ClassVar[dict[str, Any]]
    not_kept: ClassVar[frozenset[str]]
    """Properties of a body that no row has as they are: secrets, and what is worked out."""

    def __init__(self, store: Store, inside: Inside, owner: str = TYPE) -> None:
        self._store = store
        self._inside = inside
        self._owner = owner
        self._rows = Rows(store, f"{owner}/{self.kind}", self._render)

    def declare(self) -> ResourceType:
        what = "an instance of a scale set" if self._owner == INSTANCES else "a VM"
        return ResourceType(
            name=f"{self._owner}/{self.kind}",
            about=f"{self.about} of {what}",
            many=f"{self.many} of {what}",
            since=self.since,
            version="2024-11-01",
            source=self,
            places=frozenset({Place.GROUP}),
            lists=frozenset({Place.RESOURCE}),
            put=Put(
                plan=self._put,
                properties=self.properties,
                step=Step(run=self._run, failed=self._failed),
                example=self.example,
            ),
            patch=Patch(plan=self._patch, properties=self.properties, example=self.example),
            delete=Delete(plan=self._delete, step=Step(run=self._remove)),
            options=(Option(name="$expand", about="`instanceView`: with how it ran and what it printed"),),
        )

    async def get(self, call: Call, tx: Tx, rid: Any) -> Item | None:
        return await self._rows.get(call, tx, rid)

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        if await self._store.resources.get(tx, call.rid) is None:
            raise await missing(self._store, tx, call.rid)
        return await self._rows.list(call, tx, after, limit)

    async def _put(self, call: Call, tx: Tx, draft: Draft, there: Item | None) -> Written:
        return await self._write(call, tx, draft, there.row if there else None, self._given(draft))

    async def _patch(self, call: Call, tx: Tx, draft: Draft, there: Item) -> Written:
        return await self._write(call, tx, draft, there.row, public(there.row) | self._given(draft))

    def _given(self, draft: Draft) -> dict[str, Any]:
        """The properties of a body that are kept. Raises Fault InvalidParameter for a secret in another
        spelling, which would be kept for all to see.
        """
        known = {name.lower(): name for name in self.not_kept}
        kept: dict[str, Any] = {}
        for name, value in (draft.raw.get("properties") or {}).items():
            meant = known.get(str(name).lower())
            if meant is None:
                kept[name] = value
            elif meant != name:
                raise Fault("InvalidParameter", target=f"properties.{meant}", detail="it is written so")
        return kept

    async def _write(
        self, call: Call, tx: Tx, draft: Draft, old: Resource | None, properties: dict[str, Any]
    ) -> Written:
        """Plan a write that leaves `properties`. Overridden."""
        raise NotImplementedError

    async def _run(self, job: Job) -> Done:
        """The step of a write. Overridden."""
        raise NotImplementedError

    async def _failed(self, job: Job, tx: Tx, fault: Fault) -> None:
        """The end of a write that failed. Overridden."""
        raise NotImplementedError

    def _render(self, row: Resource, expand: frozenset[str]) -> dict[str, Any]:
        properties = public(row)
        if "instanceview" in expand:
            properties["instanceView"] = self._view(row)
        return properties

    def _view(self, row: Resource) -> dict[str, Any]:
        """`properties.instanceView`. Overridden."""
        raise NotImplementedError

    async def _delete(self, call: Call, tx: Tx, there: Item) -> Any:
        # A script that still runs sees this and is ended; the delete's own step comes after its end.
        if there.row is not None:
            await self._store.withheld.drop(tx, task_of(there.row).run)
        await self._store.resources.update(
            tx, call.rid, now=call.now, by=call.by, provisioning_state=DELETING
        )
        return {}

    async def _remove(self, job: Job) -> Done:
        async def settle(tx: Tx) -> None:
            await self._store.resources.delete(tx, job.rid)

        return Done(settle=settle)

    async def _withhold(
        self, tx: Tx, old: Resource | None, task: Task, protected: dict[str, Any], now: datetime
    ) -> None:
        """Keep what is protected of a run, sealed, in place of what was of the one before."""
        if old is not None:
            await self._store.withheld.drop(tx, task_of(old).run)
        if protected:
            await self._store.withheld.put(tx, self._store.vault, task.run, protected, now)

    async def _show(self, tx: Tx, job: Job, run: str, *, state: str | None = None, **changes: Any) -> None:
        """Write down how `run` does, unless another one counts by now. What was withheld of it goes when it
        has ended.
        """
        if state is not None:
            await self._store.withheld.drop(tx, run)
        row = await self._inside.is_current(tx, job, run)
        if row is not None:
            await self._store.resources.update(
                tx,
                job.rid,
                now=clock.now(),
                properties=with_task(row, **changes),
                provisioning_state=state,
            )
