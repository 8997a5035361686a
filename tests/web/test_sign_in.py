"""Signing in and out with the control plane's own accounts, in a real browser."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.peers.house import OOB
from tests.support.terminal import Terminal
from tests.web.people import ADMIN, ADMIN_PASSWORD, Person, Town
from tests.web.portal import Portal
from tests.web.visit import PHONE, Visit, Visits

pytestmark = pytest.mark.anyio

LOCKED_AFTER = 20


async def refused(visit: Visit, person: Person) -> str:
    """Answer the sign-in page with what is not taken; what the page says."""
    await visit.fill_in(person)
    alert = visit.page.get_by_role("alert")
    await expect(alert).to_be_visible()
    return await alert.inner_text()


async def test_the_first_sign_in_asks_for_a_new_password(visits: Visits, portal: Portal) -> None:
    """The first test of its module: afterwards the first password is worth nothing."""
    first = Person(ADMIN, Town(portal).first_password())
    visit = await visits.open()
    visit.allow("status of 400")
    page = visit.page
    await page.goto(portal.address)
    await expect(page.get_by_role("textbox", name="User name")).to_be_focused()
    await visit.axe()
    await visit.picture("sign-in")
    await visit.fill_in(first)

    await page.get_by_label("Current password").fill(first.password)
    await page.get_by_label("New password", exact=True).fill("short")
    await page.get_by_label("New password again").fill("short")
    await page.get_by_role("button", name="Change password").click()
    await expect(page.get_by_role("alert")).to_contain_text("12")
    await visit.axe()

    await page.get_by_label("Current password").fill(first.password)
    await page.get_by_label("New password", exact=True).fill(ADMIN_PASSWORD)
    await page.get_by_label("New password again").fill(ADMIN_PASSWORD)
    await page.get_by_role("button", name="Change password").click()
    await visit.inside()
    assert not (portal.house.root / "client" / "first-password").exists()

    other = await visits.open()
    other.allow("status of 40")
    await other.page.goto(portal.address)
    await refused(other, first)
    await other.fill_in(Person(ADMIN, ADMIN_PASSWORD))
    await other.inside()


async def test_a_wrong_password_and_an_unknown_name_read_the_same(visits: Visits, portal: Portal) -> None:
    visit = await visits.open()
    visit.allow("status of 40")
    await visit.page.goto(portal.address)
    wrong = await refused(visit, Person(ADMIN, "not-the-password"))
    await visit.axe()
    unknown = await refused(visit, Person("nobody", "not-the-password"))
    assert wrong.replace(ADMIN, "") == unknown.replace("nobody", "")


async def test_an_account_locks_after_too_many_failures(visits: Visits, portal: Portal) -> None:
    """The lock is told, and it holds for the right password too."""
    person = Town(portal).add("clumsy", "Reader")
    visit = await visits.open()
    visit.allow("status of 4")
    await visit.page.goto(portal.address)
    for _ in range(LOCKED_AFTER):
        said = await refused(visit, Person(person.name, "not-the-password"))
    assert "until" in said
    assert await refused(visit, person) == said


async def test_signing_out_ends_what_was_issued(visits: Visits, portal: Portal) -> None:
    person = Town(portal).add("leaving", "Reader")
    visit = await visits.open()
    await visit.sign_in(person)
    # The other page may ask for its list once more before it learns that it is over.
    visit.allow("status of 401")
    second = await visit.context.new_page()
    await second.goto(portal.address)
    await expect(second.get_by_role("link", name="Virtual machines").first).to_be_visible()

    async with second.expect_request(lambda request: "authorization" in request.headers) as asking:
        await second.reload()
    token = (await asking.value).headers["authorization"]
    tenants = f"https://127.0.0.1:{portal.house.arm_port}/tenants?api-version=2022-12-01"
    assert await status_of(portal, tenants, token) == 200

    await visit.page.get_by_role("button", name="Account of").click()
    await visit.page.get_by_role("menuitem", name="Sign out").click()
    await expect(visit.page.get_by_text("signed out")).to_be_visible()
    await visit.axe()
    await visit.page.goto(portal.address)
    await expect(visit.page.get_by_role("textbox", name="User name")).to_be_visible()

    await expect(second.get_by_role("heading", name="You are signed out")).to_be_visible()
    assert await status_of(portal, tenants, token) == 401


async def status_of(portal: Portal, address: str, token: str) -> int:
    answer = await portal.meanwhile(lambda: portal.api.http.get(address, headers={"Authorization": token}))
    return answer.status_code


async def test_a_deep_link_is_kept_over_the_sign_in(visits: Visits, portal: Portal) -> None:
    person = Town(portal).add("deep", "Reader")
    visit = await visits.open()
    await visit.sign_in(person, to=portal.vm_page(part="activity"))
    await expect(visit.page).to_have_url(portal.vm_page(part="activity"))


async def test_a_reload_needs_no_password(visits: Visits, portal: Portal) -> None:
    visit = await visits.open()
    await visit.sign_in(Town(portal).add("again", "Reader"))
    await visit.page.reload()
    await visit.inside()
    kept = await visit.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert "eyJ" not in kept, "a token is in the browser's storage"


async def test_a_phone_signs_in(visits: Visits, portal: Portal) -> None:
    visit = await visits.open(PHONE, has_touch=True, is_mobile=True)
    await visit.page.goto(portal.address)
    await expect(visit.page.get_by_role("textbox", name="User name")).to_be_focused()
    await visit.axe()
    await visit.fits()
    await visit.fill_in(Town(portal).add("walking", "Reader"))
    await expect(visit.page.get_by_role("main")).to_be_visible()
    await visit.fits()


async def test_a_terminal_signs_in_by_a_code(visits: Visits, portal: Portal, tmp_path: Path) -> None:
    """`oob login` from a state of its own: the code is approved in a browser, the verbs work in that name."""
    person = Town(portal).add("far", "Reader")
    state = {**portal.house.env, "OOB_STATE": str(tmp_path / "far")}
    address = f"127.0.0.1:{portal.house.arm_port}"
    login = [*OOB, "login", address, "--ca", str(portal.authority), "--no-browser"]
    visit = await visits.open()
    page = visit.page
    with Terminal(login, state) as seat:
        said = (await portal.meanwhile(seat.expect, rb"[A-Z0-9]{4}-?[A-Z0-9]{4}")).decode()
        code = said[-9:] if "-" in said[-9:] else said[-8:]
        found = re.search(r"https://\S+/device\S*", said)
        assert found, said
        await page.goto(found[0])
        if await page.get_by_role("textbox", name="User name").is_visible():
            await visit.fill_in(person)
        await page.get_by_role("textbox", name="Code").fill(code)
        await visit.axe()
        await page.get_by_role("button", name="Continue").click()
        if await page.get_by_role("textbox", name="User name").is_visible():
            await visit.fill_in(person)
        await visit.axe()
        await page.get_by_role("button", name="Allow").click()
        assert await portal.meanwhile(seat.wait) == 0
    listing = [*OOB, "vm", "list", "-o", "json"]
    shown = await portal.meanwhile(
        lambda: subprocess.run(listing, env=state, capture_output=True, check=True)
    )
    assert [vm["name"] for vm in json.loads(shown.stdout)] == ["demo"]
