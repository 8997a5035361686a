"""What a node serves: renewal and rotation in the living context, own certificates, bad files."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.identity import pki
from outofband.identity.own_certificate import covers
from outofband.identity.pki import LEAF_LIFE, RENEW_BEFORE, fingerprint
from outofband.net import tls
from outofband.server.certificates import Certificates
from outofband.server.settings import Settings
from outofband.store.master_keys import MasterKey, Ring
from outofband.store.vault import Vault

pytestmark = pytest.mark.anyio
DAY = timedelta(days=1)
NOW = clock.now().replace(microsecond=0)
NAME = "oob.example"


class Kept:
    where = "memory"

    def __init__(self) -> None:
        self.ring = Ring(current=MasterKey(b"\1" * 32))

    def load(self) -> Ring:
        return self.ring

    def save(self, ring: Ring) -> None:
        self.ring = ring


@pytest.fixture
def source() -> Kept:
    return Kept()


@pytest.fixture
def vault(source: Kept) -> Vault:
    return Vault(source, source.ring)


def opened(folder: Path, vault: Vault, **settings: str) -> Certificates:
    return Certificates(folder / "pki", Settings(names=(NAME,), **settings), vault, NOW)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def serving(context: ssl.SSLContext) -> AsyncIterator[int]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


class Line:
    """One TLS connection that says something now and then."""

    @classmethod
    async def dial(cls, port: int, trust: str, name: str = NAME) -> Line:
        made = cls()
        context = tls.client_context(trust)
        made.reader, made.writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname=name
        )
        return made

    @property
    def serial(self) -> int:
        der = self.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(der).serial_number

    async def echo(self) -> None:
        self.writer.write(b"still here\n")
        assert await self.reader.readline() == b"still here\n"

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await self.writer.wait_closed()


async def test_keys_lie_sealed_and_clear_ones_are_sealed_at_the_next_start(
    tmp_path: Path, vault: Vault, source: Kept
) -> None:
    """An installation of before: keys in clear. The authorities stay, their keys are sealed."""
    old = pki.Pki.open(tmp_path / "pki", [NAME], NOW)
    assert set(pki.sealed_by(old.directory).values()) == {""}
    now = opened(tmp_path, vault)
    assert now.pki.fingerprint == old.fingerprint
    assert now.leaf == old.leaf
    assert pki.sealed_by(old.directory) == dict.fromkeys(("ca.key", "ca-next.key", "server.key"), vault.name)
    assert not any(b"PRIVATE" in each.read_bytes() for each in old.directory.iterdir())
    assert {each.stat().st_mode & 0o777 for each in old.directory.glob("*.key")} == {0o600}
    source.ring = source.ring.rotated()
    vault.reread()
    assert now.refresh(NOW)  # the files are moved to the new master key
    assert set(pki.sealed_by(old.directory).values()) == {vault.name}
    source.ring = source.ring.without({each.id for each in source.ring.older})
    vault.reread()
    assert opened(tmp_path, vault).pki.fingerprint == old.fingerprint


async def test_a_wrong_master_key_leaves_the_authorities_alone(tmp_path: Path, vault: Vault) -> None:
    opened(tmp_path, vault)
    before = {each.name: each.read_bytes() for each in (tmp_path / "pki").iterdir()}
    other = Kept()
    other.ring = Ring(current=MasterKey(b"\2" * 32))
    with pytest.raises(Fault, match="VaultKeyInvalid"):
        opened(tmp_path, Vault(other, other.ring))
    assert {each.name: each.read_bytes() for each in (tmp_path / "pki").iterdir()} == before


async def test_a_renewal_reaches_new_handshakes_and_no_open_connection(tmp_path: Path, vault: Vault) -> None:
    certificates = opened(tmp_path, vault)
    pinned = certificates.trust()
    async with serving(certificates.context()) as port:
        first = await Line.dial(port, pinned)
        assert not certificates.refresh(NOW + LEAF_LIFE - RENEW_BEFORE - DAY)
        assert certificates.refresh(NOW + LEAF_LIFE - RENEW_BEFORE)
        await first.echo()
        certificates.pki.promote([NAME], NOW)
        assert certificates.refresh(NOW)
        # Who pinned both before trusts what the next one signed.
        second = await Line.dial(port, pinned)
        assert second.serial == certificates.leaf.serial_number != first.serial
        for each in (first, second):
            await each.echo()
            await each.close()


async def test_a_rotation_by_another_process_is_taken_up(tmp_path: Path, vault: Vault) -> None:
    here, elsewhere = opened(tmp_path, vault), opened(tmp_path, vault)
    coming = fingerprint(here.pki.following)
    async with serving(here.context()) as port:
        elsewhere.rotate(NOW)
        assert here.refresh(NOW)
        assert not here.refresh(NOW)
        assert here.fingerprint() == coming == elsewhere.fingerprint()
        line = await Line.dial(port, here.trust())
        assert line.serial == elsewhere.leaf.serial_number
        await line.close()


class Issuer:
    """Somebody else's authority with an intermediate, and certificates of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.root_key, self.key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self.root = self._made("Root", self.root_key, None, self.root_key, ca=True)
        self.middle = self._made("Middle", self.key, self.root, self.root_key, ca=True)
        self.ca = self._write("root.pem", self.root)

    def issue(self, *names: str, begins: datetime = NOW - DAY, life: timedelta = 90 * DAY) -> dict[str, str]:
        """As settings."""
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = self._made("Leaf", key, self.middle, self.key, ca=False, names=names, begins=begins, life=life)
        secret = self.folder / "leaf.key"
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return {
            "certificate_file": self._write("leaf.pem", leaf, self.middle),
            "certificate_key_file": str(secret),
            "certificate_ca_file": self.ca,
        }

    def _write(self, name: str, *certificates: x509.Certificate) -> str:
        scratch = self.folder / f".{name}"
        scratch.write_bytes(b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates))
        scratch.replace(self.folder / name)
        return str(self.folder / name)

    def _made(
        self,
        label: str,
        key: ec.EllipticCurvePrivateKey,
        issuer: x509.Certificate | None,
        signer: ec.EllipticCurvePrivateKey,
        *,
        ca: bool,
        names: tuple[str, ...] = (),
        begins: datetime = NOW - DAY,
        life: timedelta = 3650 * DAY,
    ) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, label)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer.subject if issuer is not None else name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(begins + life)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if names:
            listed = [x509.DNSName(each) for each in names]
            builder = builder.add_extension(x509.SubjectAlternativeName(listed), critical=False)
        return builder.sign(signer, hashes.SHA256())


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path / "issuer")


