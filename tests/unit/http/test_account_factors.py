"""Second factors and sessions at the edge: the pages, the tokens, what a tenant requires, the JSON doors."""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from outofband.access import roles
from outofband.core import clock
from outofband.identity import totp
from outofband.identity.clients import CLI, PORTAL
from outofband.identity.device_grant import DEVICE_GRANT
from outofband.store import sign_in_tables
from outofband.store.activity import ActivityEntry
from outofband.wire.claims import MFA, wanted
from tests.support.browser import Browser, Pkce, answered
from tests.support.cloud import OTHER_TENANT, SCOPE, TENANT, Cloud, Person
from tests.support.users import PASSWORD, add_user
from tests.unit.identity.flows import claims

pytestmark = pytest.mark.anyio
AUTHORIZE = f"/{TENANT}/oauth2/v2.0/authorize"
TOKEN = f"/{TENANT}/oauth2/v2.0/token"
API = "/account/api"


@pytest.fixture(scope="module")
async def cloud(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cloud]:
    """One for all tests of this file: each has people of its own."""
    async with Cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture
async def browser(cloud: Cloud) -> AsyncIterator[Browser]:
    async with Browser(cloud.base, cloud.client_context()) as opened:
        yield opened


@pytest.fixture
async def boss(cloud: Cloud) -> Person:
    return await cloud.person("boss", roles.OWNER, "/")


@pytest.fixture
async def strict(cloud: Cloud, boss: Person) -> AsyncIterator[Person]:
    """The tenant requires a second factor while the test runs, when `on` was said; off again in any case."""
    yield boss
    await policy(boss, False)


async def policy(boss: Person, required: bool) -> dict[str, Any]:
    answer = await boss.ask("PUT", f"{API}/policy", {"requireMfa": required}, version=None)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def ann(cloud: Cloud, role: str | None = roles.READER, **more: Any) -> str:
    name = f"ann{uuid.uuid4().hex[:8]}@lab.example"
    await add_user(cloud.store, TENANT, name, role=role, **more)
    return name


class App:
    """An authenticator app on a phone. Each of its codes is used once, so that time is let go on."""

    def __init__(self, page: str) -> None:
        found = re.search(r'<code class="secret">([A-Z2-7 ]+)</code>', page)
        assert found, page
        self.secret = base64.b32decode(found[1].replace(" ", ""))

    @property
    def code(self) -> str:
        return totp.code_at(self.secret, clock.now())


async def forget_steps(cloud: Cloud) -> None:
    """As if half a minute had gone by: a code counts once, and tests are quick."""
    async with cloud.store.write() as tx:
        await tx.change(sa.update(sign_in_tables.sign_in_factors).values(last_step=0))


async def age(cloud: Cloud, name: str) -> None:
    """Let the last proof of a person be an hour old."""
    async with cloud.store.write() as tx:
        user = await cloud.store.people.by_name(tx, name)
        assert user is not None
        sessions, long_ago = sign_in_tables.sign_in_sessions, clock.now() - timedelta(hours=1)
        mine = sa.update(sessions).where(sessions.c.object_id == user.object_id)
        await tx.change(mine.values(authenticated=long_ago))
        people = sign_in_tables.users
        change = sa.update(people).where(people.c.object_id == user.object_id)
        await tx.change(change.values(password_changed=long_ago))


async def set_up(cloud: Cloud, browser: Browser, name: str) -> tuple[App, list[str]]:
    """Sign in on the account page and set an app up; the app, and the recovery codes."""
    await browser.go("/account/factors/add")
    page = await browser.sign_in(name, PASSWORD)
    app = App(page.text)
    shown = await browser.send("add-app", otp=app.code, name="Phone")
    assert shown.status_code == 200, shown.text
    codes = re.findall(r"<li><code>([a-z0-9-]+)</code></li>", shown.text)
    assert len(codes) == 10
    done = await browser.send("codes-seen")
    assert done.headers["location"] == "/account/factors?done=added"
    await forget_steps(cloud)
    return app, codes


