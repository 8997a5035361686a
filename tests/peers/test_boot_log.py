"""The boot log in the store, of a real guest, by Azure's own clients."""

from __future__ import annotations

import json
import time
from pathlib import Path

import httpx
import pytest

from outofband.net.tls import client_context
from tests.peers.az import Clients
from tests.peers.house import House, until
from tests.peers.test_azure_sdks import Talks

pytestmark = pytest.mark.exact

DEMO = ("--resource-group", "demo", "--name", "demo")
OWN = "oobbootlogs1"


def spool(house: House) -> bytes:
    """What the guest has printed, by the log on its host."""
    (found,) = (house.root / "agent" / "machines").glob("*/serial0.log")
    return found.read_bytes()


def addresses(azure: Clients) -> dict[str, str]:
    told: dict[str, str] = azure.json("vm", "boot-diagnostics", "get-boot-log-uris", *DEMO, "--expire", "30")
    return told


def fetch(house: House, url: str) -> httpx.Response:
    """As anybody who has the address: without a name or a token."""
    trust = client_context(Path(house.profile()["caFile"]))
    with httpx.Client(verify=trust, timeout=90) as client:
        return client.get(url)


@pytest.fixture(scope="module")
def log_url(house: House, azure: Clients) -> str:
    until("the guest boots", lambda: b"demo login: " in spool(house))
    return addresses(azure)["serialConsoleLogBlobUri"]


def same(house: House, url: str) -> None:
    """The log in the store becomes what the guest printed, byte for byte."""
    until("the log is stored", lambda: fetch(house, url).content == spool(house))


def test_oob_takes_a_picture(house: House, log_url: str, tmp_path: Path) -> None:
    told = json.loads(
        house.oob("vm", "screenshot", "demo", "--file", str(tmp_path / "now.png"), "-o", "json").stdout
    )
    picture = (tmp_path / "now.png").read_bytes()
    assert picture.startswith(b"\x89PNG\r\n") and picture.endswith(b"IEND\xaeB`\x82")
    assert (told["bytes"], told["file"]) == (len(picture), str(tmp_path / "now.png"))
    house.oob("vm", "screenshot", "demo", "--file", "-", "-o", "json", expect=2)
    house.oob("vm", "screenshot", "demo", "--file", str(tmp_path / "no" / "now.png"), expect=2)
    house.oob("vm", "screenshot", "nobody", "--file", str(tmp_path / "none.png"), expect=3)
    assert sorted(tmp_path.iterdir()) == [tmp_path / "now.png"]


def test_az_shows_the_log(house: House, azure: Clients, log_url: str) -> None:
    same(house, log_url)
    shown = azure.az("vm", "boot-diagnostics", "get-boot-log", *DEMO).out
    assert "Linux version" in shown and "demo login:" in shown
    picture = addresses(azure)["consoleScreenshotBlobUri"]
    found = until("a picture is taken", lambda: (got := fetch(house, picture)).is_success and got)
    assert found.content.startswith(b"\x89PNG") and found.headers["content-type"] == "image/png"
    view = azure.json("vm", "get-instance-view", *DEMO)["instanceView"]
    assert view["bootDiagnostics"].get("serialConsoleLogBlobUri") is None


def test_azures_sdks_read_it_in_pieces(house: House, azure: Clients, log_url: str) -> None:
    same(house, log_url)
    printed = spool(house).decode("latin-1")
    told = Talks(house, azure)("boot_diagnostics")
    assert printed.startswith(told["log"]) and len(told["log"]) > 5000
    assert (told["part"], told["size"]) == (printed[100:150], len(told["log"]))
    assert bytes.fromhex(told["picture"]) == b"\x89PNG\r\n\x1a\n"
    assert abs(int(told["taken"]) / 1000 - time.time()) < 3600
    assert (told["listed"], told["other"]) == ("AuthorizationPermissionMismatch", "AuthenticationFailed")


def test_a_changed_address_opens_nothing(house: House, log_url: str) -> None:
    for old, new in (("sp=r", "sp=rw"), ("se=20", "se=21"), ("sig=", "sig=A"), ("sr=b", "sr=c")):
        assert old in log_url
        assert fetch(house, log_url.replace(old, new)).status_code == 403


def test_an_account_of_ones_own(house: House, azure: Clients, log_url: str) -> None:
    azure.json(
        "storage", "account", "create", "--name", OWN, "--resource-group", "demo", "--location", "local"
    )
    azure.json("vm", "boot-diagnostics", "enable", *DEMO, "--storage", OWN)
    own = addresses(azure)["serialConsoleLogBlobUri"]
    assert f"{OWN}/bootdiagnostics-demo-" in own
    same(house, own)
    shown = azure.az("vm", "boot-diagnostics", "get-boot-log", *DEMO).out
    assert "demo login:" in shown, "no address in the instance view: az goes the same way as with managed"
    firewall = ("--name", OWN, "--resource-group", "demo", "--default-action")
    azure.json("storage", "account", "update", *firewall, "Deny")
    said = azure.refused("vm", "boot-diagnostics", "get-boot-log-uris", *DEMO)
    assert "BootDiagnosticsForbidden" in said
    azure.json("storage", "account", "update", *firewall, "Allow")
    azure.json("vm", "boot-diagnostics", "disable", *DEMO)
    said = azure.refused("vm", "boot-diagnostics", "get-boot-log-uris", *DEMO)
    assert "BootDiagnosticsDisabled" in said
    azure.json("vm", "boot-diagnostics", "enable", *DEMO)
    # Managed again; the log there goes on behind what it had.
    same(house, log_url)


def test_the_host_is_dead(house: House, azure: Clients, log_url: str) -> None:
    same(house, log_url)
    printed = spool(house)
    house.kill("agent")
    assert fetch(house, addresses(azure)["serialConsoleLogBlobUri"]).content == printed
    assert "demo login:" in azure.az("vm", "boot-diagnostics", "get-boot-log", *DEMO).out
