"""The control plane's certificate authority: the current one, the next one, and the server's leaf.

Agents and clients pin both authorities (`trust.pem`) from the first day, so that the next can take over
without anybody losing their way. Keys never leave the directory; every key file is 0600, and sealed by the
vault where there is one:

    ca.pem ca.key   ca-next.pem ca-next.key   server.pem server.key   trust.pem
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import hashlib
import ipaddress
import os
import socket
import ssl
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from outofband.core.errors import Fault
from outofband.core.secrets import write_private
from outofband.net import tls
from outofband.store.vault import Vault, about

CA_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=397)
"""The longest life that browsers accept."""
RENEW_BEFORE = timedelta(days=30)
BACKDATE = timedelta(hours=1)
"""A certificate is valid a little before it was made: clocks differ."""
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
_MAX_NAMES = 100
_SEALED = b"outofband-sealed "
"""A sealed key file: this, the name of the master key, and on the next line the sealed PEM in base64."""
_ABOUT = about("pki", "key")
"""One for all files: a promotion moves a key from one to the other, and each has to fit its certificate."""
_KEY_FILES = ("ca.key", "ca-next.key", "server.key")


class Pki:
    """The authorities and the leaf in one directory. `Pki.open` creates what is missing."""

    def __init__(
        self,
        directory: Path,
        current: x509.Certificate,
        following: x509.Certificate,
        vault: Vault | None = None,
        others: Sequence[x509.Certificate] = (),
        others_serve: bool = False,
    ) -> None:
        self.directory = directory
        self.current = current
        self.following = following
        self._vault = vault
        self._others, self._others_serve = others, others_serve
        self.trust = directory / "trust.pem"
        self.certificate = directory / "server.pem"
        self.key = directory / "server.key"

    @classmethod
    def open(
        cls,
        directory: Path,
        names: Iterable[str],
        now: datetime,
        *,
        vault: Vault | None = None,
        others: Sequence[x509.Certificate] = (),
        others_serve: bool = False,
    ) -> Pki:
        """Load or make the authorities, and renew the leaf where needed.

        `names` are further host names and addresses the server is reached by. `others` are authorities of
        somebody else's that clients shall trust too; with `others_serve` it is one of theirs that signed what
        is served. With a vault, keys that lie there in clear are sealed.

        Raises Fault PkiDamaged when an authority lost its key, or the two do not belong together, and
        VaultKeyInvalid when one is sealed by a key that is not here.
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(directory):
            _finish_promotion(directory, vault)
            current = _authority(directory, "ca", now, vault)
            following = _authority(directory, "ca-next", now, vault)
            pki = cls(directory, current, following, vault, others, others_serve)
            pki._write_trust()
            if vault is not None:
                reseal(directory, vault)
            pki._renew(names, now)
        return pki

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the DER of the authority that what is served goes back to: tokens name it."""
        return fingerprint(self._trusted[0])

    @property
    def _trusted(self) -> list[x509.Certificate]:
        ours = [self.current, self.following]
        return [*self._others, *ours] if self._others_serve else [*ours, *self._others]

    @property
    def leaf(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificate.read_bytes())

    def load_into(self, context: ssl.SSLContext) -> None:
        """Serve the leaf from the next handshake on; connections that are open keep what they have."""
        key = _pem(_load_key(self.key, self._vault))
        tls.load_pem(context, self.certificate.read_bytes() + key)

    def renew(self, names: Iterable[str], now: datetime) -> bool:
        """Make a new leaf when there is none that will do for `RENEW_BEFORE`; True when one was made.

        Who serves it loads the files again after a True.
        """
        if self._leaf_will_do(subject_names(names), now):
            return False
        with _alone(self.directory):
            return self._renew(names, now)

    def _renew(self, names: Iterable[str], now: datetime) -> bool:
        wanted = subject_names(names)
        if self._leaf_will_do(wanted, now):
            return False
        key = ec.generate_private_key(ec.SECP256R1())
        signer = _load_key(self.directory / "ca.key", self._vault)
        leaf = _leaf(key, wanted, self.current, signer, now)
        # Key first, and the leaf checks that it fits: a crash in between makes a new pair at the next start.
        _write_key(self.key, key, self._vault)
        write_private(self.certificate, leaf.public_bytes(serialization.Encoding.PEM))
        return True

    def sign(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        """Signed by the current authority. Raises Fault PkiDamaged or VaultKeyInvalid."""
        return builder.sign(_load_key(self.directory / "ca.key", self._vault), hashes.SHA256())

    def promote(self, names: Iterable[str], now: datetime) -> None:
        """Let the next authority take over and make a new next one.

        Who pinned both before still trusts the new leaf; they should fetch `trust.pem` before the next time.
        """
        with _alone(self.directory):
            _write_key(
                self.directory / "ca.key", _load_key(self.directory / "ca-next.key", self._vault), self._vault
            )
            write_private(self.directory / "ca.pem", self.following.public_bytes(serialization.Encoding.PEM))
            self.current = self.following
            self.following = _make_authority(self.directory, "ca-next", now, self._vault)
            self._write_trust()
            self._renew(names, now)

    def _write_trust(self) -> None:
        both = b"".join(each.public_bytes(serialization.Encoding.PEM) for each in self._trusted)
        if not self.trust.exists() or self.trust.read_bytes() != both:
            write_private(self.trust, both)

    def _leaf_will_do(self, wanted: Sequence[x509.GeneralName], now: datetime) -> bool:
        try:
            leaf = x509.load_pem_x509_certificate(self.certificate.read_bytes())
            key = _load_key(self.key, self._vault)
            leaf.verify_directly_issued_by(self.current)
            names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (OSError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound, Fault):
            return False
        fits = leaf.public_key() == key.public_key()
        lasts = leaf.not_valid_before_utc <= now and now + RENEW_BEFORE < leaf.not_valid_after_utc
        return fits and lasts and set(wanted) <= set(names)


def reseal(directory: Path, vault: Vault) -> int:
    """Bring the key files under the vault's current key; how many were not. Each is replaced whole, so it may
    be cut off anywhere and done again. A server's key that does not open is left: the next leaf replaces it.

    Raises Fault VaultKeyInvalid or PkiDamaged.
    """
    changed = 0
    for name in _KEY_FILES:
        path = directory / name
        if not path.exists() or _sealed_by(path) == vault.name:
            continue
        try:
            key = _load_key(path, vault)
        except Fault:
            if path.name != _KEY_FILES[-1]:
                raise
            continue
        _write_key(path, key, vault)
        changed += 1
    return changed


def sealed_by(directory: Path) -> dict[str, str]:
    """Name of each key file, and of the master key it is sealed by; empty for one in clear."""
    return {name: _sealed_by(directory / name) for name in _KEY_FILES if (directory / name).exists()}


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the DER, hex."""
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def subject_names(names: Iterable[str]) -> list[x509.GeneralName]:
    """Local names, this host's name and `names`, each once, as a certificate holds them.

    Raises Fault InvalidParameter for a name no certificate can hold, or for more than a hundred.
    """
    found: dict[x509.GeneralName, None] = {}
    host = socket.gethostname()
    for name in (*LOCAL_NAMES, *([host] if host.isascii() else []), *names):
        text = name.strip().strip("[]").rstrip(".").lower()
        if not text:
            continue
        try:
            found[_general_name(text)] = None
        except ValueError as error:
            detail = f"'{name}' is no host name"
            raise Fault("InvalidParameter", target="names", detail=detail) from error
    if len(found) > _MAX_NAMES:
        raise Fault("InvalidParameter", target="names", detail=f"there are more than {_MAX_NAMES}")
    return list(found)


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        if any(each <= " " or each in "/:@" for each in text):
            raise
        return x509.DNSName(text)


