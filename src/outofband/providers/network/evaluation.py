"""Answers about one network interface from what is stored: its rules, its routes, who decides about a flow.

It is the same whether the VM runs or not: nothing is asked of a host.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.providers.network.house import House
from outofband.providers.network.references import key_of
from outofband.providers.network.route_tables import routes_of
from outofband.providers.network.security_groups import rules_of
from outofband.providers.network.virtual_networks import space_of
from outofband.store.resources import Resource
from outofband.store.tx import Tx
from outofband.wire.network import effective, prefixes
from outofband.wire.network.flows import Flow, Group, verify
from outofband.wire.network.prefixes import Address
from outofband.wire.network.routes import Route, next_hop, table_of
from outofband.wire.network.rules import Access, Direction
from outofband.wire.network.tags import Surroundings, internet

SYSTEM_ROUTE = "System Route"


class Subnet(msgspec.Struct, frozen=True, kw_only=True):
    """A subnet with what applies in it."""

    id: str
    group: Group | None
    routes: tuple[Route, ...]


class Interface(msgspec.Struct, frozen=True, kw_only=True):
    """A network interface with all that decides about its traffic. `subnets`: by each of its addresses."""

    row: Resource
    group: Group | None
    subnets: dict[Address, Subnet]
    around: Surroundings
    closed: frozenset[Address]
    """Addresses with a public one of SKU Standard, which is shut from outside without a group."""

    def subnet_of(self, local: Address | None) -> Subnet:
        """The subnet of one of its addresses, of the first when none is given. Raises Fault
        InvalidParameter.
        """
        found = self.subnets.get(local) if local is not None else next(iter(self.subnets.values()))
        if found is None:
            known = ", ".join(map(str, self.subnets))
            detail = f"the network interface {self.row.name} has {known}"
            raise Fault("InvalidParameter", target="localIPAddress", detail=detail)
        return found


async def load(house: House, tx: Tx, row: Resource) -> Interface:
    """Read all that an interface names, within one snapshot."""
    parts = row.properties["ipConfigurations"]
    network = await _network(house, tx, parts)
    subnets: dict[Address, Subnet] = {}
    closed: set[Address] = set()
    for part in parts:
        kept = part["properties"]
        address = prefixes.address(kept["privateIPAddress"])
        assert address is not None
        subnets[address] = await _subnet(house, tx, network, key_of(kept["subnet"]) or "")
        if await _is_standard(house, tx, key_of(kept.get("publicIPAddress"))):
            closed.add(address)
    group = await _group(house, tx, key_of(row.properties.get("networkSecurityGroup")))
    groups = [each for each in (group, *(subnet.group for subnet in subnets.values())) if each is not None]
    around = Surroundings(space=space_of(network), groups=await _members(house, tx, groups, network))
    return Interface(row=row, group=group, subnets=subnets, around=around, closed=frozenset(closed))


def flow_verdict(interface: Interface, flow: Flow) -> dict[str, Any]:
    """Azure's answer to `ipFlowVerify`. Raises Fault InvalidParameter for a foreign local address."""
    subnet = interface.subnet_of(flow.local)
    verdict = verify(flow, interface.around, subnet=subnet.group, interface=interface.group)
    if verdict.rule is not None:
        return {"access": verdict.access.value, "ruleName": effective.rule_name(verdict.rule)}
    outside = prefixes.holds(internet(interface.around.space), flow.remote)
    shut = flow.direction is Direction.INBOUND and outside and flow.local in interface.closed
    return {"access": (Access.DENY if shut else Access.ALLOW).value, "ruleName": ""}


def hop(interface: Interface, source: Address, target: Address) -> dict[str, Any]:
    """Azure's answer to `nextHop`. Raises Fault InvalidParameter for a foreign source."""
    found = next_hop(_table(interface, interface.subnet_of(source)), target)
    if found is None:
        return {"nextHopType": "None", "routeTableId": SYSTEM_ROUTE}
    answer = {"nextHopType": found.hop.value, "routeTableId": found.table or SYSTEM_ROUTE}
    return answer if found.address is None else {**answer, "nextHopIpAddress": str(found.address)}


def groups_of(interface: Interface, direction: Direction) -> list[tuple[Group, str]]:
    """The groups in the way of traffic as they are asked in turn, with what each is applied to."""
    subnet = interface.subnet_of(None)
    found = [(subnet.group, subnet.id), (interface.group, interface.row.id)]
    there = [(group, owner) for group, owner in found if group is not None]
    return there if direction is Direction.INBOUND else there[::-1]


