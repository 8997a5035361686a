"""What a security rule and a route may say, with Azure's codes, and the six rules that are always there."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from outofband.core.errors import Fault
from outofband.wire.network import rules
from outofband.wire.network.effective import effective_routes, effective_rules, rule_name, tag_map
from outofband.wire.network.flows import Flow, Group, verify
from outofband.wire.network.routes import (
    Hop,
    check_together,
    next_hop,
    system_routes,
    table_of,
    user_route,
)
from outofband.wire.network.rules import DEFAULTS, Access, Direction, End, Protocol, Rule
from outofband.wire.network.tags import Surroundings

AROUND = Surroundings(space=(ip_network("10.0.0.0/16"),))


def rule(name: str = "r", **changes: Any) -> Rule:
    whole: dict[str, Any] = {
        "name": name,
        "priority": 100,
        "direction": Direction.INBOUND,
        "access": Access.ALLOW,
        "protocol": Protocol.TCP,
        "source": End(prefixes=("*",)),
        "destination": End(prefixes=("*",), ports=("3389",)),
    }
    return Rule(**(whole | changes))


def refusal(given: Rule, **many: bool) -> str:
    with pytest.raises(Fault) as caught:
        rules.check(given, **({"many_sources": False, "many_destinations": False} | many))
    return caught.value.code


def test_azures_default_rules_have_azures_names_and_priorities() -> None:
    assert [(each.priority, each.name, each.access.value) for each in DEFAULTS] == [
        (65000, "AllowVnetInBound", "Allow"),
        (65001, "AllowAzureLoadBalancerInBound", "Allow"),
        (65500, "DenyAllInBound", "Deny"),
        (65000, "AllowVnetOutBound", "Allow"),
        (65001, "AllowInternetOutBound", "Allow"),
        (65500, "DenyAllOutBound", "Deny"),
    ]
    assert DEFAULTS[0].description == "Allow inbound traffic from all VMs in VNET"
    assert DEFAULTS[2].description == "Deny all inbound traffic"


@pytest.mark.parametrize("priority", [99, 4097, 0, -1, 65000])
def test_a_priority_out_of_range(priority: int) -> None:
    assert refusal(rule(priority=priority)) == "SecurityRuleInvalidPriority"


@pytest.mark.parametrize("ports", ["65536", "90-80", "a", "", "1-2-3", "-1", "22,80", "٢٢", "22 "])
def test_a_bad_port_range(ports: str) -> None:
    bad = End(prefixes=("*",), ports=(ports,))
    assert refusal(rule(destination=bad)) == "SecurityRuleInvalidPortRange"


@pytest.mark.parametrize(
    "prefix", ["10.0.0.0/33", "10.0.0", "Sql.WestEurope", "a/b", "10.0.0.0/255.0.0.0", ""]
)
def test_a_bad_prefix(prefix: str) -> None:
    assert refusal(rule(source=End(prefixes=(prefix,)))) == "SecurityRuleInvalidAddressPrefix"


@pytest.mark.parametrize("tag", ["Internet", "VIRTUALNETWORK", "*"])
def test_a_tag_stands_alone(tag: str) -> None:
    code = "SecurityRuleParameterContainsUnsupportedValue"
    assert refusal(rule(source=End(prefixes=("10.0.0.4", tag))), many_sources=True) == code
    rules.check(rule(source=End(prefixes=(tag,))), many_sources=False, many_destinations=False)


def test_prefixes_of_one_list_do_not_overlap() -> None:
    code = "OverlappingSubnetsNotPermittedInSecurityRule"
    nested = End(prefixes=("10.0.9.0/24", "10.0.0.0/8", "10.0.8.0/24"))
    assert refusal(rule(source=nested), many_sources=True) == code
    apart = End(prefixes=("10.0.9.0/24", "10.0.8.0/24", "::/0"))
    rules.check(rule(source=apart), many_sources=True, many_destinations=False)


def test_prefixes_and_groups_exclude_each_other_and_one_is_needed() -> None:
    assert refusal(rule(source=End(prefixes=("*",), groups=("/a",)))) == "InvalidParameter"
    assert refusal(rule(source=End())) == "InvalidParameter"


def test_rules_of_one_direction_and_priority_conflict() -> None:
    with pytest.raises(Fault) as caught:
        rules.check_together([rule("a"), rule("b", direction=Direction.OUTBOUND), rule("c")])
    assert (caught.value.code, caught.value.fields) == ("SecurityRuleConflict", {"rule": "c", "other": "a"})
    with pytest.raises(Fault, match="InvalidParameter"):
        rules.check_together([rule("a"), rule("A", priority=200)])


def test_subnet_first_inbound_and_interface_first_outbound() -> None:
    allow = Group(id="open", rules=[rule(), rule("out", direction=Direction.OUTBOUND)])
    shut = Group(id="shut", rules=[])

    def asked(direction: Direction, subnet: Group | None, interface: Group | None) -> tuple[str, str, str]:
        flow = Flow(
            direction=direction,
            protocol=Protocol.TCP,
            local=ip_address("10.0.0.4"),
            remote=ip_address("192.168.9.9"),
            local_port=3389,
            remote_port=3389,
        )
        found = verify(flow, AROUND, subnet=subnet, interface=interface)
        assert found.rule is not None
        return found.access.value, rule_name(found.rule), str(found.group)

    deny_in = ("Deny", "defaultSecurityRules/DenyAllInBound", "shut")
    assert asked(Direction.INBOUND, allow, shut) == deny_in
    assert asked(Direction.INBOUND, shut, allow) == deny_in
    assert asked(Direction.INBOUND, allow, None) == ("Allow", "securityRules/r", "open")
    deny_out = ("Deny", "defaultSecurityRules/DenyAllOutBound", "shut")
    assert asked(Direction.OUTBOUND, allow, shut) == deny_out
    assert asked(Direction.OUTBOUND, None, allow) == ("Allow", "securityRules/out", "open")


def test_effective_rules_in_azures_form() -> None:
    listed = effective_rules([rule(source=End(prefixes=("Internet",)))], AROUND)
    assert [each["name"] for each in listed] == [
        "securityRules/r",
        *(f"defaultSecurityRules/{each.name}" for each in DEFAULTS),
    ]
    first = listed[0]
    assert first["protocol"] == "Tcp"
    assert (first["destinationPortRange"], first["sourcePortRange"]) == ("3389-3389", "0-65535")
    assert first["destinationAddressPrefix"] == "0.0.0.0/0"
    assert "10.0.0.0/8" not in first["expandedSourceAddressPrefix"]
    assert "8.0.0.0/7" in first["expandedSourceAddressPrefix"]
    assert listed[1]["expandedSourceAddressPrefix"] == ["10.0.0.0/16", "168.63.129.16/32"]
    assert listed[1]["protocol"] == "All"
    assert tag_map([], AROUND)["VirtualNetwork"] == ["10.0.0.0/16", "168.63.129.16/32"]


def test_a_route_says_where_to_and_an_appliance_by_which_address() -> None:
    made = user_route("r", "10.9.0.0/16", "virtualappliance", "10.0.0.4", "/table")
    assert (made.hop, str(made.address), made.table) == (Hop.APPLIANCE, "10.0.0.4", "/table")
    for args, code in (
        (("10.9.0.1/16", "None", None), "InvalidCIDRNotation"),
        (("10.9.0.0", "None", None), "InvalidAddressPrefixFormat"),
        (("Sql", "None", None), "InvalidAddressPrefixFormat"),
        (("10.9.0.0/16", "VirtualAppliance", None), "RouteNextHopIpAddressInvalid"),
        (("10.9.0.0/16", "VirtualAppliance", "nowhere"), "RouteNextHopIpAddressInvalid"),
        (("10.9.0.0/16", "Internet", "10.0.0.4"), "RouteNextHopIpAddressInvalid"),
        (("10.9.0.0/16", "Teleport", None), "InvalidParameter"),
    ):
        with pytest.raises(Fault, match=code):
            user_route("r", *args)
    with pytest.raises(Fault, match="RouteConflict"):
        check_together([user_route(name, "10.9.0.0/16", "None", None) for name in ("a", "b")])


def test_a_network_with_the_whole_of_a_reserved_block_reaches_it() -> None:
    inside = {str(each.prefix): each.hop for each in system_routes([ip_network("10.0.0.0/16")])}
    assert inside["10.0.0.0/8"] is Hop.NONE
    whole = {str(each.prefix): each.hop for each in system_routes([ip_network("10.0.0.0/8")])}
    assert whole["10.0.0.0/8"] is Hop.VNET
    assert whole["192.168.0.0/16"] is Hop.NONE


def test_a_users_route_replaces_the_systems() -> None:
    table = table_of(AROUND.space, [user_route("all", "0.0.0.0/0", "VirtualAppliance", "10.0.0.9", "/t")])
    assert [(each["state"], each["nextHopType"]) for each in effective_routes(table)][:2] == [
        ("Active", "VnetLocal"),
        ("Invalid", "Internet"),
    ]
    found = next_hop(table, ip_address("8.8.8.8"))
    assert found is not None
    assert (found.hop, str(found.address)) == (Hop.APPLIANCE, "10.0.0.9")
    assert next_hop(table, ip_address("2001:db8::1")) is None
