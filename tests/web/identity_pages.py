"""Finding one's way on the identity pages of the portal, by keyboard where a person would."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect

from tests.web.portal import Portal
from tests.web.visit import Visit


def at(portal: Portal, page: str) -> str:
    return f"{portal.address}identity/{page}"


async def looked_at(visit: Visit, name: str) -> None:
    """By axe, in both themes, and by whoever wants pictures; without what comes and goes by itself."""
    await expect(visit.page.locator(".fui-Toast")).to_have_count(0)
    for scheme in ("light", "dark"):
        await visit.page.emulate_media(color_scheme=scheme)
        await visit.axe()
    await visit.page.emulate_media(color_scheme="light")
    await visit.fits()
    await visit.picture(name)


async def settled(page: Page) -> None:
    await expect(page.get_by_role("main").get_by_role("heading").first).to_be_visible()
    await expect(page.get_by_role("progressbar")).to_have_count(0)


def card(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=title)


async def press(page: Page, name: str, role: str = "button") -> None:
    """Reach a control of the page by Tab, and press Enter on it."""
    await tab_to(page, page.get_by_role(role, name=name, exact=True).first)  # type: ignore[arg-type]
    await page.keyboard.press("Enter")


async def tab_to(page: Page, wanted: Locator) -> None:
    await expect(wanted).to_be_visible()
    for _ in range(80):
        if await wanted.evaluate("e => e === document.activeElement"):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {wanted}")
