"""People sign in through a provider of others, a real one: the whole way, and every way it must not go."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from outofband.access import roles
from outofband.core import clock
from outofband.identity import totp
from outofband.identity.clients import CLI
from outofband.identity.device_grant import DEVICE_GRANT
from outofband.identity.external.sign_in import External
from outofband.store.wrapping import TOTP
from tests.peers.external.people import PATH, Somebody, Town, login, refused
from tests.support.browser import answered
from tests.support.cloud import TENANT
from tests.support.users import PASSWORD, add_user

pytestmark = pytest.mark.anyio


async def test_from_the_sign_in_page_to_the_api_with_a_role_of_a_mapped_group(town: Town) -> None:
    """And back: what the provider no longer says is taken away at the next sign-in, what was made by hand
    stays.
    """
    group = await town.group("operators", roles.READER)
    outer, by_hand = await town.group("everybody"), await town.group("by-hand")
    name = login()
    mapped = [{"external": "ops", "group": group.object_id}, {"external": "all", "group": outer.object_id}]
    mapped.append({"external": "ops", "group": by_hand.object_id})
    provider = await town.register(groupsClaim="groups", groupMap=mapped)
    assert "clientSecret" not in provider and provider["hasSecret"]
    town.provider.account(name, "ops", "all", "unrelated")
    async with Somebody(town) as ada:
        token = await ada.token(await ada.come(provider, name))
        assert await ada.sees(token) == 200
    store = town.cloud.store
    async with store.write() as tx:
        user = await store.people.by_name(tx, f"{name}@lab.example")
        assert user is not None and user.display_name == name.title() and user.password_hash is None
        assert set(await store.groups.of(tx, user.object_id)) == {
            group.object_id,
            outer.object_id,
            by_hand.object_id,
        }
        # By hand from now on.
        await store.external_memberships.adopt(tx, by_hand.object_id, user.object_id)
    assert (await town.acts())[0]["provider"] == provider["name"]

    town.provider.account(name, "all")
    async with Somebody(town) as again:
        fresh = await again.token(await again.come(provider, name))
        # The earlier token as well: rights are looked up, not carried.
        assert (await again.sees(fresh), await again.sees(token)) == (403, 403)
    async with store.read() as tx:
        assert set(await store.groups.of(tx, user.object_id)) == {outer.object_id, by_hand.object_id}
    assert any(each.get("groupsTaken") == ["operators"] for each in await town.acts())


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "EdDSA"])
async def test_a_public_client_and_every_algorithm(town: Town, somebody: Somebody, alg: str) -> None:
    # Some put what they say of a person into the token, others answer it at the userinfo endpoint.
    town.provider.new_key(alg)
    town.provider.wish(claimsInToken=alg != "RS256")
    name = login()
    town.provider.account(name)
    try:
        provider = await town.register(public=True, at_provider={"id_token_signed_response_alg": alg})
        assert not provider["hasSecret"]
        assert await somebody.sees(await somebody.token(await somebody.come(provider, name))) == 403
    finally:
        town.provider.new_key("RS256")
        town.provider.wish(claimsInToken=False)


async def test_keys_that_change_are_fetched_again_and_not_too_often(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = login()
    town.provider.account(name)
    provider = await town.register()
    async with Somebody(town) as ada:
        await ada.token(await ada.come(provider, name))
    town.provider.new_key("RS256")
    async with Somebody(town) as soon:
        refused(await soon.come(provider, name), "ExternalTokenInvalid")
    monkeypatch.setattr("outofband.identity.external.metadata.REFETCH_SECONDS", 0.0)
    async with Somebody(town) as later:
        await later.token(await later.come(provider, name))


async def test_what_comes_back_counts_once_here_and_from_there(town: Town, somebody: Somebody) -> None:
    name = login()
    town.provider.account(name)
    provider, other = await town.register(), await town.register()
    address = await somebody.leave(provider)
    back = await somebody.elsewhere.sign_in(address, name)
    async with Somebody(town) as thief:
        refused(await thief.browser.go(back), "ExternalOtherBrowser")
        # Nor with a cookie of its own.
        await thief.leave(provider)
        refused(await thief.browser.go(back), "ExternalOtherBrowser")
    done = await somebody.browser.go(back)
    assert done.status_code == 303
    refused(await somebody.browser.go(back), "ExternalSignInOver")
    invented = back.replace(parse_qs(urlsplit(back).query)["state"][0], "x" * 43)
    refused(await somebody.browser.go(invented), "ExternalSignInOver")

    # Mix-up: the answer of one provider at the door of another, or with another issuer, or with none.
    for change in (
        lambda url: url.replace(provider["id"], other["id"]),
        lambda url: url.replace("iss=https", "iss=httpz"),
        lambda url: url.partition("&iss=")[0],
    ):
        async with Somebody(town) as mixed:
            there = await mixed.elsewhere.sign_in(await mixed.leave(provider), name)
            assert change(there) != there
            refused(await mixed.browser.go(change(there)), "ExternalMixUp")
    # A code of another sign-in, put into one's own: PKCE and nonce are of another browser.
    async with Somebody(town) as victim, Somebody(town) as injector:
        code = parse_qs(urlsplit(await victim.elsewhere.sign_in(await victim.leave(provider), name)).query)[
            "code"
        ]
        own = await injector.elsewhere.sign_in(await injector.leave(provider), name)
        mine = parse_qs(urlsplit(own).query)["code"]
        refused(await injector.browser.go(own.replace(mine[0], code[0])), "ProviderRefused")
    assert {each["provider"] for each in await town.acts("ExternalMixUp")} >= {provider["name"]}


async def test_what_was_checked_by_other_settings_counts_for_nothing(
    town: Town, somebody: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The issuer is another one by the time the provider has answered: its subjects are other people."""
    name = login()
    town.provider.account(name)
    provider = await town.register()
    address = await somebody.leave(provider)
    back = await somebody.elsewhere.sign_in(address, name)
    told = External._told

    async def and_changed(self: External, *words: Any) -> Any:
        found = await told(self, *words)
        async with town.cloud.store.write() as tx:
            kept = await town.cloud.store.identity_providers.get(tx, provider["id"])
            assert kept is not None
            other = msgspec.structs.replace(kept, issuer="https://other.example")
            await town.cloud.store.identity_providers.change(tx, other)
        return found

    monkeypatch.setattr(External, "_told", and_changed)
    refused(await somebody.browser.go(back), "ExternalSignInOver")


