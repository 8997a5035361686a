"""A program's certificate as its proof: a short signed statement (RFC 7523) for the token authority."""

from __future__ import annotations

import base64
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from outofband.catalogue import Words, say
from outofband.core import clock

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFE_SECONDS = 600
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


class CertificateUnusable(Exception):
    """`why` says what is the matter with the file."""

    def __init__(self, why: Words) -> None:
        super().__init__(str(why))
        self.why = why


def assertion(file: bytes, client: str, audience: str) -> str:
    """The statement that `client` makes to `audience` (the token endpoint), good for LIFE_SECONDS.

    `file` is PEM with certificate and key, or PFX, without a password. Raises CertificateUnusable.
    """
    certificate, private = load(file)
    now = int(clock.wall())
    claims = {
        "aud": audience,
        "iss": client,
        "sub": client,
        "jti": str(uuid.uuid4()),
        "nbf": now - 5,
        "iat": now,
        "exp": now + LIFE_SECONDS,
    }
    der = certificate.public_bytes(serialization.Encoding.DER)
    key: RSAKey | ECKey
    if isinstance(private, rsa.RSAPrivateKey):
        key, algorithm = RSAKey.import_key(_pem(private)), "PS256"
    else:
        key, algorithm = ECKey.import_key(_pem(private)), _CURVES[private.curve.name]
    header = {
        "alg": algorithm,
        "typ": "JWT",
        "x5t": _encoded(_sha1(der)),
        "x5t#S256": _encoded(_digest(der, hashes.SHA256())),
    }
    from joserfc.jws import JWSRegistry

    registry = JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    return jwt.encode(header, claims, key, registry=registry)


def load(file: bytes) -> tuple[x509.Certificate, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey]:
    """Certificate and key of a PEM or PFX file. Raises CertificateUnusable."""
    try:
        if b"-----BEGIN" in file:
            private = serialization.load_pem_private_key(_part(file, b"PRIVATE KEY"), password=None)
            certificate = x509.load_pem_x509_certificate(_part(file, b"CERTIFICATE"))
        else:
            made = pkcs12.load_key_and_certificates(file, None)
            if made[0] is None or made[1] is None:
                raise CertificateUnusable(say("certificate-or-key-missing"))
            private, certificate = made[0], made[1]
    except (ValueError, TypeError) as error:
        raise CertificateUnusable(say("certificate-no-file")) from error
    if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise CertificateUnusable(say("certificate-key-kind"))
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name not in _CURVES:
        raise CertificateUnusable(say("certificate-curve", curve=private.curve.name))
    if certificate.public_key() != private.public_key():
        raise CertificateUnusable(say("certificate-other-key"))
    return certificate, private


def _part(file: bytes, kind: bytes) -> bytes:
    """The first block of a kind, for a file may have key and chain in any order."""
    begin = -1
    for line in file.splitlines():
        if line.startswith(b"-----BEGIN") and line.rstrip().endswith(kind + b"-----"):
            begin = file.index(line)
            break
    if begin < 0:
        raise CertificateUnusable(say("certificate-part-missing", part=kind.decode().lower()))
    end = file.index(b"-----END", begin)
    return file[begin : file.index(b"-----", end + 8) + 5] + b"\n"


def _pem(private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _digest(data: bytes, kind: hashes.HashAlgorithm) -> bytes:
    made = hashes.Hash(kind)
    made.update(data)
    return made.finalize()


def _sha1(der: bytes) -> bytes:
    # Not for security: older authorities know a certificate by no other name.
    return _digest(der, hashes.SHA1())  # noqa: S303


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