def _authority(directory: Path, name: str, now: datetime, vault: Vault | None) -> x509.Certificate:
    certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
    if not certificate.exists():
        if (directory / "trust.pem").exists():
            raise Fault("PkiDamaged", path=str(certificate), detail="it is missing")
        # trust.pem is written last: without it nobody can have trusted what a crash left here.
        return _make_authority(directory, name, now, vault)
    if name == "ca-next" and certificate.read_bytes() == (directory / "ca.pem").read_bytes():
        # A promotion was cut off before its last step.
        return _make_authority(directory, name, now, vault)
    try:
        loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
    except ValueError as error:
        raise Fault("PkiDamaged", path=str(certificate), detail="it is no certificate") from error
    if loaded.public_key() != _load_key(key, vault).public_key():
        raise Fault("PkiDamaged", path=str(key), detail=f"it does not belong to {certificate.name}")
    return loaded


def _finish_promotion(directory: Path, vault: Vault | None) -> None:
    """Redo the step a kill may have kept `promote` from: the key has moved up, its certificate has not."""
    current, following = directory / "ca.pem", directory / "ca-next.pem"
    if not (current.exists() and following.exists() and (directory / "ca.key").exists()):
        return
    try:
        coming = x509.load_pem_x509_certificate(following.read_bytes())
    except ValueError:
        return
    if coming.public_key() == _load_key(directory / "ca.key", vault).public_key():
        write_private(current, following.read_bytes())


