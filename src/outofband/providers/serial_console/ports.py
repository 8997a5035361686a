"""Microsoft.SerialConsole/serialPorts: ports of VMs, of instances of scale sets, and of connected machines
themselves, as extensions of them. Each has one, `0`.
"""

from __future__ import annotations

import dataclasses
import re
import uuid
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
from outofband.providers.compute.profiles import boot_diagnostics
from outofband.providers.compute.scale_shape import model_of, set_private
from outofband.providers.serial_console.diagnostics import Diagnostics
from outofband.providers.serial_console.log_kept import KeptLogs
from outofband.providers.serial_console.reading import Reading
from outofband.providers.serial_console.servers import EPOCH, ServerConsoles, is_server
from outofband.providers.serial_console.services import NAMESPACE, SINCE
from outofband.resources.declaration import Act, Draft, Item, Page, Place, Put, ResourceType, Written
from outofband.resources.exchange import Answer, Call
from outofband.resources.lookup import missing
from outofband.resources.registry import refuse_classic
from outofband.storage.service import Storage
from outofband.store.agents import Agent
from outofband.store.resources import Resource
from outofband.store.sessions import ConsoleSession
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.console import SUBPROTOCOL
from outofband.wire.grant import Mode
from outofband.wire.machine import Power, Verb

ACTION_SECONDS = 25.0
"""How long a client waits for the effect of an NMI, a SysRq key or a reset; the host looks for 10 s."""
_PORT = "0"
_STATES = ("enabled", "disabled")
_SYSRQ = re.compile(r"[0-9a-z]")
# UNKNOWN too: a person must not be kept out because the host could not tell.
_OPEN = frozenset({Power.STARTING.value, Power.RUNNING.value, Power.STOPPING.value, Power.UNKNOWN.value})


def _own(name: str) -> str:
    """The RBAC action for one of a port's actions alone, narrower than CONNECT."""
    return f"{NAMESPACE}/serialPorts/{name}/action"


RIGHTS = {
    OBSERVE: "Watch the console of a VM",
    TYPE: "Type on the console of a VM, without taking the keyboard from somebody",
    TAKE_OVER: "Take the keyboard of a console from somebody who types",
    _own("nmi"): "Send a non-maskable interrupt to the VM, and nothing else",
    _own("sysrq"): "Send a SysRq key to a Linux VM, and nothing else",
    _own("ctrlAltDel"): "Press Ctrl-Alt-Del on the VM's own keyboard, and nothing else",
    _own("reset"): "Reset the VM from its console, and nothing else",
    _own("tail"): "Read the last lines of a VM's console, and nothing else",
    _own("log"): "Read and search all that a VM printed on its console, and nothing else",
    _own("screenshot"): "Take a picture of a VM's screen, and nothing else",
}
"""The parts of a console, to be given one by one; CONNECT contains those that are about the live console."""


Run = Callable[[Call, Item, Any], Awaitable[Answer]]
Target = Resource | Agent
"""What a port is of: a VM's row, or that of a connected machine."""


def _name(row: Target) -> str:
    """In sentences."""
    return row.name if isinstance(row, Agent) else vm.machine_name(row)


def _of_vms(name: str, run: Run) -> Run:
    """An action that a server's console does not have."""

    async def guarded(call: Call, item: Item, body: Any) -> Answer:
        if isinstance(item.row, Agent):
            raise Fault("ServerConsoleAction", server=item.row.name, action=name)
        return await run(call, item, body)

    return guarded


class ConnectRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`session` goes on with a session that lost its socket."""

    session: str | None = None


class Ticket(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The way to one console. `ticket` opens one socket at `url`, once, within `expiresIn` seconds."""

    url: str
    ticket: str
    session: str
    expires_in: int
    subprotocol: str = SUBPROTOCOL
    """What lets the first message go with the request for the socket."""


