"""Which rule keeps somebody out, and the rule that would let them in: with it the flow is allowed."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outofband.providers.network.security_rules import RuleProperties, rule_of, stored
from outofband.rescue import rules
from outofband.rescue.rules import Addition
from outofband.rescue.run import Look
from outofband.wire.network.flows import Flow, Group, verify
from outofband.wire.network.rules import Access, Direction, End, Rule
from outofband.wire.network.rules import Protocol as Transport
from outofband.wire.network.tags import Surroundings
from outofband.wire.remote import Protocol

AROUND = Surroundings()
FLOW = Flow(
    direction=Direction.INBOUND,
    protocol=Transport.TCP,
    local=ip_address("10.0.0.4"),
    remote=ip_address("203.0.113.9"),
    local_port=3389,
)
SUBNET, CARD = "/groups/subnet", "/groups/card"


def rule(
    name: str, priority: int, access: str, ports: str = "*", source: str = "*", source_ports: str = "*"
) -> Rule:
    return Rule(
        name=name,
        priority=priority,
        direction=Direction.INBOUND,
        access=Access(access),
        protocol=Transport.TCP,
        source=End(prefixes=(source,), ports=(source_ports,)),
        destination=End(prefixes=("*",), ports=(ports,)),
    )


def look(*groups: Group, shut: bool = False, protocol: Protocol = Protocol.RDP) -> Look:
    return rules.look(groups, FLOW, AROUND, shut=shut, protocol=protocol, locale="en")


def additions(seen: Look) -> list[Addition]:
    assert seen.wish is not None
    return [_addition(each) for each in seen.wish.args["rules"]]


def _addition(each: dict[str, Any]) -> Addition:
    return Addition(**each)


def test_the_seeds_rule() -> None:
    seen = look(Group(id=CARD))
    [finding] = seen.findings
    assert finding.code == "RescueRuleMissing"
    [added] = additions(seen)
    assert added == Addition(group=CARD, name="default-allow-rdp", priority=1000, port=3389)
    assert rules.properties(added) == {
        "protocol": "Tcp",
        "sourcePortRange": "*",
        "sourceAddressPrefix": "*",
        "destinationPortRange": "3389",
        "destinationAddressPrefix": "*",
        "access": "Allow",
        "priority": 1000,
        "direction": "Inbound",
    }
    assert additions(look(Group(id=CARD), protocol=Protocol.SSH))[0].name == "default-allow-ssh"


def test_allowed_and_nothing_there() -> None:
    seen = look(Group(id=CARD, rules=[rule("rdp", 300, "Allow", "3389")]))
    assert (seen.findings[0].code, seen.wish) == ("RescueRulesAllow", None)
    assert look().findings[0].evidence["access"] == "Allow"
    shut = look(shut=True)
    assert (shut.findings[0].code, shut.wish) == ("RescueNoGroup", None)


@pytest.mark.parametrize(
    ("taken", "priority"), [((), 1000), ((1000,), 1001), (range(1000, 4097), 999), ((1000, 1001), 1002)]
)
def test_the_number_is_azures_or_the_nearest_free_one(taken: Any, priority: int) -> None:
    there = [rule(f"r{each}", each, "Allow", "80") for each in taken]
    assert additions(look(Group(id=CARD, rules=there)))[0].priority == priority


def test_a_shadowed_rule_and_a_name_that_is_taken() -> None:
    there = [rule("default-allow-rdp", 1000, "Allow", "3389"), rule("no", 150, "Deny")]
    seen = look(Group(id=CARD, rules=there))
    assert seen.findings[0].code == "RescueRuleShadowed"
    [added] = additions(seen)
    assert (added.name, added.priority) == ("default-allow-rdp-2", 149)


def test_no_number_is_left() -> None:
    seen = look(Group(id=CARD, rules=[rule("no", 100, "Deny")]))
    assert (seen.findings[0].code, seen.wish) == ("RescueRuleDenies", None)


def test_both_doors_or_none() -> None:
    seen = look(Group(id=SUBNET), Group(id=CARD))
    assert [each.group for each in additions(seen)] == [SUBNET, CARD]
    seen = look(Group(id=SUBNET), Group(id=CARD, rules=[rule("no", 100, "Deny")]))
    assert len(seen.findings) == 2 and seen.wish is None


RULES = st.lists(
    st.builds(
        rule,
        st.sampled_from(["a", "default-allow-rdp", "b"]),
        st.integers(100, 110) | st.integers(995, 1005) | st.just(4096),
        st.sampled_from(["Allow", "Deny"]),
        st.sampled_from(["*", "3389", "22", "3000-4000"]),
        st.sampled_from(["*", "203.0.113.0/24", "10.0.0.0/8", "Internet"]),
    ),
    max_size=8,
    unique_by=(lambda each: each.priority, lambda each: each.name),
)


@given(RULES, RULES)
def test_with_the_added_rules_the_flow_is_allowed(one: list[Rule], other: list[Rule]) -> None:
    groups = [Group(id=SUBNET, rules=one), Group(id=CARD, rules=other)]
    denied = verify(FLOW, AROUND, subnet=groups[0], interface=groups[1]).access is Access.DENY
    seen = look(*groups)
    assert denied is (seen.findings[0].code != "RescueRulesAllow")
    if seen.wish is None:
        return
    for added in additions(seen):
        form = RuleProperties(
            protocol="Tcp",
            access="Allow",
            direction="Inbound",
            priority=added.priority,
            source_port_range="*",
            source_address_prefix="*",
            destination_port_range=str(added.port),
            destination_address_prefix="*",
        )
        made = rule_of(added.name, stored(added.name, form)["properties"])
        at = [group.id for group in groups].index(added.group)
        there = groups[at].rules
        assert all((each.name, each.priority) != (made.name, made.priority) for each in there)
        assert made.priority not in {each.priority for each in there}
        groups[at] = Group(id=added.group, rules=[*there, made])
    assert verify(FLOW, AROUND, subnet=groups[0], interface=groups[1]).access is Access.ALLOW


@pytest.mark.parametrize(("ports", "lets_in"), [("1024-65535", True), ("3389", False), ("1-1023", False)])
def test_rules_about_the_ports_of_clients(ports: str, lets_in: bool) -> None:
    """Clients draw a high port. Who wrote 3389 at the wrong end lets nobody in."""
    own = Group(id=CARD, rules=[rule("in", 300, "Allow", "3389", source_ports=ports)])
    assert (look(own).wish is None) is lets_in
    shut = rule("out", 200, "Deny", source_ports=ports)
    both = Group(id=CARD, rules=[shut, rule("in", 300, "Allow", "3389")])
    assert (look(both).wish is not None) is lets_in
