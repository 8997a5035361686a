"""A certificate that somebody else issued, in place of our own authority's: read, checked, read again.

`chain` holds the leaf first and the intermediates after it, `key` its private key, PEM both. `authorities`
are what clients and agents shall trust it by.
"""

from __future__ import annotations

import fnmatch
import itertools
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from outofband.core.errors import Fault
from outofband.identity.pki import subject_names

MAX_BYTES = 256 * 1024
MAX_CHAIN = 8


class OwnCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """As it was read and found good."""

    leaf: x509.Certificate
    authorities: tuple[x509.Certificate, ...]
    pem: bytes
    """Chain and key, for a TLS context."""
    uncovered: tuple[str, ...]
    """Names the server is reached by and the certificate does not have."""

    def __repr__(self) -> str:
        return f"OwnCertificate({self.leaf.serial_number:x})"


class Files(msgspec.Struct, frozen=True, kw_only=True):
    chain: Path
    key: Path
    authorities: Path | None = None

    def stamp(self) -> tuple[tuple[int, int, int], ...]:
        """Changes when a file does, also when a link is set to another one. Missing files count as well."""
        return tuple(_stamp(each) for each in (self.chain, self.key, self.authorities) if each is not None)

    def read(self, names: Iterable[str], now: datetime) -> OwnCertificate:
        """Raises Fault CertificateUnusable. Local names (`localhost` and the like) need not be covered; of
        the others one at least.
        """
        chain = _certificates(self.chain)
        leaf = chain[0]
        key = _key(self.key)
        if key.public_key() != leaf.public_key():
            raise _unusable(self.key, f"it is not the key of {self.chain.name}")
        _check_dates(self.chain, leaf, now)
        _check_links(self.chain, chain)
        authorities = self._authorities(chain)
        wanted = [each.value for each in subject_names(names) if str(each.value) not in _LOCAL]
        lacking = tuple(str(each) for each in wanted if not covers(leaf, str(each)))
        asked = [str(each) for each in dict.fromkeys(names)]
        if asked and not any(covers(leaf, each) for each in asked):
            raise _unusable(self.chain, f"it is for none of the names of this node: {', '.join(asked)}")
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        pem = b"".join(each.public_bytes(Encoding.PEM) for each in chain) + private
        return OwnCertificate(leaf=leaf, authorities=authorities, pem=pem, uncovered=lacking)

    def _authorities(self, chain: list[x509.Certificate]) -> tuple[x509.Certificate, ...]:
        top = chain[-1]
        if self.authorities is None:
            if len(chain) < 2 or not _issued(top, top):
                detail = "the authority is not in it; certificate_ca_file has to name its file"
                raise _unusable(self.chain, detail)
            return (top,)
        found = list(authorities_in(self.authorities))
        # First the one that signed: enrolment tokens and `oob login` compare its fingerprint.
        found.sort(key=lambda each: not (_issued(top, each) or each == top))
        if not (_issued(top, found[0]) or found[0] == top):
            raise _unusable(self.authorities, f"no certificate in it has issued {self.chain.name}")
        return tuple(found)


_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def authorities_in(path: Path) -> tuple[x509.Certificate, ...]:
    """Raises Fault CertificateUnusable."""
    return tuple(_certificates(path))


def covers(leaf: x509.Certificate, name: str) -> bool:
    """Whether a client that was told `name` accepts the leaf (RFC 6125: one `*` for one whole label)."""
    try:
        there = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    wanted = name.lower().strip("[]").rstrip(".")
    if wanted in {str(each) for each in there.get_values_for_type(x509.IPAddress)}:
        return True
    for each in there.get_values_for_type(x509.DNSName):
        pattern = each.lower().rstrip(".")
        if pattern == wanted:
            return True
        if pattern.startswith("*.") and fnmatch.fnmatchcase(wanted, pattern):
            return "." not in wanted.removesuffix(pattern[1:])
    return False


def _check_dates(path: Path, leaf: x509.Certificate, now: datetime) -> None:
    if leaf.not_valid_after_utc <= now:
        raise _unusable(path, f"it ended at {leaf.not_valid_after_utc.isoformat()}")
    if leaf.not_valid_before_utc > now:
        raise _unusable(path, f"it begins at {leaf.not_valid_before_utc.isoformat()}")


def _check_links(path: Path, chain: list[x509.Certificate]) -> None:
    for below, above in itertools.pairwise(chain):
        if not _issued(below, above):
            subject = above.subject.rfc4514_string()
            raise _unusable(path, f"the chain is broken: '{subject}' did not issue the one before it")


def _issued(below: x509.Certificate, above: x509.Certificate) -> bool:
    try:
        below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        found = x509.load_pem_x509_certificates(_bytes(path))
    except ValueError as error:
        raise _unusable(path, "it holds no certificate in PEM form") from error
    if len(found) > MAX_CHAIN:
        raise _unusable(path, f"it holds {len(found)} certificates; at most {MAX_CHAIN} are expected")
    return found


def _key(path: Path) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(_bytes(path), password=None)
    except (ValueError, TypeError) as error:
        raise _unusable(path, "it holds no private key in PEM form without a password") from error


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error
    if len(data) > MAX_BYTES:
        raise _unusable(path, f"it is longer than {MAX_BYTES} bytes")
    return data


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_mtime_ns, found.st_size)


def _unusable(path: Path, detail: str) -> Fault:
    return Fault("CertificateUnusable", path=str(path), detail=detail)
