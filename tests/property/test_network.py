"""The decision about a flow and the next hop against slow, plain references."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from outofband.wire.network import prefixes, tags
from outofband.wire.network.effective import effective_rules
from outofband.wire.network.flows import Flow, Group, decide, matches, verify
from outofband.wire.network.prefixes import Address, Block
from outofband.wire.network.routes import Hop, Origin, Route, next_hop, table_of
from outofband.wire.network.rules import (
    DEFAULTS,
    Access,
    Direction,
    End,
    Protocol,
    Rule,
    in_order,
    port_range,
)
from outofband.wire.network.tags import Surroundings

SPACE = (ip_network("10.1.0.0/16"), ip_network("8.8.0.0/16"))
# Few enough addresses that rules meet flows often, some just inside and outside of every block.
ADDRESSES: st.SearchStrategy[Address] = st.sampled_from(
    [
        ip_address(text)
        for text in [
            "10.1.0.4",
            "10.1.0.5",
            "10.1.255.255",
            "10.2.0.0",
            "10.0.255.255",
            "8.8.8.8",
            "8.9.0.0",
            "1.1.1.1",
            "192.168.0.1",
            "168.63.129.16",
            "168.63.129.17",
            "172.15.255.255",
            "172.16.0.0",
            "223.255.255.255",
            "224.0.0.1",
            "2001:db8::1",
            "fe80::1",
        ]
    ]
)
PREFIXES = st.sampled_from(
    [
        "*",
        "VirtualNetwork",
        "internet",
        "AzureLoadBalancer",
        "10.1.0.0/24",
        "10.1.0.4",
        "10.0.0.0/8",
        "8.8.8.8/32",
        "0.0.0.0/0",
        "::/0",
        "1.0.0.0/7",
        "168.63.129.16/31",
        "2001:db8::/32",
    ]
)
ASGS = st.sampled_from(["web", "db", "empty"])
PORTS = st.sampled_from(["*", "22", "0-65535", "80-90", "3389", "0"])
NUMBERS = st.sampled_from([0, 22, 79, 80, 90, 91, 3389, 65535])
ENDS = st.one_of(
    st.builds(
        lambda texts, ports: End(prefixes=tuple(texts), ports=tuple(ports)),
        st.lists(PREFIXES, min_size=1, max_size=3),
        st.lists(PORTS, min_size=1, max_size=3),
    ),
    st.builds(
        lambda groups, ports: End(groups=tuple(groups), ports=tuple(ports)),
        st.lists(ASGS, min_size=1, max_size=2),
        st.lists(PORTS, min_size=1, max_size=2),
    ),
)
RULES = st.lists(
    st.builds(
        Rule,
        name=st.sampled_from(["a", "b", "c"]),
        priority=st.integers(100, 4096),
        direction=st.sampled_from(Direction),
        access=st.sampled_from(Access),
        protocol=st.sampled_from(Protocol),
        source=ENDS,
        destination=ENDS,
    ),
    max_size=6,
    unique_by=lambda rule: (rule.direction, rule.priority),
)
FLOWS = st.builds(
    Flow,
    direction=st.sampled_from(Direction),
    protocol=st.sampled_from([each for each in Protocol if each is not Protocol.ANY]),
    local=ADDRESSES,
    remote=ADDRESSES,
    local_port=NUMBERS,
    remote_port=NUMBERS,
)
AROUND = Surroundings(
    space=SPACE,
    groups={"web": frozenset({ip_address("10.1.0.4")}), "db": frozenset({ip_address("10.1.0.5")})},
)


def is_private(one: Address) -> bool:
    """As the plain numbers say it, for IPv4; all but 2000::/3 for IPv6."""
    number = int(one)
    if one.version == 6:
        return not 0x2 << 124 <= number < 0x4 << 124
    first, second = number >> 24, number >> 16 & 255
    return (
        first in (0, 10, 127)
        or first >= 224
        or (first == 100 and 64 <= second < 128)
        or (first, second) in ((169, 254), (192, 168))
        or (first == 172 and 16 <= second < 32)
    )


def plain_address(text: str, one: Address) -> bool:
    in_space = str(one).startswith(("10.1.", "8.8."))
    if text == "*":
        return True
    if text.lower() == "virtualnetwork":
        return in_space or str(one) == "168.63.129.16"
    if text.lower() == "azureloadbalancer":
        return str(one) == "168.63.129.16"
    if text.lower() == "internet":
        return not is_private(one) and not in_space and str(one) != "168.63.129.16"
    head, _, length = text.partition("/")
    base = ip_address(head)
    if base.version != one.version:
        return False
    shift = base.max_prefixlen - int(length or base.max_prefixlen)
    return int(base) >> shift == int(one) >> shift


def plain_end(end: End, one: Address, port: int, with_ports: bool) -> bool:
    members = {"web": "10.1.0.4", "db": "10.1.0.5", "empty": ""}
    if end.groups:
        here = any(members[group] == str(one) for group in end.groups)
    else:
        here = any(plain_address(text, one) for text in end.prefixes)
    numbers = [text.replace("*", "0-65535").partition("-") for text in end.ports]
    open_to = any(int(first) <= port <= int(last or first) for first, _, last in numbers)
    return here and (open_to or not with_ports)


def plain_decide(rules: list[Rule], flow: Flow) -> Rule:
    inbound = flow.direction is Direction.INBOUND
    source, destination = (flow.remote, flow.local) if inbound else (flow.local, flow.remote)
    ports = (flow.remote_port, flow.local_port) if inbound else (flow.local_port, flow.remote_port)
    with_ports = flow.protocol in ("Tcp", "Udp")
    fitting = [
        rule
        for rule in (*rules, *DEFAULTS)
        if rule.direction == flow.direction
        and rule.protocol in ("*", flow.protocol)
        and plain_end(rule.source, source, ports[0] or 0, with_ports)
        and plain_end(rule.destination, destination, ports[1] or 0, with_ports)
    ]
    return min(fitting, key=lambda rule: rule.priority)


@given(RULES, RULES, FLOWS, st.booleans(), st.booleans())
def test_both_groups_have_to_allow(
    near: list[Rule], far: list[Rule], flow: Flow, has_near: bool, has_far: bool
) -> None:
    interface = Group(id="nic", rules=near) if has_near else None
    subnet = Group(id="subnet", rules=far) if has_far else None
    verdict = verify(flow, AROUND, subnet=subnet, interface=interface)
    there = [group for group in (interface, subnet) if group is not None]
    ways = {group.id: plain_decide(list(group.rules), flow) for group in there}
    assert (verdict.access is Access.ALLOW) is all(rule.access == "Allow" for rule in ways.values())
    if not there:
        assert (verdict.rule, verdict.group) == (None, None)
        return
    assert verdict.rule == ways[str(verdict.group)]
    denying = [name for name, rule in ways.items() if rule.access == "Deny"]
    first = "subnet" if flow.direction is Direction.INBOUND else "nic"
    if len(denying) == 2:
        assert verdict.group == first
    elif not denying and len(there) == 2:
        assert verdict.group != first


@given(FLOWS)
def test_without_rules_of_ones_own_only_the_network_and_the_way_out_are_open(flow: Flow) -> None:
    allowed = decide([], flow, AROUND).access is Access.ALLOW
    both_inside = plain_address("VirtualNetwork", flow.local) and plain_address("VirtualNetwork", flow.remote)
    if flow.direction is Direction.INBOUND:
        assert allowed is (both_inside or plain_address("AzureLoadBalancer", flow.remote))
    else:
        assert allowed is (both_inside or plain_address("Internet", flow.remote))


@given(RULES, FLOWS)
def test_effective_rules_say_what_is_decided(rules: list[Rule], flow: Flow) -> None:
    """Read back from the answer alone, the first that matches is the one that decides."""
    listed = [each for each in effective_rules(rules, AROUND) if each["direction"] == flow.direction]
    inbound = flow.direction is Direction.INBOUND
    source, destination = (flow.remote, flow.local) if inbound else (flow.local, flow.remote)

    def covers(each: dict[str, object], word: str, one: Address) -> bool:
        found: set[Block] = set()
        written = each[f"{word}AddressPrefixes"]
        assert isinstance(written, list)
        expanded = each[f"expanded{word.capitalize()}AddressPrefix"]
        assert isinstance(expanded, list)
        for text in (*written, *expanded):
            if text in tags.TAGS:
                continue
            found.add(ip_network(text))
            if text == "0.0.0.0/0" and "*" in _written(each, word):
                found.add(ip_network("::/0"))
        return any(one in block for block in found)

    def _written(each: dict[str, object], word: str) -> tuple[str, ...]:
        rule = next(
            rule
            for rule in (*rules, *DEFAULTS)
            if (rule.priority, rule.direction) == (each["priority"], each["direction"])
        )
        end = rule.source if word == "source" else rule.destination
        return end.prefixes

    by_priority = {rule.priority: rule for rule in (*rules, *DEFAULTS) if rule.direction is flow.direction}
    for each in listed:
        rule = by_priority[int(each["priority"])]
        here = covers(each, "source", source) and covers(each, "destination", destination)
        assert here or not matches(rule, flow, AROUND)
    assert [each["priority"] for each in listed] == sorted(by_priority)
    assert [rule.priority for rule in in_order(rules, flow.direction)] == sorted(by_priority)


BLOCKS: st.SearchStrategy[Block] = st.builds(
    lambda number, length: ip_network((number >> 32 - length << 32 - length if length else 0, length)),
    st.integers(0, 2**32 - 1),
    st.integers(0, 32),
)


@given(BLOCKS, st.lists(BLOCKS, max_size=4), st.integers(0, 2**32 - 1))
def test_what_is_left_of_a_block_is_in_it_and_in_nothing_taken(
    whole: Block, taken: list[Block], number: int
) -> None:
    one = ip_address(number)
    left = prefixes.without(whole, taken)
    assert prefixes.holds(left, one) is (one in whole and not prefixes.holds(taken, one))
    assert all(not prefixes.overlaps(a, b) for a in left for b in left if a is not b)


@given(BLOCKS, BLOCKS)
def test_overlap_is_what_the_numbers_say(one: Block, other: Block) -> None:
    first = range(int(one.network_address), int(one.broadcast_address) + 1)
    last = range(int(other.network_address), int(other.broadcast_address) + 1)
    assert prefixes.overlaps(one, other) is (max(first[0], last[0]) <= min(first[-1], last[-1]))


@given(st.text(max_size=20))
def test_no_text_breaks_a_parser(text: str) -> None:
    prefixes.block(text)
    prefixes.address(text)
    found = port_range(text)
    assert found is None or 0 <= found[0] <= found[1] <= 65535
    tags.expand(text, AROUND)


ROUTES = st.lists(
    st.builds(
        lambda prefix, hop: Route(name=str(prefix), prefix=prefix, hop=hop, origin=Origin.USER),
        st.one_of(
            BLOCKS, st.sampled_from([ip_network(each) for each in ("0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16")])
        ),
        st.sampled_from(Hop),
    ),
    max_size=5,
    unique_by=lambda route: route.prefix,
)


@given(ROUTES, st.one_of(ADDRESSES, BLOCKS.map(lambda block: block.network_address)))
def test_the_longest_prefix_wins_and_the_users_own_before_the_systems(
    user: list[Route], target: Address
) -> None:
    table = table_of(SPACE[:1], user)
    found = next_hop(table, target)
    if target.version == 6:
        assert found is None
        return
    written = [(str(route.prefix), "user", route.hop.value) for route in user]
    written += [("10.1.0.0/16", "system", "VnetLocal"), ("0.0.0.0/0", "system", "Internet")]
    written += [
        (text, "system", "None")
        for text in ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")
    ]
    best: tuple[int, bool, str] = (-1, False, "")
    for text, whose, hop in written:
        if plain_address(text, target):
            best = max(best, (int(text.partition("/")[2]), whose == "user", hop))
    assert found is not None
    assert (found.prefix.prefixlen, found.origin is Origin.USER, found.hop.value) == best
