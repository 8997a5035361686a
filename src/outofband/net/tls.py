"""TLS contexts: servers show their leaf, clients trust the control plane's own authorities only."""

from __future__ import annotations

import os
import ssl
from pathlib import Path


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 and later for a listener; the certificate file holds the leaf and its chain, PEM."""
    context = empty_server_context()
    context.load_cert_chain(certificate, key)
    return context


def empty_server_context() -> ssl.SSLContext:
    """TLS 1.2 and later for a listener whose certificate comes with `load_pem`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def load_pem(context: ssl.SSLContext, pem: bytes) -> None:
    """Give a context the chain and key in `pem`; it serves them from the next handshake on.

    OpenSSL reads files only: this one is in memory, so that a key that is encrypted on disk is nowhere there
    in clear.
    """
    handle = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(handle), "wb") as file:
            file.write(pem)
        context.load_cert_chain(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)


def client_context(trust: Path | str) -> ssl.SSLContext:
    """Trust exactly the authorities in `trust`: a path of a PEM file, or the PEM text itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if isinstance(trust, Path):
        context.load_verify_locations(cafile=trust)
    else:
        context.load_verify_locations(cadata=trust)
    return context
