"""Security rules and public addresses that keep everybody out."""

from __future__ import annotations

from outofband.wire.remote import PORTS, Protocol
from tests.lab.fault import Fault
from tests.lab.sides import Sides
from tests.lab.ways import Way, fault


def closed(protocol: Protocol) -> Way:
    """Without the rule that lets it in."""

    def act(sides: Sides) -> None:
        sides.net.delete(f"networkSecurityGroups/walls/securityRules/{protocol.value}")

    return act


def denied(protocol: Protocol, *, allowed: bool) -> Way:
    """A Deny that comes first; with `allowed` before the rule that lets in, else without one."""

    def act(sides: Sides) -> None:
        if not allowed:
            closed(protocol)(sides)
        sides.net.rule("block", PORTS[protocol], "Deny", priority=300)

    return act


def two_groups(sides: Sides) -> None:
    sides.net.desks("fence")
    denied(Protocol.RDP, allowed=True)(sides)


def dissociated(sides: Sides) -> None:
    sides.card(door=False)


def without_address(sides: Sides) -> None:
    sides.card(door=False)
    sides.net.delete("publicIPAddresses/door")


def unreachable(sides: Sides) -> bool:
    """Nobody gets in at the address that the VM has by now, if any."""
    part = sides.net.get("networkInterfaces/card")["properties"]["ipConfigurations"][0]["properties"]
    if "publicIPAddress" not in part:
        return True
    name = part["publicIPAddress"]["id"].rpartition("/")[2]
    sides.address = sides.net.get(f"publicIPAddresses/{name}")["properties"]["ipAddress"]
    return not sides.look(Protocol.RDP).works


def rule(
    name: str,
    inject: Way,
    *causes: str,
    protocol: Protocol = Protocol.RDP,
    beside: frozenset[str] = frozenset(),
) -> Fault:
    return fault(name, inject, *causes, mendable=True, protocol=protocol, beside=beside)


def no_door(name: str, inject: Way) -> Fault:
    """A rescue gives it another public address."""
    return fault(name, inject, "RescueNoPublicAddress", mendable=True, broken=unreachable)


FAULTS = [
    rule("rule missing", closed(Protocol.RDP), "RescueRuleMissing"),
    rule("rule missing for ssh", closed(Protocol.SSH), "RescueRuleMissing", protocol=Protocol.SSH),
    rule("rule denies", denied(Protocol.RDP, allowed=False), "RescueRuleDenies"),
    rule("allow shadowed by a deny", denied(Protocol.RDP, allowed=True), "RescueRuleShadowed"),
    rule(
        "allow shadowed for ssh",
        denied(Protocol.SSH, allowed=True),
        "RescueRuleShadowed",
        protocol=Protocol.SSH,
    ),
    rule(
        "groups of subnet and card deny",
        two_groups,
        "RescueRuleMissing",
        beside=frozenset({"RescueRuleShadowed"}),
    ),
    no_door("public address dissociated", dissociated),
    no_door("no public address", without_address),
]
