"""Assignments at every kind of scope, by name and by id, in the shapes that Azure's clients compare."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from outofband.access import roles
from outofband.store import assignments
from tests.support.cloud import (
    GROUP_ID,
    OTHER_SUBSCRIPTION,
    OTHER_TENANT,
    SCOPE,
    TENANT,
    Cloud,
    Host,
    Person,
    vm_id,
)

pytestmark = pytest.mark.anyio
ASSIGNMENTS = "providers/Microsoft.Authorization/roleAssignments"
DEFINITIONS = "providers/Microsoft.Authorization/roleDefinitions"
AT_TENANT = f"/{ASSIGNMENTS}"


def code(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


def body(person: Person | str, role: str = roles.READER, **more: Any) -> dict[str, Any]:
    principal = person if isinstance(person, str) else person.object_id
    definition = f"{SCOPE}/{DEFINITIONS}/{role}"
    return {"properties": {"roleDefinitionId": definition, "principalId": principal, **more}}


@pytest.fixture
async def boss(cloud: Cloud) -> Person:
    return await cloud.person("boss", roles.OWNER, "/")


async def principals(person: Person, scope: str, **query: str) -> set[str]:
    answer = await person.get(f"{scope}/{ASSIGNMENTS}", **query)
    assert answer.status_code == 200, answer.text
    return {each["properties"]["principalId"] for each in answer.json()["value"]}


@pytest.mark.parametrize(
    "scope",
    ["", SCOPE, GROUP_ID, vm_id("x"), f"{vm_id('x')}/providers/Microsoft.SerialConsole/serialPorts/0"],
)
async def test_every_kind_of_scope(cloud: Cloud, host: Host, boss: Person, scope: str) -> None:
    await cloud.owner.create_vm("x")
    person = await cloud.person("person")
    path = f"{scope}/{ASSIGNMENTS}/{uuid.uuid4()}"
    made = await boss.ask("PUT", path, body(person, description="why", principalType="serviceprincipal"))
    assert made.status_code == 201, made.text
    told = made.json()["properties"]
    assert (told["scope"], told["description"]) == (scope or "/", "why")
    assert told["principalType"] == "ServicePrincipal"
    by_id = await boss.get(made.json()["id"])
    assert by_id.json() == made.json() == (await boss.get(path.upper())).json()
    assert person.object_id in await principals(boss, scope, **{"$filter": "atScope()"})
    assert (await boss.ask("DELETE", path.lower())).json()["id"] == made.json()["id"]
    assert code(await boss.get(path)) in ("ResourceNotFound", "ResourceGroupNotFound")
    assert (await boss.ask("DELETE", path)).status_code == 204


async def test_ids_of_roles_are_told_from_where_one_asks(cloud: Cloud, boss: Person) -> None:
    """`az` finds a role's name by comparing ids, also for what is given above the subscription."""
    answer = await boss.get(f"{SCOPE}/{ASSIGNMENTS}", **{"$filter": f"assignedTo('{boss.object_id}')"})
    (mine,) = answer.json()["value"]
    assert mine["properties"]["roleDefinitionId"] == f"{SCOPE}/{DEFINITIONS}/{roles.OWNER}"
    assert (mine["id"], mine["properties"]["scope"]) == (f"{AT_TENANT}/{mine['name']}", "/")
    (mine,) = (await boss.get(AT_TENANT, **{"$filter": "atScope()"})).json()["value"]
    assert mine["properties"]["roleDefinitionId"] == f"/{DEFINITIONS}/{roles.OWNER}"


async def test_two_tenants_may_use_one_name(cloud: Cloud, boss: Person) -> None:
    stranger = await cloud.person("stranger", roles.OWNER, "/", tenant=OTHER_TENANT)
    here, there = await cloud.person("here"), await cloud.person("there", tenant=OTHER_TENANT)
    path = f"{AT_TENANT}/{uuid.uuid4()}"
    assert (await boss.ask("PUT", path, body(here))).status_code == 201
    assert code(await stranger.get(path)) == "ResourceNotFound"
    theirs = {
        "properties": {"roleDefinitionId": f"/{DEFINITIONS}/{roles.READER}", "principalId": there.object_id}
    }
    assert (await stranger.ask("PUT", path, theirs)).status_code == 201
    assert (await boss.get(path)).json()["properties"]["principalId"] == here.object_id
    assert (await stranger.get(path)).json()["properties"]["principalId"] == there.object_id
    assert (await stranger.ask("DELETE", path)).status_code == 200
    assert (await boss.get(path)).status_code == 200
    assert await principals(stranger, "") == {stranger.object_id}
    assert await principals(boss, "") == {boss.object_id, cloud.owner.object_id, here.object_id}


