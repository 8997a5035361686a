"""The keys that sign words on the audit chain. They are not among those that change by themselves: what they
signed has to be verified for years. A private key in the vault proves its public one: whoever writes rows
without the master key cannot put a key of his own beside ours.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey

from outofband.core.errors import Fault
from outofband.store.keyring import StoredKey
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.store.wrapping import SIGNING_KEYS

log = structlog.get_logger(__name__)

USE = "audit"


class AuditKey(msgspec.Struct, frozen=True):
    kid: str
    jwk: dict[str, Any]
    """The public key."""
    private: Ed25519PrivateKey


class AuditKeys:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, AuditKey] = {}

    async def signing(self, tx: Tx, now: datetime) -> AuditKey:
        """The newest; made when there is none, so this unit has to be one that writes."""
        stored = await self._store.keyring.trusted(tx, USE, now)
        for each in stored:
            if (found := self._open(each)) is not None:
                return found
        made = self._make(now)
        await self._store.keyring.add(tx, made)
        opened = self._open(made)
        assert opened is not None
        return opened

    async def all(self, tx: Tx, now: datetime) -> list[AuditKey]:
        """Whatever signed once, newest first; rows that the vault does not open are none of ours."""
        stored = await self._store.keyring.trusted(tx, USE, now)
        return [found for each in stored if (found := self._open(each)) is not None]

    def _open(self, stored: StoredKey) -> AuditKey | None:
        if (known := self._known.get(stored.kid)) is not None:
            return known
        try:
            if stored.wrap == "none":
                raise Fault("VaultKeyInvalid", where="audit key", detail="it is not sealed")
            clear = self._store.vault.unseal(stored.private, SIGNING_KEYS.about(stored.kid), stored.wrap)
            key = OKPKey.import_key(msgspec.json.decode(clear))
        except (Fault, ValueError) as error:
            log.error("audit.key_refused", kid=stored.kid, error=str(error))
            return None
        private = key.private_key
        assert isinstance(private, Ed25519PrivateKey)
        # From the private one: what the row says of the public one is anybody's word.
        found = AuditKey(stored.kid, public_of(key), private)
        self._known[stored.kid] = found
        return found

    def _make(self, now: datetime) -> StoredKey:
        key = OKPKey.generate_key("Ed25519")
        kid = key.thumbprint()
        private = msgspec.json.encode(key.as_dict(private=True))
        vault = self._store.vault
        return StoredKey(
            kid=kid,
            use=USE,
            algorithm="Ed25519",
            public=public_of(key) | {"kid": kid},
            private=vault.seal(private, SIGNING_KEYS.about(kid)),
            wrap=vault.name,
            created=now,
            active_from=now,
            retired=None,
            expires=None,
        )


def public_of(key: OKPKey) -> dict[str, Any]:
    told = key.as_dict(private=False)
    return {name: told[name] for name in ("kty", "crv", "x")}
