"""Makes this host an agent of a control plane: a key made here, a one-time token, nothing trusted blindly.

The token names the fingerprint of the control plane's authority. The authorities are fetched without
verification for the one purpose of comparing them with it; nothing is sent before they fit, and every
connection after that is verified.
"""

from __future__ import annotations

import getpass
import re
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import outofband
from outofband.agent import certificate, exchange, hardware, local
from outofband.agent.hardware import Fingerprints
from outofband.agent.instance import Instance, run_path
from outofband.agent.state import HostKey, Identity, find_identity, load_identity, save_identity, vm_id
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.net import process
from outofband.net.tls import client_context
from outofband.wire.enrolment import (
    ENROL_PATH,
    MAX_TOKEN,
    NAME,
    EnrolAnswer,
    EnrolmentToken,
    EnrolRequest,
    parse_token,
    proof_text,
)


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
    base = exchange.base_url(server)
    if (there := already(state, parsed)) is not None:
        return there
    if process.running(run_path(state)) is not None:
        # It waits for an identity; one that has another says so.
        local.enrol(state, server=base, token=token.strip(), name=name or "")
        return load_identity(state)
    with Instance(state):
        return redeem(state, base, token, name)


def here(public_key: str) -> Fingerprints:
    """The fingerprints of the machine that this runs on."""
    return hardware.fingerprints(public_key, hardware.read())


def redeem(
    state: StateDir,
    base: str,
    token: str,
    name: str | None = None,
    marks: Callable[[str], Fingerprints] = here,
) -> Identity:
    """`enrol` for whoever holds the state's lock; `marks` gives the fingerprints of the machine for a key."""
    parsed = parse_token(token)
    pinned = exchange.authority(base, parsed.fingerprint)
    key = HostKey.of(state)
    wanted = name or _host_name()
    request = EnrolRequest(
        token=token.strip(),
        name=wanted,
        public_key=key.public,
        proof=key.sign(proof_text(parsed.id, wanted, key.public)),
        version=outofband.__version__,
    )
    answer = exchange.admission(base + ENROL_PATH, client_context(pinned), request, EnrolAnswer)
    exchange.with_fingerprint(base, answer.trust, parsed.fingerprint)
    identity = Identity(
        agent=answer.agent,
        name=answer.name,
        arm=answer.arm,
        link=answer.link,
        trust=answer.trust,
        token=parsed.id,
        enrolled=clock.iso(),
        tenant=answer.tenant,
        subscription=answer.subscription,
        group=answer.group,
        vm_id=vm_id(key.public),
        hardware=marks(key.public),
    )
    certificate.keep(state, answer.certificate, key.raw)
    save_identity(state, identity)
    return identity


def already(state: StateDir, token: EnrolmentToken) -> Identity | None:
    """The identity this very token made before, so that enrolling twice changes nothing."""
    there = find_identity(state)
    return there if there is not None and there.token == token.id else None


def _host_name() -> str:
    """The host's own name, made fit for a resource's name."""
    label = re.sub(r"[^A-Za-z0-9_.-]", "-", socket.gethostname()).strip("-_.")[:54].strip("-_.")
    return label if NAME.fullmatch(label) else "host"
