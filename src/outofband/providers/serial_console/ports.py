"""Microsoft.SerialConsole/serialPorts: ports of VMs, of instances of scale sets, and of connected machines
themselves, as extensions of them. Each has one, `0`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from outofband.access.authorizer import Authorizer
from outofband.consoles.rights import CONNECT, OBSERVE, TAKE_OVER, TYPE
from outofband.consoles.sessions import Sessions
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.diagnostics.boot_log import BootLog
from outofband.diagnostics.places import Places
from outofband.fleet.fleet import Fleet
from outofband.providers.compute import instance_view
from outofband.providers.compute import shape as vm
from outofband.providers.serial_console.connecting import Connecting
from outofband.providers.serial_console.diagnostics import Diagnostics
from outofband.providers.serial_console.log_kept import KeptLogs
from outofband.providers.serial_console.readiness import Readiness, Target, name_of
from outofband.providers.serial_console.reading import Reading
from outofband.providers.serial_console.sending import Sending
from outofband.providers.serial_console.servers import ServerConsoles, is_server
from outofband.providers.serial_console.services import NAMESPACE, PORT, SINCE, own
from outofband.resources.declaration import Draft, Item, Page, Place, Put, ResourceType, Written
from outofband.resources.exchange import Answer, Call
from outofband.resources.lookup import missing
from outofband.resources.registry import refuse_classic
from outofband.storage.service import Storage
from outofband.store.agents import Agent
from outofband.store.sessions import ConsoleSession
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.grant import Mode

_STATES = ("enabled", "disabled")
RIGHTS = {
    OBSERVE: "Watch the console of a VM",
    TYPE: "Type on the console of a VM, without taking the keyboard from somebody",
    TAKE_OVER: "Take the keyboard of a console from somebody who types",
    own("nmi"): "Send a non-maskable interrupt to the VM, and nothing else",
    own("sysrq"): "Send a SysRq key to a Linux VM, and nothing else",
    own("ctrlAltDel"): "Press Ctrl-Alt-Del on the VM's own keyboard, and nothing else",
    own("reset"): "Reset the VM from its console, and nothing else",
    own("tail"): "Read the last lines of a VM's console, and nothing else",
    own("log"): "Read and search all that a VM printed on its console, and nothing else",
    own("screenshot"): "Take a picture of a VM's screen, and nothing else",
}
"""The parts of a console, to be given one by one; CONNECT contains those that are about the live console."""

Run = Callable[[Call, Item, Any], Awaitable[Answer]]


def _of_vms(name: str, run: Run) -> Run:
    """An action that a server's console does not have."""

    async def guarded(call: Call, item: Item, body: Any) -> Answer:
        if isinstance(item.row, Agent):
            raise Fault("ServerConsoleAction", server=item.row.name, action=name)
        return await run(call, item, body)

    return guarded


class PortProperties(msgspec.Struct, frozen=True, kw_only=True):
    """`state`: `enabled` or `disabled`."""

    state: str = ""