async def asks(cloud: Cloud, browser: Browser, pkce: Pkce, **more: str) -> httpx.Response:
    scope = f"{cloud.base}/.default openid offline_access"
    return await browser.go(AUTHORIZE, **pkce.request(PORTAL.id, f"{cloud.base}/portal/", scope, **more))


async def tokens(cloud: Cloud, pkce: Pkce, answer: httpx.Response) -> dict[str, Any]:
    form = pkce.redemption(PORTAL.id, f"{cloud.base}/portal/", answered(answer)["code"])
    given = await cloud.http.post(TOKEN, data=form)
    assert given.status_code == 200, given.text
    found: dict[str, Any] = given.json()
    return found


async def into_the_portal(cloud: Cloud, browser: Browser, name: str) -> dict[str, Any]:
    pkce = Pkce()
    answer = await asks(cloud, browser, pkce)
    if answer.status_code == 200:
        answer = await browser.sign_in(name, PASSWORD)
    return await tokens(cloud, pkce, answer)


async def get(cloud: Cloud, token: str, path: str = SCOPE) -> httpx.Response:
    query = "?api-version=2022-12-01" if path == SCOPE else ""
    return await cloud.http.get(f"{path}{query}", headers={"Authorization": f"Bearer {token}"})


async def acts(cloud: Cloud, name: str) -> list[tuple[str, str]]:
    async with cloud.store.read() as tx:
        found: list[ActivityEntry] = (await cloud.store.activity.page(tx)).items[::-1]
    return [(row.action.split("/")[-2], row.sub_status) for row in found if row.caller == name]


# --- the pages


async def test_after_the_password_the_code(cloud: Cloud, browser: Browser) -> None:
    name = await ann(cloud)
    app, codes = await set_up(cloud, browser, name)
    async with Browser(cloud.base, cloud.client_context()) as other:
        pkce = Pkce()
        await asks(cloud, other, pkce)
        page = await other.sign_in(name, PASSWORD)
        assert page.status_code == 200 and "Second factor" in page.text and "Outofband portal" in page.text
        # Half of it is nothing: no session, no code for the portal, and no account page.
        assert other.session is None
        assert "Second factor" in (await other.go("/account")).text
        quiet = answered(await asks(cloud, other, Pkce(), prompt="none"))
        assert quiet["error"] == "login_required"
        await asks(cloud, other, pkce)
        wrong = await other.send("factor-code", otp="000000")
        assert wrong.status_code == 403 and "WrongCode (AADSTS500121)" in wrong.text
        given = await tokens(cloud, pkce, await other.send("factor-code", otp=app.code))
        access, identity = claims(given["access_token"]), claims(given["id_token"])
        assert access["amr"] == identity["amr"] == ["pwd", "otp", "mfa"]
        assert (access["acrs"], access["acr"]) == (["p1"], "1")
        assert abs(access["auth_time"] - clock.wall()) < 60
        assert (await get(cloud, given["access_token"])).status_code == 200
        # Nothing in the browser any more says that half a sign-in goes on.
        assert "__Host-oob-half" not in other.http.cookies
    assert (await acts(cloud, name)) == [
        ("signIn", ""),
        ("addFactor", ""),
        ("stepUp", ""),
        ("signIn", "WrongCode"),
        ("signIn", ""),
    ]
    async with Browser(cloud.base, cloud.client_context()) as third:
        await third.go("/account")
        await third.sign_in(name, PASSWORD)
        inside = await third.send("factor-recovery", otp=codes[0])
        assert inside.status_code == 303
        page = await third.go("/account")
        assert "Recovery codes left: 9." in page.text and "password, recovery code" in page.text


async def test_nobody_goes_on_without_half_a_sign_in(cloud: Cloud, browser: Browser) -> None:
    """The forms of the second half, sent by who never had the first, or has another's page."""
    await browser.go("/account")
    assert browser.page is not None
    _, form = browser.page.form("sign-in")
    own = {"Origin": cloud.base, "Sec-Fetch-Site": "same-origin"}
    steps = ("factor-code", "factor-recovery", "factor-passkey", "add-app", "add-passkey", "passkey-alone")
    for step in steps:
        sent = {"csrf": form["csrf"], "step": step, "otp": "123456", "answer": "{}"}
        answer = await browser.http.post("/account", data=sent, headers=own)
        assert answer.status_code == 403 and "SignInOver" in answer.text, step
        assert browser.session is None
    for step in ("codes-seen", "prove", "rename"):
        sent = {"csrf": form["csrf"], "step": step, "password": PASSWORD}
        answer = await browser.http.post("/account", data=sent, headers=own)
        assert 'name="password"' in answer.text and browser.session is None, step