class Connected(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`connectionString` is for clients of Azure's, `outofband` for those of our own protocol; either is used
    once.
    """

    connection_string: str
    outofband: Ticket


class SysrqRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`key`: one of `0-9a-z`, as in the Linux kernel's documentation of SysRq; `h` prints what there is."""

    key: str = "h"


class PortProperties(msgspec.Struct, frozen=True, kw_only=True):
    """`state`: `enabled` or `disabled`."""

    state: str = ""


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """What the VM's host saw happen: one sentence, and data of it."""

    observed: str
    data: dict[str, Any] = {}


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
        self._diagnostics = Diagnostics(store, authorizer, storage)
        self._servers = ServerConsoles(store, fleet)

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
            fixed={"serialPorts": _PORT},
            put=Put(
                plan=self._put,
                properties=PortProperties,
                # Azure's clients take nothing else for an answer, also where the port was there before.
                updated_status=201,
                example={"properties": {"state": "enabled"}},
            ),
            actions={
                "connect": Act(
                    run=self._connect,
                    about="Get a ticket for the console of the VM",
                    body=ConnectRequest,
                    answer=Connected,
                    also=(TYPE, OBSERVE),
                ),
                "nmi": Act(
                    run=self._nmi,
                    about="Send a non-maskable interrupt to the VM",
                    answer=Observed,
                    permission=CONNECT,
                    also=(_own("nmi"),),
                ),
                "reset": Act(
                    run=self._reset,
                    about="Reset the VM, as its reset button would; what is not saved is lost",
                    answer=Observed,
                    permission=CONNECT,
                    also=(_own("reset"),),
                ),
                "sysrq": Act(
                    run=self._sysrq,
                    about="Send a SysRq key to a Linux VM",
                    body=SysrqRequest,
                    noted=lambda body: {"key": body.key[:1]},
                    answer=Observed,
                    permission=CONNECT,
                    also=(_own("sysrq"),),
                ),
                "ctrlAltDel": Act(
                    run=self._ctrl_alt_del,
                    about="Press Ctrl-Alt-Del on the keyboard that the VM's hypervisor gives it",
                    answer=Observed,
                    permission=CONNECT,
                    also=(_own("ctrlAltDel"),),
                ),
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
        if rid.name != _PORT:
            raise Fault("PortNotFound", vm=_name(row), port=rid.name)
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
            only = await self.get(call, tx, call.rid.extension(NAMESPACE, "serialPorts", _PORT))
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
        rid = parse_id(row.id).extension(NAMESPACE, "serialPorts", _PORT)
        report = self._fleet.report(row.uid, vm.private_of(row).agent)
        watched = report is not None and any(port.viewers or port.writer for port in report.ports)
        body: dict[str, Any] = {
            "id": str(rid),
            "name": _PORT,
            "type": f"{NAMESPACE}/serialPorts",
            "properties": {
                "state": "disabled" if vm.console_switch(row) else "enabled",
                "connectionState": "active" if watched else "inactive",
            },
        }
        if shows := instance_view.port_shows(report, _PORT):
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

    async def _connect(self, call: Call, item: Item, body: ConnectRequest) -> Answer:
        row: Target = item.row
        rights = await self._authorizer.rights(call.principal)
        types = any(rights.allow(each, item.rid) for each in (CONNECT, TYPE))
        allowed = frozenset({Mode.WRITE, Mode.OBSERVE} if types else {Mode.OBSERVE})
        warning: Fault | None = None
        if isinstance(row, Agent):
            agent, rid, uid = await self._servers.ready(row), row.resource_id, row.id
        else:
            agent, rid, uid = await self._ready(row), row.id, row.uid
            warning = await self._diagnostics.trouble(call.principal, row, types=types)
            if warning is not None and not await self._warns(row):
                raise warning
        connection = await self._sessions.connect(
            call.principal,
            vm_id=rid,
            vm=uid,
            vm_name=_name(row),
            agent=agent,
            subscription=row.subscription_id,
            port=_PORT,
            rights=allowed,
            address=call.request.address,
            base=call.request.base,
            resume_session=body.session,
            warning=warning,
        )
        ticket = Ticket(
            url=connection.url,
            ticket=connection.ticket,
            session=connection.session,
            expires_in=connection.expires_in,
        )
        return Answer(
            body=Connected(connection_string=connection.text_url, outofband=ticket),
            headers={"Cache-Control": "no-store"},
        )

    async def _nmi(self, call: Call, item: Item, body: Any) -> Answer:
        return await self._send(item.row, Verb.NMI, {})

    async def _ctrl_alt_del(self, call: Call, item: Item, body: Any) -> Answer:
        return await self._send(item.row, Verb.CTRL_ALT_DEL, {})

    async def _reset(self, call: Call, item: Item, body: Any) -> Answer:
        return await self._send(item.row, Verb.RESET, {})

    async def _sysrq(self, call: Call, item: Item, body: SysrqRequest) -> Answer:
        if not _SYSRQ.fullmatch(body.key):
            raise Fault("InvalidParameter", target="key", detail="it is one of 0-9 and a-z")
        if not isinstance(item.row, Agent) and vm.is_windows(item.row):
            raise Fault("SysrqNotForWindows", vm=vm.machine_name(item.row))
        return await self._send(item.row, Verb.SYSRQ, {"key": body.key})

    async def _send(self, row: Target, verb: Verb, args: dict[str, Any]) -> Answer:
        if isinstance(row, Agent):
            agent, uid, epoch = await self._servers.ready(row), row.id, EPOCH
        else:
            agent, uid, epoch = await self._ready(row), row.uid, row.epoch
        result = await self._fleet.command(
            agent,
            verb.value,
            uid,
            args,
            key=f"{uuid.uuid4()}:{verb.value}",
            epoch=epoch,
            timeout=ACTION_SECONDS,
        )
        told = Observed(observed=result.observed, data=result.data)
        return Answer(body=told, noted={**args, "observed": result.observed})

    async def _ready(self, row: Resource) -> str:
        """Everything that can keep a person from a console, the cheapest to mend last. The VM's agent."""
        async with self._store.read() as tx:
            disabled = await self._store.console_settings.disabled(tx, row.subscription_id)
        if disabled:
            raise Fault("ConsoleDisabledForSubscription", subscription=row.subscription_id)
        name = vm.machine_name(row)
        if (switched := vm.console_switch(row)) is not None:
            if not vm.boot_diagnostics_on(row):
                await self._refuse_stale(row)
            raise switched
        private = vm.private_of(row)
        if not private.placed and row.provisioning_state == "Failed":
            raise Fault("VmNotPlaced", vm=name)
        if not self._fleet.connected(private.agent):
            raise self._fleet.offline(private.agent)
        power = instance_view.power(self._fleet, row)
        if row.provisioning_state == "Creating" and power not in (Power.STARTING.value, Power.RUNNING.value):
            raise Fault("VmProvisioning", vm=name)
        if power not in _OPEN:
            raise Fault("VmNotRunning", vm=vm.command_name(row), power=power)
        return private.agent

    async def _warns(self, row: Resource) -> bool:
        """Whether trouble with the diagnostics' storage account is told and keeps nobody out."""
        async with self._store.read() as tx:
            return await self._store.console_settings.storage_warns(tx, row.subscription_id)

    async def _refuse_stale(self, row: Resource) -> None:
        """Raises Fault InstanceNotLatestModel where boot diagnostics are on in the model that an instance
        lacks: then it is the update that is missing, not the switch.
        """
        if row.type.lower() != vm.INSTANCES.lower():
            return
        async with self._store.read() as tx:
            above = await self._store.resources.get(tx, row.parent_key or "")
        if above is None or set_private(above).model == vm.private_of(row).model:
            return
        if boot_diagnostics(model_of(above).profile).get("enabled") is not False:
            raise Fault(
                "InstanceNotLatestModel",
                instance=vm.machine_name(row),
                scaleset=above.name,
                number=row.name,
            )
