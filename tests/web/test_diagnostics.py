"""Boot diagnostics of a machine in a browser: the log read, searched, followed, its boots, its findings."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.peers.house import until
from tests.web.people import Person
from tests.web.portal import Portal
from tests.web.visit import PHONE, Visit, Visits

pytestmark = pytest.mark.anyio

BOOT_MS = 240_000
KERNEL = "Linux version"


def log_of(page: Page) -> Locator:
    return page.get_by_role("region", name="What demo printed")


async def opened(visit: Visit, portal: Portal, admin: Person) -> Page:
    await visit.sign_in(admin, to=portal.vm_page(part="diagnostics"))
    await expect(log_of(visit.page)).to_contain_text("login:", timeout=BOOT_MS)
    return visit.page


async def in_both_themes(visit: Visit, name: str) -> None:
    for scheme in ("light", "dark"):
        await visit.page.emulate_media(color_scheme=scheme)
        await visit.axe()
    await visit.page.emulate_media(color_scheme="light")
    await visit.picture(name)


async def test_the_log_is_searched_jumped_through_and_downloaded(
    visits: Visits, portal: Portal, admin: Person
) -> None:
    visit = await visits.open()
    page = await opened(visit, portal, admin)
    log = log_of(page)
    await page.get_by_role("switch", name="Times").check()
    await expect(log.locator("time").first).to_be_visible()

    # By the keyboard alone: the expression, Enter, and the first of what was found.
    await page.get_by_role("textbox", name="Search the log").press_sequentially("linux VERSION|command LINE")
    await page.keyboard.press("Enter")
    hits = page.get_by_role("region", name="Lines found")
    await expect(hits.get_by_role("button", name=KERNEL)).to_have_count(1)
    await expect(hits.locator("mark").first).to_have_text(KERNEL)
    await page.get_by_role("button", name="Next").press("Enter")
    await expect(log).to_contain_text(KERNEL)
    await expect(log.locator("mark").first).to_be_in_viewport()
    await expect(page.get_by_role("switch", name="Follow the end")).not_to_be_checked()
    await in_both_themes(visit, "vm-diagnostics-search")

    visit.allow("status of 400")
    await page.get_by_role("textbox", name="Search the log").fill("(a")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("LogPatternInvalid")
    await page.get_by_role("button", name="Clear").click()

    await page.get_by_role("textbox", name="Go to offset").fill("0")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text(re.compile(r"^Bytes 0 to "))).to_be_visible()
    await page.get_by_role("switch", name="Follow the end").check()
    await expect(log).to_contain_text("login:")

    async def saved_as(form: str) -> bytes:
        await page.get_by_role("button", name="Download").click()
        async with page.expect_download() as waiting:
            await page.get_by_role("menuitem", name=form).click()
        return Path(await (await waiting.value).path()).read_bytes()

    saved = await saved_as("Bytes")
    (spool,) = (portal.house.root / "agent" / "machines").glob("*/serial0.log")
    assert len(saved) > 10_000
    assert spool.read_bytes().startswith(saved)
    header, *events = map(json.loads, (await saved_as("Recording")).splitlines())
    assert header["version"] == 2
    assert KERNEL in "".join(each[2] for each in events)
    assert b"Linux version" in await saved_as("Text")
    assert b"<pre>" in await saved_as("Page with colours")


async def test_a_new_boot_is_followed_and_the_one_before_is_a_click_away(
    visits: Visits, portal: Portal, admin: Person
) -> None:
    visit = await visits.open()
    page = await opened(visit, portal, admin)
    bars = page.get_by_role("list", name="Boots").get_by_role("button")
    before = await bars.count()
    await portal.meanwhile(lambda: portal.house.oob("serial", "send", "demo", "reset"))
    await expect(bars).to_have_count(before + 1, timeout=BOOT_MS)
    await expect(log_of(page).get_by_text(re.compile(r"^Boot \d+ begins"))).to_have_count(1)
    await expect(log_of(page)).to_contain_text("Run /init", timeout=BOOT_MS)
    await bars.nth(before - 1).focus()
    await page.keyboard.press("Enter")
    await expect(log_of(page).get_by_text(KERNEL).first).to_be_visible()
    await expect(page.get_by_role("switch", name="Follow the end")).not_to_be_checked()


async def test_a_panic_is_found_and_leads_to_its_lines(visits: Visits, portal: Portal, admin: Person) -> None:
    # A guest that is not up yet does not listen to SysRq.
    wish = ("vm", "log", "demo", "--boot", "0", "--grep", "demo login:")
    await portal.meanwhile(lambda: until("the prompt", lambda: portal.house.json(*wish)["lines"], 240))
    visit = await visits.open()
    page = await opened(visit, portal, admin)
    await portal.meanwhile(lambda: portal.house.oob("serial", "send", "demo", "sysrq", "c", expect=None))
    finding = page.get_by_role("listitem").filter(has_text="KernelPanic").first
    await expect(finding).to_be_visible(timeout=BOOT_MS)
    await expect(finding.get_by_text("What to do:")).to_be_visible()
    evidence = finding.get_by_role("list", name="Lines that show it").get_by_role("button").first
    said = await evidence.inner_text()
    await evidence.click()
    await expect(log_of(page).get_by_text(said).first).to_be_in_viewport()
    await page.evaluate("scrollTo(0, 0)")
    await in_both_themes(visit, "vm-diagnostics-finding")

    await page.goto(portal.vm_page())
    await page.get_by_role("link", name="Lines, cause and what to do").first.click()
    await expect(log_of(page).get_by_text(said).first).to_be_in_viewport()

    small = await visits.open(PHONE, has_touch=True, is_mobile=True)
    await small.sign_in(admin, to=portal.vm_page(part="diagnostics"))
    await expect(small.page.get_by_text("KernelPanic").first).to_be_visible()
    await small.fits()
    await small.picture("phone-vm-diagnostics")


async def test_a_text_is_explained(visits: Visits, portal: Portal, admin: Person) -> None:
    visit = await visits.open()
    page = visit.page
    await visit.sign_in(admin, to=portal.address + "explain")
    box = page.get_by_role("textbox", name="A code, an error's text")
    await box.fill("[    1.2] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)")
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_text("KernelPanic").first).to_be_visible()
    await expect(page.get_by_text("What to do:").first).to_be_visible()
    await in_both_themes(visit, "explain")
    await box.fill("qwfp zxcv xyzzy")
    await page.get_by_role("button", name="Explain").click()
    await expect(page.get_by_text("Nothing is recognised in it.")).to_be_visible()
