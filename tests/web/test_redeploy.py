"""Redeploying from the portal, between two connected agents: said before, shown by step, there in the end."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.peers.house import House, until
from tests.peers.test_redeploy import VM, Pair, pair
from tests.web.identity_pages import looked_at, press
from tests.web.people import Person
from tests.web.portal import Portal
from tests.web.visit import Visits

__all__ = ["pair"]

pytestmark = pytest.mark.anyio
MOVED_MS = 120_000


@pytest.fixture(scope="module")
def house(pair: Pair) -> House:
    """With a VM that has a disk, and a second host that could run it."""
    return pair.house


async def test_a_vm_is_at_the_other_host_in_the_end(
    visits: Visits, portal: Portal, admin: Person, pair: Pair
) -> None:
    """By keyboard alone; each step of the move that is seen is named."""
    source = await portal.meanwhile(lambda: pair.here)
    (target,) = [name for name in await portal.meanwhile(lambda: pair.hosts) if name != source]
    # Without ACPI it would take the guest a minute and a half to be given up.
    await portal.meanwhile(pair.house.oob, "vm", "stop", VM, "--force", "--yes")
    visit = await visits.open()
    page = visit.page
    await visit.sign_in(admin, to=portal.vm_page(VM, "redeploy"))
    main = page.get_by_role("main")
    await expect(main.get_by_text("What is on its temporary disk is lost.")).to_be_visible()
    await expect(main.get_by_text("Without another host that can run it, it starts anew")).to_be_visible()
    await page.evaluate(
        """() => {
            window.stages = new Set();
            const look = () => document.querySelectorAll("main ol li").forEach((each) => {
                if (each.textContent.endsWith("under way")) window.stages.add(each.textContent);
            });
            new MutationObserver(look).observe(document.body, {
                childList: true, subtree: true, characterData: true,
            });
        }"""
    )
    await press(page, "Redeploy")
    await expect(visit.dialog.get_by_text("Dynamic addresses of the machine change.")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(visit.dialog).to_have_count(0)
    assert await portal.meanwhile(lambda: pair.here) == source
    await press(page, "Redeploy")
    await visit.dialog.get_by_role("textbox").fill("its host is noisy")
    for _ in range(10):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.textContent") == "Redeploy":
            break
    await page.keyboard.press("Enter")
    await expect(main.get_by_role("status").get_by_text(target)).to_be_visible(timeout=MOVED_MS)
    seen: list[str] = await page.evaluate("[...window.stages]")
    # A small disk is fast: the steps may be over between two polls.
    assert all(re.search(r"(disk|host|copy|ended|handed).* under way$", each) for each in seen), seen
    await looked_at(visit, "vm-redeployed")
    assert await portal.meanwhile(lambda: pair.here) == target
    await portal.meanwhile(until, "it counts on", lambda: pair.letters() == "AB")
    assert len(await portal.meanwhile(pair.running)) == 1
    await page.get_by_role("link", name="Overview", exact=True).first.click()
    await expect(main.get_by_role("link", name=target)).to_be_visible()
