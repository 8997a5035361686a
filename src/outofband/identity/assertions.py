"""A program proves itself with a certificate: it signs a short statement about itself (RFC 7523, as MSAL and
azure-identity send it).

The header names the certificate by its thumbprint (`x5t#S256`, or `x5t` of older clients) or brings it along
(`x5c`); it counts only when it was registered for this program. Nothing of the assertion is believed before
its signature was checked.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from outofband.core import clock
from outofband.identity.oauth import OAuthFault, Refusals
from outofband.identity.tokens import SKEW

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MAX_ASSERTION = 16 * 1024
"""Characters; one with a chain of three certificates in its header has about 7000."""
MAX_LIFE = 3600
"""Seconds until the end of an assertion; MSAL's ends after 600."""
MAX_JTI = 256
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


class _Registry(JWSRegistry):
    """Room for certificates in a header. What is not known there is passed over, unless it is critical."""

    max_header_length = MAX_ASSERTION


class Registered(Protocol):
    """A certificate of the program, as its administrator registered it."""

    @property
    def id(self) -> str: ...
    @property
    def thumbprint(self) -> str: ...
    @property
    def thumbprint_sha256(self) -> str: ...
    @property
    def certificate(self) -> str: ...
    @property
    def begins(self) -> datetime: ...
    @property
    def expires(self) -> datetime: ...


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """A good assertion. The same one may come again from the same host and from nowhere else."""

    credential: str
    """Id of the certificate; empty for the key of a host."""
    jti: str
    ends: datetime
    """After that nobody needs to remember it."""


class _Header(msgspec.Struct, frozen=True):
    """What is read of it before the signature is checked: only to find the key."""

    alg: str
    x5t: str = ""
    x5t_s256: str = msgspec.field(default="", name="x5t#S256")
    kid: str = ""
    x5c: list[str] = []


class _Claims(msgspec.Struct, frozen=True, kw_only=True):
    aud: str | list[str]
    iss: str
    sub: str
    exp: float
    jti: str
    nbf: float | None = None
    iat: float | None = None


def verify(
    assertion: str,
    client_id: str,
    certificates: Sequence[Registered],
    audiences: Collection[str],
    *,
    now: datetime,
    refuse: Refusals,
) -> Proof | OAuthFault:
    """Check the assertion of `client_id` (lower case). `audiences` are the addresses it may be for, in lower
    case.
    """
    header = _header(assertion)
    if header is None:
        return refuse.malformed_assertion("it is no signed JWT")
    certificate = _find(header, certificates)
    if certificate is None:
        return refuse.unknown_certificate(_named(header))
    key, algorithms = _key(certificate.certificate)
    if header.alg not in algorithms:
        return refuse.bad_assertion(f"its algorithm is not one of {', '.join(algorithms)}")
    claims = _signed(assertion, key, algorithms, refuse)
    if isinstance(claims, OAuthFault):
        return claims
    if not certificate.begins <= now < certificate.expires:
        window = clock.iso(certificate.begins), clock.iso(certificate.expires)
        return refuse.ended_certificate(client_id, *window)
    return _checked(claims, client_id, audiences, certificate.id, now=now, refuse=refuse)


def verify_host(
    assertion: str,
    client_id: str,
    public_key: str,
    audiences: Collection[str],
    *,
    now: datetime,
    refuse: Refusals,
) -> Proof | OAuthFault:
    """The same for the identity of a machine, with the Ed25519 key of its agent (base64url); empty when that
    was revoked.
    """
    if not public_key:
        return refuse.bad_assertion("the host was refused by an administrator")
    key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": public_key})
    claims = _signed(assertion, key, ("Ed25519",), refuse)
    if isinstance(claims, OAuthFault):
        return claims
    return _checked(claims, client_id, audiences, "", now=now, refuse=refuse)


def _signed(
    assertion: str, key: RSAKey | ECKey | OKPKey, algorithms: tuple[str, ...], refuse: Refusals
) -> _Claims | OAuthFault:
    try:
        registry = _Registry(algorithms=algorithms, strict_check_header=False)
        return msgspec.convert(jwt.decode(assertion, key, registry=registry).claims, _Claims)
    except msgspec.ValidationError:
        return refuse.malformed_assertion("aud, iss, sub, exp and jti have to be there")
    except (JoseError, ValueError, RecursionError):
        return refuse.bad_assertion("its signature is not by the key that is registered")


