"""Looks over real sockets: odd certificates, addresses that nobody answers at, ways to give a password."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from outofband.core import clock
from outofband.net.doctor import sockets
from outofband.net.remote import rdp as rdp_driver
from outofband.net.remote import ssh as ssh_driver
from outofband.net.remote.look import look
from outofband.net.remote.rdp import described
from outofband.wire.rdp.credssp import User
from outofband.wire.remote import Protocol, Report
from tests.support import rdp as scripted
from tests.support.wait import until

pytestmark = pytest.mark.anyio
HERE = "127.0.0.1"
USER = User("tester", "Right-12345")
_VERSION, _UTC = bytes.fromhex("a003020102"), bytes.fromhex("170d")


def made(*names: x509.GeneralName) -> tuple[bytes, Any]:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vm1\x1b[31m")])
    begin = clock.now() - timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, begin, begin + timedelta(days=9))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER), key


def test_a_certificate_is_read_as_far_as_it_can_be() -> None:
    good, _ = made(x509.DNSName("vm1.example"))
    assert described(good).names == ("vm1.example",)
    assert _VERSION in good and _UTC in good
    # Versions that do not exist, dates that are none, an extension twice, a general name nobody uses.
    odd = {
        "version": good.replace(_VERSION, bytes.fromhex("a003020107")),
        "dates": good.replace(_UTC, bytes.fromhex("170d")[:1] + b"\x0d" + b"99", 1),
        "name": good.replace(b"\x82\x0bvm1.example", b"\xa3\x0bvm1.example"),
        "text": good.replace(b"vm1.example", b"vm1.ex\xff\xfele"),
        # Found by the fuzzer: a common name that is a string of bits.
        "bits": good.replace(b"\x55\x04\x03\x0c\x08v", b"\x55\x04\x03\x03\x08\0"),
        "nothing": b"\x30\x00",
    }
    assert all(raw != good for raw in odd.values())
    for what, raw in odd.items():
        assert len(described(raw).sha256) == 64, what


@pytest.fixture
async def xrdp_like(tmp_path: Path) -> AsyncIterator[Any]:
    """A scripted server that agrees to TLS and shows a certificate of a version that does not exist."""
    raw, key = made()
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    pem = ssl.DER_cert_to_PEM_cert(raw)
    (tmp_path / "cert.pem").write_text(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(4096)
            writer.write(scripted.confirm(2, 1))
            await writer.start_tls(context)
            await reader.read(4096)
        except (OSError, ssl.SSLError):
            pass
        writer.close()

    server = await asyncio.start_server(serve, HERE, 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def test_a_password_that_was_not_tried_is_said_to_be_so(xrdp_like: int) -> None:
    """A server of TLS alone is never told a password here, so nothing is known of it."""
    report = await look(HERE, Protocol.RDP, port=xrdp_like, user=USER)
    assert report.works and [each.code for each in report.warnings] == ["RdpPasswordNotTried"]
    report = await look(HERE, Protocol.RDP, port=xrdp_like)
    assert report.works and report.warnings == []


async def test_a_look_through_another_place_speaks_of_the_machine(xrdp_like: int) -> None:
    report = await look("web1", Protocol.RDP, port=3389, through=(HERE, xrdp_like))
    assert (report.host, report.port, report.address, report.works) == ("web1", 3389, "", True)
    report = await look("web1", Protocol.SSH, port=22, through=(HERE, xrdp_like))
    assert report.problem is not None
    assert "web1" in report.problem.message and "22" in report.problem.message
    assert str(xrdp_like) not in report.problem.message and HERE not in report.problem.message


async def test_an_address_that_nobody_answers_at_costs_no_more_than_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A listener whose queue is full is as silent as a firewall."""
    monkeypatch.setattr(sockets, "SECONDS", 120.0)
    with socket.socket() as deaf, socket.create_server(("127.9.4.2", 0)) as good:
        port = int(good.getsockname()[1])
        deaf.bind(("127.9.4.1", port))
        deaf.listen(0)
        queued = []
        for _ in range(3):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.9.4.1", port))
            queued.append(one)
        began = time.monotonic()
        step, taken = await sockets.connect("both", port, ["127.9.4.1", "127.9.4.2"])
        spent = time.monotonic() - began
        for one in queued:
            one.close()
    assert taken is not None
    taken.close()
    assert step.evidence["address"] == "127.9.4.2" and step.evidence["others"] == ["127.9.4.1 silence"]
    assert spent < 60.0, "the silent one was waited for"


class Asking(asyncssh.SSHServer):
    """Knows the password, and asks for it as PAM does."""

    def __init__(self) -> None:
        self.tried: list[str] = []

    def begin_auth(self, username: str) -> bool:
        return True

    def kbdint_auth_supported(self) -> bool:
        return True

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        return "", "", "en", [("Password: ", False)]

    def validate_kbdint_response(self, username: str, responses: Any) -> Any:
        self.tried.append(responses[0])
        return responses[0] == USER.password


@pytest.fixture
async def asking() -> AsyncIterator[tuple[int, list[Asking]]]:
    servers: list[Asking] = []

    def begin() -> Asking:
        servers.append(Asking())
        return servers[-1]

    key = asyncssh.generate_private_key("ssh-ed25519")
    listening = await asyncssh.create_server(begin, HERE, 0, server_host_keys=[key])
    yield listening.get_port(), servers
    listening.close()
    await listening.wait_closed()


def code(report: Report) -> str:
    return report.problem.code if report.problem is not None else ""


