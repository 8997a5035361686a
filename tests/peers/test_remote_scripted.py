"""What no server to be had here says, said by a simulator; FreeRDP's client hears the same servers.

The simulator is ours. That its words mean what we take them for is not: a client that others wrote has to
understand them, and what its log says must not contradict what a person is told here.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from outofband.net.remote.look import look
from outofband.wire.rdp.credssp import User
from outofband.wire.remote import Protocol
from tests.lab.backstage import Backstage
from tests.peers import remote_servers as servers
from tests.support import rdp as words
from tests.support.rdp_server import CREDSSP, Script, Server
from tests.support.wait import until_now

NO_LOGON_SERVERS, NO_AUTHORITY, LOGON_FAILURE, MUST_CHANGE, LOCKED_OUT = (
    0xC000005E,
    0x80090311,
    0xC000006D,
    0xC0000224,
    0xC0000234,
)
CLIENT_SECONDS = 60.0
CASES = [
    # A licence's alert is not in the client's log: that it goes no further has to do.
    (Script(licences=True, last=(words.licence(6),)), "RdpNoLicenceServer", ""),
    (Script(licences=True, last=(words.licence(2),)), "RdpNoLicence", ""),
    (Script(last=(words.licence(6),)), "RdpNoLicenceServer", ""),
    (
        Script(last=(words.licence(7), words.error_info(0x101))),
        "RdpNoLicenceServer",
        "ERRINFO_LICENSE_NO_LICENSE_SERVER",
    ),
    (
        Script(last=(words.licence(7), words.error_info(0x7))),
        "RdpUserNotAllowed",
        "ERRINFO_SERVER_DENIED_CONNECTION",
    ),
    (
        Script(last=(words.licence(7), words.error_info(0x1))),
        "RdpSessionEnded",
        "ERRINFO_RPC_INITIATED_DISCONNECT",
    ),
    (Script(refuses=5), "RdpNlaRequired", "HYBRID_REQUIRED_BY_SERVER"),
    (Script(refuses=2), "RdpSecurityRefused", "SSL_NOT_ALLOWED_BY_SERVER"),
    (Script(refuses=3), "RdpNoCertificate", "SSL_CERT_NOT_ON_SERVER"),
    (Script(chosen=CREDSSP, status=NO_LOGON_SERVERS), "RdpAuthorityUnreachable", "STATUS_NO_LOGON_SERVERS"),
    (
        Script(chosen=CREDSSP, status=NO_AUTHORITY),
        "RdpAuthorityUnreachable",
        "SEC_E_NO_AUTHENTICATING_AUTHORITY",
    ),
    (Script(chosen=CREDSSP, status=LOGON_FAILURE), "RdpWrongCredentials", "STATUS_LOGON_FAILURE"),
    (Script(chosen=CREDSSP, status=MUST_CHANGE), "RdpPasswordMustChange", "STATUS_PASSWORD_MUST_CHANGE"),
    (Script(chosen=CREDSSP, status=LOCKED_OUT), "RdpAccountRefused", "STATUS_ACCOUNT_LOCKED_OUT"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    assert not servers.missing()
    folder = tmp_path_factory.mktemp("scripted")
    servers.certificate(folder)
    with servers.screen() as display:
        (folder / "display").write_text(f":{display}")
        yield folder


@pytest.fixture
def door() -> Iterator[Backstage]:
    made = Backstage()
    yield made
    made.close()


def freerdp(door: Backstage, place: Path, script: Script) -> str:
    """What FreeRDP's client says of the server."""
    security = "/sec:nla" if script.chosen == CREDSSP else "/sec:tls"
    command = ["xfreerdp", f"/v:127.0.0.1:{door.port}", "/u:tester", "/p:Right-12345", "/cert:ignore"]
    done = subprocess.run(
        [*command, security, "/timeout:60000"],
        env={**os.environ, "HOME": str(place), "DISPLAY": (place / "display").read_text()},
        capture_output=True,
        text=True,
        timeout=CLIENT_SECONDS,
        check=False,
    )
    assert done.returncode != 0, "no desktop is behind any of these"
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("script", "code", "theirs"), CASES, ids=[f"{number}-{each[1]}" for number, each in enumerate(CASES)]
)
def test_both_clients_hear_the_same(
    door: Backstage, place: Path, script: Script, code: str, theirs: str
) -> None:
    door.target = Server(script, place / "cert30.pem", place / "key30.pem")
    seen = asyncio.run(
        look("127.0.0.1", Protocol.RDP, port=door.port, user=User("tester", "Right-12345"), session=True)
    )
    assert seen.problem is not None and seen.problem.code == code
    ours = list(script.heard)
    script.heard.clear()
    said = freerdp(door, place, script)
    assert theirs in said, said
    assert "unexpected" not in said.lower() and "invalid" not in said.lower(), said
    if script.chosen != CREDSSP:
        assert script.heard[: len(ours)] == ours, "both went as far"
    if script.licences:
        assert ours[-2:] == ["licence wanted", "challenge met"]
        assert seen.evidence["rdp"]["licensing"]["challenged"]


def test_a_licence_that_is_granted_leads_on(door: Backstage, place: Path) -> None:
    script = Script(licences=True, grants=True, last=(words.DEMAND_ACTIVE,))
    door.target = Server(script, place / "cert30.pem", place / "key30.pem")
    seen = asyncio.run(look("127.0.0.1", Protocol.RDP, port=door.port, session=True))
    assert seen.works and seen.evidence["rdp"]["licensing"]["granted"] and seen.evidence["rdp"]["active"]
    # Without the wish no session is begun at all.
    script.heard.clear()
    assert asyncio.run(look("127.0.0.1", Protocol.RDP, port=door.port)).works
    # The server notes it in a thread of its own.
    until_now(lambda: script.heard == ["tls"], "the server heard the handshake and nothing more")


def test_a_session_at_a_real_server(place: Path) -> None:
    """xrdp has no licences: it says so at once, and the session leads on to its sign-in page."""
    with servers.xrdp(place, "negotiate") as port:
        seen = asyncio.run(look("127.0.0.1", Protocol.RDP, port=port, session=True))
        assert seen.works, seen.problem
        assert seen.evidence["rdp"]["licence"] == 7 and seen.evidence["rdp"]["active"]
