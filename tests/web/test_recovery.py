"""The ways back into a machine, on a real guest: faults that are found, asked about, mended and proven.

One Debian with sshd and xrdp for all of them; each test leaves it as it found it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from guests.build import Guest
from guests.debian.build import DebianGuest
from outofband.net.remote.look import look
from outofband.wire.rdp.credssp import User
from outofband.wire.remote import Protocol
from tests.peers.guest import PASSWORD, debian_guest
from tests.peers.house import House, until
from tests.web import recovery
from tests.web.identity_pages import card, looked_at, press, settled, tab_to
from tests.web.people import Person
from tests.web.portal import Portal
from tests.web.recovery import Network, in_guest
from tests.web.visit import PHONE, Visit, Visits

__all__ = ["debian_guest"]

pytestmark = [pytest.mark.anyio, pytest.mark.soak]

VM = "tgt"
USER = "operator1"
STEP_MS = 240_000
SECRET = "input[type=password]"
HTML, JSON = "Download as a page (HTML)", "Download as data (JSON)"
SHUT = "networkSecurityGroups/wall/securityRules/shut"
DIAGNOSTICS: dict[str, Any] = {"api-version": "2026-11-01"}
CLASSIC: dict[str, Any] = {"api-version": "2017-04-01"}


@pytest.fixture(scope="module")
def house(demo_guest: Guest, debian_guest: DebianGuest) -> Iterator[House]:
    made = recovery.open_house(demo_guest, debian_guest)
    try:
        made.up("--no-demo")
        yield made
    finally:
        made.close()


class Target:
    """The guest, and what is in front of it."""

    def __init__(self, portal: Portal) -> None:
        self.portal, self.api = portal, portal.api
        self.net = Network(portal.api)
        self.address = ""

    def build(self) -> None:
        wall = self.net.put("networkSecurityGroups/wall", {})
        for name, priority, port in (("ssh", 300, "22"), ("rdp", 301, "3389")):
            self.net.rule("wall", name, "Allow", priority, port)
        card = self.net.card("tgt-card", self.net.space(), wall, self.net.door("door"))
        account = {"adminUsername": USER, "computerName": VM}
        recovery.make_vm(self.api, VM, "debian", card, memory=512, osProfile=account)
        self.address = self.net.get("publicIPAddresses/door")["properties"]["ipAddress"]
        self.answers()

    def answers(self) -> None:
        until("SSH answers", lambda: recovery.greets(self.address), recovery.BOOT_SECONDS)

    def shut(self) -> None:
        """A rule that denies what another one allows."""
        self.net.rule("wall", "shut", "Deny", 200, "20-3400")

    def run(self, script: str) -> str:
        return in_guest(self.api, VM, script)

    def rules(self) -> list[str]:
        found = self.net.get("networkSecurityGroups/wall")["properties"]["securityRules"]
        return sorted(each["name"] for each in found)

    def runs(self) -> list[dict[str, Any]]:
        where = f"{recovery.vm_of(self.api, VM)}/providers/Outofband.Diagnostics/rescues"
        found: list[dict[str, Any]] = self.api.call("GET", where, **DIAGNOSTICS)["value"]
        return found


@pytest.fixture(scope="module")
def target(portal: Portal) -> Target:
    made = Target(portal)
    made.build()
    return made


@pytest.fixture
async def shut(target: Target, portal: Portal) -> Any:
    """Nobody gets in while the test goes on."""
    await portal.meanwhile(target.shut)
    yield
    await portal.meanwhile(target.net.delete, SHUT)
    for name in await portal.meanwhile(target.rules):
        if name.startswith("default-allow"):
            await portal.meanwhile(target.net.delete, f"networkSecurityGroups/wall/securityRules/{name}")


async def troubleshoot(visit: Visit, admin: Person) -> Page:
    page = visit.page
    await visit.sign_in(admin, to=visit.portal.vm_page(VM, "troubleshoot"))
    await settled(page)
    return page


def step(page: Page, title: str) -> Locator:
    return card(page, "Steps").get_by_role("listitem").filter(has_text=title)


def ended(page: Page, words: str) -> Locator:
    """What the page says of the run first; earlier runs are told of below."""
    return page.get_by_role("status").get_by_text(words)


async def saved(page: Page, name: str) -> str:
    async with page.expect_download() as coming:
        await page.get_by_role("button", name=name).click()
    return Path(await (await coming.value).path()).read_text()


async def test_a_rule_that_denies_is_found_asked_about_mended_and_taken_back(
    visits: Visits, portal: Portal, admin: Person, target: Target, shut: None
) -> None:
    """By keyboard alone until it is proven."""
    visit = await visits.open()
    page = await troubleshoot(visit, admin)
    await press(page, "Start")
    agree = page.get_by_role("button", name="Do it")
    await expect(agree).to_be_visible(timeout=STEP_MS)
    asked = page.get_by_role("alert")
    await expect(asked).to_contain_text("'shut' with priority 200 is asked before it and denies")
    await expect(asked).to_contain_text("default-allow-ssh, priority 199, would allow TCP port 22")
    await expect(asked).to_contain_text("Every address can reach the VM at this port afterwards.")
    await expect(page.get_by_text("Step 2 of 8, Check the security rules: Waits for you")).to_be_visible()
    await expect(card(page, "The connection now")).to_contain_text("From its hostAnswers")
    # Nothing on the page blames the guest, which answers.
    await expect(page.get_by_text("MaxStartups")).to_have_count(0)
    await looked_at(visit, "vm-troubleshoot-asks")
    assert await portal.meanwhile(target.rules) == ["rdp", "shut", "ssh"]
    await tab_to(page, agree)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name=HTML)).to_be_visible(timeout=STEP_MS)
    await expect(ended(page, "The VM answers.")).to_be_visible()
    await expect(step(page, "2. Check the security rules")).to_contain_text("Helped")
    assert await portal.meanwhile(recovery.greets, target.address)
    await looked_at(visit, "vm-troubleshoot-answers")

    told = json.loads(await saved(page, JSON))
    assert (told["outcome"], told["steps"][1]["deed"]["name"]) == ("proven", "addRule")
    whole = await saved(page, HTML)
    assert "RescueRuleShadowed" in whole and "<script" not in whole
    await card(page, "Steps").get_by_text("What shows it").first.click()
    await expect(card(page, "Steps").get_by_text('"priority": 200').first).to_be_visible()

    await page.get_by_role("button", name="Take it back").click()
    await expect(page.get_by_text("Taken back on").first).to_be_visible(timeout=STEP_MS)
    await expect(page.get_by_role("button", name="Take it back")).to_have_count(0)
    await expect(page.get_by_role("region", name="The connection before it was taken back")).to_be_visible()
    assert await portal.meanwhile(target.rules) == ["rdp", "shut", "ssh"]
    await looked_at(visit, "vm-troubleshoot-undone")


async def test_a_run_is_taken_up_after_a_reload_and_a_killed_control_plane(
    visits: Visits, portal: Portal, admin: Person, target: Target, shut: None
) -> None:
    visit = await visits.open()
    page = await troubleshoot(visit, admin)
    await page.get_by_label("Connection", exact=True).select_option("rdp")
    await page.get_by_role("button", name="Start", exact=True).click()
    agree = page.get_by_role("button", name="Do it")
    await expect(agree).to_be_visible(timeout=STEP_MS)
    await page.reload()
    await expect(agree).to_be_visible()
    visit.allow("failed:", "status of 5", "Failed to load resource")
    await portal.meanwhile(portal.house.kill, "control")
    await portal.meanwhile(portal.house.up, "--no-demo")
    await expect(agree).to_be_visible()
    await agree.click()
    await expect(ended(page, "The VM answers.")).to_be_visible(timeout=STEP_MS)
    report = await look(target.address, Protocol.RDP)
    assert report.works, report
    (run,) = [each for each in await portal.meanwhile(target.runs) if each["properties"]["protocol"] == "rdp"]
    assert run["properties"]["outcome"] == "proven"


async def test_a_run_is_stopped_where_it_is(
    visits: Visits, portal: Portal, admin: Person, target: Target, shut: None
) -> None:
    """On a phone, in French and in Dutch."""
    visit = await visits.open(PHONE, has_touch=True, is_mobile=True)
    page = await troubleshoot(visit, admin)
    await visit.speak("Language", "Français")
    await page.get_by_role("button", name="Commencer", exact=True).click()
    await expect(page.get_by_role("button", name="Le faire")).to_be_visible(timeout=STEP_MS)
    await looked_at(visit, "phone-vm-troubleshoot-asks-fr")
    await page.get_by_role("button", name="Laisser de côté").click()
    # A guest that answers its host is not restarted: nothing else is left to ask.
    await expect(ended(page, "Il ne reste aucune étape")).to_be_visible(timeout=STEP_MS)
    await visit.speak("Langue", "Nederlands")
    await page.get_by_role("button", name="Beginnen", exact=True).click()
    await expect(page.get_by_role("button", name="Doe het")).to_be_visible(timeout=STEP_MS)
    await page.get_by_role("button", name="Stoppen", exact=True).click()
    await expect(ended(page, "Het werd gestopt.")).to_be_visible(timeout=STEP_MS)
    await looked_at(visit, "phone-vm-troubleshoot-stopped-nl")
    assert await portal.meanwhile(target.rules) == ["rdp", "shut", "ssh"]


async def test_an_sshd_that_was_stopped_is_started_and_proven(
    visits: Visits, portal: Portal, admin: Person, target: Target
) -> None:
    await portal.meanwhile(target.run, "systemctl disable --now ssh")
    visit = await visits.open()
    page = await troubleshoot(visit, admin)
    await page.get_by_role("button", name="Start", exact=True).click()
    await expect(ended(page, "The VM answers.")).to_be_visible(timeout=STEP_MS)
    await expect(step(page, "1. Reset the remote configuration")).to_contain_text("Helped")
    assert await portal.meanwhile(recovery.greets, target.address)
    assert "enabled" in await portal.meanwhile(target.run, "systemctl is-enabled ssh")
    await looked_at(visit, "vm-troubleshoot-guest")


async def test_a_new_password_counts_at_sshd(
    visits: Visits, portal: Portal, admin: Person, target: Target
) -> None:
    async def signs_in(password: str) -> bool:
        return (await look(target.address, Protocol.SSH, user=User(USER, password))).works

    assert await signs_in(PASSWORD)
    visit = await visits.open()
    page = visit.page
    await visit.sign_in(admin, to=portal.vm_page(VM, "password"))
    await expect(page.get_by_label("User name")).to_have_value(USER)
    for password in ("tern-mallow-77", PASSWORD):
        await page.locator(SECRET).first.fill(password)
        await page.locator(SECRET).last.fill(password)
        await page.get_by_role("button", name="Update").click()
        await expect(page.get_by_text(f"The account {USER} has the new password.")).to_be_visible(
            timeout=STEP_MS
        )
        await expect(page.locator(SECRET).first).to_have_value("")
        assert await signs_in(password)
        assert not await signs_in("something-else-1")
        if password != PASSWORD:
            await looked_at(visit, "vm-password-done")


async def test_the_configuration_alone_is_reset(
    visits: Visits, portal: Portal, admin: Person, target: Target
) -> None:
    broken = "echo Port 2200 >> /etc/ssh/sshd_config; systemctl restart ssh"
    await portal.meanwhile(target.run, broken)
    assert not await portal.meanwhile(recovery.greets, target.address)
    visit = await visits.open()
    page = visit.page
    await visit.sign_in(admin, to=portal.vm_page(VM, "password"))
    await page.get_by_role("radio", name="Reset configuration only").check()
    await page.get_by_role("button", name="Update").click()
    await expect(page.get_by_text("The configuration was reset.")).to_be_visible(timeout=STEP_MS)
    await portal.meanwhile(target.answers)
    assert (await look(target.address, Protocol.SSH, user=User(USER, PASSWORD))).works


async def test_a_classic_endpoint_is_added_and_its_port_answers(
    visits: Visits, portal: Portal, admin: Person, target: Target
) -> None:
    """The missing endpoint, and every other step of the classic model that its page has."""
    old = f"{portal.api.group}/providers/Microsoft.ClassicCompute/virtualMachines/old"
    view = {"virtualMachine": {"id": recovery.vm_of(portal.api, VM)}}
    body = {"properties": {"outofband": view, "networkProfile": {"inputEndpoints": []}}}
    await portal.meanwhile(lambda: portal.api.call("PUT", old, body, expect=201, **CLASSIC))
    try:
        visit = await visits.open()
        page = visit.page
        # At the end it is deleted under the page.
        visit.allow("status of 404")
        await visit.sign_in(admin, to=portal.address + "classic")
        await page.get_by_role("link", name="old", exact=True).click()
        await page.get_by_role("button", name="Add the missing endpoint").click()
        await expect(page.get_by_role("rowheader", name="Remote Desktop")).to_be_visible(timeout=STEP_MS)
        deadline = time.monotonic() + 120
        while True:
            report = await look(target.address, Protocol.RDP)
            if report.works:
                break
            assert time.monotonic() < deadline, report
        assert not await portal.meanwhile(recovery.greets, target.address)
        await looked_at(visit, "classic-endpoint")

        await page.get_by_role("button", name="Reset remote access").click()
        await visit.dialog.get_by_role("button", name="Reset remote access").click()
        await expect(page.get_by_text("Reset remote access: old: Succeeded").first).to_be_visible(
            timeout=STEP_MS
        )
        for name, password in ((USER, "quail-marsh-19"), (USER, PASSWORD)):
            await page.get_by_label("User name").fill(name)
            await page.locator(SECRET).fill(password)
            await page.get_by_role("button", name="Save").click()
            await expect(page.locator(SECRET)).to_have_value("", timeout=STEP_MS)
        await expect(card(page, "Resource health")).to_contain_text("Available")
        await page.get_by_role("button", name="Get the log and the screen").click()
        async with page.context.expect_page() as opening:
            await page.get_by_role("link", name="What it printed").click()
        await expect((await opening.value).locator("body")).to_contain_text("tgt01 login:")
        await page.get_by_role("button", name="Restart").click()
        await visit.dialog.get_by_role("button", name="Restart").click()
        await expect(page.get_by_text("Restart: old: Succeeded").first).to_be_visible(timeout=STEP_MS)
    finally:
        await portal.meanwhile(lambda: portal.api.call("DELETE", old, **CLASSIC))
    await portal.meanwhile(target.answers)
    assert (await look(target.address, Protocol.SSH, user=User(USER, PASSWORD))).works


async def test_another_card_is_in_the_guest(
    visits: Visits, portal: Portal, admin: Person, target: Target
) -> None:
    visit = await visits.open()
    page = visit.page
    await visit.sign_in(admin, to=portal.vm_page(VM, "nic"))
    await page.get_by_label("New private address").fill("10.9.1.9")
    await page.get_by_role("main").get_by_role("button", name="Reset", exact=True).click()
    await visit.dialog.get_by_role("button", name="Reset", exact=True).click()
    await expect(page.get_by_text("The machine has another card")).to_be_visible(timeout=STEP_MS)
    await looked_at(visit, "vm-nic")
    await portal.meanwhile(target.answers)
    assert "10.9.1.9/24" in await portal.meanwhile(target.run, "ip -br address")


async def test_health_says_why_and_since_when(
    visits: Visits, portal: Portal, admin: Person, target: Target
) -> None:
    visit = await visits.open()
    page = visit.page
    await visit.sign_in(admin, to=portal.vm_page(VM, "health"))
    now = card(page, "Now")
    await expect(now.get_by_text("Available", exact=True)).to_be_visible()
    await portal.meanwhile(target.run, "systemd-run --on-active=2 systemctl poweroff")
    await expect(now.get_by_text("Unavailable", exact=True)).to_be_visible(timeout=STEP_MS)
    await expect(now).to_contain_text("its guest shut down")
    await expect(now).to_contain_text("Unplanned")
    await expect(now).to_contain_text("ago")
    await looked_at(visit, "vm-health-off")
    await page.get_by_role("link", name="Overview", exact=True).first.click()
    await page.get_by_role("main").get_by_role("button", name="Start", exact=True).click()
    await portal.meanwhile(target.answers)


async def test_it_is_restarted_from_its_page(
    visits: Visits, portal: Portal, admin: Person, target: Target
) -> None:
    before = await portal.meanwhile(target.run, "cat /proc/sys/kernel/random/boot_id")
    visit = await visits.open()
    page = visit.page
    await visit.sign_in(admin, to=portal.vm_page(VM, "restart"))
    await page.get_by_role("main").get_by_role("button", name="Restart").click()
    await visit.dialog.get_by_role("button", name="Restart").click()
    await expect(page.get_by_text("The guest shut down within")).to_be_visible(timeout=STEP_MS)
    await portal.meanwhile(target.answers)
    assert await portal.meanwhile(target.run, "cat /proc/sys/kernel/random/boot_id") != before
