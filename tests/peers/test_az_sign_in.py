"""The program `az` itself: set up by `oob az`, signed in by its lines, and refused in Azure's words."""

from __future__ import annotations

import base64
import re
import subprocess
import uuid
from collections.abc import Iterator

import pytest

from outofband.core import clock
from outofband.core.paths import StateDir
from outofband.identity import totp
from outofband.net import tls
from tests.peers.az import Clients
from tests.peers.forms import Forms
from tests.peers.house import COMMAND_SECONDS, House
from tests.peers.people import Person, move_in

PASSWORD = "slow-heron-ladder-7"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"


@pytest.fixture(scope="module")
def people(house: House) -> dict[str, Person]:
    return move_in(house, {"dash": READER, "nobody": ""}, dashed=("dash",))[0]


@pytest.fixture(scope="module")
def azure(house: House, people: dict[str, Person]) -> Iterator[Clients]:
    made = Clients(house)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def fresh(azure: Clients) -> Iterator[Clients]:
    """Nobody is signed in. az answers from its cache before it asks, so refusals need their own folder."""
    made = azure.fresh()
    try:
        yield made
    finally:
        made.close()


def exports(azure: Clients) -> str:
    """The lines that `oob az setup` shows a person, taken from its text."""
    told = azure.bash(f"oob az setup --config-dir {azure.config}").out
    lines = [line.strip() for line in told.splitlines() if line.startswith("  ")]
    assert [line.split()[0] for line in lines] == ["export"] * 3 + ["az"] * 2, told
    return "\n".join(lines[:4])


def test_the_lines_shown_sign_in(house: House, azure: Clients) -> None:
    lines = exports(azure)
    secret = (house.root / "client" / "secret").read_text().strip()
    assert secret not in lines
    said = azure.bash(f"unset REQUESTS_CA_BUNDLE\n{lines} --output none\naz vm list --output table")
    assert re.search(r"^demo +demo +local", said.out, re.MULTILINE)
    token = azure.program("account", "get-access-token").json
    assert token["tokenType"] == "Bearer"
    assert token["subscription"] == house.profile()["subscriptionId"]
    account = azure.program("account", "show").json
    assert (account["environmentName"], account["state"]) == ("Outofband", "Enabled")
    assert account["user"] == {"name": house.profile()["clientId"], "type": "servicePrincipal"}


def test_a_second_setup_changes_nothing(azure: Clients) -> None:
    before = {path: path.stat().st_mtime_ns for path in azure.config.iterdir() if path.is_file()}
    again = azure.bash(f"oob az setup --config-dir {azure.config} -o json").json
    assert again["changed"] == 0
    assert before == {path: path.stat().st_mtime_ns for path in azure.config.iterdir() if path.is_file()}


def test_one_flag_registers_and_every_endpoint_is_ours(house: House, azure: Clients) -> None:
    arm = house.profile()["arm"]
    azure.program("cloud", "register", "--name", "ByHand", "--endpoint-resource-manager", arm)
    made = azure.program("cloud", "show", "--name", "ByHand").json
    lacking = {name for name, address in made["endpoints"].items() if not address}
    # Of a mirror that Azure runs for its own Chinese cloud.
    assert lacking <= {"azmirrorStorageAccountResourceId"}
    assert all(address.rstrip("/").startswith(arm) for address in made["endpoints"].values() if address)
    assert all(made["suffixes"].values())
    # What a person made by hand is not ours to change.
    taken = azure.bash(f"oob az undo --config-dir {azure.config} --name ByHand -o json", expect=5)
    assert '"AzureCloudTaken"' in taken.err
    azure.program("cloud", "unregister", "--name", "ByHand")


def test_a_secret_may_begin_with_a_dash(house: House, people: dict[str, Person]) -> None:
    azure = Clients(house, people["dash"])
    try:
        assert (people["dash"].state / "secret").read_text().startswith("-")
        azure.sign_in()
        assert [vm["name"] for vm in azure.program("vm", "list").json] == ["demo"]
    finally:
        azure.close()


