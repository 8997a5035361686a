"""Every token that must not count, at every door that takes one. Each is signed as well as its maker can:
where it is our own key that signs, only what the token says is wrong.
"""

from __future__ import annotations

import base64
import hmac
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from outofband.access import roles
from outofband.core import clock
from outofband.core.principal import PrincipalKind
from outofband.identity.clients import PORTAL
from outofband.identity.keys import KeyUse
from outofband.identity.tokens import SKEW, STORAGE_RESOURCE
from outofband.store.assignments import Assignment
from tests.support.blob_client import BlobClient
from tests.support.browser import Browser, Pkce, answered
from tests.support.cloud import GROUP, OTHER_TENANT, SCOPE, SUBSCRIPTION, TENANT, Cloud, Person, vm_id
from tests.support.users import PASSWORD, add_user

pytestmark = pytest.mark.anyio
ACCOUNT = "wrongtokens"
VERSION = {"api-version": "2024-11-01"}
DOORS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "ARM": ("GET", f"{SCOPE}/resourceGroups", {"params": VERSION}),
    "Graph": ("GET", "/v1.0/users", {}),
    "who one is": ("GET", "/v1.0/me", {}),
    "account": ("GET", "/account/api/policy", {}),
    "directory": ("POST", "/directory/export", {"json": {}}),
    "catalogue": ("POST", "/catalogue/explain", {"json": {"text": "AgentOffline"}}),
    "fleet": ("POST", "/fleet/tokens", {"json": {"subscription": SUBSCRIPTION, "resourceGroup": GROUP}}),
    "console": (
        "POST",
        f"{vm_id('demo')}/providers/Microsoft.SerialConsole/serialPorts/0/connect",
        {"params": {"api-version": "2018-05-01"}, "json": {}},
    ),
    "blob": ("GET", f"/blob/{ACCOUNT}/box/a", {}),
}


class Town:
    """A cloud, a program that owns everything, a person who does, and a blob."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.program = cloud.owner

    async def ask(self, door: str, token: str) -> httpx.Response:
        method, path, more = DOORS[door]
        headers = {"Authorization": f"Bearer {token}"}
        if door == "blob":
            headers["x-ms-version"] = "2021-12-02"
        return await self.cloud.http.request(method, path, headers=headers, **more)

    async def claims(self, door: str, **changes: Any) -> dict[str, Any]:
        """Those of a token of the program that is good at the door, with changes; None takes one away."""
        now = int(clock.wall())
        whole = {
            "aud": STORAGE_RESOURCE if door == "blob" else self.cloud.base,
            "iss": f"{self.cloud.base}/{TENANT}/v2.0",
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            "tid": TENANT,
            "oid": self.program.object_id,
            "appid": self.program.app_id,
            "idtyp": "app",
            "ver": "2.0",
        } | changes
        return {name: value for name, value in whole.items() if value is not None}

    async def sign(self, claims: dict[str, Any]) -> str:
        """By the key that signs tokens now."""
        key = await self.cloud.keys.signing(KeyUse.TOKEN, clock.now())
        return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key, algorithms=["RS256"])


@pytest.fixture(scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with Cloud(tmp_path_factory.mktemp("cloud")) as cloud:
        await cloud.assign(cloud.owner, roles.OWNER, "/")
        data = roles.named("Storage Blob Data Owner")
        assert data is not None
        await cloud.assign(cloud.owner, data.id, "/")
        client = await BlobClient.create(cloud, ACCOUNT)
        await client.box("box")
        assert (await client.put("box/a", b"one")).status_code == 201
        yield Town(cloud)


def raw(part: Any) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


_Make = Callable[[Town, str], Awaitable[str]]


def says(**changes: Any) -> _Make:
    """Signed by us, with other claims."""

    async def make(town: Town, door: str) -> str:
        at = clock.wall()
        fixed = {name: value(at) if callable(value) else value for name, value in changes.items()}
        return await town.sign(await town.claims(door, **fixed))

    return make


async def foreign_key(town: Town, door: str) -> str:
    """Somebody's own key, under the name of ours."""
    ours = await town.cloud.keys.signing(KeyUse.TOKEN, clock.now())
    key = RSAKey.generate_key(2048, {"kid": ours.kid})
    return jwt.encode({"alg": "RS256", "kid": ours.kid}, await town.claims(door), key, algorithms=["RS256"])


