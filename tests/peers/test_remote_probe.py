"""`oob probe` against real servers of Remote Desktop and SSH, and a scripted one for what none does."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outofband.core.errors import Fault
from outofband.net.remote import rdp
from outofband.wire.rdp.probe import Probe
from outofband.wire.rdp.verdict import judge
from outofband.wire.rdp.x224 import Security
from tests.peers import remote_servers as servers
from tests.support import rdp as scripted

USER, PASSWORD = "tester", "Right-12345"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert not servers.missing()
    return tmp_path_factory.mktemp("remote")


def probe(*arguments: str, password: str | None = None) -> dict[str, Any]:
    """The report; the exit code has to fit it."""
    given = ("--user", USER, "--password-file", "-") if password is not None else ()
    done = subprocess.run(
        [sys.executable, "-m", "outofband.cli", "probe", *arguments, *given, "-o", "json"],
        input=password,
        capture_output=True,
        text=True,
        timeout=120,
    )
    report: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if report["works"] else 6), done.stderr
    if password is not None:
        assert password not in done.stdout + done.stderr
    return report


def at(port: int, *more: str, password: str | None = None) -> tuple[str, dict[str, Any]]:
    """The code of the problem, "" for none, and the report."""
    report = probe("127.0.0.1", "--port", str(port), *more, password=password)
    return (report["problem"] or {"code": ""})["code"], report


def test_xrdp_in_each_of_its_security_layers(folder: Path) -> None:
    with servers.xrdp(folder, "negotiate") as port:
        code, report = at(port)
        seen = report["evidence"]["rdp"]
        assert (code, seen["selected"], seen["tls"][:4], report["warnings"]) == ("", 1, "TLSv", [])
        assert seen["certificate"]["subject"] == "labhost"
    with servers.xrdp(folder, "rdp") as port:
        code, report = at(port)
        assert (code, [each["code"] for each in report["warnings"]]) == ("", ["RdpWeakSecurity"])
    with servers.xrdp(folder, "tls", days=-3) as port:
        code, report = at(port)
        assert (code, [each["code"] for each in report["warnings"]]) == ("", ["RdpCertificateEnded"])


def test_freerdps_server_with_network_level_authentication(folder: Path) -> None:
    with servers.freerdp(folder, USER, PASSWORD) as port:
        code, report = at(port)
        seen = report["evidence"]["rdp"]
        assert (code, seen["selected"], seen["credssp_version"]) == ("", 2, 6)
        assert seen["challenge"]["computer"]
        code, report = at(port, password=PASSWORD)
        assert (code, report["evidence"]["rdp"]["signed_in"]) == ("", True)
        # A client that is older, or has it switched off.
        assert at(port, "--without-nla")[0] == "RdpNlaRequired"
        # This server closes without a word; others say LOGON_FAILURE.
        assert at(port, password="Wrong-12345")[0] == "RdpSignInCut"


async def asked_for(port: int, wanted: Security) -> Fault | None:
    """What is told to somebody whose client offers this alone."""
    connected = socket.create_connection(("127.0.0.1", port))
    seen = await rdp.talk(connected, Probe("127.0.0.1", wanted=wanted), "127.0.0.1")
    return judge(seen, host="127.0.0.1", port=port).fault


def test_who_offers_too_little_is_told_what_the_server_wants(folder: Path) -> None:
    def told(port: int, wanted: Security) -> str:
        fault = asyncio.run(asked_for(port, wanted))
        return fault.code if fault is not None else ""

    with servers.freerdp(folder, USER, PASSWORD) as port:
        for wanted in (Security.RDP, Security.TLS):
            assert told(port, wanted) == "RdpNlaRequired"
        assert told(port, Security.CREDSSP) == ""
    with servers.xrdp(folder, "tls") as port:
        for wanted in (Security.RDP, Security.CREDSSP):
            assert told(port, wanted) == "RdpSecurityRefused"
        assert told(port, Security.TLS) == ""


def test_sshd_and_what_is_none(folder: Path) -> None:
    with servers.sshd(folder, "UsePAM no", "PasswordAuthentication no") as port:
        code, report = at(port, "--protocol", "ssh")
        assert code == "" and report["evidence"]["ssh"]["version"].startswith("SSH-2.0-OpenSSH")
        code, report = at(port, "--protocol", "ssh", password=PASSWORD)
        assert code == "SshWrongCredentials"
        assert (
            "publickey" in report["problem"]["message"]
            and "password" not in report["problem"]["message"][80:]
        )
        code, report = at(port)
        assert code == "RdpNotSpoken" and "SSH-2.0" in report["problem"]["message"]
    with servers.xrdp(folder, "negotiate") as port:
        # It waits for more of what it takes for the start of a frame.
        assert at(port, "--protocol", "ssh")[0] == "SshSilent"


def test_ways_that_lead_nowhere(folder: Path) -> None:
    assert at(servers.free_port())[0] == "PortClosed"
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert at(silent.getsockname()[1])[0] == "RdpSilent"
    name = probe("nosuch.invalid")
    assert name["problem"]["code"] in (
        "HostNameUnknown",
        "ResolverSilent",
        "ResolverUnreachable",
        "LookUpFailed",
    )
    # An address for documentation: either nobody answers, or there is no way to it.
    assert probe("192.0.2.1")["problem"]["code"] in (
        "PortSilent",
        "NetworkUnreachable",
        "HostUnreachable",
        "ConnectionForbidden",
        "PortClosed",
    )


class Scripted:
    """Answers each connection with words that no server to be had here says; a simulator, and named so."""

    def __init__(self, folder: Path, *, cut: bool = False) -> None:
        cert, key = servers.certificate(folder)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(cert, key)
        self._cut = cut
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                one, _ = self._listening.accept()
            except OSError:
                return
            with one:
                one.recv(4096)
                one.sendall(scripted.confirm(2, 1))
                if self._cut:
                    one.recv(1)
                    continue
                with self._tls.wrap_socket(one, server_side=True) as inside:
                    inside.recv(4096)


@pytest.fixture
def cutting(folder: Path) -> Iterator[Scripted]:
    server = Scripted(folder, cut=True)
    yield server
    server.close()


def test_a_server_whose_key_cannot_be_used(cutting: Scripted) -> None:
    assert at(cutting.port)[0] == "RdpTlsCut"
