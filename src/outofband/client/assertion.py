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

from outofband.core import clock

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFE_SECONDS = 600
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


class CertificateUnusable(Exception):
    """Says what is the matter with the file."""


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
                raise CertificateUnusable("it lacks the certificate or its key")
            private, certificate = made[0], made[1]
    except (ValueError, TypeError) as error:
        raise CertificateUnusable(
            "it is no PEM file with a certificate and its key and no PFX file, or it has a password"
        ) from error
    if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise CertificateUnusable("its key is of a kind that is not used to sign in (RSA and EC are)")
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name not in _CURVES:
        raise CertificateUnusable(f"its curve {private.curve.name} is not used to sign in")
    if certificate.public_key() != private.public_key():
        raise CertificateUnusable("the key is not the certificate's")
    return certificate, private


def _part(file: bytes, kind: bytes) -> bytes:
    """The first block of a kind, for a file may have key and chain in any order."""
    begin = -1
    for line in file.splitlines():
        if line.startswith(b"-----BEGIN") and line.rstrip().endswith(kind + b"-----"):
            begin = file.index(line)
            break
    if begin < 0:
        raise CertificateUnusable(f"it has no {kind.decode().lower()}")
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
