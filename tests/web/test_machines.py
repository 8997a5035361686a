"""Connected machines in the portal: found in the list, read, tagged, added and disconnected."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from guests.build import Guest
from tests.peers.second_host import SecondHost
from tests.support.actors import HostKey
from tests.web.identity_pages import card, looked_at, settled, tab_to
from tests.web.people import Person
from tests.web.portal import Portal
from tests.web.seat import Seat
from tests.web.visit import PHONE, Visits

pytestmark = pytest.mark.anyio

SHOWN_MS = 60_000
SHELL = '[console]\nkind = "shell"\ncommand = ["/bin/sh", "-i"]\n'


def fact(page: Page, name: str) -> Locator:
    """The value beside a name, on the page of one machine."""
    term = page.locator("dt", has_text=re.compile(f"^{re.escape(name)}$"))
    return page.locator("dl > div").filter(has=term).first.locator("dd")


async def test_the_list_finds_a_machine_and_leads_to_it(
    visits: Visits, portal: Portal, admin: Person
) -> None:
    name = portal.machine.rsplit("/", 1)[1]
    visit = await visits.open()
    page = visit.page
    await visit.sign_in(admin, to=portal.address + "machines")
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name))
    await expect(row).to_contain_text("Connected")
    await expect(row.get_by_role("link", name=f"1 VM on {name}")).to_have_attribute(
        "href", re.compile(rf"/vms\?host={name}$")
    )
    # The fifth column: it was heard a moment ago.
    await expect(row.get_by_role("cell").nth(3)).to_have_text(re.compile("ago$|^now$"))

    search = page.get_by_role("searchbox", name=re.compile("^Filter by name"))
    await search.fill("connected nobody")
    await expect(page.get_by_role("heading", name="No machine fits the filter")).to_be_visible()
    await expect(page).to_have_url(re.compile(r"\?q=connected\+nobody$"))
    await page.get_by_role("button", name="Clear filters").first.click()
    await page.get_by_role("button", name="State", exact=True).first.click()
    await page.get_by_role("menuitemcheckbox", name=re.compile("^Connected")).click()
    await page.keyboard.press("Escape")
    await expect(page).to_have_url(re.compile(r"\?state=connected$"))
    await expect(row).to_be_visible()
    await page.get_by_role("columnheader", name="Agent").get_by_role("button").click()
    await expect(page.get_by_role("columnheader", name="Agent")).to_have_attribute("aria-sort", "ascending")

    # The old address of hosts leads here, and the keyboard from here to the machine.
    await page.goto(portal.address + "hosts")
    await expect(page).to_have_url(re.compile("/machines$"))
    await settled(page)
    await tab_to(page, row.get_by_role("link", name=name, exact=True))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()


async def test_one_machine_tells_what_it_is_and_takes_tags(
    visits: Visits, portal: Portal, admin: Person
) -> None:
    visit = await visits.open()
    page = visit.page
    await visit.sign_in(admin, to=portal.machine_page())
    await settled(page)
    resource = await portal.meanwhile(
        lambda: portal.api.call("GET", portal.machine, **{"api-version": "2024-07-10"})
    )
    own = resource["properties"]
    await expect(fact(page, "Version of the agent")).to_have_text(own["agentVersion"])
    await expect(fact(page, "Object id of its identity")).to_contain_text(resource["identity"]["principalId"])
    await expect(fact(page, "Certificate until")).to_contain_text(re.compile(r"20\d\d"))
    await expect(fact(page, "Last heartbeat")).to_contain_text(re.compile("ago|now"))
    await expect(fact(page, "Full name in the network")).to_contain_text(own["machineFqdn"])
    await expect(fact(page, "Main memory")).to_contain_text("GiB")
    await expect(fact(page, "Images")).to_contain_text("demo")
    vms = page.get_by_role("table", name="VMs on this machine")
    await expect(vms.get_by_role("link", name="demo", exact=True)).to_have_attribute(
        "href", re.compile("/vms/.*/demo$")
    )
    # Nothing opens a console that the machine does not say it has.
    await expect(page.get_by_role("main").get_by_role("button", name="Connect console")).to_have_count(0)

    await card(page, "Tags").get_by_role("button", name="Change the tags").click()
    await visit.dialog.get_by_role("button", name="Add a tag").click()
    await visit.dialog.get_by_role("textbox", name="Name of tag 1").fill("site")
    await visit.dialog.get_by_role("textbox", name="Value of tag 1").fill("Ghent north")
    await visit.dialog.get_by_role("button", name="Add a tag").click()
    await visit.dialog.get_by_role("textbox", name="Name of tag 2").fill("SITE")
    await expect(visit.dialog).to_contain_text("This name is there already.")
    await visit.axe()
    await visit.dialog.get_by_role("button", name="Remove tag SITE", exact=True).click()
    await visit.dialog.get_by_role("button", name="Save the tags").click()
    await expect(visit.dialog).to_have_count(0)
    await expect(card(page, "Tags")).to_contain_text("site=Ghent north")
    changed = await portal.meanwhile(
        lambda: portal.api.call("GET", portal.machine, **{"api-version": "2024-07-10"})
    )
    assert changed["tags"] == {"site": "Ghent north"}
    await looked_at(visit, "machine-tagged")

    for part in ("Activity log", "Access"):
        await (
            page.get_by_role("navigation", name=re.compile("^Pages of"))
            .get_by_role("link", name=part)
            .click()
        )
        await settled(page)
        await visit.axe()


async def test_a_machine_that_nobody_claimed_says_so(visits: Visits, portal: Portal, admin: Person) -> None:
    version: dict[str, Any] = {"api-version": "2024-07-10"}
    where = f"{portal.api.group}/providers/Microsoft.HybridCompute/machines/half-way"
    body = {
        "identity": {"type": "SystemAssigned"},
        "tags": {"env": "prod"},
        "properties": {"osType": "linux", "clientPublicKey": HostKey().public},
    }
    visit = await visits.open()
    page = visit.page
    await visit.sign_in(admin, to=portal.address + "machines?sort=state")
    await settled(page)
    await portal.meanwhile(lambda: portal.api.call("PUT", where, body, **version))
    # The list is looked at while it changes, and who needs somebody comes first.
    first = page.get_by_role("row").nth(1)
    await expect(first).to_contain_text("half-way")
    await expect(first).to_contain_text("Awaiting connection")
    await expect(first).to_contain_text("env=prod")
    await first.get_by_role("link", name="half-way", exact=True).click()
    await expect(page.get_by_text("its agent has not claimed it yet", exact=False)).to_be_visible()
    await visit.axe()
    visit.allow(r"status of 404")
    await portal.meanwhile(lambda: portal.api.call("DELETE", where, expect=204, **version))
    await expect(page.get_by_role("heading", name="half-way is not connected here")).to_be_visible()


@pytest.fixture(scope="module")
def neighbours(portal: Portal, demo_guest: Guest) -> Iterator[list[SecondHost]]:
    """Agents that a test enrols; afterwards they end."""
    made: list[SecondHost] = []
    yield made
    for each in made:
        each.close()


async def test_a_server_is_added_by_script_or_token_and_disconnected(
    visits: Visits,
    portal: Portal,
    admin: Person,
    demo_guest: Guest,
    neighbours: list[SecondHost],
    tmp_path: Path,
) -> None:
    elsewhere = f"{portal.api.subscription}/resourceGroups/elsewhere"
    version: dict[str, Any] = {"api-version": "2022-12-01"}
    await portal.meanwhile(
        lambda: portal.api.call("PUT", elsewhere, {"location": "ghent"}, expect=201, **version)
    )
    visit = await visits.open()
    page = visit.page
    await visit.sign_in(admin, to=portal.address + "machines")
    await settled(page)
    await page.get_by_role("button", name="Add a server").click()
    await expect(page).to_have_url(re.compile("/machines/add$"))
    script = page.get_by_role("region", name="The script as it is now")
    await expect(script).to_contain_text(portal.house.profile()["subscriptionId"])
    await expect(script).to_contain_text("MODE=one")

    # The script follows the form.
    proxy = page.get_by_role("textbox", name="Proxy of the server (optional)")
    await proxy.fill("http://anna:secret@proxy.example:3128")
    await expect(page.get_by_text("has neither user nor password")).to_be_visible()
    await expect(script).to_have_count(0)
    await proxy.fill("http://proxy.example:3128")
    await expect(script).to_contain_text("PROXY=http://proxy.example:3128")
    location = page.get_by_role("combobox", name="Location of the machine")
    await expect(location).to_have_value("local")
    await location.select_option("ghent")
    await expect(script).to_contain_text("LOCATION=ghent")
    await page.get_by_role("button", name="Add a tag").click()
    await page.get_by_role("textbox", name="Name of tag 1").fill("rack")
    await page.get_by_role("textbox", name="Value of tag 1").fill("A 7")
    await expect(script).to_contain_text("A 7")
    await page.get_by_role("radio", name=re.compile("^Many servers")).check()
    await expect(page.get_by_text("The script appears when the form is complete.")).to_be_visible()
    program = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
    await page.get_by_role("textbox", name=re.compile("^Application id")).fill(program)
    await expect(script).to_contain_text(program)
    await expect(card(page, "On the server")).to_contain_text("--secret-file")
    await looked_at(visit, "machines-script")
    async with page.expect_download() as begun:
        await page.get_by_role("button", name="Download the script").click()
    download = await begun.value
    await download.save_as(tmp_path / "script.sh")
    assert download.suggested_filename.endswith(".sh")
    parse = ["sh", "-n", str(tmp_path / "script.sh")]
    assert (await portal.meanwhile(lambda: subprocess.run(parse, check=False))).returncode == 0
    assert program in (tmp_path / "script.sh").read_text()
    await page.get_by_role("radio", name="Windows").check()
    await expect(card(page, "On the server")).to_contain_text("powershell")
    await expect(page.get_by_text("It has not been seen on a real Windows server")).to_be_visible()

    # A VM host comes with a token, and the page that waits for it says so.
    await page.get_by_role("radio", name=re.compile("^With a token")).check()
    await page.get_by_role("button", name="Make a token").click()
    shown = card(page, "With a token that works once: oob agent enroll")
    await expect(shown).to_contain_text("The token is ready")
    token = await shown.locator("code").first.inner_text()
    folder = tmp_path / "second"
    folder.mkdir(mode=0o700)
    neighbours.append(
        await portal.meanwhile(lambda: SecondHost(portal.house, folder, demo_guest, token.strip(), SHELL))
    )
    came = page.get_by_role("list", name="Servers that have appeared").get_by_role("listitem")
    await expect(came).to_contain_text(SecondHost.name, timeout=SHOWN_MS)
    await expect(came).to_contain_text("Connected", timeout=SHOWN_MS)
    await visit.axe()
    await visit.picture("machines-arrived")
    await came.get_by_role("link", name=SecondHost.name).click()
    await expect(page.get_by_role("heading", level=1, name=SecondHost.name)).to_be_visible()

    # Its administrator allows a console, so that its page has one.
    await page.get_by_role("button", name="Connect console").click()
    await expect(page).to_have_url(re.compile(f"/{SecondHost.name}/console$"))
    seat = Seat(visit, name=SecondHost.name)
    await seat.accept()
    await seat.attached()
    await seat.shows("#")
    await seat.type("echo told-$((6*7))\n")
    await seat.shows("told-42")
    await visit.axe()
    await visit.picture("machine-console")
    await page.get_by_role("link", name="Overview", exact=True).first.click()

    # Cut off: only who types its name, and its link is gone at once.
    await page.get_by_role("button", name="Disconnect", exact=True).click()
    confirm = visit.dialog.get_by_role("button", name="Disconnect", exact=True)
    await expect(visit.dialog).to_contain_text("The agent's connection is cut at once")
    await visit.dialog.get_by_role("textbox", name=f"Type {SecondHost.name} to confirm").fill("second")
    await expect(confirm).to_have_attribute("aria-disabled", "true")
    await looked_at(visit, "machine-disconnect")
    await visit.dialog.get_by_role("textbox", name=f"Type {SecondHost.name} to confirm").fill(SecondHost.name)
    visit.allow(r"status of 404")
    await confirm.click()
    await expect(page).to_have_url(re.compile("/machines$"))
    await settled(page)
    await expect(page.get_by_role("rowheader")).to_have_count(1)
    await expect(page.get_by_role("rowheader", name=SecondHost.name)).to_have_count(0)
    gone = portal.machine_page(name=SecondHost.name)
    await page.goto(gone)
    await expect(page.get_by_role("heading", name=f"{SecondHost.name} is not connected here")).to_be_visible()


async def test_the_pages_fit_a_phone(visits: Visits, portal: Portal, admin: Person) -> None:
    visit = await visits.open(PHONE, has_touch=True, is_mobile=True)
    page = visit.page
    await visit.sign_in(admin, to=portal.address + "machines")
    name = portal.machine.rsplit("/", 1)[1]
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name))
    await expect(row).to_contain_text("Connected")
    await expect(row).to_contain_text("1 VM")
    for address in (portal.address + "machines", portal.machine_page(), portal.address + "machines/add"):
        await page.goto(address)
        await settled(page)
        await visit.fits()
        await visit.axe()