async def test_who_is_not_to_come_in_does_not(town: Town) -> None:
    name, provider = login(), await town.register(groupsClaim="groups", allowedGroups=["staff"])
    town.provider.account(name, "guests")
    async with Somebody(town) as guest:
        refused(await guest.come(provider, name), "ExternalNotAllowed")
    town.provider.account(name, "staff")
    async with Somebody(town) as staff:
        back = await staff.elsewhere.sign_in(await staff.leave(provider), name, answer="no")
        refused(await staff.browser.go(back), "ExternalDeclined")
    async with Somebody(town) as staff:
        token = await staff.token(await staff.come(provider, name))

        # Switched off here: the sign-in that is open, and the next.
        user = f"/v1.0/users/{name}@lab.example"
        await town.call("PATCH", user, {"accountEnabled": False}, expect=204)
        assert await staff.sees(token) == 401
    async with Somebody(town) as again:
        refused(await again.come(provider, name), "AccountDisabled")
    await town.call("PATCH", user, {"accountEnabled": True}, expect=204)

    # The provider switched off: while somebody is there, before, and who came by it is out.
    async with Somebody(town) as inside, Somebody(town) as late:
        token = await inside.token(await inside.come(provider, name))
        there = await late.elsewhere.sign_in(await late.leave(provider), name)
        page = late.browser.page
        assert page is not None
        await town.call("PATCH", f"{PATH}/{provider['id']}", {"enabled": False})
        assert await inside.sees(token) == 401
        refused(await late.browser.go(there), "ProviderDisabled")
        await late.browser.go("/account")
        assert provider["name"] not in late.browser.page.text  # type: ignore[union-attr]

    domains = await town.register(allowedDomains=["corp.example"])
    for claims, right in (
        ({"email_verified": False}, False),
        ({"email": f"{name}@evil.example"}, False),
        ({"email": f"{name}@corp.example.evil.example"}, False),
        ({}, True),
    ):
        who = login()
        town.provider.account(who, **claims)
        async with Somebody(town) as comer:
            came = await comer.come(domains, who)
            if right:
                await comer.token(came)
            else:
                refused(came, "ExternalNotAllowed")


