"""Which rule decides about a flow.

Inbound the group of the subnet is asked first and that of the network interface second, outbound the other
way round; each that is there has to allow. In a group the rule with the lowest priority that matches decides.

https://learn.microsoft.com/azure/virtual-network/network-security-group-how-it-works
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from outofband.wire.network import tags
from outofband.wire.network.prefixes import Address, holds
from outofband.wire.network.rules import Access, Direction, End, Protocol, Rule, in_order, port_range
from outofband.wire.network.tags import Surroundings


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """Seen from the VM: `local` is its own address. A port of None stands for every port; a protocol without
    ports has none.
    """

    direction: Direction
    protocol: Protocol
    local: Address
    remote: Address
    local_port: int | None = None
    remote_port: int | None = None

    @property
    def source(self) -> tuple[Address, int | None]:
        if self.direction is Direction.INBOUND:
            return self.remote, self.remote_port
        return self.local, self.local_port

    @property
    def destination(self) -> tuple[Address, int | None]:
        if self.direction is Direction.INBOUND:
            return self.local, self.local_port
        return self.remote, self.remote_port


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A network security group where it is applied: its own rules, Azure's come by themselves."""

    id: str
    rules: Sequence[Rule] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """`rule` and `group` are None when no group stood in the way."""

    access: Access
    rule: Rule | None = None
    group: str | None = None


def matches(rule: Rule, flow: Flow, around: Surroundings) -> bool:
    if rule.direction is not flow.direction:
        return False
    if rule.protocol is not Protocol.ANY and rule.protocol is not flow.protocol:
        return False
    for end, (address, port) in ((rule.source, flow.source), (rule.destination, flow.destination)):
        if flow.protocol.has_ports and not _has_port(end, port):
            return False
        if not _has_address(end, address, around):
            return False
    return True


def decide(rules: Sequence[Rule], flow: Flow, around: Surroundings) -> Rule:
    """The rule of one group that decides; Azure's last ones match everything."""
    return next(rule for rule in in_order(rules, flow.direction) if matches(rule, flow, around))


def verify(flow: Flow, around: Surroundings, *, subnet: Group | None, interface: Group | None) -> Verdict:
    """The verdict, with the rule that made it: the one that denies, else the last one that allowed."""
    order = (subnet, interface) if flow.direction is Direction.INBOUND else (interface, subnet)
    verdict = Verdict(access=Access.ALLOW)
    for group in order:
        if group is None:
            continue
        rule = decide(group.rules, flow, around)
        verdict = Verdict(access=rule.access, rule=rule, group=group.id)
        if rule.access is Access.DENY:
            break
    return verdict


def _has_port(end: End, port: int | None) -> bool:
    """Every port together is matched only by a rule about every port."""
    first, last = (0, 65535) if port is None else (port, port)
    ranges = (port_range(text) for text in end.ports)
    return any(each is not None and each[0] <= first and last <= each[1] for each in ranges)


def _has_address(end: End, address: Address, around: Surroundings) -> bool:
    if end.groups:
        return any(address in around.groups.get(group, ()) for group in end.groups)
    return any(holds(tags.expand(text, around), address) for text in end.prefixes)
