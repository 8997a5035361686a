"""One request to a control plane from before there is a link: whom to trust first, and the answer whole.

Blocks; call it from a program, or from a thread.
"""

from __future__ import annotations

import ssl
from typing import TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from outofband.core.errors import Fault
from outofband.net.proxies import proxy_for
from outofband.net.trust import MAX_TRUST_LENGTH, blind_context, fingerprints
from outofband.wire.arm import errors as arm_errors
from outofband.wire.connecting import ConnectAnswer
from outofband.wire.enrolment import TRUST_PATH, EnrolAnswer

Admitted = TypeVar("Admitted", ConnectAnswer, EnrolAnswer)
TIMEOUT = httpx.Timeout(30.0, connect=10.0)
MAX_ANSWER = 256 * 1024


def base_url(server: str) -> str:
    """An address as people write it, without the slash at its end. Raises Fault InvalidParameter."""
    parts = urlsplit(server)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
        raise Fault("InvalidParameter", target="server", detail="expected https://HOST[:PORT]")
    return server.rstrip("/")


def authority(base: str, expected: str) -> str:
    """The authority with the expected fingerprint (SHA-256, hex), as PEM, from a server nobody trusts yet.

    What the server shows is taken for the one purpose of comparing it; nothing is sent before it fits. Raises
    Fault ControlPlaneNotTrusted, and as `exchange` does.
    """
    bundle = exchange("GET", base + TRUST_PATH, blind_context(), limit=MAX_TRUST_LENGTH)
    return with_fingerprint(base, bundle.decode("ascii", errors="replace"), expected)[expected]


def with_fingerprint(base: str, bundle: str, expected: str) -> dict[str, str]:
    """Fingerprints of a bundle that holds the expected one. Raises Fault ControlPlaneNotTrusted."""
    try:
        found = fingerprints(bundle)
    except ValueError:
        found = {}
    if expected not in found:
        seen = ", ".join(found) or "none"
        raise Fault("ControlPlaneNotTrusted", url=base, seen=seen, expected=expected)
    return found


def exchange(
    method: str, url: str, tls: ssl.SSLContext, body: bytes | None = None, *, limit: int = MAX_ANSWER
) -> bytes:
    """One request to its whole answer. Raises Fault for anything but 200 within `limit` bytes:
    CertificateNotTrusted, ControlPlaneUnreachable, UnexpectedAnswer, or what the server said.
    """
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


def admission(url: str, tls: ssl.SSLContext, request: msgspec.Struct, kind: type[Admitted]) -> Admitted:
    """What a control plane answers to a host that becomes an agent of it, or stays one with another key.

    Raises Fault as `exchange` does.
    """
    body = exchange("POST", url, tls, msgspec.json.encode(request))
    try:
        answer = msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Fault("UnexpectedAnswer", url=url, status=200, detail=str(error)) from error
    if not answer.link.startswith("wss://"):
        raise Fault("UnexpectedAnswer", url=url, status=200, detail="the link has no wss:// address")
    return answer
