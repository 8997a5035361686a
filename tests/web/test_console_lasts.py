"""A console that outlives its socket, its control plane and its person: nothing lost, nothing twice."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Route, expect

from tests.peers.guest import KERNEL_LINE, number_lines
from tests.web.people import Person, Town
from tests.web.portal import Portal
from tests.web.seat import Seat
from tests.web.visit import Visit, Visits

pytestmark = pytest.mark.anyio

LOST = re.compile("Connection lost")
BACK_MS = 90_000
COUNT_MS = 90_000
KERNEL = re.compile(KERNEL_LINE.encode() + rb"\r\n")


async def at_the_shell(visit: Visit, person: Person) -> Seat:
    await visit.sign_in(person)
    seat = Seat(visit)
    await seat.open()
    await seat.log_in()
    return seat


async def count(seat: Seat, last: int) -> None:
    """Let the guest print numbered lines, slowly enough for a test to act meanwhile."""
    await seat.type(f"echo begin-$((1+1)); numbers {last} 0.01\n")


async def counted(seat: Seat, last: int) -> None:
    """Every numbered line was seen in this window: each once, in order, byte for byte."""
    await seat.shows(re.compile(f"line {last:08d}"), COUNT_MS)
    seen = KERNEL.sub(b"", (await seat.download()).rsplit(b"begin-2\r\n", 1)[1])
    assert seen.count(b"line ") == last
    assert seen.startswith(number_lines(1, last)), seen


@pytest.mark.exact
async def test_a_dropped_socket_loses_and_doubles_nothing(
    visits: Visits, portal: Portal, admin: Person
) -> None:
    visit = await visits.open()
    visit.allow("WebSocket connection")
    seat = await at_the_shell(visit, admin)
    await count(seat, 400)
    for mark in ("line 000000[3-9]", "line 000001[5-9]", "line 000002[5-9]"):
        await seat.shows(re.compile(mark), COUNT_MS)
        portal.console_cable.cut()
    await counted(seat, 400)
    await seat.run("echo still-$((40+2))", "still-42")


async def test_a_listener_that_is_away_is_told_and_waited_for(
    visits: Visits, portal: Portal, admin: Person
) -> None:
    visit = await visits.open()
    visit.allow("WebSocket connection", "ERR_CONNECTION")
    seat = await at_the_shell(visit, admin)
    await portal.console_cable.unplug()
    await seat.says(LOST)
    await visit.axe()
    await visit.picture("console-lost")
    await portal.console_cable.plug()
    await seat.attached(BACK_MS)
    await seat.run("echo back-$((40+2))", "back-42")


@pytest.mark.exact
async def test_a_killed_control_plane_comes_back_to_the_same_byte(
    visits: Visits, portal: Portal, admin: Person
) -> None:
    visit = await visits.open()
    # Until the host has found its way back too, it is said to be away: 409.
    visit.allow("WebSocket connection", "ERR_CONNECTION", "ERR_EMPTY", "status of 50", "status of 409")
    seat = await at_the_shell(visit, admin)
    await count(seat, 500)
    await seat.shows(re.compile("line 000000[3-9]"), COUNT_MS)
    await portal.meanwhile(portal.house.kill, "control")
    await seat.says(LOST)
    await portal.meanwhile(portal.house.up)
    await seat.attached(BACK_MS)
    await counted(seat, 500)
    await seat.run("echo alive-$((40+2))", "alive-42")


@pytest.mark.exact
async def test_a_token_that_ran_out_is_renewed_and_the_console_goes_on(
    visits: Visits, portal: Portal, admin: Person
) -> None:
    """The line drops when the token is no longer taken: a new one, the same session, the same byte."""
    visit = await visits.open()
    visit.allow("WebSocket connection", "status of 401")
    seat = await at_the_shell(visit, admin)
    refused = 0

    async def too_old(route: Route) -> None:
        nonlocal refused
        headers = await route.request.all_headers()
        if not refused:
            refused += 1
            headers["authorization"] = headers["authorization"][:-8] + "AAAAAAAA"
        await route.continue_(headers=headers)

    await visit.page.route(re.compile(r"/serialPorts/0/connect\b"), too_old)
    await count(seat, 400)
    await seat.shows(re.compile("line 000000[3-9]"), COUNT_MS)
    async with visit.page.expect_response(re.compile("/oauth2/v2.0/token"), timeout=BACK_MS) as renewed:
        portal.console_cable.cut()
    assert (await renewed.value).status == 200
    assert refused == 1
    await counted(seat, 400)
    await seat.run("echo renewed-$((40+2))", "renewed-42")
    await visit.page.unroute_all(behavior="wait")


async def test_the_second_person_takes_over_and_the_first_is_told_by_whom(
    visits: Visits, admin: Person, town: Town
) -> None:
    first, second = await visits.open(), await visits.open()
    other = town.add("second", "Virtual Machine Contributor")
    seat = await at_the_shell(first, admin)
    taker = Seat(second)
    await second.sign_in(other)
    await taker.open()
    await seat.says(re.compile(rf"{re.escape(other.name)} took the keyboard at"))
    await first.axe()
    await first.picture("console-taken")
    await taker.run("echo still-$((1+1))", "still-2")
    await seat.page.get_by_role("button", name="Take the keyboard back").click()
    await seat.attached()
    await taker.says(re.compile("took the keyboard at"))
    await seat.run("echo mine-$((1+2))", "mine-3")
    await expect(taker.page.get_by_role("button", name="Take the keyboard back")).to_be_visible()


async def test_a_part_of_the_portal_that_is_lost_on_the_way_is_fetched_again(
    visits: Visits, portal: Portal, admin: Person
) -> None:
    visit = await visits.open()
    visit.allow("ERR_CONNECTION_RESET", r"\[portal\]")
    still_to_lose = 2

    async def lose(route: Route) -> None:
        nonlocal still_to_lose
        still_to_lose -= 1
        await (route.abort("connectionreset") if still_to_lose >= 0 else route.continue_())

    await visit.page.route(re.compile("/assets/ConsolePane"), lose)
    seat = Seat(visit)
    await visit.sign_in(admin)
    await seat.open()
    assert still_to_lose < 0, "it was lost, and came"

    await visit.page.reload()
    await seat.attached()
    still_to_lose = 1_000
    await visit.page.reload()
    await seat.says("PortalPartMissing")
    await visit.axe()
    still_to_lose = 0
    await visit.page.get_by_role("button", name="Try again").click()
    await seat.attached()
    await visit.page.unroute_all(behavior="wait")
