"""Certificates of machines: what the authority says of the key that an agent made on its host."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from outofband.identity.pki import BACKDATE, Pki, key_usage


def certify(
    pki: Pki, public_key: str, agent: str, uri: str, now: datetime, life: timedelta
) -> tuple[str, datetime]:
    """A certificate (PEM) of an Ed25519 key, base64url without padding, and its end.

    The subject is the id of the agent, `uri` names its resource. It ends with the authority at the latest.
    """
    raw = base64.urlsafe_b64decode(public_key + "=" * (-len(public_key) % 4))
    key = Ed25519PublicKey.from_public_bytes(raw)
    issuer = pki.current
    above = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    # A certificate holds whole seconds.
    end = min(now + life, issuer.not_valid_after_utc).replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, agent)]))
        .issuer_name(issuer.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(digital_signature=True, signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(above), critical=False)
    )
    made = pki.sign(builder)
    return made.public_bytes(serialization.Encoding.PEM).decode(), end