def effective_groups(interface: Interface) -> list[dict[str, Any]]:
    """Azure's `effectiveNetworkSecurityGroups`: a part for each group and where it is applied."""
    found: dict[str, dict[str, Any]] = {}
    for subnet in interface.subnets.values():
        if subnet.group is not None:
            found.setdefault(
                subnet.id.lower(), _effective(interface, subnet.group, {"subnet": {"id": subnet.id}})
            )
    listed = list(found.values())
    if interface.group is not None:
        association = {"networkInterface": {"id": interface.row.id}}
        listed.append(_effective(interface, interface.group, association))
    return listed


def effective_routes(interface: Interface) -> list[dict[str, Any]]:
    """Azure's `effectiveRouteTable`, of the subnet of the primary configuration."""
    return effective.effective_routes(_table(interface, interface.subnet_of(None)))


def _effective(interface: Interface, group: Group, association: dict[str, Any]) -> dict[str, Any]:
    return {
        "networkSecurityGroup": {"id": group.id},
        "association": association,
        "effectiveSecurityRules": effective.effective_rules(group.rules, interface.around),
        "tagMap": effective.tag_map(group.rules, interface.around),
    }


def _table(interface: Interface, subnet: Subnet) -> list[Route]:
    return table_of(interface.around.space, subnet.routes)


async def _network(house: House, tx: Tx, parts: Iterable[dict[str, Any]]) -> Resource:
    key = next(iter(key_of(part["properties"]["subnet"]) or "" for part in parts))
    network = await house.store.resources.get(tx, key.partition("/subnets/")[0])
    if network is None:
        raise Fault("NetworkInterfaceNotUsable", detail="The virtual network of the interface is gone.")
    return network


async def _subnet(house: House, tx: Tx, network: Resource, key: str) -> Subnet:
    name = key.rpartition("/")[2]
    part = next((each for each in network.properties["subnets"] if each["name"].lower() == name), None)
    if part is None:
        raise Fault("NetworkInterfaceNotUsable", detail="The subnet of the interface is gone.")
    table = key_of(part["properties"].get("routeTable"))
    found = await house.store.resources.get(tx, table) if table is not None else None
    return Subnet(
        id=f"{network.id}/subnets/{part['name']}",
        group=await _group(house, tx, key_of(part["properties"].get("networkSecurityGroup"))),
        routes=tuple(routes_of(found.properties, found.id)) if found is not None else (),
    )


async def _group(house: House, tx: Tx, key: str | None) -> Group | None:
    row = await house.store.resources.get(tx, key) if key is not None else None
    return Group(id=row.id, rules=rules_of(row.properties)) if row is not None else None


async def _is_standard(house: House, tx: Tx, key: str | None) -> bool:
    row = await house.store.resources.get(tx, key) if key is not None else None
    return row is not None and row.envelope["sku"]["name"] == "Standard"


async def _members(
    house: House, tx: Tx, groups: Iterable[Group], network: Resource
) -> dict[str, frozenset[Address]]:
    """The private addresses of the application security groups that the rules name, in this network."""
    named = {
        key
        for group in groups
        for rule in group.rules
        for key in (*rule.source.groups, *rule.destination.groups)
    }
    found: dict[str, set[Address]] = {key: set() for key in named}
    rows: dict[str, Resource | None] = {}
    for link in await house.store.network.to(tx, sorted(named)):
        if "/ipconfigurations/" not in link.part_id.lower():
            continue  # a rule that names it
        if link.holder_key not in rows:
            rows[link.holder_key] = await house.store.resources.get(tx, link.holder_key)
        address = _address_of(rows[link.holder_key], link.part_id, network)
        if address is not None:
            found[link.target_key].add(address)
    return {key: frozenset(members) for key, members in found.items()}


def _address_of(row: Resource | None, part_id: str, network: Resource) -> Address | None:
    name = part_id.rpartition("/")[2].lower()
    for part in row.properties["ipConfigurations"] if row is not None else ():
        here = (key_of(part["properties"]["subnet"]) or "").startswith(f"{network.key}/")
        if here and part["name"].lower() == name:
            return prefixes.address(part["properties"]["privateIPAddress"])
    return None


async def require_interface(house: House, tx: Tx, rid: ResourceId | str) -> Resource:
    """Raises Fault NetworkInterfaceNotUsable when it is not there."""
    row = await house.store.resources.get(tx, rid)
    if row is None:
        raise Fault("NetworkInterfaceNotUsable", detail=f"The network interface '{rid}' is not there.")
    return row
