"""The agent's certificate, `agent/agent.crt`: how long this machine counts as what its key says it is.

The control plane issues it for the key made here, for 90 days; the agent asks for the next one on its link
from day 45 on. It is no secret; what is protected is the key.
"""

from __future__ import annotations

import datetime
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from outofband.core.paths import StateDir
from outofband.core.secrets import write_private
from outofband.wire.connecting import RENEW_AFTER, WARN_BEFORE

MAX_SIZE = 64 * 1024


class Certificate(msgspec.Struct, frozen=True):
    """Its first and its last moment, UTC."""

    begins: datetime.datetime
    ends: datetime.datetime

    def due(self, now: datetime.datetime) -> bool:
        """Whether the next one is to be asked for."""
        return now - self.begins >= RENEW_AFTER or self.ending(now)

    def ending(self, now: datetime.datetime) -> bool:
        """Whether so little of it is left that people are told."""
        return self.ends - now < WARN_BEFORE

    def ended(self, now: datetime.datetime) -> bool:
        return now >= self.ends


def path(state: StateDir) -> Path:
    return state.agent / "agent.crt"


def load(state: StateDir, public_key: bytes) -> Certificate | None:
    """None when there is none, or none of this key (its raw 32 bytes)."""
    try:
        with path(state).open("rb") as file:
            return read(file.read(MAX_SIZE), public_key)
    except OSError:
        return None


def damage(state: StateDir, public_key: bytes) -> str:
    """What `load` found in place of a certificate: `damaged`, `other-key`, or why it cannot be read; empty
    when there is no file at all.
    """
    try:
        with path(state).open("rb") as file:
            pem = file.read(MAX_SIZE)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return error.strerror or str(error)
    try:
        x509.load_pem_x509_certificate(pem)
    except ValueError:
        return "damaged"
    return "" if read(pem, public_key) else "other-key"


def read(pem: bytes, public_key: bytes) -> Certificate | None:
    try:
        found = x509.load_pem_x509_certificate(pem)
        key = found.public_key()
    except (ValueError, TypeError):
        return None
    if not isinstance(key, Ed25519PublicKey) or key.public_bytes_raw() != public_key:
        return None
    return Certificate(found.not_valid_before_utc, found.not_valid_after_utc)


def keep(state: StateDir, pem: str, public_key: bytes) -> Certificate | None:
    """Write a certificate that the control plane sent; None, and nothing is changed, when it is none of this
    key.
    """
    made = read(pem.encode(), public_key) if len(pem) <= MAX_SIZE else None
    if made is not None:
        write_private(path(state), pem)
    return made
