"""Network security groups and their rules, inline and as children, through the port."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cloud import Cloud
from tests.support.networks import RDP, Networks, code

pytestmark = pytest.mark.anyio
NSG, RULES = "networkSecurityGroups", "networkSecurityGroups/securityRules"


def rule(name: str, **changes: Any) -> dict[str, Any]:
    return {"name": name, "properties": RDP | changes}


async def test_a_group_has_azures_form_and_default_rules(net: Networks) -> None:
    made = await net.put(NSG, "web", securityRules=[rule("rdp")], tags={"a": "b"})
    assert (made["type"], made["location"], made["tags"]) == (f"Microsoft.Network/{NSG}", "local", {"a": "b"})
    properties = made["properties"]
    assert [each["name"] for each in properties["defaultSecurityRules"]] == [
        "AllowVnetInBound",
        "AllowAzureLoadBalancerInBound",
        "DenyAllInBound",
        "AllowVnetOutBound",
        "AllowInternetOutBound",
        "DenyAllOutBound",
    ]
    (own,) = properties["securityRules"]
    assert own["id"] == net.id(RULES, "web", "rdp")
    assert own["type"] == f"Microsoft.Network/{RULES}"
    assert own["etag"] == made["etag"]
    assert own["properties"] == {
        "provisioningState": "Succeeded",
        **RDP,
        "sourcePortRanges": [],
        "destinationPortRanges": [],
        "sourceAddressPrefixes": [],
        "destinationAddressPrefixes": [],
    }
    assert "subnets" not in properties
    assert "networkInterfaces" not in properties


async def test_a_rule_is_the_same_inline_and_as_a_child(net: Networks) -> None:
    await net.put(NSG, "web", securityRules=[rule("rdp")])
    child = await net.put(RULES, "web", "ssh", **RDP | {"priority": 310, "destinationPortRange": "22"})
    whole = await net.get(net.id(NSG, "web"))
    assert whole["properties"]["securityRules"][1] == child
    listed = await net.get(net.id(NSG, "web") + "/securityRules")
    assert [each["name"] for each in listed["value"]] == ["rdp", "ssh"]
    defaults = await net.get(net.id(NSG, "web") + "/defaultSecurityRules")
    assert len(defaults["value"]) == 6
    one = await net.get(net.id("networkSecurityGroups/defaultSecurityRules", "web", "denyallinbound"))
    assert (one["name"], one["properties"]["priority"]) == ("DenyAllInBound", 65500)
    await net.delete(RULES, "web", "RDP")
    left = await net.get(net.id(NSG, "web"))
    assert [each["name"] for each in left["properties"]["securityRules"]] == ["ssh"]
    assert (await net.ask("DELETE", net.id(RULES, "web", "rdp"))).status_code == 204
    # A PUT of the whole says all rules there are.
    emptied = await net.put(NSG, "web")
    assert emptied["properties"]["securityRules"] == []
    assert code(await net.ask("GET", net.id(RULES, "web", "ssh"))) == (404, "ResourceNotFound")


async def test_a_rule_has_to_have_a_group(net: Networks) -> None:
    assert await net.refused(RULES, "nope", "rdp", **RDP) == (404, "ParentResourceNotFound")
    assert code(await net.ask("GET", net.id(NSG, "nope") + "/securityRules")) == (404, "ResourceNotFound")


async def test_what_azure_refuses_is_refused_with_its_codes(net: Networks) -> None:
    await net.put(NSG, "web", securityRules=[rule("rdp")])
    before = await net.get(net.id(NSG, "web"))
    for changes, refusal in (
        ({"priority": 300}, "SecurityRuleConflict"),
        ({"priority": 99}, "SecurityRuleInvalidPriority"),
        ({"priority": 4097}, "SecurityRuleInvalidPriority"),
        ({"destinationPortRange": "70000"}, "SecurityRuleInvalidPortRange"),
        ({"sourceAddressPrefix": "10.0.0.0/33"}, "SecurityRuleInvalidAddressPrefix"),
        ({"sourceAddressPrefix": "Sql"}, "SecurityRuleInvalidAddressPrefix"),
        (
            {"sourceAddressPrefix": None, "sourceAddressPrefixes": ["Internet"]},
            "SecurityRuleParameterContainsUnsupportedValue",
        ),
        ({"sourceAddressPrefix": None}, "InvalidParameter"),
        ({"access": "Perhaps"}, "InvalidParameter"),
        ({"priority": "high"}, "InvalidRequestContent"),
    ):
        given = {"priority": 301, **changes}
        assert await net.refused(RULES, "web", "other", **RDP | given) == (400, refusal), changes
        assert await net.refused(NSG, "web", securityRules=[rule("rdp"), rule("other", **given)]) == (
            400,
            refusal,
        )
    assert await net.get(net.id(NSG, "web")) == before
    answer = await net.ask("PUT", net.id(RULES, "web", "other"), {"properties": RDP})
    assert answer.json()["error"]["message"] == (
        "Security rule other conflicts with rule rdp. Rules cannot have the same Priority and Direction."
    )


async def test_several_values_are_answered_as_they_came(net: Networks) -> None:
    several = {
        **RDP,
        "sourceAddressPrefix": "",
        "sourceAddressPrefixes": ["10.0.0.0/24", "10.0.1.0/24"],
        "destinationPortRange": None,
        "destinationPortRanges": ["22", "80-90"],
        "protocol": "TCP",
        "access": "allow",
    }
    await net.put(NSG, "web")
    made = (await net.put(RULES, "web", "r", **several))["properties"]
    assert made["sourceAddressPrefixes"] == ["10.0.0.0/24", "10.0.1.0/24"]
    assert made["destinationPortRanges"] == ["22", "80-90"]
    assert not {"sourceAddressPrefix", "destinationPortRange"} & made.keys()
    assert (made["protocol"], made["access"]) == ("Tcp", "Allow")
    # What was read can be written again as it is.
    whole = await net.get(net.id(NSG, "web"))
    again = await net.put(NSG, "web", **whole["properties"])
    assert again["properties"]["securityRules"][0]["properties"] == made


async def test_an_etag_keeps_two_people_from_overwriting_each_other(net: Networks) -> None:
    made = await net.put(NSG, "web", securityRules=[rule("rdp")])
    where = net.id(RULES, "web", "rdp")
    changed = {"properties": RDP | {"priority": 400}}
    stale = await net.ask("PUT", where, changed, headers={"If-Match": '"other"'})
    assert code(stale) == (412, "PreconditionFailed")
    right = await net.ask("PUT", where, changed, headers={"If-Match": made["etag"]})
    assert right.status_code == 200
    await net.end(right)
    late = await net.ask("PUT", net.id(NSG, "web"), {}, headers={"If-Match": made["etag"]})
    assert code(late) == (412, "PreconditionFailed")
    assert code(await net.ask("PUT", where, changed, headers={"If-None-Match": "*"})) == (
        412,
        "PreconditionFailed",
    )


async def test_tags_are_patched_and_nothing_else(net: Networks) -> None:
    await net.put(NSG, "web", securityRules=[rule("rdp")])
    patched = await net.ask("PATCH", net.id(NSG, "web"), {"tags": {"owner": "me"}})
    assert (patched.status_code, patched.json()["tags"]) == (200, {"owner": "me"})
    assert len(patched.json()["properties"]["securityRules"]) == 1
    bad = await net.ask("PATCH", net.id(NSG, "web"), {"properties": {"securityRules": []}})
    assert code(bad) == (400, "InvalidParameter")


async def test_lists_of_a_group_and_of_a_subscription(net: Networks, cloud: Cloud) -> None:
    for name in ("b", "a", "c"):
        await net.put(NSG, name)
    for node in (net.group, net.group.rpartition("/resourceGroups")[0]):
        where = f"{node}/providers/Microsoft.Network/{NSG}"
        first = await net.get(where, **{"$top": "2"})
        assert [each["name"] for each in first["value"]] == ["a", "b"]
        rest = await cloud.owner.get(first["nextLink"], version=None)
        assert [each["name"] for each in rest.json()["value"]] == ["c"]


async def test_a_group_in_use_stays(net: Networks) -> None:
    nsg = await net.put(NSG, "web")
    await net.network(s="10.0.0.0/24")
    nic = await net.interface("n", nsg=nsg["id"])
    subnet = net.id("virtualNetworks/subnets", "v", "s")
    await net.put(
        "virtualNetworks/subnets",
        "v",
        "s",
        addressPrefix="10.0.0.0/24",
        networkSecurityGroup={"id": nsg["id"].upper().replace("/SUBSCRIPTIONS", "/subscriptions")},
    )
    used = await net.get(net.id(NSG, "web"))
    assert used["properties"]["networkInterfaces"] == [{"id": nic["id"]}]
    assert used["properties"]["subnets"] == [{"id": subnet}]
    refused = await net.ask("DELETE", net.id(NSG, "web"))
    assert code(refused) == (400, "InUseNetworkSecurityGroupCannotBeDeleted")
    assert nic["id"] in refused.json()["error"]["message"]
    # The subnet's reference is answered in the group's own spelling.
    kept = await net.get(subnet)
    assert kept["properties"]["networkSecurityGroup"]["id"] == nsg["id"]
    await net.delete("networkInterfaces", "n")
    await net.put("virtualNetworks/subnets", "v", "s", addressPrefix="10.0.0.0/24")
    await net.delete(NSG, "web")
    assert code(await net.ask("GET", net.id(NSG, "web"))) == (404, "ResourceNotFound")


async def test_an_application_group_of_a_rule_stays_as_long_as_the_rule(net: Networks) -> None:
    asg = await net.put("applicationSecurityGroups", "web")
    await net.put(NSG, "n")
    grouped = {
        **RDP,
        "sourceAddressPrefix": None,
        "sourceApplicationSecurityGroups": [{"id": asg["id"]}],
    }
    await net.put(RULES, "n", "r", **grouped)
    refused = await net.ask("DELETE", asg["id"])
    assert code(refused) == (400, "InUseApplicationSecurityGroupCannotBeDeleted")
    missing = grouped | {"sourceApplicationSecurityGroups": [{"id": asg["id"] + "x"}]}
    assert await net.refused(RULES, "n", "r2", **missing | {"priority": 301}) == (
        400,
        "InvalidResourceReference",
    )
    await net.delete(RULES, "n", "r")
    await net.delete("applicationSecurityGroups", "web")


async def test_a_line_feed_ends_neither_a_name_nor_a_port(net: Networks) -> None:
    for name, port in (("rdp\n", "3389"), ("rdp", "3389\n")):
        rule = {"name": name, "properties": RDP | {"destinationPortRange": port}}
        assert (await net.refused(NSG, "web", securityRules=[rule]))[0] == 400
    label = {"domainNameLabel": "door\n"}
    assert await net.refused("publicIPAddresses", "p", dnsSettings=label) == (400, "InvalidDomainNameLabel")
    assert code(await net.ask("PUT", net.id(NSG, "web%0A"), {}))[0] == 400
    assert await net.refused(NSG, "web", location="local\n") == (400, "InvalidParameter")