async def test_factors_are_named_and_removed(cloud: Cloud, browser: Browser) -> None:
    name = await ann(cloud)
    await set_up(cloud, browser, name)
    page = await browser.go("/account/factors?done=added")
    assert "It is set up" in page.text and "Phone" in page.text
    assert (await browser.send("rename", name="Blue <b>")).headers["location"].endswith("done=renamed")
    page = await browser.go("/account/factors")
    assert "Blue &lt;b&gt;" in page.text
    bad = await browser.send("rename", name="x" * 65)
    assert bad.status_code == 400 and "FactorNameInvalid" in bad.text
    codes = await browser.send("new-codes")
    assert codes.text.count("<li><code>") == 10
    await browser.go("/account/factors")
    assert (await browser.send("remove")).headers["location"].endswith("done=removed")
    assert "There is none yet" in (await browser.go("/account/factors")).text


async def test_what_protects_the_account_wants_a_fresh_proof(cloud: Cloud, browser: Browser) -> None:
    name = await ann(cloud)
    app, _ = await set_up(cloud, browser, name)
    await browser.go("/account/factors")
    assert browser.page is not None
    old = browser.page
    await age(cloud, name)
    assert "Is it you?" in (await browser.go("/account/password")).text
    browser.page = old
    stopped = await browser.send("remove")
    assert "Is it you?" in stopped.text
    wrong = await browser.send("prove", password="wrong")
    assert wrong.status_code == 400 and "WrongPassword" in wrong.text
    before = browser.session
    asked = await browser.send("prove", password=PASSWORD)
    assert "Second factor" in asked.text
    await browser.send("factor-code", otp=app.code)
    assert browser.session not in (None, before)
    page = await browser.go("/account/factors")
    assert "Phone" in page.text, "nothing was removed by the form that came too late"
    # An old page of the account does what needs no proof all the same.
    await age(cloud, name)
    assert (await browser.go("/account")).status_code == 200


async def test_the_pages_can_be_read_by_everybody(cloud: Cloud, browser: Browser) -> None:
    name = await ann(cloud)
    await browser.go("/account/factors/add")
    pages = [await browser.sign_in(name, PASSWORD)]
    app = App(pages[0].text)
    pages.append(await browser.send("add-app", otp="000000", name="Phone"))
    pages.append(await browser.send("add-app", otp=app.code, name="Phone"))
    pages.append(await browser.go("/account/factors"))
    await age(cloud, name)
    pages.append(await browser.go("/account/factors"))
    async with Browser(cloud.base, cloud.client_context()) as other:
        await other.go("/account")
        pages.append(await other.sign_in(name, PASSWORD))
    for answer in pages:
        text = answer.text
        assert text.count("<h1>") == 1 and 'lang="en"' in text
        for id in re.findall(r'<input type="(?:text|password)"[^>]* id="([^"]+)"', text):
            assert f'<label for="{id}">' in text, id
        assert not re.search(r"\sstyle=|\son[a-z]+=|<script>|<style", text)
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
    assert "<svg" in pages[0].text
    # At an address of numbers there are no passkeys, and the page says why.
    assert "Passkeys need a host name" in pages[0].text


# --- what the tenant requires