async def test_names_that_are_alike_open_nothing(town: Town) -> None:
    """A user of the same name, or the same address, is somebody else until they are linked."""
    name = login()
    await add_user(town.cloud.store, TENANT, f"{name}@lab.example", role=roles.OWNER)
    town.provider.account(name, email=f"{name}@lab.example")
    provider = await town.register()
    async with Somebody(town) as alike:
        refused(await alike.come(provider, name), "ExternalNameTaken")
    closed = await town.register(createUsers=False)
    async with Somebody(town) as alike:
        refused(await alike.come(closed, name), "ExternalUnknown")

    # Invited by address: only when it is verified, and only once.
    links = f"{PATH}/{closed['id']}/links"
    await town.call("POST", links, {"user": name, "email": f"{name}@LAB.example"}, expect=201)
    town.provider.account(name, email=f"{name}@lab.example", email_verified=False)
    async with Somebody(town) as alike:
        refused(await alike.come(closed, name), "ExternalUnknown")
    town.provider.account(name, email=f"{name}@lab.example")
    async with Somebody(town) as invited:
        assert await invited.sees(await invited.token(await invited.come(closed, name))) == 200
    second = login()
    town.provider.account(second, email=f"{name}@lab.example")
    async with Somebody(town) as other:
        refused(await other.come(closed, second), "ExternalUnknown")
    [link] = (await town.call("GET", links))["value"]
    assert (link["subject"], link["userPrincipalName"]) == (name, f"{name}@lab.example")

    # Undone: the sign-in that came by it is over.
    async with Somebody(town) as invited:
        token = await invited.token(await invited.come(closed, name))
        await town.call("DELETE", f"{links}/{link['id']}", expect=204)
        assert await invited.sees(token) == 401
        refused(await invited.come(closed, name), "ExternalUnknown")


async def test_another_device_is_let_in_by_who_came_through_a_provider(
    town: Town, somebody: Somebody
) -> None:
    """The code that was typed is still there afterwards, and in no address."""
    provider, name, http = await town.register(), login(), town.cloud.http
    town.provider.account(name)
    form = {"client_id": CLI.id, "scope": f"{town.cloud.base}/.default openid offline_access"}
    begun = (await http.post("/organizations/oauth2/v2.0/devicecode", data=form)).json()
    browser = somebody.browser
    await browser.go("/device")
    await browser.send("code", code=begun["user_code"])
    back = await somebody.elsewhere.sign_in(await somebody.press(provider), name)
    shown = await browser.go(back)
    assert shown.status_code == 200 and begun["user_code"].replace("-", "") in shown.text.replace("-", "")
    asked = await browser.send("code")
    assert name in asked.text and "oob command line" in asked.text
    await browser.send("allow")
    polled = {"grant_type": DEVICE_GRANT, "client_id": CLI.id, "device_code": begun["device_code"]}
    given = (await http.post("/organizations/oauth2/v2.0/token", data=polled)).json()
    assert await somebody.sees(given["access_token"]) == 403
    renewed = await http.post(
        "/organizations/oauth2/v2.0/token",
        data={"grant_type": "refresh_token", "client_id": CLI.id, "refresh_token": given["refresh_token"]},
    )
    assert renewed.status_code == 200
    # Switched off, the provider takes the device's sign-in along.
    await town.call("PATCH", f"{PATH}/{provider['id']}", {"enabled": False})
    assert await somebody.sees(renewed.json()["access_token"]) == 401


async def test_a_program_that_asks_for_a_new_proof_gets_one(town: Town, somebody: Somebody) -> None:
    provider, name = await town.register(), login()
    town.provider.account(name)
    await somebody.token(await somebody.come(provider, name))
    address = await somebody.leave(provider, prompt="login")
    assert parse_qs(urlsplit(address).query)["prompt"] == ["login"]
    back = await somebody.browser.go(await somebody.elsewhere.sign_in(address, name))
    assert "prompt" not in back.headers["location"]
    await somebody.token(back)


async def test_a_person_links_and_unlinks_an_account(town: Town, somebody: Somebody) -> None:
    provider, name = await town.register(createUsers=False), login()
    user = await add_user(town.cloud.store, TENANT, f"{name}@lab.example", role=roles.READER)
    there = f"x{name}"
    town.provider.account(there)
    browser = somebody.browser
    await browser.go("/account/external")
    await browser.sign_in(user.name, PASSWORD)
    await browser.go("/account/external")
    back = await somebody.elsewhere.sign_in(await somebody.press(provider), there)
    done = await browser.go(back)
    assert done.headers["location"] == "/account/external?done=linked"
    assert "The account is linked" in (await browser.go(done.headers["location"])).text
    assert "Account elsewhere linked" in (await browser.go("/account")).text
    async with Somebody(town) as other:
        assert await other.sees(await other.token(await other.come(provider, there))) == 200
        # It proves who one is, too, where that is asked for again.
        second = await add_user(town.cloud.store, TENANT, f"{login()}@lab.example")
        async with Somebody(town) as thief:
            await thief.browser.go("/account/external")
            await thief.browser.sign_in(second.name, PASSWORD)
            await thief.browser.go("/account/external")
            taken = await thief.elsewhere.sign_in(await thief.press(provider), there)
            refused(await thief.browser.go(taken), "ExternalTaken")
        await browser.go("/account/external")
        undone = await browser.send("unlink")
        assert undone.status_code == 303, undone.text
        assert undone.headers["location"] == "/account/external?done=unlinked"
    async with Somebody(town) as other:
        refused(await other.come(provider, there), "ExternalUnknown")


