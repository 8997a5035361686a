"""Rules and routes as Azure's `effective...` answers list them: every tag and group expanded to addresses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_network
from typing import Any

from outofband.wire.network import tags
from outofband.wire.network.prefixes import Block, block, collapse
from outofband.wire.network.routes import Origin, Route
from outofband.wire.network.rules import Direction, End, Protocol, Rule, in_order, port_range
from outofband.wire.network.tags import Surroundings

_ANYWHERE = "0.0.0.0/0"
ENFORCED = (
    "Hosts enforce what comes from outside by TCP or UDP to the public address of a VM with a card. Evaluated"
    " and not enforced: outbound rules, routes, ICMP, traffic between VMs, VMs without a card."
)
"""What rules and routes are good for here, for whoever reads them as they apply."""
_CARRIED = frozenset({Protocol.TCP, Protocol.UDP, Protocol.ANY})


def rule_name(rule: Rule) -> str:
    """How a rule is called in effective rules and in IP flow verify."""
    return f"{'defaultSecurityRules' if rule.own else 'securityRules'}/{rule.name}"


def is_enforced(direction: Direction, protocol: Protocol) -> bool:
    """Whether hosts do what such a rule says, where they can at all."""
    return direction is Direction.INBOUND and protocol in _CARRIED


def effective_rules(rules: Sequence[Rule], around: Surroundings) -> list[dict[str, Any]]:
    """Azure's `effectiveSecurityRules` of one group, in the order in which they are tried."""
    return [
        _rule(rule, around)
        for direction in (Direction.INBOUND, Direction.OUTBOUND)
        for rule in in_order(rules, direction)
    ]


def tag_map(rules: Sequence[Rule], around: Surroundings) -> dict[str, list[str]]:
    """What each tag that the rules use stands for."""
    used = {
        tag
        for direction in Direction
        for rule in in_order(rules, direction)
        for text in (*rule.source.prefixes, *rule.destination.prefixes)
        if (tag := tags.spelled(text)) is not None
    }
    return {tag: _texts(tags.expand(tag, around)) for tag in sorted(used)}


def effective_routes(table: Iterable[Route]) -> list[dict[str, Any]]:
    """Azure's `effectiveRouteTable`."""
    return [_route(route) for route in table]


def _rule(rule: Rule, around: Surroundings) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": rule_name(rule),
        "protocol": "All" if rule.protocol is Protocol.ANY else rule.protocol.value,
    }
    for word, end in (("source", rule.source), ("destination", rule.destination)):
        prefixes, expanded = _addresses(end, around)
        ports = [_ports(text) for text in end.ports]
        if len(ports) == 1:
            shown[f"{word}PortRange"] = ports[0]
        shown[f"{word}PortRanges"] = ports
        if len(prefixes) == 1:
            shown[f"{word}AddressPrefix"] = prefixes[0]
        shown[f"{word}AddressPrefixes"] = prefixes
        shown[f"expanded{word.capitalize()}AddressPrefix"] = expanded
    return shown | {
        "access": rule.access.value,
        "priority": rule.priority,
        "direction": rule.direction.value,
        "outofband": {"enforced": is_enforced(rule.direction, rule.protocol)},
    }


def _addresses(end: End, around: Surroundings) -> tuple[list[str], list[str]]:
    """The prefixes as written, and for tags and application security groups what they stand for."""
    if end.groups:
        members = {one for group in end.groups for one in around.groups.get(group, ())}
        found = _texts(collapse(ip_network(one) for one in members))
        return found, found
    written = [_ANYWHERE if text == tags.ANY else _written(text) for text in end.prefixes]
    named = [text for text in end.prefixes if tags.spelled(text) is not None]
    return written, _texts(collapse(each for text in named for each in tags.expand(text, around)))


def _written(text: str) -> str:
    return tags.spelled(text) or str(block(text) or text)


def _ports(text: str) -> str:
    first, last = port_range(text) or (0, 0)
    return f"{first}-{last}"


def _texts(found: Iterable[Block]) -> list[str]:
    return [str(each) for each in found]


def _route(route: Route) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "source": route.origin.value,
        "state": "Active" if route.active else "Invalid",
        "addressPrefix": [str(route.prefix)],
        "nextHopType": route.hop.value,
        "nextHopIpAddress": [str(route.address)] if route.address is not None else [],
        "disableBgpRoutePropagation": False,
        "hasBgpOverride": False,
        "destinationServiceTags": [],
        "tagMap": {},
    }
    return {"name": route.name, **shown} if route.origin is Origin.USER else shown
