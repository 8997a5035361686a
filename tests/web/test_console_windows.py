"""Windows' console in a browser: channels, commands, keys as VT-UTF8, and what stands in the way of SAC."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.async_api import Locator, Page, expect

from guests.build import Guest
from tests.peers.house import House
from tests.web import windows
from tests.web.keys import Keys
from tests.web.people import Person
from tests.web.portal import Portal
from tests.web.seat import Seat
from tests.web.visit import PHONE, Visit, Visits

pytestmark = pytest.mark.anyio

SAC = "win-sim"
PROMPT = re.compile(r"SAC>$")
CMD = re.compile(r"system32>$")
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
BAR = {"↑": "ArrowUp", "↓": "ArrowDown", "→": "ArrowRight", "←": "ArrowLeft"}
BAR |= {"Page Up": "PageUp", "Page Down": "PageDown"}
BAR |= {key: key for key in windows.PRESSED if not key.startswith(("Arrow", "Page"))}
"""The key bar's own words for keys."""


@pytest.fixture(scope="module")
def house(demo_guest: Guest) -> Iterator[House]:
    """Without a guest: its VMs are simulators, which start at once."""
    made = House(demo_guest)
    try:
        windows.offer(made)
        made.up("--no-demo")
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
async def servers(portal: Portal) -> None:
    for program in windows.PROGRAMS:
        await windows.create(portal, program)


async def at(visit: Visit, person: Person, name: str = SAC) -> Seat:
    """A person at the console of one of the servers."""
    await visit.sign_in(person)
    seat = Seat(visit, name=name)
    await seat.open()
    if name == SAC:
        # Whatever somebody left it at.
        await bar(visit.page).get_by_role("tab", name="SAC").click()
        await seat.ends(PROMPT)
    return seat


def bar(page: Page) -> Locator:
    return page.get_by_role("region", name="Special Administration Console")


def arrived(sent: bytes | str) -> re.Pattern[str]:
    """What `sim keys` shows last: a key by all of its bytes, a character of text by one after the other."""
    shown = [sent.hex(" ")] if isinstance(sent, bytes) else [f"{byte:02x}" for byte in sent.encode()]
    return re.compile(r"\n".join(f"{each}  [^\n]+" for each in shown) + "$")


async def log_in(seat: Seat) -> None:
    """At the login of a command prompt that is shown."""
    await seat.ends(re.compile(r"Username:$"))
    await seat.type("Administrator\n\nsimulator\n")
    await seat.ends(CMD)


async def test_channels_are_tabs_and_commands_a_menu(visits: Visits, admin: Person, servers: None) -> None:
    visit = await visits.open()
    seat = await at(visit, admin)
    page, sac = visit.page, bar(visit.page)
    tab, prompt = sac.get_by_role("tab", name="SAC"), sac.get_by_role("tab", name="Cmd0001")
    await expect(tab).to_have_attribute("aria-selected", "true")
    await expect(page.get_by_text("SAC", exact=True).last).to_be_visible()

    await sac.get_by_role("button", name="Open cmd").click()
    await prompt.click()
    await expect(prompt).to_have_attribute("aria-selected", "true")
    await log_in(seat)
    await visit.axe()
    await visit.picture("console-sac")

    await seat.type("half a line")
    await tab.click()
    await expect(tab).to_have_attribute("aria-selected", "true")
    await seat.ends(PROMPT)

    async def choose(command: str) -> None:
        await sac.get_by_role("button", name="SAC commands").click()
        await page.get_by_role("menuitem", name=command).click()

    await sac.get_by_role("button", name="SAC commands").click()
    entry = page.get_by_role("menuitem", name="k <pid>")
    await expect(entry).to_contain_text("End a process")
    await visit.axe()
    await visit.picture("console-sac-commands")
    await entry.click()
    await seat.ends(re.compile(r"SAC>k ?$"))
    await expect(seat.keyboard).to_be_focused()
    # What stands at the prompt is taken back: neither entered nor in front of the next.
    await choose("id Show what machine")
    await seat.ends(re.compile(r"Computer Name: WIN-SIM\n(?:.*\n)+SAC>$"))

    # Locked, a prompt asks for its login again. That of the prompt that is shown is told of.
    await choose("lock Lock")
    await seat.ends(re.compile(r"locked\.\n(?:.*\n)*SAC>$"))
    await prompt.click()
    await seat.says("Windows logged this command prompt out: log in again to go on.")
    await log_in(seat)
    # Drawn again with the old log-out on it, it is not logged out.
    await expect(page.get_by_text("Windows logged this command prompt out")).to_have_count(0)
    await tab.click()
    await seat.ends(PROMPT)
    await prompt.click()
    await seat.ends(CMD)
    await seat.still()
    assert await page.get_by_text("Windows logged this command prompt out").count() == 0

    await sac.get_by_role("button", name="Close Cmd0001").click()
    await seat.ends(PROMPT)
    await expect(prompt).to_have_count(0)
    await sac.get_by_role("button", name="List channels").click()
    await seat.ends(re.compile(r"# Status  Channel Name\n0 \(AV\)    SAC\nSAC>$"))
    await expect(sac.get_by_role("tab")).to_have_count(1)


