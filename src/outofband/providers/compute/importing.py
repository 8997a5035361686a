"""Machines that a host has and the control plane has no resource for: found, listed, taken over by a PUT.

A resource may have been lost with the database, or the host was enrolled with another control plane before.
The agent reports every machine with its definition, so the resource can be made again from its word; a VM
that others run is taken over by its serial socket instead, with the driver `unix`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from outofband.access.authorizer import Rights
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.fleet.fleet import Fleet
from outofband.fleet.hosts import HostView
from outofband.providers.compute.guests import Guest
from outofband.resources.declaration import Item, Page, Place, ResourceType
from outofband.resources.exchange import Call
from outofband.store.resources import group_id
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.machine import VmReport

TYPE = "Microsoft.Compute/importableVirtualMachines"
SINCE = "2015-06-15"
_TAKE_OVER = "Microsoft.Compute/virtualMachines/write"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A machine with the host that has it."""

    host: HostView
    report: VmReport

    @property
    def guest(self) -> Guest:
        return Guest(
            driver=self.report.driver,
            image=self.report.image,
            program=self.report.program,
            socket=self.report.socket,
            memory_mib=self.report.memory_mib,
            cpus=self.report.cpus,
        )


class Importable:
    """The source of the type, and what a PUT of a VM asks. Each lies in the resource group of its host."""

    def __init__(self, store: Store, fleet: Fleet) -> None:
        self._store = store
        self._fleet = fleet

    def declare(self) -> ResourceType:
        return ResourceType(
            name=TYPE,
            about="a machine that a host has and no resource stands for",
            many="machines of hosts that no resource stands for",
            since=SINCE,
            version="2024-11-01",
            source=self,
            places=frozenset({Place.GROUP}),
            lists=frozenset({Place.SUBSCRIPTION, Place.GROUP}),
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        found = await self._all(tx, rid.subscription, rid.group, only=rid.name.lower())
        return _item(found[0]) if found else None

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        found = await self._all(tx, call.rid.subscription, call.rid.group)
        items = sorted((_item(each) for each in found), key=lambda item: item.rid.key)
        rest = [item for item in items if after is None or item.rid.key > after]
        return Page(items=rest[:limit], after=rest[limit - 1].rid.key if len(rest) > limit else None)

    async def find(self, tx: Tx, rid: ResourceId, vm_id: str, rights: Rights) -> Found:
        """The machine that a VM at `rid` is to be made of; whoever takes it over needs the right to change
        VMs where its host is. Raises Fault ResourceNotFound, VmNotImportable.
        """
        found = [
            each
            for each in await self._all(tx, rid.subscription, None, only=vm_id.lower())
            if rights.allow(_TAKE_OVER, group_id(_rid(each)))
        ]
        if not found:
            raise Fault("ResourceNotFound", resource=f"{TYPE}/{vm_id[:40]}", group=rid.group or "")
        # Two hosts may have it after a move that was cut short: the newer copy is the VM.
        newest = max(found, key=lambda each: (each.report.epoch, each.host.connected))
        if newest.report.cpus < 1:
            raise Fault("VmNotImportable", host=newest.host.agent.name, vm=newest.report.name)
        return newest

    async def _all(
        self, tx: Tx, subscription: str | None, group: str | None, only: str | None = None
    ) -> Sequence[Found]:
        """Of hosts that are there; which uuids have a resource, of whatever tenant, is asked of the store."""
        candidates = [
            Found(host=host, report=report)
            for host in self._fleet.agents(subscription, group)
            for report in host.machines
            if only is None or report.vm == only
        ]
        taken = await self._store.resources.taken(tx, [each.report.vm for each in candidates])
        return [each for each in candidates if each.report.vm not in taken]


def _rid(found: Found) -> ResourceId:
    return ResourceId(
        subscription=found.host.agent.subscription_id,
        group=found.host.agent.resource_group,
        namespace="Microsoft.Compute",
        chain=(("importableVirtualMachines", found.report.vm),),
    )


def _item(found: Found) -> Item:
    agent, rid = found.host.agent, _rid(found)
    properties: dict[str, Any] = {
        "machineName": found.report.name,
        "vmId": found.report.vm,
        "host": {"id": agent.resource_id},
        "hostConnected": found.host.connected,
        "power": found.report.power.value,
        "since": found.report.since,
        "epoch": found.report.epoch,
        "outofband": msgspec.to_builtins(found.guest),
    }
    body = {"id": str(rid), "name": found.report.vm, "type": TYPE, "properties": properties}
    return Item(rid=rid, body=body)
