"""The certificate of a program, as its manager hands it in: public, of a strong key, and not yet ended."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from outofband.core.errors import Fault

MAX_TEXT = 32 * 1024
MIN_RSA_BITS = 2048
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\s*([A-Za-z0-9+/=\s]+?)\s*-----END CERTIFICATE-----")
_CURVES = ("secp256r1", "secp384r1", "secp521r1")


class Presented(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to know of a certificate; thumbprints are base64url without padding."""

    pem: str
    thumbprint: str
    thumbprint_sha256: str
    subject: str
    begins: datetime
    expires: datetime


def read(text: str, now: datetime) -> Presented:
    """A certificate as PEM, or its DER in base64, as clients of Azure send it.

    Raises Fault CertificateRefused.
    """
    if "PRIVATE KEY" in text:
        raise _refused("the text has a private key in it, which must not leave its owner")
    blocks = _PEM.findall(text)
    if len(blocks) > 1:
        raise _refused("there is more than one certificate")
    try:
        if len(text) > MAX_TEXT:
            raise ValueError
        der = base64.b64decode("".join((blocks[0] if blocks else text).split()), validate=True)
        found = x509.load_der_x509_certificate(der)
        key = found.public_key()
    except (binascii.Error, ValueError, TypeError, x509.InvalidVersion) as error:
        raise _refused("it is not an X.509 certificate in PEM, or in base64") from error
    except Exception as error:
        # The parser has faults of its own for keys it does not know.
        raise _refused("its key is of no known kind") from error
    _strong(key)
    begins, expires = found.not_valid_before_utc, found.not_valid_after_utc
    if expires <= now:
        raise _refused(f"it ended at {expires:%Y-%m-%d %H:%M} UTC")
    return Presented(
        pem=found.public_bytes(serialization.Encoding.PEM).decode(),
        thumbprint=_url(found.fingerprint(hashes.SHA1())),  # noqa: S303 - a name, and RFC 7515 wants it
        thumbprint_sha256=_url(found.fingerprint(hashes.SHA256())),
        subject=found.subject.rfc4514_string()[:256],
        begins=begins,
        expires=expires,
    )


def hex_of(thumbprint: str) -> str:
    """A thumbprint as people compare it: upper-case hex."""
    return base64.urlsafe_b64decode(thumbprint + "=" * (-len(thumbprint) % 4)).hex().upper()


def _strong(key: object) -> None:
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < MIN_RSA_BITS:
            raise _refused(f"its RSA key has {key.key_size} bits; at least {MIN_RSA_BITS} are needed")
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in _CURVES:
            raise _refused(f"its curve {key.curve.name} is not supported")
    else:
        raise _refused("its key is neither RSA nor of an elliptic curve")


def _url(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _refused(detail: str) -> Fault:
    return Fault("CertificateRefused", detail=detail)