async def test_principals_are_checked(cloud: Cloud, boss: Person) -> None:
    person, path = await cloud.person("person"), f"{SCOPE}/{ASSIGNMENTS}/{uuid.uuid4()}"
    wrong = await boss.ask("PUT", path, body(person, principalType="User"))
    assert (wrong.status_code, code(wrong)) == (400, "UnmatchedPrincipalType")
    assert "has type 'ServicePrincipal'" in wrong.json()["error"]["message"]
    missing = await boss.ask("PUT", path, body(str(uuid.uuid4())))
    assert (missing.status_code, code(missing)) == (400, "PrincipalNotFound")
    assert TENANT in missing.json()["error"]["message"]
    for odd in ("", "not-an-id", "x" * 5000, "\u0000"):
        assert code(await boss.ask("PUT", path, body(odd))) == "PrincipalNotFound"


async def test_a_condition_is_refused_and_not_forgotten(cloud: Cloud, boss: Person) -> None:
    person, path = await cloud.person("person"), f"{SCOPE}/{ASSIGNMENTS}/{uuid.uuid4()}"
    wanted = body(person, condition="@Resource[x] StringEquals 'y'", conditionVersion="2.0")
    refused = await boss.ask("PUT", path, wanted)
    assert (refused.status_code, code(refused)) == (400, "RoleAssignmentConditionNotSupported")
    assert code(await boss.get(path)) == "ResourceNotFound", "nothing without its condition came of it"


async def test_what_exists_already(cloud: Cloud, boss: Person) -> None:
    person, path = await cloud.person("person"), f"{SCOPE}/{ASSIGNMENTS}"
    first = await boss.ask("PUT", f"{path}/{uuid.uuid4()}", body(person))
    again = await boss.ask("PUT", first.json()["id"], body(person))
    assert again.json() == first.json()
    described = await boss.ask("PUT", first.json()["id"], body(person, description="for the night shift"))
    assert described.json()["properties"]["description"] == "for the night shift"
    assert (await boss.get(first.json()["id"])).json() == described.json()
    twice = await boss.ask("PUT", f"{path}/{uuid.uuid4()}", body(person))
    assert (twice.status_code, code(twice)) == (409, "RoleAssignmentExists")
    other = await boss.ask("PUT", first.json()["id"], body(person, roles.CONTRIBUTOR))
    assert (other.status_code, code(other)) == (400, "RoleAssignmentUpdateNotPermitted")


