"""Many machines at once: each port's state in the list, a simulator's label, a line for several consoles."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.async_api import Locator, Page, expect

from tests.web import words
from tests.web.people import Person
from tests.web.portal import Portal
from tests.web.seat import Seat
from tests.web.visit import Visit, Visits

pytestmark = pytest.mark.anyio

BOOT_MS = 120_000
ROWS = ("demo", "demo2", "win-sim")


@pytest.fixture(scope="module")
def three(portal: Portal) -> Portal:
    """Two Linux guests and a simulated Windows."""
    house = portal.house
    house.oob("vm", "create", "demo2", "--image", "demo", "--memory", "192")
    house.up("--windows")
    return portal


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(
        has=page.get_by_role("rowheader").filter(has_text=re.compile(rf"^{name}(?:simulator)?$"))
    )


async def shell(visit: Visit, name: str) -> None:
    """Leave a shell open on a machine."""
    seat = Seat(visit, await visit.context.new_page(), name)
    await seat.open()
    await seat.log_in()
    await seat.page.close()


async def test_the_list_tells_what_each_port_shows_and_which_is_a_simulator(
    visits: Visits, three: Portal, admin: Person
) -> None:
    visit = await visits.open()
    await visit.sign_in(admin, to=three.address + "vms")
    page = visit.page
    await expect(row(page, "win-sim")).to_contain_text("simulator")
    await expect(row(page, "win-sim").get_by_text("SAC", exact=True)).to_be_visible()
    for name in ("demo", "demo2"):
        await expect(row(page, name).get_by_text("Login", exact=True)).to_be_visible(timeout=BOOT_MS)
        await expect(row(page, name)).not_to_contain_text("simulator")
    await visit.axe()
    await visit.picture("vms-ports")
    for name in ("demo", "demo2"):
        await shell(visit, name)
        # The list was left alone meanwhile: it follows by itself.
        await expect(row(page, name).get_by_text("Shell", exact=True)).to_be_visible()

    await page.goto(three.vm_page("win-sim"))
    await expect(page.get_by_role("main").get_by_text("simulator", exact=True)).to_be_visible()
    seat = Seat(visit, name="win-sim")
    await seat.open()
    await seat.says("simulator")
    await a_key_that_sac_lacks_is_explained(visit, seat)
    await all_of_the_log_is_a_recording(visit, seat)


async def a_key_that_sac_lacks_is_explained(visit: Visit, seat: Seat) -> None:
    await seat.ends(re.compile(r"SAC>$"))
    await seat.focus()
    await seat.page.keyboard.press("ArrowUp")
    command = seat.page.get_by_text("bcdedit /set {current} onetimeadvancedoptions on", exact=True)
    await expect(command).to_be_visible()
    await visit.axe()
    await visit.picture("console-explained")
    await seat.page.keyboard.press("Control+]")
    await seat.page.keyboard.press("x")
    await expect(command).to_have_count(0)
    await expect(seat.keyboard).to_be_focused()


async def all_of_the_log_is_a_recording(visit: Visit, seat: Seat) -> None:
    async with seat.page.expect_download() as begun:
        await seat.action("Download")
        await visit.dialog.get_by_role("radio", name="All of the machine").check()
        await visit.dialog.get_by_role("radio", name="Recording").check()
        await visit.axe()
        await visit.picture("console-download")
        await visit.dialog.get_by_role("button", name="Download").click()
    recording = Path(await (await begun.value).path()).read_text()
    assert json.loads(recording.partition("\n")[0])["version"] == 2
    assert "SAC started and initialized" in recording


async def test_one_line_goes_to_the_chosen_consoles_that_wait_for_it(
    visits: Visits, three: Portal, admin: Person
) -> None:
    """By the keyboard alone; nothing is typed where the check fails."""
    visit = await visits.open()
    asked = urlencode([("vm", three.vm_id(name)) for name in ROWS] + [("layout", "grid")])
    await visit.sign_in(admin)
    page = visit.page
    for name in ("demo", "demo2"):
        await shell(visit, name)
    await page.goto(f"{three.address}console?{asked}")
    for name in ROWS:
        group = page.get_by_role("group", name=name, exact=True)
        await expect(group.get_by_text("You have the keyboard", exact=True)).to_be_visible()

    await page.get_by_role("button", name="Type into several", exact=True).focus()
    await page.keyboard.press("Enter")
    line = page.get_by_role("textbox", name="Line to type, with Enter")
    await expect(line).to_be_focused()
    for name in ("demo", "demo2"):
        await expect(row(page, name)).to_contain_text("Ready: Shell")
    await expect(row(page, "win-sim")).to_contain_text("The port shows: SAC")
    await expect(row(page, "win-sim").get_by_role("checkbox")).to_be_disabled()
    await visit.axe()
    await visit.picture("consoles-broadcast")

    await page.keyboard.type("echo many-$((6*7))")
    await page.keyboard.press("Enter")
    said = page.get_by_role("region", name="Type into several consoles").get_by_role("status")
    await expect(said).to_have_text("Typed into 2 of 2 consoles chosen. 2 of 2 are done.")
    for name in ("demo", "demo2"):
        await expect(row(page, name)).to_contain_text("Done, the prompt is back")
        await expect(row(page, name).get_by_text("many-42", exact=True)).to_be_visible()

    # What runs a program does not get the next line, and is told apart; who is not chosen neither.
    await page.keyboard.type("read once; echo more-$((1+1))")
    await row(page, "demo").get_by_role("checkbox").press("Space")
    await line.press("Enter")
    await expect(row(page, "demo2")).to_contain_text("Echoed; the prompt is not back yet")
    await expect(row(page, "demo2")).to_contain_text("No empty prompt")
    await page.get_by_role("button", name="Choose all").press("Enter")
    await line.press_sequentially("echo third")
    await line.press("Enter")
    await expect(said).to_have_text("Typed into 1 of 1 console chosen. 1 of 1 is done.")
    logs = {name: (await three.meanwhile(three.house.oob, "vm", "log", name)).stdout for name in ROWS}
    assert "more-" not in logs["demo"], "it was not chosen"
    assert "third" in logs["demo"]
    assert "third" not in logs["demo2"], "a program runs there"
    assert not re.search("many-|third", logs["win-sim"]), "it shows something else"

    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Type into several", exact=True)).to_be_focused()
    await visit.speak("Language", "Français")
    await page.get_by_role("button", name="Saisir dans plusieurs", exact=True).press("Enter")
    await expect(page.get_by_role("textbox", name="Ligne à saisir, avec Entrée")).to_be_visible()
    assert await words.left_in_english(page, "fr") == []