def test_a_person_signs_in_with_a_device_code(house: House, fresh: Clients) -> None:
    first = house.json("identity", "recover")["password"]
    line = fresh.told["login"]["person"]
    with subprocess.Popen(
        ["bash", "-c", f"exec {line} --output json"],
        env=fresh.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as waiting:
        assert waiting.stderr is not None
        told = next(line for line in waiting.stderr if "enter the code" in line)
        page, code = re.search(r"(https://\S+)", told), re.search(r"code (\S+)", told)
        assert page, told
        assert code, told
        trust = tls.client_context(StateDir(house.root).trust)
        with Forms(house.profile()["arm"], trust) as browser:
            browser.open(page[1])
            browser.press("Continue", code=code[1])
            browser.press("Sign in", name="admin", password=first)
            browser.press("Change password", current=first, new=PASSWORD, again=PASSWORD)
            assert "Azure CLI" in browser.page
            browser.press("Allow")
        out, err = waiting.communicate(timeout=COMMAND_SECONDS)
    assert waiting.returncode == 0, err
    assert '"admin@outofband.local"' in out
    fresh.program("account", "list", "--refresh")
    assert [vm["name"] for vm in fresh.program("vm", "list").json] == ["demo"]


def test_where_a_factor_is_required_it_is_asked_for_on_the_page(house: House, fresh: Clients) -> None:
    """Somebody signed in before is told to sign in again; the program that is signed in goes on."""
    first = house.json("identity", "recover")["password"]
    trust = tls.client_context(StateDir(house.root).trust)

    def sign_in(*steps: tuple[str, dict[str, str]], app: bool) -> None:
        line = fresh.told["login"]["person"]
        with subprocess.Popen(
            ["bash", "-c", f"exec {line} --output json"],
            env=fresh.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as waiting:
            assert waiting.stderr is not None
            told = next(line for line in waiting.stderr if "enter the code" in line)
            page, code = re.search(r"(https://\S+)", told), re.search(r"code (\S+)", told)
            assert page, told
            assert code, told
            with Forms(house.profile()["arm"], trust) as browser:
                browser.open(page[1])
                browser.press("Continue", code=code[1])
                for button, fields in steps:
                    browser.press(button, **fields)
                if app:
                    shown = re.search(r'<code class="secret">([A-Z2-7 ]+)</code>', browser.page)
                    assert shown, browser.page
                    secret = base64.b32decode(shown[1].replace(" ", ""))
                    browser.press("Set up the app", otp=totp.code_at(secret, clock.now()))
                    assert "Recovery codes" in browser.page
                    browser.press("I have them")
                assert "Azure CLI" in browser.page
                browser.press("Allow")
            _, err = waiting.communicate(timeout=COMMAND_SECONDS)
        assert waiting.returncode == 0, err

    name = {"name": "admin"}
    change = {"current": first, "new": PASSWORD, "again": PASSWORD}
    sign_in(("Sign in", name | {"password": first}), ("Change password", change), app=False)
    assert [vm["name"] for vm in fresh.program("vm", "list").json] == ["demo"]
    house.json("identity", "policy", "set", "--require-mfa")
    try:
        refused = fresh.refused("vm", "list")
        assert "The tenant requires a second factor" in refused and "Sign in again." in refused
        sign_in(("Sign in", name | {"password": PASSWORD}), app=True)
        assert [vm["name"] for vm in fresh.program("vm", "list").json] == ["demo"]
        assert house.json("vm", "list")
    finally:
        house.json("identity", "policy", "set", "--no-require-mfa")


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("secret", "AADSTS7000215: Invalid client secret provided."),
        ("application", "AADSTS700016: Application with identifier '{}' was not found in the directory"),
        ("tenant", "AADSTS90002: Tenant '{}' not found."),
    ],
)
def test_who_is_wrong_is_refused_in_azures_words(house: House, fresh: Clients, what: str, told: str) -> None:
    profile, wrong = house.profile(), str(uuid.uuid4())
    file = fresh.root / "secret"
    file.write_text("-not-the-secret" if what == "secret" else (house.root / "client" / "secret").read_text())
    said = fresh.program(
        "login",
        "--service-principal",
        "--username",
        wrong if what == "application" else profile["clientId"],
        f"--password=@{file}",
        "--tenant",
        wrong if what == "tenant" else profile["tenantId"],
        expect=1,
    )
    assert told.format(wrong) in said.err
    assert "Please run 'az login'" in fresh.refused("vm", "list")


def test_without_a_role_there_is_no_subscription(house: House, people: dict[str, Person]) -> None:
    azure = Clients(house, people["nobody"])
    try:
        said = azure.bash(azure.told["login"]["client"], expect=1)
        assert "No subscriptions found" in said.err
    finally:
        azure.close()


def test_undo_leaves_az_as_it_was(azure: Clients, fresh: Clients) -> None:
    fresh.sign_in()
    fresh.bash(f"oob az undo --config-dir {fresh.config}")
    left = fresh.bash("unset REQUESTS_CA_BUNDLE; az cloud list --output json").json
    assert {cloud["name"]: cloud["isActive"] for cloud in left}.get("AzureCloud") is True
    assert "Outofband" not in {cloud["name"] for cloud in left}
    assert not list(fresh.config.glob("outofband*"))
    secret = (azure.house.root / "client" / "secret").read_bytes().strip()
    assert not [path for path in fresh.config.rglob("*") if path.is_file() and secret in path.read_bytes()]
    again = fresh.bash(f"oob az undo --config-dir {fresh.config} -o json").json
    assert again["changed"] == 0
