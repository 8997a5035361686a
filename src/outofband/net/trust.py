"""Authorities not trusted yet: their fingerprints, and the one connection that may go unverified.

Whoever meets a control plane for the first time fetches its authorities without verification, for the one
purpose of comparing them with a fingerprint that came another way. Nothing is sent before they fit.
"""

from __future__ import annotations

import hashlib
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import serialization

MAX_TRUST_LENGTH = 64 * 1024
"""Characters of a bundle that is looked at."""
MAX_AUTHORITIES = 8
"""A bundle holds the current and the next authority; more than a few is no rotation but a mistake."""


def blind_context() -> ssl.SSLContext:
    """For fetching the authorities: only what a fingerprint vouches for may be taken from its connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def fingerprints(bundle: str) -> dict[str, str]:
    """SHA-256 (hex) of each certificate's DER -> that certificate as PEM, in the bundle's order.

    Raises ValueError for no bundle.
    """
    if len(bundle) > MAX_TRUST_LENGTH:
        raise ValueError(f"expected at most {MAX_TRUST_LENGTH} characters of certificates, got {len(bundle)}")
    certificates = x509.load_pem_x509_certificates(bundle.encode())
    if len(certificates) > MAX_AUTHORITIES:
        raise ValueError(f"expected at most {MAX_AUTHORITIES} authorities, got {len(certificates)}")
    found: dict[str, str] = {}
    for certificate in certificates:
        der = certificate.public_bytes(serialization.Encoding.DER)
        found[hashlib.sha256(der).hexdigest()] = certificate.public_bytes(serialization.Encoding.PEM).decode()
    return found


def next_trust(pinned: str, offered: str) -> str | None:
    """The bundle to pin after a control plane offered one, or None to keep what is pinned.

    An offer counts only when it still holds an authority that is pinned already: authorities change one at
    a time, so whoever controls a connection for a moment cannot move anybody to authorities of its own alone.
    """
    try:
        theirs = fingerprints(offered)
    except ValueError:
        return None
    ours = fingerprints(pinned)
    if theirs.keys() == ours.keys() or not theirs.keys() & ours.keys():
        return None
    return "".join(theirs.values())
