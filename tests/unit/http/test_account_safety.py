"""What must not work on the account pages: forms from elsewhere, addresses that lead astray, odd input."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import httpx
import pytest

from outofband.identity.clients import AZURE_CLI, CLI, PORTAL
from tests.support.browser import CSRF, SESSION, Browser, Page, Pkce, answered
from tests.support.cloud import TENANT, Cloud
from tests.support.users import PASSWORD, add_user

pytestmark = pytest.mark.anyio
AUTHORIZE = f"/{TENANT}/oauth2/v2.0/authorize"
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


async def ann(cloud: Cloud) -> str:
    name = f"ann{uuid.uuid4().hex[:8]}@lab.example"
    await add_user(cloud.store, TENANT, name)
    return name


def portal_request(cloud: Cloud, **more: str) -> dict[str, str]:
    return Pkce().request(PORTAL.id, f"{cloud.base}/portal/", "openid", **more)


def problem(answer: httpx.Response) -> str:
    """The code that the page tells."""
    assert answer.headers["content-type"].startswith("text/html")
    found = Page(answer).text
    assert "Code:" in found, found
    return found.partition("Code: ")[2].split()[0]


# --- forms from elsewhere


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "https://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
async def test_a_form_from_elsewhere_does_nothing(
    cloud: Cloud, browser: Browser, headers: dict[str, str]
) -> None:
    await browser.go("/account")
    answer = await browser.send("sign-in", headers=headers, name=await ann(cloud), password=PASSWORD)
    assert (answer.status_code, problem(answer)) == (403, "CrossSiteForm")
    assert browser.session is None


async def test_the_origin_of_this_page_alone_is_enough(cloud: Cloud, browser: Browser) -> None:
    await browser.go("/account")
    headers = {"Origin": cloud.base}
    answer = await browser.send("sign-in", headers=headers, name=await ann(cloud), password=PASSWORD)
    assert answer.status_code == 303 and browser.session


@pytest.mark.parametrize("token", ["", "x", "0" * 64, "ü\0", "x" * 20_000])
async def test_a_form_without_its_token_does_nothing(cloud: Cloud, browser: Browser, token: str) -> None:
    await browser.go("/account")
    answer = await browser.send("sign-in", name=await ann(cloud), password=PASSWORD, csrf=token)
    assert (answer.status_code, problem(answer)) == (403, "FormExpired")
    assert browser.session is None


async def test_the_token_of_another_browser_does_nothing(cloud: Cloud, browser: Browser) -> None:
    await browser.go("/account")
    async with Browser(cloud.base, cloud.client_context()) as other:
        await other.go("/account")
        assert other.page is not None
        foreign = other.page.form("sign-in")[1]["csrf"]
    answer = await browser.send("sign-in", name=await ann(cloud), password=PASSWORD, csrf=foreign)
    assert problem(answer) == "FormExpired"
    await browser.go("/account")
    browser.http.cookies.delete(CSRF)
    answer = await browser.send("sign-in", name=await ann(cloud), password=PASSWORD)
    assert problem(answer) == "FormExpired" and browser.session is None
    # The page that says so gave the browser its cookie: the next form works.
    await browser.go("/account")
    assert (await browser.sign_in(await ann(cloud), PASSWORD)).status_code == 303


async def test_signing_out_from_elsewhere_is_asked_first(cloud: Cloud, browser: Browser) -> None:
    await browser.go("/account")
    await browser.sign_in(await ann(cloud), PASSWORD)
    for hint in ({}, {"id_token_hint": "x.y.z"}, {"client_id": PORTAL.id}):
        await browser.go(LOGOUT, **hint)
        assert browser.page is not None and "Sign out?" in browser.page.text
        assert (await browser.go("/account")).text.count("Where you are signed in") == 1
    await browser.go(LOGOUT, client_id=PORTAL.id, post_logout_redirect_uri=f"{cloud.base}/portal/", state="s")
    gone = await browser.send("sign-out")
    assert gone.headers["location"] == f"{cloud.base}/portal/?state=s"
    assert browser.session is None
    await browser.go("/account")
    assert browser.page is not None and browser.page.form("sign-in")


# --- addresses


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"client_id": "x"}, "UnknownApplication"),
        ({"redirect_uri": "https://evil.example/portal/"}, "RedirectMismatch"),
        ({"redirect_uri": "//evil.example"}, "RedirectMismatch"),
        ({"redirect_uri": "javascript:alert(1)"}, "RedirectMismatch"),
        ({"redirect_uri": "http://localhost:1/\r\nX-Evil: 1"}, "RedirectMismatch"),
        ({"state": "s" * 9000}, "SignInRequestInvalid"),
    ],
)
async def test_a_bad_request_ends_on_a_page(
    cloud: Cloud, browser: Browser, changes: dict[str, str], code: str
) -> None:
    answer = await browser.go(AUTHORIZE, **(portal_request(cloud) | changes))
    assert answer.status_code == 400 and problem(answer) == code
    assert "location" not in answer.headers
    await browser.go("/account")
    await browser.sign_in(await ann(cloud), PASSWORD)
    answer = await browser.go(AUTHORIZE, **(portal_request(cloud) | changes))
    assert answer.status_code == 400 and "location" not in answer.headers


async def test_what_is_said_twice_is_not_answered(cloud: Cloud, browser: Browser) -> None:
    query = "&".join(f"{name}={value}" for name, value in portal_request(cloud).items())
    answer = await browser.go(f"{AUTHORIZE}?{query}&redirect_uri=https://evil.example/")
    assert answer.status_code == 400 and problem(answer) == "InvalidRequestContent"


@pytest.mark.parametrize("path", ["/nowhere.example/oauth2/v2.0/authorize", "/%00/oauth2/v2.0/authorize"])
async def test_an_unknown_tenant_ends_on_a_page(cloud: Cloud, browser: Browser, path: str) -> None:
    answer = await browser.go(path, **portal_request(cloud))
    assert (answer.status_code, problem(answer)) == (404, "TenantUnknown")


@pytest.mark.parametrize(
    "back",
    ["https://evil.example/portal/", "//evil.example/", "/portal/", "javascript:alert(1)", "\r\nX: y", ""],
)
async def test_nothing_leads_away_after_signing_out(cloud: Cloud, browser: Browser, back: str) -> None:
    for client in (PORTAL.id, CLI.id, "x"):
        answer = await browser.go(LOGOUT, client_id=client, post_logout_redirect_uri=back)
        assert answer.status_code == 200 and "You are signed out" in answer.text


async def test_what_was_done_is_one_of_a_few_words(cloud: Cloud, browser: Browser) -> None:
    await browser.go("/account")
    await browser.sign_in(await ann(cloud), PASSWORD)
    answer = await browser.go("/account", done="<script>alert(1)</script>")
    assert answer.status_code == 200 and "alert(1)" not in answer.text


# --- programs on somebody's machine


@pytest.mark.parametrize("client", [CLI.id, AZURE_CLI.id])
async def test_a_program_is_never_answered_without_a_word_of_the_person(
    cloud: Cloud, browser: Browser, client: str
) -> None:
    redirect, pkce = "http://localhost:4711", Pkce()
    query = pkce.request(client, redirect, f"{cloud.base}/.default offline_access openid")
    await browser.go("/account")
    await browser.sign_in(await ann(cloud), PASSWORD)
    quiet = answered(await browser.go(AUTHORIZE, **(query | {"prompt": "none"})))
    assert (quiet["error"], quiet["state"]) == ("interaction_required", pkce.state)

    shown = await browser.go(AUTHORIZE, **query)
    assert shown.status_code == 200 and "with all your rights" in shown.text
    assert f"form-action 'self' {redirect};" in shown.headers["content-security-policy"]
    declined = answered(await browser.send("cancel"))
    assert declined["error"] == "access_denied"

    await browser.go(AUTHORIZE, **query)
    assert answered(await browser.send("continue"))["code"]
    # And with the password asked for on a page that names the program.
    await browser.go(AUTHORIZE, **query)
    await browser.send("other")
    name = await ann(cloud)
    assert answered(await browser.sign_in(name, PASSWORD))["code"]
    await browser.go("/account")
    assert browser.page is not None and name in browser.page.text


async def test_the_page_for_a_new_password_names_the_program_too(cloud: Cloud, browser: Browser) -> None:
    """Its form is the last word before the program is answered."""
    name = f"new{uuid.uuid4().hex[:8]}@lab.example"
    await add_user(cloud.store, TENANT, name, must_change=True)
    await browser.go("/account")
    await browser.sign_in(name, PASSWORD)
    shown = await browser.go(AUTHORIZE, **Pkce().request(CLI.id, "http://localhost:4711", "openid"))
    assert "Choose a new password" in shown.text and "to continue to oob command line" in shown.text
    new = "slow heron ladder 7"
    assert answered(await browser.send("change", current=PASSWORD, new=new, again=new))["code"]


async def test_a_program_may_be_answered_with_a_form(cloud: Cloud, browser: Browser) -> None:
    redirect, state = "http://localhost:4711", '"><script>alert(1)</script>'
    query = Pkce().request(AZURE_CLI.id, redirect, "openid", response_mode="form_post") | {"state": state}
    await browser.go(AUTHORIZE, **query)
    shown = await browser.sign_in(await ann(cloud), PASSWORD)
    assert browser.page is not None
    [(where, fields)] = browser.page.forms
    assert where == redirect and set(fields) == {"code", "state", "iss"} and fields["state"] == state
    assert "<script>alert" not in shown.text
    refused = await browser.go(AUTHORIZE, **(query | {"code_challenge": ""}))
    assert refused.status_code == 200 and browser.page.forms[0][1]["error"] == "invalid_request"


async def test_nobody_is_told_who_is_there_without_a_session(cloud: Cloud, browser: Browser) -> None:
    told = answered(await browser.go(AUTHORIZE, **portal_request(cloud, prompt="none")))
    assert told["error"] == "login_required" and "AADSTS50058" in told["error_description"]


async def test_another_account_may_be_chosen(cloud: Cloud, browser: Browser) -> None:
    await browser.go("/account")
    await browser.sign_in(await ann(cloud), PASSWORD)
    await browser.go(AUTHORIZE, **portal_request(cloud, prompt="select_account"))
    assert answered(await browser.send("continue"))["code"]


# --- odd input


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "\0", "password": "a\0b"},
        {"name": "<script>alert(1)</script>", "password": "x"},
        {"name": "x" * 10_000, "password": "y" * 10_000},
        {"name": "\r\nSet-Cookie: a=b", "password": "x"},
        {"name": "", "password": ""},
    ],
)
async def test_odd_names_are_wrong_credentials(
    cloud: Cloud, browser: Browser, fields: dict[str, str]
) -> None:
    await browser.go("/account")
    answer = await browser.send("sign-in", **fields)
    assert (answer.status_code, problem(answer)) == (403, "WrongCredentials")
    assert "<script>alert" not in answer.text and "a=b" not in str(answer.headers)
    assert not fields["password"] or f'value="{fields["password"]}' not in answer.text


async def test_too_much_and_too_many(cloud: Cloud, browser: Browser) -> None:
    await browser.go("/account")
    answer = await browser.send("sign-in", name="x", password="y" * 40_000)
    assert answer.status_code == 413
    own = {"Origin": cloud.base, "Content-Type": "application/x-www-form-urlencoded"}
    many = "&".join(f"f{number}=1" for number in range(100))
    for body in (many, "csrf=1&csrf=2", "%ff%fe=%ff", b"\xff\xfe"):
        answer = await browser.http.post("/account", content=body, headers=own)
        assert answer.status_code == 400, body


@pytest.mark.parametrize("secret", ["x", "A" * 43, "A" * 5000, "\u00e9" * 43, '"; Path=/'])
async def test_a_cookie_that_is_none_of_ours(cloud: Cloud, secret: str) -> None:
    headers = {"Cookie": f"{SESSION}={secret}".encode()}
    answer = await cloud.http.get("/account", headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 200 and "Sign in" in answer.text


async def test_the_hint_fills_in_the_name_and_nothing_else(cloud: Cloud, browser: Browser) -> None:
    hint = '"><img src=x onerror=alert(1)>'
    await browser.go(AUTHORIZE, **portal_request(cloud, login_hint=hint))
    assert browser.page is not None and browser.page.form("sign-in")[1]["name"] == hint
    assert browser.last is not None and "<img src=x" not in browser.last.text


async def test_assets_are_named_by_what_is_in_them(cloud: Cloud, browser: Browser) -> None:
    text = (await browser.go("/account")).text
    found = [piece.partition('"')[0] for piece in text.split('"/account/assets/')[1:]]
    assert len(found) >= 3
    for name in found:
        answer = await cloud.http.get(f"/account/assets/{name}")
        assert answer.status_code == 200 and "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-type"].split(";")[0] in (
            "text/css",
            "text/javascript",
            "image/svg+xml",
        )
    for name in ("x/account.css", f"{found[0].partition('/')[0]}/..%2f..%2fpages.py", "../pages.py"):
        assert (await cloud.http.get(f"/account/assets/{name}")).status_code in (401, 404)


async def test_a_hint_about_somebody_else_does_not_pass_for_a_sign_out(
    cloud: Cloud, browser: Browser
) -> None:
    """Whoever was told to be signed out would leave the machine to the next one."""
    pkce, back = Pkce(), f"{cloud.base}/portal/"
    async with Browser(cloud.base, cloud.client_context()) as other:
        await other.go(AUTHORIZE, **pkce.request(PORTAL.id, back, "openid"))
        sent = await other.sign_in(await ann(cloud), PASSWORD)
        form = pkce.redemption(PORTAL.id, back, answered(sent)["code"])
        given = await other.http.post(f"/{TENANT}/oauth2/v2.0/token", data=form)
    hint = given.json()["id_token"]
    await browser.go("/account")
    await browser.sign_in(await ann(cloud), PASSWORD)
    await browser.go(LOGOUT, id_token_hint=hint)
    assert browser.page is not None and "Sign out?" in browser.page.text
    await browser.send("sign-out")
    assert browser.session is None and "You are signed out" in browser.page.text
