"""The directory as one document: from one tenant into another, again, dry, with hashes, and refused."""

from __future__ import annotations

import copy
import uuid
from typing import Any

import httpx
import pytest

from outofband.access import roles
from outofband.core import clock
from outofband.identity.bootstrap import CLI_NAME
from outofband.identity.passwords import Passwords
from outofband.store.principals import ServicePrincipal
from tests.support.cloud import OTHER_TENANT, TENANT, Cloud, Person
from tests.support.users import PASSWORD, add_user
from tests.unit.http.test_graph_directory import ask, client, code, made, public, ref, values

pytestmark = pytest.mark.anyio
EXPORT, IMPORT = "/directory/export", "/directory/import"


@pytest.fixture
async def boss(cloud: Cloud) -> Person:
    return await cloud.person("boss", roles.OWNER, "/")


@pytest.fixture
async def there(cloud: Cloud) -> Person:
    """Who owns the tenant that a document is brought into."""
    return await cloud.person("there", roles.OWNER, "/", tenant=OTHER_TENANT)


async def exported(person: Person, **wanted: Any) -> dict[str, Any]:
    answer = await person.ask("POST", EXPORT, wanted, version=None)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    return found


async def bring(person: Person, document: Any, *, dry: bool = False) -> httpx.Response:
    return await person.ask("POST", IMPORT, {"document": document, "dryRun": dry}, version=None)


async def changes(person: Person, document: Any, *, dry: bool = False) -> list[dict[str, str]]:
    answer = await bring(person, document, dry=dry)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["dryRun"] is dry
    told: list[dict[str, str]] = found["changes"]
    return told


async def populate(cloud: Cloud, boss: Person) -> dict[str, Any]:
    """Ann in Crew, Crew and a program in Ops; the program with a secret and a certificate."""
    ann = await add_user(cloud.store, TENANT, "ann@lab.example", now=clock.now())
    application, program = await client(boss, "robot")
    path = f"/applications/{application['id']}"
    secret = (await ask(boss, "POST", f"{path}/addPassword", {}, 200)).json()["secretText"]
    await ask(boss, "PATCH", path, {"keyCredentials": [{"key": public()}], "notes": "n"}, 204)
    crew = await made(boss, "/groups", displayName="Crew", mailNickname="crew", description="on call")
    ops = await made(boss, "/groups", displayName="Ops", mailNickname="ops")
    for group, member in ((crew, ann.object_id), (ops, crew["id"]), (ops, program["id"])):
        await ask(boss, "POST", f"/groups/{group['id']}/members/$ref", ref(member), 204)
    return {"secret": secret, "app": application["appId"], "ann": ann.object_id}


def moved(document: dict[str, Any]) -> dict[str, Any]:
    """As it would be on another control plane: here no two tenants can have one client id."""
    found = copy.deepcopy(document)
    for each in found["clients"]:
        each["appId"] = str(uuid.uuid4())
        each["owners"] = []
    for each in found["groups"]:
        each["owners"] = []
    return found


async def test_out_of_one_tenant_into_another(cloud: Cloud, boss: Person, there: Person) -> None:
    await populate(cloud, boss)
    document = await exported(boss)
    assert document["tenant"]["id"] == TENANT
    text = str(document)
    assert "argon2" not in text and "digest" not in text
    document = moved(document)
    dry = await changes(there, document, dry=True)
    assert await values(there, "/groups") == [], "a dry run changes nothing"
    done = await changes(there, document)
    assert [(each["kind"], each["what"], each["name"]) for each in dry] == [
        (each["kind"], each["what"], each["name"]) for each in done
    ]
    told = {(each["kind"], each["what"], each["name"]) for each in done}
    assert told >= {
        ("users", "create", "ann@other.example"),
        ("applications", "create", "robot"),
        ("servicePrincipals", "create", "robot"),
        ("applications", "addCertificate", "robot"),
        ("groups", "create", "Crew"),
        ("groups", "addMember", "Ops"),
    }
    assert not any(what == "addSecret" for _, what, _ in told)
    groups = {each["displayName"]: each for each in await values(there, "/groups")}
    assert groups["Crew"]["description"] == "on call"
    inside = await values(there, f"/groups/{groups['Ops']['id']}/members")
    assert {each["displayName"] for each in inside} == {"Crew", "robot"}
    async with cloud.store.read() as tx:
        ann = await cloud.store.people.by_name(tx, "ann@other.example")
        rows = (await cloud.store.activity.page(tx, tenant=OTHER_TENANT)).items
    assert ann is not None
    assert ann.password_hash is None
    assert len([row for row in rows if row.properties.get("imported")]) == len(done)
    assert rows[0].action == "Microsoft.Directory/tenants/import/action"

    assert await changes(there, document) == [], "a second time there is nothing to do"
    document["users"][0]["displayName"] = "Ann B."
    document["groups"][0]["description"] = "changed"
    again = await changes(there, document)
    assert sorted((each["kind"], each["what"], each["about"]) for each in again) == [
        ("groups", "update", "description"),
        ("users", "update", "displayName"),
    ]