async def unknown_key(town: Town, door: str) -> str:
    key = RSAKey.generate_key(2048, {"kid": "x"})
    header = {"alg": "RS256", "kid": "x", "jwk": key.as_dict(private=False)}
    return jwt.encode(header, await town.claims(door), key, algorithms=["RS256"])


async def no_algorithm(town: Town, door: str) -> str:
    ours = await town.cloud.keys.signing(KeyUse.TOKEN, clock.now())
    head = {"alg": "none", "kid": ours.kid, "typ": "JWT"}
    return f"{raw(head)}.{raw(await town.claims(door))}."


async def public_key_as_secret(town: Town, door: str) -> str:
    """HS256 with what everybody may read of our key."""
    ours = await town.cloud.keys.signing(KeyUse.TOKEN, clock.now())
    head = {"alg": "HS256", "kid": ours.kid, "typ": "JWT"}
    text = f"{raw(head)}.{raw(await town.claims(door))}"
    public = ours.as_pem(private=False)
    return f"{text}.{raw(hmac.digest(public, text.encode(), 'sha256'))}"


async def other_algorithm(town: Town, door: str) -> str:
    ours = await town.cloud.keys.signing(KeyUse.TOKEN, clock.now())
    plain = RSAKey.import_key(ours.as_pem(private=True))
    header = {"alg": "PS256", "kid": ours.kid}
    return jwt.encode(header, await town.claims(door), plain, algorithms=["PS256"])


async def changed(town: Town, door: str) -> str:
    """Another's claims under a signature of ours."""
    head, _, signature = (await town.sign(await town.claims(door))).split(".")
    return f"{head}.{raw(await town.claims(door, oid=str(uuid.uuid4())))}.{signature}"


async def for_the_other_door(town: Town, door: str) -> str:
    return await town.sign(await town.claims("ARM" if door == "blob" else "blob"))


async def a_grant(town: Town, door: str) -> str:
    """Signed by the key that signs the grants of consoles."""
    key = await town.cloud.keys.signing(KeyUse.GRANT, clock.now())
    algorithm = KeyUse.GRANT.algorithm
    header = {"alg": algorithm, "kid": key.kid}
    return jwt.encode(header, await town.claims(door), key, algorithms=[algorithm])


WRONG: dict[str, _Make] = {
    "issuer of another authority": says(iss="https://evil.example/v2.0"),
    "issuer of another tenant": says(iss=f"https://127.0.0.1/{OTHER_TENANT}/v2.0"),
    "audience of somebody else": says(aud="https://management.azure.com/"),
    "audience as a list": says(aud=["x"]),
    "audience of the other service": for_the_other_door,
    "tenant of another": says(tid=OTHER_TENANT),
    "no tenant": says(tid=None),
    "ended": says(exp=lambda at: int(at) - SKEW - 1),
    "not begun": says(nbf=lambda at: int(at) + SKEW + 5),
    "without an end": says(exp=None),
    "an end that is no number": says(exp="never"),
    "nobody's": says(oid=str(uuid.UUID(int=7))),
    "of another program": says(appid=str(uuid.UUID(int=7))),
    "a person's without a sign-in": says(idtyp="user"),
    "without a kind": says(idtyp=None),
    "key of somebody else": foreign_key,
    "a key that it brings along": unknown_key,
    "algorithm none": no_algorithm,
    "public key as a secret": public_key_as_secret,
    "another algorithm": other_algorithm,
    "changed after it was signed": changed,
    "key for another use": a_grant,
}


@pytest.mark.parametrize("door", DOORS)
async def test_a_good_token_opens_every_door(town: Town, door: str) -> None:
    """What the others differ from; and two minutes between clocks are no reason to refuse."""
    now = int(clock.wall())
    for changes in ({}, {"nbf": now + SKEW - 5}, {"exp": now - SKEW + 10}):
        answer = await town.ask(door, await town.sign(await town.claims(door, **changes)))
        assert answer.status_code not in (401, 403), (changes, answer.text)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_one_opens_none(town: Town, door: str, wrong: str) -> None:
    answer = await town.ask(door, await WRONG[wrong](town, door))
    assert answer.status_code == 401, (answer.status_code, answer.text)
    assert "www-authenticate" in answer.headers


