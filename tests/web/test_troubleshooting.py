"""Support + troubleshooting in the portal: every way back into a machine, as a person takes it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.async_api import expect

from guests.build import Guest
from tests.peers.house import House
from tests.peers.network import NETWORK
from tests.web.identity_pages import card, looked_at, settled
from tests.web.people import Person
from tests.web.portal import Portal
from tests.web.recovery import Network, open_house
from tests.web.visit import PHONE, Visits

pytestmark = pytest.mark.anyio

DONE_MS = 90_000
CLASSIC = {"api-version": "2017-04-01"}
DENY = {
    "priority": 200,
    "direction": "Inbound",
    "access": "Deny",
    "protocol": "Tcp",
    "sourceAddressPrefix": "*",
    "sourcePortRange": "*",
    "destinationAddressPrefix": "*",
    "destinationPortRange": "20-30",
}


@pytest.fixture(scope="module")
def house(demo_guest: Guest) -> Iterator[House]:
    """Its host offers public addresses."""
    made = open_house(demo_guest)
    try:
        made.up()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def card_of_demo(portal: Portal) -> str:
    """Gives the VM an interface with a group that denies SSH before it allows it, and no public address."""
    net = Network(portal.api)
    allow = DENY | {"access": "Allow", "priority": 300}
    rules = [{"name": "shut", "properties": DENY}, {"name": "late", "properties": allow}]
    wall = net.put("networkSecurityGroups/wall", {"securityRules": rules})
    card = net.card("demo-card", net.space(), wall)
    body = {"properties": {"networkProfile": {"networkInterfaces": [{"id": card}]}}}
    portal.api.call("PATCH", portal.vm_id(), body)
    return card


async def test_resource_health_is_available_in_green(visits: Visits, portal: Portal, admin: Person) -> None:
    visit = await visits.open()
    page = visit.page
    await visit.sign_in(admin, to=portal.vm_page())
    await page.get_by_role("link", name="Resource health").click()
    now = card(page, "Now")
    await expect(now.get_by_text("Available", exact=True)).to_be_visible()
    await expect(now.get_by_text("nothing is known to be wrong")).to_be_visible()
    await looked_at(visit, "vm-health")


async def test_connect_is_greyed_out_and_says_why(visits: Visits, portal: Portal, admin: Person) -> None:
    """Without a card there is nothing to assign an address to; the reason stands there, not only the grey."""
    visit = await visits.open()
    page = visit.page
    await visit.sign_in(admin, to=portal.vm_page(part="connect"))
    download = page.get_by_role("button", name="Download RDP file")
    await expect(download).to_have_attribute("aria-disabled", "true")
    await expect(page.get_by_text("The machine cannot be reached from outside")).to_be_visible()
    await expect(page.get_by_role("button", name="Create and assign")).to_have_count(0)
    await looked_at(visit, "vm-connect-no-card")


async def test_a_public_address_is_created_and_assigned(
    visits: Visits, portal: Portal, admin: Person, card_of_demo: str
) -> None:
    """Greyed out with the reason, and by one button there is an address, a file and a line."""
    visit = await visits.open()
    page = visit.page
    await visit.sign_in(admin, to=portal.vm_page(part="connect"))
    await expect(page.get_by_text("no ExpressRoute or VPN").first).to_be_visible()
    download = page.get_by_role("button", name="Download RDP file")
    await expect(download).to_have_attribute("aria-disabled", "true")
    await download.focus()
    await expect(page.get_by_role("tooltip")).to_contain_text("no public address")
    await looked_at(visit, "vm-connect-no-address")
    await page.get_by_role("button", name="Create and assign").click()
    await expect(page.get_by_text("The machine cannot be reached from outside")).to_have_count(
        0, timeout=DONE_MS
    )
    found = await portal.meanwhile(lambda: portal.api.call("GET", card_of_demo, **NETWORK))
    (part,) = found["properties"]["ipConfigurations"]
    assert part["properties"]["publicIPAddress"]["id"].endswith("/demo-ip")
    made = await portal.meanwhile(Network(portal.api).get, "publicIPAddresses/demo-ip")
    address = made["properties"]["ipAddress"]

    await page.get_by_label("User name").fill("ada")
    async with page.expect_download() as coming:
        await download.click()
    file = await coming.value
    assert file.suggested_filename == "demo.rdp"
    assert (await file.path()).read_bytes().decode() == (
        f"full address:s:{address}:3389\r\nprompt for credentials:i:1\r\n"
        "administrative session:i:1\r\nusername:s:ada\r\n"
    )
    await expect(page.get_by_text(f"ssh ada@{address}", exact=True)).to_be_visible()
    await looked_at(visit, "vm-connect")


async def test_the_network_interface_is_reset_and_put_back(
    visits: Visits, portal: Portal, admin: Person, card_of_demo: str
) -> None:
    """Another address and another card, a machine that restarts with it; both come back, and the address
    that nobody names is one that the guest does not take for its old one. The phone has room for it.
    """

    def card() -> tuple[str, str, str]:
        found = portal.api.call("GET", card_of_demo, **NETWORK)["properties"]
        part = found["ipConfigurations"][0]["properties"]
        return part["privateIPAddress"], found["macAddress"], part["privateIPAllocationMethod"]

    before = await portal.meanwhile(card)
    visit = await visits.open(PHONE, has_touch=True, is_mobile=True)
    page = visit.page
    await visit.sign_in(admin, to=portal.vm_page(part="nic"))
    await expect(page.get_by_text("10.9.1.4 (dynamic)")).to_be_visible()
    wanted = page.get_by_label("New private address")
    await expect(wanted).to_have_value("")
    await wanted.fill("10.9.1.4")
    same = page.get_by_role("alert").get_by_text("It has this address already")
    await expect(same).to_be_visible()
    await wanted.fill("10.9.1.9")
    await looked_at(visit, "phone-vm-nic")
    main = page.get_by_role("main")
    await main.get_by_role("button", name="Reset", exact=True).click()
    await expect(visit.dialog.get_by_text("10.9.1.4 becomes 10.9.1.9")).to_be_visible()
    await visit.dialog.get_by_role("button", name="Cancel").click()
    assert await portal.meanwhile(card) == before
    await main.get_by_role("button", name="Reset", exact=True).click()
    await looked_at(visit, "phone-vm-nic-question")
    await visit.dialog.get_by_role("button", name="Reset", exact=True).click()
    await expect(page.get_by_text("The machine has another card")).to_be_visible(timeout=DONE_MS)
    address, mac, how = await portal.meanwhile(card)
    assert (address, how) == ("10.9.1.9", "Static")
    assert mac != before[1]
    await expect(
        page.get_by_text(f"10.9.1.9, MAC address {mac}; before: 10.9.1.4, {before[1]}.")
    ).to_be_visible()
    await looked_at(visit, "phone-vm-nic-done")

    await page.get_by_role("button", name="Put the old address back").click()
    await expect(visit.dialog.get_by_text("10.9.1.9 becomes 10.9.1.4")).to_be_visible()
    await visit.dialog.get_by_role("button", name="Put the old address back").click()
    await expect(page.get_by_text(f"10.9.1.4, MAC address {before[1]}; before: 10.9.1.9")).to_be_visible(
        timeout=DONE_MS
    )
    assert await portal.meanwhile(card) == before

    await main.get_by_role("button", name="Reset", exact=True).click()
    await expect(visit.dialog.get_by_text("10.9.1.4 becomes a free one of its subnet")).to_be_visible()
    await visit.dialog.get_by_role("button", name="Reset", exact=True).click()
    await expect(page.get_by_text("10.9.1.20, MAC address")).to_be_visible(timeout=DONE_MS)
    assert (await portal.meanwhile(card))[::2] == ("10.9.1.20", "Dynamic")


async def test_the_shadowed_rule_is_found_and_mended(
    visits: Visits, portal: Portal, admin: Person, card_of_demo: str
) -> None:
    visit = await visits.open()
    page = visit.page
    await visit.sign_in(admin, to=portal.vm_page(part="rules"))
    await expect(page.get_by_role("table", name="Inbound rules of wall")).to_be_visible()
    await page.get_by_label("Connection").select_option("ssh")
    await page.get_by_role("button", name="Verify").click()
    await expect(page.get_by_text("The rule shut decides.")).to_be_visible(timeout=DONE_MS)
    await expect(page.get_by_text("the rule shut comes before late")).to_be_visible()
    await looked_at(visit, "vm-rules-denied")
    await page.get_by_role("button", name="Add the missing rule").click()
    await expect(page.get_by_text("The rule default-allow-ssh decides.")).to_be_visible(timeout=DONE_MS)
    await expect(page.get_by_role("rowheader", name="default-allow-ssh")).to_be_visible()
    rule = "networkSecurityGroups/wall/securityRules/default-allow-ssh"
    made = await portal.meanwhile(Network(portal.api).get, rule)
    assert made["properties"]["priority"] == 199
    await looked_at(visit, "vm-rules-allowed")


async def test_a_password_needs_all_that_belongs_to_it(visits: Visits, portal: Portal, admin: Person) -> None:
    visit = await visits.open()
    page = visit.page
    await visit.sign_in(admin, to=portal.vm_page(part="password"))
    await page.get_by_role("button", name="Update").click()
    await expect(page.get_by_text("The account's name is needed")).to_be_visible()
    await looked_at(visit, "vm-password")
    await expect(page.locator("input[type=password]")).to_have_count(2)
    await page.get_by_role("radio", name="Reset configuration only").check()
    await expect(page.locator("input[type=password]")).to_have_count(0)
    # What becomes of it in the guest is the extension's own test: this guest is not one with sshd.
    visit.allow("status of")
    await page.get_by_role("button", name="Update").click()
    done = page.get_by_text("The configuration was reset.")
    await expect(done.or_(page.get_by_role("alert"))).to_be_visible(timeout=DONE_MS)
    made = await portal.meanwhile(
        lambda: portal.api.call("GET", f"{portal.vm_id()}/extensions/enablevmaccess")
    )
    assert made["properties"]["type"] == "VMAccessForLinux"
    assert made["properties"]["settings"] == {}
    await looked_at(visit, "vm-password-configuration")


async def test_redeploy_says_what_is_lost_before(visits: Visits, portal: Portal, admin: Person) -> None:
    visit = await visits.open()
    page = visit.page
    await visit.sign_in(admin, to=portal.vm_page(part="redeploy"))
    await expect(page.get_by_text("What is on its temporary disk is lost.")).to_be_visible()
    await page.get_by_role("main").get_by_role("button", name="Redeploy").click()
    await expect(visit.dialog.get_by_text("Dynamic addresses of the machine change.")).to_be_visible()
    await looked_at(visit, "vm-redeploy")
    await visit.dialog.get_by_role("button", name="Cancel").click()
    await expect(visit.dialog).to_have_count(0)


async def test_the_steps_are_looked_at_one_after_the_other(
    visits: Visits, portal: Portal, admin: Person
) -> None:
    """A run that only looks: every step is there at its end, with a report; the phone has room for it."""
    visit = await visits.open(PHONE, has_touch=True, is_mobile=True)
    page = visit.page
    await visit.sign_in(admin, to=portal.vm_page(part="troubleshoot"))
    await settled(page)
    await page.get_by_label("Connection").select_option("ssh")
    await page.get_by_label("Only look, change nothing").check()
    await looked_at(visit, "phone-vm-troubleshoot-start")
    await page.get_by_role("button", name="Start", exact=True).click()
    steps = card(page, "Steps")
    await expect(steps.get_by_role("listitem").filter(has_text=re.compile(r"^\d\. "))).to_have_count(8)
    report = page.get_by_role("button", name="Download as a page (HTML)")
    await expect(report).to_be_visible(timeout=DONE_MS)
    async with page.expect_download() as coming:
        await report.click()
    assert (await coming.value).suggested_filename.endswith(".html")
    await looked_at(visit, "phone-vm-troubleshoot")


async def test_a_classic_vm_gets_its_missing_endpoint(visits: Visits, portal: Portal, admin: Person) -> None:
    old = f"{portal.api.group}/providers/Microsoft.ClassicCompute/virtualMachines/old"
    body = {
        "properties": {
            "outofband": {"virtualMachine": {"id": portal.vm_id()}},
            "networkProfile": {"inputEndpoints": []},
        }
    }
    await portal.meanwhile(lambda: portal.api.call("PUT", old, body, expect=201, **CLASSIC))
    visit = await visits.open()
    page = visit.page
    await visit.sign_in(admin, to=portal.address + "classic")
    await page.get_by_role("link", name="old", exact=True).click()
    await expect(page.get_by_text("No endpoint leads to Remote Desktop")).to_be_visible()
    await looked_at(visit, "classic-no-endpoint")
    await page.get_by_role("button", name="Add the missing endpoint").click()
    await expect(page.get_by_role("rowheader", name="Remote Desktop")).to_be_visible(timeout=DONE_MS)
    await expect(page.get_by_text("No endpoint leads to Remote Desktop")).to_have_count(0)
    await page.get_by_role("button", name="Reset remote access").click()
    await expect(visit.dialog).to_be_visible()
    await looked_at(visit, "classic-reset")
    await visit.dialog.get_by_role("button", name="Cancel").click()
    await portal.meanwhile(lambda: portal.api.call("DELETE", old, **CLASSIC))
