"""The activity log: whose rows are told to whom."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from outofband.access import roles
from tests.support.cloud import GROUP_ID, SCOPE, Cloud, Host, Person, vm_id

pytestmark = pytest.mark.anyio
LOG = "providers/Microsoft.Insights/eventtypes/management/values"
ELSEWHERE = f"{SCOPE}/resourceGroups/Elsewhere"


async def told(person: Person, scope: str, **query: str) -> set[str]:
    answer = await person.get(f"{scope}/{LOG}", version="2015-04-01", **query)
    assert answer.status_code == 200, answer.text
    return {each["resourceId"] for each in answer.json()["value"]}


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"$filter": "resourceGroupName eq 'Elsewhere'"},
        {"$filter": f"resourceUri eq '{ELSEWHERE}'"},
        {"$filter": f"resourceUri eq '{SCOPE}'"},
    ],
)
async def test_who_may_read_a_part_is_told_of_that_part(
    cloud: Cloud, host: Host, query: dict[str, str]
) -> None:
    made = await cloud.owner.ask("PUT", ELSEWHERE, {"location": "local"}, version="2021-04-01")
    assert made.status_code == 201
    for name in ("one", "two"):
        await cloud.owner.create_vm(name)
    assert ELSEWHERE in await told(cloud.owner, SCOPE)
    of_group = await cloud.person("of-group", roles.READER, GROUP_ID)
    of_vm = await cloud.person("of-vm", roles.READER, vm_id("one"))
    seen = await told(of_group, GROUP_ID, **query)
    assert all(each.startswith(GROUP_ID) for each in seen)
    assert await told(of_vm, vm_id("one"), **query) <= {vm_id("one")}
    if not query or SCOPE in query["$filter"].split("'"):
        assert {vm_id("one"), vm_id("two")} <= seen


async def events(person: Person, scope: str = SCOPE, **query: str) -> list[dict[str, Any]]:
    answer = await person.get(f"{scope}/{LOG}", version="2015-04-01", **query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["value"]
    return found


async def test_filters_as_az_sends_them(cloud: Cloud) -> None:
    """`az monitor activity-log list` with each of its arguments; times come without quotes."""
    for group in ("One", "Two"):
        path = f"{SCOPE}/resourceGroups/{group}"
        headers = {"x-ms-correlation-request-id": f"corr-{group}"}
        await cloud.owner.ask("PUT", path, {"location": "local"}, headers=headers)
    reader = await cloud.person("reader", roles.READER)
    await reader.ask("PUT", f"{SCOPE}/resourceGroups/Three", {"location": "local"})
    given = {"roleDefinitionId": f"/x/{roles.READER}", "principalId": reader.object_id}
    path = f"{GROUP_ID}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    assert (await cloud.owner.ask("PUT", path, {"properties": given})).status_code == 201

    async def told(text: str) -> set[tuple[str, str]]:
        found = await events(
            reader, **{"$filter": f"eventTimestamp ge 2020-01-01T00:00:00.000000Z and {text}"}
        )
        return {(each["resourceId"].rpartition("/")[2], each["status"]["value"]) for each in found}

    assert await told("resourceGroupName eq 'ONE'") == {("One", "Succeeded")}
    assert await told("correlationId eq 'corr-Two'") == {("Two", "Succeeded")}
    assert await told(f"resourceId eq '{SCOPE}/resourcegroups/two'") == {("Two", "Succeeded")}
    assert await told("status eq 'failed'") == await told("caller eq 'READER'") == {("Three", "Failed")}
    assert await told("levels eq 'Error, Warning'") == {("Three", "Failed")}
    assert {status for _, status in await told("caller eq 'owner'")} == {"Succeeded"}
    assert await told("resourceProvider eq Microsoft.Authorization") == {
        (path.rpartition("/")[2], "Succeeded")
    }
    assert await told("operations eq 'microsoft.authorization/roleassignments/write'") == await told(
        "resourceProvider eq 'microsoft.authorization'"
    )
    assert len(await told("category eq 'administrative'")) == 4
    assert (
        await told("category eq 'Security'") == await told("eventTimestamp le 2021-01-01T00:00:00Z") == set()
    )
    odd = await reader.get(f"{SCOPE}/{LOG}", version="2015-04-01", **{"$filter": "status gt 'x'"})
    assert odd.json()["error"]["code"] == "InvalidParameter"


async def test_the_role_that_allowed_it(cloud: Cloud) -> None:
    deputy = await cloud.person("deputy", roles.CONTRIBUTOR, GROUP_ID)
    await deputy.ask("PATCH", GROUP_ID, {"tags": {"a": "b"}})
    await deputy.ask("PATCH", SCOPE + "/resourceGroups/Other", {"tags": {}})
    failed, done = await events(cloud.owner, **{"$filter": "caller eq 'deputy'"})
    action = "Microsoft.Resources/subscriptions/resourceGroups/write"
    assert done["authorization"] == {"action": action, "role": "Contributor", "scope": GROUP_ID}
    assert (failed["subStatus"]["value"], failed["authorization"]["role"]) == ("AuthorizationFailed", "")
    assert all(isinstance(each, str) for each in done["properties"].values())


async def test_pages_and_chosen_properties(cloud: Cloud) -> None:
    for number in range(5):
        await cloud.owner.ask("PUT", f"{SCOPE}/resourceGroups/G{number}", {"location": "local"})
    query = {
        "$filter": "resourceProvider eq 'Microsoft.Resources'",
        "$select": "resourceId,EventTimestamp",
        "$top": "2",
    }
    found: list[str] = []
    page = await cloud.owner.get(f"{SCOPE}/{LOG}", version="2015-04-01", **query)
    while True:
        assert all(each.keys() == {"resourceId", "eventTimestamp"} for each in page.json()["value"])
        found += [each["resourceId"].rpartition("/")[2] for each in page.json()["value"]]
        if "nextLink" not in page.json():
            break
        assert "skiptoken=" in page.json()["nextLink"].lower()
        page = await cloud.owner.get(page.json()["nextLink"], version=None)
    assert found == ["G4", "G3", "G2", "G1", "G0"]


async def test_categories(cloud: Cloud) -> None:
    nobody = await cloud.person("nobody")
    answer = await nobody.get("/providers/microsoft.insights/eventcategories", version="2015-04-01")
    told = [each["value"] for each in answer.json()["value"]]
    assert told == ["Administrative"]
    await cloud.owner.ask("PATCH", GROUP_ID, {"tags": {}})
    assert {each["category"]["value"] for each in await events(cloud.owner)} <= set(told)
