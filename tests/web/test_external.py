"""A person signs in to the portal with an account elsewhere, in a real browser, at a real provider.

The groups there decide what is seen here: with one that is mapped the house's VM is in the list, without it
nothing is.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Playwright, expect

from tests.support.oidc import CLIENT, SECRET, OidcProvider
from tests.web import chromium
from tests.web.people import AUTHORIZATION
from tests.web.portal import Portal
from tests.web.visit import PHONE, Visit, Visits

pytestmark = pytest.mark.anyio
NAME = "Example Corp"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    with OidcProvider(tmp_path_factory.mktemp("elsewhere")) as running:
        yield running


@pytest.fixture(scope="module")
async def browser(
    playwright: Playwright,
    portal: Portal,
    provider: OidcProvider,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Browser]:
    """Trusts the provider as well."""
    home = tmp_path_factory.mktemp("home")
    both = tmp_path_factory.mktemp("trust") / "both.pem"
    both.write_text(portal.authority.read_text() + provider.trust)
    chromium.trust(home, both)
    started = await chromium.start(playwright, home, chromium.NO_WEBGL, portal.through_cables)
    yield started
    await started.close()


@pytest.fixture(scope="module")
def corp(portal: Portal, provider: OidcProvider) -> Any:
    """The provider, registered at the house, with a group that may read."""
    api = portal.api
    group = api.call(
        "POST",
        "/v1.0/groups",
        {
            "displayName": "Operators",
            "mailNickname": "operators",
            "mailEnabled": False,
            "securityEnabled": True,
        },
        expect=201,
    )
    where = f"{api.subscription}/providers/Microsoft.Authorization"
    every = api.call("GET", f"{where}/roleDefinitions", **AUTHORIZATION)["value"]
    [reader] = [each["id"] for each in every if each["properties"]["roleName"] == "Reader"]
    given = {"roleDefinitionId": reader, "principalId": group["id"], "principalType": "Group"}
    path = f"{where}/roleAssignments/{uuid.uuid4()}"
    api.call("PUT", path, {"properties": given}, expect=201, **AUTHORIZATION)
    wanted = {
        "name": NAME,
        "issuer": provider.issuer,
        "clientId": CLIENT,
        "clientSecret": SECRET,
        "ca": provider.trust,
        "scopes": ["openid", "profile", "email", "groups"],
        "groupsClaim": "groups",
        "groupMap": [{"external": "ops", "group": group["id"]}],
        "createUsers": True,
    }
    made = api.call("POST", "/directory/identityProviders", wanted, expect=201)
    provider.wish(clients=[provider.registered(made["redirectUris"])])
    return made


def button(page: Page) -> Any:
    return page.get_by_role("button", name=f"Sign in with {NAME}")


def vm(page: Page) -> Any:
    return page.get_by_role("main").get_by_role("link", name="demo", exact=True)


async def through(visit: Visit, login: str) -> None:
    """From the sign-in page that is shown, by the keyboard, through the provider's page, and back."""
    page = visit.page
    await button(page).focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Sign in elsewhere")).to_be_visible()
    await page.get_by_label("Login").fill(login)
    await page.get_by_role("button", name="Sign in", exact=True).click()


async def test_a_group_there_opens_a_machine_here(
    visits: Visits, portal: Portal, provider: OidcProvider, corp: Any
) -> None:
    provider.account("grace", "ops")
    visit = await visits.open()
    page = visit.page
    await page.goto(portal.vm_page(part="activity"))
    await expect(button(page)).to_be_visible()
    await visit.axe()
    await visit.fits()
    await visit.picture("sign-in-external")
    await through(visit, "grace")
    await visit.inside()
    # The deep link outlived both ways.
    await expect(page).to_have_url(portal.vm_page(part="activity"))
    await page.goto(portal.address)
    await expect(vm(page)).to_be_visible()

    await page.goto(f"{portal.address.removesuffix('portal/')}account")
    await expect(page.get_by_text(f"Linked: {NAME}.")).to_be_visible()
    await expect(page.get_by_text("Signed in with: another provider").first).to_be_visible()
    await expect(page.get_by_role("link", name="Change password")).to_have_count(0)
    await visit.axe()
    await page.get_by_role("link", name="Manage them").click()
    await expect(page.get_by_role("cell", name="grace")).to_be_visible()
    await visit.axe()
    await visit.picture("external-accounts")

    # Somewhere else, after the group was taken away there: nothing is seen, here neither.
    provider.account("grace")
    other = await visits.open(PHONE)
    await other.page.goto(portal.address)
    await expect(button(other.page)).to_be_visible()
    await other.axe()
    await other.fits()
    await through(other, "grace")
    await expect(other.page.get_by_role("main")).to_be_visible()
    await expect(other.page).to_have_url(re.compile("/portal/"))
    await expect(vm(other.page)).to_have_count(0)
    await page.goto(portal.address)
    await visit.inside()
    await expect(page.get_by_role("main")).to_be_visible()
    await expect(vm(page)).to_have_count(0)


async def test_who_says_no_there_can_still_sign_in_here(
    visits: Visits, portal: Portal, provider: OidcProvider, corp: Any
) -> None:
    provider.account("henry", "ops")
    visit = await visits.open()
    visit.allow("status of 403")
    page = visit.page
    await page.goto(portal.address)
    await button(page).click()
    await page.get_by_role("button", name="Refuse").click()
    await expect(page.get_by_role("alert")).to_contain_text("ExternalDeclined")
    await visit.axe()
    await visit.fits()
    await page.get_by_role("link", name="Go to the portal").click()
    await expect(page.get_by_role("textbox", name="User name")).to_be_visible()
