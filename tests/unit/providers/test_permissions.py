"""What a caller is told of its own rights, at every kind of scope."""

from typing import Any

import pytest

from outofband.access import roles
from tests.support.cloud import GROUP_ID, OTHER_SUBSCRIPTION, SCOPE, Cloud, Person, vm_id

pytestmark = pytest.mark.anyio


async def permissions(person: Person, scope: str) -> list[dict[str, Any]]:
    path = f"{scope}/providers/Microsoft.Authorization/permissions"
    answer = await person.get(path, version="2022-04-01")
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"value"}
    found: list[dict[str, Any]] = answer.json()["value"]
    return found


async def test_a_role_reaches_what_is_below_it(cloud: Cloud) -> None:
    everything = {"actions": ["*"], "notActions": [], "dataActions": [], "notDataActions": []}
    for scope in (SCOPE, GROUP_ID, vm_id("demo"), f"{vm_id('demo')}/providers/X.Y/things/0"):
        assert await permissions(cloud.owner, scope) == [everything], scope
    assert await permissions(cloud.owner, "") == []


async def test_several_roles_are_several_entries(cloud: Cloud) -> None:
    person = await cloud.person("operator", roles.READER)
    await cloud.assign(person, roles.CONTRIBUTOR, vm_id("demo"))
    assert [each["actions"] for each in await permissions(person, GROUP_ID)] == [["*/read"]]
    at_vm = await permissions(person, vm_id("DEMO"))
    assert sorted(each["actions"] for each in at_vm) == [["*"], ["*/read"]]
    assert (
        "Microsoft.Authorization/*/Write"
        in max(at_vm, key=lambda each: len(each["notActions"]))["notActions"]
    )


async def test_who_has_no_right_learns_nothing_of_what_there_is(cloud: Cloud) -> None:
    nobody = await cloud.person("nobody")
    for scope in ("", SCOPE, GROUP_ID, f"{SCOPE}/resourceGroups/nowhere", vm_id("nope")):
        assert await permissions(nobody, scope) == [], scope
    path = f"/subscriptions/{OTHER_SUBSCRIPTION}/providers/Microsoft.Authorization/permissions"
    foreign = await cloud.owner.get(path, version="2022-04-01")
    assert foreign.json()["error"]["code"] == "SubscriptionNotFound"


async def test_a_right_that_is_taken_away_is_gone_at_once(cloud: Cloud) -> None:
    person = await cloud.person("operator")
    given = await cloud.assign(person, roles.READER, GROUP_ID)
    assert len(await permissions(person, GROUP_ID)) == 1
    async with cloud.store.write() as tx:
        await cloud.store.assignments.remove(tx, given.tenant_id, given.scope, given.name)
    assert await permissions(person, GROUP_ID) == []
