"""az on subscriptions, locations, groups, providers, tags, locks and resources of any kind."""

from __future__ import annotations

import pytest

from tests.peers.az import Clients
from tests.peers.house import House
from tests.peers.people import Person

NETWORK, STORAGE = "Microsoft.Network", "Microsoft.Storage"


def test_the_account_and_its_places(house: House, azure: Clients) -> None:
    profile = house.profile()
    (account,) = azure.json("account", "list", "--refresh")
    assert (account["id"], account["tenantId"]) == (profile["subscriptionId"], profile["tenantId"])
    assert (account["isDefault"], account["state"]) == (True, "Enabled")
    tenants = azure.json("rest", "--url", "/tenants?api-version=2022-12-01")["value"]
    assert [tenant["tenantId"] for tenant in tenants] == [profile["tenantId"]]
    assert "local" in [place["name"] for place in azure.json("account", "list-locations")]


def test_life_of_a_group(azure: Clients, subscription: str) -> None:
    made = azure.json("group", "create", "--name", "Blue", "--location", "local", "--tags", "use=lab")
    assert made["id"] == f"{subscription}/resourceGroups/Blue"
    assert made["properties"] == {"provisioningState": "Succeeded"}
    assert azure.json("group", "show", "--name", "bLUE")["name"] == "Blue", (
        "names are found whatever the case"
    )
    assert azure.json("group", "exists", "--name", "Blue") is True
    assert azure.json("group", "update", "--name", "Blue", "--tags", "use=test")["tags"] == {"use": "test"}
    assert [group["name"] for group in azure.json("group", "list", "--tag", "use=test")] == ["Blue"]
    assert {"Blue", "demo"} <= {group["name"] for group in azure.json("group", "list")}
    azure.json("group", "delete", "--name", "Blue", "--yes")
    assert azure.json("group", "exists", "--name", "Blue") is False
    told = azure.refused("group", "show", "--name", "Blue", code=3)
    assert told.startswith("(ResourceGroupNotFound) Resource group 'Blue' could not be found.")


def test_what_is_in_a_group_goes_with_it(azure: Clients) -> None:
    azure.json("group", "create", "--name", "Brief", "--location", "local")
    azure.json("network", "nsg", "create", "--resource-group", "Brief", "--name", "walls")
    found = azure.json("resource", "list", "--resource-group", "Brief")
    assert [(each["name"], each["type"]) for each in found] == [
        ("walls", "Microsoft.Network/networkSecurityGroups")
    ]
    azure.json("group", "delete", "--name", "Brief", "--yes")
    told = azure.refused("network", "nsg", "show", "--resource-group", "Brief", "--name", "walls", code=3)
    assert told.startswith("(ResourceGroupNotFound)")


def test_resources_of_any_kind(azure: Clients, subscription: str) -> None:
    demo = f"{subscription}/resourceGroups/demo/providers/Microsoft.Compute/virtualMachines/demo"
    listed = azure.json("resource", "list", "--resource-type", "Microsoft.Compute/virtualMachines")
    assert [(each["id"], each["provisioningState"]) for each in listed] == [(demo, "Succeeded")]
    assert listed[0]["createdTime"] <= listed[0]["changedTime"]
    shown = azure.json("resource", "show", "--ids", demo)
    assert shown["properties"]["vmId"]
    assert azure.json("resource", "list", "--name", "nothing") == []
    rest = azure.json("rest", "--url", f"{subscription}/resourceGroups?api-version=2021-04-01")
    assert "demo" in [group["name"] for group in rest["value"]]


def test_tags_are_merged_and_found(azure: Clients, subscription: str) -> None:
    group = f"{subscription}/resourceGroups/demo"
    azure.json("tag", "update", "--resource-id", group, "--operation", "Merge", "--tags", "floor=3")
    assert azure.json("tag", "list", "--resource-id", group)["properties"]["tags"] == {"floor": "3"}
    assert "floor" in [each["tagName"] for each in azure.json("tag", "list")]
    azure.json("tag", "delete", "--resource-id", group, "--yes")
    assert azure.json("group", "show", "--name", "demo")["tags"] in (None, {})


