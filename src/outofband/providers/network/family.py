"""What the types of networks have in common: how they are stored, changed, used by others, and deleted.

A change is checked and stored whole when it is accepted; the operation that follows only ends it, and is the
place where hosts will be told. So killing the control plane at any point leaves either nothing or all of it.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.providers.network import references
from outofband.providers.network.house import LIMITS, SINCE, VERSION, House
from outofband.providers.network.references import Reference
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
from outofband.resources.rows import CHUNK
from outofband.store.network import Holding, Link
from outofband.store.resources import Resource, group_id
from outofband.store.tx import Tx

SUCCEEDED = "Succeeded"
UPDATING = "Updating"
MAX_NAMED = 10
"""Users that a refusal names."""


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """A body taken apart: what is stored as properties, and beside them (sku, zones)."""

    properties: dict[str, Any]
    envelope: dict[str, Any] = {}


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a page of rows beside what they say themselves."""

    links: dict[str, list[Link]] = {}
    """By the row that is named."""
    holdings: dict[str, list[Holding]] = {}
    machines: dict[str, str] = {}
    """The VM of a network interface, by the interface's key."""


class Family(abc.ABC):
    """One type of resources in groups; its children, if any, are properties of its rows."""

    type_name: ClassVar[str]
    about: ClassVar[str]
    many: ClassVar[str]
    in_use: ClassVar[str]
    """The code when it is to be deleted and something uses it."""
    properties: ClassVar[type[msgspec.Struct] | None] = None
    example: ClassVar[dict[str, Any]] = {}

    def __init__(self, house: House) -> None:
        self.house = house
        self.store = house.store
        self.finish = Step(run=self._finish, failed=self._failed)

    def declare(self, **more: Any) -> ResourceType:
        return ResourceType(
            name=self.type_name,
            about=self.about,
            many=self.many,
            since=SINCE,
            version=VERSION,
            source=self,
            places=frozenset({Place.GROUP}),
            lists=frozenset({Place.SUBSCRIPTION, Place.GROUP}),
            put=Put(plan=self._put, properties=self.properties, step=self.finish, example=self.example),
            patch=Patch(plan=self._patch, example={"tags": {"owner": "me"}}),
            delete=Delete(plan=self._delete, step=Step(run=self._erase, failed=self._kept)),
            **more,
        )

    # What a type says of itself

    @abc.abstractmethod
    def form(self, draft: Draft, kept: Resource | None) -> Form:
        """The body as it is to be stored. Raises Fault for what is wrong with it alone."""

    def references(self, rid: ResourceId, properties: dict[str, Any]) -> Sequence[Reference]:
        """What it names."""
        return []

    async def settle(
        self, call: Call, tx: Tx, properties: dict[str, Any], links: Sequence[Link], kept: Resource | None
    ) -> None:
        """Check it against what else there is, and take what it needs; `properties` may be completed."""
        return

    @abc.abstractmethod
    def render(self, row: Resource, seen: Seen) -> dict[str, Any]:
        """`properties` as they are answered, without the provisioning state."""

    def body(self, row: Resource) -> dict[str, Any]:
        """Members of the answer beside `properties` that are not stored."""
        return {}

    # Reading

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        row = await self.store.resources.get(tx, rid)
        return (await self.items(tx, [row]))[0] if row is not None else None

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        items: list[Item] = []
        machines = await self.machines(tx, call.rid.subscription or "")
        while True:
            found = await self.store.resources.page(
                tx,
                subscription=call.rid.subscription,
                group=call.rid.group,
                type=self.type_name,
                after=after,
                limit=min(CHUNK, limit - len(items)),
            )
            items += await self.items(tx, found.items, machines)
            after = found.after
            if after is None or len(items) >= limit:
                return Page(items=items, after=after)

    async def machines(self, tx: Tx, subscription: str) -> dict[str, str]:
        """What `Seen.machines` is for a whole list."""
        return {}

    async def seen(self, tx: Tx, rows: Sequence[Resource], machines: dict[str, str] | None = None) -> Seen:
        """`machines` is given when many rows are looked at, of a whole subscription."""
        links: dict[str, list[Link]] = {}
        for link in await self.store.network.to(tx, [row.key for row in rows]):
            links.setdefault(link.target_row, []).append(link)
        return Seen(links=links)

    async def items(
        self, tx: Tx, rows: Sequence[Resource], machines: dict[str, str] | None = None
    ) -> Sequence[Item]:
        seen = await self.seen(tx, rows, machines) if rows else Seen()
        return [self._item(row, seen) for row in rows]

    def _item(self, row: Resource, seen: Seen) -> Item:
        body: dict[str, Any] = {
            "id": row.id,
            "name": row.name,
            "type": self.type_name,
            "location": row.location,
        }
        if row.tags:
            body["tags"] = row.tags
        body |= row.envelope | self.body(row)
        body["properties"] = {
            "provisioningState": row.provisioning_state,
            "resourceGuid": row.uid,
            **self.render(row, seen),
        }
        body["etag"] = row.etag
        return Item(rid=parse_id(row.id), body=body, etag=row.etag, row=row)

    # Changing

    async def _put(self, call: Call, tx: Tx, draft: Draft, there: Item | None) -> Written:
        kept: Resource | None = there.row if there else None
        group = await self.store.resources.get(tx, group_id(call.rid))
        location = draft.location or (kept.location if kept else None)
        location = location or (group.location if group else None) or DEFAULT_LOCATION
        if kept is not None and location != kept.location:
            raise Fault("PropertyChangeNotAllowed", property="location")
        if kept is None:
            await self._check_limit(call, tx, location)
        form = self.form(draft, kept)
        tags = draft.tags if draft.tags is not None else (kept.tags if kept else {})
        return await self.write(call, tx, form, kept, location=location, tags=tags)

    async def write(
        self,
        call: Call,
        tx: Tx,
        form: Form,
        kept: Resource | None,
        *,
        location: str,
        tags: dict[str, str],
    ) -> Written:
        """Check and store it whole; `call.rid` is the resource itself."""
        properties = form.properties
        wanted = self.references(call.rid, properties)
        known = await self.store.network.of(tx, call.rid.key) if kept is not None else []
        links = await references.bind(self.house, call, tx, location, wanted, known)
        await self.settle(call, tx, properties, links, kept)
        row, created = await self.store.resources.put(
            tx,
            call.rid,
            now=call.now,
            by=call.by,
            location=location,
            tags=tags,
            properties=properties,
            envelope=form.envelope,
            provisioning_state=UPDATING,
        )
        await self.store.network.link(tx, row.key, links)
        return Written(item=(await self.items(tx, [row]))[0], created=created, work={})

    async def _check_limit(self, call: Call, tx: Tx, location: str) -> None:
        _, words, limit = LIMITS[self.type_name]
        subscription = call.rid.subscription or ""
        if await self.store.network.count(tx, subscription, self.type_name, location) >= limit:
            raise Fault("NetworkLimitReached", what=words, limit=limit, location=location)

    async def _patch(self, call: Call, tx: Tx, draft: Draft, there: Item) -> Written:
        if draft.raw.get("properties"):
            raise Fault("InvalidParameter", target="properties", detail="a PATCH changes tags; PUT the rest")
        row = await self.store.resources.update(tx, call.rid, now=call.now, by=call.by, tags=draft.tags)
        assert row is not None
        return Written(item=(await self.items(tx, [row]))[0])

    async def _delete(self, call: Call, tx: Tx, there: Item) -> Any:
        await self.refuse_used(tx, there.row, call.rid.key)
        await self.store.resources.update(tx, call.rid, now=call.now, by=call.by, provisioning_state=DELETING)
        return {}

    async def users(self, tx: Tx, row: Resource) -> Sequence[str]:
        """Ids of what uses it."""
        return [link.part_id for link in await self.store.network.to(tx, [row.key])]

    async def refuse_used(self, tx: Tx, row: Resource, leaving: str) -> None:
        """Raises Fault when something uses it that is not below `leaving`, the key of what is deleted."""
        below = leaving + "/"
        others = [each for each in await self.users(tx, row) if not (each.lower() + "/").startswith(below)]
        if others:
            raise Fault(self.in_use, name=row.id, users=", ".join(others[:MAX_NAMED]))

    async def refuse_used_part(self, tx: Tx, row: Resource, rid: ResourceId) -> None:
        """The same for one of its parts."""
        return

    # The work of operations

    async def _finish(self, job: Job) -> Done:
        top = msgspec.structs.replace(job.rid, chain=job.rid.chain[:1])

        async def settle(tx: Tx) -> None:
            row = await self.store.resources.get(tx, top)
            # Whoever asked for it to go meanwhile has the last word.
            if row is not None and row.provisioning_state != DELETING:
                await self.store.resources.update(tx, top, now=clock.now(), provisioning_state=SUCCEEDED)

        return Done(settle=settle)

    async def _failed(self, job: Job, tx: Tx, fault: Fault) -> None:
        top = msgspec.structs.replace(job.rid, chain=job.rid.chain[:1])
        await self.store.resources.update(tx, top, now=clock.now(), provisioning_state="Failed")

    async def _erase(self, job: Job) -> Done:
        """Also the way a resource goes with its whole group: then others of the group may still use it."""
        async with self.store.read() as tx:
            row = await self.store.resources.get(tx, job.rid)
            if row is not None:
                await self.refuse_used(tx, row, job.operation.resource_id.lower())

        async def settle(tx: Tx) -> None:
            await self.forget(tx, job.rid)
            await self.store.resources.delete(tx, job.rid)
            await self.store.assignments.remove_below(tx, str(job.rid))

        return Done(settle=settle)

    async def forget(self, tx: Tx, rid: ResourceId) -> None:
        """Give back what it has."""
        await self.store.network.forget(tx, rid.key)

    async def _kept(self, job: Job, tx: Tx, fault: Fault) -> None:
        await self.store.resources.update(tx, job.rid, now=clock.now(), provisioning_state=SUCCEEDED)
