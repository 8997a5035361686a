"""Microsoft.Resources through the port: providers, the list of all resources, tags, groups."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from outofband.access import roles
from outofband.core import clock
from outofband.core.ids import ResourceId, parse_id
from tests.support.cloud import (
    GROUP,
    GROUP_ID,
    OTHER_SUBSCRIPTION,
    SCOPE,
    SUBSCRIPTION,
    TENANT,
    Cloud,
    vm_id,
)

pytestmark = pytest.mark.anyio
VM_TYPE = "Microsoft.Compute/virtualMachines"
RESOURCES = f"{SCOPE}/resources"
TAGS = "providers/Microsoft.Resources/tags/default"


@pytest.fixture(scope="module")
async def cloud(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cloud]:
    """One for all tests of this file: what a test changes, it changes in groups of its own."""
    async with Cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


def code(answer: Any) -> str:
    return str(answer.json()["error"]["code"])


async def group(cloud: Cloud, name: str, **body: Any) -> str:
    answer = await cloud.owner.ask("PUT", f"{SCOPE}/resourcegroups/{name}", {"location": "local", **body})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def row(cloud: Cloud, rid: str, **values: Any) -> None:
    """A resource as its provider would have stored it."""
    async with cloud.store.write() as tx:
        await cloud.store.resources.put(
            tx, parse_id(rid), now=clock.now(), by="test", **({"location": "local"} | values)
        )


async def nsg(cloud: Cloud, where: str, **body: Any) -> str:
    """A whole resource of a provider that needs no host."""
    rid = f"{where}/providers/Microsoft.Network/networkSecurityGroups/Nsg"
    answer = await cloud.owner.ask("PUT", rid, {"location": "local", **body})
    assert answer.status_code in (200, 201), answer.text
    return rid


# Providers


async def test_providers_are_listed_with_types_and_versions(cloud: Cloud) -> None:
    listed = (await cloud.owner.get(f"{SCOPE}/providers")).json()["value"]
    known = {each["namespace"]: each for each in listed}
    assert {"Microsoft.Resources", "Microsoft.Compute", "Microsoft.Authorization"} <= known.keys()
    shown = (await cloud.owner.get(f"{SCOPE}/providers/microsoft.compute")).json()
    assert shown == known["Microsoft.Compute"]
    assert shown["id"] == f"{SCOPE}/providers/Microsoft.Compute"
    assert (shown["registrationState"], shown["registrationPolicy"]) == ("Registered", "RegistrationRequired")
    (machines,) = [each for each in shown["resourceTypes"] if each["resourceType"] == "virtualMachines"]
    assert machines["locations"] == ["local"]
    assert machines["apiVersions"] == sorted(machines["apiVersions"], reverse=True)
    assert known["Microsoft.Resources"]["registrationPolicy"] == "RegistrationFree"
    at_tenant = (await cloud.owner.get("/providers/Microsoft.Compute")).json()
    assert "registrationState" not in at_tenant
    assert at_tenant["resourceTypes"] == shown["resourceTypes"]
    unknown = await cloud.owner.get(f"{SCOPE}/providers/Microsoft.Nothing")
    assert (unknown.status_code, code(unknown)) == (404, "InvalidResourceNamespace")


async def test_what_a_provider_can_do(cloud: Cloud) -> None:
    for where in ("", SCOPE):
        answer = await cloud.owner.get(f"{where}/providers/microsoft.serialconsole/operations")
        known = {each["name"]: each for each in answer.json()["value"]}
        connect = known["Microsoft.SerialConsole/serialPorts/connect/action"]
        assert connect["isDataAction"] == "false"
        assert connect["display"].keys() == {"provider", "resource", "operation", "description"}
        assert all(name.startswith("Microsoft.SerialConsole/") for name in known)


async def test_an_unregistered_provider_refuses_changes_until_it_is_registered(cloud: Cloud) -> None:
    provider = f"{SCOPE}/providers/Microsoft.Network"
    where = f"{await group(cloud, 'unregistered')}/providers/Microsoft.Network/networkSecurityGroups/n"
    gone = await cloud.owner.ask("POST", f"{provider}/unregister")
    assert (gone.status_code, gone.json()["registrationState"]) == (200, "Unregistered")
    assert (await cloud.owner.get(provider)).json()["registrationState"] == "Unregistered"
    refused = await cloud.owner.ask("PUT", where, {"location": "local"})
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (409, "MissingSubscriptionRegistration")
    # How Azure's CLI finds the namespace, and how its SDK for Go does.
    matched = re.match(r".*'(.*)'", error["message"])
    assert matched is not None and matched[1] == "Microsoft.Network"
    assert error["details"] == [
        {
            "code": "MissingSubscriptionRegistration",
            "target": "Microsoft.Network",
            "message": error["message"],
        }
    ]
    assert (await cloud.owner.get(f"{SCOPE}/providers/Microsoft.Network/networkSecurityGroups")).json() == {
        "value": []
    }, "reading is free"
    again = await cloud.owner.ask("POST", f"{provider}/register")
    assert again.json()["registrationState"] == "Registered"
    assert (await cloud.owner.ask("PUT", where, {"location": "local"})).status_code == 201


async def test_who_may_register(cloud: Cloud) -> None:
    reader = await cloud.person("registering reader", roles.READER)
    answer = await reader.ask("POST", f"{SCOPE}/providers/Microsoft.Insights/register")
    assert code(answer) == "AuthorizationFailed"
    assert "Microsoft.Insights/register/action" in answer.text
    inside = await cloud.person("owner of a group", roles.OWNER, GROUP_ID)
    answer = await inside.ask("POST", f"{SCOPE}/providers/Microsoft.Insights/unregister")
    assert code(answer) == "AuthorizationFailed"
    sideways = await inside.ask("POST", f"{GROUP_ID}/providers/Microsoft.Insights/unregister")
    assert sideways.status_code == 404
    assert (await inside.get(f"{SCOPE}/providers")).status_code == 200
    foreign = f"/subscriptions/{OTHER_SUBSCRIPTION}/providers/Microsoft.Insights/unregister"
    assert code(await cloud.owner.ask("POST", foreign)) == "SubscriptionNotFound"


async def test_what_cannot_be_unregistered(cloud: Cloud) -> None:
    free = await cloud.owner.ask("POST", f"{SCOPE}/providers/Microsoft.SerialConsole/unregister")
    assert (free.status_code, code(free)) == (409, "OperationNotAllowed")
    rid = await nsg(cloud, await group(cloud, "in-use"))
    used = await cloud.owner.ask("POST", f"{SCOPE}/providers/Microsoft.Network/unregister")
    assert (used.status_code, code(used)) == (409, "ProviderInUse")
    assert rid in used.json()["error"]["additionalInfo"][0]["info"]["cause"]
    nowhere = await cloud.owner.ask("POST", "/providers/Microsoft.Compute/unregister")
    assert code(nowhere) in ("AuthorizationFailed", "OperationNotAllowed")


# All resources


@pytest.fixture(scope="module")
async def many(cloud: Cloud) -> str:
    """A group with seven resources of three types."""
    where = await group(cloud, "many")
    for number in range(5):
        tags = {"Env": "prod" if number % 2 else "test", "n": str(number)}
        await row(cloud, f"{where}/providers/{VM_TYPE}/vm{number}", tags=tags)
    await row(cloud, f"{where}/providers/Microsoft.Network/networkSecurityGroups/nsg", location="north")
    await row(
        cloud,
        f"{where}/providers/Microsoft.Storage/storageAccounts/acct",
        envelope={"kind": "StorageV2", "sku": {"name": "Standard_LRS"}},
    )
    await row(cloud, f"{where}/providers/Microsoft.Network/networkSecurityGroups/nsg/x/y", location=None)
    return where


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json()["value"]]


async def test_all_resources_of_a_group(cloud: Cloud, many: str) -> None:
    answer = await cloud.owner.get(f"{many}/resources")
    assert names(answer) == ["vm0", "vm1", "vm2", "vm3", "vm4", "nsg", "acct"]
    account = answer.json()["value"][-1]
    assert account == {
        "id": f"{many}/providers/Microsoft.Storage/storageAccounts/acct",
        "name": "acct",
        "type": "Microsoft.Storage/storageAccounts",
        "location": "local",
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
    }
    wide = await cloud.owner.get(
        f"{many}/resources", **{"$expand": "createdTime,changedTime,provisioningState"}
    )
    first = wide.json()["value"][0]
    assert first.keys() >= {"createdTime", "changedTime", "provisioningState"}
    assert "properties" not in first


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("resourceType eq 'microsoft.network/networksecuritygroups'", ["nsg"]),
        (f"resourceType eq '{VM_TYPE}' and name eq 'VM3'", ["vm3"]),
        (f"resourceType ne '{VM_TYPE}'", ["nsg", "acct"]),
        ("name ne 'nsg' and location eq 'North'", []),
        ("location eq 'NORTH'", ["nsg"]),
        ("tagName eq 'env'", ["vm0", "vm1", "vm2", "vm3", "vm4"]),
        ("tagName eq 'ENV' and tagValue eq 'prod'", ["vm1", "vm3"]),
        ("tagName eq 'ENV' and tagValue eq 'PROD'", []),
        ("substringof('m2', name)", ["vm2"]),
        ("startswith(name, 'a')", ["acct"]),
        ("resourceGroup eq 'MANY' and substringof('s', name)", ["nsg"]),
    ],
)
async def test_filters(cloud: Cloud, many: str, given: str, wanted: list[str]) -> None:
    assert names(await cloud.owner.get(f"{many}/resources", **{"$filter": given})) == wanted
    everywhere = names(
        await cloud.owner.get(RESOURCES, **{"$filter": f"{given} and resourceGroup eq 'many'"})
    )
    assert everywhere == wanted


@pytest.mark.parametrize("given", ["colour eq 'red'", "name gt 'a'", "tagValue eq 'x'", "substringof('a',b)"])
async def test_filters_that_are_not_known(cloud: Cloud, given: str) -> None:
    answer = await cloud.owner.get(RESOURCES, **{"$filter": given})
    assert (answer.status_code, code(answer)) == (400, "InvalidParameter")


async def test_pages_hold_everything_once(cloud: Cloud, many: str) -> None:
    for query in ({"$top": "2"}, {"$top": "3", "$filter": f"resourceType eq '{VM_TYPE}'"}):
        answer = await cloud.owner.get(f"{many}/resources", **query)
        found = names(answer)
        while link := answer.json().get("nextLink"):
            assert link.startswith(f"{cloud.base}{many}/resources?")
            assert len(names(answer)) <= int(query["$top"])
            answer = await cloud.owner.get(link, version=None)
            found += names(answer)
        whole = names(
            await cloud.owner.get(f"{many}/resources", **{k: v for k, v in query.items() if k != "$top"})
        )
        assert found == whole


async def test_hosts_are_resources_too(cloud: Cloud) -> None:
    where = await group(cloud, "hosts")
    await row(cloud, f"{where}/providers/Microsoft.Compute/disks/a")
    await row(cloud, f"{where}/providers/{VM_TYPE}/z")
    async with cloud.store.write() as tx:
        await cloud.store.agents.enrol(
            tx,
            name="Box",
            tenant_id=TENANT,
            subscription_id=SUBSCRIPTION,
            resource_group="hosts",
            public_key="box",
            now=clock.now(),
        )
    assert names(await cloud.owner.get(f"{where}/resources")) == ["a", "z", "Box"]
    page = await cloud.owner.get(f"{where}/resources", **{"$top": "2"})
    assert names(page) == ["a", "z"]
    assert names(await cloud.owner.get(page.json()["nextLink"], version=None)) == ["Box"]
    only = {"$filter": "resourceType eq 'Microsoft.HybridCompute/machines'"}
    assert names(await cloud.owner.get(f"{where}/resources", **only)) == ["Box"]


async def test_a_caller_sees_what_it_may_read(cloud: Cloud, many: str) -> None:
    one = await cloud.person("sees one", roles.READER, f"{many}/providers/{VM_TYPE}/vm2")
    assert names(await one.get(RESOURCES)) == ["vm2"]
    assert names(await one.get(f"{many}/resources")) == ["vm2"]
    machines = await cloud.person("sees vms", roles.VIRTUAL_MACHINE_CONTRIBUTOR, many)
    assert "acct" in names(await machines.get(f"{many}/resources"))
    assert "nsg" in names(await machines.get(f"{many}/resources")), "the role may read both"
    nobody = await cloud.person("sees nothing")
    assert code(await nobody.get(RESOURCES)) == "AuthorizationFailed"
    missing = await cloud.owner.get(f"{SCOPE}/resourceGroups/nope/resources")
    assert (missing.status_code, code(missing)) == (404, "ResourceGroupNotFound")


# Tags


async def test_tags_of_a_resource(cloud: Cloud) -> None:
    rid = await nsg(cloud, await group(cloud, "tagged"), tags={"A": "1"})
    before = (await cloud.owner.get(rid)).headers["etag"]

    async def change(method: str, body: Any = None) -> dict[str, str]:
        answer = await cloud.owner.ask(method, f"{rid}/{TAGS}", body)
        assert answer.status_code == 200, answer.text
        shown = (await cloud.owner.get(f"{rid}/{TAGS}")).json()
        assert shown["id"] == f"{rid}/{TAGS}"
        tags: dict[str, str] = shown["properties"]["tags"]
        assert (await cloud.owner.get(rid)).json().get("tags", {}) == tags
        return tags

    def patch(operation: str, **tags: str) -> dict[str, Any]:
        return {"operation": operation, "properties": {"tags": tags}}

    assert await change("PATCH", patch("Merge", a="2", b="3")) == {"a": "2", "b": "3"}
    assert (await cloud.owner.get(rid)).headers["etag"] != before
    assert await change("PATCH", patch("delete", B="other")) == {"a": "2", "b": "3"}
    assert await change("PATCH", patch("Delete", B="3")) == {"a": "2"}
    assert await change("PATCH", patch("Replace", c="4", d="5")) == {"c": "4", "d": "5"}
    assert await change("PATCH", patch("Delete", c="")) == {"d": "5"}
    assert await change("PUT", {"properties": {"tags": {"e": "6"}}}) == {"e": "6"}
    assert await change("DELETE") == {}
    wrong = await cloud.owner.ask("PATCH", f"{rid}/{TAGS}", patch("Add", a="1"))
    assert (wrong.status_code, code(wrong)) == (400, "InvalidParameter")
    many = {"properties": {"tags": {f"t{number}": "" for number in range(51)}}}
    assert code(await cloud.owner.ask("PUT", f"{rid}/{TAGS}", many)) == "InvalidParameter"
    missing = await cloud.owner.get(f"{rid}x/{TAGS}")
    assert (missing.status_code, code(missing)) == (404, "ResourceNotFound")
    elsewhere = await cloud.owner.ask("PUT", f"{rid}/{TAGS[:-7]}other", {"properties": {"tags": {}}})
    assert (elsewhere.status_code, code(elsewhere)) == (400, "InvalidParameter")


async def test_tags_of_groups_and_subscriptions(cloud: Cloud) -> None:
    where = await group(cloud, "tagged-group", tags={"team": "a"})
    assert (await cloud.owner.get(f"{where}/{TAGS}")).json()["properties"] == {"tags": {"team": "a"}}
    body = {"properties": {"tags": {"cost": "7"}}}
    assert (await cloud.owner.get(f"{SCOPE}/{TAGS}")).json()["properties"] == {"tags": {}}
    assert (await cloud.owner.ask("PUT", f"{SCOPE}/{TAGS}", body)).status_code == 200
    assert (await cloud.owner.get(SCOPE)).json()["tags"] == {"cost": "7"}
    assert (await cloud.owner.get("/subscriptions")).json()["value"][0]["tags"] == {"cost": "7"}
    used = {each["tagName"]: each for each in (await cloud.owner.get(f"{SCOPE}/tagNames")).json()["value"]}
    assert used["cost"]["values"][0]["tagValue"] == "7"
    assert used["team"]["count"] == {"type": "Total", "value": 1}
    assert (await cloud.owner.ask("DELETE", f"{SCOPE}/{TAGS}")).status_code == 200
    assert "tags" not in (await cloud.owner.get(SCOPE)).json()
    reader = await cloud.person("tag reader", roles.READER)
    assert (await reader.get(f"{where}/{TAGS}")).status_code == 200
    assert code(await reader.ask("PUT", f"{where}/{TAGS}", body)) == "AuthorizationFailed"


# Groups, locations, and what is not there


async def test_groups_by_tag(cloud: Cloud) -> None:
    await group(cloud, "gt1", tags={"wave": "1"})
    await group(cloud, "gt2", tags={"wave": "2"})
    found = await cloud.owner.get(
        f"{SCOPE}/resourcegroups", **{"$filter": "tagName eq 'Wave' and tagValue eq '2'"}
    )
    assert names(found) == ["gt2"]


async def test_a_group_goes_with_all_that_is_inside(cloud: Cloud) -> None:
    where = await group(cloud, "going")
    assert (await cloud.owner.ask("HEAD", where)).status_code == 204
    rid = await nsg(cloud, where)
    begun = await cloud.owner.ask("DELETE", where)
    assert begun.status_code == 202
    assert {"Azure-AsyncOperation", "Location", "Retry-After"} <= {
        each.title() if each == "location" else each for each in _spelled(begun.headers)
    }
    assert (await cloud.owner.follow(begun))["status"] == "Succeeded"
    assert (await cloud.owner.ask("HEAD", where)).status_code == 404
    again = await cloud.owner.ask("DELETE", where)
    assert (again.status_code, code(again)) == (404, "ResourceGroupNotFound")
    inside = await cloud.owner.ask("DELETE", rid)
    assert (inside.status_code, code(inside)) == (404, "ResourceGroupNotFound")


async def test_a_large_group_is_read_once_not_once_for_each(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = await group(cloud, "large")
    for number in range(12):
        vm = f"{where}/providers/{VM_TYPE}-x/vm{number}"
        await row(cloud, vm)
        await row(cloud, f"{vm}/extensions/one")
    pages, erased = [], []
    page, delete = cloud.store.resources.page, cloud.store.resources.delete

    async def counted(*given: Any, **named: Any) -> Any:
        pages.append(named)
        return await page(*given, **named)

    async def deleted(tx: Any, rid: Any) -> int:
        erased.append(str(rid))
        return await delete(tx, rid)

    monkeypatch.setattr(cloud.store.resources, "page", counted)
    monkeypatch.setattr(cloud.store.resources, "delete", deleted)
    assert (await cloud.owner.follow(await cloud.owner.ask("DELETE", where)))["status"] == "Succeeded"
    assert len(pages) == 2
    assert len(erased) == 13, "children go with what they hang on, and the group goes last"
    assert erased[-1] == where


def _spelled(headers: Any) -> set[str]:
    known = {"azure-asyncoperation": "Azure-AsyncOperation", "retry-after": "Retry-After"}
    return {known.get(name, name) for name in headers}


async def test_locations(cloud: Cloud) -> None:
    await group(cloud, "northern", location="North Europe")
    found = (await cloud.owner.get(f"{SCOPE}/locations", version="2022-12-01")).json()["value"]
    assert [each["name"] for each in found] == ["local", "northeurope"]
    assert found[0]["id"] == f"{SCOPE}/locations/local"
    assert found[0]["metadata"]["regionType"] == "Physical"
    nobody = await cloud.person("goes nowhere")
    assert len((await nobody.get(f"{SCOPE}/locations")).json()["value"]) == 1


async def test_what_is_not_there_is_said_in_azures_words(cloud: Cloud) -> None:
    answer = await cloud.owner.get(vm_id("nope"))
    assert answer.json()["error"]["message"] == (
        f"The Resource '{VM_TYPE}/nope' under resource group '{GROUP}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix"
    )
    rule = f"{GROUP_ID}/providers/Microsoft.Network/networkSecurityGroups/nope/securityRules/r"
    body = {"properties": {"priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Tcp"}}
    made = await cloud.owner.ask("PUT", rule, body)
    assert (made.status_code, code(made)) == (404, "ParentResourceNotFound")
    listed = await cloud.owner.get(rule.rpartition("/")[0])
    assert (listed.status_code, code(listed)) == (404, "ResourceNotFound")
    assert "networkSecurityGroups/nope'" in listed.text


async def test_a_child_gets_the_spelling_of_its_parent(cloud: Cloud) -> None:
    where = await group(cloud, "Spelled")
    rid = await nsg(cloud, where)
    lower = f"{rid.lower()}/securityRules/Rule"
    body = {
        "priority": 100,
        "direction": "Inbound",
        "access": "Allow",
        "protocol": "Tcp",
        "sourceAddressPrefix": "*",
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
        "destinationPortRange": "22",
    }
    made = await cloud.owner.ask("PUT", lower, {"properties": body})
    assert made.status_code in (200, 201), made.text
    assert made.json()["id"] == f"{rid}/securityRules/Rule"


def test_ids_of_this_file_are_ids() -> None:
    assert parse_id(GROUP_ID) == ResourceId(subscription=SUBSCRIPTION, group=GROUP)
