"""A person's browser in front of a real house (control plane, agent, QEMU guest), one for each module."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Playwright, async_playwright, expect

from tests.peers.conftest import demo_guest, house
from tests.peers.house import House
from tests.web import chromium
from tests.web.cable import Cable
from tests.web.people import ADMIN_PASSWORD, Person, Town
from tests.web.portal import Portal
from tests.web.visit import PATIENCE_MS, Visits

__all__ = ["demo_guest", "house"]

_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[_FAILED] = report.failed
    return report


@pytest.fixture(scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
async def portal(house: House) -> AsyncIterator[Portal]:
    """The house's portal, both of its ports behind cables that a test may cut."""
    api, console = Cable(house.arm_port), Cable(house.console_port)
    await api.plug()
    await console.plug()
    made = Portal(house, api, console)
    try:
        yield made
    finally:
        made.close()
        await api.unplug()
        await console.unplug()


@pytest.fixture(scope="module")
async def browser(
    playwright: Playwright, portal: Portal, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Browser]:
    """Trusts the control plane's authority, and reaches its ports through the portal's cables."""
    home = tmp_path_factory.mktemp("home")
    chromium.trust(home, portal.authority)
    started = await chromium.start(playwright, home, chromium.NO_WEBGL, portal.through_cables)
    yield started
    await started.close()


@pytest.fixture
async def visits(
    browser: Browser, portal: Portal, request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Visits]:
    """Opens a page for each person of a test; afterwards none of them may have seen trouble."""
    name = re.sub(r"\W+", "-", request.node.name).strip("-")
    made = Visits(browser, portal, tmp_path / name)
    yield made
    await made.close(failed=request.node.stash.get(_FAILED, True))


@pytest.fixture(scope="module")
async def town(browser: Browser, portal: Portal, tmp_path_factory: pytest.TempPathFactory) -> Town:
    """The people of this house. Its first one has signed in and chosen a password."""
    people = Town(portal)
    visits = Visits(browser, portal, tmp_path_factory.mktemp("town"))
    visit = await visits.open()
    await visit.sign_in(Person(people.admin.name, people.first_password()), new_password=ADMIN_PASSWORD)
    await visits.close(failed=False)
    return people


@pytest.fixture
def admin(town: Town) -> Person:
    return town.admin
