"""The identity pages of the portal: people, groups, directory; sign-ins are in `test_identity_sign_ins`.

Every page is read by axe in both themes and fits a phone in `test_pages`; here is what people do on them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.web.identity_pages import at, card, looked_at, press, settled, tab_to
from tests.web.people import Person, Town
from tests.web.portal import Portal
from tests.web.visit import Visit, Visits

pytestmark = pytest.mark.anyio


async def test_without_a_right_the_page_says_which(visits: Visits, portal: Portal, town: Town) -> None:
    """A Reader of the subscription has nothing to do there: no entry in the menu, a page that says why."""
    person = town.add("onlooker", "Reader")
    visit = await visits.open()
    await visit.sign_in(person)
    menu = visit.page.get_by_role("navigation", name="Portal menu")
    await expect(menu.get_by_role("link", name="API")).to_be_visible()
    await expect(menu.get_by_role("link", name="Identity")).to_have_count(0)
    for place in ("identity", "identity/groups", "users"):
        await visit.page.goto(portal.address + place)
        await expect(visit.page.get_by_text("You have no right on the identity pages")).to_be_visible()
        await expect(visit.page.get_by_text("Microsoft.Authorization/users/read")).to_be_visible()
    await looked_at(visit, "identity-no-right")


async def test_who_may_read_is_told_why_nothing_can_be_changed(
    visits: Visits, portal: Portal, town: Town
) -> None:
    person = town.add("auditor", "Reader", "/")
    visit = await visits.open()
    await visit.sign_in(person)
    page = visit.page
    await page.get_by_role("navigation", name="Portal menu").get_by_role("link", name="Identity").click()
    await expect(page).to_have_url(re.compile("/identity/users$"))
    await expect(page.get_by_role("link", name=person.name)).to_be_visible()
    await expect(page.get_by_role("button", name="Add a user")).to_have_attribute("aria-disabled", "true")
    await page.get_by_role("link", name=person.name).click()
    await expect(page.get_by_text("are shown to whoever has a role")).to_be_visible()
    await expect(card(page, "Roles")).to_contain_text("Reader")
    await page.goto(at(portal, "policy"))
    require = page.get_by_role("button", name="Require it")
    await expect(require).to_have_attribute("aria-disabled", "true")
    await looked_at(visit, "identity-reader")


async def test_a_person_is_added_by_keyboard_found_disabled_and_deleted(
    visits: Visits, portal: Portal, admin: Person
) -> None:
    visit = await visits.open()
    page = visit.page
    await visit.sign_in(admin, to=at(portal, "users"))
    await settled(page)
    await press(page, "Add a user")
    await expect(visit.dialog).to_be_visible()
    await tab_to(page, visit.dialog.get_by_role("textbox", name="User name"))
    await page.keyboard.type("ada")
    await page.keyboard.press("Tab")
    await page.keyboard.type("Ada Lovelace")
    await page.keyboard.press("Enter")
    once = page.get_by_role("alertdialog")
    await expect(once).to_contain_text("The password of ada@")
    await visit.axe()
    password = await once.locator("code").inner_text()
    assert len(password) >= 12
    await page.keyboard.press("Escape")
    await expect(once, "only its button closes it").to_be_visible()
    await press(page, "I have kept it")
    await expect(visit.dialog).to_have_count(0)

    # The address keeps the search.
    await page.get_by_role("searchbox", name="Search by name").fill("lovel")
    await expect(page.get_by_text("1 of")).to_be_visible()
    await expect(page).to_have_url(re.compile(r"\?q=lovel$"))
    await page.reload()
    rows = page.get_by_role("main").get_by_role("row")
    await expect(rows).to_have_count(2)
    await page.get_by_role("searchbox", name="Search by name").fill("nobody has it")
    await expect(page.get_by_text("Nothing fits the search")).to_be_visible()
    # The field has a cross of that name too.
    await page.locator("button", has_text="Clear the search").click()

    await page.get_by_role("link", name=re.compile("^ada@")).click()
    await expect(page.get_by_role("heading", name="Ada Lovelace")).to_be_visible()
    await settled(page)
    await looked_at(visit, "identity-user-new")
    await page.get_by_role("button", name="Disable").click()
    await visit.dialog.get_by_role("button", name="Disable").click()
    await expect(page.get_by_role("button", name="Enable")).to_be_visible()

    # A role is given, named among what would be lost, taken, and given back.
    await page.get_by_role("button", name="Add a role").click()
    await visit.dialog.get_by_role("combobox", name="Role").click()
    await page.get_by_role("option", name=re.compile("^Reader")).first.click()
    await visit.dialog.get_by_role("button", name="Add", exact=True).click()
    await expect(card(page, "Roles").get_by_role("row", name=re.compile("Reader"))).to_be_visible()
    await page.get_by_role("button", name=re.compile("^Remove Reader of Ada")).click()
    await visit.dialog.get_by_role("button", name="Remove").click()
    await expect(card(page, "Roles")).to_contain_text("No role anywhere")
    await page.get_by_role("button", name="Undo").click()
    await expect(card(page, "Roles").get_by_role("row", name=re.compile("Reader"))).to_be_visible()

    await page.get_by_role("button", name="Delete").click()
    await expect(visit.dialog).to_contain_text("Reader on the whole control plane; groups: None; 0 sign-ins")
    await visit.axe()
    await visit.picture("identity-delete")
    await visit.dialog.get_by_role("button", name="Delete").click()
    await expect(page).to_have_url(re.compile("/identity/users$"))
    await expect(page.get_by_role("link", name=re.compile("^ada@"))).to_have_count(0)
    await page.go_back()
    await page.goto(at(portal, "users/ada"))
    visit.allow("status of 404")
    await expect(page.get_by_text("UserNotFound")).to_be_visible()


async def test_the_last_administrator_stays(visits: Visits, portal: Portal, admin: Person) -> None:
    """The refusal comes with its code and what to do, and changes nothing."""
    visit = await visits.open()
    visit.allow("status of 409")
    page = visit.page
    await visit.sign_in(admin, to=at(portal, "users/admin"))
    await settled(page)
    await page.get_by_role("button", name="Delete").click()
    await visit.dialog.get_by_role("button", name="Delete").click()
    alert = visit.dialog.get_by_role("alert")
    await expect(alert).to_contain_text("LastOwner")
    await expect(alert).to_contain_text("What to do")
    await visit.axe()
    await visit.picture("identity-last-owner")
    await visit.dialog.get_by_role("button", name="Cancel").click()
    await page.reload()
    await expect(page.get_by_role("heading", level=1)).to_be_visible()


async def test_a_group_is_filled_by_keyboard_and_a_member_comes_back(
    visits: Visits, portal: Portal, admin: Person, town: Town
) -> None:
    member = town.add("member")
    visit = await visits.open()
    page = visit.page
    await visit.sign_in(admin, to=at(portal, "groups"))
    await settled(page)
    await looked_at(visit, "identity-groups-none")
    for name in ("Operators", "Night shift"):
        await page.goto(at(portal, "groups"))
        await settled(page)
        await press(page, "Add a group")
        await tab_to(page, visit.dialog.get_by_role("textbox", name="Name"))
        await page.keyboard.type(name)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
    night = page.url
    await add_member(visit, "memb", "Member")
    await page.goto(at(portal, "groups"))
    await page.get_by_role("link", name="Operators").click()
    await settled(page)
    await add_member(visit, "night", "Night shift")

    # A circle is refused with its code.
    visit.allow("status of 40")
    await page.goto(night)
    await settled(page)
    await page.get_by_role("button", name="Add a member").click()
    await choose(visit, "operat", "Operators")
    await visit.dialog.get_by_role("button", name="Add", exact=True).click()
    await expect(visit.dialog.get_by_role("alert")).to_contain_text("Code: Group")
    await visit.axe()
    await visit.dialog.get_by_role("button", name="Cancel").click()

    # What the group may, its member may: through the group in the group.
    operators = next(
        each["id"]
        for each in portal.api.call("GET", "/v1.0/groups")["value"]
        if each["displayName"] == "Operators"
    )
    await page.goto(at(portal, f"groups/{operators}"))
    await settled(page)
    await page.get_by_role("button", name="Add a role").click()
    await visit.dialog.get_by_role("combobox", name="Role").click()
    await page.get_by_role("option", name=re.compile("^Reader")).first.click()
    await visit.dialog.get_by_role("button", name="Add", exact=True).click()
    await expect(card(page, "Roles").get_by_role("row", name=re.compile("Reader"))).to_be_visible()
    await settled(page)
    await looked_at(visit, "identity-group")
    theirs = await visits.open()
    await theirs.sign_in(member, to=at(portal, "groups"))
    await expect(theirs.page.get_by_role("link", name="Operators")).to_be_visible()
    await page.goto(at(portal, f"users/{member.name}"))
    await settled(page)
    await expect(card(page, "Groups")).to_contain_text("Night shift")
    await expect(card(page, "Groups")).to_contain_text("Operators")
    await expect(card(page, "Roles").get_by_role("link", name="Operators")).to_be_visible()

    # Taken out, and back, by keyboard.
    await page.goto(night)
    await settled(page)
    row = card(page, "Members").get_by_role("row", name=re.compile("Member"))
    await tab_to(page, page.get_by_role("button", name="Remove Member from Night shift"))
    await page.keyboard.press("Enter")
    await expect(row.filter(has_text="User")).to_have_count(0)
    await expect(page.get_by_role("button", name="Undo")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Remove Member from Night shift")).to_be_visible()

    await page.goto(at(portal, "groups"))
    await settled(page)
    await looked_at(visit, "identity-groups")
    await page.goto(night)
    await settled(page)
    await page.get_by_role("button", name="Rename").click()
    await visit.dialog.get_by_role("textbox", name="Description").fill("Who is called at night")
    await visit.dialog.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Who is called at night")).to_be_visible()
    await page.get_by_role("button", name="Delete").click()
    await expect(visit.dialog).to_contain_text("Its 1 member loses")
    await visit.dialog.get_by_role("button", name="Delete").click()
    await expect(page).to_have_url(re.compile("/identity/groups$"))


async def choose(visit: Visit, typed: str, name: str) -> None:
    who = visit.dialog.get_by_role("combobox", name="User, group or service principal")
    await who.fill(typed)
    await visit.page.get_by_role("option", name=re.compile(f"^{name}")).first.click()


async def add_member(visit: Visit, typed: str, name: str) -> None:
    page = visit.page
    await press(page, "Add a member")
    await tab_to(page, visit.dialog.get_by_role("combobox"))
    await page.keyboard.type(typed)
    await expect(page.get_by_role("option", name=re.compile(f"^{name}"))).to_be_visible()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await press(page, "Add")
    await expect(card(page, "Members").get_by_role("link", name=name, exact=True)).to_be_visible()


async def test_the_document_goes_out_and_comes_in_after_a_look(
    visits: Visits, portal: Portal, admin: Person, tmp_path: Path
) -> None:
    visit = await visits.open()
    visit.allow("status of 400")
    page = visit.page
    await visit.sign_in(admin, to=at(portal, "document"))
    await settled(page)
    await looked_at(visit, "identity-document")
    async with page.expect_download() as coming:
        await page.get_by_role("button", name="Download").click()
    document = json.loads(Path(await (await coming.value).path()).read_text())
    assert document["format"] == "outofband-directory/1" and "passwordHash" not in str(document)

    file = page.get_by_label("Document", exact=True)
    same = tmp_path / "same.json"
    same.write_text(json.dumps(document))
    await file.set_input_files(same)
    await expect(page.get_by_text("same.json changes nothing")).to_be_visible()
    bad = tmp_path / "bad.json"
    bad.write_text("users: []")
    await file.set_input_files(bad)
    await expect(page.get_by_role("alert")).to_contain_text("NotADocument")
    strange = tmp_path / "strange.json"
    strange.write_text('{"format": "something/1", "tenant": {"id": "x"}}')
    await file.set_input_files(strange)
    await expect(page.get_by_role("alert")).to_contain_text("ImportRefused")
    more = tmp_path / "more.json"
    group = {"id": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "name": "Brought", "mailNickname": "brought"}
    more.write_text(json.dumps({**document, "groups": [*document.get("groups", []), group]}))
    await file.set_input_files(more)
    await expect(page.get_by_text("more.json would make 1 change")).to_be_visible()
    await expect(page.get_by_role("row", name=re.compile("Brought"))).to_contain_text("made")
    names = [each["displayName"] for each in portal.api.call("GET", "/v1.0/groups")["value"]]
    assert "Brought" not in names
    await looked_at(visit, "identity-import")
    await page.get_by_role("button", name="Import it").click()
    await visit.dialog.get_by_role("button", name="Import it").click()
    await expect(page.get_by_text("more.json is imported: 1 change")).to_be_visible()
    names = [each["displayName"] for each in portal.api.call("GET", "/v1.0/groups")["value"]]
    assert "Brought" in names


async def test_an_answer_that_does_not_come_is_told_on_every_page(
    visits: Visits, portal: Portal, admin: Person
) -> None:
    """Loading, then the error with code, cause and what to do; and "Try again" goes on."""
    visit = await visits.open()
    visit.allow("status of 503", "failed:")
    page = visit.page
    await visit.sign_in(admin)
    body = {
        "error": {
            "code": "Overloaded",
            "message": "Too much at once.",
            "additionalInfo": [
                {
                    "type": "OutofbandRemedy",
                    "info": {"title": "Busy", "cause": "Much to do.", "remedy": ["Wait a moment."]},
                }
            ],
        }
    }
    doors = re.compile(r"/(v1\.0|account/api)/")
    for place in ("identity/users", "identity/groups", "identity/clients", "identity/policy", "sessions"):
        await page.route(
            doors,
            lambda route: route.fulfill(status=503, content_type="application/json", body=json.dumps(body)),
        )
        await page.goto(portal.address + place)
        alert = page.get_by_role("alert").first
        await expect(alert).to_contain_text("Overloaded")
        await expect(alert).to_contain_text("Much to do.")
        await expect(alert).to_contain_text("Wait a moment.")
        await visit.axe()
        await page.unroute(doors)
        for retry in reversed(await page.get_by_role("button", name="Try again").all()):
            await retry.click()
        await expect(page.get_by_text("Overloaded")).to_have_count(0)
