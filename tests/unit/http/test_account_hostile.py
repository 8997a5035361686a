"""Ways round what the account pages ask for, as somebody at another's open browser would try them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from outofband.access import roles
from outofband.core import clock
from outofband.identity.clients import CLI, PORTAL, PublicClient
from outofband.store import sign_in_tables
from tests.support.browser import Browser, Page, Pkce, answered
from tests.support.cloud import TENANT, Cloud
from tests.support.users import PASSWORD, add_user

pytestmark = pytest.mark.anyio
AUTHORIZE = f"/{TENANT}/oauth2/v2.0/authorize"
OTHER = "quiet-heron-ladder-11"


@pytest.fixture(scope="module")
async def cloud(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cloud]:
    """One for all tests of this file: each has people of its own."""
    async with Cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture
async def browser(cloud: Cloud) -> AsyncIterator[Browser]:
    async with Browser(cloud.base, cloud.client_context()) as opened:
        yield opened


async def ann(cloud: Cloud, browser: Browser) -> str:
    """Somebody who signed in at the browser a moment ago."""
    name = f"ann{uuid.uuid4().hex[:8]}@lab.example"
    await add_user(cloud.store, TENANT, name)
    await browser.go("/account")
    assert (await browser.sign_in(name, PASSWORD)).status_code in (200, 303)
    return name


async def later(cloud: Cloud, **past: timedelta) -> None:
    """As if every sign-in, and every change of a password, had been longer ago."""
    async with cloud.store.write() as tx:
        for name, span in past.items():
            ago = clock.now() - span
            await tx.change(sa.update(sign_in_tables.sign_in_sessions).values({name: ago}))
        await tx.change(
            sa.update(sign_in_tables.users).values(password_changed=clock.now() - timedelta(days=9))
        )


async def post(browser: Browser, address: str, **fields: str) -> str:
    """A form that no page has, with what every form carries."""
    await browser.go("/account")
    assert browser.page is not None
    token = next(form["csrf"] for _, form in browser.page.forms if "csrf" in form)
    own = {"Origin": browser.base, "Sec-Fetch-Site": "same-origin"}
    answer = await browser.http.post(address, data={"csrf": token, **fields}, headers=own)
    return Page(answer).text if answer.text else f"{answer.status_code} {answer.headers.get('location')}"


async def test_a_password_is_changed_after_a_fresh_proof_only(cloud: Cloud, browser: Browser) -> None:
    """The form of /account/password, posted to a page that asks for no fresh proof."""
    name = await ann(cloud, browser)
    await later(cloud, authenticated=timedelta(minutes=11))
    for address in ("/account", "/device", "/account/factors"):
        change = {"step": "change", "current": PASSWORD, "new": OTHER, "again": OTHER, "code": "AAAA-BBBB"}
        await post(browser, address, **change)
    async with Browser(cloud.base, cloud.client_context()) as second:
        await second.go("/account")
        await second.sign_in(name, OTHER)
        assert second.session is None
        await second.sign_in(name, PASSWORD)
        assert second.session is not None


@pytest.mark.parametrize("client", [PORTAL, CLI])
@pytest.mark.parametrize("step", ["continue", "codes-seen", "change", "x"])
async def test_a_new_proof_is_not_got_round(
    cloud: Cloud, browser: Browser, client: PublicClient, step: str
) -> None:
    """`prompt=login`: whoever sits at an old session posts the yes without the password."""
    await ann(cloud, browser)
    await later(cloud, authenticated=timedelta(minutes=11))
    address = "http://127.0.0.1:4711" if client.native else f"{cloud.base}/portal/"
    wanted = Pkce().request(client.id, address, "openid", prompt="login")
    assert "Sign in" in Page(await browser.go(AUTHORIZE, **wanted)).text
    assert browser.page is not None
    where = browser.page.address
    said = await post(browser, where, step=step)
    assert "Sign in" in said and "code=" not in said


async def test_a_new_proof_that_was_given_is_enough(cloud: Cloud, browser: Browser) -> None:
    name = await ann(cloud, browser)
    await later(cloud, authenticated=timedelta(minutes=11))
    pkce = Pkce()
    await browser.go(AUTHORIZE, **pkce.request(PORTAL.id, f"{cloud.base}/portal/", "openid", prompt="login"))
    assert answered(await browser.sign_in(name, PASSWORD))["code"]


async def test_a_browser_that_is_left_alone_is_signed_out(cloud: Cloud, browser: Browser) -> None:
    name = await ann(cloud, browser)
    await later(cloud, last_used=timedelta(hours=1, minutes=59))
    assert name in (await browser.go("/account")).text
    await later(cloud, last_used=timedelta(hours=2, minutes=1))
    assert name not in (await browser.go("/account")).text
    quiet = await browser.go(
        AUTHORIZE, **Pkce().request(PORTAL.id, f"{cloud.base}/portal/", "openid", prompt="none")
    )
    assert answered(quiet)["error"] == "login_required"


async def test_an_answer_says_whose_it_is(cloud: Cloud, browser: Browser) -> None:
    """RFC 9207, for refusals too: with it a client of several authorities does not mix them up."""
    await ann(cloud, browser)
    back = f"{cloud.base}/portal/"
    issuer = f"{cloud.base}/{TENANT}/v2.0"
    metadata = (await browser.http.get(f"/{TENANT}/v2.0/.well-known/openid-configuration")).json()
    assert metadata["issuer"] == issuer and metadata["authorization_response_iss_parameter_supported"] is True
    given = answered(await browser.go(AUTHORIZE, **Pkce().request(PORTAL.id, back, "openid")))
    assert given["code"] and given["iss"] == issuer
    refused = answered(
        await browser.go(AUTHORIZE, **Pkce().request(PORTAL.id, back, "openid", response_type="token"))
    )
    assert (refused["error"], refused["iss"]) == ("unsupported_response_type", issuer)
    # Where the tenant is left to the person it is the person's.
    anywhere = AUTHORIZE.replace(TENANT, "organizations")
    given = answered(await browser.go(anywhere, **Pkce().request(PORTAL.id, back, "openid")))
    assert given["iss"] == issuer


async def test_password_managers_and_pasting_are_let_in(browser: Browser) -> None:
    """Fields say what they are for, and nothing of a page keeps anything out of them."""
    page = (await browser.go("/account")).text
    for each in ('autocomplete="username"', 'autocomplete="current-password"', "data-hidden-text"):
        assert each in page
    assert "onpaste" not in page and 'autocomplete="off"' not in page.partition("</form>")[0]


async def test_what_happened_to_an_account_is_shown_to_its_owner(cloud: Cloud, browser: Browser) -> None:
    """Also what somebody else did, and what was refused; nothing of anybody else."""
    name = await ann(cloud, browser)
    boss = await cloud.person("boss", roles.OWNER, "/")
    page = Page(await browser.go("/account")).text
    assert "Password changed" not in page
    await browser.go("/account/password")
    await browser.send("change", current="wrong-heron-ladder", new=OTHER, again=OTHER)
    await browser.send("change", current=PASSWORD, new=OTHER, again=OTHER)
    page = Page(await browser.go("/account")).text
    assert "Password changed" in page and "Password changed (refused)" in page and "127.0.0.1" in page
    reset = await boss.ask(
        "PATCH",
        f"/v1.0/users/{name}",
        {"passwordProfile": {"password": PASSWORD, "forceChangePasswordNextSignIn": False}},
        version=None,
    )
    assert reset.status_code == 204, reset.text
    await browser.go("/account")
    await browser.sign_in(name, PASSWORD)
    assert "Account changed, by boss" in Page(await browser.go("/account")).text
    async with Browser(cloud.base, cloud.client_context()) as second:
        await ann(cloud, second)
        assert "Password changed" not in Page(await second.go("/account")).text
