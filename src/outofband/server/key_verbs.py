"""What `oob keys` and `oob ca` do, on the control plane's own host: on the store and the files themselves,
whether or not a control plane runs on them (ADR 17). One that runs sees it within a second and goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.core.paths import StateDir
from outofband.core.principal import Principal, PrincipalKind
from outofband.identity import pki
from outofband.identity.keys import Keys, KeyState, KeyUse, Rotation
from outofband.identity.pki import BACKDATE, fingerprint
from outofband.net import logs, process
from outofband.server import settings as configured
from outofband.server.certificates import Certificates
from outofband.server.recovery import VERBS_NODE, require_owner, user_name
from outofband.server.settings import Settings
from outofband.store.store import Store
from outofband.store.vault import UNWRAPPED, Vault, key_id
from outofband.store.wrapping import names, wrap_all

T = TypeVar("T")
SETTLE_SECONDS = 2.5
"""In which a control plane that runs has taken up a new master key, and wraps with the old one no more."""


class MasterState(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    state: str
    """`current`, `older`, `next`, or `missing`: secrets need it and it is not there."""
    secrets: int
    """In the database and in key files that this key opens."""


class Status(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    where: str
    """Where the master key is looked for."""
    master: list[MasterState]
    clear: int
    """Secrets that are not encrypted yet."""
    keys: list[KeyState]


class Rotated(msgspec.Struct, frozen=True, kw_only=True):
    current: str
    secrets: int
    """Wrapped anew."""
    older: list[str]
    """Keys that are still there, for backups."""


class AuthorityState(msgspec.Struct, frozen=True, kw_only=True):
    fingerprint: str
    ends: datetime
    days: int


class AuthorityStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    current: AuthorityState
    next: AuthorityState
    next_made: datetime
    unaware: list[str]
    """Hosts that would be locked out by a rotation now."""
    certificate: AuthorityState
    names: list[str]
    own: bool
    """The certificate comes from the settings, not from us."""


def status(state: StateDir) -> Status:
    """Raises Fault NotTheOwner, and those of the store; a missing master key is part of the answer."""
    return _run(_status(state, _settings(state)))


def rotate_signing(state: StateDir, uses: list[str]) -> list[Rotation]:
    """`uses` are words of KeyUse."""
    return _run(_rotate_signing(state, _settings(state), [KeyUse(each) for each in uses]))


def revoke(state: StateDir, kid: str) -> Rotation:
    """Raises Fault KeyUnknown."""
    return _run(_revoke(state, _settings(state), kid))


def prepare_master(state: StateDir) -> str:
    """Put a next master key beside the current one, which goes on encrypting; its id."""
    source = _settings(state).master_keys(state)
    ring = source.load()
    if ring is None:
        raise Fault("VaultKeyInvalid", where=source.where, detail="there is none; the first start makes one")
    prepared = ring.prepared()
    if prepared != ring:
        source.save(prepared)
    assert prepared.coming is not None
    return prepared.coming.id


def rotate_master(state: StateDir) -> Rotated:
    """A new master key, and everything under it. One that was cut off is gone on with, by the same call."""
    return _run(_rotate_master(state, _settings(state)))


def drop_old(state: StateDir) -> list[str]:
    """Forget the older master keys that nothing here needs; their ids."""
    return _run(_drop_old(state, _settings(state)))


def export_master(state: StateDir) -> str:
    """The text of the master keys, to be kept elsewhere."""
    source = _settings(state).master_keys(state)
    ring = source.load()
    if ring is None:
        raise Fault("VaultKeyInvalid", where=source.where, detail="there is none; the first start makes one")
    return ring.text()


def authority_status(state: StateDir) -> AuthorityStatus:
    return _run(_authority_status(state, _settings(state)))


def rotate_authority(state: StateDir, *, force: bool) -> AuthorityStatus:
    """Raises Fault AuthorityNotSpread unless `force`."""
    return _run(_rotate_authority(state, _settings(state), force=force))


def _settings(state: StateDir) -> Settings:
    require_owner(state)
    return configured.load(state)


def _run(work: Coroutine[Any, Any, T]) -> T:
    with logs.quiet():
        return asyncio.run(work)


@contextlib.asynccontextmanager
async def _store(state: StateDir, settings: Settings, *, vault: bool = True) -> AsyncIterator[Store]:
    store = await Store.beside(
        settings.store(state), settings.master_keys(state) if vault else None, node=VERBS_NODE
    )
    try:
        yield store
    finally:
        await store.close()


def _keys(store: Store, settings: Settings) -> Keys:
    return Keys(store, max_age=timedelta(days=settings.signing_key_days))


async def _needs(state: StateDir, store: Store) -> Counter[str]:
    """How many secrets need which master key, by its id; those in clear under UNWRAPPED."""
    found: Counter[str] = Counter()
    async with store.read() as tx:
        for name, count in (await names(tx)).items():
            found[UNWRAPPED if name == UNWRAPPED else key_id(name)] += count
    for name in pki.sealed_by(state.pki).values():
        found[key_id(name) if name else UNWRAPPED] += 1
    return found


async def _status(state: StateDir, settings: Settings) -> Status:
    source = settings.master_keys(state)
    ring = source.load()
    async with _store(state, settings, vault=False) as store:
        needs = await _needs(state, store)
        keys = await Keys(store).listed(clock.now())
    found: list[MasterState] = []
    for each in ring.all if ring is not None else ():
        assert ring is not None
        word = "current" if each == ring.current else "next" if each == ring.coming else "older"
        found.append(MasterState(id=each.id, state=word, secrets=needs[each.id]))
    there = {each.id for each in found} | {UNWRAPPED}
    found += [
        MasterState(id=id_, state="missing", secrets=count)
        for id_, count in sorted(needs.items())
        if id_ not in there
    ]
    return Status(where=source.where, master=found, clear=needs[UNWRAPPED], keys=keys)


async def _rotate_signing(state: StateDir, settings: Settings, uses: list[KeyUse]) -> list[Rotation]:
    async with _store(state, settings) as store:
        keys, now = _keys(store, settings), clock.now()
        await keys.keep(now)
        done = [await keys.rotate(use, now) for use in uses]
        await _note(store, "rotate", now, {"keys": [each.kid for each in done]})
    return done


async def _revoke(state: StateDir, settings: Settings, kid: str) -> Rotation:
    async with _store(state, settings) as store:
        now = clock.now()
        done = await _keys(store, settings).revoke(kid, now)
        await _note(store, "revoke", now, {"revoked": kid, "signs": done.kid})
    return done


async def _rotate_master(state: StateDir, settings: Settings) -> Rotated:
    source = settings.master_keys(state)
    async with _store(state, settings) as store:
        ring = store.vault.ring
        needs = await _needs(state, store)
        if not needs.keys() - {ring.current.id}:
            # Everything is under the current key, so this is not the rest of a rotation that was cut off.
            ring = ring.rotated()
            # Before any row needs it: whoever meets its name finds it here.
            source.save(ring)
        vault = Vault(source, ring)
        changed = await _move(state, store, vault)
        if process.running(state.run / "control.json") is not None:
            await asyncio.sleep(SETTLE_SECONDS)
            changed += await _move(state, store, vault)
        await _note(store, "rotateMaster", clock.now(), {"key": ring.current.id, "secrets": changed})
    return Rotated(current=ring.current.id, secrets=changed, older=[each.id for each in ring.older])


async def _move(state: StateDir, store: Store, vault: Vault) -> int:
    return await wrap_all(store.db, vault) + pki.reseal(state.pki, vault)


async def _drop_old(state: StateDir, settings: Settings) -> list[str]:
    source = settings.master_keys(state)
    async with _store(state, settings) as store:
        ring = store.vault.ring
        needs = await _needs(state, store)
        unused = {each.id for each in ring.older if not needs[each.id]}
        if unused:
            source.save(ring.without(unused))
            await _note(store, "dropMaster", clock.now(), {"keys": sorted(unused)})
    return sorted(unused)


async def _authority_status(state: StateDir, settings: Settings) -> AuthorityStatus:
    async with _store(state, settings) as store:
        certificates = Certificates.open(state, settings, store.vault)
        return await _describe(store, certificates)


async def _rotate_authority(state: StateDir, settings: Settings, *, force: bool) -> AuthorityStatus:
    async with _store(state, settings) as store:
        certificates, now = Certificates.open(state, settings, store.vault), clock.now()
        before = await _describe(store, certificates)
        if before.unaware and not force:
            raise Fault("AuthorityNotSpread", hosts=", ".join(before.unaware))
        certificates.rotate(now)
        after = await _describe(store, certificates)
        await _note(store, "rotateAuthority", now, {"fingerprint": after.current.fingerprint})
        return after


async def _describe(store: Store, certificates: Certificates) -> AuthorityStatus:
    now, ours = clock.now(), certificates.pki
    made = ours.following.not_valid_before_utc + BACKDATE
    async with store.read() as tx:
        unaware = await store.agents.unaware(tx, made)
    return AuthorityStatus(
        current=_ends(ours.current, now),
        next=_ends(ours.following, now),
        next_made=made,
        unaware=unaware,
        certificate=_ends(certificates.leaf, now),
        names=certificates.names,
        own=certificates.is_own,
    )


def _ends(certificate: Any, now: datetime) -> AuthorityState:
    ends = certificate.not_valid_after_utc
    return AuthorityState(fingerprint=fingerprint(certificate), ends=ends, days=(ends - now).days)


async def _note(store: Store, act: str, now: datetime, properties: dict[str, Any]) -> None:
    """One row in the tenant's activity log: who did it, on which host."""
    async with store.write() as tx:
        tenants = await store.directory.tenants(tx)
        if not tenants:
            return
        host = Principal(
            tenant=tenants[0].id,
            object_id="",
            app_id="",
            kind=PrincipalKind.SERVICE_PRINCIPAL,
            name=f"{user_name()} on {socket.gethostname()}",
            expires=0.0,
        )
        await store.activity.add(
            tx,
            now=now,
            principal=host,
            resource=ResourceId(namespace="Microsoft.Directory", chain=(("keys", act),)),
            action=f"Microsoft.Directory/keys/{act}/action",
            status="Succeeded",
            correlation_id=str(uuid.uuid4()),
            properties=properties,
        )
