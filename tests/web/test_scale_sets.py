"""Scale sets in the portal: an instance's console, an instance without the latest model, and its update."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.web.people import Person
from tests.web.portal import Portal
from tests.web.seat import CONNECT_MS, Seat
from tests.web.test_pages import settled
from tests.web.visit import PHONE, Visits

pytestmark = pytest.mark.anyio

BOOT_MS = 90_000
SET = "web"
COMPUTE = {"api-version": "2024-11-01"}


@pytest.fixture(scope="module")
async def scale_set(portal: Portal) -> str:
    """The id of a scale set with one instance."""
    await portal.meanwhile(
        portal.house.oob, "vmss", "create", SET, "--image", "demo", "--count", "1", "--memory", "192"
    )
    return f"{portal.api.group}/providers/Microsoft.Compute/virtualMachineScaleSets/{SET}"


async def model(portal: Portal, scale_set: str, *, diagnostics: bool) -> None:
    """Say what instances are to be from now on; nobody brings them to it."""
    profile = {"diagnosticsProfile": {"bootDiagnostics": {"enabled": diagnostics}}}
    body = {"properties": {"virtualMachineProfile": profile}}
    await portal.meanwhile(lambda: portal.api.call("PATCH", scale_set, body, **COMPUTE))


async def test_from_the_list_to_an_instances_console(
    visits: Visits, portal: Portal, admin: Person, scale_set: str
) -> None:
    visit = await visits.open()
    page, seat = visit.page, Seat(visit, name=f"{SET}_0")
    await visit.sign_in(admin)
    await page.get_by_role("navigation").get_by_role("link", name="Scale sets").click()
    await settled(page)
    await visit.axe()
    await visit.picture("scale-sets")
    await page.get_by_role("main").get_by_role("link", name=SET, exact=True).click()
    instance = page.get_by_role("main").get_by_role("link", name=f"{SET}_0", exact=True)
    await expect(instance).to_be_visible()
    await visit.axe()
    await visit.picture("scale-set")
    await instance.click()
    await expect(page.get_by_text(f"Instance of the scale set {SET}")).to_be_visible()
    await expect(page.get_by_text("The latest", exact=True)).to_be_visible()
    await visit.axe()
    await visit.picture("scale-set-instance")
    await page.get_by_role("link", name="Serial console", exact=True).click()
    await seat.accept()
    await seat.attached()
    await seat.log_in()
    await seat.run("echo $((6*7))-answer", "42-answer")
    # The way back leads through the scale set.
    await page.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name=SET, exact=True).click()
    await expect(instance).to_be_visible()


async def test_an_instance_that_lacks_the_latest_model_is_told_and_updated(
    visits: Visits, portal: Portal, admin: Person, scale_set: str
) -> None:
    """Boot diagnostics go off in the model and, updated, at the instance: its console mends that."""
    visit = await visits.open()
    page, seat = visit.page, Seat(visit, name=f"{SET}_0")
    await visit.sign_in(admin)
    await model(portal, scale_set, diagnostics=False)
    profile = portal.house.profile()
    at = f"{portal.address}scale-sets/{profile['subscriptionId']}/{profile['resourceGroup']}/{SET}"
    await page.goto(at)
    await expect(page.get_by_role("main").get_by_text("Not the latest model").first).to_be_visible()
    await page.get_by_role("main").get_by_role("link", name=f"{SET}_0", exact=True).click()
    # The page of the set has a button of the same name.
    await expect(page.get_by_text(f"Instance of the scale set {SET}")).to_be_visible()
    await page.get_by_role("button", name="Update 1 instance").click()
    await visit.axe()
    await visit.picture("scale-set-update")
    await visit.dialog.get_by_role("button", name="Update").click()
    await expect(page.get_by_text("The latest", exact=True)).to_be_visible(timeout=CONNECT_MS)

    visit.allow("status of 409")
    await page.get_by_role("link", name="Serial console", exact=True).click()
    accepted = page.get_by_role("button", name="I have read this")
    enable = page.get_by_role("button", name="Enable boot diagnostics")
    await expect(accepted.or_(enable).first).to_be_visible(timeout=CONNECT_MS)
    if await accepted.is_visible():
        await accepted.click()
    await enable.click()
    await seat.attached(BOOT_MS)

    # Off at the instance, on in a model that it has not got yet: the update is what is missing.
    await model(portal, scale_set, diagnostics=False)
    await portal.meanwhile(portal.house.oob, "vmss", "upgrade", SET, "0")
    await expect(enable).to_be_visible(timeout=CONNECT_MS)
    await model(portal, scale_set, diagnostics=True)
    await page.reload()
    update = page.get_by_role("button", name="Update 1 instance")
    await expect(update).to_be_visible(timeout=CONNECT_MS)
    await visit.axe()
    await update.click()
    await seat.attached(BOOT_MS)
    await seat.log_in()


async def test_the_pages_fit_a_phone(visits: Visits, portal: Portal, admin: Person, scale_set: str) -> None:
    visit = await visits.open(PHONE, has_touch=True, is_mobile=True)
    await visit.sign_in(admin)
    profile = portal.house.profile()
    group = f"{portal.address}scale-sets/{profile['subscriptionId']}/{profile['resourceGroup']}"
    for address in (f"{portal.address}scale-sets", f"{group}/{SET}", f"{group}/{SET}/0"):
        await visit.page.goto(address)
        await settled(visit.page)
        await expect(visit.page.get_by_text(re.compile(f"^{SET}")).first).to_be_visible()
        await visit.fits()
