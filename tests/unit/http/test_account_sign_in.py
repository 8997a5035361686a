"""The account pages as a person meets them: signing in, choosing a password, going to the portal."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import httpx
import pytest

from outofband.access import roles
from outofband.identity.clients import PORTAL
from tests.support.browser import CSRF, SESSION, Browser, Pkce, answered
from tests.support.cloud import SCOPE, TENANT, VM_TYPE, Cloud
from tests.support.users import PASSWORD, add_user

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def cloud(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cloud]:
    """One for all tests of this file: each has people of its own."""
    async with Cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture
async def browser(cloud: Cloud) -> AsyncIterator[Browser]:
    async with Browser(cloud.base, cloud.client_context()) as opened:
        yield opened


async def ann(cloud: Cloud, **more: object) -> str:
    name = f"ann{uuid.uuid4().hex[:8]}@lab.example"
    await add_user(cloud.store, TENANT, name, role=roles.OWNER, **more)  # type: ignore[arg-type]
    return name


def authorize(tenant: str = TENANT) -> str:
    return f"/{tenant}/oauth2/v2.0/authorize"


def portal(cloud: Cloud) -> str:
    return f"{cloud.base}/portal/"


async def tokens(cloud: Cloud, pkce: Pkce, client: str, redirect: str, code: str) -> httpx.Response:
    form = pkce.redemption(client, redirect, code)
    return await cloud.http.post(f"/{TENANT}/oauth2/v2.0/token", data=form)


async def test_from_the_sign_in_page_to_the_api_and_back_without_a_password(
    cloud: Cloud, browser: Browser
) -> None:
    name, pkce = await ann(cloud), Pkce()
    scope = f"{cloud.base}/.default openid profile offline_access"
    query = pkce.request(PORTAL.id, portal(cloud), scope)
    shown = await browser.go(authorize(), **query)
    assert shown.status_code == 200
    assert browser.page is not None and "Outofband portal" in browser.page.text
    back = answered(await browser.sign_in(name.partition("@")[0], PASSWORD))
    assert back["state"] == pkce.state

    given = (await tokens(cloud, pkce, PORTAL.id, portal(cloud), back["code"])).json()
    assert given["token_type"] == "Bearer" and given["id_token"] and given["refresh_token"]
    bearer = {"Authorization": f"Bearer {given['access_token']}"}
    listed = await cloud.http.get(f"{SCOPE}/{VM_TYPE}?api-version=2024-11-01", headers=bearer)
    assert listed.json() == {"value": []}

    # A reload: the tokens were in memory only, the browser's session brings new ones.
    again = Pkce()
    bounced = await browser.go(authorize(), **again.request(PORTAL.id, portal(cloud), scope))
    assert (
        await tokens(cloud, again, PORTAL.id, portal(cloud), answered(bounced)["code"])
    ).status_code == 200
    quiet = await browser.go(authorize(), **again.request(PORTAL.id, portal(cloud), scope, prompt="none"))
    assert answered(quiet)["code"]
    # And `prompt=login` asks all the same.
    asked = await browser.go(authorize(), **again.request(PORTAL.id, portal(cloud), scope, prompt="login"))
    assert asked.status_code == 200 and "Password" in asked.text


async def test_cookies_and_policies(cloud: Cloud, browser: Browser) -> None:
    name, pkce = await ann(cloud), Pkce()
    shown = await browser.go(authorize(), **pkce.request(PORTAL.id, portal(cloud), "openid"))
    policy = shown.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "form-action 'self';" in policy
    assert shown.headers["cache-control"] == "no-store"
    assert shown.headers["referrer-policy"] == "same-origin"
    done = await browser.sign_in(name, PASSWORD)
    [session] = [each for each in done.headers.get_list("set-cookie") if each.startswith(SESSION)]
    for word in ("Path=/", "Secure", "HttpOnly", "SameSite=lax"):
        assert word in session
    assert "Domain" not in session
    assert browser.http.cookies.get(CSRF) and browser.session
    assert PASSWORD not in str(done.headers)
