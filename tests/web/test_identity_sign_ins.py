"""How programs and people come in, and how that ends: the portal's pages of clients and of sessions."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from playwright.async_api import expect

from outofband.core import clock
from outofband.net import tls
from tests.web.identity_pages import at, card, looked_at, press, settled, tab_to
from tests.web.people import Person, Town
from tests.web.portal import Portal
from tests.web.visit import PHONE, Visits

pytestmark = pytest.mark.anyio
SOON = 20


async def test_a_secret_made_here_signs_a_program_in_until_it_is_removed(
    visits: Visits, portal: Portal, admin: Person, tmp_path: Path
) -> None:
    visit = await visits.open()
    page = visit.page
    await visit.sign_in(admin, to=at(portal, "clients"))
    await settled(page)
    await press(page, "Add a client")
    await tab_to(page, visit.dialog.get_by_role("textbox", name="Name"))
    await page.keyboard.type("backup")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="backup", level=1)).to_be_visible()
    await settled(page)

    await press(page, "Add a secret")
    await tab_to(page, visit.dialog.get_by_role("textbox", name="Label"))
    await page.keyboard.type("host b1")
    await page.keyboard.press("Enter")
    once = page.get_by_role("alertdialog")
    await expect(once).to_contain_text("A new secret of backup")
    await visit.axe()
    await visit.picture("identity-secret")
    secret, client, tenant = await once.locator("code").all_inner_texts()
    await press(page, "I have kept it")
    form = {
        "grant_type": "client_credentials",
        "client_id": client,
        "client_secret": secret,
        "scope": f"https://127.0.0.1:{portal.house.arm_port}/.default",
    }
    address = f"/{tenant}/oauth2/v2.0/token"
    with program(portal) as http:
        given = await portal.meanwhile(lambda: http.post(address, data=form))
        assert given.status_code == 200, given.text
        token = {"Authorization": f"Bearer {given.json()['access_token']}"}
        me = await portal.meanwhile(lambda: http.get("/v1.0/me", headers=token))
        assert me.json()["appId"] == client

    # A certificate from a file with its private key: only the public part leaves the browser.
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.post_data or ""))
    file = tmp_path / "deploy.pem"
    file.write_text(certificate(SOON))
    await page.get_by_role("button", name="Add a certificate").click()
    await visit.dialog.get_by_role("textbox", name="Certificate").fill("no certificate")
    await visit.dialog.get_by_role("button", name="Add", exact=True).click()
    await expect(visit.dialog).to_contain_text("Exactly one certificate in PEM is needed")
    await visit.axe()
    await visit.dialog.locator("input[type=file]").set_input_files(file)
    await expect(visit.dialog.get_by_role("textbox", name="Certificate")).to_have_value(
        re.compile("BEGIN CERT")
    )
    await visit.dialog.get_by_role("button", name="Add", exact=True).click()
    row = card(page, "Certificates").get_by_role("row", name=re.compile("deploy"))
    await expect(row).to_contain_text("Ends in 19 days")
    assert any("BEGIN CERTIFICATE" in body for body in sent)
    assert not any("PRIVATE KEY" in body for body in sent)
    await settled(page)
    await looked_at(visit, "identity-client")
    await page.goto(at(portal, "clients"))
    await expect(page.get_by_role("row", name=re.compile("backup"))).to_contain_text("Ends in 19 days")
    await settled(page)
    await looked_at(visit, "identity-clients")
    await page.get_by_role("link", name="oob (local)").click()
    await expect(page.get_by_role("button", name="Delete")).to_have_attribute("aria-disabled", "true")

    await page.goto(at(portal, f"clients/{client}"))
    await page.get_by_role("button", name="Remove host b1").click()
    await visit.dialog.get_by_role("button", name="Remove").click()
    await expect(card(page, "Secrets")).to_contain_text("There are none")
    with program(portal) as http:
        refused = await portal.meanwhile(lambda: http.post(address, data=form))
        assert (await portal.meanwhile(lambda: http.get("/v1.0/me", headers=token))).status_code == 401
    assert refused.status_code == 401 and "AADSTS7000215" in refused.text
    await page.get_by_role("button", name=re.compile("^Remove .*deploy")).click()
    await visit.dialog.get_by_role("button", name="Remove").click()
    await expect(card(page, "Certificates")).to_contain_text("There are none")
    await page.get_by_role("button", name="Disable").click()
    await visit.dialog.get_by_role("button", name="Disable").click()
    await page.get_by_role("button", name="Enable").click()
    await visit.dialog.get_by_role("button", name="Enable").click()
    await page.get_by_role("button", name="Delete").click()
    await visit.dialog.get_by_role("button", name="Delete").click()
    await expect(page).to_have_url(re.compile("/identity/clients$"))
    await page.goto(at(portal, f"clients/{client}"))
    await expect(page.get_by_text("There is no such client")).to_be_visible()


def program(portal: Portal) -> httpx.Client:
    """Somebody else's program: it trusts the control plane and has nothing yet."""
    base = f"https://127.0.0.1:{portal.house.arm_port}"
    return httpx.Client(
        base_url=base, verify=tls.client_context(portal.authority), timeout=60.0, trust_env=False
    )


