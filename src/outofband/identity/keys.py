"""Signing keys at work: which one signs now, which ones are trusted, and how the next takes over.

There is always a next key. It is published at least `LEAD` before it signs, so that nobody meets a signature
by a key it could not know; an old one is trusted until the last thing it signed has ended. When the time of
the next one comes it signs by itself, on every node at once; `keep` then makes the one after it.
"""

from __future__ import annotations

import asyncio
import enum
import functools
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from joserfc.jwk import KeySet, OKPKey, RSAKey

from outofband.core.errors import Fault
from outofband.store.keyring import StoredKey
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.store.vault import Vault
from outofband.store.wrapping import SIGNING_KEYS

LEAD = timedelta(hours=24)
"""From the publication of a key to its first signature: as long as clients keep a key set."""
MAX_AGE = timedelta(days=90)
"""How long a key signs, unless the settings say otherwise."""
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


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """Which key signs from when on."""

    kid: str
    begins: datetime


class KeyState(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One key as people see it."""

    kid: str
    use: str
    algorithm: str
    state: str
    """`next`, `current`, or `recent`: it signs no more and is still trusted."""
    created: datetime
    active_from: datetime
    retired: datetime | None
    expires: datetime | None
    wrap: str


class Keys:
    """Keys of this control plane, read from the store and kept for a while. `now` is aware UTC everywhere."""

    def __init__(self, store: Store, *, max_age: timedelta = MAX_AGE) -> None:
        self._store = store
        self._max_age = max(max_age, LEAD)
        self._rings: dict[KeyUse, _Ring] = {}
        self._reading = asyncio.Lock()

    async def ensure(self, now: datetime) -> None:
        """Make the first key of each use where there is none, and the next one. Called at every start."""
        async with self._store.read() as tx:
            missing = [use for use in KeyUse if not await self._store.keyring.trusted(tx, use, now)]
        for use in missing:
            made = await self._generate(use, now, active_from=now)
            async with self._store.write() as tx:
                # Another node may have been quicker.
                if not await self._store.keyring.trusted(tx, use, now):
                    await self._store.keyring.add(tx, made)
        await self.keep(now)

    async def keep(self, now: datetime) -> list[KeyUse]:
        """See to it that every use has a next key, and nothing else; the uses that got one. Call it at times:
        without a next one the current key signs on, however old it is.
        """
        given = []
        for use in KeyUse:
            async with self._store.read() as tx:
                newest = _newest(await self._store.keyring.trusted(tx, use, now))
            if newest is not None and newest.active_from <= now:
                fresh = await self._generate(use, now, active_from=self._due(newest, now))
                if await self._store.transact(functools.partial(self._follow, fresh=fresh, now=now)):
                    given.append(use)
        self.forget()
        return given

    def forget(self) -> None:
        """Read the keys again before the next answer: somebody changed them."""
        self._rings.clear()

    def _due(self, before: StoredKey, now: datetime) -> datetime:
        """When the key after `before` signs."""
        return max(before.active_from + self._max_age, now + LEAD)

    async def _follow(self, tx: Tx, *, fresh: StoredKey, now: datetime) -> bool:
        """Add the key after the newest one, which ends when it begins; False when another node has."""
        newest = _newest(await self._store.keyring.trusted(tx, fresh.use, now))
        if newest is None or newest.active_from > now:
            return False
        await self._end(tx, newest, fresh.active_from)
        await self._store.keyring.add(tx, fresh)
        return True

    async def _end(self, tx: Tx, key: StoredKey, when: datetime) -> None:
        await self._store.keyring.retire(tx, key.kid, retired=when, expires=when + LONGEST_LIFE)

    async def signing(self, use: KeyUse, now: datetime) -> SigningKey:
        """The key that signs now."""
        ring = await self._ring(use, now)
        stored = _signing(ring.stored, now)
        if stored is None:
            raise LookupError(f"no active key for {use}: call ensure() first")
        return ring.keys[stored.kid]

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

    async def rotate(self, use: KeyUse, now: datetime) -> Rotation:
        """Let the next key sign as soon as everybody can know it: now, when it was published `LEAD` ago. A
        rotation that waits for that already is left as it is.
        """
        spare = await self._generate(use, now, active_from=now)

        async def change(tx: Tx) -> Rotation:
            keys = await self._store.keyring.trusted(tx, use, now)
            current, coming = _signing(keys, now), _newest(keys)
            if current is None or coming is None or coming is current:
                raise LookupError(f"no next key for {use}: call ensure() first")
            begins = min(max(now, coming.created + LEAD), coming.active_from)
            if begins != coming.active_from:
                await self._store.keyring.activate(tx, coming.kid, begins)
                await self._end(tx, current, begins)
            if begins <= now:
                due = self._due(msgspec.structs.replace(coming, active_from=begins), now)
                await self._end(tx, coming, due)
                await self._store.keyring.add(tx, msgspec.structs.replace(spare, active_from=due))
            return Rotation(kid=coming.kid, begins=begins)

        done = await self._store.transact(change)
        self.forget()
        return done

    async def revoke(self, kid: str, now: datetime) -> Rotation:
        """In an emergency: nothing that this key signed counts from now on. If it was the one that signs, the
        next one takes its place at once; that one's own next is published late, which is the lesser evil.

        Raises Fault KeyUnknown.
        """
        async with self._store.read() as tx:
            found = await self._store.keyring.get(tx, kid)
        if found is None or _ended(found, now):
            raise Fault("KeyUnknown", kid=kid)
        use = KeyUse(found.use)
        spares = [await self._generate(use, now, active_from=now) for _ in range(2)]

        async def change(tx: Tx) -> Rotation:
            ring = self._store.keyring
            await ring.retire(tx, kid, retired=now, expires=now)
            keys = await ring.trusted(tx, use, now)
            current = _signing(keys, now)
            if current is None:
                # The lost key's successor, published or not. There is always one, unless it was lost before.
                current = msgspec.structs.replace(_newest(keys) or spares[0], active_from=now)
                if not await ring.activate(tx, current.kid, now):
                    await ring.add(tx, current)
                keys = [current]
            if _newest(keys) is current:
                due = self._due(current, now)
                await self._end(tx, current, due)
                await ring.add(tx, msgspec.structs.replace(spares[1], active_from=due))
            return Rotation(kid=current.kid, begins=current.active_from)

        done = await self._store.transact(change)
        self.forget()
        return done

    async def listed(self, now: datetime) -> list[KeyState]:
        """Every key that counts, of every use, those that sign first."""
        found = []
        async with self._store.read() as tx:
            for use in KeyUse:
                keys = await self._store.keyring.trusted(tx, use, now)
                current = _signing(keys, now)
                found += [_state(each, current, now) for each in keys]
        return sorted(found, key=lambda each: (each.use, each.active_from))

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


def _newest(keys: Sequence[StoredKey]) -> StoredKey | None:
    return max(keys, key=lambda each: each.active_from, default=None)


def _signing(keys: Sequence[StoredKey], now: datetime) -> StoredKey | None:
    """The newest that is active. One whose successor never came signs on."""
    active = [each for each in keys if each.active_from <= now and not _retired(each, now)]
    return _newest(active)


def _retired(stored: StoredKey, now: datetime) -> bool:
    return stored.retired is not None and stored.retired <= now


def _state(stored: StoredKey, current: StoredKey | None, now: datetime) -> KeyState:
    state = "current" if stored is current else "next" if stored.active_from > now else "recent"
    return KeyState(
        kid=stored.kid,
        use=stored.use,
        algorithm=stored.algorithm,
        state=state,
        created=stored.created,
        active_from=stored.active_from,
        retired=stored.retired,
        expires=stored.expires,
        wrap=stored.wrap,
    )


def _ended(stored: StoredKey, now: datetime) -> bool:
    return stored.expires is not None and stored.expires <= now
