"""Resource groups: made, tagged, listed, and deleted with all that is inside."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.providers.resource_manager.directory import SINCE, VERSION
from outofband.providers.resource_manager.generic import filter_of
from outofband.resources.declaration import (
    Delete,
    Draft,
    Item,
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
from outofband.resources.lookup import DELETING
from outofband.resources.polling import DEFAULT_LOCATION
from outofband.resources.rows import Rows
from outofband.store.resources import GROUP_TYPE, Resource
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.arm.filters import parse

_GROUP_NAME = re.compile(r"^[A-Za-z0-9_().-]{0,89}[A-Za-z0-9_()-]$")


class ResourceGroups:
    """`find` gives the declared type of a name: what is in a group is deleted by the step of its own type.
    `erase_host` removes an agent by its id.
    """

    def __init__(
        self,
        store: Store,
        find: Callable[[str], ResourceType | None],
        erase_host: Callable[[Tx, str], Awaitable[None]],
    ) -> None:
        self._store = store
        self._find = find
        self._erase_host = erase_host
        self._rows = Rows(store, GROUP_TYPE, _no_properties)

    def declare(self) -> ResourceType:
        return ResourceType(
            name=GROUP_TYPE,
            about="a resource group",
            many="resource groups",
            since=SINCE,
            version=VERSION,
            source=self,
            places=frozenset({Place.SUBSCRIPTION}),
            lists=frozenset({Place.SUBSCRIPTION}),
            permission="Microsoft.Resources/subscriptions/resourceGroups",
            names=_GROUP_NAME,
            put=Put(plan=self._put, example={"location": DEFAULT_LOCATION}),
            patch=Patch(plan=self._patch, example={"tags": {"owner": "me"}}),
            delete=Delete(plan=self._plan_delete, step=Step(run=self._delete, failed=self._undelete)),
            filters="`tagName eq 'NAME' and tagValue eq 'VALUE'`, `name eq 'NAME'`, `location eq 'PLACE'`",
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        return await self._rows.get(call, tx, rid)

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        """A page that a filter made shorter still says where the next one begins."""
        fits = filter_of(parse(call.request.parameter("$filter")))
        found = await self._rows.list(call, tx, after, limit)
        return Page(items=[each for each in found.items if fits(each.body)], after=found.after)

    async def _put(self, call: Call, tx: Tx, draft: Draft, there: Item | None) -> Written:
        kept: Resource | None = there.row if there else None
        if kept is not None and draft.location not in (None, kept.location):
            raise Fault("PropertyChangeNotAllowed", property="location")
        row, created = await self._store.resources.put(
            tx,
            call.rid,
            now=call.now,
            by=call.by,
            location=draft.location or (kept.location if kept else None) or DEFAULT_LOCATION,
            tags=draft.tags if draft.tags is not None else (kept.tags if kept else {}),
        )
        return Written(item=self._rows.item(row), created=created)

    async def _patch(self, call: Call, tx: Tx, draft: Draft, there: Item) -> Written:
        row = await self._store.resources.update(tx, call.rid, now=call.now, by=call.by, tags=draft.tags)
        assert row is not None
        return Written(item=self._rows.item(row))

    async def _plan_delete(self, call: Call, tx: Tx, there: Item) -> Any:
        await self._store.resources.update(
            tx, call.rid, now=call.now, by=call.by, provisioning_state=DELETING
        )
        return {}

    async def _erase_hosts(self, tx: Tx, rid: ResourceId) -> None:
        """Machines go last, for they have to forget the VMs that are in the group; and with them the tokens
        that would bring others.
        """
        agents = await self._store.agents.find(tx, subscription_id=rid.subscription)
        for agent in agents:
            if agent.resource_group.lower() == (rid.group or "").lower():
                await self._erase_host(tx, agent.id)
        await self._store.enrolment.remove_in(tx, rid.subscription or "", rid.group or "")

    async def _delete(self, job: Job) -> Done:
        while True:
            async with self._store.read() as tx:
                page = await self._store.resources.page(
                    tx, subscription=job.rid.subscription, group=job.rid.group
                )
            if not page.items:
                break
            # Children go with what they hang on.
            gone: set[str] = set()
            for row in sorted(page.items, key=lambda each: each.key.count("/")):
                if not _is_below(row.key, gone):
                    await self._erase(job, row)
                    gone.add(row.key)

        async def settle(tx: Tx) -> None:
            await self._erase_hosts(tx, job.rid)
            await self._store.resources.delete(tx, job.rid)
            await self._store.assignments.remove_below(tx, str(job.rid))
            await self._store.locks.remove_below(tx, str(job.rid))

        return Done(settle=settle)

    async def _erase(self, job: Job, row: Resource) -> None:
        rid = parse_id(row.id)
        declared = self._find(row.type)
        done = Done()
        if declared is not None and declared.delete is not None and declared.delete.step is not None:
            done = await declared.delete.step.run(job.on(rid))
        async with self._store.write() as tx:
            if done.settle is not None:
                await done.settle(tx)
            await self._store.resources.delete(tx, rid)

    async def _undelete(self, job: Job, tx: Tx, fault: Fault) -> None:
        await self._store.resources.update(tx, job.rid, now=clock.now(), provisioning_state="Succeeded")


def _is_below(key: str, owners: set[str]) -> bool:
    return any(key[:end] in owners for end, letter in enumerate(key) if letter == "/")


def _no_properties(row: Resource, expand: frozenset[str]) -> dict[str, Any]:
    return {}
