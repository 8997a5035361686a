"""Security rules: their form, the checks with Azure's codes, and the six rules that every group begins with.

https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from outofband.core.errors import Fault
from outofband.wire.network import tags
from outofband.wire.network.prefixes import block, first_overlap

LOWEST, HIGHEST = 100, 4096
"""Priorities of rules that people make; those of Azure's own come after."""
MAX_RULES = 1000
MAX_PREFIXES = 4000
MAX_DESCRIPTION = 140
LAST_PORT = 65535
_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?", re.ASCII)


class Direction(enum.StrEnum):
    INBOUND = "Inbound"
    OUTBOUND = "Outbound"


class Access(enum.StrEnum):
    ALLOW = "Allow"
    DENY = "Deny"


class Protocol(enum.StrEnum):
    TCP = "Tcp"
    UDP = "Udp"
    ICMP = "Icmp"
    ESP = "Esp"
    AH = "Ah"
    ANY = "*"

    @property
    def has_ports(self) -> bool:
        return self in (Protocol.TCP, Protocol.UDP)


class End(msgspec.Struct, frozen=True, kw_only=True):
    """One end of a rule: prefixes (with tags and `*`) or application security groups by lower-cased id, and
    ports as written.
    """

    prefixes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    ports: tuple[str, ...] = (tags.ANY,)


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    priority: int
    direction: Direction
    access: Access
    protocol: Protocol = Protocol.ANY
    source: End = End()
    destination: End = End()
    description: str = ""
    own: bool = False
    """One of Azure's defaults."""


def port_range(text: str) -> tuple[int, int] | None:
    """First and last port of `*`, `22` or `80-90`; None when it is none of them."""
    if text == tags.ANY:
        return 0, LAST_PORT
    found = _PORTS.fullmatch(text)
    if found is None:
        return None
    first = int(found[1])
    last = int(found[2]) if found[2] is not None else first
    return (first, last) if first <= last <= LAST_PORT else None


def check(rule: Rule, *, many_sources: bool, many_destinations: bool) -> None:
    """Refuse what Azure refuses in one rule. `many_...`: the prefixes were written as a list.

    Raises Fault SecurityRuleInvalidPriority, SecurityRuleInvalidPortRange, SecurityRuleInvalidAddressPrefix,
    SecurityRuleParameterContainsUnsupportedValue, OverlappingSubnetsNotPermittedInSecurityRule or
    InvalidParameter.
    """
    if not LOWEST <= rule.priority <= HIGHEST:
        raise Fault("SecurityRuleInvalidPriority", priority=rule.priority, lowest=LOWEST, highest=HIGHEST)
    if len(rule.description) > MAX_DESCRIPTION:
        raise Fault("InvalidParameter", target="description", detail=f"{MAX_DESCRIPTION} characters at most")
    for word, end, many in (
        ("Source", rule.source, many_sources),
        ("Destination", rule.destination, many_destinations),
    ):
        _check_end(rule.name, word, end, many)


def _check_end(name: str, word: str, end: End, many: bool) -> None:
    if bool(end.prefixes) == bool(end.groups):
        trouble = "not both" if end.prefixes else "one of them is needed"
        raise Fault(
            "InvalidParameter",
            target=f"{word}AddressPrefix",
            detail=f"rule '{name}' names prefixes or application security groups: {trouble}",
        )
    if not end.ports:
        raise Fault("InvalidParameter", target=f"{word}PortRange", detail=f"rule '{name}' needs one")
    for text in end.ports:
        if port_range(text) is None:
            raise Fault("SecurityRuleInvalidPortRange", ports=text[:80], last=LAST_PORT)
    if len(end.prefixes) > MAX_PREFIXES:
        raise Fault("InvalidParameter", target=f"{word}AddressPrefixes", detail=f"{MAX_PREFIXES} at most")
    for text in end.prefixes:
        is_tag = text == tags.ANY or tags.spelled(text) is not None
        if is_tag and many:
            parameter = f"{word}AddressPrefixes"
            raise Fault(
                "SecurityRuleParameterContainsUnsupportedValue", parameter=parameter, rule=name, value=text
            )
        if not is_tag and block(text) is None:
            raise Fault("SecurityRuleInvalidAddressPrefix", prefix=text[:80], tags=", ".join(tags.TAGS))
    if many:
        _check_overlaps(name, f"{word}AddressPrefixes", end.prefixes)


def _check_overlaps(name: str, parameter: str, texts: Sequence[str]) -> None:
    found = [each for each in map(block, texts) if each is not None]
    if (two := first_overlap(found)) is not None:
        one, other = (str(found[at]) for at in two)
        raise Fault(
            "OverlappingSubnetsNotPermittedInSecurityRule",
            parameter=parameter,
            rule=name,
            one=one,
            other=other,
        )


def check_together(rules: Iterable[Rule]) -> None:
    """Raises Fault SecurityRuleConflict for two of one direction and priority, InvalidParameter for two of
    one name or too many.
    """
    seen: dict[tuple[Direction, int], str] = {}
    names: set[str] = set()
    for rule in rules:
        if rule.name.lower() in names:
            raise Fault("InvalidParameter", target="securityRules", detail=f"'{rule.name}' is there twice")
        names.add(rule.name.lower())
        other = seen.setdefault((rule.direction, rule.priority), rule.name)
        if other != rule.name:
            raise Fault("SecurityRuleConflict", rule=rule.name, other=other)
    if len(names) > MAX_RULES:
        raise Fault("InvalidParameter", target="securityRules", detail=f"{MAX_RULES} at most")


def in_order(rules: Iterable[Rule], direction: Direction) -> list[Rule]:
    """The rules of a direction as they are tried, Azure's own last."""
    chosen = (rule for rule in (*rules, *DEFAULTS) if rule.direction is direction)
    return sorted(chosen, key=lambda rule: rule.priority)


def _defaults() -> Iterator[Rule]:
    rows = (
        (65000, "AllowVnetInBound", tags.VIRTUAL_NETWORK, tags.VIRTUAL_NETWORK, "all VMs in VNET"),
        (65001, "AllowAzureLoadBalancerInBound", tags.LOAD_BALANCER, tags.ANY, "azure load balancer"),
        (65500, "DenyAllInBound", tags.ANY, tags.ANY, ""),
        (
            65000,
            "AllowVnetOutBound",
            tags.VIRTUAL_NETWORK,
            tags.VIRTUAL_NETWORK,
            "all VMs to all VMs in VNET",
        ),
        (65001, "AllowInternetOutBound", tags.ANY, tags.INTERNET, "all VMs to Internet"),
        (65500, "DenyAllOutBound", tags.ANY, tags.ANY, ""),
    )
    for priority, name, source, destination, whom in rows:
        direction = Direction.INBOUND if name.endswith("InBound") else Direction.OUTBOUND
        access = Access.ALLOW if whom else Access.DENY
        way = direction.value.lower()
        # The wording of Azure's own descriptions, which scripts have been seen to look for.
        said = f"Deny all {way} traffic"
        if whom:
            said = f"Allow {way} traffic from {whom}"
        yield Rule(
            name=name,
            priority=priority,
            direction=direction,
            access=access,
            source=End(prefixes=(source,)),
            destination=End(prefixes=(destination,)),
            description=said,
            own=True,
        )


DEFAULTS = tuple(_defaults())