def certificate(days: int) -> str:
    """A self-signed certificate with its private key, as Azure's clients make such files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "deploy")])
    now = clock.now()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode() + made.public_bytes(serialization.Encoding.PEM).decode()


async def test_a_session_ended_here_signs_the_other_browser_out(
    visits: Visits, portal: Portal, admin: Person, town: Town
) -> None:
    person = town.add("wanderer", "Reader")
    theirs = await visits.open()
    theirs.allow("status of 40")
    await theirs.sign_in(person)
    visit = await visits.open()
    page = visit.page
    await visit.sign_in(admin, to=at(portal, f"users/{person.name}"))
    await settled(page)
    sessions = card(page, "Where they are signed in")
    await expect(sessions.get_by_role("row")).to_have_count(2)
    await settled(page)
    await looked_at(visit, "identity-user")
    await sessions.get_by_role("button", name=re.compile("^End ")).click()
    await expect(visit.dialog).to_contain_text("consoles included")
    await visit.dialog.get_by_role("button", name="End", exact=True).click()
    await expect(sessions).to_contain_text("Nowhere at the moment")
    # The list of machines is asked for every few seconds: nobody has to press anything.
    await expect(theirs.page.get_by_role("textbox", name="User name")).to_be_visible()

    # All of them at once.
    await theirs.fill_in(person)
    await theirs.inside()
    await page.reload()
    await settled(page)
    await sessions.get_by_role("button", name="Sign out everywhere").click()
    await visit.dialog.get_by_role("button", name="Sign out").click()
    await expect(sessions).to_contain_text("Nowhere at the moment")
    await expect(theirs.page.get_by_role("textbox", name="User name")).to_be_visible()


async def test_everybody_ends_their_own_sessions(visits: Visits, portal: Portal, town: Town) -> None:
    """From the menu of the account, by keyboard; elsewhere first, then everywhere, here too."""
    person = town.add("tidy", "Reader")
    other = await visits.open(PHONE)
    other.allow("status of 40")
    await other.page.goto(portal.address)
    await other.fill_in(person)
    await expect(other.page.get_by_role("main")).to_be_visible()
    visit = await visits.open()
    visit.allow("status of 40")
    page = visit.page
    await visit.sign_in(person)
    await tab_to(page, page.get_by_role("button", name="Account of"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("menuitem", name="Account and password")).to_have_attribute(
        "href", "/account"
    )
    factors = page.get_by_role("menuitem", name="Second factors")
    await expect(factors).to_have_attribute("href", "/account/factors")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile("/portal/sessions$"))
    rows = page.get_by_role("main").get_by_role("row")
    await expect(rows).to_have_count(3)
    await expect(page.get_by_text("this one")).to_have_count(1)
    await looked_at(visit, "sessions")
    await press(page, "Sign out elsewhere")
    await expect(visit.dialog).to_be_visible()
    await press(page, "Sign out")
    await expect(rows).to_have_count(2)
    await other.page.reload()
    await expect(other.page.get_by_role("textbox", name="User name")).to_be_visible()
    await page.get_by_role("button", name="Sign out everywhere").click()
    await expect(visit.dialog).to_contain_text("you are signed out here")
    await visit.dialog.get_by_role("button", name="Sign out").click()
    # The dialog has these words too, before it is so.
    await expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    await page.goto(portal.address)
    await expect(page.get_by_role("textbox", name="User name")).to_be_visible()
