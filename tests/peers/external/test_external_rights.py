"""Who may do what with providers of others, and what keeps them from shutting anybody out."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from outofband.access import roles
from outofband.core import clock
from outofband.identity.clients import PORTAL
from outofband.store.groups import Group
from outofband.store.role_definitions import RoleDefinition
from tests.peers.external.people import AUTHORIZE, PATH, Somebody, Town, login, refused
from tests.support.browser import answered
from tests.support.cloud import OTHER_TENANT, SCOPE, TENANT
from tests.support.oidc import OidcProvider
from tests.support.users import PASSWORD, add_user

pytestmark = pytest.mark.anyio


async def test_tenants_are_walls(town: Town, somebody: Somebody) -> None:
    provider, name = await town.register(), login()
    town.provider.account(name)
    shown = await somebody.browser.go(
        f"/{OTHER_TENANT}/oauth2/v2.0/authorize",
        **somebody.pkce.request(PORTAL.id, somebody.portal, "openid"),
    )
    assert provider["name"] not in shown.text
    page = somebody.browser.page
    assert page is not None
    page.forms.append(
        (page.address, {**page.form("sign-in")[1], "step": "external", "provider": provider["id"]})
    )
    refused(await somebody.pressed(provider), "ProviderNotFound")
    stranger = await town.cloud.person("stranger", roles.OWNER, "/", tenant=OTHER_TENANT)
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/test"), ("GET", "/links")):
        body = {} if method == "PATCH" else None
        answer = await stranger.ask(method, f"{PATH}/{provider['id']}{path}", body, version=None)
        assert answer.status_code == 404, answer.text
    # Who comes by it is of its tenant, whatever tenant the program names.
    back = await somebody.come(provider, name)
    foreign = back.headers["location"].replace(TENANT, OTHER_TENANT)
    refused(await somebody.browser.go(foreign), "WrongTenant")


async def test_rights_of_its_own(town: Town) -> None:
    reader = await town.cloud.person("reader", roles.READER, "/")
    nobody = await town.cloud.person("nobody", roles.OWNER, SCOPE)
    provider = await town.register()
    path = f"{PATH}/{provider['id']}"
    assert (await reader.ask("GET", path, version=None)).status_code == 200
    assert (await nobody.ask("GET", path, version=None)).status_code == 403
    for method, where in (("PATCH", path), ("DELETE", path), ("POST", PATH), ("POST", f"{path}/test")):
        body = {"name": "x", "issuer": "https://x.example", "clientId": "x"} if where == PATH else {}
        assert (await reader.ask(method, where, body, version=None)).status_code == 403, where
    assert (
        await reader.ask("POST", f"{path}/links", {"user": "x", "email": "a@b"}, version=None)
    ).status_code == 403


async def test_a_right_over_providers_reaches_nobody_above(town: Town) -> None:
    """With all rights over the directory, and none to give roles, nobody becomes Owner by a provider."""
    role, now = str(uuid.uuid4()), clock.now()
    kinds = ("users", "groups", "identityProviders")
    definition = RoleDefinition(
        tenant_id=TENANT,
        id=role,
        name=f"Desk {role}",
        description="",
        permissions=[{"actions": [*(f"Microsoft.Authorization/{each}/write" for each in kinds), "*/read"]}],
        assignable_scopes=["/"],
        created=now,
        created_by="test",
        changed=now,
        changed_by="test",
    )
    async with town.cloud.store.write() as tx:
        await town.cloud.store.role_definitions.put(tx, definition)
    desk = await town.cloud.person("desk", role, "/")
    owners, readers = await town.group("owners", roles.OWNER), await town.group("readers", roles.READER)
    owner, reader = f"{login()}@lab.example", f"{login()}@lab.example"
    await add_user(town.cloud.store, TENANT, owner, role=roles.OWNER)
    await add_user(town.cloud.store, TENANT, reader, role=roles.READER)
    provider = await town.register(groupsClaim="groups")
    path = f"{PATH}/{provider['id']}"

    async def status(method: str, where: str, body: Any = None) -> int:
        return (await desk.ask(method, where, body, version=None)).status_code

    def mapped(group: Group) -> dict[str, Any]:
        return {"groupMap": [{"external": "x", "group": group.object_id}]}

    assert await status("PATCH", path, mapped(readers)) == 200
    assert await status("PATCH", path, mapped(owners)) == 403
    assert await status("POST", f"{path}/links", {"user": reader, "subject": "r"}) == 201
    assert await status("POST", f"{path}/links", {"user": owner, "subject": "o"}) == 403
    # What somebody with more rights has mapped, leads nobody else's people in either.
    await town.call("PATCH", path, mapped(owners))
    assert await status("PATCH", path, {"issuer": "https://evil.example"}) == 403
    link = await town.call("POST", f"{path}/links", {"user": owner, "subject": "o"}, expect=201)
    assert await status("DELETE", f"{path}/links/{link['id']}") == 403
    assert len((await town.call("GET", f"{path}/links"))["value"]) == 2


async def test_bad_settings_are_told(town: Town) -> None:
    good = {"name": "Good", "issuer": "https://x.example", "clientId": "x"}
    for change, target in (
        ({"issuer": "http://x.example"}, "issuer"),
        ({"issuer": "https://user@x.example"}, "issuer"),
        ({"issuer": "https://x.example/?a"}, "issuer"),
        ({"name": ""}, "name"),
        ({"name": "a/b"}, "name"),
        ({"clientSecret": "\n"}, "clientSecret"),
        ({"scopes": ["a b"]}, "scopes"),
        ({"allowedGroups": ["a"]}, "groupsClaim"),
        ({"allowedDomains": ["a b"]}, "allowedDomains"),
        ({"secondFactor": ["otp"]}, "secondFactor"),
        ({"ca": "nothing"}, "ca"),
    ):
        error = (await town.call("POST", PATH, {**good, **change}, expect=400))["error"]
        assert (error["code"], error.get("target")) == ("InvalidParameter", target), change
    mapped = [{"external": "a", "group": str(uuid.uuid4())}]
    told = await town.call("POST", PATH, {**good, "groupsClaim": "g", "groupMap": mapped}, expect=404)
    assert told["error"]["code"] == "GroupNotFound"
    await town.call("POST", PATH, {**good, "unknown": 1}, expect=400)


async def test_a_provider_that_is_away_leaves_the_local_sign_in(
    town: Town, tmp_path: Path, somebody: Somebody
) -> None:
    name = f"{login()}@lab.example"
    await add_user(town.cloud.store, TENANT, name, role=roles.READER)
    with OidcProvider(tmp_path) as gone:
        wanted = {"name": f"Gone {name}", "issuer": gone.issuer, "clientId": "x", "ca": gone.trust}
        provider = await town.call("POST", PATH, wanted, expect=201)
        told = await town.call("POST", f"{PATH}/{provider['id']}/test")
        assert (told["issuer"], told["keys"], told["sendsIssuer"]) == (gone.issuer, 1, True)
        # Trusted by the system's authorities it is not.
        await town.call("PATCH", f"{PATH}/{provider['id']}", {"ca": None})
        error = (await town.call("POST", f"{PATH}/{provider['id']}/test", expect=502))["error"]
        assert error["code"] == "ProviderUnreachable" and "not trusted" in error["message"]
        # Another issuer than it says itself.
        other = {"ca": gone.trust, "issuer": gone.issuer.replace("localhost", "127.0.0.1")}
        await town.call("PATCH", f"{PATH}/{provider['id']}", other)
        error = (await town.call("POST", f"{PATH}/{provider['id']}/test", expect=502))["error"]
        assert error["code"] == "ProviderAnswerInvalid"
        await town.call("PATCH", f"{PATH}/{provider['id']}", {"issuer": gone.issuer})
    scope = f"{town.cloud.base}/.default openid"
    query = somebody.pkce.request(PORTAL.id, somebody.portal, scope)
    await somebody.browser.go(AUTHORIZE, **query)
    shown = await somebody.pressed(provider)
    assert shown.status_code == 502 and "ProviderUnreachable" in shown.text
    code = answered(await somebody.browser.sign_in(name, PASSWORD))["code"]
    assert code
    await town.call("DELETE", f"{PATH}/{provider['id']}", expect=204)


async def test_the_last_one_who_signs_in_here_stays(town: Town) -> None:
    """Nobody is made to depend on a provider when nobody else could let others in without it."""
    store = town.cloud.store
    owners = town.cloud.directory.owners
    provider, name = await town.register(), login()
    last = await add_user(store, TENANT, f"{name}@lab.example", role=roles.OWNER)
    async with store.write() as tx:
        for each in await owners.of(tx, TENANT) - {last.object_id}:
            await store.assignments.remove_of(tx, each)
    town.provider.account(f"boss{name}")
    async with Somebody(town) as boss:
        await boss.token(await boss.come(provider, f"boss{name}"))
    async with store.write() as tx:
        other = await store.people.by_name(tx, f"boss{name}@lab.example")
        assert other is not None
        await owners.give(tx, other, by="test", now=clock.now())
    links, body = f"{PATH}/{provider['id']}/links", {"user": name, "subject": "x", "dropPassword": True}
    error = (await town.call("POST", links, body, expect=409))["error"]
    assert error["code"] == "LastOwner"
    error = (await town.call("DELETE", f"/v1.0/users/{last.name}", expect=409))["error"]
    assert error["code"] == "LastOwner"
    await add_user(store, TENANT, f"second{name}@lab.example", role=roles.OWNER)
    await town.call("POST", links, body, expect=201)
    async with store.read() as tx:
        kept = await store.people.get(tx, last.object_id)
        assert kept is not None and kept.password_hash is None
