"""The lab of `azcmagent`, searched at its end for secrets that were shown; certificates for programs."""

from __future__ import annotations

import uuid
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from outofband.core import clock
from outofband.identity import certificates
from outofband.store.credentials import ClientCertificate
from tests.peers.lab import Lab
from tests.support.cloud import Person


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(tmp_path)
    async with made.open():
        yield made
        no_secret_is_shown(made)


OWN = {"agent.key", "localconfig.json", "secret", "token", "wrong"}
"""Files that are there to hold a secret."""


def no_secret_is_shown(lab: Lab) -> None:
    """In no output, no archive, and no file but those that are there for it."""
    texts = {f"output {number}": text.encode() for number, text in enumerate(lab.shown)}
    for file in lab.directory.rglob("*"):
        if file.suffix == ".zip":
            with zipfile.ZipFile(file) as archive:
                texts |= {f"{file}: {name}": archive.read(name) for name in archive.namelist()}
        elif file.is_file() and file.name not in OWN and file.suffix not in (".secret", ".pem", ".pfx"):
            texts[str(file)] = file.read_bytes()
    assert {"himds.log", "control.db"} <= {Path(name).name for name in texts}
    for secret in lab.secrets:
        assert len(secret) > 7
        assert not [name for name, text in texts.items() if secret.encode() in text]


def certificate(client: str) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, client)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    return made, key


async def register(lab: Lab, person: Person, made: x509.Certificate) -> None:
    """A certificate for a program, as its administrator registers it."""
    now = clock.now()
    known = certificates.read(made.public_bytes(serialization.Encoding.PEM).decode(), now)
    row = ClientCertificate(
        id=str(uuid.uuid4()),
        app_id=person.app_id,
        object_id=person.object_id,
        label="t",
        thumbprint=known.thumbprint,
        thumbprint_sha256=known.thumbprint_sha256,
        certificate=known.pem,
        begins=known.begins,
        expires=known.expires,
        created=now,
    )
    async with lab.cloud.store.write() as tx:
        await lab.cloud.store.principals.add_certificate(tx, row)
