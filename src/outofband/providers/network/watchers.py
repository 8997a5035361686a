"""Microsoft.Network/networkWatchers: one in each location of a subscription, by itself.

Azure makes them in the resource group `NetworkWatcherRG` when the first network of a location is made;
clients look for the one of a VM's location in the list and ask that one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.fleet.fleet import Fleet
from outofband.providers.network import evaluation, targets
from outofband.providers.network.connectivity import Connectivity
from outofband.providers.network.house import SINCE, VERSION, WATCHERS, House
from outofband.providers.network.unoffered import unoffered
from outofband.providers.network.words import choose
from outofband.resources.declaration import Begin, Item, Page, Place, ResourceType, Step
from outofband.resources.exchange import Call
from outofband.resources.job import Done, Job
from outofband.resources.polling import DEFAULT_LOCATION
from outofband.store.resources import Resource
from outofband.store.tx import Tx
from outofband.wire.network import prefixes
from outofband.wire.network.diagnosis import Profile, diagnose, profile
from outofband.wire.network.effective import ENFORCED, effective_rules, is_enforced
from outofband.wire.network.flows import Flow
from outofband.wire.network.prefixes import Address
from outofband.wire.network.rules import LAST_PORT, Access, Direction, Protocol

GROUP = "NetworkWatcherRG"
_PREFIX = "NetworkWatcher_"
MAX_PROFILES = 50


class FlowQuestion(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    target_resource_id: str
    direction: str
    protocol: str
    local_port: str
    remote_port: str
    local_ip_address: str = msgspec.field(name="localIPAddress")
    remote_ip_address: str = msgspec.field(name="remoteIPAddress")
    target_nic_resource_id: str | None = None


class HopQuestion(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    target_resource_id: str
    source_ip_address: str = msgspec.field(name="sourceIPAddress")
    destination_ip_address: str = msgspec.field(name="destinationIPAddress")
    target_nic_resource_id: str | None = None


class ViewQuestion(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    target_resource_id: str


class DiagnosticProfile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    direction: str
    protocol: str
    source: str
    destination: str
    destination_port: str


class DiagnosticQuestion(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`profiles`: kinds of traffic, MAX_PROFILES at most."""

    target_resource_id: str
    profiles: list[DiagnosticProfile]
    verbosity_level: str | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Input of an operation: the interfaces it is about, and the question."""

    interfaces: list[str]
    question: dict[str, Any]


class Watchers:
    def __init__(self, house: House, fleet: Fleet) -> None:
        self._house = house
        self._store = house.store
        self._connectivity = Connectivity(house, fleet)

    def types(self) -> list[ResourceType]:
        flow = self._begin(FlowQuestion, self._plan_flow, self._flow, "Tell which rule decides about a flow")
        hop = self._begin(HopQuestion, self._plan_hop, self._hop, "Tell which way an address is reached")
        view = self._begin(ViewQuestion, self._plan_view, self._view, "List the security rules of a VM")
        diagnosis = self._begin(
            DiagnosticQuestion, self._plan_diagnosis, self._diagnosis, "Tell which rules are about traffic"
        )
        return [
            ResourceType(
                name=WATCHERS,
                about="a network watcher",
                many="network watchers",
                since=SINCE,
                version=VERSION,
                source=self,
                places=frozenset({Place.GROUP}),
                lists=frozenset({Place.SUBSCRIPTION, Place.GROUP}),
                actions={
                    "ipFlowVerify": flow,
                    "nextHop": hop,
                    "securityGroupView": view,
                    "networkConfigurationDiagnostic": diagnosis,
                    "connectivityCheck": self._connectivity.declare(),
                    **unoffered(),
                },
            )
        ]

    @staticmethod
    def _begin(
        body: type[msgspec.Struct],
        plan: Callable[[Call, Tx, Item, Any], Awaitable[Any]],
        run: Callable[[Job], Awaitable[Done]],
        about: str,
    ) -> Begin:
        return Begin(plan=plan, step=Step(run=run), about=about, body=body)

    # Reading

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        if (rid.group or "").lower() != GROUP.lower():
            return None
        found = await self._all(tx, rid.subscription or "")
        return next((each for each in found if each.rid.key == rid.key), None)

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        if (call.rid.group or GROUP).lower() != GROUP.lower():
            return Page(items=[])
        found = await self._all(tx, call.rid.subscription or "")
        rest = [each for each in found if after is None or each.rid.key > after]
        return Page(items=rest[:limit], after=rest[limit - 1].rid.key if len(rest) > limit else None)

    async def _all(self, tx: Tx, subscription: str) -> Sequence[Item]:
        places = {DEFAULT_LOCATION, *await self._store.network.locations(tx, subscription)}
        return [self._item(subscription, location) for location in sorted(places)]

    @staticmethod
    def _item(subscription: str, location: str) -> Item:
        head = ResourceId(subscription=subscription, group=GROUP, namespace=WATCHERS.partition("/")[0])
        rid = head.child("networkWatchers", f"{_PREFIX}{location}")
        body = {
            "id": str(rid),
            "name": rid.name,
            "type": WATCHERS,
            "location": location,
            "properties": {"provisioningState": "Succeeded", "runningOperationIds": []},
        }
        return Item(rid=rid, body=body)

    # Asking

    async def _plan_flow(self, call: Call, tx: Tx, item: Item, body: Any) -> Any:
        question: FlowQuestion = body
        flow = _flow_of(question)
        rows = await targets.interfaces(
            self._house, call, tx, question.target_resource_id, question.target_nic_resource_id
        )
        row = _having(rows, flow.local, "localIPAddress")
        return msgspec.to_builtins(Asked(interfaces=[row.id], question=msgspec.to_builtins(question)))

    async def _flow(self, job: Job) -> Done:
        asked = job.input(Asked)
        flow = _flow_of(msgspec.convert(asked.question, FlowQuestion))
        (interface,) = await self._load(asked)
        verdict = evaluation.flow_verdict(interface, flow)
        if not is_enforced(flow.direction, flow.protocol):
            verdict["outofband"] = {"enforced": False, "statement": ENFORCED}
        return Done(output=verdict)

    async def _plan_hop(self, call: Call, tx: Tx, item: Item, body: Any) -> Any:
        question: HopQuestion = body
        source = _address(question.source_ip_address, "sourceIPAddress")
        _address(question.destination_ip_address, "destinationIPAddress")
        rows = await targets.interfaces(
            self._house, call, tx, question.target_resource_id, question.target_nic_resource_id
        )
        row = _having(rows, source, "sourceIPAddress")
        return msgspec.to_builtins(Asked(interfaces=[row.id], question=msgspec.to_builtins(question)))

    async def _hop(self, job: Job) -> Done:
        asked = job.input(Asked)
        question = msgspec.convert(asked.question, HopQuestion)
        source = _address(question.source_ip_address, "sourceIPAddress")
        target = _address(question.destination_ip_address, "destinationIPAddress")
        (interface,) = await self._load(asked)
        return Done(output=evaluation.hop(interface, source, target))

    async def _plan_view(self, call: Call, tx: Tx, item: Item, body: Any) -> Any:
        question: ViewQuestion = body
        rows = await targets.interfaces(self._house, call, tx, question.target_resource_id, None)
        return msgspec.to_builtins(Asked(interfaces=[row.id for row in rows], question={}))

    async def _view(self, job: Job) -> Done:
        interfaces = await self._load(job.input(Asked))
        return Done(output={"networkInterfaces": [_view_of(each) for each in interfaces]})

    async def _plan_diagnosis(self, call: Call, tx: Tx, item: Item, body: Any) -> Any:
        question: DiagnosticQuestion = body
        if not 0 < len(question.profiles) <= MAX_PROFILES:
            raise Fault("InvalidParameter", target="profiles", detail=f"1 to {MAX_PROFILES}")
        for each in question.profiles:
            _profile_of(each)
        rows = await targets.interfaces(self._house, call, tx, question.target_resource_id, None)
        return msgspec.to_builtins(
            Asked(interfaces=[row.id for row in rows], question=msgspec.to_builtins(question))
        )

    async def _diagnosis(self, job: Job) -> Done:
        asked = job.input(Asked)
        question = msgspec.convert(asked.question, DiagnosticQuestion)
        interfaces = await self._load(asked)
        return Done(output={"results": [_diagnosed(each, interfaces) for each in question.profiles]})

    async def _load(self, asked: Asked) -> Sequence[evaluation.Interface]:
        async with self._store.read() as tx:
            return [
                await evaluation.load(
                    self._house, tx, await evaluation.require_interface(self._house, tx, each)
                )
                for each in asked.interfaces
            ]


def _flow_of(question: FlowQuestion) -> Flow:
    protocol = choose(("TCP", "UDP"), question.protocol, "protocol")
    return Flow(
        direction=Direction(choose(Direction, question.direction, "direction")),
        protocol=Protocol.TCP if protocol == "TCP" else Protocol.UDP,
        local=_address(question.local_ip_address, "localIPAddress"),
        remote=_address(question.remote_ip_address, "remoteIPAddress"),
        local_port=_port(question.local_port, "localPort"),
        remote_port=_port(question.remote_port, "remotePort"),
    )


def _profile_of(given: DiagnosticProfile) -> Profile:
    return profile(given.direction, given.protocol, given.source, given.destination, given.destination_port)


def _diagnosed(given: DiagnosticProfile, interfaces: Sequence[evaluation.Interface]) -> dict[str, Any]:
    wanted = _profile_of(given)
    verdict, evaluated = Access.ALLOW, []
    for each in interfaces:
        access, groups = diagnose(wanted, evaluation.groups_of(each, wanted.direction), each.around)
        verdict = access if access is Access.DENY else verdict
        evaluated += groups
    return {
        "profile": msgspec.to_builtins(given),
        "networkSecurityGroupResult": {
            "securityRuleAccessResult": verdict.value,
            "evaluatedNetworkSecurityGroups": evaluated,
        },
    }


def _port(text: str, target: str) -> int | None:
    if text == "*":
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= LAST_PORT):
        raise Fault("InvalidParameter", target=target, detail=f"0 to {LAST_PORT}, or *")
    return int(text)


def _address(text: str, target: str) -> Address:
    found = prefixes.address(text)
    if found is None:
        raise Fault("InvalidParameter", target=target, detail=f"'{text[:64]}' is no address")
    return found


def _having(rows: Sequence[Resource], local: Address, target: str) -> Resource:
    """The interface with this address. Raises Fault InvalidParameter."""
    known = {
        prefixes.address(part["properties"]["privateIPAddress"]): row
        for row in rows
        for part in row.properties["ipConfigurations"]
    }
    if local not in known:
        raise Fault("InvalidParameter", target=target, detail=f"the VM has {', '.join(map(str, known))}")
    return known[local]


def _view_of(interface: evaluation.Interface) -> dict[str, Any]:
    associations: dict[str, Any] = {"defaultSecurityRules": [], "effectiveSecurityRules": []}
    subnet = interface.subnet_of(None)
    for word, owner, group in (
        ("subnetAssociation", subnet.id, subnet.group),
        ("networkInterfaceAssociation", interface.row.id, interface.group),
    ):
        if group is None:
            continue
        associations[word] = {
            "id": owner,
            "securityRules": [
                {"name": rule.name, "id": f"{group.id}/securityRules/{rule.name}"} for rule in group.rules
            ],
        }
        associations["effectiveSecurityRules"] += effective_rules(group.rules, interface.around)
    return {"id": interface.row.id, "securityRuleAssociations": associations}