async def test_who_has_no_password_proves_it_at_the_provider(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider, name, stranger = await town.register(), login(), login()
    town.provider.account(name)
    town.provider.account(stranger)
    async with Somebody(town) as ada:
        await ada.token(await ada.come(provider, name))
        await ada.browser.go("/account/external")
        refused(await ada.browser.send("unlink"), "LastWayIn")
        store = town.cloud.store
        async with store.read() as tx:
            user = await store.people.by_name(tx, f"{name}@lab.example")
        assert user is not None
        # Ten minutes later.
        monkeypatch.setattr("outofband.identity.sessions.FRESH", clock.now() - clock.now())
        asked = await ada.browser.go("/account/factors")
        assert "Is it you?" in asked.text and "Prove it at" in asked.text and "Password" not in asked.text
        address = await ada.press(provider)
        assert parse_qs(urlsplit(address).query)["prompt"] == ["login"]
        async with Somebody(town) as other:
            # Somebody else's answer, in this browser.
            wrong = await other.elsewhere.sign_in(address, stranger)
            refused(await ada.browser.go(wrong), "ExternalOtherUser")
        await ada.browser.go("/account/factors")
        back = await ada.elsewhere.sign_in(await ada.press(provider), name)
        done = await ada.browser.go(back)
        assert done.headers["location"] == "/account/factors"
        monkeypatch.undo()
        assert "Set one up" in (await ada.browser.go("/account/factors")).text


async def test_a_second_factor_is_asked_for_unless_the_providers_counts(town: Town) -> None:
    provider = await town.register()
    counted = await town.register(secondFactor=["amr=otp"])
    first, second = login(), login()
    town.provider.account(first)
    town.provider.account(second)
    policy = {"requireMfa": True}
    await town.call("PUT", "/account/api/policy", policy)
    try:
        town.provider.wish(amr=["pwd", "otp"])
        async with Somebody(town) as ada:
            back = await ada.come(provider, first)
            assert back.status_code == 303 and "oob-half" in back.headers["set-cookie"]
            assert "Set up a second factor" in (await ada.browser.go(back.headers["location"])).text
        async with Somebody(town) as bob:
            assert await bob.sees(await bob.token(await bob.come(counted, second))) == 403
        town.provider.wish(amr=["pwd"])
        async with Somebody(town) as bob:
            back = await bob.come(counted, second)
            assert "Set up a second factor" in (await bob.browser.go(back.headers["location"])).text
    finally:
        await town.call("PUT", "/account/api/policy", {"requireMfa": False})


async def test_ones_own_factor_is_asked_for_after_the_provider(
    town: Town, somebody: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the way in, and when it is to be proved anew who is there."""
    provider, name, store = await town.register(createUsers=False), login(), town.cloud.store
    town.provider.account(name)
    user = await add_user(store, TENANT, f"{name}@lab.example", role=roles.READER)
    body = {"user": name, "subject": name, "dropPassword": True}
    await town.call("POST", f"{PATH}/{provider['id']}/links", body, expect=201)
    secret, now = totp.make(), clock.now()
    async with store.write() as tx:
        sealed = store.vault.seal(secret, TOTP.about(user.object_id))
        app = await store.factors.offer_totp(
            tx, user.object_id, "Phone", sealed, wrap=store.vault.name, now=now
        )
        await store.factors.confirm(tx, app, step=0, now=now)
    browser = somebody.browser
    back = await somebody.come(provider, name)
    asked = await browser.go(back.headers["location"])
    assert "Second factor" in asked.text
    wrong = await browser.send("factor-code", otp="000000")
    assert "WrongCode" in wrong.text
    answer = await browser.send("factor-code", otp=totp.code_at(secret, clock.now() - timedelta(seconds=30)))
    assert answered(answer)["code"]
    assert "another provider, app" in (await browser.go("/account")).text

    monkeypatch.setattr("outofband.identity.sessions.FRESH", timedelta(0))
    assert "Is it you?" in (await browser.go("/account/factors")).text
    there = await somebody.elsewhere.sign_in(await somebody.press(provider), name)
    back = await browser.go(there)
    assert back.headers["location"] == "/account/factors"
    assert "Second factor" in (await browser.go("/account/factors")).text
    monkeypatch.undo()
    shown = await browser.send("factor-code", otp=totp.code_at(secret, clock.now() + timedelta(seconds=30)))
    assert shown.status_code in (200, 303)
    assert "Phone" in (await browser.go("/account/factors")).text
