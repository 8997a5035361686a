"""Microsoft.Storage through Resource Manager."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from outofband.access import roles
from tests.support.blob_client import BlobClient, account_id, code
from tests.support.cloud import GROUP, GROUP_ID, OTHER_SUBSCRIPTION, OTHER_TENANT, SCOPE, Cloud

pytestmark = pytest.mark.anyio
VERSION = "2025-08-01"
BODY = {"sku": {"name": "Standard_LRS"}, "kind": "StorageV2", "location": "West Europe", "tags": {"a": "b"}}


@pytest.fixture(scope="module")
async def cloud(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cloud]:
    """One for all tests of this file; each makes accounts of its own."""
    async with Cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


async def arm(cloud: Cloud, method: str, path: str, body: Any = None) -> httpx.Response:
    return await cloud.owner.ask(method, path, body, version=VERSION)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_an_account_from_its_beginning_to_its_end(cloud: Cloud) -> None:
    path = account_id("acct1")
    made = await arm(cloud, "PUT", path, BODY)
    assert made.status_code == 200, made.text
    found = made.json()
    assert (found["name"], found["location"], found["tags"]) == ("acct1", "westeurope", {"a": "b"})
    assert found["id"] == f"{GROUP_ID}/providers/Microsoft.Storage/storageAccounts/acct1"
    assert (found["sku"], found["kind"]) == ({"name": "Standard_LRS", "tier": "Standard"}, "StorageV2")
    properties = found["properties"]
    assert properties["provisioningState"] == "Succeeded"
    assert properties["primaryEndpoints"] == {"blob": f"{cloud.base}/blob/acct1/"}
    assert properties["networkAcls"] == {
        "bypass": "AzureServices",
        "defaultAction": "Allow",
        "ipRules": [],
        "virtualNetworkRules": [],
    }
    assert (properties["isHnsEnabled"], properties["supportsHttpsTrafficOnly"]) == (False, True)
    rules = {"networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "192.0.2.0/24"}]}}
    changed = await arm(cloud, "PATCH", path, {"properties": rules, "tags": {"c": "d"}})
    assert changed.json()["properties"]["networkAcls"]["ipRules"] == [
        {"value": "192.0.2.0/24", "action": "Allow"}
    ]
    assert (changed.json()["tags"], changed.json()["kind"]) == ({"c": "d"}, "StorageV2")
    # What a PUT does not name stays, as its keys do.
    again = await arm(cloud, "PUT", path, {**BODY, "properties": {"allowSharedKeyAccess": False}})
    assert again.json()["properties"]["networkAcls"]["defaultAction"] == "Deny"
    assert again.json()["properties"]["allowSharedKeyAccess"] is False
    for place in (SCOPE, GROUP_ID):
        listed = await arm(cloud, "GET", f"{place}/providers/Microsoft.Storage/storageAccounts")
        assert "acct1" in [each["name"] for each in listed.json()["value"]]
    assert (await arm(cloud, "DELETE", path)).status_code == 200
    assert (await arm(cloud, "DELETE", path)).status_code == 204
    assert refusal(await arm(cloud, "GET", path)) == (404, "ResourceNotFound")


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ({}, "sku.name"),
        ({"sku": {"name": "Tape"}}, "sku.name"),
        ({**BODY, "kind": "Cupboard"}, "kind"),
        ({**BODY, "properties": {"minimumTlsVersion": "TLS1_3"}}, "minimumTlsVersion"),
        ({**BODY, "properties": {"accessTier": "Lukewarm"}}, "accessTier"),
        (
            {**BODY, "properties": {"networkAcls": {"virtualNetworkRules": [{"id": "x"}]}}},
            "networkAcls.virtualNetworkRules",
        ),
        (
            {**BODY, "properties": {"networkAcls": {"defaultAction": "Perhaps"}}},
            "networkAcls.defaultAction",
        ),
    ],
)
async def test_what_an_account_cannot_be(cloud: Cloud, body: dict[str, Any], target: str) -> None:
    answer = await arm(cloud, "PUT", account_id("never"), body)
    assert refusal(answer) == (400, "InvalidParameter")
    assert answer.json()["error"]["target"] == target
    assert (await arm(cloud, "GET", account_id("never"))).status_code == 404


async def test_names(cloud: Cloud) -> None:
    for name in ("ab", "Upper", "a-b", "a" * 25):
        assert (await arm(cloud, "PUT", account_id(name), BODY)).status_code == 400, name
    await arm(cloud, "PUT", account_id("taken1"), BODY)
    check = f"{SCOPE}/providers/Microsoft.Storage/checkNameAvailability"

    async def reason(name: str) -> str | None:
        answer = await arm(cloud, "POST", check, {"name": name, "type": "Microsoft.Storage/storageAccounts"})
        assert answer.status_code == 200, answer.text
        assert answer.json()["nameAvailable"] == ("reason" not in answer.json())
        found: str | None = answer.json().get("reason")
        return found

    assert [await reason(name) for name in ("taken1", "free1", "A")] == [
        "AlreadyExists",
        None,
        "AccountNameInvalid",
    ]
    stranger = await cloud.person("namer", roles.OWNER, f"/subscriptions/{OTHER_SUBSCRIPTION}", OTHER_TENANT)
    there = account_id("taken1").replace(SCOPE, f"/subscriptions/{OTHER_SUBSCRIPTION}")
    answer = await stranger.ask("PUT", there, BODY, version=VERSION)
    assert refusal(answer) == (409, "StorageAccountAlreadyTaken")
    assert (await stranger.get(there)).status_code == 404
    elsewhere = f"{SCOPE}/providers/Microsoft.Compute/checkNameAvailability"
    assert (await arm(cloud, "POST", elsewhere, {"name": "x"})).status_code in (404, 405)


async def test_a_name_that_is_used_again_finds_nothing_of_before(cloud: Cloud) -> None:
    first = await BlobClient.create(cloud, "again1")
    await first.box("box")
    await first.put("box/a", b"secret of before")
    assert (await arm(cloud, "DELETE", account_id("again1"))).status_code == 200
    assert code(await first.ask("GET", "box/a")) == (404, "ResourceNotFound")
    second = await BlobClient.create(cloud, "again1")
    assert second.key != first.key
    assert code(await second.ask("GET", "box/a")) == (404, "ContainerNotFound")
    assert code(await first.ask("GET", "box/a")) == (403, "AuthenticationFailed")


async def test_accounts_go_with_their_group(cloud: Cloud) -> None:
    group = f"{SCOPE}/resourceGroups/doomed"
    await cloud.owner.ask("PUT", group, {"location": "local"})
    path = f"{group}/providers/Microsoft.Storage/storageAccounts/doomed1"
    assert (await arm(cloud, "PUT", path, BODY)).status_code == 200
    key = (await arm(cloud, "POST", f"{path}/listKeys")).json()["keys"][0]["value"]
    client = BlobClient(cloud, "doomed1", key)
    await client.box("box")
    state = await cloud.owner.follow(await cloud.owner.ask("DELETE", group))
    assert state["status"] == "Succeeded", state
    assert code(await client.ask("GET", "?comp=list")) == (404, "ResourceNotFound")
    await cloud.storage.sweep.run()
    async with cloud.store.read() as tx:
        assert await cloud.store.storage_accounts.orphans(tx, 10) == []
        assert await cloud.store.containers.deleted(tx, 10) == []
    assert (await arm(cloud, "PUT", account_id("doomed1"), BODY)).status_code == 200


async def test_keys_are_for_those_who_may_and_encrypted_where_they_lie(cloud: Cloud) -> None:
    client = await BlobClient.create(cloud, "keys1")
    reader = await cloud.person("keyreader", roles.READER)
    refused = await reader.ask("POST", f"{account_id('keys1')}/listKeys", version=VERSION)
    assert refusal(refused) == (403, "AuthorizationFailed")
    assert "keys" not in (await reader.ask("GET", account_id("keys1"), version=VERSION)).json()
    listed = (await arm(cloud, "POST", f"{account_id('keys1')}/listKeys")).json()["keys"]
    assert [(each["keyName"], each["permissions"]) for each in listed] == [("key1", "FULL"), ("key2", "FULL")]
    for path in cloud.folder.glob("control.db*"):
        assert client.key.encode() not in path.read_bytes(), path
    lock = f"{account_id('keys1')}/providers/Microsoft.Authorization/locks/l1"
    body = {"properties": {"level": "ReadOnly"}}
    assert (await cloud.owner.ask("PUT", lock, body, version="2016-09-01")).status_code == 201
    assert refusal(await arm(cloud, "POST", f"{account_id('keys1')}/listKeys")) == (409, "ScopeLocked")


async def test_containers_are_the_same_from_both_sides(cloud: Cloud) -> None:
    client = await BlobClient.create(cloud, "both1")
    service = f"{account_id('both1')}/blobServices/default"
    made = await arm(cloud, "PUT", f"{service}/containers/one", {"properties": {"metadata": {"k": "v"}}})
    assert made.status_code == 201, made.text
    assert made.json()["properties"]["publicAccess"] == "None"
    head = await client.ask("HEAD", "one?restype=container")
    assert (head.status_code, head.headers["x-ms-meta-k"]) == (200, "v")
    await client.box("two")
    listed = (await arm(cloud, "GET", f"{service}/containers")).json()["value"]
    assert [each["name"] for each in listed] == ["one", "two"]
    assert listed[0]["type"] == "Microsoft.Storage/storageAccounts/blobServices/containers"
    public = {"properties": {"publicAccess": "Blob"}}
    assert refusal(await arm(cloud, "PATCH", f"{service}/containers/one", public)) == (
        409,
        "PublicAccessNotPermitted",
    )
    await client.change(allowBlobPublicAccess=True)
    opened = await arm(cloud, "PATCH", f"{service}/containers/one", public)
    assert opened.json()["properties"]["publicAccess"] == "Blob"
    assert opened.json()["properties"]["metadata"] == {"k": "v"}
    assert (await arm(cloud, "DELETE", f"{service}/containers/two")).status_code == 200
    assert code(await client.ask("HEAD", "two?restype=container")) == (404, "ContainerNotFound")
    assert refusal(await arm(cloud, "GET", f"{service}/containers/two")) == (404, "ResourceNotFound")
    nowhere = f"{account_id('nowhere')}/blobServices/default/containers/one"
    assert refusal(await arm(cloud, "PUT", nowhere, {})) == (404, "ParentResourceNotFound")


async def test_the_blob_service_of_an_account(cloud: Cloud) -> None:
    await arm(cloud, "PUT", account_id("svc1"), BODY)
    service = f"{account_id('svc1')}/blobServices/default"
    found = (await arm(cloud, "GET", service)).json()
    assert (found["name"], found["properties"]["deleteRetentionPolicy"]["enabled"]) == ("default", False)
    assert (await arm(cloud, "PUT", service, {"properties": {}})).status_code == 200
    wish = {"properties": {"isVersioningEnabled": True}}
    assert refusal(await arm(cloud, "PUT", service, wish)) == (400, "InvalidParameter")
    listed = (await arm(cloud, "GET", f"{account_id('svc1')}/blobServices")).json()["value"]
    assert [each["id"] for each in listed] == [found["id"]]
    usages = f"{SCOPE}/providers/Microsoft.Storage/locations/westeurope/usages"
    (usage,) = (await arm(cloud, "GET", usages)).json()["value"]
    assert (usage["name"]["value"], usage["limit"]) == ("StorageAccounts", 250)
    assert usage["currentValue"] >= 1
    assert GROUP in found["id"]
