"""The activity log: whose rows are told to whom."""

from __future__ import annotations

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
