"""Makes this host an agent of a control plane: a key made here, a one-time token, nothing trusted blindly.

The token names the fingerprint of the control plane's authority. The authorities are fetched without
verification for the one purpose of comparing them with it; nothing is sent before they fit, and every
connection after that is verified.
"""

from __future__ import annotations

import getpass
import re
import socket
import ssl
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import msgspec

import outofband
from outofband.agent.instance import Instance
from outofband.agent.state import HostKey, Identity, key_path, load_identity, save_identity
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.net.proxies import proxy_for
from outofband.net.tls import client_context
from outofband.net.trust import MAX_TRUST_LENGTH, blind_context, fingerprints
from outofband.wire.arm import errors as arm_errors
from outofband.wire.enrolment import (
    ENROL_PATH,
    MAX_TOKEN,
    NAME,
    TRUST_PATH,
    EnrolAnswer,
    EnrolmentToken,
    EnrolRequest,
    parse_token,
    proof_text,
)

TIMEOUT = httpx.Timeout(30.0, connect=10.0)
MAX_ANSWER = 256 * 1024


def read_token(source: Path | None) -> str:
    """The token's text from a file (`-` is standard input), or asked for on the terminal when None.

    Never from the command line: every user of a host can read that. Raises Fault EnrollmentTokenInvalid when
    there is nothing to read.
    """
    if source is None:
        return getpass.getpass("Enrolment token: ") if sys.stdin.isatty() else sys.stdin.readline(MAX_TOKEN)
    if str(source) == "-":
        return sys.stdin.readline(MAX_TOKEN)
    try:
        with source.open("rb") as file:
            return file.read(MAX_TOKEN).decode("ascii", errors="replace")
    except OSError as error:
        raise Fault("EnrollmentTokenInvalid") from error


def enrol(state: StateDir, *, server: str, token: str, name: str | None = None) -> Identity:
    """Enrol this host at `server` (https base URL) and keep the identity it is given. Blocks.

    May be repeated with the same token when it failed or its answer was lost. `name` is how the control plane
    lists the host; the host's own name when None. Raises Fault EnrollmentTokenInvalid, AgentRunning,
    ControlPlaneNotTrusted, ControlPlaneUnreachable, CertificateNotTrusted, UnexpectedAnswer, or what the
    server said.
    """
    parsed = parse_token(token)
    base = _base_url(server)
    if (there := _already(state, parsed, base)) is not None:
        return there
    with Instance(state):
        pinned = _authority(base, parsed.fingerprint)
        key = _host_key(state)
        wanted = name or _host_name()
        request = EnrolRequest(
            token=token.strip(),
            name=wanted,
            public_key=key.public,
            proof=key.sign(proof_text(parsed.id, wanted, key.public)),
            version=outofband.__version__,
        )
        answer = _redeem(base, pinned, request)
        _fingerprints(base, answer.trust, parsed.fingerprint)
        identity = Identity(
            agent=answer.agent,
            name=answer.name,
            arm=answer.arm,
            link=answer.link,
            trust=answer.trust,
            token=parsed.id,
            enrolled=clock.iso(),
        )
        save_identity(state, identity)
    return identity


def _already(state: StateDir, token: EnrolmentToken, base: str) -> Identity | None:
    """The identity this very token made before, so that enrolling twice changes nothing."""
    try:
        there = load_identity(state)
    except Fault:
        return None
    return there if there.token == token.id else None


def _host_key(state: StateDir) -> HostKey:
    """The key of this host. It is kept from the first attempt on: the token is bound to it."""
    path = key_path(state)
    if path.exists():
        return HostKey.load(path)
    key = HostKey.make()
    key.save(path)
    return key


def _authority(base: str, expected: str) -> str:
    """The authority with the expected fingerprint, as PEM, from a server nobody trusts yet."""
    bundle = _exchange("GET", base + TRUST_PATH, blind_context(), limit=MAX_TRUST_LENGTH)
    return _fingerprints(base, bundle.decode("ascii", errors="replace"), expected)[expected]


def _fingerprints(base: str, bundle: str, expected: str) -> dict[str, str]:
    """Fingerprints of a bundle that holds the expected one. Raises Fault ControlPlaneNotTrusted."""
    try:
        found = fingerprints(bundle)
    except ValueError:
        found = {}
    if expected not in found:
        seen = ", ".join(found) or "none"
        raise Fault("ControlPlaneNotTrusted", url=base, seen=seen, expected=expected)
    return found


def _redeem(base: str, pinned: str, request: EnrolRequest) -> EnrolAnswer:
    url = base + ENROL_PATH
    body = _exchange("POST", url, client_context(pinned), msgspec.json.encode(request))
    try:
        answer = msgspec.json.decode(body, type=EnrolAnswer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Fault("UnexpectedAnswer", url=url, status=200, detail=str(error)) from error
    if not answer.link.startswith("wss://"):
        raise Fault("UnexpectedAnswer", url=url, status=200, detail="the link has no wss:// address")
    return answer


def _exchange(
    method: str, url: str, tls: ssl.SSLContext, body: bytes | None = None, *, limit: int = MAX_ANSWER
) -> bytes:
    """One request to its whole answer. Raises Fault for anything but 200 within `limit` bytes."""
    headers = {"content-type": "application/json"} if body is not None else {}
    try:
        with (
            httpx.Client(verify=tls, timeout=TIMEOUT, trust_env=False, proxy=proxy_for(url)) as client,
            client.stream(method, url, content=body, headers=headers) as response,
        ):
            received = bytearray()
            for piece in response.iter_bytes():
                received += piece
                if len(received) > limit:
                    raise Fault("UnexpectedAnswer", url=url, status=response.status_code, detail="too long")
            status = response.status_code
    except httpx.ConnectError as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise Fault("CertificateNotTrusted", url=url, detail=str(error)) from error
        raise Fault("ControlPlaneUnreachable", url=url, detail=str(error)) from error
    except httpx.HTTPError as error:
        raise Fault("ControlPlaneUnreachable", url=url, detail=str(error) or type(error).__name__) from error
    if status == 200:
        return bytes(received)
    told = arm_errors.read(bytes(received))
    if told is None:
        detail = received[:200].decode(errors="replace")
        raise Fault("UnexpectedAnswer", url=url, status=status, detail=detail)
    raise Fault(told.code, **told.fields)


def _base_url(server: str) -> str:
    parts = urlsplit(server)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
        raise Fault("InvalidParameter", target="server", detail="expected https://HOST[:PORT]")
    return server.rstrip("/")


def _host_name() -> str:
    """The host's own name, made fit for a resource's name."""
    label = re.sub(r"[^A-Za-z0-9_.-]", "-", socket.gethostname()).strip("-_.")[:54].strip("-_.")
    return label if NAME.fullmatch(label) else "host"