def _make_authority(directory: Path, name: str, now: datetime, vault: Vault | None) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    made = _ca_certificate(key, now)
    _write_key(directory / f"{name}.key", key, vault)
    write_private(directory / f"{name}.pem", made.public_bytes(serialization.Encoding.PEM))
    return made


def _ca_certificate(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    # Two authorities of one name would confuse clients that look an issuer up by name.
    label = f"Outofband CA {identifier.digest.hex()[:8]}"
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, label)])
    usage = key_usage(digital_signature=False, signs_certificates=True)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier(identifier.digest, None, None), critical=False)
        .sign(key, hashes.SHA256())
    )


def _leaf(
    key: ec.EllipticCurvePrivateKey,
    names: Sequence[x509.GeneralName],
    issuer: x509.Certificate,
    signer: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Outofband control plane")])
    above = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(min(now + LEAF_LIFE, issuer.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(digital_signature=True, signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(above), critical=False)
        .sign(signer, hashes.SHA256())
    )


def key_usage(*, digital_signature: bool, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey, vault: Vault | None) -> None:
    pem = _pem(key)
    if vault is not None:
        sealed = base64.b64encode(vault.seal(pem, _ABOUT))
        pem = _SEALED + vault.name.encode() + b"\n" + sealed + b"\n"
    write_private(path, pem)


def _sealed_by(path: Path) -> str:
    head = path.read_bytes().partition(b"\n")[0]
    return head.removeprefix(_SEALED).decode("ascii", "replace") if head.startswith(_SEALED) else ""


@contextlib.contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """One process at a time changes the directory; a rotation by `oob` runs beside the server."""
    handle = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _unsealed(data: bytes, vault: Vault | None) -> bytes:
    if not data.startswith(_SEALED) or vault is None:
        return data
    head, _, body = data.partition(b"\n")
    try:
        sealed = base64.b64decode(body.strip(), validate=True)
    except binascii.Error:
        return b""
    return vault.unseal(sealed, _ABOUT, head.removeprefix(_SEALED).decode("ascii", "replace"))


def _load_key(path: Path, vault: Vault | None) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(_unsealed(path.read_bytes(), vault), password=None)
    except FileNotFoundError as error:
        raise Fault("PkiDamaged", path=str(path), detail="the private key is missing") from error
    except (ValueError, TypeError) as error:
        raise Fault("PkiDamaged", path=str(path), detail="it is no private key") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Fault("PkiDamaged", path=str(path), detail="it is no elliptic-curve key")
    return key


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
