"""Every page of the portal: opened, read by axe in both themes, fit for a phone; and what people do there."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.web import words
from tests.web.people import Person, Town
from tests.web.portal import Portal
from tests.web.visit import DESK, PHONE, Visit, Visits

pytestmark = pytest.mark.anyio

DONE_MS = 120_000
PLACES = (
    "vms",
    "scale-sets",
    "classic",
    "machines",
    "machines/add",
    "subscription",
    "activity",
    "explain",
    "api",
    "sessions",
)
IDENTITY = ("users", "groups", "clients", "policy", "document")
LOADED = """
() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .filter((entry) => /\\/portal\\//.test(entry.name))
  .map((entry) => [new URL(entry.name).pathname, entry.encodedBodySize, entry.decodedBodySize])
"""


def pages(portal: Portal) -> dict[str, str]:
    """Every page by the name of its picture."""
    parts = ("", "activity", "access", "diagnostics", "restart", "reset")
    support = ("connect", "troubleshoot", "health", "password", "rules", "redeploy")
    return {
        **{name.replace("/", "-"): portal.address + name for name in PLACES},
        **{f"identity-{name}": f"{portal.address}identity/{name}" for name in IDENTITY},
        "consoles": portal.address + "console",
        **{f"vm-{part or 'overview'}": portal.vm_page(part=part) for part in (*parts, *support)},
        **{f"machine-{part or 'overview'}": portal.machine_page(part) for part in parts[:3]},
        "not-found": portal.address + "nowhere",
    }


async def settled(page: Page) -> None:
    """The page has its heading and waits for nothing any more."""
    await expect(page.get_by_role("main").get_by_role("heading").first).to_be_visible()
    await expect(page.get_by_role("progressbar")).to_have_count(0)


async def test_every_page_is_readable_in_both_themes(visits: Visits, portal: Portal, admin: Person) -> None:
    visit = await visits.open()
    await visit.sign_in(admin)
    for name, address in pages(portal).items():
        await visit.page.goto(address)
        await settled(visit.page)
        for scheme in ("light", "dark"):
            await visit.page.emulate_media(color_scheme=scheme)
            await visit.axe()
        await visit.page.emulate_media(color_scheme="light")
        await visit.picture(name)


async def test_every_page_fits_a_phone(visits: Visits, portal: Portal, admin: Person) -> None:
    visit = await visits.open(PHONE, has_touch=True, is_mobile=True)
    await visit.sign_in(admin)
    for name, address in pages(portal).items():
        await visit.page.goto(address)
        await settled(visit.page)
        await visit.fits()
        await visit.picture(f"phone-{name}")


@pytest.mark.parametrize(("region", "language"), [("fr-CH", "fr"), ("nl-BE", "nl")])
async def test_every_page_is_in_the_browsers_language(
    visits: Visits, portal: Portal, admin: Person, region: str, language: str
) -> None:
    """No English is left over, to see or to hear, and no button is too small for its words on a phone."""
    visit = await visits.open(PHONE, has_touch=True, is_mobile=True, locale=region)
    page = visit.page
    await visit.sign_in(admin)
    assert await page.evaluate("document.documentElement.lang") == language
    left: dict[str, list[str]] = {}
    for name, address in (pages(portal) | {"vm-console": portal.vm_page(part="console")}).items():
        await page.set_viewport_size(PHONE)
        await page.goto(address)
        await settled(page)
        left[f"cut off on {name}"] = await words.cut_off(page)
        await visit.fits()
        await visit.picture(f"{language}-{name}")
        left[f"on {name}, small"] = await words.left_in_english(page, language)
        await page.set_viewport_size(DESK)
        left[f"on {name}"] = await words.left_in_english(page, language)
    assert {place: found for place, found in left.items() if found} == {}


async def test_the_first_load_is_small(
    visits: Visits, portal: Portal, admin: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    visit = await visits.open()
    await visit.sign_in(admin, to=portal.address + "vms")
    await settled(visit.page)
    files: list[tuple[str, int, int]] = await visit.page.evaluate(LOADED)
    transfer, plain = sum(each[1] for each in files), sum(each[2] for each in files)
    with capsys.disabled():
        print(f"\nfirst load: {len(files)} files, {transfer / 1024:.0f} KiB, {plain / 1024:.0f} KiB unpacked")
    assert transfer < 400 * 1024


async def test_the_search_goes_to_a_machine_and_runs_a_command(visits: Visits, admin: Person) -> None:
    visit = await visits.open()
    page = visit.page
    await visit.sign_in(admin)
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("combobox")).to_be_focused()
    await page.keyboard.type("demo")
    await expect(page.get_by_role("option").first).to_contain_text("demo")
    await visit.axe()
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile("/vms/.*/demo$"))
    await page.keyboard.press("/")
    await page.keyboard.type("dark")
    await expect(page.get_by_role("option").first).to_contain_text("Dark")
    await page.keyboard.press("Enter")
    await visit.axe()


async def test_a_running_operation_is_followed(visits: Visits, portal: Portal, admin: Person) -> None:
    visit = await visits.open()
    page = visit.page
    # Its picture may be asked for while it stops.
    visit.allow(r"status of 409 .*/screenshot")
    await visit.sign_in(admin, to=portal.vm_page())
    await page.get_by_role("button", name="Stop", exact=True).click()
    await visit.dialog.get_by_role("button", name="Stop").click()
    await expect(page.get_by_role("button", name=re.compile("Notifications: .*1 running"))).to_be_visible()
    await expect(page.get_by_role("button", name=re.compile("Notifications: .*0 running"))).to_be_visible(
        timeout=DONE_MS
    )
    await page.get_by_role("button", name=re.compile("Notifications")).click()
    await expect(page.get_by_text("Succeeded").first).to_be_visible()
    await visit.axe()
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Start", exact=True).click()
    await expect(page.get_by_text("Running").first).to_be_visible(timeout=DONE_MS)


async def test_a_role_is_given_and_taken(visits: Visits, portal: Portal, admin: Person, town: Town) -> None:
    newcomer = town.add("newcomer")
    visit = await visits.open()
    page = visit.page
    await visit.sign_in(admin, to=portal.vm_page(part="access"))
    await page.get_by_role("button", name="Add a role").click()
    dialog = visit.dialog
    await expect(dialog).to_be_visible()
    await visit.axe()
    await choose(page, "Role", "Reader")
    who = dialog.get_by_role("combobox", name="User, group or service principal")
    await who.fill("newc")
    await page.get_by_role("option", name=re.compile("newcomer", re.IGNORECASE)).first.click()
    await dialog.get_by_role("button", name="Add", exact=True).click()
    row = page.get_by_role("row", name=re.compile("newcomer", re.IGNORECASE))
    await expect(row).to_contain_text("Reader")

    theirs = await visits.open()
    await theirs.sign_in(newcomer)
    await expect(theirs.page.get_by_role("main").get_by_role("link", name="demo", exact=True)).to_be_visible()

    await page.get_by_role("button", name=re.compile("Remove Reader of newcomer", re.IGNORECASE)).click()
    await visit.dialog.get_by_role("button", name="Remove").click()
    await expect(row).to_have_count(0)


async def choose(page: Page, label: str, option: str) -> None:
    """Pick from a drop-down list of a dialog."""
    await page.get_by_role("dialog").get_by_role("combobox", name=label, exact=True).click()
    await page.get_by_role("option", name=re.compile(f"^{option}")).first.click()


async def test_the_api_page_switches_the_console_of_a_subscription(
    visits: Visits, portal: Portal, admin: Person
) -> None:
    visit = await visits.open()
    await visit.sign_in(admin, to=portal.address + "api")
    assert '"disabled": true' in await call(visit, "disableConsole", "POST")
    assert (await portal.console_switch(""))["disabled"] is True
    assert '"disabled": false' in await call(visit, "enableConsole", "POST")
    await visit.axe()
    await visit.picture("api-result")


async def call(visit: Visit, words: str, method: str) -> str:
    """Choose a call on the API page by words of it, run it as it is offered; its answer."""
    page = visit.page
    search = page.get_by_role("searchbox", name="Search the calls")
    await search.fill(words)
    await page.get_by_role("main").get_by_role("link", name=re.compile(words)).first.click()
    await page.get_by_role("button", name="Run", exact=True).click()
    result = page.get_by_role("region", name="Result")
    await expect(result).to_contain_text("200")
    return await result.inner_text()