async def test_keys_are_what_windows_reads_byte_for_byte(
    visits: Visits, admin: Person, servers: None
) -> None:
    visit = await visits.open()
    seat = await at(visit, admin)
    page, sac = visit.page, bar(visit.page)
    await seat.focus()
    await page.keyboard.press("ArrowUp")
    # Said, and explained once.
    await seat.says(re.compile("The prompt of SAC has no arrow"))
    await visit.axe()
    await page.get_by_role("button", name="Close", exact=True).click()
    await expect(seat.keyboard).to_be_focused()
    await seat.ends(PROMPT)
    tabs = sac.get_by_role("tab")
    before = await tabs.count()
    await page.keyboard.type("cmx")
    await page.keyboard.press("Backspace")
    await page.keyboard.type("d\n")
    await expect(tabs).to_have_count(before + 1)
    await tabs.last.click()
    await log_in(seat)
    await seat.type("sim keys\n")
    await seat.shows("Ctrl-C ends it")
    for key, sent in windows.PRESSED.items():
        await page.keyboard.press(key)
        await seat.ends(arrived(sent))
    # What a dead key or another layout makes is a character, whatever the keys were.
    keys = Keys(await visit.context.new_cdp_session(page))
    await keys.dead("´", "é")
    await seat.ends(arrived("é"))
    await keys.other("ж", "Semicolon")
    await seat.ends(arrived("ж"))
    # Who comes next finds a prompt in this channel.
    await page.keyboard.press("Control+c")
    await seat.ends(CMD)


async def test_a_phones_key_bar_sends_the_same(visits: Visits, admin: Person, servers: None) -> None:
    visit = await visits.open(PHONE, has_touch=True, is_mobile=True)
    seat = await at(visit, admin)
    page, sac = visit.page, bar(visit.page)
    tabs = sac.get_by_role("tab")
    before = await tabs.count()
    await sac.get_by_role("button", name="Open cmd").tap()
    await expect(tabs).to_have_count(before + 1)
    await tabs.last.tap()
    await log_in(seat)
    await seat.type("sim keys\n")
    await seat.shows("Ctrl-C ends it")
    keys = page.get_by_role("toolbar", name="Key bar")
    for label, key in BAR.items():
        await keys.get_by_role("button", name=label, exact=True).tap()
        await seat.ends(arrived(windows.PRESSED[key]))
        await expect(seat.keyboard).to_be_focused()
    await visit.fits()
    await visit.axe()
    await keys.get_by_role("button", name="Ctrl", exact=True).tap()
    await page.keyboard.type("c")
    await seat.ends(CMD)


