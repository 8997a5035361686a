"""Reverse proxies in front of REST, the console listener and Azure's socket: whose address the record has.

The proxies speak from PROXY, which the settings trust; clients come from CLIENT and tell a TALE.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from guests.build import Guest
from outofband.client.transport import trusting
from outofband.core import clock
from outofband.wire.arm import reasons
from tests.peers.az import Clients
from tests.peers.house import House, until
from tests.peers.test_azure_console import Extension
from tests.peers.viewer import PORT, WAIT_S, Viewer, ticket_for
from tests.support.reverse_proxy import ReverseProxy

PROXY, CLIENT, TALE = "127.0.0.8", "127.0.0.55", "198.51.100.7"
LIE = {"X-Forwarded-For": TALE}
SESSION = "Microsoft.SerialConsole/serialPorts/session/action"


class Front:
    """A house that is reached through proxies: `api` and `console`."""

    def __init__(self, house: House, api: ReverseProxy, console: ReverseProxy) -> None:
        self.house, self.api, self.console = house, api, console

    def direct(self, url: str) -> str:
        """The same address past the proxy."""
        ports = {self.api.port: self.house.arm_port, self.console.port: self.house.console_port}
        for proxy, port in ports.items():
            url = url.replace(f"//localhost:{proxy}/", f"//localhost:{port}/")
        return url

    def events(self) -> list[dict[str, Any]]:
        told = self.house.oob("audit", "tail", "--vm", "demo", "-n", "1000", "-o", "json").stdout
        return [json.loads(line) for line in told.splitlines()]

    def address(self, *, action: str | None = None, **properties: str) -> str:
        """From where the newest such event was, once it is there."""

        def found() -> list[str]:
            return [
                each["httpRequest"]["clientIpAddress"]
                for each in self.events()
                if action in (None, each["operationName"]["value"])
                and properties.items() <= each["properties"].items()
            ]

        addresses: list[str] = until("it is in the log", found)
        assert len(set(addresses)) == 1, addresses
        return addresses[-1]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A company's certificate for `localhost`, its key, and who signed it."""
    folder = tmp_path_factory.mktemp("certificate")
    now = clock.now()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A company")])
    root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def builder(subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder(issuer_name=name, subject_name=subject, public_key=key.public_key())
        made = made.serial_number(x509.random_serial_number())
        return made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=90))

    authority = builder(name, root).add_extension(x509.BasicConstraints(True, 0), critical=True)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.DNSName("127-0-0-1.test")])
    leaf = builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), own)
    certificate, key, ca = folder / "leaf.pem", folder / "leaf.key", folder / "ca.pem"
    signed = leaf.add_extension(names, critical=False).sign(root, hashes.SHA256())
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    ca.write_bytes(authority.sign(root, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        own.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    key.chmod(0o600)
    return certificate, key, ca


@pytest.fixture(scope="module")
def front(demo_guest: Guest, files: tuple[Path, Path, Path]) -> Iterator[Front]:
    certificate, key, ca = files
    made = House(demo_guest)
    api, console = (
        ReverseProxy(port, certificate=certificate, key=key, authority=ca, source=PROXY)
        for port in (made.arm_port, made.console_port)
    )
    (made.root / "control").mkdir(mode=0o700)
    (made.root / "control" / "settings.toml").write_text(
        f"""
        arm_url = "https://localhost:{api.port}"
        gateway_url = "wss://localhost:{console.port}"
        trusted_proxies = ["{PROXY}"]
        certificate_file = "{certificate}"
        certificate_key_file = "{key}"
        certificate_ca_file = "{ca}"
        """
    )
    try:
        made.up()
        yield Front(made, api, console)
    finally:
        made.close()
        api.close()
        console.close()


@pytest.fixture(scope="module")
def house(front: Front) -> House:
    return front.house


@pytest.fixture(scope="module")
def token(house: House) -> str:
    profile = house.profile()
    form = {
        "grant_type": "client_credentials",
        "client_id": profile["clientId"],
        "client_secret": Path(profile["clientSecretFile"]).read_text().strip(),
        "scope": f"{profile['arm']}/.default",
    }
    answer = httpx.post(
        f"{profile['arm']}/{profile['tenantId']}/oauth2/v2.0/token",
        data=form,
        verify=trusting(Path(profile["caFile"])),
        timeout=WAIT_S,
    )
    return str(answer.json()["access_token"])


def past(front: Front) -> Callable[[str], str]:
    return front.direct


def through(_: Front) -> Callable[[str], str]:
    return str


WAYS = pytest.mark.parametrize("way", [through, past])


@WAYS
def test_a_request_of_rest(front: Front, token: str, way: Callable[[Front], Callable[[str], str]]) -> None:
    """Through the trusted proxy and past it, whatever the client says of itself."""
    profile = front.house.profile()
    group = f"/subscriptions/{profile['subscriptionId']}/resourceGroups/{profile['resourceGroup']}"
    port = f"{group}/providers/Microsoft.Compute/virtualMachines/demo/{PORT}"
    reason = f"sent by {way.__name__}"
    transport = httpx.HTTPTransport(
        local_address=CLIENT, verify=trusting(Path(front.house.profile()["caFile"]))
    )
    with httpx.Client(transport=transport, timeout=WAIT_S) as client:
        before = len(front.api.paths)
        answer = client.post(
            way(front)(f"{profile['arm']}{port}/sysrq?api-version=2018-05-01"),
            headers={**LIE, "Authorization": f"Bearer {token}", reasons.HEADER: reason},
            json={"key": "h"},
        )
    assert answer.status_code == 200, answer.text
    assert (len(front.api.paths) > before) is (way is through)
    assert front.address(reason=reason) == CLIENT


@WAYS
def test_our_own_console(front: Front, way: Callable[[Front], Callable[[str], str]]) -> None:
    opened = ticket_for(front.house)
    opened["url"] = way(front)(opened["url"])
    before = len(front.console.paths)
    with Viewer(front.house, opened=opened, headers=LIE, source=CLIENT) as viewer:
        viewer.type(b"\r")
        viewer.expect(b"login: ")
        [who] = front.house.json("serial", "who", "demo")["viewers"]
        assert (who["address"], who["client"]) == (CLIENT, "portal")
    asked = [path for path in front.console.paths[before:] if path.startswith("/console/v1/")]
    assert bool(asked) is (way is through)
    assert front.address(action=SESSION, session=opened["session"], reason="Left") == CLIENT
    assert any(path.startswith("/stream/v1/") for path in front.console.paths), "the agent comes that way"


@WAYS
def test_azures_socket(front: Front, token: str, way: Callable[[Front], Callable[[str], str]]) -> None:
    client = open_text(front.house, token)
    with connect(
        way(front)(client["url"]),
        ssl=trusting(Path(front.house.profile()["caFile"])),
        additional_headers=LIE,
        source_address=(CLIENT, 0),
    ) as socket:
        assert socket.recv(WAIT_S) == "\r\n"
        socket.send(token)
        shown = ""
        while "connected to demo" not in shown:
            shown += str(socket.recv(WAIT_S))
    assert front.address(action=SESSION, session=client["session"]) == CLIENT
    with connect(
        way(front)(client["url"]),
        ssl=trusting(Path(front.house.profile()["caFile"])),
        additional_headers=LIE,
        source_address=(CLIENT, 0),
    ) as late:
        with suppress(ConnectionClosed):
            late.send(token)
            while True:
                late.recv(WAIT_S)
        assert late.close_reason is not None
        assert late.close_reason.startswith("TicketInvalid")
    assert front.address(action=SESSION, session=client["session"], reason="TicketInvalid") == CLIENT


def open_text(house: House, token: str) -> dict[str, str]:
    """`url` and `session` of a console for Azure's clients."""
    profile = house.profile()
    group = f"/subscriptions/{profile['subscriptionId']}/resourceGroups/{profile['resourceGroup']}"
    answer = httpx.post(
        f"{profile['arm']}{group}/providers/Microsoft.Compute/virtualMachines/demo/{PORT}/connect",
        params={"api-version": "2018-05-01"},
        headers={"Authorization": f"Bearer {token}"},
        verify=trusting(Path(profile["caFile"])),
        timeout=WAIT_S,
    )
    opened = answer.json()
    return {"url": opened["connectionString"], "session": opened["outofband"]["session"]}


def test_azures_own_client(front: Front, azure: Clients) -> None:
    """The extension, and what it posts beside its socket: this machine's own address, not the proxy's."""
    with Extension(azure, "1.0") as seat:
        seat.do("connect")
        seat.expect("connected to demo")
        seat.do("admin", "nmi", {})
        assert seat.told("status")["status"] == 200
        seat.do("quit")
    asked = ("connect", "session", "nmi")
    newest = {deed(each): each["httpRequest"]["clientIpAddress"] for each in front.events()}
    assert {name: newest[name] for name in asked} == dict.fromkeys(asked, "127.0.0.1")
    assert PROXY not in {each["httpRequest"]["clientIpAddress"] for each in front.events()}
    assert any(path.endswith("/adminCommand/nmi") for path in front.api.paths)
    assert any(path.endswith("/client") for path in front.api.paths)


def deed(event: dict[str, Any]) -> str:
    """Where the log is kept by a right that several actions need, the action's own name stands beside it."""
    return str(event["properties"].get("action") or event["operationName"]["value"].split("/")[-2])
