"""`connectivityCheck`: a connection really tried from a VM, beside what its rules and routes say of it.

It is tried by a script in the guest; where nothing in the guest can, by its host, from which the guest's own
connections leave as well, and then that is said.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec

from outofband.core.errors import Fault
from outofband.core.ids import parse_id
from outofband.fleet.fleet import Fleet
from outofband.providers.compute.inside import Inside
from outofband.providers.compute.machines import check_power
from outofband.providers.compute.shape import is_windows, machine_name, private_of
from outofband.providers.network import evaluation, hosting, targets
from outofband.providers.network.addresses import PUBLIC, label
from outofband.providers.network.far_end import SOMEWHERE, FarEnd, Planned
from outofband.providers.network.house import INTERFACES, House
from outofband.providers.network.references import key_of
from outofband.providers.network.words import choose
from outofband.resources.declaration import Begin, Item, Step
from outofband.resources.exchange import Call
from outofband.resources.job import Done, Job
from outofband.store.resources import Resource
from outofband.store.tx import Tx
from outofband.wire.machine import Power, Verb
from outofband.wire.network import prefixes, reach
from outofband.wire.network.connectivity import (
    Issue,
    Kind,
    Origin,
    Stop,
    Type,
    foreign,
    information,
    joined,
    not_enforced,
    trouble,
)
from outofband.wire.network.flows import Flow
from outofband.wire.network.reach import ReachArgs, Reached, Trouble
from outofband.wire.network.rules import Access, Direction
from outofband.wire.network.rules import Protocol as Transport

PROTOCOLS = ("Tcp", "Http", "Https", "Icmp")
HOST_SECONDS = 60.0
_NOT_INSIDE = frozenset(
    {
        "ActionNotSupported",
        "GuestAgentAbsent",
        "GuestAgentBroken",
        "GuestAgentSilent",
        "GuestChannelMissing",
        "GuestCommandDisabled",
        "GuestNotSupported",
        "ScriptNotStarted",
    }
)
"""Why a guest cannot be asked, so that its host is."""


class Source(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    resource_id: str
    port: int | None = None


class Destination(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    resource_id: str | None = None
    address: str | None = None
    port: int | None = None


class Question(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    source: Source
    destination: Destination
    protocol: str | None = None
    preferred_ip_version: str | None = msgspec.field(default=None, name="preferredIPVersion")


class Connectivity:
    def __init__(self, house: House, fleet: Fleet) -> None:
        self._house, self._store, self._fleet = house, house.store, fleet
        self._inside = Inside(house.store, fleet)
        self._far = FarEnd(house, fleet)

    def declare(self) -> Begin:
        return Begin(
            plan=self._plan,
            step=Step(run=self._run, failed=self._failed),
            about="Try a TCP connection from a VM, and tell what is in its way",
            body=Question,
        )

    # Accepting

    async def _plan(self, call: Call, tx: Tx, item: Item, body: Question) -> Any:
        wanted = choose(PROTOCOLS, body.protocol, "protocol", PROTOCOLS[0])
        if wanted != PROTOCOLS[0]:
            raise Fault("ConnectivityProtocolUnsupported", protocol=wanted)
        if (body.preferred_ip_version or "IPv4").lower() != "ipv4":
            detail = "guests have no IPv6 address here: IPv4"
            raise Fault("InvalidParameter", target="preferredIPVersion", detail=detail)
        machine = await targets.machine(self._house, call, tx, body.source.resource_id)
        card = _with_four((await targets.interfaces(self._house, call, tx, machine.id, None))[0])
        check_power(self._fleet, machine)
        report = self._fleet.report(machine.uid, private_of(machine).agent)
        if report is not None and report.power is not Power.RUNNING:
            detail = (
                f"No connection is tried from the VM '{machine_name(machine)}': it is {report.power.value}."
            )
            raise Fault("OperationNotAllowed", detail=detail)
        planned = Planned(
            machine=machine.id,
            card=card.id,
            host="",
            port=0,
            source_port=_port(body.source.port or SOMEWHERE, "source.port"),
        )
        if body.destination.resource_id:
            planned = await self._to_resource(call, tx, body.destination, planned)
        else:
            planned = await self._to_address(call, tx, body.destination, planned, card)
        return msgspec.to_builtins(planned)

    async def _to_resource(self, call: Call, tx: Tx, given: Destination, planned: Planned) -> Planned:
        far = _with_four((await targets.interfaces(self._house, call, tx, given.resource_id or "", None))[0])
        return msgspec.structs.replace(
            planned,
            host=hosting.primary(far)["privateIPAddress"],
            port=_port(given.port, "destination.port"),
            far=far.id,
            private=True,
        )

    async def _to_address(
        self, call: Call, tx: Tx, given: Destination, planned: Planned, card: Resource
    ) -> Planned:
        host, port = _host_of(given)
        planned = msgspec.structs.replace(planned, host=host, port=port)
        address = prefixes.address(host)
        if address is None:
            return planned
        for private, space in ((True, await self._spaces(tx, card)), (False, [PUBLIC])):
            for each in space:
                holding = await self._store.network.holder(tx, each, label(address))
                if holding is None:
                    continue
                far = await self._card_of(call, tx, holding.owner_id, public=not private)
                if far:
                    return msgspec.structs.replace(planned, far=far, private=private)
        return planned

    async def _spaces(self, tx: Tx, card: Resource) -> list[str]:
        """Where the addresses of the card's network are kept: the keys of its subnets."""
        network = (key_of(hosting.primary(card)["subnet"]) or "").partition("/subnets/")[0]
        row = await self._store.resources.get(tx, network)
        subnets = row.properties["subnets"] if row is not None else ()
        return [f"{network}/subnets/{each['name'].lower()}" for each in subnets]

    async def _card_of(self, call: Call, tx: Tx, owner: str, *, public: bool) -> str:
        """The interface that has an address, by whoever holds it; empty where the caller may not read it."""
        parts = [owner]
        if public:
            parts = [link.part_id for link in await self._store.network.to(tx, [owner.lower()])]
        for part in parts:
            found = part.partition("/ipConfigurations/")[0]
            row = await self._store.resources.get(tx, found)
            if row is None or row.type != INTERFACES:
                continue
            try:
                await targets.readable(self._house, call, tx, row.id)
            except Fault:
                continue
            return row.id
        return ""

    # Doing

    async def _run(self, job: Job) -> Done:
        planned = job.input(Planned)
        async with self._store.read() as tx:
            machine = await self._store.resources.require(tx, parse_id(planned.machine))
            card = await self._load(tx, planned.card)
            far = await self._load(tx, planned.far) if planned.far else None
        args = ReachArgs(host=planned.host, port=planned.port)
        reached, why = await self._try(job, machine, args)
        source = _source(card, why, self._host_name(machine))
        stops = [source, *self._way(planned, card, reached)]
        if far is not None:
            stops[-1] = await self._far.look(stops[-1], planned, card, far, reached)
            if planned.private and reached is not None:
                reached = foreign(reached)
        if reached is not None and (found := trouble(reached)) is not None:
            at = 0 if found.type is Type.NAME else len(stops) - 1
            if not any(not each.warning for stop in stops for each in stop.issues):
                stops[at] = joined(stops[at], found)
        answer = information(job.operation.id, stops, reached)
        place = "host" if why else "guest"
        answer["outofband"] = {"from": place} | ({"why": why} if why else {})
        return Done(output=answer)

    async def _failed(self, job: Job, tx: Tx, fault: Fault) -> None:
        row = await self._store.resources.get(tx, job.input(Planned).machine)
        if row is not None:
            await self._inside.give_up(job, tx, parse_id(row.id), fault)

    async def _try(self, job: Job, machine: Resource, args: ReachArgs) -> tuple[Reached | None, str]:
        """What came of it, and why it was not the guest that tried; None where the host does not either."""
        why = ""
        try:
            run = reach.run_args(args, windows=is_windows(machine))
            report = await self._inside.script(job, machine, run)
            reached = reach.parse(report.out)
            if reached.trouble is not Trouble.NO_TOOL:
                return reached, ""
            why = "GuestHasNoTool"
        except Fault as fault:
            if fault.code not in _NOT_INSIDE:
                raise
            why = fault.code
        try:
            seen = await self._fleet.ask(
                private_of(machine).agent,
                Verb.REACH,
                machine.uid,
                msgspec.to_builtins(args),
                epoch=machine.epoch,
                timeout=HOST_SECONDS,
            )
            return msgspec.convert(seen.data, Reached), why
        except Fault as fault:
            if fault.code not in ("ActionNotSupported", "VmWithoutCard"):
                raise
            return None, why

    def _way(self, planned: Planned, card: evaluation.Interface, reached: Reached | None) -> list[Stop]:
        """What comes after the source: an appliance that a route names, and the end."""
        target = prefixes.address(reached.address if reached is not None else planned.host)
        inside = target is not None and any(target in each for each in card.around.space)
        kind = Kind.VNET if planned.private or inside else Kind.INTERNET
        end = Stop(kind=kind, address=str(target or planned.host))
        if target is None:
            return [end]
        local = hosting.address_of(card.row)
        issues = []
        flow = Flow(
            direction=Direction.OUTBOUND,
            protocol=Transport.TCP,
            local=local,
            remote=target,
            local_port=planned.source_port,
            remote_port=planned.port,
        )
        said = evaluation.flow_verdict(card, flow)
        if said["access"] == Access.DENY.value:
            issues.append(not_enforced(Type.RULE, RuleName=said["ruleName"]))
        hop = evaluation.hop(card, local, target)
        user = "System" if hop["routeTableId"] == evaluation.SYSTEM_ROUTE else "User"
        stops = []
        if hop["nextHopType"] == "None":
            issues.append(not_enforced(Type.ROUTE, RouteType=user, NextHopType="None"))
        elif hop["nextHopType"] == Kind.APPLIANCE.value:
            route = not_enforced(Type.ROUTE, RouteType=user, NextHopType=Kind.APPLIANCE)
            stops.append(
                Stop(kind=Kind.APPLIANCE, address=str(hop.get("nextHopIpAddress", "")), issues=(route,))
            )
        return [*stops, joined(end, *issues)]

    def _host_name(self, machine: Resource) -> str:
        host = self._fleet.host(private_of(machine).agent)
        return host.agent.name if host is not None else ""

    async def _load(self, tx: Tx, interface: str) -> evaluation.Interface:
        row = await evaluation.require_interface(self._house, tx, interface)
        return await evaluation.load(self._house, tx, row)


