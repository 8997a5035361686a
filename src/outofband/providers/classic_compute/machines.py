"""Microsoft.ClassicCompute/virtualMachines, declared.

What is done to a classic VM is done to the VM that it is a view of, by the same steps, as operations of the
classic one: so whoever may only use the classic one can follow them. Locks of the VM hold as well.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.diagnostics.places import Places
from outofband.fleet.fleet import Fleet
from outofband.providers.classic_compute import shape
from outofband.providers.classic_compute.access import RemoteAccess, ResetBody
from outofband.providers.classic_compute.shape import TYPE, ClassicProperties
from outofband.providers.compute.boot_data import MINUTES, BootData
from outofband.providers.compute.inside import Inside
from outofband.providers.compute.machines import check_power
from outofband.providers.compute.moving import Consoles
from outofband.providers.compute.power import Shutdown, Work
from outofband.providers.network.endpoints import SHOWN, machine_of, view_of
from outofband.providers.network.hosting import public_addresses
from outofband.providers.network.house import House
from outofband.resources.declaration import (
    Act,
    Begin,
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
from outofband.resources.exchange import Answer, Call
from outofband.resources.job import Done, Job
from outofband.resources.lookup import DELETING
from outofband.resources.polling import DEFAULT_LOCATION
from outofband.store.locks import LockLevel
from outofband.store.network import Link
from outofband.store.resources import Resource, group_id
from outofband.store.store import Store
from outofband.store.tx import Tx

SINCE = "2014-06-01"
VERSION = "2017-04-01"
_VM = "Microsoft.Compute/virtualMachines"
_GIVEN = tuple(
    f"{_VM}/{verb}"
    for verb in (
        "read",
        "write",
        "start/action",
        "restart/action",
        "deallocate/action",
        "retrieveBootDiagnosticsData/action",
        "extensions/write",
    )
)
"""What whoever may use a classic VM can do to the VM behind it: nobody gives others more than they have."""
_EXAMPLE = {"properties": {"outofband": {"virtualMachine": {"id": "ID of a VM"}}}}


class On(msgspec.Struct, frozen=True, kw_only=True):
    """Input of an operation: the VM it is done to."""

    vm: str


class ClassicMachines:
    def __init__(self, house: House, fleet: Fleet, consoles: Consoles, places: Places) -> None:
        store, authorizer = house.store, house.authorizer
        self._store, self._authorizer, self._fleet = store, authorizer, fleet
        self._work = Work(store, fleet, consoles, house)
        self._access = RemoteAccess(store, Inside(store, fleet))
        self._boot_data = BootData(store, authorizer, places).declare()

    def declare(self) -> ResourceType:
        return ResourceType(
            name=TYPE,
            about="a VM as the classic deployment model shows it",
            many="classic VMs",
            since=SINCE,
            version=VERSION,
            source=self,
            urgent=frozenset({"GET"}),
            places=frozenset({Place.GROUP}),
            lists=frozenset({Place.SUBSCRIPTION, Place.GROUP}),
            put=Put(plan=self._put, properties=ClassicProperties, example=_EXAMPLE),
            patch=Patch(plan=self._patch, properties=ClassicProperties, example={"tags": {"owner": "me"}}),
            delete=Delete(plan=self._delete),
            actions={
                "start": self._power(self._work.start, "Start a classic VM"),
                "restart": self._power(self._work.restart, "Restart a classic VM: ask, then force it"),
                "shutdown": self._power(
                    self._work.deallocate, "Shut a classic VM down, force it if need be, and free its host"
                ),
                "resetRemoteAccess": Begin(
                    plan=self._plan_reset,
                    step=Step(run=self._reset, failed=self._reset_failed),
                    body=ResetBody,
                    about="Reset remote access of a classic VM, and an account's password if one is given",
                ),
                "retrieveBootDiagnosticsData": Act(
                    run=self._boot,
                    about=self._boot_data.about,
                    answer=self._boot_data.answer,
                    options=(Option(name=MINUTES, about=self._boot_data.options[0].about),),
                ),
            },
        )

    # Reading

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        row = await self._store.resources.get(tx, rid)
        return await self._item(tx, row) if row is not None else None

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        found = await self._store.resources.page(
            tx, subscription=call.rid.subscription, group=call.rid.group, type=TYPE, after=after, limit=limit
        )
        return Page(items=[await self._item(tx, row) for row in found.items], after=found.after)

    async def _item(self, tx: Tx, row: Resource) -> Item:
        machine = await behind(self._store, tx, row)
        public = await public_addresses(self._store, tx, machine) if machine is not None else []
        body: dict[str, Any] = {"id": row.id, "name": row.name, "type": TYPE, "location": row.location}
        if row.tags:
            body["tags"] = row.tags
        body["properties"] = shape.shown(self._fleet, row, machine, public)
        body["etag"] = row.etag
        return Item(rid=parse_id(row.id), body=body, etag=row.etag, row=row)

    # Changing

    async def _put(self, call: Call, tx: Tx, draft: Draft, there: Item | None) -> Written:
        wanted: ClassicProperties = draft.properties
        named = wanted.outofband.virtual_machine if wanted.outofband is not None else None
        if there is not None and (named is None or not named.id):
            return await self._write(call, tx, draft, there.row, await self._require(tx, there.row))
        machine = await self._named(call, tx, named.id if named is not None else None)
        return await self._write(call, tx, draft, there.row if there is not None else None, machine)

    async def _patch(self, call: Call, tx: Tx, draft: Draft, there: Item) -> Written:
        if draft.properties.outofband is not None:
            raise Fault("PropertyChangeNotAllowed", property="outofband.virtualMachine")
        machine = await self._require(tx, there.row)
        return await self._write(call, tx, draft, there.row, machine)

    async def _write(
        self, call: Call, tx: Tx, draft: Draft, kept: Resource | None, machine: Resource
    ) -> Written:
        wanted: ClassicProperties = draft.properties
        domain = shape.domain_of(kept) if kept is not None else call.rid.name
        if wanted.domain_name is not None:
            domain = shape.domain(wanted.domain_name, domain)
        if wanted.network_profile is not None:
            endpoints = shape.checked(wanted.network_profile.input_endpoints)
        elif kept is not None:
            endpoints = kept.properties[SHOWN]
        else:
            endpoints = shape.checked(shape.usual(machine))
        # At which ports it is reached is a matter of the VM.
        await self._unlocked(tx, machine)
        if kept is not None and (before := await behind(self._store, tx, kept)) is not None:
            # Another VM's view from now on: that changes at which ports this one is reached.
            await self._unlocked(tx, before)
        await self._check_service(call, tx, domain, endpoints)
        group = await self._store.resources.get(tx, group_id(call.rid))
        tags = draft.tags if draft.tags is not None else (kept.tags if kept is not None else {})
        row, created = await self._store.resources.put(
            tx,
            call.rid,
            now=call.now,
            by=call.by,
            location=machine.location or (group.location if group else None) or DEFAULT_LOCATION,
            tags=tags,
            properties=shape.stored(machine, domain, endpoints),
        )
        link = Link(holder_key=row.key, part_id=row.id, target_key=machine.key, target_row=machine.key)
        await self._store.network.link(tx, row.key, [link])
        return Written(item=await self._item(tx, row), created=created)

    async def _named(self, call: Call, tx: Tx, text: str | None) -> Resource:
        """The VM that a body names. Raises Fault InvalidParameter, LinkedInvalidPropertyId,
        LinkedAuthorizationFailed, InvalidResourceReference or ClassicMachineTaken.
        """
        path = "properties.outofband.virtualMachine.id"
        if not text:
            raise Fault("InvalidParameter", target=path, detail="the id of the VM that it is a view of")
        try:
            rid = parse_id(text)
        except Fault as fault:
            raise Fault("LinkedInvalidPropertyId", id=text[:200], path=path) from fault
        if rid.type.lower() != _VM.lower() or rid.group is None:
            raise Fault("LinkedInvalidPropertyId", id=text[:200], path=path)
        unknown = Fault("InvalidResourceReference", reference=text[:200], resource=str(call.rid))
        if (rid.subscription or "").lower() != (call.rid.subscription or "").lower():
            raise unknown
        rights = await self._authorizer.rights(call.principal, tx)
        for needed in _GIVEN:
            rights.require_linked(needed, rid, action=f"{TYPE}/write", scope=call.rid)
        machine = await self._store.resources.get(tx, rid)
        if machine is None or machine.provisioning_state == DELETING:
            raise unknown
        other = await view_of(self._store, tx, machine)
        if other is not None and other.key != call.rid.key:
            raise Fault("ClassicMachineTaken", vm=machine.name, other=other.id)
        return machine

    async def _check_service(
        self, call: Call, tx: Tx, domain: str, endpoints: Sequence[dict[str, Any]]
    ) -> None:
        """A cloud service has each public port once. Raises Fault ClassicEndpointTaken."""
        wanted = {each["publicPort"]: each["endpointName"] for each in endpoints}
        for row in await in_service(self._store, tx, call.rid, domain):
            for each in row.properties[SHOWN]:
                if row.key != call.rid.key and each["publicPort"] in wanted:
                    port = each["publicPort"]
                    raise Fault("ClassicEndpointTaken", port=port, name=wanted[port])

    async def _delete(self, call: Call, tx: Tx, there: Item) -> None:
        machine = await behind(self._store, tx, there.row)
        if machine is not None:
            await self._unlocked(tx, machine)
        await self._store.network.forget(tx, there.row.key)
        await self._store.resources.delete(tx, there.rid)

    # What is done to the VM

    def _power(self, step: Step, about: str) -> Begin:
        return Begin(plan=self._plan_power, step=_behind(step.run), about=about)

    async def _plan_power(self, call: Call, tx: Tx, item: Item, body: Any) -> Any:
        machine = await self._usable(tx, item.row)
        check_power(self._fleet, machine)
        return {**msgspec.to_builtins(Shutdown()), "vm": machine.id}

    async def _plan_reset(self, call: Call, tx: Tx, item: Item, body: ResetBody) -> Any:
        machine = await self._usable(tx, item.row)
        return await self._access.plan(call, tx, machine, body, tag=str(uuid.uuid4()))

    async def _reset(self, job: Job) -> Done:
        return await self._access.run(job)

    async def _reset_failed(self, job: Job, tx: Tx, fault: Fault) -> None:
        await self._access.failed(job, tx, fault)

    async def _boot(self, call: Call, item: Item, body: Any) -> Answer:
        async with self._store.read() as tx:
            machine = await self._require(tx, item.row)
        return await self._boot_data.run(call, msgspec.structs.replace(item, row=machine), body)

    async def _usable(self, tx: Tx, row: Resource) -> Resource:
        """The VM, when no lock of its own keeps everybody from it. Raises Fault ClassicMachineGone, Conflict
        or ScopeLocked.
        """
        machine = await self._require(tx, row)
        if machine.provisioning_state == DELETING:
            raise Fault("Conflict", detail=f"The resource '{machine.name}' is being deleted.")
        await self._unlocked(tx, machine)
        return machine

    async def _unlocked(self, tx: Tx, machine: Resource) -> None:
        """Raises Fault ScopeLocked: whoever locked the VM did not mean its other names to be open."""
        found = await self._store.locks.over(tx, parse_id(machine.id), below=False)
        locks = [lock for lock in found if lock.level is LockLevel.READ_ONLY]
        if locks:
            raise Fault(
                "ScopeLocked",
                scope=machine.id,
                change="write",
                locked=", ".join(f"'{scope}'" for scope in dict.fromkeys(lock.scope for lock in locks)),
                locks=[lock.id for lock in locks],
            )

    async def _require(self, tx: Tx, row: Resource) -> Resource:
        machine = await behind(self._store, tx, row)
        if machine is None:
            raise Fault("ClassicMachineGone", name=row.name, vm=machine_of(row).id)
        return machine


async def behind(store: Store, tx: Tx, row: Resource) -> Resource | None:
    """The VM that a classic one is a view of; None when it is gone, whatever has its name now."""
    named = machine_of(row)
    machine = await store.resources.get(tx, named.id)
    return machine if machine is not None and machine.uid == named.uid else None


async def in_service(store: Store, tx: Tx, rid: ResourceId, domain: str) -> list[Resource]:
    """The classic VMs of a cloud service; `rid` is of anything in its group."""
    found: list[Resource] = []
    after: str | None = None
    while True:
        page = await store.resources.page(
            tx, subscription=rid.subscription, group=rid.group, type=TYPE, after=after
        )
        found += [row for row in page.items if shape.domain_of(row).lower() == domain.lower()]
        after = page.after
        if after is None:
            return found


def _behind(run: Callable[[Job], Awaitable[Done]]) -> Step:
    """A step of a VM, for an operation of its classic view."""

    async def work(job: Job) -> Done:
        return await run(job.on(parse_id(job.input(On).vm)))

    return Step(run=work)
