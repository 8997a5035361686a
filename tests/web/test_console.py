"""From the sign-in to the guest's prompt, in a browser: typing, rescuing, and what stands in the way."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Route, expect

from tests.web.people import Person, Town
from tests.web.portal import Portal
from tests.web.seat import CONNECT_MS, Seat
from tests.web.visit import Visits

pytestmark = pytest.mark.anyio

BOOT_MS = 90_000
FIRST_BYTE = "() => /\\S/.test(document.querySelector('.xterm-rows')?.textContent ?? '')"


@asynccontextmanager
async def console_disabled(portal: Portal) -> AsyncIterator[None]:
    """Of the subscription; whoever enabled it again within has done no harm."""
    await portal.console_switch("disableConsole")
    try:
        yield
    finally:
        await portal.console_switch("enableConsole")


async def test_from_the_sign_in_to_a_commands_output(
    visits: Visits, portal: Portal, admin: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    visit = await visits.open()
    page = visit.page
    await visit.sign_in(admin)
    machine = page.get_by_role("main").get_by_role("link", name="demo", exact=True)
    await expect(machine).to_be_visible()
    await visit.picture("vms")
    await machine.click()
    await expect(page.get_by_role("heading", name="demo").first).to_be_visible()
    seat = Seat(visit)

    clicked = time.perf_counter()
    await page.get_by_role("link", name="Serial console", exact=True).click()
    await seat.accept()
    await page.wait_for_function(FIRST_BYTE)
    cold = time.perf_counter() - clicked
    await seat.attached()
    await seat.log_in()
    await seat.run("echo $((6*7))-answer", "42-answer")
    await visit.axe()
    await visit.picture("console")

    await page.get_by_role("link", name="Overview", exact=True).click()
    await expect(seat.rows).to_have_count(0)
    clicked = time.perf_counter()
    await page.get_by_role("link", name="Serial console", exact=True).click()
    await page.wait_for_function(FIRST_BYTE)
    warm = time.perf_counter() - clicked
    with capsys.disabled():
        print(f"\nclick on Serial console to the first byte: {cold:.2f} s, the second time {warm:.2f} s")


async def test_by_keyboard_alone_in_and_out_again(visits: Visits, portal: Portal, admin: Person) -> None:
    """Sign-in, machine, console, a command, and out of the terminal by Ctrl+F6: no pointer is used."""
    visit = await visits.open()
    page, seat = visit.page, Seat(visit)
    await page.goto(portal.address)
    await expect(page.get_by_role("textbox", name="User name")).to_be_focused()
    for words in (admin.name, "Tab", admin.password, "Enter"):
        await (page.keyboard.press(words) if words in ("Tab", "Enter") else page.keyboard.type(words))
    await visit.inside()
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("combobox")).to_be_focused()
    await page.keyboard.type("console of demo")
    await expect(page.get_by_role("option", name=re.compile("Serial console.*demo")).first).to_be_visible()
    await page.keyboard.press("Enter")

    accepted = page.get_by_role("button", name="I have read this")
    await expect(accepted).to_be_visible(timeout=CONNECT_MS)
    await expect(accepted).to_be_focused()
    await page.keyboard.press("Enter")
    await seat.attached()
    await expect(seat.keyboard).to_be_focused()
    await page.keyboard.press("Enter")
    await seat.ends(re.compile(r"(login:|[$#])\s*$"))
    await page.keyboard.press("Tab")
    await expect(seat.keyboard).to_be_focused()
    await page.keyboard.press("Control+F6")
    await expect(page.get_by_role("toolbar").locator(":focus")).to_have_count(1)
    await page.keyboard.press("Shift+Tab")
    await expect(page.get_by_role("link", name="Restart").and_(page.locator(":focus"))).to_have_count(1)


async def test_nmi_and_sysrq_reach_the_guest(visits: Visits, admin: Person) -> None:
    visit = await visits.open()
    page, seat = visit.page, Seat(visit)
    await visit.sign_in(admin)
    await seat.open()
    await seat.action("Send NMI")
    await visit.dialog.get_by_label("Reason (optional)").fill("hängt")
    await visit.axe()
    async with page.expect_request(re.compile("/serialPorts/0/nmi")) as sent:
        await visit.dialog.get_by_role("button", name="Send NMI").click()
    assert (await sent.value).headers["outofband-reason"] == "h%C3%A4ngt"
    await seat.shows(re.compile("NMI received"))
    await seat.action("Send SysRq")
    await visit.axe()
    await page.get_by_role("button", name=re.compile("List the keys the guest knows")).click()
    await expect(visit.dialog.get_by_role("status")).to_contain_text("HELP")
    await visit.dialog.get_by_role("button", name="Close").click()
    await seat.shows(re.compile("sysrq: HELP", re.IGNORECASE))


async def test_a_stopped_machine_offers_its_start_and_the_console_opens(
    visits: Visits, portal: Portal, admin: Person
) -> None:
    visit = await visits.open()
    page, seat = visit.page, Seat(visit)
    await visit.sign_in(admin)
    await portal.meanwhile(portal.house.oob, "vm", "stop", "--force", "demo")
    visit.allow("status of 409")
    await page.goto(portal.vm_page(part="console"))
    await page.get_by_role("button", name="I have read this").click()
    start = page.get_by_role("button", name="Start demo")
    await expect(start).to_be_visible(timeout=CONNECT_MS)
    await visit.axe()
    await visit.picture("console-stopped")
    await start.click()
    await seat.attached(BOOT_MS)
    await seat.shows("demo login:", BOOT_MS)


async def test_a_reader_is_told_which_right_is_missing(visits: Visits, portal: Portal, town: Town) -> None:
    visit = await visits.open()
    await visit.sign_in(town.add("reader", "Reader"))
    visit.allow("status of 403")
    await visit.page.goto(portal.vm_page(part="console"))
    accepted = visit.page.get_by_role("button", name="I have read this")
    refused = visit.page.get_by_text("AuthorizationFailed")
    await expect(accepted.or_(refused).first).to_be_visible(timeout=CONNECT_MS)
    if await accepted.is_visible():
        await accepted.click()
    await expect(refused.first).to_be_visible(timeout=CONNECT_MS)
    await visit.axe()


async def test_a_disabled_console_is_told_and_enabled_again(
    visits: Visits, portal: Portal, admin: Person
) -> None:
    """Disabling ends the open session at once, with the reason."""
    visit = await visits.open()
    page, seat = visit.page, Seat(visit)
    await visit.sign_in(admin)
    await seat.open()
    async with console_disabled(portal):
        visit.allow("status of 4")
        enable = page.get_by_role("button", name="Enable the console")
        await expect(enable).to_be_visible(timeout=CONNECT_MS)
        await visit.axe()
        await enable.click()
        await seat.attached()


async def test_a_console_follows_the_language_that_is_chosen_and_its_errors_too(
    visits: Visits, portal: Portal, admin: Person
) -> None:
    """What is there and what comes; the terminal stays the same one; the choice is remembered."""
    visit = await visits.open()
    page, seat = visit.page, Seat(visit)
    await visit.sign_in(admin)
    visit.allow("status of 4")
    await seat.open()
    await page.evaluate("document.querySelector('.xterm').dataset.same = 'yes'")
    await visit.speak("Language", "Nederlands")
    await seat.says("U hebt het toetsenbord")
    await expect(page.locator(".xterm[data-same=yes]")).to_be_visible()
    async with console_disabled(portal):
        dutch = page.get_by_role("button", name="Console inschakelen")
        await expect(dutch).to_be_visible(timeout=CONNECT_MS)
        assert await page.get_by_role("alert").get_attribute("lang") == "nl"
        await visit.axe()
        await visit.picture("console-dutch")
        await visit.speak("Taal", "Français")
        french = page.get_by_role("button", name="Activer la console")
        await expect(french).to_be_visible()
        await page.reload()
        await expect(page.get_by_text("La console série est désactivée").first).to_be_visible(
            timeout=CONNECT_MS
        )
        await visit.axe()
        await french.click()
        await seat.says("Vous avez le clavier")


async def test_boot_diagnostics_are_switched_off_and_the_console_offers_to_switch_them_on(
    visits: Visits, portal: Portal, admin: Person
) -> None:
    """On the machine's page; whoever is at the console is told at once, and can mend it there."""
    visit = await visits.open()
    page, seat = visit.page, Seat(visit)
    await visit.sign_in(admin)
    await seat.open()
    other = await visit.context.new_page()
    await other.goto(portal.vm_page(part="diagnostics"))
    await other.get_by_role("button", name="Disable boot diagnostics").click()
    question = other.locator("[role=dialog], [role=alertdialog]")
    await expect(question.get_by_text("Everybody who is at its console is cut off")).to_be_visible()
    await visit.axe(other)
    visit.allow("status of 4")
    await question.get_by_role("button", name="Disable boot diagnostics").click()
    await expect(other.get_by_text("Off: the console of this machine is closed")).to_be_visible()
    enable = page.get_by_role("button", name="Enable boot diagnostics")
    await expect(enable).to_be_visible(timeout=CONNECT_MS)
    await visit.axe()
    await enable.click()
    await seat.attached()
    await expect(other.get_by_text("On: the console of this machine may be opened.")).to_be_visible()