async def test_an_own_certificate_is_served_and_its_successor_too(
    tmp_path: Path, vault: Vault, issuer: Issuer
) -> None:
    before = opened(tmp_path, vault)
    ours = before.fingerprint()
    certificates = opened(tmp_path, vault, **issuer.issue(NAME))
    assert certificates.is_own and certificates.fingerprint() == fingerprint(issuer.root)
    assert ours in [fingerprint(each) for each in _bundle(certificates)]
    async with serving(certificates.context()) as port:
        first = await Line.dial(port, certificates.trust())
        assert first.serial == certificates.leaf.serial_number
        issuer.issue(NAME)
        assert certificates.refresh(NOW)
        second = await Line.dial(port, certificates.trust())
        assert second.serial == certificates.leaf.serial_number != first.serial
        # A key that does not fit yet: what was there is served on, and the pair counts once it is whole.
        key = Path(issuer.folder, "leaf.key")
        whole = key.read_bytes()
        key.write_bytes(whole[:100])
        assert not certificates.refresh(NOW)
        third = await Line.dial(port, certificates.trust())
        assert third.serial == second.serial
        key.write_bytes(whole + b"\n")
        assert certificates.refresh(NOW)
        for each in (first, second, third):
            await each.echo()
            await each.close()
    # Without the settings our own is served again.
    assert opened(tmp_path, vault).fingerprint() == ours


async def test_an_authority_may_be_told_before_it_is_needed(
    tmp_path: Path, vault: Vault, issuer: Issuer
) -> None:
    first = opened(tmp_path, vault)
    told = opened(tmp_path, vault, certificate_ca_file=issuer.ca)
    assert told.fingerprint() == first.fingerprint()
    assert fingerprint(_bundle(told)[-1]) == fingerprint(issuer.root)
    async with serving(opened(tmp_path, vault, **issuer.issue(NAME)).context()) as port:
        line = await Line.dial(port, told.trust())
        await line.close()
        with pytest.raises(ssl.SSLCertVerificationError):
            await Line.dial(port, first.pki.current.public_bytes(_PEM).decode())


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("expired", "ended at"),
        ("early", "begins at"),
        ("name", "none of the names"),
        ("key", "not the key of"),
        ("chain", "chain is broken"),
        ("ca", "certificate_ca_file"),
        ("foreign", "has issued"),
        ("missing", "No such file"),
        ("rubbish", "no certificate"),
        ("locked", "no private key"),
    ],
)
async def test_a_certificate_that_clients_would_refuse_is_refused_at_the_start(
    tmp_path: Path, vault: Vault, issuer: Issuer, spoil: str, words: str
) -> None:
    settings = issuer.issue(NAME)
    chain, key = Path(settings["certificate_file"]), Path(settings["certificate_key_file"])
    match spoil:
        case "expired":
            issuer.issue(NAME, begins=NOW - 90 * DAY, life=89 * DAY)
        case "early":
            issuer.issue(NAME, begins=NOW + DAY)
        case "name":
            issuer.issue("other.example")
        case "key":
            kept = key.read_bytes()
            issuer.issue(NAME)
            key.write_bytes(kept)
        case "chain":
            chain.write_bytes(chain.read_bytes() + Path(Issuer(tmp_path / "other").ca).read_bytes())
        case "ca":
            del settings["certificate_ca_file"]
        case "foreign":
            settings["certificate_ca_file"] = Issuer(tmp_path / "other").ca
        case "missing":
            chain.unlink()
        case "rubbish":
            chain.write_text("rubbish")
        case "locked":
            key.write_text("rubbish")
    with pytest.raises(Fault, match="CertificateUnusable") as raised:
        opened(tmp_path, vault, **settings)
    assert words in raised.value.fields["detail"]
    assert "PRIVATE" not in str(raised.value)


@pytest.mark.parametrize(
    ("held", "name", "fits"),
    [
        ("oob.example", "OOB.example.", True),
        ("*.example", "oob.example", True),
        ("*.example", "a.oob.example", False),
        ("*.example", "example", False),
        ("oob.example", "oob.example.net", False),
        ("o*.example", "oob.example", False),
    ],
)
async def test_names_as_clients_compare_them(issuer: Issuer, held: str, name: str, fits: bool) -> None:
    leaf = x509.load_pem_x509_certificates(Path(issuer.issue(held)["certificate_file"]).read_bytes())[0]
    assert covers(leaf, name) is fits


_PEM = serialization.Encoding.PEM


def _bundle(certificates: Certificates) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(certificates.trust().encode())
