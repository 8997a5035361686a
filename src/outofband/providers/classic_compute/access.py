"""`POST .../resetRemoteAccess`: the VMAccess extension written on the VM behind a classic one.

So what is done, how its secrets are kept and what is shown of it is the extension's own affair, and the VM's
extensions show it. An extension that VMAccess has already, whatever its name, is used again.
"""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.providers.compute import shape as vm
from outofband.providers.compute.extension_kinds import VM_ACCESS_LINUX, VM_ACCESS_WINDOWS
from outofband.providers.compute.extensions import ExtensionProperties, Extensions
from outofband.providers.compute.inside import Inside
from outofband.resources.declaration import Draft, Item
from outofband.resources.exchange import Call
from outofband.resources.job import Done, Job
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx

USUAL = "enablevmaccess"
"""The name that Azure's command line gives it."""
_LINUX = ("Microsoft.OSTCExtensions", "VMAccessForLinux", "1.5")
_WINDOWS = ("Microsoft.Compute", "VMAccessAgent", "2.4")
_KINDS = {VM_ACCESS_LINUX, VM_ACCESS_WINDOWS}


class ResetBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Without a password only the configuration is reset."""

    user_name: str | None = None
    password: str | None = None


class On(msgspec.Struct, frozen=True, kw_only=True):
    extension: str


class RemoteAccess:
    def __init__(self, store: Store, inside: Inside) -> None:
        self._store = store
        declared = Extensions(store, inside).declare()
        assert declared.put is not None and declared.put.step is not None
        self._put, self._step = declared.put, declared.put.step

    async def plan(self, call: Call, tx: Tx, machine: Resource, body: ResetBody, *, tag: str) -> Any:
        """Write the extension within the accepting unit. `tag` makes this writing another than the last.

        Raises Fault InvalidParameter, ActionNotOffered and what the extension does.
        """
        if body.password is not None and not body.user_name:
            raise Fault("InvalidParameter", target="userName", detail="the account whose password it is")
        if body.user_name is not None and not body.password:
            raise Fault("InvalidParameter", target="password", detail="the account's new password")
        windows = vm.is_windows(machine)
        publisher, kind, version = _WINDOWS if windows else _LINUX
        row = await self._kept(tx, machine, publisher, kind)
        name = row.name if row is not None else USUAL
        rid = _child(parse_id(machine.id), name)
        settings, protected = _windows(body) if windows else _linux(body)
        properties = {
            "publisher": publisher,
            "type": kind,
            "typeHandlerVersion": version,
            "settings": settings,
            "forceUpdateTag": tag,
        }
        written = await self._put.plan(
            msgspec.structs.replace(call, rid=rid),
            tx,
            Draft(
                location=machine.location,
                tags=None,
                properties=ExtensionProperties(
                    publisher=publisher,
                    type=kind,
                    type_handler_version=version,
                    settings=settings,
                    protected_settings=protected,
                    force_update_tag=tag,
                ),
                raw={"properties": properties},
            ),
            Item(rid=rid, body={}, row=row) if row is not None else None,
        )
        if written.work is None:
            raise Fault("ActionNotOffered", why="Nothing that is known here resets it in such a guest")
        return {**written.work, "extension": str(rid)}

    async def run(self, job: Job) -> Done:
        return await self._step.run(self._on(job))

    async def failed(self, job: Job, tx: Tx, fault: Fault) -> None:
        assert self._step.failed is not None
        await self._step.failed(self._on(job), tx, fault)

    def _on(self, job: Job) -> Job:
        return job.on(parse_id(job.input(On).extension))

    async def _kept(self, tx: Tx, machine: Resource, publisher: str, kind: str) -> Resource | None:
        page = await self._store.resources.page(
            tx,
            subscription=parse_id(machine.id).subscription,
            group=parse_id(machine.id).group,
            type=f"{vm.TYPE}/extensions",
            parent=parse_id(machine.id),
        )
        wanted = (publisher.lower(), kind.lower())
        assert wanted in _KINDS
        for row in page.items:
            has = (str(row.properties["publisher"]).lower(), str(row.properties["type"]).lower())
            if has == wanted:
                return row
        return None


def _linux(body: ResetBody) -> tuple[dict[str, Any], dict[str, Any]]:
    protected: dict[str, Any] = {"reset_ssh": True}
    if body.password is not None:
        protected |= {"username": body.user_name, "password": body.password}
    return {}, protected


def _windows(body: ResetBody) -> tuple[dict[str, Any], dict[str, Any]]:
    if body.password is None:
        return {}, {}
    return {"UserName": body.user_name}, {"Password": body.password}


def _child(machine: ResourceId, name: str) -> ResourceId:
    return msgspec.structs.replace(machine, chain=(*machine.chain, ("extensions", name)))
