"""Drives a probe of Remote Desktop (`wire.rdp.probe`) over a socket, with a bound for every wait."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import NameOID

from outofband.net.doctor.stream import Stream
from outofband.wire.rdp.probe import Certificate, End, Probe, Seen

SILENCE_SECONDS = 5.0
"""A server that says nothing for so long is left."""
WHOLE_SECONDS = 30.0
MAX_NAME, MAX_NAMES = 256, 64
_PIECE = 65536
T = TypeVar("T")


async def talk(connected: socket.socket, probe: Probe, host: str) -> Seen:
    """Run the probe to its end on a connected socket, which is closed with it. Never raises for what a server
    does.
    """
    async with Stream(connected) as stream:
        try:
            async with asyncio.timeout(WHOLE_SECONDS):
                while not probe.over:
                    await _turn(stream, probe, host)
                with contextlib.suppress(OSError):
                    await stream.send(probe.outgoing())
        except TimeoutError:
            probe.ended(End.SILENT, f"not done within {WHOLE_SECONDS:.0f} s")
    return probe.seen


async def _turn(stream: Stream, probe: Probe, host: str) -> None:
    try:
        await stream.send(probe.outgoing())
        if probe.wants_tls:
            return await _secure(stream, probe, host)
        async with asyncio.timeout(SILENCE_SECONDS):
            received = await stream.reader.read(_PIECE)
    except TimeoutError:
        probe.ended(End.SILENT, f"no answer within {SILENCE_SECONDS:.0f} s")
    except ConnectionResetError:
        probe.ended(End.RESET, "the connection was reset")
    except OSError as error:
        probe.ended(End.CLOSED, str(error))
    else:
        if received:
            probe.receive(received)
        else:
            probe.ended(End.CLOSED, "the server closed the connection")


async def _secure(stream: Stream, probe: Probe, host: str) -> None:
    try:
        tls = await stream.secure(permissive(), host)
    except ssl.SSLError as error:
        reason = (error.reason or str(error)).replace("_", " ").lower()
        ended = "eof" in reason
        probe.ended(End.CLOSED if ended else End.TLS_FAILED, reason)
    except ConnectionResetError:
        probe.ended(End.RESET, "the connection was reset at the start of TLS")
    except TimeoutError:
        probe.ended(End.SILENT, "TLS was not up in time")
    except ValueError as error:
        # A name that TLS has no way to say.
        probe.ended(End.TLS_FAILED, str(error))
    except (OSError, EOFError) as error:
        probe.ended(End.CLOSED, str(error) or "the server closed the connection at the start of TLS")
    else:
        raw = tls.getpeercert(binary_form=True)
        if raw is None:
            probe.ended(End.TLS_FAILED, "the server showed no certificate")
        else:
            probe.secured(raw, described(raw), tls.version() or "")


def permissive() -> ssl.SSLContext:
    """Takes any certificate, and what old servers still speak: to look at, never to trust."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def described(raw: bytes) -> Certificate:
    """What a certificate (DER) says, however odd it is: TLS takes some that nobody should make."""
    digest = hashlib.sha256(raw).hexdigest()
    found = _read(lambda: x509.load_der_x509_certificate(raw))
    if found is None:
        return Certificate(sha256=digest)
    names = _read(lambda: found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    return Certificate(
        subject=_read(lambda: _common(found.subject)) or "",
        issuer=_read(lambda: _common(found.issuer)) or "",
        not_before=_read(lambda: found.not_valid_before_utc),
        not_after=_read(lambda: found.not_valid_after_utc),
        sha256=digest,
        names=tuple(names.get_values_for_type(x509.DNSName))[:MAX_NAMES] if names is not None else (),
        self_signed=bool(_read(lambda: found.subject == found.issuer)),
    )


def _read(part: Callable[[], T]) -> T | None:
    """One part of a certificate; the library reads each when it is asked for, and refuses in its own ways."""
    try:
        return part()
    except (
        ValueError,
        TypeError,
        LookupError,
        OverflowError,
        x509.InvalidVersion,
        x509.ExtensionNotFound,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ):
        return None


def _common(name: x509.Name) -> str:
    attributes = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(attributes[0].value if attributes else name.rfc4514_string())[:MAX_NAME]
