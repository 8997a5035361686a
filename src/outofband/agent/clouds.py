"""The cloud that this agent was installed for: `agent/cloud.json`, written before the server is connected."""

from __future__ import annotations

from pathlib import Path

import msgspec

from outofband.agent import exchange
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.core.secrets import write_private
from outofband.net.tls import client_context
from outofband.net.trust import MAX_TRUST_LENGTH, fingerprints
from outofband.wire.enrolment import TRUST_PATH

DEFAULT_NAME = "Outofband"


class Cloud(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`arm` is Resource Manager's base URL, `login` the authority's (https), `trust` a PEM bundle to verify
    both; empty: the authorities of the system.
    """

    name: str
    arm: str
    login: str
    trust: str = ""


def path(state: StateDir) -> Path:
    return state.agent / "cloud.json"


def load(state: StateDir) -> Cloud | None:
    """None when the agent was installed for none. Raises Fault CloudUnreadable."""
    try:
        return msgspec.json.decode(path(state).read_bytes(), type=Cloud)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise Fault("CloudUnreadable", path=str(path(state)), detail=str(error)) from error


def save(state: StateDir, cloud: Cloud) -> None:
    # Root may write what the agent's user reads: the file is whose the folder is.
    write_private(path(state), msgspec.json.format(msgspec.json.encode(cloud)), like_folder=True)


def from_server(
    server: str, *, fingerprint: str | None = None, ca_file: Path | None = None, name: str = DEFAULT_NAME
) -> Cloud:
    """The cloud of a control plane at `server` (https base URL), known by the SHA-256 fingerprint of its
    authority or by a file with it. Blocks; asks the server.

    Raises Fault InvalidParameter, ControlPlaneNotTrusted, ControlPlaneUnreachable, CertificateNotTrusted or
    UnexpectedAnswer.
    """
    base = exchange.base_url(server)
    if fingerprint is not None:
        expected = fingerprint.replace(":", "").strip().lower()
        pinned = exchange.authority(base, expected)
    elif ca_file is not None:
        pinned = _authorities(ca_file)
    else:
        raise Fault("InvalidParameter", target="fingerprint", detail="a fingerprint or a file is needed")
    bundle = exchange.exchange("GET", base + TRUST_PATH, client_context(pinned), limit=MAX_TRUST_LENGTH)
    trust = bundle.decode("ascii", errors="replace")
    # Verified by now: the next authority is taken along, so that its change does not shut this server out.
    for known in fingerprints(pinned):
        exchange.with_fingerprint(base, trust, known)
    return Cloud(name=name, arm=base, login=base, trust=trust)


def _authorities(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            text = opened.read(MAX_TRUST_LENGTH).decode("ascii", errors="replace")
        return "".join(fingerprints(text).values())
    except (OSError, ValueError) as error:
        raise Fault("InvalidParameter", target="ca-file", detail=str(error)) from error