async def test_its_own_document_changes_nothing(cloud: Cloud, boss: Person) -> None:
    await populate(cloud, boss)
    for wanted in ({}, {"passwordHashes": True}):
        assert await changes(boss, await exported(boss, **wanted)) == []


async def test_with_hashes_everybody_signs_in_as_before(cloud: Cloud, boss: Person, there: Person) -> None:
    known = await populate(cloud, boss)
    document = moved(await exported(boss, passwordHashes=True))
    assert known["secret"] not in str(document)
    assert await changes(there, document)
    assert await changes(there, document) == []
    app_id = next(each["appId"] for each in document["clients"] if each["displayName"] == "robot")
    async with cloud.store.read() as tx:
        ann = await cloud.store.people.by_name(tx, "ann@other.example")
        program = await cloud.store.principals.by_app(tx, app_id)
        assert ann is not None
        assert program is not None
        assert await Passwords().matches(PASSWORD, ann.password_hash)
        secrets = await cloud.store.principals.secrets(tx, program.object_id)
        rows = (await cloud.store.activity.page(tx, tenant=TENANT)).items
    assert [each.matches(known["secret"]) for each in secrets] == [True]
    assert "Microsoft.Directory/tenants/exportHashes/action" in {row.action for row in rows}
    assert "argon2" not in str(rows)


async def test_nobodys_password_is_changed(cloud: Cloud, boss: Person) -> None:
    await populate(cloud, boss)
    document = await exported(boss, passwordHashes=True)
    ann = next(each for each in document["users"] if each["name"] == "ann@lab.example")
    ann["passwordHash"] = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$KpxMxlVXlBnEmpSpdCWWcA"
    assert await changes(boss, document) == []


async def test_the_control_planes_own_client_stays_out(cloud: Cloud, boss: Person) -> None:
    local = ServicePrincipal(
        object_id=str(uuid.uuid4()),
        app_id=str(uuid.uuid4()),
        tenant_id=TENANT,
        name=CLI_NAME,
        disabled=False,
        created=clock.now(),
    )
    async with cloud.store.write() as tx:
        await cloud.store.principals.add(tx, local)
    group = await made(boss, "/groups", displayName="Crew", mailNickname="crew")
    await ask(boss, "POST", f"/groups/{group['id']}/members/$ref", ref(local.object_id), 204)
    assert local.object_id not in str(await exported(boss, passwordHashes=True))


async def test_all_of_it_or_nothing(cloud: Cloud, boss: Person, there: Person) -> None:
    await populate(cloud, boss)
    good = moved(await exported(boss, passwordHashes=True))

    def changed(where: str, **values: Any) -> dict[str, Any]:
        document = copy.deepcopy(good)
        document[where][-1] |= values
        return document

    secret = {"holder": "application", "digest": "x"}
    certificate = {"holder": "application", "certificate": "x"}
    costly = "$argon2id$v=19$m=99999999,t=1,p=1$c29tZXNhbHQ$KpxMxlVXlBnEmpSpdCWWcA"
    for document, expected in (
        (good | {"format": "other/1"}, "ImportRefused"),
        (changed("groups", id="x"), "ImportRefused"),
        (changed("groups", members=[str(uuid.uuid4())]), "DirectoryObjectNotFound"),
        (changed("groups", name=""), "InvalidParameter"),
        (changed("users", passwordHash="x"), "ImportRefused"),
        (changed("users", passwordHash=costly), "ImportRefused"),
        (changed("users", name="eve@elsewhere.example"), "InvalidParameter"),
        (changed("clients", secrets=[secret]), "ImportRefused"),
        (changed("clients", certificates=[certificate]), "CertificateRefused"),
        (changed("clients", displayName=CLI_NAME), "InvalidParameter"),
        (good | {"surprise": 1}, "InvalidRequestContent"),
        ([], "InvalidRequestContent"),
    ):
        for dry in (True, False):
            answer = await bring(there, document, dry=dry)
            assert (answer.status_code // 100, code(answer)) == (4, expected), (expected, answer.text)
    assert await values(there, "/groups") == []
    assert await values(there, "/users") == []
    taken = await exported(boss)
    assert code(await bring(there, taken)) == "ApplicationExists", "of another tenant"


async def test_the_last_owner_is_not_switched_off(cloud: Cloud, boss: Person) -> None:
    await add_user(cloud.store, TENANT, "ann@lab.example", role=roles.OWNER, now=clock.now())
    document = await exported(boss)
    document["users"][0]["enabled"] = False
    for dry in (True, False):
        assert code(await bring(boss, document, dry=dry)) == "LastOwner"


async def test_who_may(cloud: Cloud, boss: Person) -> None:
    await populate(cloud, boss)
    document = await exported(boss)
    reader = await cloud.person("reader", roles.READER, "/")
    assert (await exported(reader))["groups"] == document["groups"]
    nobody = await cloud.person("nobody")
    for person, path, body in (
        (reader, EXPORT, {"passwordHashes": True}),
        (nobody, EXPORT, {}),
        (reader, IMPORT, {"document": document, "dryRun": True}),
        (nobody, IMPORT, {"document": document}),
    ):
        refused = await person.ask("POST", path, body, version=None)
        assert (refused.status_code, code(refused)) == (403, "AuthorizationFailed"), path
