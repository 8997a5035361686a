"""Secrets at rest: what a row keeps is encrypted with a key that is not in the database (ADR 21).

An envelope: each secret has a key of its own, which the master key encrypts (AES-256-GCM, both). Changing the
master key rewrites the small outer part and never opens the secret.

    sealed = nonce (12) | data key, encrypted (32 + 16) | nonce (12) | secret, encrypted (n + 16)

The outer part is bound to the master key's id and to what the secret is about, the inner part to the latter:
a row put in the place of another does not open.
"""

from __future__ import annotations

import os
from collections.abc import Collection

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.store.master_keys import KEY_BYTES, KeySource, MasterKey, Ring

UNWRAPPED = "none"
"""In a column `wrap`: the secret beside it is in clear, as before there was a vault."""
PREFIX = "envelope:"
FIRST_PREFIX = "aesgcm:"
"""How the first storage accounts were encrypted: by the master key itself, bound to the row's id alone."""
UNSCRUBBED = "*"
"""At the end of a name: wrapped, but the clear text may still lie in a free page of the database."""
REREAD_SECONDS = 1.0
_NONCE = 12
_OUTER = _NONCE + KEY_BYTES + 16
_CONTEXT = b"outofband-vault\0"


def about(purpose: str, row: str) -> str:
    """What a secret is about: its purpose (a word for table and column) and the id of its row."""
    return f"{purpose}:{row}"


class Vault:
    """Opens and seals. What it does is quick and never waits."""

    def __init__(self, source: KeySource, ring: Ring) -> None:
        self.source = source
        self._ring = ring
        self._looked = clock.monotonic()

    @property
    def name(self) -> str:
        """Of the key that encrypts, for the column `wrap`."""
        return PREFIX + self._ring.current.id

    @property
    def ring(self) -> Ring:
        return self._ring

    def reread(self) -> bool:
        """Take up what the source holds by now; True when it is something else. An unreadable source, or an
        empty one, changes nothing: this process goes on with what it knows.
        """
        self._looked = clock.monotonic()
        try:
            ring = self.source.load()
        except Fault:
            return False
        if ring is None or ring.all == self._ring.all:
            return False
        self._ring = ring
        return True

    def knows(self, name: str) -> bool:
        return name == UNWRAPPED or self._find(name) is not None

    def is_current(self, name: str) -> bool:
        return name == self.name

    def seal(self, secret: bytes, about: str) -> bytes:
        """Encrypt under the key called `name`."""
        data_key = os.urandom(KEY_BYTES)
        nonce = os.urandom(_NONCE)
        inner = AESGCM(data_key).encrypt(nonce, secret, _inner(about))
        return self._enclose(data_key, about) + nonce + inner

    def unseal(self, sealed: bytes, about: str, name: str) -> bytes:
        """`name` is what was in `wrap`. Raises Fault VaultKeyInvalid when the key is not here, or the bytes
        are not what was sealed about this.
        """
        key = self._key(name)
        try:
            if name.startswith(FIRST_PREFIX):
                row = about.partition(":")[2].encode()
                return AESGCM(key.raw).decrypt(sealed[:_NONCE], sealed[_NONCE:], row)
            data_key = self._disclose(sealed, about, key)
            rest = sealed[_OUTER:]
            return AESGCM(data_key).decrypt(rest[:_NONCE], rest[_NONCE:], _inner(about))
        except (InvalidTag, ValueError) as error:
            raise self._invalid("what it sealed was changed") from error

    def rewrap(self, sealed: bytes, about: str, name: str) -> bytes:
        """The same secret under the key called `self.name`. Raises Fault VaultKeyInvalid."""
        if name == UNWRAPPED:
            return self.seal(sealed, about)
        if not name.startswith(PREFIX):
            return self.seal(self.unseal(sealed, about, name), about)
        try:
            data_key = self._disclose(sealed, about, self._key(name))
        except (InvalidTag, ValueError) as error:
            raise self._invalid("what it sealed was changed") from error
        return self._enclose(data_key, about) + sealed[_OUTER:]

    def _enclose(self, data_key: bytes, about: str) -> bytes:
        key, nonce = self._ring.current, os.urandom(_NONCE)
        return nonce + AESGCM(key.raw).encrypt(nonce, data_key, _outer(key, about))

    def _disclose(self, sealed: bytes, about: str, key: MasterKey) -> bytes:
        if len(sealed) < _OUTER + _NONCE:
            raise ValueError("shorter than an envelope")
        return AESGCM(key.raw).decrypt(sealed[:_NONCE], sealed[_NONCE:_OUTER], _outer(key, about))

    def _key(self, name: str) -> MasterKey:
        found = self._find(name)
        if found is None and clock.monotonic() - self._looked >= REREAD_SECONDS:
            # Another process has rotated: the source had the key before any row did.
            self.reread()
            found = self._find(name)
        if found is None:
            raise self._invalid(f"a secret needs the key {key_id(name)}, which is not among them")
        return found

    def _find(self, name: str) -> MasterKey | None:
        wanted = key_id(name)
        return next((each for each in self._ring.all if each.id == wanted), None)

    def _invalid(self, detail: str) -> Fault:
        return Fault("VaultKeyInvalid", where=self.source.where, detail=detail)


def key_id(name: str) -> str:
    """The id of the master key that a `wrap` names."""
    return name.partition(":")[2].rstrip(UNSCRUBBED)


def open_vault(source: KeySource, needed: Collection[str], rows: int) -> Vault:
    """The vault of a database whose rows name the keys `needed`. A key is made only where no row needs one.

    Raises Fault VaultKeyMissing, VaultKeyWrong, VaultKeyInvalid or VaultKeyFixed; nothing is written then.
    """
    ids = sorted({key_id(each) for each in needed if each != UNWRAPPED})
    ring = source.load()
    if ring is None:
        if ids:
            raise Fault("VaultKeyMissing", where=source.where, rows=rows, needs=", ".join(ids))
        ring = Ring(current=MasterKey.make())
        source.save(ring)
    has = {each.id for each in ring.all}
    if lacking := [each for each in ids if each not in has]:
        needs, held = ", ".join(lacking), ", ".join(each.id for each in ring.all)
        raise Fault("VaultKeyWrong", where=source.where, rows=rows, needs=needs, has=held)
    return Vault(source, ring)


def _outer(key: MasterKey, about: str) -> bytes:
    return _CONTEXT + b"key\0" + key.id.encode() + b"\0" + about.encode()


def _inner(about: str) -> bytes:
    return _CONTEXT + b"secret\0" + about.encode()
