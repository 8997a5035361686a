"""What a provider of others gave ends with it, and nothing of it stays where nobody looks."""

from __future__ import annotations

import uuid

import pytest

from outofband.access import roles
from outofband.core import clock
from outofband.identity import totp
from outofband.identity.clients import CLI
from outofband.identity.device_grant import DEVICE_GRANT
from outofband.store.role_definitions import RoleDefinition
from outofband.store.wrapping import TOTP
from tests.peers.external.people import PATH, Somebody, Town, login
from tests.support.cloud import TENANT
from tests.support.users import add_user

pytestmark = pytest.mark.anyio


async def test_a_code_that_was_allowed_ends_with_the_provider(town: Town, somebody: Somebody) -> None:
    """Nobody has fetched what it stands for yet."""
    provider, name, http = await town.register(), login(), town.cloud.http
    town.provider.account(name)
    form = {"client_id": CLI.id, "scope": f"{town.cloud.base}/.default openid offline_access"}
    begun = (await http.post("/organizations/oauth2/v2.0/devicecode", data=form)).json()
    browser = somebody.browser
    await browser.go("/device")
    await browser.send("code", code=begun["user_code"])
    await browser.go(await somebody.elsewhere.sign_in(await somebody.press(provider), name))
    await browser.send("code")
    await browser.send("allow")
    await town.call("PATCH", f"{PATH}/{provider['id']}", {"enabled": False})
    polled = {"grant_type": DEVICE_GRANT, "client_id": CLI.id, "device_code": begun["device_code"]}
    given = await http.post("/organizations/oauth2/v2.0/token", data=polled)
    assert given.status_code == 400 and "access_token" not in given.json(), given.text


async def test_half_a_sign_in_ends_with_the_provider(town: Town, somebody: Somebody) -> None:
    provider, name, store = await town.register(createUsers=False), login(), town.cloud.store
    town.provider.account(name)
    user = await add_user(store, TENANT, f"{name}@lab.example", role=roles.READER)
    body = {"user": name, "subject": name}
    await town.call("POST", f"{PATH}/{provider['id']}/links", body, expect=201)
    secret, now = totp.make(), clock.now()
    async with store.write() as tx:
        sealed = store.vault.seal(secret, TOTP.about(user.object_id))
        app = await store.factors.offer_totp(
            tx, user.object_id, "Phone", sealed, wrap=store.vault.name, now=now
        )
        await store.factors.confirm(tx, app, step=0, now=now)
    back = await somebody.come(provider, name)
    assert "Second factor" in (await somebody.browser.go(back.headers["location"])).text
    await town.call("PATCH", f"{PATH}/{provider['id']}", {"enabled": False})
    answer = await somebody.browser.send("factor-code", otp=totp.code_at(secret, clock.now()))
    async with store.read() as tx:
        assert await store.sign_ins.of_user(tx, user.object_id, clock.now()) == [], answer.text


async def test_a_secret_goes_to_the_issuer_that_it_was_given_for(town: Town) -> None:
    provider, public = await town.register(), await town.register(public=True)
    path, elsewhere = f"{PATH}/{provider['id']}", {"issuer": "https://elsewhere.example"}
    answer = await town.call("PATCH", path, elsewhere, expect=400)
    assert answer["error"]["code"] == "InvalidParameter" and "another issuer" in answer["error"]["message"]
    assert (await town.call("GET", path))["issuer"] == town.provider.issuer
    await town.call("PATCH", path, elsewhere | {"clientSecret": "of-its-own"})
    await town.call("PATCH", f"{PATH}/{public['id']}", elsewhere)


