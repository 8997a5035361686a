"""Second factors in a real browser: its own virtual authenticator, an app, the account pages, by keyboard.

Passkeys are bound to a host name, so that these pages are opened under `localhost`.
"""

from __future__ import annotations

import base64
import re

import pytest
from playwright.async_api import CDPSession, Page, expect

from outofband.core import clock
from outofband.identity import totp
from tests.web.people import PASSWORD, Person, Town
from tests.web.portal import Portal
from tests.web.seat import Seat
from tests.web.visit import PHONE, Visit, Visits

pytestmark = pytest.mark.anyio


def address(portal: Portal, path: str) -> str:
    return f"https://localhost:{portal.house.arm_port}{path}"


class Key:
    """The browser's virtual authenticator (WebAuthn level 2, section 11)."""

    def __init__(self, cdp: CDPSession, name: str) -> None:
        self._cdp, self._name = cdp, name

    @classmethod
    async def plug(cls, visit: Visit) -> Key:
        cdp = await visit.context.new_cdp_session(visit.page)
        await cdp.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        made = await cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        return cls(cdp, made["authenticatorId"])

    async def verifies(self, does: bool) -> None:
        await self._cdp.send(
            "WebAuthn.setUserVerified", {"authenticatorId": self._name, "isUserVerified": does}
        )

    async def count(self) -> int:
        held = await self._cdp.send("WebAuthn.getCredentials", {"authenticatorId": self._name})
        return sum(int(each["signCount"]) for each in held["credentials"])


async def requires(portal: Portal, required: bool) -> None:
    body = {"requireMfa": required}
    await portal.meanwhile(lambda: portal.api.call("PUT", "/account/api/policy", body))


async def code_on(page: Page) -> str:
    """What an app that was given this page's secret shows now."""
    shown = await page.locator("code.secret").inner_text()
    return totp.code_at(base64.b32decode(shown.replace(" ", "")), clock.now())


async def looked_at(visit: Visit, name: str) -> None:
    await visit.axe()
    await visit.fits()
    await visit.picture(name)


async def test_a_passkey_is_set_up_used_and_removed(visits: Visits, portal: Portal, town: Town) -> None:
    person = town.add("keys", "Reader")
    visit = await visits.open()
    visit.allow("status of 40")
    page, key = visit.page, await Key.plug(visit)
    await page.goto(address(portal, "/account/factors/add"))
    await visit.fill_in(person)
    await expect(page.get_by_role("heading", name="Set up a second factor")).to_be_visible()
    await looked_at(visit, "factor-enrol")
    await page.locator("#passkey-name").fill("Laptop")
    await page.get_by_role("button", name="Set up a passkey").click()
    await expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    codes = await page.locator("ul.codes code").all_inner_texts()
    assert len(set(codes)) == 10
    await looked_at(visit, "factor-recovery")
    await page.get_by_role("button", name="I have them").click()
    await expect(page.get_by_text("It is set up")).to_be_visible()
    await expect(page.get_by_role("cell", name="Laptop Passkey for localhost")).to_be_visible()
    await looked_at(visit, "factor-list")
    await page.goto(address(portal, "/account"))
    await expect(page.get_by_text("passkey").first).to_be_visible()
    await looked_at(visit, "account")
    await page.get_by_role("button", name="Sign out", exact=True).first.click()

    # After the password; the key's count grows with each use.
    await page.goto(address(portal, "/portal/"))
    await visit.fill_in(person)
    await expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    await looked_at(visit, "factor")
    before = await key.count()
    await page.get_by_role("button", name="Use a passkey").click()
    await visit.inside()
    assert await key.count() > before
    await page.goto(address(portal, "/account"))
    await page.get_by_role("button", name="Sign out", exact=True).first.click()

    # Instead of name and password, when it verifies who holds it.
    await page.goto(address(portal, "/portal/"))
    await key.verifies(False)
    await page.get_by_role("button", name="Use a passkey instead").click()
    await expect(page.get_by_text("The browser did not use a passkey")).to_be_visible()
    await looked_at(visit, "passkey")
    await key.verifies(True)
    await page.get_by_role("button", name="Use a passkey").click()
    await visit.inside()

    # With a recovery code, once; then the passkey goes.
    other = await visits.open(PHONE)
    other.allow("status of 40")
    await other.page.goto(address(portal, "/account/factors"))
    await other.fill_in(person)
    await other.page.get_by_text("Phone or key not at hand?").click()
    await other.page.get_by_label("Recovery code").fill(codes[0])
    await other.page.get_by_role("button", name="Use the recovery code").click()
    await expect(other.page.get_by_text("You have 9 left")).to_be_visible()
    await looked_at(other, "factor-list-phone")
    await other.page.get_by_role("button", name="Remove Laptop").click()
    await expect(other.page.get_by_text("There is none yet")).to_be_visible()