async def test_a_server_that_asks_for_the_password_gets_it_once(asking: tuple[int, list[Asking]]) -> None:
    port, servers = asking
    assert code(await look(HERE, Protocol.SSH, port=port, user=USER)) == ""
    servers.clear()
    wrong = await look(HERE, Protocol.SSH, port=port, user=User("tester", "Wrong-12345"))
    assert code(wrong) == "SshWrongCredentials"
    assert [each for server in servers for each in server.tried] == ["Wrong-12345"]


class Aged(Asking):
    """Knows the password, and wants another one, in the words of `said`; an asker of PAM's."""

    said = ""

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        return "", "", "en", [(self.said if self.tried else "Password: ", False)]

    def validate_kbdint_response(self, username: str, responses: Any) -> Any:
        super().validate_kbdint_response(username, responses)
        return "", "", "en", [(self.said, False)]


class Changing(asyncssh.SSHServer):
    """Asks for another password by SSH's own message (RFC 4252, 8)."""

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        raise asyncssh.PasswordChangeRequired("It is old")


class Ending(asyncssh.SSHServer):
    """Takes the password, and its session says `said` and ends with `status`."""

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return True


async def _told(server: Any, process: Any = None) -> str:
    key = asyncssh.generate_private_key("ssh-ed25519")
    listening = await asyncssh.create_server(
        server, HERE, 0, server_host_keys=[key], process_factory=process, encoding=None
    )
    try:
        return code(await look(HERE, Protocol.SSH, port=listening.get_port(), user=USER))
    finally:
        listening.close()
        await listening.wait_closed()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "You are required to change your password immediately.\nCurrent password: ",
            "SshPasswordMustChange",
        ),
        ("New password: ", "SshPasswordMustChange"),
        ("(current) UNIX password: ", "SshPasswordMustChange"),
        # A second factor is no change, and the word is in some of their questions.
        ("One-time password (OATH) for `tester': ", "SshAsksMore"),
        ("Verification code: ", "SshAsksMore"),
        ("Mot de passe actuel : ", "SshAsksMore"),
        # Once more.
        ("Password: ", "SshWrongCredentials"),
    ],
)
async def test_who_asks_for_more_than_the_password_may_want_a_new_one(said: str, told: str) -> None:
    assert await _told(type("Aged", (Aged,), {"said": said})) == told


async def test_the_message_of_ssh_for_an_old_password() -> None:
    assert await _told(Changing) == "SshPasswordMustChange"


@pytest.mark.parametrize(
    ("said", "status", "told"),
    [
        (b"WARNING: Your password has expired.\nPassword change required but no TTY available.\n", 1, 0),
        # What a shell of the user's says at its begin, or that ends badly, is no word of the server.
        (b"Your password has expired in 1999\n", 0, 1),
        (b"This account is currently not available.\n", 1, 1),
        (b"\xff\xfe" * 4096, 3, 1),
    ],
)
async def test_a_session_that_wants_nothing_but_a_new_password(said: bytes, status: int, told: int) -> None:
    async def end(process: Any) -> None:
        process.stderr.write(said)
        process.exit(status)

    assert await _told(Ending, end) == ("SshPasswordMustChange", "")[told]


async def test_a_server_that_begins_no_session_has_taken_the_password() -> None:
    assert await _told(Ending) == ""


async def _http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(4096)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(4096):
        writer.write(piece)


async def _tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(4096)
    writer.write(bytes.fromhex("15030300020246"))


async def _reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1" + bytes(7))
    writer.transport.abort()


@pytest.mark.parametrize(
    ("serve", "rdp", "ssh"),
    [
        (_http, "RdpNotSpoken", "SshNotSpoken"),
        (_echo, "RdpNotSpoken", "SshNotSpoken"),
        (_tls, "RdpNotSpoken", "SshNotSpoken"),
        (_reset, "RdpCut", "SshCut"),
    ],
)
async def test_what_is_no_server_of_either(
    serve: Any, rdp: str, ssh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for driver, name in ((rdp_driver, "WHOLE_SECONDS"), (ssh_driver, "SILENCE_SECONDS")):
        monkeypatch.setattr(driver, name, 30.0)

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # uvloop says RuntimeError of a connection that is over.
        with contextlib.suppress(ConnectionError, RuntimeError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(one, HERE, 0)
    port = server.sockets[0].getsockname()[1]
    began = time.monotonic()
    assert code(await look(HERE, Protocol.RDP, port=port)) == rdp
    assert code(await look(HERE, Protocol.SSH, port=port)) == ssh
    assert time.monotonic() - began < 29.0, "none of them needs the patience to end"
    for protocol, known in ((Protocol.RDP, rdp), (Protocol.SSH, ssh)):
        # A hypervisor takes each connection first, and cuts it when nobody behind it does.
        behind = "GuestPortClosed" if serve is _reset else known
        assert code(await look("web1", protocol, through=(HERE, port))) == behind
    server.close()


async def test_who_gives_up_a_look_leaves_nothing_open() -> None:
    """The socket is closed at every place where a look can be cancelled."""
    held: set[asyncio.StreamWriter] = set()
    gone = 0

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal gone
        held.add(writer)
        with contextlib.suppress(ConnectionError):
            while await reader.read(4096):
                pass
        gone += 1
        writer.close()

    server = await asyncio.start_server(one, HERE, 0)
    port = server.sockets[0].getsockname()[1]
    for number in range(20):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.002 * number):
                await look(HERE, Protocol.SSH if number % 2 else Protocol.RDP, port=port)
    await until(lambda: gone == len(held))
    server.close()