async def test_nobody_is_given_more_than_a_decision_reads(
    cloud: Cloud, boss: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or who may give roles in one group could crowd out those that somebody has elsewhere."""
    person = await cloud.person("person", roles.READER, SCOPE)
    monkeypatch.setattr(assignments, "MAX_PER_PRINCIPAL", 2)
    put = f"{GROUP_ID}/{ASSIGNMENTS}"
    first = await boss.ask("PUT", f"{put}/{uuid.uuid4()}", body(person, roles.CONTRIBUTOR))
    assert first.status_code == 201
    more = await boss.ask("PUT", f"{put}/{uuid.uuid4()}", body(person, roles.OWNER))
    assert (more.status_code, code(more)) == (400, "RoleAssignmentLimitExceeded")
    assert (await boss.ask("PUT", first.json()["id"], body(person, roles.CONTRIBUTOR))).status_code == 201


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_right_that_goes_while_a_change_waits_for_its_turn_is_gone(
    cloud: Cloud, boss: Person, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Who is thrown out must not come back with a request that was under way."""
    leaving, friend = await cloud.person("leaving"), await cloud.person("friend")
    held = await cloud.assign(leaving, roles.OWNER, SCOPE)
    given = await cloud.assign(friend, roles.READER, SCOPE)
    require = cloud.authorizer.require

    async def then_revoke(principal: Any, action: str, scope: Any, tx: Any = None, **more: Any) -> None:
        await require(principal, action, scope, tx, **more)
        if tx is None:
            async with cloud.store.write() as unit:
                await cloud.store.assignments.remove(unit, TENANT, held.scope, held.name)

    monkeypatch.setattr(cloud.authorizer, "require", then_revoke)
    path = given.id if method == "DELETE" else f"{SCOPE}/{ASSIGNMENTS}/{uuid.uuid4()}"
    answer = await leaving.ask(method, path, body(leaving) if method == "PUT" else None)
    assert (answer.status_code, code(answer)) == (403, "AuthorizationFailed")
    assert await principals(boss, SCOPE, **{"$filter": f"principalId eq '{leaving.object_id}'"}) == set()
    assert (await boss.get(given.id)).status_code == 200


async def test_filters_and_pages(cloud: Cloud, boss: Person) -> None:
    people = [await cloud.person(f"p{number}", roles.READER, GROUP_ID) for number in range(5)]
    one = people[0].object_id
    assert await principals(boss, SCOPE, **{"$filter": f"principalId eq '{one.upper()}'"}) == {one}
    assert await principals(boss, SCOPE, **{"$filter": f"atScope() and principalId eq '{one}'"}) == set()
    assert await principals(boss, GROUP_ID, **{"$filter": f"atScope() and assignedTo('{one}')"}) == {one}
    both = f"principalId eq '{one}' and assignedTo('{people[1].object_id}')"
    assert await principals(boss, GROUP_ID, **{"$filter": both}) == set()
    definition = f"roleDefinitionId eq '{SCOPE}/{DEFINITIONS}/{roles.READER}'"
    assert await principals(boss, SCOPE, **{"$filter": definition}) == {each.object_id for each in people}
    assert (
        code(await boss.get(f"{SCOPE}/{ASSIGNMENTS}", **{"$filter": "createdBy eq 'x'"}))
        == "InvalidParameter"
    )
    found: list[str] = []
    page = await boss.get(f"{SCOPE}/{ASSIGNMENTS}", **{"$top": "3"})
    while True:
        found += [each["properties"]["principalId"] for each in page.json()["value"]]
        assert len(page.json()["value"]) <= 3
        if "nextLink" not in page.json():
            break
        page = await boss.get(page.json()["nextLink"], version=None)
    every = [boss.object_id, cloud.owner.object_id, *(each.object_id for each in people)]
    assert sorted(found) == sorted(every)


async def test_there_are_no_deny_assignments(cloud: Cloud, boss: Person) -> None:
    for scope in ("", SCOPE, GROUP_ID):
        path = f"{scope}/providers/Microsoft.Authorization/denyAssignments"
        answer = await boss.get(path, version="2022-04-01", **{"$filter": "atScope()"})
        assert (answer.status_code, answer.json()) == (200, {"value": []})
        assert code(await boss.get(f"{path}/{uuid.uuid4()}")) == "ResourceNotFound"
    nobody = await cloud.person("nobody")
    refused = await nobody.get(f"{SCOPE}/providers/Microsoft.Authorization/denyAssignments")
    assert code(refused) == "AuthorizationFailed"


async def test_what_there_is_to_be_allowed(cloud: Cloud) -> None:
    reader = await cloud.person("reader", roles.READER, GROUP_ID)
    path = "/providers/Microsoft.Authorization/providerOperations"
    every = await reader.get(path, version="2022-04-01", **{"$expand": "resourceTypes"})
    namespaces = {each["name"]: each for each in every.json()["value"]}
    assert {"Microsoft.Authorization", "Microsoft.Compute", "Microsoft.SerialConsole"} <= namespaces.keys()
    compute = await reader.get(f"{path}/microsoft.compute", version="2022-04-01")
    assert compute.json() == namespaces["Microsoft.Compute"]
    kinds = {each["name"]: each["operations"] for each in compute.json()["resourceTypes"]}
    told = {each["name"]: each for each in kinds["virtualMachines"]}
    assert not told["Microsoft.Compute/virtualMachines/start/action"]["isDataAction"]
    assert told["Microsoft.Compute/virtualMachines/login/action"]["isDataAction"]
    assert all(each["displayName"] for each in told.values())
    assert code(await reader.get(f"{path}/Microsoft.Nothing")) == "ResourceNotFound"


async def test_every_action_of_a_type_is_one_that_roles_can_name(cloud: Cloud) -> None:
    """What the kernel asks for and what is told to those who write roles is the same."""
    answer = await cloud.owner.get("/providers/Microsoft.Authorization/providerOperations")
    told = {
        each["name"].lower()
        for provider in answer.json()["value"]
        for told_of in (provider, *provider["resourceTypes"])
        for each in told_of["operations"]
    }
    for declared in cloud.registry:
        assert declared.right("read").lower() in told
        for name in declared.actions:
            assert declared.action_right(name, "Microsoft.Compute").lower() in told


async def test_a_stranger_is_given_nothing_anywhere(cloud: Cloud, boss: Person) -> None:
    """Neither a principal of another tenant here, nor anybody in another tenant's subscription."""
    stranger = await cloud.person("stranger", tenant=OTHER_TENANT)
    for scope in ("", SCOPE, GROUP_ID):
        refused = await boss.ask("PUT", f"{scope}/{ASSIGNMENTS}/{uuid.uuid4()}", body(stranger))
        assert code(refused) == "PrincipalNotFound"
    there = f"/subscriptions/{OTHER_SUBSCRIPTION}/{ASSIGNMENTS}"
    for answer in (
        await boss.get(there),
        await boss.ask("PUT", f"{there}/{uuid.uuid4()}", body(boss)),
        await boss.ask("DELETE", f"{there}/{uuid.uuid4()}"),
    ):
        assert (answer.status_code, code(answer)) == (404, "SubscriptionNotFound")
