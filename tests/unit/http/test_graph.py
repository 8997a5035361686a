"""The directory at the edge: who may read and write it, what goes in and comes out, and the last owner."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from outofband.access import roles
from outofband.identity.owners import Owners
from outofband.identity.trail import NAMESPACE
from outofband.store.activity import ActivityEntry
from outofband.store.people import User
from tests.support.cloud import OTHER_TENANT, TENANT, Cloud, Person

pytestmark = pytest.mark.anyio
USERS = "/v1.0/users"
ROLES = "/providers/Microsoft.Authorization"
ADA = {"displayName": "Ada", "userPrincipalName": "ada"}
GOOD = "correct horse battery"


@pytest.fixture
async def boss(cloud: Cloud) -> Person:
    return await cloud.person("boss", roles.OWNER, "/")


async def ask(person: Person, method: str, path: str, body: Any = None, **query: str) -> httpx.Response:
    return await person.ask(method, path, body, version=None, **query)


async def made(boss: Person, body: Any = None, **changes: Any) -> dict[str, Any]:
    answer = await ask(boss, "POST", USERS, {**ADA, **changes} if body is None else body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def known(cloud: Cloud, user: dict[str, Any]) -> User | None:
    async with cloud.store.read() as tx:
        return await cloud.store.people.get(tx, user["id"])


async def rows(cloud: Cloud) -> list[ActivityEntry]:
    """What the activity log has of people, oldest first."""
    async with cloud.store.read() as tx:
        page = await cloud.store.activity.page(tx)
    return [row for row in reversed(page.items) if row.action.startswith(NAMESPACE)]


def code(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


async def test_the_life_of_a_user(cloud: Cloud, boss: Person) -> None:
    user = await made(boss)
    password = user.pop("passwordProfile")
    assert password["forceChangePasswordNextSignIn"] is True
    assert (
        user.items()
        >= {
            "displayName": "Ada",
            "userPrincipalName": "ada@lab.example",
            "accountEnabled": True,
        }.items()
    )
    row = await known(cloud, user)
    assert row is not None
    assert row.must_change
    assert await cloud.authority.passwords.matches(password["password"], row.password_hash)
    for name in (user["id"], "ada@lab.example", "ADA@LAB.example"):
        assert (await ask(boss, "GET", f"{USERS}/{name}")).json() == user

    path = f"{USERS}/{user['id']}"
    changed = await ask(boss, "PATCH", path, {"displayName": " Ada L. ", "accountEnabled": False})
    assert (changed.status_code, changed.content) == (204, b"")
    found = (await ask(boss, "GET", path)).json()
    assert (found["displayName"], found["accountEnabled"]) == ("Ada L.", False)

    removed = await ask(boss, "DELETE", path)
    assert (removed.status_code, removed.content) == (204, b"")
    assert await known(cloud, user) is None
    gone = await ask(boss, "DELETE", path)
    assert (gone.status_code, code(gone)) == (404, "UserNotFound")

    log = [(row.action, row.status, row.sub_status, row.caller) for row in await rows(cloud)]
    assert log == [
        ("Microsoft.Directory/users/write", "Succeeded", "", "boss"),
        ("Microsoft.Directory/users/write", "Succeeded", "", "boss"),
        ("Microsoft.Directory/users/delete", "Succeeded", "", "boss"),
        ("Microsoft.Directory/users/delete", "Failed", "UserNotFound", "boss"),
    ]
    first, second, *_ = await rows(cloud)
    assert first.resource_id == f"/providers/Microsoft.Directory/users/{user['id']}"
    assert second.properties["changed"] == ["displayName", "accountEnabled"]
    assert not any(password["password"] in str(row.properties) for row in await rows(cloud))


async def test_a_password_is_told_only_by_who_made_it(cloud: Cloud, boss: Person) -> None:
    chosen = await made(boss, passwordProfile={"password": GOOD, "forceChangePasswordNextSignIn": False})
    assert "passwordProfile" not in chosen
    path = f"{USERS}/{chosen['id']}"
    quiet = await ask(boss, "PATCH", path, {"passwordProfile": {"password": f"{GOOD} staple"}})
    assert (quiet.status_code, quiet.content) == (204, b"")
    told = await ask(boss, "PATCH", path, {"passwordProfile": {}})
    assert told.status_code == 200
    assert told.headers["cache-control"] == "no-store"
    row = await known(cloud, chosen)
    assert row is not None
    assert row.must_change
    password = told.json()["passwordProfile"]["password"]
    assert await cloud.authority.passwords.matches(password, row.password_hash)


@pytest.mark.parametrize("role", [roles.CONTRIBUTOR, roles.READER, roles.VIRTUAL_MACHINE_CONTRIBUTOR])
async def test_who_reads_does_not_write(cloud: Cloud, boss: Person, role: str) -> None:
    user = await made(boss)
    reader = await cloud.person("reader", role, "/")
    assert (await ask(reader, "GET", USERS)).status_code == 200
    for method, path in (
        ("POST", USERS),
        ("PATCH", f"{USERS}/{user['id']}"),
        ("DELETE", f"{USERS}/{user['id']}"),
    ):
        refused = await ask(reader, method, path, ADA)
        assert (refused.status_code, code(refused)) == (403, "AuthorizationFailed")
    log = [(row.caller, row.status, row.sub_status) for row in await rows(cloud)]
    assert log[1:] == [("reader", "Failed", "AuthorizationFailed")] * 3


async def test_owner_of_a_subscription_only(cloud: Cloud) -> None:
    assert (await ask(cloud.owner, "GET", USERS)).status_code == 200
    assert code(await ask(cloud.owner, "POST", USERS, ADA)) == "AuthorizationFailed"


async def test_without_any_role_one_knows_oneself_only(cloud: Cloud) -> None:
    nobody = await cloud.person("nobody")
    me = (await ask(nobody, "GET", "/v1.0/me")).json()
    assert (me["id"], me["displayName"], me["appId"]) == (nobody.object_id, "nobody", nobody.app_id)
    for path in (USERS, f"{USERS}/x", "/v1.0/servicePrincipals"):
        assert code(await ask(nobody, "GET", path)) == "AuthorizationFailed"
    assert (
        code(await ask(nobody, "POST", "/v1.0/directoryObjects/getByIds", {"ids": []}))
        == "AuthorizationFailed"
    )
    assert (await cloud.http.get("/v1.0/me")).status_code == 401


async def test_tenants_are_walls(cloud: Cloud, boss: Person) -> None:
    user = await made(boss)
    there = await cloud.person("there", roles.OWNER, "/", tenant=OTHER_TENANT)
    assert (await ask(there, "GET", USERS)).json()["value"] == []
    for method in ("GET", "PATCH", "DELETE"):
        for name in (user["id"], user["userPrincipalName"]):
            answer = await ask(there, method, f"{USERS}/{name}", {"accountEnabled": False})
            assert (answer.status_code, code(answer)) == (404, "UserNotFound"), (method, name)
    programs = (await ask(there, "GET", "/v1.0/servicePrincipals")).json()["value"]
    assert [each["displayName"] for each in programs] == ["there"]
    ids = {"ids": [user["id"], boss.object_id, there.object_id]}
    found = (await ask(there, "POST", "/v1.0/directoryObjects/getByIds", ids)).json()["value"]
    assert [each["id"] for each in found] == [there.object_id]
    answer = await ask(there, "POST", USERS, {**ADA, "userPrincipalName": "eve@lab.example"})
    assert code(answer) == "InvalidParameter"


async def test_names_for_ids(cloud: Cloud, boss: Person) -> None:
    user = await made(boss)
    wanted = [
        user["id"].upper(),
        boss.object_id,
        user["id"],
        "00000000-0000-4000-8000-000000000000",
        "no\x00id",
    ]
    found = (await ask(boss, "POST", "/v1.0/directoryObjects/getByIds", {"ids": wanted, "types": []})).json()[
        "value"
    ]
    assert [(each["@odata.type"], each["displayName"]) for each in found] == [
        ("#microsoft.graph.user", "Ada"),
        ("#microsoft.graph.servicePrincipal", "boss"),
    ]
    assert found[0]["userPrincipalName"] == "ada@lab.example"
    many = {"ids": ["x"] * 1001}
    assert code(await ask(boss, "POST", "/v1.0/directoryObjects/getByIds", many)) == "InvalidParameter"


async def test_pages_and_filters(cloud: Cloud, boss: Person) -> None:
    for name, shown in (("ada", "Ada L"), ("adam", "Adam S"), ("bob", "100% Bob"), ("cid", "Cid's")):
        await made(boss, userPrincipalName=name, displayName=shown, passwordProfile={"password": GOOD})
    names: list[str] = []
    query = {"$top": "3"}
    answer = (await ask(boss, "GET", USERS, **query)).json()
    assert len(answer["value"]) == 3
    names += [each["userPrincipalName"] for each in answer["value"]]
    following = (await ask(boss, "GET", answer["@odata.nextLink"])).json()
    names += [each["userPrincipalName"] for each in following["value"]]
    assert names == [f"{name}@lab.example" for name in ("ada", "adam", "bob", "cid")]
    assert "@odata.nextLink" not in following

    async def filtered(text: str) -> list[str]:
        answer = await ask(boss, "GET", USERS, **{"$filter": text})
        assert answer.status_code == 200, answer.text
        return [each["userPrincipalName"].partition("@")[0] for each in answer.json()["value"]]

    assert await filtered("userPrincipalName eq 'ADA@lab.example'") == ["ada"]
    assert await filtered("startswith(displayName,'ada')") == ["ada", "adam"]
    assert await filtered("startswith(displayName, 'ada l')") == ["ada"]
    assert await filtered("startswith(userPrincipalName,'bo')") == ["bob"]
    assert await filtered("startswith(displayName,'100%')") == ["bob"]
    assert await filtered("startswith(displayName,'%')") == []
    assert await filtered("startswith(displayName,'cid''s')") == ["cid"]
    both = "startswith(displayName,'ad') and startswith(userPrincipalName,'adam')"
    assert await filtered(both) == ["adam"]
    for text in (
        "mail eq 'x'",
        "endswith(displayName,'x')",
        "displayName eq",
        "startswith(displayName,'\x00')",
    ):
        refused = await ask(boss, "GET", USERS, **{"$filter": text})
        assert (refused.status_code, code(refused)) == (400, "InvalidParameter"), text
    for wrong in ({"$top": "0"}, {"$top": "x"}, {"$skiptoken": "!"}):
        assert code(await ask(boss, "GET", USERS, **wrong)) == "InvalidParameter"


async def test_programs(cloud: Cloud, boss: Person) -> None:
    listed: list[str] = []
    answer = (await ask(boss, "GET", "/v1.0/servicePrincipals", **{"$top": "1"})).json()
    listed += [each["displayName"] for each in answer["value"]]
    answer = (await ask(boss, "GET", answer["@odata.nextLink"])).json()
    listed += [each["displayName"] for each in answer["value"]]
    assert sorted(listed) == ["boss", "owner"]
    for text, found in (
        (f"appId eq '{boss.app_id}'", ["boss"]),
        ("displayName eq 'BOSS'", ["boss"]),
        ("startswith(displayName,'ow')", ["owner"]),
    ):
        answer = (await ask(boss, "GET", "/v1.0/servicePrincipals", **{"$filter": text})).json()
        assert [each["displayName"] for each in answer["value"]] == found
    refused = await ask(boss, "GET", "/v1.0/servicePrincipals", **{"$filter": "mail eq 'x'"})
    assert code(refused) == "InvalidParameter"


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ([], "InvalidRequestContent"),
        ({}, "InvalidRequestContent"),
        ({**ADA, "typo": 1}, "InvalidRequestContent"),
        ({**ADA, "accountEnabled": "yes"}, "InvalidRequestContent"),
        ({**ADA, "passwordProfile": {"pasword": GOOD}}, "InvalidRequestContent"),
        ({**ADA, "displayName": "  "}, "InvalidParameter"),
        ({**ADA, "displayName": "a\x1b[2J"}, "InvalidParameter"),
        ({**ADA, "displayName": "x" * 257}, "InvalidParameter"),
        ({**ADA, "userPrincipalName": ""}, "InvalidParameter"),
        ({**ADA, "userPrincipalName": "a b"}, "InvalidParameter"),
        ({**ADA, "userPrincipalName": "ada@elsewhere.example"}, "InvalidParameter"),
        ({**ADA, "passwordProfile": {"password": "short"}}, "PasswordRefused"),
        ({**ADA, "passwordProfile": {"password": "ada's own ada's own"}}, "PasswordRefused"),
    ],
)
async def test_what_is_no_user(cloud: Cloud, boss: Person, body: Any, wanted: str) -> None:
    refused = await ask(boss, "POST", USERS, body)
    assert (refused.status_code, code(refused)) == (400, wanted), refused.text
    async with cloud.store.read() as tx:
        assert await cloud.store.people.of_tenant(tx, TENANT) == []


async def test_a_name_is_given_once(cloud: Cloud, boss: Person) -> None:
    await made(boss, mailNickname="ada")
    again = await ask(boss, "POST", USERS, {**ADA, "userPrincipalName": "ADA@lab.example"})
    assert (again.status_code, code(again)) == (409, "UserExists")


async def test_the_last_owner_stays(cloud: Cloud, boss: Person) -> None:
    ada, bob = await made(boss), await made(boss, userPrincipalName="bob")
    for user in (ada, bob):
        row = await known(cloud, user)
        assert row is not None
        async with cloud.store.write() as tx:
            await Owners(cloud.store, roles.OWNER).give(tx, row, by="test", now=row.created)
    assert (await ask(boss, "PATCH", f"{USERS}/{bob['id']}", {"accountEnabled": False})).status_code == 204
    for method, body in (("PATCH", {"accountEnabled": False, "displayName": "X"}), ("DELETE", None)):
        refused = await ask(boss, method, f"{USERS}/{ada['id']}", body)
        assert (refused.status_code, code(refused)) == (409, "LastOwner")
    row = await known(cloud, ada)
    assert row is not None
    assert row.display_name == "Ada", "a refused change changes nothing"


async def test_nor_loses_its_role(cloud: Cloud, boss: Person) -> None:
    """Both ways to the same end are shut."""
    owner, version = f"{ROLES}/roleDefinitions/{roles.OWNER}", "2022-04-01"
    paths = []
    for name in ("ada", "bob"):
        user = await made(boss, userPrincipalName=name)
        paths.append(f"{ROLES}/roleAssignments/{uuid.uuid4()}")
        properties = {"roleDefinitionId": owner, "principalId": user["id"], "principalType": "User"}
        given = await boss.ask("PUT", paths[-1], {"properties": properties}, version=version)
        assert given.status_code == 201, given.text
    assert (await boss.ask("DELETE", paths[0], version=version)).status_code == 200
    refused = await boss.ask("DELETE", paths[1], version=version)
    assert (refused.status_code, code(refused)) == (409, "LastOwner")


async def test_odd_names_in_the_path(cloud: Cloud, boss: Person) -> None:
    for name in ("nobody", "%00", "a%0ab", "x" * 3000, "..", "a%2fb"):
        for method in ("GET", "PATCH", "DELETE"):
            answer = await ask(boss, method, f"{USERS}/{name}", {} if method == "PATCH" else None)
            assert answer.status_code in (400, 404, 405), (method, name[:20], answer.status_code)


async def test_what_az_asks_before_it_gives_a_role(cloud: Cloud, boss: Person) -> None:
    """`--assignee` is a sign-in name, the id of a program or an object id; in this order it is looked for."""
    user, program = await made(boss), await cloud.person("robot")
    named = await ask(
        boss, "GET", USERS, **{"$filter": f"userPrincipalName eq '{user['userPrincipalName']}'"}
    )
    assert [each["id"] for each in named.json()["value"]] == [user["id"]]
    shown = await ask(boss, "GET", USERS, **{"$filter": "displayName eq 'ADA'"})
    assert [each["id"] for each in shown.json()["value"]] == [user["id"]]

    async def programs(wanted: str) -> list[str]:
        text = f"servicePrincipalNames/any(c:c eq '{wanted}')"
        answer = await ask(boss, "GET", "/v1.0/servicePrincipals", **{"$filter": text})
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json()["value"]]

    assert await programs(program.app_id.upper()) == [program.object_id]
    assert await programs(user["userPrincipalName"]) == await programs(program.object_id) == []
    odd = await ask(boss, "GET", "/v1.0/servicePrincipals", **{"$filter": "tags/any(a:b eq 'x')"})
    assert code(odd) == "InvalidParameter"
    body: dict[str, Any] = {"ids": [program.object_id], "types": ["user", "group", "servicePrincipal"]}
    found = await ask(boss, "POST", "/v1.0/directoryObjects/getByIds", body)
    (told,) = found.json()["value"]
    assert told["@odata.type"] == "#microsoft.graph.servicePrincipal"
    assert told["servicePrincipalNames"] == [program.app_id]


async def test_single_objects_and_groups(cloud: Cloud, boss: Person) -> None:
    user, program = await made(boss), await cloud.person("robot")
    one = await ask(boss, "GET", f"/v1.0/servicePrincipals/{program.object_id}")
    assert (one.json()["appId"], one.json()["displayName"]) == (program.app_id, "robot")
    both = [
        await ask(boss, "GET", f"/v1.0/directoryObjects/{each}") for each in (user["id"], program.object_id)
    ]
    assert [each.json()["@odata.type"].rpartition(".")[2] for each in both] == ["user", "servicePrincipal"]
    stranger = await cloud.person("stranger", tenant=OTHER_TENANT)
    for path in (
        f"servicePrincipals/{user['id']}",
        f"servicePrincipals/{stranger.object_id}",
        f"directoryObjects/{stranger.object_id}",
        f"groups/{uuid.uuid4()}",
        f"groups/{uuid.uuid4()}/members",
        "directoryObjects/not-an-id",
    ):
        missing = await ask(boss, "GET", f"/v1.0/{path}")
        expected = "GroupNotFound" if path.startswith("groups/") else "DirectoryObjectNotFound"
        assert (missing.status_code, code(missing)) == (404, expected), path
    groups = await ask(boss, "GET", "/v1.0/groups", **{"$filter": "startswith(displayName,'a')"})
    assert groups.json() == {"value": []}
    for kind, who in (("users", user["id"]), ("servicePrincipals", program.object_id)):
        answer = await ask(boss, "POST", f"/v1.0/{kind}/{who}/getMemberGroups", {"securityEnabledOnly": True})
        assert answer.json() == {"value": []}
    foreign = f"/v1.0/servicePrincipals/{stranger.object_id}/getMemberGroups"
    assert code(await ask(boss, "POST", foreign, {})) == "DirectoryObjectNotFound"
    nobody = await cloud.person("nobody")
    assert code(await ask(nobody, "GET", "/v1.0/groups")) == "AuthorizationFailed"
