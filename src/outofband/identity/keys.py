"""Signing keys at work: which one signs now, which ones are trusted, and how the next takes over.

A new key is published `LEAD` before it signs, so that nobody meets a signature by a key it could not know; an
old one is trusted until the last thing it signed has ended.
"""

from __future__ import annotations

import asyncio
import enum
from datetime import datetime, timedelta
from typing import Any

import msgspec
from joserfc.jwk import KeySet, OKPKey, RSAKey

from outofband.store.keyring import StoredKey
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.store.vault import Vault
from outofband.store.wrapping import SIGNING_KEYS

LEAD = timedelta(hours=24)
"""From the publication of a key to its first signature."""
LONGEST_LIFE = timedelta(hours=2)
"""More than the life of anything that is signed, clock differences included."""
REFRESH = timedelta(seconds=60)
"""Age at which the keys are read again; another node may have rotated."""
UNKNOWN_REFRESH = timedelta(seconds=5)
"""Least time between two reads on account of an unknown key id, which anybody can send."""
RSA_BITS = 2048


class KeyUse(enum.StrEnum):
    """What a key signs. Access tokens are RS256, which every client has; the rest is ours: Ed25519."""

    TOKEN = "token"  # noqa: S105 - a word, no secret
    GRANT = "grant"
    TICKET = "ticket"

    @property
    def algorithm(self) -> str:
        return "RS256" if self is KeyUse.TOKEN else "Ed25519"


SigningKey = RSAKey | OKPKey


class _Ring(msgspec.Struct, frozen=True):
    """The keys of one use as read from the store."""

    stored: tuple[StoredKey, ...]
    keys: dict[str, SigningKey]
    read_at: datetime


class Keys:
    """Keys of this control plane, read from the store and kept for a while. `now` is aware UTC everywhere."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rings: dict[KeyUse, _Ring] = {}
        self._reading = asyncio.Lock()

    async def ensure(self, now: datetime) -> None:
        """Make the first key of each use where there is none. Called once at every start."""
        async with self._store.read() as tx:
            missing = [use for use in KeyUse if not await self._store.keyring.trusted(tx, use, now)]
        for use in missing:
            made = await self._generate(use, now, active_from=now)
            async with self._store.write() as tx:
                # Another node may have been quicker.
                if not await self._store.keyring.trusted(tx, use, now):
                    await self._store.keyring.add(tx, made)
        self._rings.clear()

    async def signing(self, use: KeyUse, now: datetime) -> SigningKey:
        """The key that signs now."""
        ring = await self._ring(use, now)
        for stored in ring.stored:
            if stored.active_from <= now and (stored.retired is None or stored.retired > now):
                return ring.keys[stored.kid]
        raise LookupError(f"no active key for {use}: call ensure() first")

    async def grant_key(self, now: datetime) -> OKPKey:
        """The key that signs grants."""
        return _okp(await self.signing(KeyUse.GRANT, now))

    async def ticket_key(self, now: datetime) -> OKPKey:
        """The key that signs console tickets."""
        return _okp(await self.signing(KeyUse.TICKET, now))

    async def trusted(self, use: KeyUse, now: datetime, *, kid: str | None = None) -> KeySet:
        """Every key whose signatures count. `kid` names the one looked for: unknown here, it is looked up
        anew.
        """
        ring = await self._ring(use, now)
        if kid is not None and kid not in ring.keys and now - ring.read_at >= UNKNOWN_REFRESH:
            ring = await self._read(use, now, ring)
        return KeySet([ring.keys[stored.kid] for stored in ring.stored if not _ended(stored, now)])

    async def trusts(self, use: KeyUse, kid: str, now: datetime) -> bool:
        """Whether signatures of the key count."""
        ring = await self._ring(use, now)
        return any(stored.kid == kid and not _ended(stored, now) for stored in ring.stored)

    async def public(self, use: KeyUse, now: datetime) -> list[dict[str, Any]]:
        """The trusted keys as public JWKs, those that will sign soon included."""
        ring = await self._ring(use, now)
        return [stored.public for stored in ring.stored if not _ended(stored, now)]

    async def rotate(self, use: KeyUse, now: datetime) -> str:
        """Publish a new key, which signs after `LEAD`; the older ones end when it does. Its key id."""
        fresh = await self._generate(use, now, active_from=now + LEAD)

        async def change(tx: Tx) -> None:
            for old in await self._store.keyring.trusted(tx, use, now):
                if old.retired is None:
                    ends = fresh.active_from
                    await self._store.keyring.retire(tx, old.kid, retired=ends, expires=ends + LONGEST_LIFE)
            await self._store.keyring.add(tx, fresh)

        await self._store.transact(change)
        self._rings.pop(use, None)
        return fresh.kid

    async def _ring(self, use: KeyUse, now: datetime) -> _Ring:
        ring = self._rings.get(use)
        if ring is not None and abs(now - ring.read_at) < REFRESH:
            return ring
        return await self._read(use, now, ring)

    async def _read(self, use: KeyUse, now: datetime, known: _Ring | None) -> _Ring:
        async with self._reading:
            if (ring := self._rings.get(use)) is not None and ring is not known:
                return ring
            async with self._store.read() as tx:
                stored = tuple(await self._store.keyring.trusted(tx, use, now))
            ring = _Ring(stored, {each.kid: _load(each, self._store.vault) for each in stored}, now)
            self._rings[use] = ring
            return ring

    async def _generate(self, use: KeyUse, now: datetime, *, active_from: datetime) -> StoredKey:
        # An RSA key takes up to seconds of CPU on a small machine; consoles must not wait for it.
        made = await asyncio.to_thread(_make, use)
        kid, vault = made.kid or "", self._store.vault
        private = msgspec.json.encode(made.as_dict(private=True))
        return StoredKey(
            kid=kid,
            use=use.value,
            algorithm=use.algorithm,
            public=dict(made.as_dict(private=False)),
            private=vault.seal(private, SIGNING_KEYS.about(kid)),
            wrap=vault.name,
            created=now,
            active_from=active_from,
            retired=None,
            expires=None,
        )


def _make(use: KeyUse) -> SigningKey:
    parameters = {"use": "sig", "alg": use.algorithm}
    if use is KeyUse.TOKEN:
        return RSAKey.generate_key(RSA_BITS, parameters, auto_kid=True)  # type: ignore[arg-type]
    return OKPKey.generate_key("Ed25519", parameters, auto_kid=True)  # type: ignore[arg-type]


def _load(stored: StoredKey, vault: Vault) -> SigningKey:
    jwk = msgspec.json.decode(vault.unseal(stored.private, SIGNING_KEYS.about(stored.kid), stored.wrap))
    return RSAKey.import_key(jwk) if stored.algorithm == "RS256" else OKPKey.import_key(jwk)


def _okp(key: SigningKey) -> OKPKey:
    assert isinstance(key, OKPKey)
    return key


def _ended(stored: StoredKey, now: datetime) -> bool:
    return stored.expires is not None and stored.expires <= now