async def test_a_token_without_a_factor_is_challenged(cloud: Cloud, browser: Browser, strict: Person) -> None:
    name = await ann(cloud)
    given = await into_the_portal(cloud, browser, name)
    assert claims(given["access_token"])["amr"] == ["pwd"]
    assert (await get(cloud, given["access_token"])).status_code == 200
    told = await policy(strict, True)
    assert told["requireMfa"] and told["changedBy"] == "boss"

    refused = await get(cloud, given["access_token"])
    assert refused.status_code == 401 and refused.json()["error"]["code"] == "MfaRequired"
    header = refused.headers["www-authenticate"]
    assert 'error="insufficient_claims"' in header and wanted(header) == MFA
    # A program has no second factor, and is not asked.
    assert (await strict.get(SCOPE, version="2022-12-01")).status_code in (200, 403)

    form = {"grant_type": "refresh_token", "client_id": PORTAL.id, "refresh_token": given["refresh_token"]}
    again = await cloud.http.post(TOKEN, data=form)
    body = again.json()
    assert (again.status_code, body["error"], body["error_codes"]) == (400, "interaction_required", [50076])
    assert body["error_description"].startswith("AADSTS50076: ") and '"acrs"' in body["claims"]
    quiet = answered(await asks(cloud, browser, Pkce(), prompt="none"))
    assert quiet["error"] == "interaction_required" and "AADSTS50076" in quiet["error_description"]

    # The portal sends the person through the page, which sets a factor up and raises the session.
    pkce = Pkce()
    page = await asks(cloud, browser, pkce)
    assert "Set up a second factor" in page.text and "Outofband portal" in page.text
    app = App(page.text)
    shown = await browser.send("add-app", otp=app.code)
    assert "Recovery codes" in shown.text
    fresh = await tokens(cloud, pkce, await browser.send("codes-seen"))
    assert claims(fresh["access_token"])["amr"] == ["pwd", "otp", "mfa"]
    assert (await get(cloud, fresh["access_token"])).status_code == 200
    assert (await get(cloud, given["access_token"])).status_code == 401
    await browser.go("/account/factors")
    last = await browser.send("remove")
    assert last.status_code == 409 and "LastFactor" in last.text


async def test_an_old_session_sets_one_up_after_the_password_only(
    cloud: Cloud, browser: Browser, strict: Person
) -> None:
    name = await ann(cloud)
    await into_the_portal(cloud, browser, name)
    await age(cloud, name)
    await policy(strict, True)
    assert "Is it you?" in (await browser.go("/account")).text
    assert "Set up a second factor" in (await browser.send("prove", password=PASSWORD)).text


async def test_a_program_may_ask_for_a_factor_that_nobody_requires(cloud: Cloud, browser: Browser) -> None:
    """The `claims` of a challenge, as MSAL gives them to the authorization endpoint."""
    name, pkce = await ann(cloud), Pkce()
    wants = '{"access_token":{"acrs":{"essential":true,"values":["p1"]},"xms_cc":{"values":["CP1"]}}}'
    await asks(cloud, browser, pkce, claims=wants)
    page = await browser.sign_in(name, PASSWORD)
    assert "Set up a second factor" in page.text
    weak = await into_the_portal(cloud, browser, name) if browser.session else None
    assert weak is None


async def test_a_device_is_let_in_with_a_factor(cloud: Cloud, browser: Browser, strict: Person) -> None:
    await policy(strict, True)
    name = await ann(cloud)
    form = {"client_id": CLI.id, "scope": f"{cloud.base}/.default openid offline_access"}
    begun = (await cloud.http.post("/organizations/oauth2/v2.0/devicecode", data=form)).json()
    await browser.go("/device")
    await browser.send("code", code=begun["user_code"])
    page = await browser.sign_in(name, PASSWORD)
    assert "Set up a second factor" in page.text and "oob command line" in page.text
    app = App(page.text)
    await browser.send("add-app", otp=app.code)
    confirm = await browser.send("codes-seen")
    assert "Let oob command line act in your name?" in confirm.text
    assert "Done" in (await browser.send("allow")).text
    poll = {"grant_type": DEVICE_GRANT, "client_id": CLI.id, "device_code": begun["device_code"]}
    given = (await cloud.http.post("/organizations/oauth2/v2.0/token", data=poll)).json()
    assert claims(given["access_token"])["amr"] == ["pwd", "otp", "mfa"]
    assert (await get(cloud, given["access_token"])).status_code == 200


