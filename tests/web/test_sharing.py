"""Two people at one console in two browsers: asking, declining, giving, handing over, taking; who may not."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, expect

from tests.web.people import Person, Town
from tests.web.portal import Portal
from tests.web.seat import Seat
from tests.web.visit import Visit, Visits

pytestmark = pytest.mark.anyio


async def seat_of(visits: Visits, person: Person, *, types: bool) -> Seat:
    """A person at the console of the demo VM, with or without the keyboard."""
    visit = await visits.open()
    await visit.sign_in(person)
    seat = Seat(visit)
    await seat.page.goto(visit.portal.vm_page("demo", "console"))
    await seat.accept()
    if types:
        await seat.attached()
    else:
        await watches(seat)
    return seat


async def watches(seat: Seat) -> None:
    await expect(seat.page.get_by_text("Watching", exact=True)).to_be_visible()


def button(seat: Seat, name: str) -> Locator:
    return seat.page.get_by_role("button", name=name, exact=True)


async def menu(visit: Visit, seat: Seat, letter: str) -> None:
    """The menu behind Ctrl+], by one of its letters: no pointer is used."""
    await seat.focus()
    await seat.page.keyboard.press("Control+]")
    await expect(seat.page.get_by_role("menu")).to_be_visible()
    await seat.page.keyboard.press(letter)
    await expect(seat.page.get_by_role("menu")).to_have_count(0)


async def test_asked_declined_given_handed_over_and_taken(visits: Visits, admin: Person, town: Town) -> None:
    operator = town.add("operator", "Serial Console Operator")
    boss = await seat_of(visits, admin, types=True)
    mate = await seat_of(visits, operator, types=False)
    short = operator.name.split("@")[0]

    # Who may not take over watches, sees who types, and is told why and what to do.
    await mate.says(re.compile("types on the console of .* your role does not let you take over"))
    take = button(mate, "Take the keyboard")
    await expect(take).to_have_attribute("aria-disabled", "true")
    await take.hover()
    await mate.says(re.compile("takeOver/action"))
    await boss.says(re.compile(f"Also here: .*{short}"))

    # Asked and declined, by keys alone.
    await menu(mate.visit, mate, "a")
    await boss.says(re.compile(f"{short}.* asks for the keyboard"))
    await boss.visit.axe()
    await boss.visit.picture("console-asked")
    await mate.says(re.compile("was asked for the keyboard"))
    await menu(boss.visit, boss, "d")
    await mate.says(re.compile("keeps the keyboard"))
    await expect(button(boss, "Give the keyboard")).to_have_count(0)

    # Asked again a little later, and given.
    await mate.page.wait_for_timeout(10_500)
    await button(mate, "Ask for the keyboard").click()
    await expect(button(mate, "Stop asking")).to_be_visible()
    await button(boss, "Give the keyboard").click()
    await mate.attached()
    await watches(boss)
    await mate.log_in()
    await mate.run("echo $((6*7))-shared", "42-shared")
    await boss.shows("42-shared")

    # Handed over to a person by name.
    await mate.page.get_by_role("button", name=re.compile("Also here")).click()
    await mate.visit.axe()
    await mate.visit.picture("console-people")
    await mate.page.get_by_role("menuitem", name=re.compile("Give the keyboard to")).click()
    await boss.attached()
    await watches(mate)

    # And taken, by who may: the loser is told by whom, and that the login stays open.
    await button(mate, "Ask for the keyboard").click()
    await button(boss, "Give the keyboard").click()
    await mate.attached()
    await button(boss, "Take the keyboard").click()
    await boss.attached()
    await mate.says(re.compile("took the keyboard at"))
    await mate.says(re.compile("Your login in the guest was not ended"))
    await mate.visit.axe()
    await button(mate, "Watch").click()
    await watches(mate)


async def test_an_observer_may_not_even_ask(visits: Visits, admin: Person, town: Town) -> None:
    watcher = town.add("watcher", "Serial Console Observer")
    boss = await seat_of(visits, admin, types=True)
    await boss.log_in()
    seat = await seat_of(visits, watcher, types=False)
    ask = button(seat, "Ask for the keyboard")
    await expect(ask).to_have_attribute("aria-disabled", "true")
    await ask.hover()
    await seat.says(re.compile("serialPorts/type/action"))
    await seat.page.get_by_role("button", name="Send keys").click()
    nmi = seat.page.get_by_role("menuitem", name="Send NMI")
    await expect(nmi).to_have_attribute("aria-disabled", "true")
    await expect(nmi).to_contain_text("serialPorts/nmi/action")
    await seat.page.keyboard.press("Escape")
    await boss.run("echo $((6*7))-watched", "42-watched")
    await seat.shows("42-watched")
    await seat.visit.axe()


async def test_the_policy_is_switched_and_ends_the_login_of_who_is_taken_over(
    visits: Visits, admin: Person, portal: Portal, town: Town
) -> None:
    page = await visits.open()
    await page.sign_in(admin)
    await page.page.goto(portal.vm_page("demo", "diagnostics"))
    card = page.page.get_by_role("radiogroup", name="End the login")
    await expect(card.get_by_role("radio", name="As the subscription says")).to_be_checked()
    await page.axe()
    # It is chosen once the server has taken it.
    await card.get_by_role("radio", name="On", exact=True).click()
    await expect(page.page.get_by_text("Now on", exact=True)).to_be_visible()
    await expect(card.get_by_role("radio", name="On", exact=True)).to_be_checked()
    try:
        second = town.add("relief", "Virtual Machine Contributor")
        boss = await seat_of(visits, admin, types=True)
        await boss.log_in()
        relief = await seat_of(visits, second, types=False)
        await boss.says(re.compile("took the keyboard at"))
        await boss.says(re.compile("Your login in the guest is being ended"))
        await relief.shows(
            re.compile("login of .* in the guest: (ended by guest agent|login prompt seen)"), 120_000
        )
        await relief.attached(120_000)
        await relief.shows(re.compile("demo login:"))
    finally:
        await card.get_by_role("radio", name="As the subscription says").click()
        await expect(page.page.get_by_text("Now off", exact=True)).to_be_visible()
