"""A browser that trusts nobody yet: it is led to the console's certificate, which it asks for separately."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Error, Page, Playwright, expect

from guests.build import Guest
from tests.peers.house import House
from tests.web import chromium
from tests.web.people import Person
from tests.web.portal import Portal
from tests.web.seat import CONNECT_MS, Seat
from tests.web.visit import Visits

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def house(demo_guest: Guest) -> Iterator[House]:
    """One whose consoles have a name of their own: a browser asks about its certificate once more."""
    made = House(demo_guest)
    made.env["OOB_GATEWAY_URL"] = f"wss://127.0.0.1:{made.console_port}"
    try:
        made.up()
        yield made
    finally:
        made.close()


@pytest.fixture
async def stranger(playwright: Playwright, tmp_path: Path) -> AsyncIterator[Browser]:
    started = await chromium.start(playwright, tmp_path, chromium.NO_WEBGL)
    yield started
    await started.close()


async def warned(page: Page) -> None:
    """Go on behind the browser's warning, as a person does who knows why it is shown."""
    await page.wait_for_function("() => document.title === 'Privacy error'")
    await page.click("#details-button")
    await page.click("#proceed-link")


async def test_the_consoles_certificate_is_recognised_and_led_through(
    stranger: Browser, portal: Portal, admin: Person, tmp_path: Path
) -> None:
    visits = Visits(stranger, portal, tmp_path / "pictures")
    visit = await visits.open()
    visit.allow("ERR_CERT_AUTHORITY_INVALID", "WebSocket connection")
    page, seat = visit.page, Seat(visit)
    with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
        await page.goto(portal.address.replace("127.0.0.1", "localhost"))
    await warned(page)
    await visit.fill_in(admin)
    await visit.inside()
    await page.goto(portal.vm_page(part="console").replace("127.0.0.1", "localhost"))
    accepted = page.get_by_role("button", name="I have read this")
    await expect(accepted).to_be_visible(timeout=CONNECT_MS)
    await accepted.click()
    await seat.says("this browser has to trust the console's address")
    await visit.axe()
    await visit.picture("console-trust")

    async with page.expect_popup() as opening:
        await page.get_by_role("link", name=re.compile("Open the console's address")).click()
    tab = await opening.value
    await warned(tab)
    await expect(tab.get_by_text("This browser now trusts the console's address").first).to_be_visible()
    await visit.axe(tab)
    await tab.close()
    await page.bring_to_front()
    await seat.attached()
    await seat.type("\n")
    await seat.ends(re.compile(r"login:\s*$"))
    await visits.close(failed=False)