class SerialPorts:
    def __init__(
        self,
        store: Store,
        authorizer: Authorizer,
        fleet: Fleet,
        sessions: Sessions,
        storage: Storage,
        places: Places,
    ) -> None:
        self._store = store
        self._authorizer = authorizer
        self._fleet = fleet
        self._sessions = sessions
        kept = KeptLogs(store, authorizer, places, BootLog(store, storage, places))
        self._reading = Reading(store, fleet, kept)
        self._servers = ServerConsoles(store, fleet)
        readiness = Readiness(store, fleet, self._servers)
        diagnostics = Diagnostics(store, authorizer, storage)
        self._connecting = Connecting(store, authorizer, sessions, readiness, diagnostics)
        self._sending = Sending(fleet, readiness)

    def declare(self) -> ResourceType:
        return ResourceType(
            name=f"{NAMESPACE}/serialPorts",
            about="a serial port of a VM",
            many="serial ports",
            since=SINCE,
            source=self,
            places=frozenset({Place.RESOURCE}),
            lists=frozenset({Place.SUBSCRIPTION, Place.RESOURCE}),
            extends=vm.TYPE,
            fixed={"serialPorts": PORT},
            put=Put(
                plan=self._put,
                properties=PortProperties,
                # Azure's clients take nothing else for an answer, also where the port was there before.
                updated_status=201,
                example={"properties": {"state": "enabled"}},
            ),
            actions={
                **self._connecting.actions(),
                **self._sending.actions(),
                **{
                    name: dataclasses.replace(act, run=_of_vms(name, act.run))
                    for name, act in self._reading.actions().items()
                },
            },
            urgent=frozenset({"GET", "PUT", "POST"}),
            also_read=(CONNECT, TYPE, OBSERVE),
            rights=RIGHTS,
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        row = await self._target(tx, rid.parent)
        if rid.name != PORT:
            raise Fault("PortNotFound", vm=name_of(row), port=rid.name)
        item = self._item(row)
        if call.request.method == "GET":
            rights = await self._authorizer.rights(call.principal, tx)
            # Who is there, and from where, is for those who could be there themselves.
            if any(rights.allow(each, item.rid) for each in (CONNECT, TYPE, OBSERVE)):
                own = item.body["properties"].setdefault("outofband", {})
                own["viewers"] = await self._viewers(tx, row)
        return item

    async def _put(self, call: Call, tx: Tx, draft: Draft, there: Item | None) -> Written:
        assert there is not None, "get raises where there is no such port"
        wanted: PortProperties = draft.properties
        if wanted.state.lower() not in _STATES:
            detail = f"it is one of {', '.join(_STATES)}"
            raise Fault("InvalidParameter", target="properties.state", detail=detail)
        row: Target = there.row
        closed = wanted.state.lower() == "disabled"
        if isinstance(row, Agent):
            # The host's administrator decides that, in a file that no control plane can change (D4).
            if wanted.state.lower() != there.body["properties"]["state"]:
                raise Fault("ServerConsoleSwitch", server=row.name)
            return Written(item=there)
        if closed != vm.private_of(row).closed:
            changed = vm.with_private(row, closed=closed)
            row = await self._store.resources.update(tx, row.key, now=call.now, properties=changed) or row
        return Written(item=self._item(row))

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        if call.rid.chain:
            only = await self.get(call, tx, call.rid.extension(NAMESPACE, "serialPorts", PORT))
            return Page(items=[only] if only is not None else [])
        pages = [
            await self._store.resources.page(
                tx, subscription=call.rid.subscription, type=kind, after=after, limit=limit
            )
            for kind in (vm.TYPE, vm.INSTANCES)
        ]
        rows: list[tuple[str, Target]] = [(row.key, row) for page in pages for row in page.items]
        servers = self._servers.listed(call.rid.subscription, after, limit)
        rows = sorted(
            [*rows, *((each.resource_id.lower(), each) for each in servers)], key=lambda row: row[0]
        )
        # One full page of servers may have another behind it.
        more = len(rows) > limit or len(servers) == limit or any(page.after is not None for page in pages)
        rows = rows[:limit]
        return Page(items=[self._item(row) for _, row in rows], after=rows[-1][0] if more else None)

    async def _target(self, tx: Tx, rid: ResourceId | None) -> Target:
        if rid is not None and is_server(rid):
            return await self._servers.find(tx, rid)
        if rid is None or rid.type.lower() not in vm.MACHINES:
            refuse_classic(rid.type if rid is not None else "")
            raise Fault("InvalidResourceType", type="serialPorts", namespace=NAMESPACE)
        row = await self._store.resources.get(tx, rid)
        if row is None:
            raise await missing(self._store, tx, rid)
        return row

    def _item(self, row: Target) -> Item:
        if isinstance(row, Agent):
            return self._servers.item(row)
        rid = parse_id(row.id).extension(NAMESPACE, "serialPorts", PORT)
        report = self._fleet.report(row.uid, vm.private_of(row).agent)
        watched = report is not None and any(port.viewers or port.writer for port in report.ports)
        body: dict[str, Any] = {
            "id": str(rid),
            "name": PORT,
            "type": f"{NAMESPACE}/serialPorts",
            "properties": {
                "state": "disabled" if vm.console_switch(row) else "enabled",
                "connectionState": "active" if watched else "inactive",
            },
        }
        if shows := instance_view.port_shows(report, PORT):
            body["properties"]["outofband"] = {"shows": shows}
        return Item(rid=rid, body=body, row=row)

    async def _viewers(self, tx: Tx, row: Target) -> Sequence[dict[str, Any]]:
        """Everybody attached, at any node, longest there first."""
        if isinstance(row, Agent):
            found, report = await self._store.sessions.live(tx, vm=row.resource_id), self._servers.report(row)
        else:
            found = await self._store.sessions.live(tx, vm=row.id)
            report = self._fleet.report(row.uid, vm.private_of(row).agent)
        typing = {port.writer_session for port in report.ports} if report is not None else set()

        def mode(each: ConsoleSession) -> Mode:
            # The host alone knows who types; what a person asked for is told while it has not said so.
            if typing - {None}:
                return Mode.WRITE if each.id in typing else Mode.OBSERVE
            return self._sessions.mode(each.id) or Mode(each.mode)

        return [
            {
                "name": each.principal_name,
                "mode": mode(each).value,
                "since": clock.iso(each.attached),
                "address": each.client_address or "",
                "client": each.client or "",
                "session": each.id,
            }
            for each in found
            if each.attached is not None
        ]