def _with_four(card: Resource) -> Resource:
    """Raises Fault ConnectivityNeedsIPv4: guests have no other address here, whatever their cards have."""
    if hosting.primary(card)["privateIPAddressVersion"] != "IPv4":
        raise Fault("ConnectivityNeedsIPv4", interface=card.name)
    return card


def _source(card: evaluation.Interface, why: str, host: str) -> Stop:
    local = str(hosting.address_of(card.row))
    parts = card.row.properties["ipConfigurations"]
    name = next(each["name"] for each in parts if each["properties"]["privateIPAddress"] == local)
    resource = f"{card.row.id}/ipConfigurations/{name}"
    stop = Stop(kind=Kind.SOURCE, address=local, resource=resource)
    if not why:
        return stop
    said = {"Reason": why, "ProbedFrom": f"the VM's host {host}"}
    return joined(stop, Issue(origin=Origin.LOCAL, type=Type.AGENT, context=said, warning=True))


def _host_of(given: Destination) -> tuple[str, int]:
    """Where it goes, of an address, a name or a URI. Raises Fault InvalidParameter."""
    text = (given.address or "").strip()
    if not text:
        raise Fault("InvalidParameter", target="destination", detail="an address or a resource is needed")
    known: int | None = None
    if "://" in text:
        try:
            parts = urlsplit(text)
            known = parts.port or {"http": 80, "https": 443}.get(parts.scheme.lower())
        except ValueError as error:
            raise Fault("InvalidParameter", target="destination.address", detail=str(error)) from error
        text = parts.hostname or ""
    if ":" in text or not reach.is_host(text):
        detail = f"'{text[:64]}' is no IPv4 address, name or URI"
        raise Fault("InvalidParameter", target="destination.address", detail=detail)
    return text, _port(given.port or known, "destination.port")


def _port(number: int | None, target: str) -> int:
    if number is None or not 0 < number < 65536:
        raise Fault("InvalidParameter", target=target, detail="a port is needed, 1 to 65535")
    return number