async def test_by_the_keyboard_alone(visits: Visits, admin: Person, servers: None) -> None:
    """Key bar, tabs, menu, a paste's preview, Ctrl-Alt-Del: opened, left and clean in both themes."""
    visit = await visits.open(permissions=["clipboard-read", "clipboard-write"])
    seat = await at(visit, admin)
    page, sac = visit.page, bar(visit.page)
    press = page.keyboard.press

    async def tab_to(wanted: Locator) -> None:
        """From the console's toolbar on."""
        await press("Control+F6")
        for _ in range(12):
            if await wanted.evaluate("each => each === document.activeElement"):
                return
            await press("Tab")
        raise AssertionError(f"Tab does not come to {wanted}")

    async def clean() -> None:
        for scheme in THEMES:
            await page.emulate_media(color_scheme=scheme)
            await visit.axe()

    await press("Control+F6")
    await press("End")
    await press("Enter")
    await expect(page.get_by_role("menuitemcheckbox", name="Key bar")).to_be_visible()
    await clean()
    await press("k")
    await press("Enter")
    keys = page.get_by_role("toolbar", name="Key bar")
    await expect(keys).to_be_visible()
    await expect(seat.keyboard).to_be_focused()
    await clean()
    # It is one stop, with arrows inside; a key of it goes to the guest, and so does the focus.
    await press("Control+Shift+F6")
    await expect(keys.get_by_role("button", name="Esc")).to_be_focused()
    await press("ArrowRight")
    await expect(keys.get_by_role("button", name="Tab")).to_be_focused()
    await press("Tab")
    await expect(keys.locator(":focus")).to_have_count(0)
    await press("Shift+Tab")
    await expect(keys.get_by_role("button", name="Tab")).to_be_focused()
    await press("Shift+Tab")
    await expect(seat.keyboard).to_be_focused()

    await tab_to(sac.get_by_role("button", name="Open cmd"))
    await press("Enter")
    await expect(seat.keyboard).to_be_focused()
    await expect(sac.get_by_role("tab").nth(1)).to_be_visible()
    await tab_to(sac.get_by_role("tab", name="SAC"))
    await press("ArrowRight")
    await press("Enter")
    await seat.ends(re.compile(r"(Username:|>)$"))
    await expect(seat.keyboard).to_be_focused()
    await clean()
    await tab_to(sac.get_by_role("button", name="SAC commands"))
    await press("Enter")
    await expect(page.get_by_role("menuitem", name="? Show all commands")).to_be_focused()
    await clean()
    await press("Escape")
    await expect(sac.get_by_role("button", name="SAC commands")).to_be_focused()
    await press("Enter")
    await press("Enter")
    await seat.ends(re.compile(r"crashdump +Crash.*\n(?:.*\n)?SAC>$"))

    await page.evaluate("navigator.clipboard.writeText('t\\nid\\n')")
    await press("Control+Shift+V")
    await expect(visit.dialog.get_by_label("What is pasted")).to_be_visible()
    await clean()
    await press("Escape")
    await expect(seat.keyboard).to_be_focused()
    await press("Control+]")
    await press("c")
    await expect(visit.dialog.get_by_label("Reason (optional)")).to_be_focused()
    await clean()
    await press("Escape")
    await expect(visit.dialog).to_have_count(0)
    await expect(seat.keyboard).to_be_focused()
    await seat.ends(PROMPT)


async def test_where_sac_is_off_or_a_debugger_has_the_port_the_commands_are_offered(
    visits: Visits, admin: Person, servers: None
) -> None:
    visit = await visits.open()
    page = visit.page
    seat = await at(visit, admin, "win-sim-off")
    known = page.get_by_role("button", name="Health report only: SAC is off")
    await expect(known).to_be_visible()
    # Before it is covered by what is opened.
    assert await bar(page).count() == 0
    await page.keyboard.press("Control+Shift+F6")
    await expect(known).to_be_focused()
    await page.keyboard.press("Enter")
    told = page.get_by_role("dialog").or_(page.get_by_role("group")).filter(has_text="bcdedit")
    for command in (
        "bcdedit /ems {current} on",
        "bcdedit /emssettings EMSPORT:1 EMSBAUDRATE:115200",
        r"bcdedit /store",
        "bcdedit /set {bootmgr} displaybootmenu yes",
    ):
        await expect(told).to_contain_text(command)
    await visit.axe()
    await visit.picture("console-sac-off")
    await page.keyboard.press("Escape")
    await expect(told).to_have_count(0)
    seat = Seat(visit, name="win-sim-debug")
    await seat.open()
    await page.get_by_role("button", name="Kernel debugger").click()
    await expect(told).to_contain_text("bcdedit /debug {current} off")
    await visit.axe()


async def test_a_server_that_stopped_restarts_and_its_boot_menu_takes_f8(
    visits: Visits, admin: Person, servers: None
) -> None:
    visit = await visits.open()
    page = visit.page
    seat = await at(visit, admin, "win-sim-menu")
    await seat.ends(PROMPT)
    commands = bar(page).get_by_role("button", name="SAC commands")
    await commands.click()
    await page.get_by_role("menuitem", name="crashdump").click()
    # It cannot be taken back, so it is left to be entered.
    await seat.ends(re.compile("SAC>crashdump$"))
    await page.keyboard.press("Enter")
    await seat.says("!SAC: Windows has stopped")
    # No channels any more, and fewer commands.
    await expect(bar(page).get_by_role("tab")).to_have_count(0)
    await commands.click()
    await expect(page.get_by_role("menuitem")).to_have_count(5)
    await page.get_by_role("menuitem", name="restart").click()
    await seat.ends(re.compile("!SAC>restart$"))
    await page.keyboard.press("Enter")
    await seat.says("Windows Boot Manager")
    await seat.shows("press F8")
    await seat.focus()
    await page.keyboard.press("F8")
    await seat.shows("Advanced Boot Options")
    await seat.shows(re.compile("> Start Windows Normally"))
    for _ in range(4):
        await page.keyboard.press("ArrowUp")
    await seat.shows(re.compile("> Debugging Mode"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Kernel debugger")).to_be_visible()