async def test_a_device_that_was_allowed_before_is_refused(
    cloud: Cloud, browser: Browser, strict: Person
) -> None:
    name = await ann(cloud)
    form = {"client_id": CLI.id, "scope": f"{cloud.base}/.default openid offline_access"}
    begun = (await cloud.http.post("/organizations/oauth2/v2.0/devicecode", data=form)).json()
    await browser.go("/device")
    await browser.send("code", code=begun["user_code"])
    await browser.sign_in(name, PASSWORD)
    await browser.send("allow")
    await policy(strict, True)
    poll = {"grant_type": DEVICE_GRANT, "client_id": CLI.id, "device_code": begun["device_code"]}
    refused = await cloud.http.post("/organizations/oauth2/v2.0/token", data=poll)
    assert refused.json()["error_codes"] == [50076]


# --- the doors


async def test_one_sees_and_ends_ones_own_sign_ins(cloud: Cloud, browser: Browser) -> None:
    name = await ann(cloud, role=None)
    mine = (await into_the_portal(cloud, browser, name))["access_token"]
    async with Browser(cloud.base, cloud.client_context()) as other:
        theirs = (await into_the_portal(cloud, other, name))["access_token"]
    found = (await get(cloud, mine, f"{API}/sessions")).json()["value"]
    assert [each["current"] for each in found].count(True) == 1 and len(found) == 2
    assert all(each["client"] is None and each["methods"] == ["pwd"] for each in found)
    assert all(each["address"] == "127.0.0.1" and each["lastUsed"] for each in found)
    [away] = [each["id"] for each in found if not each["current"]]
    headers = {"Authorization": f"Bearer {mine}"}
    assert (await cloud.http.delete(f"{API}/sessions/{away}", headers=headers)).status_code == 204
    assert (await get(cloud, theirs)).status_code == 401
    gone = await cloud.http.delete(f"{API}/sessions/{away}", headers=headers)
    assert gone.status_code == 404 and gone.json()["error"]["code"] == "SessionNotFound"
    async with Browser(cloud.base, cloud.client_context()) as other:
        theirs = (await into_the_portal(cloud, other, name))["access_token"]
    told = await cloud.http.post(f"{API}/sessions/endOthers", headers=headers)
    assert told.json()["ended"] >= 1
    assert (await get(cloud, mine, "/v1.0/me")).status_code == 200
    assert (await get(cloud, theirs, "/v1.0/me")).status_code == 401
    everywhere = await cloud.http.post("/v1.0/me/revokeSignInSessions", headers=headers)
    assert everywhere.json() == {"value": True}
    assert (await get(cloud, mine, "/v1.0/me")).status_code == 401


async def test_an_administrator_sees_and_ends_those_of_others(
    cloud: Cloud, browser: Browser, boss: Person
) -> None:
    name = await ann(cloud)
    app, _ = await set_up(cloud, browser, name)
    token = (await tokens_of(cloud, browser)).get("access_token", "")
    assert (await get(cloud, token)).status_code == 200
    found = (await boss.get(f"{API}/users/{name}/sessions", version=None)).json()["value"]
    assert [each["methods"] for each in found] == [["pwd", "otp", "mfa"]]
    factors = (await boss.get(f"{API}/users/{name}/factors", version=None)).json()
    assert [each["name"] for each in factors["value"]] == ["Phone"] and factors["recoveryCodes"] == 10
    assert "secret" not in str(factors)
    ended = await boss.ask("DELETE", f"{API}/users/{name}/sessions/{found[0]['id']}", version=None)
    assert ended.status_code == 204
    assert (await get(cloud, token)).status_code == 401
    refused = await boss.ask("POST", f"{API}/users/{name}/resetFactors", {"reason": "a\nb"}, version=None)
    assert refused.status_code == 400 and refused.json()["error"]["code"] == "InvalidParameter"
    why = {"reason": "lost the phone"}
    cleared = await boss.ask("POST", f"{API}/users/{name}/resetFactors", why, version=None)
    assert cleared.status_code == 204
    async with cloud.store.read() as tx:
        rows: list[ActivityEntry] = (await cloud.store.activity.page(tx)).items
    [row] = [each for each in rows if each.action.endswith("/removeFactor/action") and each.caller == "boss"]
    assert (row.properties["reason"], row.properties["removed"]) == ("lost the phone", 1)
    async with Browser(cloud.base, cloud.client_context()) as other:
        assert (await into_the_portal(cloud, other, name))["access_token"]
        assert (await boss.ask("POST", f"/v1.0/users/{name}/revokeSignInSessions", version=None)).json() == {
            "value": True
        }
        assert (await other.go("/account")).status_code == 200
        assert other.page is not None and other.page.form("sign-in")
    assert app.code