def _checked(
    claims: _Claims,
    client_id: str,
    audiences: Collection[str],
    credential: str,
    *,
    now: datetime,
    refuse: Refusals,
) -> Proof | OAuthFault:
    if claims.iss.lower() != client_id or claims.sub.lower() != client_id:
        return refuse.assertion_of_another(client_id)
    named = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if not any(each.lower().rstrip("/") in audiences for each in named):
        return refuse.assertion_for_another(sorted(audiences)[0])
    if not 0 < len(claims.jti) <= MAX_JTI:
        return refuse.malformed_assertion(f"jti has 1 to {MAX_JTI} characters")
    if (wrong := _time(claims, now)) is not None:
        return refuse.assertion_out_of_time(wrong)
    ends = datetime.fromtimestamp(claims.exp + SKEW, UTC)
    return Proof(credential=credential, jti=claims.jti, ends=ends)


def _time(claims: _Claims, now: datetime) -> str | None:
    """What is wrong with the times, if anything; with how far the caller's clock seems to be off."""
    here = now.timestamp()
    begins = claims.nbf if claims.nbf is not None else claims.iat
    early = begins is not None and begins > here + SKEW
    late = claims.exp + SKEW <= here
    if not early and not late and claims.exp <= here + MAX_LIFE + SKEW:
        return None
    if not early and not late:
        return f"It ends more than {MAX_LIFE} seconds from now."
    made = claims.iat if claims.iat is not None else begins
    times = f"Current time: {clock.iso(now)}, valid from {_told(begins)}, expiry time {_told(claims.exp)}."
    if made is None:
        return times
    off = made - here
    direction = "ahead of" if off > 0 else "behind"
    return (
        f"{times} The caller's clock seems to be {abs(off):.0f} seconds {direction} this server's, "
        f"which the Date header of this answer shows; {SKEW} are tolerated."
    )


def _told(moment: float | None) -> str:
    try:
        return "-" if moment is None else clock.iso(datetime.fromtimestamp(moment, UTC))
    except (OverflowError, OSError, ValueError):
        return "a time that is none"


def _header(assertion: str) -> _Header | None:
    head, _, rest = assertion.partition(".")
    if len(assertion) > MAX_ASSERTION or rest.count(".") != 1:
        return None
    try:
        return msgspec.json.decode(_raw(head), type=_Header)
    except (ValueError, RecursionError):
        return None


def _find(header: _Header, certificates: Sequence[Registered]) -> Registered | None:
    """Every name that the header gives has to be one certificate's."""
    named: list[tuple[str, str]] = []
    try:
        if header.x5t_s256:
            named.append(("thumbprint_sha256", _plain(_raw(header.x5t_s256))))
        if header.x5t:
            named.append(("thumbprint", _plain(_raw(header.x5t))))
        if header.x5c:
            der = base64.b64decode("".join(header.x5c[0].split()), validate=True)
            digest = hashes.Hash(hashes.SHA256())
            digest.update(der)
            named.append(("thumbprint_sha256", _plain(digest.finalize())))
        if header.kid and not named:
            # Some clients write the thumbprint there, in hex as certificate stores show it.
            named.append(("thumbprint", _plain(bytes.fromhex(header.kid))))
    except (binascii.Error, ValueError):
        return None
    if not named:
        return None
    for each in certificates:
        if all(hmac.compare_digest(getattr(each, name), value) for name, value in named):
            return each
    return None


def _named(header: _Header) -> str:
    """The thumbprint in hex as people compare it, to be shown; empty when there is none to show."""
    try:
        return _raw(header.x5t_s256 or header.x5t).hex().upper()[:64]
    except ValueError:
        return ""


def _key(pem: str) -> tuple[RSAKey | ECKey, tuple[str, ...]]:
    """The public key of a registered certificate, and the algorithms that it may be used with."""
    public: Any = x509.load_pem_x509_certificate(pem.encode()).public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if isinstance(public, rsa.RSAPublicKey):
        return RSAKey.import_key(der), ("PS256", "RS256")
    assert isinstance(public, ec.EllipticCurvePublicKey), "others are not registered"
    return ECKey.import_key(der), (_CURVES[public.curve.name],)


def _raw(text: str) -> bytes:
    """base64url with or without its padding, which MSAL leaves. Raises ValueError."""
    plain = text.rstrip("=")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), altchars=b"-_", validate=True)


def _plain(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
