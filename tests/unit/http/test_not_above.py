"""Whoever may manage people, groups or programs, and nothing else, does not become Owner by it."""

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
from outofband.core.principal import PrincipalKind
from outofband.store.assignments import Assignment
from outofband.store.role_definitions import RoleDefinition
from tests.support.cloud import SCOPE, TENANT, Cloud, Person
from tests.support.users import add_user
from tests.unit.identity.test_groups import issued

pytestmark = pytest.mark.anyio
GOOD = "quiet-heron-ladder-11"


@pytest.fixture
async def desk(cloud: Cloud) -> Person:
    """The help desk: a custom role with every right over the directory, and none to give roles."""
    role, now = str(uuid.uuid4()), clock.now()
    actions = [f"Microsoft.Authorization/{kind}/write" for kind in ("users", "groups", "applications")]
    definition = RoleDefinition(
        tenant_id=TENANT,
        id=role,
        name="Help desk",
        description="",
        permissions=[{"actions": [*actions, "*/read"]}],
        assignable_scopes=["/"],
        created=now,
        created_by="test",
        changed=now,
        changed_by="test",
    )
    async with cloud.store.write() as tx:
        await cloud.store.role_definitions.put(tx, definition)
    return await cloud.person("desk", role, "/")


async def give(cloud: Cloud, principal_id: str, kind: str, role: str, scope: str) -> None:
    async with cloud.store.write() as tx:
        await cloud.store.assignments.add(
            tx,
            Assignment(
                tenant_id=TENANT,
                name=str(uuid.uuid4()),
                scope=scope,
                role_id=role,
                principal_id=principal_id,
                principal_type=kind,
                created=clock.now(),
                created_by="test",
            ),
        )


async def ask(person: Person, method: str, path: str, body: Any = None) -> httpx.Response:
    return await person.ask(method, path, body, version=None)


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"] if answer.content else ""


REFUSED = (403, "AuthorizationFailed")


@pytest.mark.parametrize("scope", ["/", SCOPE])
async def test_people_who_give_roles(cloud: Cloud, desk: Person, scope: str) -> None:
    owner = await add_user(cloud.store, TENANT, "owner@lab.example")
    await give(cloud, owner.object_id, PrincipalKind.USER.value, roles.OWNER, scope)
    other = await add_user(cloud.store, TENANT, "other@lab.example")
    await give(cloud, other.object_id, PrincipalKind.USER.value, roles.READER, "/")
    changes = (
        ("PATCH", {"passwordProfile": {"password": GOOD}}),
        ("PATCH", {"passwordProfile": {}}),
        ("PATCH", {"accountEnabled": False}),
    )
    for method, body in changes:
        assert told(await ask(desk, method, f"/v1.0/users/{owner.object_id}", body)) == REFUSED, body
        assert (await ask(desk, method, f"/v1.0/users/{other.object_id}", body)).is_success, body
    for user, wanted in ((owner, 403), (other, 204)):
        factors = f"/account/api/users/{user.object_id}/factors"
        assert (await ask(desk, "DELETE", factors)).status_code == wanted
        assert (await ask(desk, "DELETE", f"/v1.0/users/{user.object_id}")).status_code == wanted
    named = await ask(desk, "PATCH", f"/v1.0/users/{owner.object_id}", {"displayName": "O"})
    assert named.status_code == 204, "a name proves nothing"


async def test_groups_that_give_roles(cloud: Cloud, desk: Person) -> None:
    """Also the group within the group."""
    ids = []
    for name in ("outer", "inner", "plain"):
        body = {"displayName": name, "mailNickname": name}
        ids.append((await ask(desk, "POST", "/v1.0/groups", body)).json()["id"])
    outer, inner, plain = ids

    def ref(object_id: str) -> dict[str, str]:
        return {"@odata.id": f"{cloud.base}/v1.0/directoryObjects/{object_id}"}

    assert (await ask(desk, "POST", f"/v1.0/groups/{outer}/members/$ref", ref(inner))).status_code == 204
    await give(cloud, outer, "Group", roles.OWNER, "/")
    for group in (outer, inner):
        answer = await ask(desk, "POST", f"/v1.0/groups/{group}/members/$ref", ref(desk.object_id))
        assert told(answer) == REFUSED
    answer = await ask(desk, "POST", f"/v1.0/groups/{plain}/members/$ref", ref(desk.object_id))
    assert answer.status_code == 204


async def test_programs_that_give_roles(cloud: Cloud, desk: Person) -> None:
    made = issued(ec.generate_private_key(ec.SECP256R1()), -1, 5000)
    key = base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode()
    for role, wanted in ((roles.OWNER, False), (roles.READER, True)):
        application = (await ask(desk, "POST", "/v1.0/applications", {"displayName": "p"})).json()
        program = (await ask(desk, "POST", "/v1.0/servicePrincipals", {"appId": application["appId"]})).json()
        await give(cloud, program["id"], "ServicePrincipal", role, "/")
        for path in (f"applications/{application['id']}", f"servicePrincipals/{program['id']}"):
            added = await ask(desk, "POST", f"/v1.0/{path}/addPassword", {"passwordCredential": {}})
            assert added.is_success is wanted
            proven = await ask(desk, "PATCH", f"/v1.0/{path}", {"keyCredentials": [{"key": key}]})
            assert proven.is_success is wanted, proven.text
            if not wanted:
                assert told(added) == told(proven) == REFUSED
    # The control plane's own client among them.
    async with cloud.store.read() as tx:
        boss = await cloud.store.principals.get(tx, cloud.owner.object_id)
    assert boss is not None
    answer = await ask(desk, "POST", f"/v1.0/servicePrincipals/{boss.object_id}/addPassword", {})
    assert told(answer) == REFUSED


async def test_a_document_takes_the_right_to_give_roles(cloud: Cloud, desk: Person) -> None:
    exported = (await ask(desk, "POST", "/directory/export", {})).json()
    body = {"document": exported, "dryRun": True}
    assert told(await ask(desk, "POST", "/directory/import", body)) == REFUSED
    boss = await cloud.person("boss", roles.OWNER, "/")
    assert (await ask(boss, "POST", "/directory/import", body)).status_code == 200