async def test_it_is_told_beforehand_whom_a_second_factor_is_asked_of(
    cloud: Cloud, browser: Browser, boss: Person
) -> None:
    name = await ann(cloud)
    before = (await boss.get(f"{API}/policy/preview", version=None)).json()
    assert before["people"] >= before["without"] >= 1
    [entry] = [each for each in before["value"] if each["userPrincipalName"] == name]
    assert set(entry) == {"id", "userPrincipalName", "displayName"}
    token = (await into_the_portal(cloud, browser, name))["access_token"]
    after = (await boss.get(f"{API}/policy/preview", version=None)).json()
    assert after["sessions"] == before["sessions"] + 1
    assert (await get(cloud, token, f"{API}/policy/preview")).status_code == 403
    async with Browser(cloud.base, cloud.client_context()) as other:
        await set_up(cloud, other, name)
    after = (await boss.get(f"{API}/policy/preview", version=None)).json()
    assert after["without"] == before["without"] - 1
    stranger = await cloud.person("far", roles.OWNER, "/", OTHER_TENANT)
    theirs = (await stranger.get(f"{API}/policy/preview", version=None)).json()
    assert name not in [each["userPrincipalName"] for each in theirs["value"]]


async def tokens_of(cloud: Cloud, browser: Browser) -> dict[str, Any]:
    pkce = Pkce()
    return await tokens(cloud, pkce, await asks(cloud, browser, pkce))


async def test_who_may_not_is_refused(cloud: Cloud, browser: Browser, boss: Person) -> None:
    name = await ann(cloud)
    token = (await into_the_portal(cloud, browser, name))["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    theirs = f"{API}/users/{name}"
    for method, path in (
        ("GET", f"{theirs}/sessions"),
        ("GET", f"{theirs}/factors"),
        ("DELETE", f"{theirs}/factors"),
        ("POST", f"{theirs}/resetFactors"),
        ("DELETE", f"{theirs}/sessions/x"),
        ("POST", f"/v1.0/users/{name}/revokeSignInSessions"),
        ("PUT", f"{API}/policy"),
        ("GET", f"{API}/policy/preview"),
    ):
        body = {"requireMfa": True} if method == "PUT" else None
        answer = await cloud.http.request(method, path, headers=headers, json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "AuthorizationFailed"), path
        assert (await cloud.http.request(method, path, json=body)).status_code == 401, path
    assert (await get(cloud, token, f"{API}/policy")).json()["requireMfa"] is False
    stranger = await cloud.person("stranger", roles.OWNER, "/", OTHER_TENANT)
    beyond = await stranger.get(f"{theirs}/sessions", version=None)
    assert (beyond.status_code, beyond.json()["error"]["code"]) == (404, "UserNotFound")
    # A session of one person is none of another's.
    mine = (await get(cloud, token, f"{API}/sessions")).json()["value"][0]["id"]
    other = await ann(cloud)
    wrong = await boss.ask("DELETE", f"{API}/users/{other}/sessions/{mine}", version=None)
    assert wrong.json()["error"]["code"] == "SessionNotFound"
    for body in ({}, {"requireMfa": "yes"}, {"requireMfa": True, "more": 1}, []):
        bad = await boss.ask("PUT", f"{API}/policy", body, version=None)
        assert bad.status_code == 400, body
    program = await boss.get(f"{API}/factors", version=None)
    assert program.json()["error"]["code"] == "UserNotFound"
    assert (await boss.get(f"{API}/sessions", version=None)).json() == {"value": []}
