"""Roles that a tenant makes for itself: what they allow, who may make them, and no way up through them."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from outofband.access import roles
from tests.support.cloud import (
    GROUP_ID,
    OTHER_SUBSCRIPTION,
    OTHER_TENANT,
    SCOPE,
    SUBSCRIPTION,
    Cloud,
    Host,
    Person,
    vm_id,
)

pytestmark = pytest.mark.anyio
DEFINITIONS = "providers/Microsoft.Authorization/roleDefinitions"
ASSIGNMENTS = "providers/Microsoft.Authorization/roleAssignments"
READ_GROUP = "Microsoft.Resources/subscriptions/resourceGroups/read"
EVERYTHING = [{"actions": ["*"]}]


def code(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


def role(name: str = "Console Operator", *scopes: str, **changes: Any) -> dict[str, Any]:
    properties = {
        "roleName": name,
        "description": "d",
        "type": "CustomRole",
        "permissions": [{"actions": [READ_GROUP, "Microsoft.Compute/*/read"], "notActions": []}],
        "assignableScopes": list(scopes) or [SCOPE],
    }
    return {"properties": {**properties, **changes}}


async def put(person: Person, body: Any, name: str | None = None, scope: str = SCOPE) -> httpx.Response:
    path = f"{scope}/{DEFINITIONS}/{name or uuid.uuid4()}"
    return await person.ask("PUT", path, body, version="2022-05-01-preview")


async def made(person: Person, body: Any, name: str | None = None, scope: str = SCOPE) -> str:
    answer = await put(person, body, name, scope)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["name"])


async def give(giver: Person, person: Person, role_name: str, scope: str) -> httpx.Response:
    body = {
        "properties": {
            "roleDefinitionId": f"/subscriptions/{SUBSCRIPTION}/{DEFINITIONS}/{role_name}",
            "principalId": person.object_id,
            "principalType": "ServicePrincipal",
        }
    }
    return await giver.ask("PUT", f"{scope}/{ASSIGNMENTS}/{uuid.uuid4()}", body)


async def listed(person: Person, scope: str, **query: str) -> list[dict[str, Any]]:
    answer = await person.get(f"{scope}/{DEFINITIONS}", **query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["value"]
    return found


async def test_the_life_of_a_custom_role(cloud: Cloud) -> None:
    guid = str(uuid.uuid4())
    answer = await put(cloud.owner, role(), guid.upper())
    assert answer.status_code == 201, answer.text
    assert answer.json()["id"] == f"{SCOPE}/{DEFINITIONS}/{guid}"
    told = answer.json()["properties"]
    assert (told["roleName"], told["type"], told["assignableScopes"]) == (
        "Console Operator",
        "CustomRole",
        [SCOPE],
    )
    assert told["permissions"] == [
        {
            "actions": [READ_GROUP, "Microsoft.Compute/*/read"],
            "notActions": [],
            "dataActions": [],
            "notDataActions": [],
        }
    ]
    assert told["createdBy"] == told["updatedBy"] == cloud.owner.object_id
    assert (await cloud.owner.get(answer.json()["id"])).json() == answer.json()

    person = await cloud.person("operator")
    assert code(await person.get(GROUP_ID)) == "AuthorizationFailed"
    given = await give(cloud.owner, person, guid, GROUP_ID)
    assert given.status_code == 201, given.text
    assert (await person.get(GROUP_ID)).status_code == 200
    assert code(await person.ask("POST", f"{vm_id('x')}/start")) == "AuthorizationFailed"

    in_use = await cloud.owner.ask("DELETE", answer.json()["id"])
    assert (in_use.status_code, code(in_use)) == (409, "RoleDefinitionHasAssignments")
    narrow = await put(cloud.owner, role(permissions=[{"actions": ["Microsoft.Compute/*/read"]}]), guid)
    assert narrow.status_code == 201
    assert narrow.json()["properties"]["createdOn"] == told["createdOn"]
    assert code(await person.get(GROUP_ID)) == "AuthorizationFailed", "at the very next request"

    await cloud.owner.ask("DELETE", given.json()["id"])
    gone = await cloud.owner.ask("DELETE", answer.json()["id"])
    assert (gone.status_code, gone.json()["name"]) == (200, guid)
    assert (await cloud.owner.ask("DELETE", answer.json()["id"])).status_code == 204
    assert code(await cloud.owner.get(answer.json()["id"])) == "ResourceNotFound"


async def test_data_actions_and_what_is_taken_away(cloud: Cloud) -> None:
    guid = await made(
        cloud.owner,
        role(
            permissions=[
                {"actions": ["*"], "notActions": ["Microsoft.Resources/*"], "dataActions": ["a/b/c"]}
            ]
        ),
    )
    person = await cloud.person("most")
    assert (await give(cloud.owner, person, guid, SCOPE)).status_code == 201
    assert code(await person.get(GROUP_ID)) == "AuthorizationFailed"
    assert (await person.get(f"{SCOPE}/providers/Microsoft.Compute/virtualMachines")).status_code == 200
    path = f"{SCOPE}/providers/Microsoft.Authorization/permissions"
    (told,) = (await person.get(path)).json()["value"]
    assert (told["notActions"], told["dataActions"]) == (["Microsoft.Resources/*"], ["a/b/c"])


async def test_the_list_is_what_can_be_given_there(cloud: Cloud, host: Host) -> None:
    whole = await made(cloud.owner, role("Whole"))
    group = await made(cloud.owner, role("Group", GROUP_ID))

    async def custom(scope: str, text: str = "type eq 'CustomRole'") -> set[str]:
        return {each["name"] for each in await listed(cloud.owner, scope, **{"$filter": text})}

    assert await custom(SCOPE) == {whole}
    await cloud.owner.create_vm("x")
    assert await custom(GROUP_ID) == await custom(vm_id("x")) == {whole, group}
    assert await custom(SCOPE, "atScopeAndBelow() and type eq 'CustomRole'") == {whole, group}
    assert await custom(SCOPE, "roleName eq 'whole'") == {whole}
    assert len(await custom(SCOPE, "type eq 'BuiltInRole'")) == len(roles.BUILT_IN)
    every, page = [], await cloud.owner.get(f"{GROUP_ID}/{DEFINITIONS}", **{"$top": "10"})
    while True:
        every += [each["name"] for each in page.json()["value"]]
        if "nextLink" not in page.json():
            break
        page = await cloud.owner.get(page.json()["nextLink"], version=None)
    assert len(every) == len(set(every)) == len(roles.BUILT_IN) + 2


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"assignableScopes": ["/"]}, "AssignableScopeNotUnderSubscriptionScope"),
        ({"assignableScopes": ["/providers/Microsoft.X/y/z"]}, "AssignableScopeNotUnderSubscriptionScope"),
        ({"assignableScopes": []}, "InvalidParameter"),
        ({"assignableScopes": ["/subscriptions"]}, "InvalidResourceId"),
        ({"assignableScopes": [SCOPE, f"/subscriptions/{OTHER_SUBSCRIPTION}"]}, "LinkedAuthorizationFailed"),
        ({"assignableScopes": [f"/subscriptions/{uuid.uuid4()}"]}, "LinkedAuthorizationFailed"),
        ({"permissions": []}, "InvalidParameter"),
        ({"permissions": [{"actions": ["read"]}]}, "InvalidActionOrNotAction"),
        ({"permissions": [{"dataActions": ["a b/c"]}]}, "InvalidActionOrNotAction"),
        ({"permissions": [{"actions": ["*"], "condition": "true"}]}, "RoleAssignmentConditionNotSupported"),
        ({"roleName": " "}, "InvalidParameter"),
        ({"roleName": "OWNER"}, "RoleDefinitionWithSameNameExists"),
        ({"type": "BuiltInRole"}, "InvalidParameter"),
    ],
)
async def test_roles_that_cannot_be(cloud: Cloud, changes: dict[str, Any], wanted: str) -> None:
    boss = await cloud.person("boss", roles.OWNER, "/")
    assert code(await put(boss, role(**changes))) == wanted
    assert await listed(boss, SCOPE, **{"$filter": "type eq 'CustomRole' and atScopeAndBelow()"}) == []


async def test_built_in_roles_stay(cloud: Cloud) -> None:
    boss = await cloud.person("boss", roles.OWNER, "/")
    for scope in ("", SCOPE):
        assert code(await put(boss, role(), roles.READER, scope)) == "RoleDefinitionUpdateNotPermitted"
        gone = await boss.ask("DELETE", f"{scope}/{DEFINITIONS}/{roles.READER}")
        assert code(gone) == "RoleDefinitionUpdateNotPermitted"


async def test_a_name_is_given_once_in_a_tenant(cloud: Cloud) -> None:
    guid = await made(cloud.owner, role("One"))
    assert code(await put(cloud.owner, role("ONE"))) == "RoleDefinitionWithSameNameExists"
    assert (await put(cloud.owner, role("ONE"), guid)).status_code == 201
    stranger = await cloud.person("stranger", roles.OWNER, "/", tenant=OTHER_TENANT)
    there = f"/subscriptions/{OTHER_SUBSCRIPTION}"
    assert (await put(stranger, role("One", there), guid, there)).status_code == 201, "walls on both sides"
    (mine,) = await listed(cloud.owner, SCOPE, **{"$filter": "type eq 'CustomRole'"})
    assert mine["properties"]["assignableScopes"] == [SCOPE]
    assert (await stranger.ask("DELETE", f"{there}/{DEFINITIONS}/{guid}")).status_code == 200
    assert (await cloud.owner.get(f"{SCOPE}/{DEFINITIONS}/{guid}")).status_code == 200


async def test_it_is_given_only_where_it_belongs(cloud: Cloud) -> None:
    boss = await cloud.person("boss", roles.OWNER, "/")
    person = await cloud.person("person")
    guid = await made(boss, role("Group", GROUP_ID))
    await boss.ask("PUT", f"{SCOPE}/resourceGroups/Labs", {"location": "local"})
    for scope in (SCOPE, f"{SCOPE}/resourceGroups/Labs", ""):
        refused = await give(boss, person, guid, scope)
        assert (refused.status_code, code(refused)) == (404, "RoleDefinitionDoesNotExist"), scope
    assert (await give(boss, person, guid, GROUP_ID.upper())).status_code == 201
    moved = await put(boss, role("Group", f"{SCOPE}/resourceGroups/Labs"), guid)
    assert code(moved) == "RoleDefinitionHasAssignments"


async def test_nobody_reaches_beyond_their_own_scope_with_a_role(cloud: Cloud) -> None:
    """An owner of a group makes roles for the group; not wider ones, nor changes of wider ones."""
    local = await cloud.person("local", roles.OWNER, GROUP_ID)
    assert code(await put(local, role())) == "AuthorizationFailed"
    wide = await put(local, role("Wide", SCOPE), scope=GROUP_ID)
    assert code(wide) == "LinkedAuthorizationFailed"
    both = await put(local, role("Both", GROUP_ID, f"{SCOPE}/resourceGroups/Other"), scope=GROUP_ID)
    assert code(both) == "LinkedAuthorizationFailed"
    above = await made(cloud.owner, role("Above"))
    taken = await put(local, role("Mine", GROUP_ID, permissions=EVERYTHING), above, scope=GROUP_ID)
    assert code(taken) == "LinkedAuthorizationFailed"
    assert code(await local.ask("DELETE", f"{GROUP_ID}/{DEFINITIONS}/{above}")) == "LinkedAuthorizationFailed"
    mine = await made(local, role("Mine", GROUP_ID, permissions=EVERYTHING), scope=GROUP_ID)
    assert (await give(local, local, mine, GROUP_ID)).status_code == 201
    assert code(await give(local, local, mine, SCOPE)) == "AuthorizationFailed"
    assert code(await local.get(SCOPE + "/resourceGroups/Other")) == "AuthorizationFailed"


async def test_who_may_write_roles_but_not_give_them_gains_nothing(cloud: Cloud) -> None:
    """The right to change definitions alone is no right to hand out more through one that is in use."""
    writer_role = await made(
        cloud.owner,
        role("Role Writer", permissions=[{"actions": ["Microsoft.Authorization/roleDefinitions/*"]}]),
    )
    writer = await cloud.person("writer")
    assert (await give(cloud.owner, writer, writer_role, SCOPE)).status_code == 201
    widened = role("Role Writer", permissions=EVERYTHING)
    refused = await put(writer, widened, writer_role)
    assert (refused.status_code, code(refused)) == (403, "AuthorizationFailed")
    assert "roleAssignments/write" in refused.json()["error"]["message"]
    renamed = role("Renamed", permissions=[{"actions": ["Microsoft.Authorization/roleDefinitions/*"]}])
    assert (await put(writer, renamed, writer_role)).status_code == 201
    spare = await made(writer, role("Spare", permissions=EVERYTHING))
    assert code(await give(writer, writer, spare, SCOPE)) == "AuthorizationFailed"
    assert code(await writer.get(GROUP_ID)) == "AuthorizationFailed"


async def test_contributors_and_readers_make_none(cloud: Cloud) -> None:
    guid = await made(cloud.owner, role())
    for name in (
        roles.CONTRIBUTOR,
        roles.READER,
        roles.RBAC_ADMINISTRATOR,
        roles.VIRTUAL_MACHINE_CONTRIBUTOR,
    ):
        person = await cloud.person("p", name)
        assert code(await put(person, role("Other"))) == "AuthorizationFailed"
        assert code(await put(person, role(permissions=EVERYTHING), guid)) == "AuthorizationFailed"
        refused = await person.ask("DELETE", f"{SCOPE}/{DEFINITIONS}/{guid}")
        assert code(refused) == "AuthorizationFailed"


async def test_every_role_is_read_with_a_right_below(cloud: Cloud) -> None:
    """Whoever holds a role somewhere may read what it means, also at the tenant, where scripts name it."""
    reader = await cloud.person("reader", roles.READER, GROUP_ID)
    found = await reader.get(f"/{DEFINITIONS}/{roles.NETWORK_CONTRIBUTOR.upper()}")
    assert found.json()["properties"]["roleName"] == "Network Contributor"
    nobody = await cloud.person("nobody")
    assert code(await nobody.get(f"/{DEFINITIONS}/{roles.READER}")) == "AuthorizationFailed"
