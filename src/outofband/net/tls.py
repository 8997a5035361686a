"""TLS contexts: servers show their leaf, clients trust the control plane's own authorities only."""

from __future__ import annotations

import ssl
from pathlib import Path


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 and later for a listener; the certificate file holds the leaf and its chain, PEM."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context


def client_context(trust: Path | str) -> ssl.SSLContext:
    """Trust exactly the authorities in `trust`: a path of a PEM file, or the PEM text itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if isinstance(trust, Path):
        context.load_verify_locations(cafile=trust)
    else:
        context.load_verify_locations(cadata=trust)
    return context
