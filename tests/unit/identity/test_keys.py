"""Signing keys over years, on both databases and on two nodes: nobody meets a key it could not know."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from outofband.core.errors import Fault
from outofband.identity.keys import LEAD, LONGEST_LIFE, Keys, KeyUse
from outofband.store.store import Store
from tests.support.database import open_store
from tests.unit.store.conftest import NOW, cluster, store_url

__all__ = ["cluster", "store_url"]
pytestmark = pytest.mark.anyio
TOKEN = KeyUse.TOKEN
AGE = timedelta(days=90)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    opened = await open_store(store_url)
    yield opened
    await opened.close()


@pytest.fixture
async def keys(store: Store) -> Keys:
    made = Keys(store, max_age=AGE)
    await made.ensure(NOW)
    return made


async def signs(keys: Keys, now: datetime) -> str:
    keys.forget()
    return str((await keys.signing(TOKEN, now)).kid)


async def published(keys: Keys, now: datetime) -> list[str]:
    keys.forget()
    return [each["kid"] for each in await keys.public(TOKEN, now)]


async def states(keys: Keys, now: datetime) -> list[str]:
    return [each.state for each in await keys.listed(now) if each.use == TOKEN]


async def test_keys_change_by_age_and_each_is_known_before_it_signs(keys: Keys) -> None:
    """A year of housekeeping, in steps of three days: each asks the vault for every key."""
    known: dict[str, datetime] = {}
    signed: list[str] = []
    for day in range(0, 366, 3):
        now = NOW + day * DAY
        await keys.keep(now)
        kid = await signs(keys, now)
        for each in await published(keys, now):
            known.setdefault(each, now)
        if kid not in signed:
            signed.append(kid)
            assert day == 0 or now - known[kid] >= LEAD
        assert await states(keys, now) in (["current", "next"], ["recent", "current", "next"])
    assert len(signed) == 5


async def test_a_node_that_slept_for_years_goes_on(keys: Keys) -> None:
    first, later = await signs(keys, NOW), NOW + 1000 * DAY
    second = await signs(keys, later)
    assert second != first and second in await published(keys, NOW)
    await keys.ensure(later)
    assert await signs(keys, later) == second
    [coming] = [each for each in await keys.listed(later) if each.state == "next" and each.use == TOKEN]
    assert coming.active_from == later + LEAD


async def test_a_rotation_by_hand_waits_until_the_next_key_is_known(keys: Keys) -> None:
    first = await signs(keys, NOW)
    soon = NOW + timedelta(hours=1)
    done = await keys.rotate(TOKEN, soon)
    assert (await keys.rotate(TOKEN, soon)) == done  # twice is once
    assert done.begins == NOW + LEAD
    assert await signs(keys, done.begins - SECOND) == first
    assert await signs(keys, done.begins) == done.kid
    await keys.keep(done.begins)
    assert await states(keys, done.begins) == ["recent", "current", "next"]
    assert first in await published(keys, done.begins + LONGEST_LIFE - SECOND)
    assert first not in await published(keys, done.begins + LONGEST_LIFE)


async def test_a_rotation_by_hand_of_a_key_known_for_long_is_at_once(keys: Keys) -> None:
    later = NOW + 2 * DAY
    first, done = await signs(keys, later), await keys.rotate(TOKEN, later)
    assert done.begins == later
    assert await signs(keys, later) == done.kid != first
    assert await states(keys, later) == ["recent", "current", "next"]


async def test_a_revoked_key_ends_at_once_on_every_node(keys: Keys, store: Store) -> None:
    other = Keys(store, max_age=AGE)
    lost = await signs(keys, NOW)
    assert await other.trusts(TOKEN, lost, NOW)
    done = await keys.revoke(lost, NOW)
    assert done.begins == NOW
    assert lost not in await published(keys, NOW)
    assert await signs(keys, NOW) == done.kid
    assert await states(keys, NOW) == ["current", "next"]
    other.forget()
    assert not await other.trusts(TOKEN, lost, NOW)
    with pytest.raises(Fault, match="KeyUnknown"):
        await keys.revoke(lost, NOW)


async def test_a_revoked_next_key_never_signs(keys: Keys) -> None:
    current = await signs(keys, NOW)
    [coming] = [each for each in await keys.listed(NOW) if each.state == "next" and each.use == TOKEN]
    done = await keys.revoke(coming.kid, NOW)
    assert done.kid == current == await signs(keys, NOW)
    assert await states(keys, NOW) == ["current", "next"]
    after = await signs(keys, NOW + AGE)
    assert after not in (current, coming.kid)


async def test_every_key_revoked_one_after_the_other(keys: Keys) -> None:
    for _ in range(5):
        await keys.revoke(await signs(keys, NOW), NOW)
        assert await states(keys, NOW) == ["current", "next"]


async def test_two_nodes_that_keep_house_at_once_make_one_next_key(keys: Keys, store: Store) -> None:
    later = NOW + AGE
    other = Keys(store, max_age=AGE)
    assert len(await keys.keep(later)) + len(await other.keep(later)) == len(KeyUse)
    assert await states(keys, later) == ["recent", "current", "next"]


async def test_the_stamp_tells_of_every_change(keys: Keys, store: Store) -> None:
    async def stamp() -> str:
        async with store.read() as tx:
            return await store.keyring.stamp(tx)

    seen = [await stamp()]
    assert await stamp() == seen[0]
    await keys.rotate(TOKEN, NOW)
    seen.append(await stamp())
    await keys.keep(NOW + LEAD)
    seen.append(await stamp())
    await keys.revoke(await signs(keys, NOW + LEAD), NOW + LEAD)
    seen.append(await stamp())
    assert len(set(seen)) == 4
