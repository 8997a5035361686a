"""What a host is told of a VM's network: its card, where it is reached from outside, and who may.

The control plane resolves rules before: tags and groups are addresses here, the order of a stage is the order
in which its rules are tried, and each stage that is there has to allow (`flows.verify` says the same of what
is stored). Only inbound TCP and UDP are decided by a host; see docs/howto/networks.md for what that promises.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

import msgspec

from outofband.wire.network.flows import Group
from outofband.wire.network.prefixes import Address, Block, collapse
from outofband.wire.network.rules import Access, Direction, End, Protocol, in_order, port_range
from outofband.wire.network.tags import ANY, Surroundings, expand

ALWAYS = (22, 3389)
"""Ports that are offered in any case: a rule decides about each connection."""
MAX_PORTS = 64
"""Ports of a VM that a host listens on for it."""
MAX_ADDRESSES = 8
_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")


class Nic(msgspec.Struct, frozen=True, kw_only=True):
    """A VM's card. `address` is its own (IPv4), `network` the block it lies in; the host's end has the first
    address of the block, as in Azure, and its name service the third.
    """

    mac: str
    address: str
    network: str

    @property
    def gateway(self) -> str:
        return str(ip_network(self.network)[1])

    @property
    def resolver(self) -> str:
        return str(ip_network(self.network)[3])

    def problem(self) -> str | None:
        """What is wrong with it, as it came from outside; its words become arguments of a hypervisor."""
        try:
            block, own = ip_network(self.network), ip_address(self.address)
        except ValueError as error:
            return str(error)
        if block.version != 4 or not 8 <= block.prefixlen <= 29:
            return f"{self.network} is no IPv4 network of 8 to 29 bits"
        if own not in block or own in (block[0], block[1], block[2], block[3], block[-1]):
            return f"{self.address} is no address for a VM in {self.network}"
        if not _MAC.fullmatch(self.mac) or int(self.mac[:2], 16) & 1:
            return f"{self.mac[:32]!r} is no address of a card"
        return None


class PlanRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule about what comes in. `sources` are blocks, `ports` ranges as written; both must match."""

    name: str
    access: Access
    sources: tuple[str, ...]
    source_ports: tuple[str, ...] = (ANY,)
    ports: tuple[str, ...] = (ANY,)


class Endpoint(msgspec.Struct, frozen=True):
    """A port of the classic model: who comes to `public` is let to the VM's port `private`."""

    public: int
    private: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`public`: addresses of the host's under which the VM is reached; `ports`: those it is reached at, and
    `endpoints` more of them that lead to another port of the VM. Rules are about the VM's own port.
    `shut`: no stage, and a public address that is closed without one.
    """

    public: tuple[str, ...] = ()
    ports: tuple[int, ...] = ALWAYS
    stages: tuple[tuple[PlanRule, ...], ...] = ()
    shut: bool = False
    endpoints: tuple[Endpoint, ...] = ()
    udp_ports: tuple[int, ...] = ()
    udp_stages: tuple[tuple[PlanRule, ...], ...] = ()
    """Apart from those of TCP: an agent that does not know them would take one for a rule about TCP."""

    @property
    def doors(self) -> dict[int, int]:
        """By each port that is listened at, the VM's port behind it."""
        return {port: port for port in self.ports} | {each.public: each.private for each in self.endpoints}


class Decision(msgspec.Struct, frozen=True):
    """`rule` names what decided; empty where no rule did."""

    allowed: bool
    rule: str = ""


class _Ready:
    """A rule whose texts are read. Raises ValueError for what is neither block nor range."""

    def __init__(self, rule: PlanRule) -> None:
        self.name, self.allows = rule.name, rule.access is Access.ALLOW
        self._ports = _ranges(rule.ports)
        self._source_ports = _ranges(rule.source_ports)
        found = collapse(ip_network(each) for each in rule.sources)
        self._sources = {
            version: [(int(each[0]), int(each[-1])) for each in found if each.version == version]
            for version in (4, 6)
        }

    def matches(self, source: Address, source_port: int, port: int) -> bool:
        if not _within(self._ports, port) or not _within(self._source_ports, source_port):
            return False
        blocks, number = self._sources[source.version], int(source)
        # They are in order and share nothing, so only the last that begins before it can hold it.
        at = bisect_right(blocks, number, key=lambda each: each[0]) - 1
        return at >= 0 and number <= blocks[at][1]


class Judge:
    """Whether a connection, or by UDP a datagram, may reach a port of the VM from outside. What a plan says
    is read once, not for each of them: a rule may have thousands of blocks. Raises ValueError for a plan that
    cannot be read.
    """

    def __init__(self, plan: Plan, protocol: Protocol = Protocol.TCP) -> None:
        stages = plan.udp_stages if protocol is Protocol.UDP else plan.stages
        self._stages = [[_Ready(each) for each in stage] for stage in stages]
        self._shut = plan.shut

    def decide(self, source: Address, source_port: int, port: int) -> Decision:
        rule = ""
        for stage in self._stages:
            found = next((each for each in stage if each.matches(source, source_port, port)), None)
            if found is None or not found.allows:
                return Decision(False, found.name if found is not None else "")
            rule = found.name
        return Decision(bool(self._stages) or not self._shut, rule)


def _ranges(texts: Sequence[str]) -> list[tuple[int, int]]:
    found = []
    for text in texts:
        if (span := port_range(text)) is None:
            raise ValueError(f"{text[:32]!r} is no range of ports")
        found.append(span)
    return found


def _within(ranges: Sequence[tuple[int, int]], port: int) -> bool:
    return any(first <= port <= last for first, last in ranges)


def stage(
    group: Group, own: Sequence[Address], around: Surroundings, protocol: Protocol = Protocol.TCP
) -> tuple[PlanRule, ...]:
    """A group's rules as they bear on what comes by this protocol to these addresses of the VM; of what else
    they say nothing is left.
    """
    found = []
    for rule in in_order(group.rules, Direction.INBOUND):
        if rule.protocol not in (protocol, Protocol.ANY) or not _is_for(rule.destination, own, around):
            continue
        sources = tuple(str(each) for each in collapse(_blocks(rule.source, around)))
        found.append(
            PlanRule(
                name=rule.name,
                access=rule.access,
                sources=sources,
                source_ports=rule.source.ports,
                ports=rule.destination.ports,
            )
        )
    return tuple(found)


def ports_of(stages: Sequence[Sequence[PlanRule]], always: Sequence[int] = ALWAYS) -> tuple[int, ...]:
    """The ports to listen on: `always`, and what a rule allows by a number of its own, MAX_PORTS at most."""
    named: dict[int, None] = dict.fromkeys(always)
    for rules in stages:
        for rule in rules:
            for first, last in filter(None, map(port_range, rule.ports)):
                if rule.access is Access.ALLOW and last - first < MAX_PORTS:
                    named.update(dict.fromkeys(range(max(first, 1), last + 1)))
    return tuple(named)[:MAX_PORTS]


def _is_for(end: End, own: Sequence[Address], around: Surroundings) -> bool:
    if end.groups:
        return any(each in around.groups.get(group, ()) for group in end.groups for each in own)
    return any(each in block for text in end.prefixes for block in expand(text, around) for each in own)


def _blocks(end: End, around: Surroundings) -> list[Block]:
    if end.groups:
        return [
            ip_network(one) for group in end.groups for one in sorted(around.groups.get(group, ()), key=str)
        ]
    return [block for text in end.prefixes for block in expand(text, around)]