async def test_a_clock_that_is_off_is_told(town: Town) -> None:
    answer = await town.ask("ARM", await WRONG["ended"](town, "ARM"))
    assert answer.json()["error"]["code"] == "ExpiredAuthenticationToken"
    answer = await town.ask("ARM", await WRONG["not begun"](town, "ARM"))
    assert "and it is" in answer.json()["error"]["message"]


# --- tokens of people


async def person(town: Town) -> tuple[str, dict[str, Any]]:
    """Object id and tokens of somebody who owns everything."""
    cloud = town.cloud
    name = f"ann{uuid.uuid4().hex[:8]}@lab.example"
    user = await add_user(cloud.store, TENANT, name)
    async with cloud.store.write() as tx:
        await cloud.store.assignments.add(
            tx,
            Assignment(
                tenant_id=TENANT,
                name=str(uuid.uuid4()),
                scope="/",
                role_id=roles.OWNER,
                principal_id=user.object_id,
                principal_type=PrincipalKind.USER.value,
                created=clock.now(),
                created_by="test",
            ),
        )
    pkce, back = Pkce(), f"{cloud.base}/portal/"
    scope = f"{cloud.base}/.default openid offline_access"
    async with Browser(cloud.base, cloud.client_context()) as browser:
        await browser.go(f"/{TENANT}/oauth2/v2.0/authorize", **pkce.request(PORTAL.id, back, scope))
        code = answered(await browser.sign_in(name, PASSWORD))["code"]
    form = pkce.redemption(PORTAL.id, back, code)
    answer = await cloud.http.post(f"/{TENANT}/oauth2/v2.0/token", data=form)
    assert answer.status_code == 200, answer.text
    return user.object_id, answer.json() | {"code": code}


@pytest.mark.parametrize("kind", ["id_token", "refresh_token", "code", "client_info"])
async def test_what_else_a_person_is_given_is_no_access_token(town: Town, kind: str) -> None:
    _, given = await person(town)
    for door in DOORS:
        assert (await town.ask(door, given[kind])).status_code == 401, door


@pytest.mark.parametrize("loss", ["disabled", "removed", "signed out", "password", "must change"])
async def test_a_person_who_is_out_is_out_at_every_door(town: Town, loss: str) -> None:
    object_id, given = await person(town)
    mine = [door for door in DOORS if door != "blob"]
    for door in mine:
        assert (await town.ask(door, given["access_token"])).status_code not in (401, 403), door
    store, now = town.cloud.store, clock.now()
    async with store.write() as tx:
        if loss == "disabled":
            await store.people.set_disabled(tx, object_id, True)
        elif loss == "removed":
            await store.assignments.remove_of(tx, object_id)
            await store.people.remove(tx, object_id)
        elif loss == "must change":
            await store.people.set_password(tx, object_id, "x", must_change=True, now=now)
        else:
            await store.sign_ins.end_user(tx, object_id, loss, now)
    for door in mine:
        assert (await town.ask(door, given["access_token"])).status_code == 401, door


@pytest.mark.parametrize("loss", ["disabled", "removed", "secret taken back"])
async def test_a_program_that_is_out_is_out_at_every_door(town: Town, loss: str) -> None:
    made = await town.cloud.person("robot", roles.OWNER, "/")
    blob = await _storage_token(town, made)
    tokens = {door: blob if door == "blob" else await made.sign_in() for door in DOORS}
    for door, token in tokens.items():
        assert (await town.ask(door, token)).status_code != 401, door
    store = town.cloud.store
    async with store.write() as tx:
        if loss == "disabled":
            await store.principals.set_disabled(tx, made.object_id, True)
        elif loss == "removed":
            await store.assignments.remove_of(tx, made.object_id)
            await store.principals.remove(tx, made.object_id)
        else:
            for each in await store.principals.secrets(tx, made.object_id):
                await store.principals.remove_secret(tx, each.id)
    for door, token in tokens.items():
        assert (await town.ask(door, token)).status_code == 401, door


async def _storage_token(town: Town, made: Person) -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": made.app_id,
        "client_secret": made.secret,
        "scope": f"{STORAGE_RESOURCE}/.default",
    }
    answer = await town.cloud.http.post(f"/{TENANT}/oauth2/v2.0/token", data=form)
    return str(answer.json()["access_token"])
