"""Real clients sign people in: Microsoft's own library, which `az` and the SDKs are built on, unmodified."""

from __future__ import annotations

import asyncio
import webbrowser
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import msal
import pytest
import requests

from outofband.access import roles
from outofband.identity.clients import AZURE_CLI, CLI
from tests.support.browser import Browser
from tests.support.cloud import SCOPE, TENANT, Cloud
from tests.support.users import PASSWORD, add_user

pytestmark = pytest.mark.anyio
ANN = "ann@lab.example"


@pytest.fixture(scope="module")
async def cloud(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cloud]:
    async with Cloud(tmp_path_factory.mktemp("cloud")) as running:
        await add_user(running.store, TENANT, ANN, role=roles.READER)
        yield running


@pytest.fixture
async def browser(cloud: Cloud) -> AsyncIterator[Browser]:
    async with Browser(cloud.base, cloud.client_context()) as opened:
        yield opened


@pytest.fixture
def http(cloud: Cloud) -> Iterator[requests.Session]:
    """What the library sends its requests with."""
    with requests.Session() as session:
        session.trust_env, session.verify = False, str(cloud.pki.trust)
        yield session


async def application(
    cloud: Cloud, http: requests.Session, client: str, tenant: str = "organizations"
) -> Any:
    def make() -> Any:
        return msal.PublicClientApplication(
            client,
            authority=f"{cloud.base}/{tenant}",
            instance_discovery=False,
            http_client=http,
            client_capabilities=["CP1"],
        )

    return await asyncio.to_thread(make)


async def works(cloud: Cloud, token: str) -> bool:
    headers = {"Authorization": f"Bearer {token}"}
    return (await cloud.http.get(f"{SCOPE}?api-version=2022-12-01", headers=headers)).status_code == 200


async def renewed(cloud: Cloud, app: Any) -> str:
    """A token by way of the refresh token that the library keeps for the account it knows."""
    [account] = await asyncio.to_thread(app.get_accounts)
    assert account["username"] == ANN and account["home_account_id"].endswith(f".{TENANT}")
    found = await asyncio.to_thread(
        app.acquire_token_silent, [f"{cloud.base}/.default"], account, force_refresh=True
    )
    assert found and "access_token" in found, found
    return str(found["access_token"])


@pytest.mark.parametrize("client", [AZURE_CLI.id, CLI.id])
async def test_msal_signs_in_with_a_device_code(
    cloud: Cloud, browser: Browser, http: requests.Session, client: str
) -> None:
    """What `az login --use-device-code` does."""
    app = await application(cloud, http, client)
    flow = await asyncio.to_thread(app.initiate_device_flow, [f"{cloud.base}/.default"])
    assert flow["verification_uri"] == f"{cloud.base}/device" and flow["user_code"] in flow["message"]
    flow["interval"] = 1  # the library would wait for five seconds before its second poll
    polling = asyncio.ensure_future(asyncio.to_thread(app.acquire_token_by_device_flow, flow))
    await browser.go("/device")
    await browser.send("code", code=flow["user_code"])
    await browser.sign_in(ANN, PASSWORD)
    await browser.send("allow")
    given = await polling
    assert "access_token" in given, given
    assert given["id_token_claims"]["preferred_username"] == ANN
    assert await works(cloud, given["access_token"])
    assert await works(cloud, await renewed(cloud, app))
    # Twice, for the first brought another refresh token.
    assert await works(cloud, await renewed(cloud, app))


async def test_msal_is_told_that_the_person_refused(
    cloud: Cloud, browser: Browser, http: requests.Session
) -> None:
    app = await application(cloud, http, AZURE_CLI.id)
    flow = await asyncio.to_thread(app.initiate_device_flow, [f"{cloud.base}/.default"])
    await browser.go("/device")
    await browser.send("code", code=flow["user_code"])
    await browser.sign_in(ANN, PASSWORD)
    await browser.send("refuse")
    given = await asyncio.to_thread(app.acquire_token_by_device_flow, flow)
    assert given["error"] == "authorization_declined"


