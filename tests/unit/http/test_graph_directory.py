"""Groups, applications and programs at the edge: shapes, filters, who may, what is told once, last owners."""

from __future__ import annotations

import base64
import uuid
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from outofband.access import roles
from outofband.core import clock
from outofband.identity.bootstrap import CLI_NAME
from tests.support.cloud import OTHER_TENANT, SCOPE, TENANT, Cloud, Person
from tests.support.users import add_user
from tests.unit.identity.test_groups import issued

pytestmark = pytest.mark.anyio
GROUP = {"displayName": "Operators", "mailNickname": "operators"}


@pytest.fixture
async def boss(cloud: Cloud) -> Person:
    return await cloud.person("boss", roles.OWNER, "/")


async def ask(
    person: Person, method: str, path: str, body: Any = None, status: int | None = None, **query: str
) -> httpx.Response:
    answer = await person.ask(method, f"/v1.0{path}", body, version=None, **query)
    assert status is None or answer.status_code == status, answer.text
    return answer


def code(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


def ref(object_id: str) -> dict[str, str]:
    return {"@odata.id": f"https://any.example/v1.0/directoryObjects/{object_id}"}


async def made(boss: Person, path: str, **body: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await ask(boss, "POST", path, body, 201)).json()
    return found


async def client(boss: Person, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """An application and its service principal."""
    application = await made(boss, "/applications", displayName=name)
    return application, await made(boss, "/servicePrincipals", appId=application["appId"])


async def values(person: Person, path: str, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await ask(person, "GET", path, status=200, **query)).json()["value"]
    return found


def public(begins: int = -1, ends: int = 5000) -> str:
    """A certificate as az sends it; by the clock of the tests of `identity` it was made long ago."""
    made = issued(ec.generate_private_key(ec.SECP256R1()), begins, ends)
    return base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode()


async def test_the_life_of_a_group(cloud: Cloud, boss: Person) -> None:
    group = await made(boss, "/groups", **GROUP, description="On call")
    path = f"/groups/{group['id']}"
    assert group.items() >= {**GROUP, "securityEnabled": True, "groupTypes": []}.items()
    assert (await ask(boss, "GET", path)).json() == group
    await ask(boss, "PATCH", path, {"displayName": " Ops ", "description": None}, 204)
    found = (await ask(boss, "GET", path)).json()
    assert (found["displayName"], found["description"], found["mailNickname"]) == ("Ops", None, "operators")
    owners = await values(boss, f"{path}/owners")
    assert [each["id"] for each in owners] == [boss.object_id]
    await ask(boss, "DELETE", path, status=204)
    assert code(await ask(boss, "GET", path)) == "GroupNotFound"
    async with cloud.store.read() as tx:
        page = await cloud.store.activity.page(tx)
    told = [(row.action, row.status, row.resource_id) for row in reversed(page.items)]
    kind = "Microsoft.Directory/groups"
    assert told == [
        (f"{kind}/write", "Succeeded", f"/providers/{kind}/{group['id']}"),
        (f"{kind}/write", "Succeeded", f"/providers/{kind}/{group['id']}"),
        (f"{kind}/delete", "Succeeded", f"/providers/{kind}/{group['id']}"),
    ]


async def test_members_come_and_go_and_what_the_group_may_they_may(cloud: Cloud, boss: Person) -> None:
    robot = await cloud.person("robot")
    outer = await made(boss, "/groups", displayName="o", mailNickname="o")
    inner = await made(boss, "/groups", displayName="i", mailNickname="i")
    await ask(boss, "POST", f"/groups/{outer['id']}/members/$ref", ref(inner["id"]), 204)
    await ask(boss, "POST", f"/groups/{inner['id']}/members/$ref", ref(robot.object_id), 204)
    again = await ask(boss, "POST", f"/groups/{inner['id']}/members/$ref", ref(robot.object_id), 400)
    assert code(again) == "MemberExists"
    cycle = await ask(boss, "POST", f"/groups/{inner['id']}/members/$ref", ref(outer["id"]), 400)
    assert code(cycle) == "GroupCycle"
    odd = await ask(boss, "POST", f"/groups/{inner['id']}/members/$ref", {"@odata.id": "x"}, 400)
    assert code(odd) == "InvalidParameter"
    (listed,) = await values(boss, f"/groups/{outer['id']}/members")
    assert (listed["@odata.type"], listed["id"]) == ("#microsoft.graph.group", inner["id"])
    around = await ask(boss, "POST", f"/directoryObjects/{robot.object_id}/getMemberGroups", {}, 200)
    assert sorted(around.json()["value"]) == sorted([outer["id"], inner["id"]])
    wanted = {"groupIds": [outer["id"].upper(), str(uuid.uuid4())]}
    checked = await ask(boss, "POST", f"/directoryObjects/{robot.object_id}/checkMemberGroups", wanted, 200)
    assert checked.json()["value"] == [outer["id"].upper()]

    vms = f"{SCOPE}/resources"
    assert (await robot.ask("GET", vms)).status_code == 403
    name = f"/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    definition = f"/providers/Microsoft.Authorization/roleDefinitions/{roles.READER}"
    given = {"roleDefinitionId": definition, "principalId": outer["id"], "principalType": "Group"}
    answer = await boss.ask("PUT", SCOPE + name, {"properties": given}, version="2022-04-01")
    assert answer.status_code == 201, answer.text
    assert answer.json()["properties"]["principalType"] == "Group"
    assert (await robot.ask("GET", vms)).status_code == 200
    listing = f"{SCOPE}/providers/Microsoft.Authorization/roleAssignments"
    for wanted_filter, count in (
        (f"assignedTo('{robot.object_id}')", 1),
        (f"principalId eq '{robot.object_id}'", 0),
        (f"principalId eq '{outer['id']}'", 1),
        (f"atScope() and assignedTo('{robot.object_id}')", 1),
        (f"assignedTo('{uuid.uuid4()}')", 0),
    ):
        found = await boss.ask("GET", listing, version="2022-04-01", **{"$filter": wanted_filter})
        assert len(found.json()["value"]) == count, wanted_filter

    await ask(boss, "DELETE", f"/groups/{outer['id']}/members/{inner['id']}/$ref", status=204)
    assert (await robot.ask("GET", vms)).status_code == 403
    gone = await ask(boss, "DELETE", f"/groups/{outer['id']}/members/{inner['id']}/$ref", status=404)
    assert code(gone) == "DirectoryObjectNotFound"
    await ask(boss, "DELETE", f"/groups/{outer['id']}", status=204)
    left = await boss.ask("GET", listing, version="2022-04-01", **{"$filter": "atScope()"})
    assert outer["id"] not in left.text


async def test_a_group_that_people_own_everything_by_is_not_lost(cloud: Cloud, boss: Person) -> None:
    user = await add_user(cloud.store, TENANT, "ann@lab.example", now=clock.now())
    group = await made(boss, "/groups", **GROUP)
    member = f"/groups/{group['id']}/members"
    await ask(boss, "POST", f"{member}/$ref", ref(user.object_id), 204)
    name = f"/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    definition = f"/providers/Microsoft.Authorization/roleDefinitions/{roles.OWNER}"
    given = {"properties": {"roleDefinitionId": definition, "principalId": group["id"]}}
    assert (await boss.ask("PUT", name, given, version="2022-04-01")).status_code == 201
    for method, path in (
        ("DELETE", f"/v1.0{member}/{user.object_id}/$ref"),
        ("DELETE", f"/v1.0/groups/{group['id']}"),
        ("DELETE", f"/v1.0/users/{user.object_id}"),
        ("DELETE", name),
    ):
        version = "2022-04-01" if path == name else None
        refused = await boss.ask(method, path, version=version)
        assert (refused.status_code, code(refused)) == (409, "LastOwner"), path
    assert len(await values(boss, member)) == 1


async def test_the_life_of_an_application_and_its_program(cloud: Cloud, boss: Person) -> None:
    uri = "api://pipeline"
    application = await made(
        boss, "/applications", displayName="Pipeline", identifierUris=[uri], web={"redirectUris": []}
    )
    path = f"/applications/{application['id']}"
    assert (application["identifierUris"], application["web"]) == ([uri], {"redirectUris": []})
    assert (application["passwordCredentials"], application["keyCredentials"]) == ([], [])
    other = await ask(boss, "POST", "/applications", {"displayName": "x", "identifierUris": [uri]}, 400)
    assert code(other) == "IdentifierUriTaken"
    program = await made(boss, "/servicePrincipals", appId=application["appId"])
    assert program["servicePrincipalNames"] == [application["appId"], uri]
    twice = await ask(boss, "POST", "/servicePrincipals", {"appId": application["appId"]}, 409)
    assert code(twice) == "ServicePrincipalExists"
    unknown = await ask(boss, "POST", "/servicePrincipals", {"appId": str(uuid.uuid4())}, 400)
    assert code(unknown) == "ApplicationUnknown"
    await ask(boss, "PATCH", path, {"displayName": "Line", "web": None}, 204)
    changed = (await ask(boss, "GET", path)).json()
    assert (changed["displayName"], "web" in changed, changed["identifierUris"]) == ("Line", False, [uri])
    for query, count in (
        (f"appId eq '{application['appId'].upper()}'", 1),
        ("startswith(displayName,'li')", 1),
        (f"identifierUris/any(u:u eq '{uri}')", 1),
        ("displayName eq 'Pipeline'", 0),
    ):
        assert len(await values(boss, "/applications", **{"$filter": query})) == count, query
    for query in (f"servicePrincipalNames/any(c:c eq '{uri}')", "displayName eq 'line'"):
        (found,) = await values(boss, "/servicePrincipals", **{"$filter": query})
        assert found["id"] == program["id"]
    refused = await ask(boss, "GET", "/applications", **{"$filter": "manifest eq 'x'"})
    assert code(refused) == "InvalidParameter"
    await ask(boss, "DELETE", path, status=204)
    assert (await ask(boss, "GET", f"/servicePrincipals/{program['id']}")).status_code == 404


async def test_a_secret_is_told_once_and_proves_the_program(cloud: Cloud, boss: Person) -> None:
    application, program = await client(boss, "robot")
    holder = f"/applications/{application['id']}"
    wanted = {"passwordCredential": {"displayName": "one", "endDateTime": "2999-01-01T00:00:00Z"}}
    answer = await ask(boss, "POST", f"{holder}/addPassword", wanted, 200)
    first = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert (first["displayName"], first["hint"]) == ("one", first["secretText"][:3])
    own = (await ask(boss, "POST", f"/servicePrincipals/{program['id']}/addPassword", {}, 200)).json()
    listed = (await ask(boss, "GET", holder)).json()["passwordCredentials"]
    assert listed == [first | {"secretText": None}]
    for secret, status in ((first["secretText"], 200), (own["secretText"], 200), ("no", 401)):
        assert (await token(cloud, application["appId"], secret)).status_code == status
    gone = await ask(boss, "POST", f"{holder}/removePassword", {"keyId": own["keyId"]}, 400)
    assert code(gone) == "CredentialNotFound", "it is the other's"
    await ask(boss, "POST", f"{holder}/removePassword", {"keyId": first["keyId"]}, 204)
    assert (await token(cloud, application["appId"], first["secretText"])).status_code == 401
    assert (await token(cloud, application["appId"], own["secretText"])).status_code == 200
    later = {"passwordCredential": {"startDateTime": "2998-01-01T00:00:00Z"}}
    future = (await ask(boss, "POST", f"{holder}/addPassword", later, 200)).json()
    assert (await token(cloud, application["appId"], future["secretText"])).status_code == 401
    past = {"passwordCredential": {"endDateTime": "2001-01-01T00:00:00Z"}}
    assert code(await ask(boss, "POST", f"{holder}/addPassword", past, 400)) == "InvalidParameter"
    async with cloud.store.read() as tx:
        rows = str((await cloud.store.activity.page(tx)).items)
    assert not any(each["secretText"] in rows for each in (first, own, future))


async def token(cloud: Cloud, app_id: str, secret: str) -> httpx.Response:
    form = {
        "client_id": app_id,
        "client_secret": secret,
        "grant_type": "client_credentials",
        "scope": f"{cloud.base}//.default",
    }
    return await cloud.http.post(f"/{TENANT}/oauth2/v2.0/token", data=form)


async def test_certificates_are_set_as_a_whole(cloud: Cloud, boss: Person) -> None:
    application, _ = await client(boss, "robot")
    path = f"/applications/{application['id']}"
    one, two = {"key": public(), "displayName": "one"}, {"key": public()}
    await ask(boss, "PATCH", path, {"keyCredentials": [one, two]}, 204)
    both = (await ask(boss, "GET", path)).json()["keyCredentials"]
    assert {each["displayName"] for each in both} == {"one", "CN=robot"}
    assert all(each["key"] is None and len(each["customKeyIdentifier"]) == 40 for each in both)
    kept = {"keyId": both[0]["keyId"]}
    await ask(boss, "PATCH", path, {"keyCredentials": [kept, {"key": public()}]}, 204)
    now = (await ask(boss, "GET", path)).json()["keyCredentials"]
    assert both[0] in now
    assert len(now) == 2
    for bad in (
        {"key": "AAAA"},
        {"keyId": str(uuid.uuid4())},
        {"key": public(-9, -5)},
        {"key": public(), "type": "Symmetric"},
    ):
        refused = await ask(boss, "PATCH", path, {"keyCredentials": [bad]}, 400)
        assert code(refused) == "CertificateRefused", bad
    assert (await ask(boss, "GET", path)).json()["keyCredentials"] == now, "all of it or nothing"
    await ask(boss, "PATCH", path, {"keyCredentials": []}, 204)
    assert (await ask(boss, "GET", path)).json()["keyCredentials"] == []


async def test_a_program_that_is_switched_off_is_out_at_once(cloud: Cloud, boss: Person) -> None:
    robot = await cloud.person("robot", roles.READER)
    assert (await robot.ask("GET", f"{SCOPE}/resources")).status_code == 200
    path = f"/servicePrincipals/{robot.object_id}"
    await ask(boss, "PATCH", path, {"accountEnabled": False}, 204)
    assert (await robot.ask("GET", f"{SCOPE}/resources")).status_code == 401
    await ask(boss, "PATCH", path, {"accountEnabled": True}, 204)
    await ask(boss, "DELETE", path, status=204)
    async with cloud.store.read() as tx:
        assert await cloud.store.assignments.of_principals(tx, [robot.object_id]) == []


@pytest.mark.parametrize("role", [roles.CONTRIBUTOR, roles.READER])
async def test_who_reads_does_not_write(cloud: Cloud, boss: Person, role: str) -> None:
    reader = await cloud.person("reader", role, "/")
    group = await made(boss, "/groups", **GROUP)
    application, program = await client(boss, "robot")
    for path in ("/groups", "/applications", "/servicePrincipals", f"/groups/{group['id']}/members"):
        await ask(reader, "GET", path, status=200)
    one, own = f"/applications/{application['id']}", f"/servicePrincipals/{program['id']}"
    for method, path in (
        ("POST", "/groups"),
        ("PATCH", f"/groups/{group['id']}"),
        ("DELETE", f"/groups/{group['id']}"),
        ("POST", f"/groups/{group['id']}/members/$ref"),
        ("DELETE", f"/groups/{group['id']}/members/{boss.object_id}/$ref"),
        ("POST", f"/groups/{group['id']}/owners/$ref"),
        ("POST", "/applications"),
        ("PATCH", one),
        ("DELETE", one),
        ("POST", f"{one}/addPassword"),
        ("POST", f"{one}/removePassword"),
        ("POST", f"{one}/owners/$ref"),
        ("POST", "/servicePrincipals"),
        ("PATCH", own),
        ("DELETE", own),
        ("POST", f"{own}/addPassword"),
        ("POST", f"{own}/removePassword"),
    ):
        refused = await ask(reader, method, path, {}, 403)
        assert code(refused) == "AuthorizationFailed", path
    nobody = await cloud.person("nobody")
    for path in ("/groups", "/applications", "/servicePrincipals"):
        await ask(nobody, "GET", path, status=403)


async def test_another_tenants_are_not_found(cloud: Cloud, boss: Person) -> None:
    stranger = await cloud.person("stranger", roles.OWNER, "/", tenant=OTHER_TENANT)
    group = await made(boss, "/groups", **GROUP)
    application, program = await client(boss, "robot")
    for path in (
        f"/groups/{group['id']}",
        f"/applications/{application['id']}",
        f"/servicePrincipals/{program['id']}",
    ):
        await ask(boss, "GET", path, status=200)
        for method in ("GET", "DELETE"):
            await ask(stranger, method, path, status=404)
    for path in ("/groups", "/applications"):
        ours = {each["id"] for each in await values(boss, path)}
        assert ours.isdisjoint(each["id"] for each in await values(stranger, path))
    theirs = await made(stranger, "/groups", **GROUP)
    refused = await ask(boss, "POST", f"/groups/{group['id']}/members/$ref", ref(theirs["id"]), 404)
    assert code(refused) == "DirectoryObjectNotFound"
    name = f"/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    definition = f"/providers/Microsoft.Authorization/roleDefinitions/{roles.READER}"
    given = {"properties": {"roleDefinitionId": definition, "principalId": theirs["id"]}}
    answer = await boss.ask("PUT", name, given, version="2022-04-01")
    assert code(answer) == "PrincipalNotFound"


async def test_what_is_not_supported_is_refused(cloud: Cloud, boss: Person) -> None:
    for path, body in (
        ("/groups", {**GROUP, "mailEnabled": True}),
        ("/groups", {**GROUP, "groupTypes": ["Unified"]}),
        ("/applications", {"displayName": "x", "signInAudience": "AzureADMultipleOrgs"}),
        ("/applications", {"displayName": CLI_NAME}),
        ("/applications", {"displayName": "\n"}),
        ("/applications", {"displayName": "x", "identifierUris": [""]}),
    ):
        assert code(await ask(boss, "POST", path, body, 400)) == "InvalidParameter", body
    for path, body in (
        ("/groups", {**GROUP, "visibility": "x"}),
        ("/applications", {"displayName": "x", "isDeviceOnlyAuthSupported": True}),
        ("/servicePrincipals", {"appId": str(uuid.uuid4()), "tags": []}),
    ):
        assert code(await ask(boss, "POST", path, body, 400)) == "InvalidRequestContent", body


async def test_lists_page_by_page(cloud: Cloud, boss: Person) -> None:
    for number in range(5):
        await made(boss, "/groups", displayName=f"g{number}", mailNickname="g")
        await made(boss, "/applications", displayName=f"a{number}")
    for path, count in (("/groups", 5), ("/applications", None)):
        seen: list[str] = []
        query = {"$top": "2"}
        for _ in range(20):
            page = (await ask(boss, "GET", path, status=200, **query)).json()
            seen += [each["id"] for each in page["value"]]
            if "@odata.nextLink" not in page:
                break
            query = dict(httpx.URL(page["@odata.nextLink"]).params)
        assert len(seen) == len(set(seen))
        assert count is None or len(seen) == count
        assert set(seen) == {each["id"] for each in await values(boss, path)}


async def test_owners_are_people_to_ask(cloud: Cloud, boss: Person) -> None:
    application, _ = await client(boss, "robot")
    other = await cloud.person("other")
    path = f"/applications/{application['id']}/owners"
    await ask(boss, "POST", f"{path}/$ref", ref(other.object_id), 204)
    assert code(await ask(boss, "POST", f"{path}/$ref", ref(other.object_id), 400)) == "OwnerExists"
    assert {each["id"] for each in await values(boss, path)} == {boss.object_id, other.object_id}
    assert [each["id"] for each in await values(other, "/me/ownedObjects")] == [application["id"]]
    await ask(other, "PATCH", f"/applications/{application['id']}", {"displayName": "mine"}, 403)
    await ask(boss, "DELETE", f"{path}/{other.object_id}/$ref", status=204)
    await ask(boss, "DELETE", f"{path}/{other.object_id}/$ref", status=404)
