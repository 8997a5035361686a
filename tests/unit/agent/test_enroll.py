"""Enrolment against a real TLS server: what is trusted, what is sent, what a repeat does."""

from __future__ import annotations

import base64
import io
import json
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from outofband.agent import enroll, state
from outofband.agent.instance import Instance
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.net.trust import MAX_TRUST_LENGTH
from outofband.wire.arm import errors as arm_errors
from outofband.wire.enrolment import EnrolAnswer, EnrolmentToken, EnrolRequest, proof_text
from tests.unit.agent.control_plane import Authority

SECRET = "s" * 43


class Plane:
    """Answers GET /fleet/trust and POST /fleet/enroll as the control plane does; keeps what it was sent."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.trust = authority.pem
        self.answer_trust = authority.pem
        self.error: tuple[int, bytes] | None = None
        self.lose_answers = 0
        self.bodies: list[bytes] = []
        self.keys: dict[str, str] = {}
        plane = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                plane.reply(self, 200 if self.path == "/fleet/trust" else 404, plane.trust.encode())

            def do_POST(self) -> None:
                assert self.path == "/fleet/enroll"
                body = self.rfile.read(int(self.headers["content-length"]))
                plane.bodies.append(body)
                if plane.lose_answers:
                    plane.redeem(body)
                    plane.lose_answers -= 1
                    self.close_connection = True
                    return
                plane.reply(self, *(plane.error or plane.redeem(body)))

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = authority.context().wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}"

    @property
    def token(self) -> str:
        return str(EnrolmentToken("0f", SECRET, self.authority.fingerprint))

    def reply(self, handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
        handler.send_response(status)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def redeem(self, body: bytes) -> tuple[int, bytes]:
        request = msgspec.json.decode(body, type=EnrolRequest)
        public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(request.public_key + "="))
        text = proof_text("0f", request.name, request.public_key)
        public.verify(base64.urlsafe_b64decode(request.proof + "=="), text)
        if self.keys.setdefault(request.token, request.public_key) != request.public_key:
            return 401, _error("EnrollmentTokenInvalid")
        answer = EnrolAnswer(
            agent="agent-7",
            name=request.name,
            tenant="t",
            subscription="s",
            group="g",
            trust=self.answer_trust,
            arm=self.url,
            link=self.url.replace("https", "wss") + "/fleet/link",
        )
        return 200, msgspec.json.encode(answer)


def _error(code: str, **fields: Any) -> bytes:
    info = {"type": arm_errors.REMEDY_TYPE, "info": {"fields": fields}}
    return json.dumps({"error": {"code": code, "message": "no", "additionalInfo": [info]}}).encode()


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    made = Plane(Authority(tmp_path))
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def where(tmp_path: Path) -> StateDir:
    return StateDir(tmp_path / "state")


def refused(plane: Plane, where: StateDir, token: str | None = None, **more: Any) -> Fault:
    with pytest.raises(Fault) as caught:
        enroll.enrol(where, server=plane.url, token=token or plane.token, **more)
    return caught.value


def test_a_host_gets_its_identity(plane: Plane, where: StateDir) -> None:
    mine = enroll.enrol(where, server=plane.url + "/", token=plane.token + "\n", name="rack-3")
    assert (mine.agent, mine.name, mine.token) == ("agent-7", "rack-3", "0f")
    assert mine.trust == plane.authority.pem
    assert state.load_identity(where) == mine
    for path in (state.identity_path(where), state.key_path(where)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert SECRET not in path.read_text()
    private = b"PRIVATE KEY"
    assert private in state.key_path(where).read_bytes()
    assert private not in plane.bodies[0]


def test_a_lost_answer_is_asked_for_again_with_the_same_key(plane: Plane, where: StateDir) -> None:
    plane.lose_answers = 1
    assert refused(plane, where).code == "ControlPlaneUnreachable"
    assert not state.identity_path(where).exists()
    assert enroll.enrol(where, server=plane.url, token=plane.token).agent == "agent-7"
    assert plane.bodies[0] == plane.bodies[1]


def test_enrolling_twice_changes_nothing(plane: Plane, where: StateDir) -> None:
    first = enroll.enrol(where, server=plane.url, token=plane.token)
    assert enroll.enrol(where, server=plane.url, token=plane.token) == first
    assert len(plane.bodies) == 1


def test_the_token_of_another_host_is_refused(plane: Plane, where: StateDir, tmp_path: Path) -> None:
    enroll.enrol(StateDir(tmp_path / "other"), server=plane.url, token=plane.token)
    assert refused(plane, where).code == "EnrollmentTokenInvalid"


def test_another_control_plane_learns_nothing(plane: Plane, where: StateDir, tmp_path: Path) -> None:
    expected = Authority(tmp_path, "the right one").fingerprint
    fault = refused(plane, where, token=str(EnrolmentToken("0f", SECRET, expected)))
    assert fault.code == "ControlPlaneNotTrusted"
    assert fault.fields == {"url": plane.url, "seen": plane.authority.fingerprint, "expected": expected}
    assert plane.bodies == []


def test_an_interceptor_that_shows_the_right_authority_learns_nothing(
    plane: Plane, where: StateDir, tmp_path: Path
) -> None:
    # It can copy the authority's certificate, but its own leaf was not signed by it.
    right = Authority(tmp_path, "the right one")
    plane.trust = right.pem
    fault = refused(plane, where, token=str(EnrolmentToken("0f", SECRET, right.fingerprint)))
    assert fault.code == "CertificateNotTrusted"
    assert plane.bodies == []


@pytest.mark.parametrize("trust", ["", "no certificate", "x" * (MAX_TRUST_LENGTH + 1)])
def test_no_usable_authorities(plane: Plane, where: StateDir, trust: str) -> None:
    plane.trust = trust
    assert refused(plane, where).code in ("ControlPlaneNotTrusted", "UnexpectedAnswer")
    assert plane.bodies == []


def test_an_answer_that_pins_strangers_is_refused(plane: Plane, where: StateDir, tmp_path: Path) -> None:
    plane.answer_trust = Authority(tmp_path, "stranger").pem
    assert refused(plane, where).code == "ControlPlaneNotTrusted"
    assert not state.identity_path(where).exists()


def test_the_server_s_own_words_come_through(plane: Plane, where: StateDir) -> None:
    plane.error = 409, _error("AgentNameTaken", name="rack-3", group="g")
    fault = refused(plane, where)
    assert (fault.code, fault.fields) == ("AgentNameTaken", {"name": "rack-3", "group": "g"})
    plane.error = 502, b"<html>bad gateway</html>"
    assert refused(plane, where).code == "UnexpectedAnswer"
    plane.error = 200, b"{}"
    assert refused(plane, where).code == "UnexpectedAnswer"


def test_a_running_agent_keeps_its_identity(plane: Plane, where: StateDir) -> None:
    with Instance(where):
        assert refused(plane, where).code == "AgentRunning"
    assert plane.bodies == []


@pytest.mark.parametrize("server", ["http://127.0.0.1:1", "127.0.0.1:8443", "https://", "https://h/?q=1"])
def test_only_an_https_address_will_do(plane: Plane, where: StateDir, server: str) -> None:
    with pytest.raises(Fault) as caught:
        enroll.enrol(where, server=server, token=plane.token)
    assert caught.value.code == "InvalidParameter"


def test_a_wrong_token_is_not_sent_anywhere(plane: Plane, where: StateDir) -> None:
    for token in ("", "oob1.x", plane.token + "0", "x" * 5000):
        assert refused(plane, where, token=token or " ").code == "EnrollmentTokenInvalid"
    assert not where.agent.exists()


def test_nobody_there(where: StateDir, plane: Plane) -> None:
    with pytest.raises(Fault) as caught:
        enroll.enrol(where, server="https://127.0.0.1:1", token=plane.token)
    assert caught.value.code == "ControlPlaneUnreachable"


def test_the_token_is_read_from_a_file_or_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text("oob1.from.file\n")
    assert enroll.read_token(file) == "oob1.from.file\n"
    for source in (Path("-"), None):
        monkeypatch.setattr("sys.stdin", io.StringIO("oob1.from.stdin\nmore"))
        assert enroll.read_token(source) == "oob1.from.stdin\n"
    with pytest.raises(Fault) as caught:
        enroll.read_token(tmp_path / "missing")
    assert caught.value.code == "EnrollmentTokenInvalid"


@pytest.mark.parametrize(
    ("hostname", "name"),
    [
        ("host.example.org", "host.example.org"),
        ("-weird_", "weird"),
        ("ü" * 80, "host"),
        ("a" * 90, "a" * 54),
    ],
)
def test_the_host_s_name_is_made_fit(monkeypatch: pytest.MonkeyPatch, hostname: str, name: str) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: hostname)
    assert enroll._host_name() == name