async def test_the_last_way_in_is_one_that_leads_in(town: Town, somebody: Somebody) -> None:
    """A provider that is switched off does not count."""
    name = login()
    town.provider.account(name)
    first, second = await town.register(createUsers=False), await town.register(createUsers=False)
    await add_user(town.cloud.store, TENANT, f"{name}@lab.example", role=roles.READER)
    for each in (first, second):
        body = {"user": name, "subject": name, "dropPassword": True}
        await town.call("POST", f"{PATH}/{each['id']}/links", body, expect=201)
    await town.call("PATCH", f"{PATH}/{second['id']}", {"enabled": False})
    back = await somebody.come(first, name)
    await somebody.browser.go(back.headers["location"])
    shown = await somebody.browser.go("/account/external")
    assert shown.status_code == 200
    assert somebody.browser.page is not None
    [(address, form)] = [
        each
        for each in somebody.browser.page.forms
        if each[1].get("step") == "unlink" and each[1].get("provider") == first["id"]
    ]
    headers = {"Origin": somebody.browser.base, "Sec-Fetch-Site": "same-origin"}
    answer = await somebody.browser.http.post(address, data=form, headers=headers)
    assert "LastWayIn" in answer.text, answer.text


async def test_what_comes_back_to_the_wrong_browser_is_told_so_often(town: Town, somebody: Somebody) -> None:
    """Each is a row of the log; the browser that it belongs to comes in all the same."""
    provider, name = await town.register(), login()
    town.provider.account(name)
    back = await somebody.elsewhere.sign_in(await somebody.leave(provider), name)
    async with Somebody(town) as stranger:
        codes = [(await stranger.browser.go(back)).text for _ in range(25)]
    told = [each for each in codes if "ExternalOtherBrowser" in each]
    assert len(told) <= 21 and all("TooManyTries" in each for each in codes if each not in told)
    rows = [each for each in await town.acts("ExternalOtherBrowser") if each["provider"] == provider["name"]]
    assert len(rows) == len(told)
    assert (await somebody.browser.go(back)).status_code == 303


async def test_a_document_keeps_nothing_that_a_provider_gives(town: Town, somebody: Somebody) -> None:
    group, name = await town.group("by-provider"), login()
    town.provider.account(name, groups=["ops"])
    mapped = [{"external": "ops", "group": group.object_id}]
    provider = await town.register(groupsClaim="groups", groupMap=mapped)
    await somebody.come(provider, name)
    document = await town.call("POST", "/directory/export", {})
    [entry] = [each for each in document["groups"] if each["id"] == group.object_id]
    assert entry.get("members", []) == []
    store = town.cloud.store
    async with store.read() as tx:
        [member] = await store.groups.members(tx, group.object_id)
    # Nor does an older document, in which it still stands, make it one's own.
    entry["members"] = [member.member_id]
    done = await town.call("POST", "/directory/import", {"document": document})
    assert "addMember" not in str(done)
    await town.call("PATCH", f"{PATH}/{provider['id']}", {"enabled": False})
    async with store.read() as tx:
        assert await store.groups.members(tx, group.object_id) == []


async def test_who_does_not_manage_people_makes_no_factor_of_a_word(town: Town) -> None:
    role, now = str(uuid.uuid4()), clock.now()
    definition = RoleDefinition(
        tenant_id=TENANT,
        id=role,
        name=f"Providers {role}",
        description="",
        permissions=[{"actions": ["Microsoft.Authorization/identityProviders/write", "*/read"]}],
        assignable_scopes=["/"],
        created=now,
        created_by="test",
        changed=now,
        changed_by="test",
    )
    async with town.cloud.store.write() as tx:
        await town.cloud.store.role_definitions.put(tx, definition)
    keeper = await town.cloud.person("keeper", role, "/")
    path = f"{PATH}/{(await town.register())['id']}"

    async def status(words: list[str]) -> int:
        return (await keeper.ask("PATCH", path, {"secondFactor": words}, version=None)).status_code

    assert await status(["amr=pwd"]) == 403
    await town.call("PATCH", path, {"secondFactor": ["amr=mfa", "amr=otp"]})
    assert [await status(["amr=mfa"]), await status(["amr=mfa", "amr=pwd"])] == [200, 403]
