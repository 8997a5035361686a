"""Step tls: the chain, the name, the version; and when it is refused, whose certificate it was instead.

A certificate that is not trusted is fetched once more without verification, to name who issued it: whoever
opens TLS on the way has an issuer that nobody expects here. Nothing but a look at the time is sent then.
"""

from __future__ import annotations

import contextlib
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from outofband.core import clock
from outofband.core.errors import ProtocolError
from outofband.net import skew
from outofband.net.doctor.stream import HANDSHAKE_SECONDS, Stream
from outofband.net.fetch import trusting
from outofband.net.trust import blind_context, fingerprints
from outofband.wire import tunnel
from outofband.wire.check import Evidence, Name, Step, failed, ok

SKEW_SECONDS = 120.0
"""A clock that is off by more is told of."""
Way = Callable[[], AbstractAsyncContextManager[Stream]]
"""Opens one more connection to where TLS begins."""
_ENDED, _NOT_YET = 10, 9
_OTHER_NAME = frozenset((62, 63, 64))
"""Of OpenSSL's x509_vfy.h."""
_NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
_VERSION = ("UNSUPPORTED_PROTOCOL", "PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE")
_SYSTEM = "an authority that this system trusts"


async def secure(stream: Stream, host: str, port: int, trust: str | None, way: Way) -> Step:
    """Verify whoever is at the other end; when the step is ok, the stream is inside TLS."""
    evidence: Evidence = {"host": host, "port": port, "expected": ", ".join(authorities(trust)) or _SYSTEM}
    try:
        found = await stream.secure(trusting(trust), host)
    except ssl.SSLCertVerificationError as error:
        return await _refused(error, host, evidence, way)
    except ssl.SSLError as error:
        reason = error.reason or ""
        evidence["detail"] = reason.replace("_", " ").lower() or str(error)
        if any(word in reason for word in _NOT_TLS):
            return failed(Name.TLS, "TlsNotSpoken", evidence)
        if any(word in reason for word in _VERSION):
            return failed(Name.TLS, "TlsVersionRefused", evidence)
        return failed(Name.TLS, "TlsCut", evidence)
    except (OSError, EOFError) as error:
        silent = isinstance(error, TimeoutError)
        detail = (
            f"no answer within {HANDSHAKE_SECONDS:.0f} s" if silent else str(error) or type(error).__name__
        )
        return failed(Name.TLS, "TlsCut", {**evidence, "detail": detail})
    evidence |= {"version": found.version() or "", "cipher": (found.cipher() or ("",))[0]}
    if (raw := found.getpeercert(binary_form=True)) is not None:
        evidence |= described(raw)
    return ok(Name.TLS, **evidence)


async def _refused(error: ssl.SSLCertVerificationError, host: str, evidence: Evidence, way: Way) -> Step:
    evidence["detail"] = error.verify_message.rstrip(".")
    evidence["issuer"] = "?"
    away = None
    try:
        async with _unverified(way, host) as stream:
            found = stream.writer.get_extra_info("ssl_object")
            if (raw := found.getpeercert(binary_form=True)) is not None:
                evidence |= described(raw)
            if error.verify_code in (_ENDED, _NOT_YET):
                with contextlib.suppress(OSError, EOFError, ProtocolError):
                    away = skew.seconds(tunnel.read(await stream.head(tunnel.get("/", host))).date)
    except (OSError, EOFError):
        pass
    if error.verify_code in _OTHER_NAME:
        return failed(Name.TLS, "CertificateOfOther", evidence)
    if error.verify_code in (_ENDED, _NOT_YET):
        evidence["now"] = clock.iso()[:19] + "Z"
        if away is not None and abs(away) > SKEW_SECONDS:
            return failed(Name.TLS, "ClockDiffers", {**evidence, **differs(away)})
        cause = "CertificateEnded" if error.verify_code == _ENDED else "CertificateNotYet"
        return failed(Name.TLS, cause, evidence)
    return failed(Name.TLS, "TlsIntercepted", evidence)


@contextlib.asynccontextmanager
async def _unverified(way: Way, host: str) -> AsyncIterator[Stream]:
    async with way() as stream:
        await stream.secure(blind_context(), host)
        yield stream


def differs(seconds: float) -> Evidence:
    """A difference in words: how much, and which way."""
    return {
        "seconds": abs(round(seconds)),
        "direction": "ahead" if seconds > 0 else "behind",
        "skew": round(seconds, 1),
    }


def authorities(trust: str | None) -> list[str]:
    """Names of the authorities that are expected; none for the system's."""
    if trust is None:
        return []
    try:
        return [
            _name(x509.load_pem_x509_certificate(pem.encode()).subject)
            for pem in fingerprints(trust).values()
        ]
    except ValueError:
        return []


def described(raw: bytes) -> Evidence:
    """What a person wants to know of a certificate (DER)."""
    found: Evidence = {"fingerprint": hashlib.sha256(raw).hexdigest()}
    try:
        one = x509.load_der_x509_certificate(raw)
        found |= {
            "subject": _name(one.subject),
            "issuer": _name(one.issuer),
            "begins": _day(one.not_valid_before_utc),
            "ends": _day(one.not_valid_after_utc),
            "names": _names(one),
        }
    except ValueError as error:
        found["odd"] = tunnel.shown(str(error).encode())
    return found


def _names(one: x509.Certificate) -> list[str]:
    try:
        names = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    hosts = [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]
    return [tunnel.shown(name.encode()) for name in hosts[:20]]


def _name(name: x509.Name) -> str:
    """The common name, else all of it."""
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    text = common[0].value if common else name.rfc4514_string()
    return tunnel.shown(text if isinstance(text, bytes) else text.encode())


def _day(moment: datetime) -> str:
    return clock.iso(moment)[:19] + "Z"
