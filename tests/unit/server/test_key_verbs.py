"""`oob keys` and `oob ca` on a store and files of their own, on both databases, without a control plane."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.identity import pki
from outofband.identity.keys import Keys, KeyUse
from outofband.server import key_verbs
from outofband.server import settings as configured
from outofband.server.certificates import Certificates
from outofband.store import tables
from outofband.store.directory import Subscription, Tenant
from outofband.store.store import Store
from tests.unit.store.conftest import SUBSCRIPTION, TENANT, cluster, store_url

__all__ = ["cluster", "store_url"]
DAY = timedelta(days=1)


async def _first_start(state: StateDir) -> None:
    settings = configured.load(state)
    store, now = await Store.open(settings.store(state), settings.master_keys(state)), clock.now()
    await Keys(store).ensure(now)
    Certificates.open(state, settings, store.vault)
    async with store.write() as tx:
        await store.directory.add_tenant(tx, Tenant(id=TENANT, name="T", domain=None, created=now))
        mine = Subscription(id=SUBSCRIPTION, tenant_id=TENANT, name="S", state="Enabled", created=now)
        await store.directory.add_subscription(tx, mine)
    await store.close()


async def _with_store(state: StateDir, work: Callable[[Store], Any]) -> Any:
    settings = configured.load(state)
    store = await Store.beside(settings.store(state), settings.master_keys(state))
    try:
        return await work(store)
    finally:
        await store.close()


@pytest.fixture
def state(tmp_path: Path, store_url: str) -> StateDir:
    made = StateDir(tmp_path / "state")
    made.control.mkdir(mode=0o700, parents=True)
    (made.control / "settings.toml").write_text(f'store_url = "{store_url}"\n')
    asyncio.run(_first_start(made))
    return made


def test_the_life_of_a_master_key(state: StateDir) -> None:
    [first] = key_verbs.status(state).master
    assert (first.state, first.secrets) == ("current", 2 * len(KeyUse) + 3)
    assert key_verbs.export_master(state) == (state.control / "vault.key").read_text()
    coming = key_verbs.prepare_master(state)
    assert key_verbs.prepare_master(state) == coming
    assert [each.state for each in key_verbs.status(state).master] == ["current", "next"]
    done = key_verbs.rotate_master(state)
    assert (done.current, done.secrets, done.older) == (coming, first.secrets, [first.id])
    assert key_verbs.drop_old(state) == [first.id]
    assert key_verbs.drop_old(state) == []
    [now] = key_verbs.status(state).master
    assert (now.id, now.secrets) == (coming, first.secrets)
    assert set(pki.sealed_by(state.pki).values()) == {f"envelope:{coming}"}
    acts = asyncio.run(_with_store(state, _acts))
    assert acts == ["rotateMaster", "dropMaster"]


async def _acts(store: Store) -> list[str]:
    async with store.read() as tx:
        rows = await tx.fetch(sa.select(tables.activity.c.action).order_by(tables.activity.c.sequence))
    return [row[0].split("/")[2] for row in rows]


def test_a_rotation_that_was_cut_off_is_ended_without_a_third_key(
    state: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off after the database and before the files; and once more after the key was written alone."""
    [first] = key_verbs.status(state).master

    def cut(*_: object) -> int:
        raise RuntimeError("cut off")

    with monkeypatch.context() as patched:
        patched.setattr(key_verbs.pki, "reseal", cut)
        with pytest.raises(RuntimeError):
            key_verbs.rotate_master(state)
    there = {each.id: each.secrets for each in key_verbs.status(state).master}
    assert there[first.id] == 3
    done = key_verbs.rotate_master(state)
    assert done.current in there and done.older == [first.id]
    source = configured.load(state).master_keys(state)
    ring = source.load()
    assert ring is not None
    source.save(ring.rotated())
    assert key_verbs.drop_old(state) == [first.id]  # the other one is needed
    again = key_verbs.rotate_master(state)
    assert again.older == [done.current]
    assert {each.id for each in key_verbs.status(state).master if each.secrets} == {again.current}


def test_signing_keys_by_hand(state: StateDir) -> None:
    [done] = key_verbs.rotate_signing(state, ["token"])
    before = [each for each in key_verbs.status(state).keys if each.use == KeyUse.TOKEN]
    assert [each.state for each in before] == ["current", "next"]
    assert done.kid == before[1].kid and done.begins > clock.now()
    taken = key_verbs.revoke(state, before[0].kid)
    assert taken.kid == done.kid
    with pytest.raises(Fault, match="KeyUnknown"):
        key_verbs.revoke(state, before[0].kid)


def test_a_rotation_of_the_authority_waits_for_hosts_that_are_away(
    state: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = key_verbs.authority_status(state)
    assert before.unaware == [] and not before.own
    after = key_verbs.rotate_authority(state, force=False)
    assert after.current.fingerprint == before.next.fingerprint
    asyncio.run(_with_store(state, _enrol))
    assert key_verbs.authority_status(state).unaware == ["away"]
    with pytest.raises(Fault, match="AuthorityNotSpread") as raised:
        key_verbs.rotate_authority(state, force=False)
    assert raised.value.fields["hosts"] == "away"
    forced = key_verbs.rotate_authority(state, force=True)
    assert forced.current.fingerprint == after.next.fingerprint


async def _enrol(store: Store) -> None:
    async with store.write() as tx:
        for name, seen in (("away", clock.now() - DAY), ("here", clock.now() + DAY)):
            values = {
                "id": name,
                "name": name,
                "name_key": name,
                "tenant_id": TENANT,
                "subscription_id": SUBSCRIPTION,
                "resource_group": "g",
                "group_key": "g",
                "public_key": name,
                "enrolled": seen,
                "last_seen": seen,
            }
            await tx.change(sa.insert(tables.agents).values(values))


def test_only_the_owner_of_the_state_may(state: StateDir, monkeypatch: pytest.MonkeyPatch) -> None:
    from outofband.server import recovery

    monkeypatch.setattr(recovery.os, "geteuid", lambda: 4711)
    for verb in (key_verbs.status, key_verbs.export_master, key_verbs.rotate_master):
        with pytest.raises(Fault, match="NotTheOwner"):
            verb(state)
