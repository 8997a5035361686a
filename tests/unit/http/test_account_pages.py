"""The account pages beside the sign-in itself: passwords, devices, sessions, signing out."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from outofband.access import roles
from outofband.http.account import words
from outofband.identity import history
from outofband.identity.clients import CLI, PORTAL
from outofband.identity.device_grant import DEVICE_GRANT
from outofband.store.activity import ActivityEntry
from tests.support.browser import Browser, Page, Pkce, answered
from tests.support.cloud import SCOPE, TENANT, Cloud
from tests.support.users import PASSWORD, add_user

pytestmark = pytest.mark.anyio
NEW = "slow heron ladder 7"
AUTHORIZE = f"/{TENANT}/oauth2/v2.0/authorize"
TOKEN = f"/{TENANT}/oauth2/v2.0/token"
LOGOUT = f"/{TENANT}/oauth2/v2.0/logout"


@pytest.fixture(scope="module")
async def cloud(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cloud]:
    """One for all tests of this file: each has people of its own."""
    async with Cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture
async def browser(cloud: Cloud) -> AsyncIterator[Browser]:
    async with Browser(cloud.base, cloud.client_context()) as opened:
        yield opened


async def ann(cloud: Cloud, **more: Any) -> str:
    name = f"ann{uuid.uuid4().hex[:8]}@lab.example"
    await add_user(cloud.store, TENANT, name, role=roles.READER, **more)
    return name


async def into_the_portal(cloud: Cloud, browser: Browser, name: str) -> dict[str, Any]:
    """The tokens of a page that somebody signed in to."""
    pkce, redirect = Pkce(), f"{cloud.base}/portal/"
    scope = f"{cloud.base}/.default openid offline_access"
    answer = await browser.go(AUTHORIZE, **pkce.request(PORTAL.id, redirect, scope))
    if answer.status_code == 200:
        answer = await browser.sign_in(name, PASSWORD)
    form = pkce.redemption(PORTAL.id, redirect, answered(answer)["code"])
    given = await cloud.http.post(TOKEN, data=form)
    assert given.status_code == 200, given.text
    body: dict[str, Any] = given.json()
    return body


async def works(cloud: Cloud, token: str) -> bool:
    headers = {"Authorization": f"Bearer {token}"}
    answer = await cloud.http.get(f"{SCOPE}?api-version=2022-12-01", headers=headers)
    return answer.status_code == 200


async def acts(cloud: Cloud, name: str) -> list[ActivityEntry]:
    async with cloud.store.read() as tx:
        found = (await cloud.store.activity.page(tx)).items[::-1]
    return [row for row in found if row.caller == name]


# --- passwords


async def test_a_given_password_is_changed_before_anything_else(cloud: Cloud, browser: Browser) -> None:
    name, pkce = await ann(cloud, must_change=True), Pkce()
    redirect = f"{cloud.base}/portal/"
    await browser.go(AUTHORIZE, **pkce.request(PORTAL.id, redirect, "openid"))
    shown = await browser.sign_in(name, PASSWORD)
    assert shown.status_code == 200 and "given to you by somebody else" in shown.text
    # The session is there, and opens nothing.
    assert browser.session
    for path in ("/account", "/account/password"):
        assert "Choose a new password" in (await browser.go(path)).text
    quiet = answered(
        await browser.go(AUTHORIZE, **pkce.request(PORTAL.id, redirect, "openid", prompt="none"))
    )
    assert quiet["error"] == "interaction_required"

    await browser.go(AUTHORIZE, **pkce.request(PORTAL.id, redirect, "openid"))
    for new, again, code in (("short", "short", "PasswordRefused"), (NEW, "x", "PasswordsDiffer")):
        refused = await browser.send("change", current=PASSWORD, new=new, again=again)
        assert refused.status_code == 400 and code in refused.text
        assert NEW not in refused.text
    wrong = await browser.send("change", current="wrong", new=NEW, again=NEW)
    assert "WrongPassword" in wrong.text and "AADSTS50126" in wrong.text
    code = answered(await browser.send("change", current=PASSWORD, new=NEW, again=NEW))["code"]
    assert (await cloud.http.post(TOKEN, data=pkce.redemption(PORTAL.id, redirect, code))).status_code == 200
    assert [row.action.split("/")[-2] for row in await acts(cloud, name)] == [
        "signIn",
        "changePassword",
        "changePassword",
    ]


async def test_a_password_is_changed_on_the_account_page(cloud: Cloud, browser: Browser) -> None:
    name = await ann(cloud)
    mine = await into_the_portal(cloud, browser, name)
    async with Browser(cloud.base, cloud.client_context()) as other:
        elsewhere = await into_the_portal(cloud, other, name)
        await browser.go("/account/password")
        done = await browser.send("change", current=PASSWORD, new=NEW, again=NEW)
        assert done.headers["location"] == "/account?done=changed"
        assert "The password was changed" in (await browser.go("/account?done=changed")).text
        assert await works(cloud, mine["access_token"])
        assert not await works(cloud, elsewhere["access_token"])
        await other.go("/account")
        assert other.page is not None and other.page.form("sign-in")


# --- another device


async def begin(cloud: Cloud) -> dict[str, Any]:
    form = {"client_id": CLI.id, "scope": f"{cloud.base}/.default openid offline_access"}
    answer = await cloud.http.post("/organizations/oauth2/v2.0/devicecode", data=form)
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    body: dict[str, Any] = answer.json()
    return body


async def poll(cloud: Cloud, code: str) -> httpx.Response:
    form = {"grant_type": DEVICE_GRANT, "client_id": CLI.id, "device_code": code, "client_info": "1"}
    return await cloud.http.post("/organizations/oauth2/v2.0/token", data=form)


async def test_a_device_is_allowed(cloud: Cloud, browser: Browser) -> None:
    name, begun = await ann(cloud), await begin(cloud)
    assert begun["verification_uri"] == f"{cloud.base}/device"
    pending = await poll(cloud, begun["device_code"])
    assert (pending.status_code, pending.json()["error"]) == (400, "authorization_pending")
    assert pending.json()["error_codes"] == [70016]

    await browser.go("/device")
    await browser.send("code", code=begun["user_code"].lower())
    shown = await browser.sign_in(name, PASSWORD)
    assert browser.page is not None and browser.page.buttons == ["Allow", "Refuse"]
    assert "oob command line" in shown.text and name in shown.text and "127.0.0.1" in shown.text
    assert (await poll(cloud, begun["device_code"])).json()["error"] == "slow_down"
    await browser.send("allow")
    given = (await poll(cloud, begun["device_code"])).json()
    assert await works(cloud, given["access_token"])

    # What it is named on the person's own page, and ended there.
    await browser.go("/account")
    assert "oob command line" in browser.page.text
    await browser.send("end")
    assert not await works(cloud, given["access_token"])
    again = {"grant_type": "refresh_token", "client_id": CLI.id, "refresh_token": given["refresh_token"]}
    refused = await cloud.http.post(TOKEN, data=again)
    assert (refused.json()["error"], refused.json()["error_codes"]) == ("invalid_grant", [50173])


async def test_a_device_is_refused(cloud: Cloud, browser: Browser) -> None:
    name, begun = await ann(cloud), await begin(cloud)
    await browser.go("/account")
    await browser.sign_in(name, PASSWORD)
    await browser.go("/device")
    await browser.send("code", code=begun["user_code"])
    assert "was not let in" in (await browser.send("refuse")).text
    assert (await poll(cloud, begun["device_code"])).json()["error"] == "authorization_declined"
    await browser.go("/device")
    assert "DeviceCodeOver" in (await browser.send("code", code=begun["user_code"])).text


async def test_a_code_in_the_address_is_not_looked_at(cloud: Cloud, browser: Browser) -> None:
    """Whoever sends somebody a link must not have typed the code for them."""
    begun = await begin(cloud)
    await browser.go("/device", code=begun["user_code"], user_code=begun["user_code"])
    assert browser.page is not None and browser.page.form("code")[1]["code"] == ""


async def test_a_wrong_code_is_told(cloud: Cloud, browser: Browser) -> None:
    await browser.go("/device")
    answer = await browser.send("code", code='"><script>alert(1)</script>')
    assert answer.status_code == 404 and "AADSTS70018" in answer.text
    assert "<script>alert" not in answer.text


async def test_who_must_change_the_password_does_so_on_the_way(cloud: Cloud, browser: Browser) -> None:
    name, begun = await ann(cloud, must_change=True), await begin(cloud)
    await browser.go("/device")
    await browser.send("code", code=begun["user_code"])
    await browser.sign_in(name, PASSWORD)
    await browser.send("change", current=PASSWORD, new=NEW, again=NEW)
    assert browser.page is not None and browser.page.buttons == ["Allow", "Refuse"]
    await browser.send("allow")
    assert (await poll(cloud, begun["device_code"])).status_code == 200


# --- sessions


async def test_signing_out_everywhere_else(cloud: Cloud, browser: Browser) -> None:
    name = await ann(cloud)
    mine = await into_the_portal(cloud, browser, name)
    async with Browser(cloud.base, cloud.client_context()) as other:
        elsewhere = await into_the_portal(cloud, other, name)
        await browser.go("/account")
        await browser.send("end-others")
        assert await works(cloud, mine["access_token"])
        assert not await works(cloud, elsewhere["access_token"])


async def test_nobody_ends_what_is_somebody_elses(cloud: Cloud, browser: Browser) -> None:
    theirs = await into_the_portal(cloud, browser, await ann(cloud))
    sid = (await cloud.authority.verify_token(theirs["access_token"], _now())).session
    async with Browser(cloud.base, cloud.client_context()) as other:
        await into_the_portal(cloud, other, await ann(cloud))
        begun = await begin(cloud)
        await other.go("/device")
        await other.send("code", code=begun["user_code"])
        await other.send("allow")
        await poll(cloud, begun["device_code"])
        await other.go("/account")
        await other.send("end", session=str(sid))
    assert await works(cloud, theirs["access_token"])


async def test_the_page_of_somebody_who_was_switched_off(cloud: Cloud, browser: Browser) -> None:
    name = await ann(cloud)
    given = await into_the_portal(cloud, browser, name)
    async with cloud.store.write() as tx:
        user = await cloud.store.people.by_name(tx, name)
        assert user is not None
        await cloud.store.people.set_disabled(tx, user.object_id, True)
    assert not await works(cloud, given["access_token"])
    await browser.go("/account")
    answer = await browser.sign_in(name, PASSWORD)
    assert "AccountDisabled" in answer.text and "AADSTS50057" in answer.text


async def test_the_portals_sign_out(cloud: Cloud, browser: Browser) -> None:
    """As its library does it: with an id token, which is proof enough, and the way back."""
    name = await ann(cloud)
    given = await into_the_portal(cloud, browser, name)
    second = await into_the_portal(cloud, browser, name)
    back = f"{cloud.base}/portal/"
    gone = await browser.go(
        LOGOUT, id_token_hint=given["id_token"], post_logout_redirect_uri=back, state="a b"
    )
    assert (gone.status_code, gone.headers["location"]) == (303, f"{back}?state=a+b")
    assert browser.session is None
    for each in (given, second):
        assert not await works(cloud, each["access_token"])
        form = {"grant_type": "refresh_token", "client_id": PORTAL.id, "refresh_token": each["refresh_token"]}
        assert (await cloud.http.post(TOKEN, data=form)).json()["error_codes"] == [50173]
    assert [row.action.split("/")[-2] for row in await acts(cloud, name)] == ["signIn", "signOut"]
    # Once more, with a hint that is spent: nothing to end, no way to be led astray.
    assert (await browser.go(LOGOUT, id_token_hint=given["id_token"])).status_code == 200


async def test_an_id_token_signs_out_its_own_person_only(cloud: Cloud, browser: Browser) -> None:
    old = await into_the_portal(cloud, browser, await ann(cloud))
    async with Browser(cloud.base, cloud.client_context()) as other:
        given = await into_the_portal(cloud, other, await ann(cloud))
        await other.go(LOGOUT, id_token_hint=old["id_token"])
        assert await works(cloud, given["access_token"]) and other.session
    assert not await works(cloud, old["access_token"])


async def test_the_form_of_a_sign_out(cloud: Cloud, browser: Browser) -> None:
    given = await into_the_portal(cloud, browser, await ann(cloud))
    await browser.go("/account")
    assert "You are signed out" in (await browser.send("sign-out")).text
    assert browser.session is None and not await works(cloud, given["access_token"])


# --- the pages themselves


async def test_every_page_can_be_read_by_everybody(cloud: Cloud, browser: Browser) -> None:
    """What a browser's own checks find in seconds: names for fields, one heading, a language, a title."""
    name = await ann(cloud, must_change=True)
    pages: list[httpx.Response] = [
        await browser.go("/account"),
        await browser.sign_in(name, "wrong"),
        await browser.sign_in(name, PASSWORD),
        await browser.go("/device"),
        await browser.go(AUTHORIZE, client_id="x"),
        await browser.go(LOGOUT),
    ]
    for answer in pages:
        text = answer.text
        assert '<html lang="en">' in text and text.count("<h1>") == 1
        assert re.search(r"<title>[^<]+ · Outofband</title>", text)
        for kind, id in re.findall(r'<input type="(text|password)"[^>]* id="([^"]+)"', text):
            assert f'<label for="{id}">' in text, (kind, id)
        # The policy forbids both.
        assert not re.search(r"\sstyle=|\son[a-z]+=|<script>", text)
        assert "`" not in text


def test_every_sentence_is_used() -> None:
    from pathlib import Path

    folder = Path(words.__file__).parent
    sources = "".join(path.read_text() for path in (*folder.glob("*.py"), *folder.glob("templates/*.html")))
    # By what was done, or by what a factor is.
    said = {"account": "changed ended others-ended pwd otp fido rcv ext"}
    said["factors"] = "done-added done-renamed done-removed totp passkey"
    said["account"] += "".join(f" did-{what}" for what in history._ACTIONS.values())
    said["external"] = "done-linked done-unlinked"
    known = {f"{area}.{key}" for area, keys in said.items() for key in keys.split()}
    unused = {key for key in words.keys() - known if f'"{key}"' not in sources}
    assert not unused


def test_a_page_without_forms_has_none() -> None:
    assert Page(httpx.Response(200, text="<p>x", request=httpx.Request("GET", "https://h/"))).forms == []


def _now() -> Any:
    from outofband.core import clock

    return clock.now()