def test_a_lock_holds_until_it_is_gone(azure: Clients) -> None:
    azure.json("group", "create", "--name", "Held", "--location", "local")
    name, group = ("--name", "stop"), ("--resource-group", "Held")
    made = azure.json("lock", "create", *name, *group, "--lock-type", "CanNotDelete", "--notes", "audit")
    assert (made["level"], made["notes"]) == ("CanNotDelete", "audit")
    assert [lock["name"] for lock in azure.json("lock", "list", *group)] == ["stop"]
    told = azure.refused("group", "delete", "--name", "Held", "--yes")
    assert told.startswith("(ScopeLocked)")
    azure.json("lock", "delete", *name, *group)
    azure.json("group", "delete", "--name", "Held", "--yes")


def test_a_read_only_lock_blocks_what_is_posted(azure: Clients) -> None:
    azure.json("lock", "create", "--name", "frozen", "--resource-group", "demo", "--lock-type", "ReadOnly")
    try:
        told = azure.refused("vm", "restart", "--resource-group", "demo", "--name", "demo")
        assert told.startswith("(ScopeLocked)")
        assert azure.json("vm", "show", "--resource-group", "demo", "--name", "demo")["name"] == "demo"
    finally:
        azure.json("lock", "delete", "--name", "frozen", "--resource-group", "demo")


def test_providers_are_listed_with_their_versions(azure: Clients) -> None:
    states = {each["namespace"]: each["registrationState"] for each in azure.json("provider", "list")}
    assert {"Microsoft.Compute", "Microsoft.Network", "Microsoft.Resources"} <= set(states)
    compute = azure.json("provider", "show", "--namespace", "microsoft.compute")
    kinds = {each["resourceType"]: each for each in compute["resourceTypes"]}
    assert "2024-11-01" in kinds["virtualMachines"]["apiVersions"]


def test_an_unregistered_provider_is_refused(azure: Clients, reader: Clients) -> None:
    azure.json("provider", "unregister", "--namespace", STORAGE, "--wait")
    state = ("provider", "show", "--namespace", STORAGE, "--query", "registrationState")
    assert azure.json(*state) == "Unregistered"
    create = ("storage", "account", "create", "--name", "oobtoolate", "--resource-group", "demo")
    told = azure.refused(*create)
    assert told.startswith(
        f"(MissingSubscriptionRegistration) The subscription is not registered to use namespace '{STORAGE}'. "
        "See https://aka.ms/rps-not-found for how to register subscriptions."
    )
    assert f"Target: {STORAGE}" in told
    assert reader.refused(*create).startswith("(AuthorizationFailed)"), "who may not write learns no more"
    told = reader.refused("provider", "register", "--namespace", STORAGE)
    assert "'Microsoft.Storage/register/action'" in told
    azure.json("provider", "register", "--namespace", STORAGE, "--wait")
    assert azure.json(*state) == "Registered"


def test_az_registers_by_itself_where_it_always_does(azure: Clients) -> None:
    """Its newer commands meet the refusal, register, and try again."""
    azure.json("provider", "unregister", "--namespace", NETWORK, "--wait")
    made = azure.json("network", "nsg", "create", "--resource-group", "demo", "--name", "late")
    assert made["NewNSG"]["provisioningState"] == "Succeeded"
    shown = azure.json("provider", "show", "--namespace", NETWORK, "--query", "registrationState")
    assert shown == "Registered"
    azure.json("network", "nsg", "delete", "--resource-group", "demo", "--name", "late")


def test_a_missing_role_is_told_with_action_and_scope(
    reader: Clients, people: dict[str, Person], subscription: str
) -> None:
    assert "demo" in [group["name"] for group in reader.json("group", "list")]
    told = reader.refused("group", "create", "--name", "Mine", "--location", "local")
    who = people["reader"]
    assert told.startswith("(AuthorizationFailed) The client '")
    assert f"with object id '{who.object_id}' does not have authorization to perform action" in told
    assert "'Microsoft.Resources/subscriptions/resourceGroups/write' over scope" in told
    assert f"'{subscription}/resource".lower() in told.lower()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("{}/resourceGroups", "MissingApiVersionParameter"),
        ("{}/resourceGroups?api-version=soon", "InvalidApiVersionParameter"),
        ("{}/providers/Microsoft.Nothing/things?api-version=2024-01-01", "InvalidResourceNamespace"),
        ("{}/providers/Microsoft.Compute/things?api-version=2024-01-01", "InvalidResourceType"),
    ],
)
def test_a_wrong_address_is_told_apart(azure: Clients, subscription: str, url: str, told: str) -> None:
    assert told in azure.refused("rest", "--url", url.format(subscription))