LINES = 220_000
"""Of 76 bytes: 16 MiB, as much as a log holds."""


def _long_log(wish: dict[str, Any]) -> dict[str, Any]:
    """What the API would answer about a log of LINES lines."""
    end = LINES * 76
    first = wish.get("from", max(0, wish.get("before", end) - 76 * wish["lines"])) // 76
    last = min(first + wish["lines"], wish.get("before", end) // 76)
    lines = [
        {
            "offset": 76 * number,
            "at": "2026-05-04T10:00:00Z",
            "text": f"[{number:>8}] a line of a long log",
            "looks": [[0, 10, "fg2"]],
        }
        for number in range(first, last)
    ]
    boots = [{"boot": 0, "number": 1, "from": 0, "end": end, "at": "2026-05-04T10:00:00Z", "last": "x"}]
    base = {"lines": lines, "records": [], "gaps": [], "boots": boots, "start": 0, "end": end, "live": True}
    return base | {"from": 76 * first, "next": 76 * last, "more": last < LINES, "at": "2026-05-04T10:00:00Z"}


_SCROLLED = """async (box) => {
  const frames = [];
  let last = performance.now(), end = last + 4000;
  while (last < end) {
    box.scrollTop -= 1500;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - last);
    last = now;
  }
  frames.sort((one, other) => one - other);
  return [frames.length, frames[frames.length >> 1], frames[Math.floor(frames.length * 0.95)],
    box.querySelectorAll("[role=option]").length];
}"""


async def test_earlier_output_by_the_keyboard_and_16_mib_of_it(
    visits: Visits, admin: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    visit = await visits.open()
    page, seat = visit.page, Seat(visit)
    await visit.sign_in(admin)
    await seat.open()
    await seat.keyboard.press("Control+]")
    await page.keyboard.press("l")
    pane = page.get_by_role("region", name="Output of demo from before")
    lines = pane.get_by_role("listbox")
    await expect(lines.get_by_role("option").first).to_be_visible()
    await expect(pane.get_by_role("textbox", name="Search all of the log")).to_be_focused()
    await page.keyboard.type("linux version")
    await page.keyboard.press("Enter")
    await expect(pane.get_by_text(re.compile(r"^[1-9]\d* found$"))).to_be_visible()
    await pane.get_by_role("button", name="Next match").press("Enter")
    await expect(lines.locator("mark").first).to_have_text("Linux version")
    await expect(lines.locator("mark").first).to_be_in_viewport()
    await expect(pane.get_by_role("switch", name="Freeze")).to_be_checked()
    await pane.get_by_role("button", name="Times").press("Enter")
    await expect(lines.locator("time").first).to_be_visible()
    await lines.focus()
    for key in ("ArrowUp", "Shift+ArrowDown"):
        await page.keyboard.press(key)
    await expect(lines.locator("[aria-selected=true]")).to_have_count(2)
    await visit.axe()
    await visit.picture("console-history")
    await page.keyboard.press("Escape")
    await expect(pane).to_have_count(0)
    await expect(seat.keyboard).to_be_focused()

    async def answer(route: Route) -> None:
        wish = route.request.post_data_json
        if wish.get("wait"):
            # What follows waits for as long as this takes.
            return
        await route.fulfill(json=_long_log(wish))

    await page.route(re.compile("/serialPorts/0/log"), answer)
    await page.get_by_role("toolbar").first.get_by_role("button", name="Earlier output").click()
    await expect(lines.get_by_text(f"{LINES - 1}] a line")).to_be_visible()
    await lines.evaluate("box => { box.scrollTop = 200 * 18 }")
    await expect(pane.get_by_role("switch", name="Freeze")).to_be_checked()
    count, median, slow, drawn = await lines.evaluate(_SCROLLED)
    with capsys.disabled():
        print(
            f"\n16 MiB of log: {count} frames, median {median:.0f} ms, 95 % {slow:.0f} ms, {drawn} rows drawn"
        )
    assert drawn < 200
    assert median < 200
    await page.unroute_all(behavior="ignoreErrors")
