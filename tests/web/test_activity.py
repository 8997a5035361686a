"""What the portal shows of the record: sessions with their bytes, deeds at the keyboard, SysRq, reasons."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, expect

from tests.peers.house import OOB, House
from tests.support.terminal import Terminal
from tests.web.people import Person
from tests.web.portal import Portal
from tests.web.seat import Seat
from tests.web.visit import Visits

pytestmark = pytest.mark.anyio

SHOWN_MS = 90_000


async def opened(rows: Locator, words: str) -> Locator:
    """The details of the newest entry among `rows` that reads so."""
    await rows.get_by_role("button", name=f"Details of {words}", exact=True).first.click()
    row = rows.filter(has=rows.page.get_by_role("rowheader", name=re.compile(f"^{re.escape(words)}"))).first
    # The details are the row after it.
    return row.locator("xpath=following-sibling::tr[1]")


def fact(details: Locator, name: str) -> Locator:
    return (
        details.locator("div").filter(has=details.page.locator("dt", has_text=re.compile(f"^{name}$"))).last
    )


def take_over(house: House) -> None:
    """Somebody with `oob` takes the keyboard, and leaves."""
    with Terminal([*OOB, "console", "demo", "--replay", "0"], house.env) as person:
        person.expect(rb"you have the keyboard")
        person.send(b"\x1dq")
        assert person.wait() == 0


async def test_the_log_tells_what_was_done_at_a_console(
    visits: Visits, portal: Portal, admin: Person
) -> None:
    visit = await visits.open()
    await visit.sign_in(admin)
    page = visit.page
    seat = Seat(visit)
    await seat.open()
    await seat.log_in()
    await seat.run("echo $((6*7))-told", "42-told")
    await portal.meanwhile(lambda: take_over(portal.house))
    await seat.says(re.compile("took the keyboard at"))
    sent = ("serial", "send", "demo", "sysrq", "h", "--reason", "it hangs")
    await portal.meanwhile(lambda: portal.house.oob(*sent))
    await page.goto(portal.vm_page("demo", "activity"))
    await expect(page.get_by_role("table")).to_be_visible(timeout=SHOWN_MS)

    whole = f"{admin.name}@outofband.local"
    browser = page.get_by_role("row").filter(has=page.get_by_role("cell", name=whole, exact=True))
    session = await opened(browser, "Console session")
    await expect(fact(session, "Client")).to_contain_text("a browser")
    await expect(fact(session, "Mode")).to_contain_text("typing")
    await expect(fact(session, "How it ended")).to_contain_text("TakenOver")
    await expect(fact(session, "By")).to_contain_text("oob (local)")
    await expect(fact(session, "Lasted")).to_contain_text("second")
    await expect(fact(session, "Typed")).to_contain_text(re.compile(r"[1-9]\d* bytes"))
    await expect(fact(session, "Shown")).to_contain_text(re.compile(r"[1-9][\d,]* bytes"))

    rows = page.get_by_role("row")
    taken = await opened(rows, f"Take the keyboard from {whole}")
    await expect(fact(taken, "Client")).to_contain_text("oob")
    sysrq = await opened(rows, "Send SysRq")
    await expect(fact(sysrq, "SysRq key")).to_contain_text(re.compile("h$"))
    await expect(fact(sysrq, "Reason given")).to_contain_text("it hangs")
    await expect(fact(sysrq, "What was seen")).not_to_be_empty()
    await visit.axe()
    await visit.picture("activity-console")

    # The same stands in the VM's log, at its place among the lines, and is told from them.
    await page.goto(portal.vm_page("demo"))
    lines = page.get_by_role("region", name="Last lines that demo printed")
    record = lines.locator("p").filter(has_text=re.compile("session Succeeded.*client portal"))
    await expect(record.last).to_contain_text("by oob (local)", timeout=SHOWN_MS)
    await expect(record.last.get_by_role("img", name="Record")).to_be_visible()
    await expect(lines.locator("p").filter(has_text="key h").last).to_contain_text("reason it hangs")
    await expect(lines.locator("pre").filter(has_text="session Succeeded")).to_have_count(0)
    await visit.axe()
    await visit.picture("last-lines-records")
