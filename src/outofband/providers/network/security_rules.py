"""A security rule as Azure's clients write it, as it is stored, and as it is decided by.

Clients write one value as `sourcePortRange`, several as `sourcePortRanges`; each is answered as it came.
"""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.providers.network.house import APPLICATION_GROUPS
from outofband.providers.network.references import Named, Reference
from outofband.providers.network.words import choose
from outofband.wire.network import rules
from outofband.wire.network.rules import Access, Direction, End, Protocol, Rule

WORDS = ("source", "destination")
_MOST_GROUPS = 10


class RuleProperties(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    protocol: str
    access: str
    direction: str
    priority: int
    description: str | None = None
    source_port_range: str | None = None
    source_port_ranges: list[str] | None = None
    destination_port_range: str | None = None
    destination_port_ranges: list[str] | None = None
    source_address_prefix: str | None = None
    source_address_prefixes: list[str] | None = None
    destination_address_prefix: str | None = None
    destination_address_prefixes: list[str] | None = None
    source_application_security_groups: list[Named] | None = None
    destination_application_security_groups: list[Named] | None = None


class RuleForm(msgspec.Struct, frozen=True, kw_only=True):
    """A rule within its group."""

    properties: RuleProperties
    name: str | None = None


def stored(name: str, given: RuleProperties) -> dict[str, Any]:
    """A checked rule as the group's row keeps it. Raises what `wire.network.rules.check` does."""
    kept: dict[str, Any] = {
        "protocol": choose(Protocol, given.protocol, "protocol"),
        "access": choose(Access, given.access, "access"),
        "direction": choose(Direction, given.direction, "direction"),
        "priority": given.priority,
    }
    if given.description:
        kept["description"] = given.description
    for word in WORDS:
        for one, many in (("port_range", "port_ranges"), ("address_prefix", "address_prefixes")):
            single = getattr(given, f"{word}_{one}") or None
            several = getattr(given, f"{word}_{many}") or []
            if single and several:
                target = _camel(f"{word}_{one}")
                raise Fault(
                    "InvalidParameter", target=target, detail=f"not beside {_camel(f'{word}_{many}')}"
                )
            if single:
                kept[_camel(f"{word}_{one}")] = single
            kept[_camel(f"{word}_{many}")] = several
        groups = getattr(given, f"{word}_application_security_groups") or []
        if len(groups) > _MOST_GROUPS:
            raise Fault("InvalidParameter", target=f"{word}ApplicationSecurityGroups", detail="10 at most")
        if groups:
            kept[f"{word}ApplicationSecurityGroups"] = [{"id": each.id or ""} for each in groups]
    rules.check(
        rule_of(name, kept),
        many_sources=bool(kept["sourceAddressPrefixes"]),
        many_destinations=bool(kept["destinationAddressPrefixes"]),
    )
    return {"name": name, "properties": kept}


def rule_of(name: str, kept: dict[str, Any]) -> Rule:
    """The rule to decide by."""
    return Rule(
        name=name,
        priority=kept["priority"],
        direction=Direction(kept["direction"]),
        access=Access(kept["access"]),
        protocol=Protocol(kept["protocol"]),
        description=kept.get("description", ""),
        source=_end("source", kept),
        destination=_end("destination", kept),
    )


def named_groups(part: str, kept: dict[str, Any]) -> list[Reference]:
    """The application security groups that a rule names."""
    return [
        Reference(
            part=part,
            slot=slot,
            path=f"properties.{word}ApplicationSecurityGroups",
            type=APPLICATION_GROUPS,
            join="joinNetworkSecurityRule/action",
        )
        for word in WORDS
        for slot in kept.get(f"{word}ApplicationSecurityGroups") or ()
    ]


def default_properties(rule: Rule) -> dict[str, Any]:
    """One of Azure's own rules, in the form of the others."""
    (source,), (destination,) = rule.source.prefixes, rule.destination.prefixes
    return {
        "description": rule.description,
        "protocol": rule.protocol.value,
        "sourcePortRange": "*",
        "destinationPortRange": "*",
        "sourceAddressPrefix": source,
        "destinationAddressPrefix": destination,
        "access": rule.access.value,
        "priority": rule.priority,
        "direction": rule.direction.value,
        "sourcePortRanges": [],
        "destinationPortRanges": [],
        "sourceAddressPrefixes": [],
        "destinationAddressPrefixes": [],
    }


def _end(word: str, kept: dict[str, Any]) -> End:
    def values(one: str, many: str) -> tuple[str, ...]:
        single = kept.get(f"{word}{one}")
        return (single,) if single else tuple(kept.get(f"{word}{many}") or ())

    groups = kept.get(f"{word}ApplicationSecurityGroups") or ()
    return End(
        prefixes=values("AddressPrefix", "AddressPrefixes"),
        ports=values("PortRange", "PortRanges"),
        groups=tuple(each["id"].lower() for each in groups),
    )


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