class Desktop(webbrowser.BaseBrowser):
    """What `webbrowser` finds: hands the address to a person at the test's browser."""

    def __init__(self, browser: Browser, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._browser, self._loop = browser, loop

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        asyncio.run_coroutine_threadsafe(self._visit(url), self._loop)
        return True

    async def _visit(self, url: str) -> None:
        await self._browser.go(url)
        shown = await self._browser.sign_in("ann", PASSWORD)
        assert self._browser.page is not None
        [(where, fields)] = self._browser.page.forms
        assert f"form-action 'self' {where};" in shown.headers["content-security-policy"]
        async with httpx.AsyncClient(trust_env=False, timeout=60) as plain:
            await plain.post(where, data=fields)


@pytest.mark.parametrize("tenant", ["organizations", TENANT, "lab.example"])
async def test_msal_signs_in_with_a_browser(
    cloud: Cloud, browser: Browser, http: requests.Session, tenant: str
) -> None:
    """What `az login` does: it listens on a loopback port and opens the sign-in page in a browser."""
    app = await application(cloud, http, AZURE_CLI.id, tenant)
    desktop = Desktop(browser, asyncio.get_running_loop())
    webbrowser.register("outofband-test", None, desktop, preferred=True)
    try:
        given = await asyncio.to_thread(
            app.acquire_token_interactive,
            [f"{cloud.base}/.default"],
            prompt="select_account",
            timeout=60,
        )
    finally:
        webbrowser._tryorder.remove("outofband-test")  # type: ignore[attr-defined]
    assert "access_token" in given, given
    assert given["id_token_claims"]["preferred_username"] == ANN
    assert await works(cloud, given["access_token"])
    assert await works(cloud, await renewed(cloud, app))


@pytest.mark.filterwarnings("ignore:response_mode")
async def test_msal_asks_for_the_person_again_when_signed_out(
    cloud: Cloud, browser: Browser, http: requests.Session
) -> None:
    app, redirect = await application(cloud, http, AZURE_CLI.id), "http://localhost:4711"
    flow = await asyncio.to_thread(
        app.initiate_auth_code_flow, [f"{cloud.base}/.default"], redirect_uri=redirect
    )
    await browser.go(flow["auth_uri"])
    back = await browser.sign_in("ann", PASSWORD)
    response = dict(parse_qsl(urlsplit(back.headers["location"]).query))
    given = await asyncio.to_thread(app.acquire_token_by_auth_code_flow, flow, response)
    await browser.go("/account")
    await browser.send("end-others")
    assert not await works(cloud, given["access_token"])
    [account] = await asyncio.to_thread(app.get_accounts)
    refused = await asyncio.to_thread(
        app.acquire_token_silent_with_error, [f"{cloud.base}/.default"], account, force_refresh=True
    )
    assert (refused["error"], refused["error_codes"]) == ("invalid_grant", [50173])


async def test_the_metadata_is_what_openid_clients_read(cloud: Cloud) -> None:
    """The fields that oidc-client-ts, Authlib and msal take, and that they agree with each other."""
    for tenant in (TENANT, "lab.example", "organizations"):
        where = f"/{tenant}/v2.0/.well-known/openid-configuration"
        found = (await cloud.http.get(where)).json()
        for name in ("authorization", "token", "device_authorization", "end_session", "revocation"):
            assert found[f"{name}_endpoint"].startswith(f"{cloud.base}/{tenant}/oauth2/v2.0/")
        assert found["issuer"] == f"{cloud.base}/{TENANT if tenant != 'organizations' else '{tenantid}'}/v2.0"
        assert found["code_challenge_methods_supported"] == ["S256"]
        assert set(found["grant_types_supported"]) == {
            "client_credentials",
            "authorization_code",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code",
        }
        keys = (await cloud.http.get(urlsplit(found["jwks_uri"]).path)).json()["keys"]
        assert keys and all(key["alg"] == "RS256" for key in keys)


async def test_the_metadata_leads_to_where_the_client_already_is(cloud: Cloud) -> None:
    """Under another name of ours, and only of ours: a Host header leads nobody away."""
    where = f"/{TENANT}/v2.0/.well-known/openid-configuration"
    for host in ("evil.example", "localhost:1", cloud.base.partition("://")[2]):
        found = (await cloud.http.get(where, headers={"Host": host})).json()
        assert found["token_endpoint"].startswith(f"{cloud.base}/")
        assert found["issuer"] == f"{cloud.base}/{TENANT}/v2.0"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"grant_type=authorization_code&client_id=%00&code=%00",
        b"grant_type=refresh_token&client_id=" + b"x" * 30_000,
        b"grant_type=authorization_code&grant_type=refresh_token",
        b"\xff\xfe",
        b"a=1&" * 100,
    ],
)
async def test_odd_token_requests(cloud: Cloud, body: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for door in ("token", "devicecode", "revoke"):
        answer: httpx.Response = await cloud.http.post(
            f"/{TENANT}/oauth2/v2.0/{door}", content=body, headers=headers
        )
        assert answer.status_code in (400, 413), answer.text
        assert "error" in answer.json()
