"""The first meeting with a control plane: its address, its authorities, and what it says of itself."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from outofband.client.transport import Transport, decoded, refused
from outofband.core.errors import Fault
from outofband.net.tls import client_context
from outofband.net.trust import MAX_TRUST_LENGTH, blind_context, fingerprints
from outofband.wire.enrolment import TRUST_PATH

PORT = 8443
CONFIG_PATH = "/portal/config.json"
_SHA256 = re.compile(r"^[0-9a-f]{64}$")

Ask = Callable[[str], bool]
"""Asked whether a fingerprint (as `spelled`) is the right one."""


class Config(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a control plane tells anybody, in the words of its portal. `resource`: what tokens are for."""

    tenant_id: str
    resource: str
    gateways: list[str]
    version: str = ""


def base_of(address: str) -> str:
    """`https://host:port` for `host`, `host:port` or an https address. Raises Fault InvalidParameter."""
    text = address.strip()
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or parts.scheme != "https" or parts.username or parts.query or parts.fragment:
        detail = "give it as HOST, HOST:PORT or https://HOST:PORT"
        raise Fault("InvalidParameter", target="ADDRESS", detail=detail)
    if port is None:
        # An address with a scheme is taken at its word: https without a port is 443, behind a proxy.
        port = 443 if "://" in text else PORT
    shown = f"[{host}]" if ":" in host else host
    return f"https://{shown}:{port}"


def fingerprint_of(text: str) -> str:
    """SHA-256 as 64 lower-case hex digits, however it was spelled. Raises Fault InvalidParameter."""
    digits = re.sub(r"[\s:]", "", text).lower()
    if not _SHA256.fullmatch(digits):
        raise Fault("InvalidParameter", target="--fingerprint", detail="a SHA-256 has 64 hex digits")
    return digits


def spelled(fingerprint: str) -> str:
    """As browsers and openssl show it: easier to compare than 64 digits in a row."""
    return ":".join(re.findall("..", fingerprint.upper()))


def authorities_in(file: Path) -> str:
    """The PEM text of a file with authorities. Raises Fault ProfileInvalid."""
    try:
        text = file.read_text()
        client_context(text)
    except (OSError, ValueError) as error:
        detail = "it holds no certificate in PEM form"
        if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
            detail = error.strerror or str(error)
        raise Fault("AuthoritiesInvalid", path=str(file), detail=detail) from error
    return text


def learn_authorities(base: str, fingerprint: str | None = None, *, ask: Ask = lambda _: False) -> str:
    """The authorities of a control plane nobody here knows, as PEM, once a fingerprint vouches for them.

    Without one `ask` decides, after the server has shown that the authority is its own. Raises Fault
    FingerprintWrong, AuthorityNotConfirmed, ControlPlaneUnreachable or CertificateNotTrusted.
    """
    offered = _fetch(base, blind_context())
    wanted = fingerprint or next(iter(offered))
    if wanted not in offered:
        raise _wrong(base, offered, wanted)
    # This connection is verified, so its bundle is the control plane's own: it brings the next authority too.
    verified = _fetch(base, client_context(offered[wanted]))
    if wanted not in verified:
        raise _wrong(base, verified, wanted)
    if fingerprint is None and not ask(spelled(wanted)):
        raise Fault("AuthorityNotConfirmed", url=base, seen=spelled(wanted))
    return "".join(verified.values())


def config(transport: Transport) -> Config:
    """What the control plane says of itself. Raises Fault UnexpectedAnswer when it is none of ours."""
    answer = transport.request("GET", CONFIG_PATH)
    if not answer.is_success:
        raise refused(answer)
    return decoded(answer, Config)


def _wrong(base: str, seen: Iterable[str], wanted: str) -> Fault:
    found = ", ".join(spelled(each) for each in seen)
    return Fault("FingerprintWrong", url=base, seen=found, expected=spelled(wanted))


def _fetch(base: str, tls: ssl.SSLContext) -> dict[str, str]:
    with Transport(base, tls) as transport:
        text = transport.fetch(TRUST_PATH, MAX_TRUST_LENGTH)
    try:
        found = fingerprints(text)
    except ValueError:
        found = {}
    if not found:
        detail = "it holds no certificate"
        raise Fault("UnexpectedAnswer", url=f"{base}{TRUST_PATH}", status=200, detail=detail)
    return found