async def test_at_an_address_of_numbers_the_page_says_where_passkeys_are(
    visits: Visits, portal: Portal, town: Town
) -> None:
    visit = await visits.open()
    await visit.page.goto(portal.address.replace("/portal/", "/account/factors/add"))
    await visit.fill_in(town.add("numbers", "Reader"))
    await expect(visit.page.get_by_text("Passkeys need a host name")).to_be_visible()
    await expect(visit.page.get_by_role("button", name="Set up a passkey")).to_have_count(0)


async def sign_in_by_keyboard(page: Page, person: Person) -> None:
    """The name has the focus; nothing here touches the mouse."""
    await expect(page.get_by_role("textbox", name="User name")).to_be_focused()
    await page.keyboard.type(person.name)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")


async def require_in_the_portal(visits: Visits, portal: Portal, town: Town, without: Person) -> None:
    """On the page of the sign-in policy, which says who has none; then the administrator is asked."""
    visit = await visits.open()
    visit.allow("status of 40")
    page = visit.page
    await visit.sign_in(town.admin, to=f"{portal.address}identity/policy")
    await expect(page.get_by_role("link", name=without.name)).to_be_visible()
    await page.get_by_role("button", name="Require it").click()
    await expect(visit.dialog).to_contain_text("people have none, and go no further than setting one up")
    await expect(visit.dialog).to_contain_text("You have none yourself")
    await looked_at(visit, "identity-policy-require")
    await visit.dialog.get_by_role("button", name="Require it").click()
    await expect(page.get_by_role("heading", name="Set up a second factor")).to_be_visible()


async def test_where_it_is_required_nobody_goes_without(visits: Visits, portal: Portal, town: Town) -> None:
    """Required in the portal. By keyboard: led through setting an app up, into the portal; and an open
    console ends with its code, until its person has gone the same way (row S7).
    """
    person, late = town.add("strict", "Reader"), town.add("late", "Virtual Machine Contributor")
    open_one = await visits.open()
    open_one.allow("status of 40", "WebSocket")
    seat = Seat(open_one)
    await open_one.sign_in(late)
    await seat.open()
    try:
        await require_in_the_portal(visits, portal, town, person)
        await expect(
            open_one.page.get_by_text(re.compile("second factor", re.IGNORECASE)).first
        ).to_be_visible()

        visit = await visits.open()
        visit.allow("status of 40")
        page = visit.page
        await page.goto(portal.address)
        await sign_in_by_keyboard(page, person)
        await expect(page.get_by_role("heading", name="Set up a second factor")).to_be_visible()
        await expect(page.get_by_text("needs more than a password")).to_be_visible()
        code = await code_on(page)
        await expect(page.get_by_role("textbox", name="Code")).to_be_focused()
        await page.keyboard.type("000000" if code != "000000" else "111111")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("WrongCode")
        await looked_at(visit, "factor-wrong")
        await page.keyboard.type(await code_on(page))
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
        while not await page.get_by_role("button", name="I have them").evaluate(
            "e => e === document.activeElement"
        ):
            await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await visit.inside()

        # Who was in the portal before is led through it at the next request.
        await open_one.page.goto(portal.address)
        await expect(open_one.page.get_by_role("heading", name="Set up a second factor")).to_be_visible()
        await open_one.page.get_by_role("textbox", name="Code").fill(await code_on(open_one.page))
        await open_one.page.get_by_role("button", name="Set up the app").click()
        await open_one.page.get_by_role("button", name="I have them").click()
        await open_one.inside()
        await seat.open()
    finally:
        await requires(portal, False)
