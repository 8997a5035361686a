"""People made, changed and removed, and what goes with them."""

from __future__ import annotations

import pytest

from outofband.core.errors import Fault
from outofband.store.sign_in_failures import MAX_FAILURES
from outofband.store.store import Store
from tests.unit.identity.town import GOOD, NOW, OTHER, OWNER, READER, TENANT, found

pytestmark = pytest.mark.anyio


async def test_a_password_is_made_and_told_once(store: Store) -> None:
    town = await found(store)
    made = await town.directory.password(None, "ann@lab.example")
    assert made.made is not None
    assert await town.passwords.matches(made.made, made.hashed)
    assert made.must_change
    assert made.made not in repr(made)
    chosen = await town.directory.password(GOOD, "ann@lab.example", must_change=False)
    assert (chosen.made, chosen.must_change) == (None, False)
    with pytest.raises(Fault, match="PasswordRefused"):
        await town.directory.password("ann-ann-ann-ann", "ann@lab.example")


async def test_names_are_completed_with_the_tenants_domain(store: Store) -> None:
    town = await found(store)
    async with store.read() as tx:
        assert await town.directory.complete(tx, TENANT, "ann") == "ann@lab.example"
        assert await town.directory.complete(tx, TENANT, "ann@lab.example") == "ann@lab.example"
        for name in ("", "ann@other.example", "a b", "@lab.example", "x" * 200):
            with pytest.raises(Fault, match="InvalidParameter"):
                await town.directory.complete(tx, TENANT, name)


async def test_tenants_are_walls(store: Store) -> None:
    town = await found(store)
    eve = await town.person("eve", tenant=OTHER)
    async with store.read() as tx:
        assert (await town.directory.require(tx, OTHER, "EVE@other.example")).object_id == eve.object_id
        assert (await town.directory.require(tx, OTHER, eve.object_id.upper())).object_id == eve.object_id
        for name in (eve.object_id, eve.name, "nobody", "", "a\x00b"):
            with pytest.raises(Fault, match="UserNotFound"):
                await town.directory.require(tx, TENANT, name)


async def test_a_name_is_given_once(store: Store) -> None:
    town = await found(store)
    await town.person("ann")
    with pytest.raises(Fault, match="UserExists"):
        await town.person("Ann")


async def test_who_is_disabled_is_signed_out(store: Store) -> None:
    town = await found(store)
    ann, bob = await town.person("ann", OWNER), await town.person("bob")
    session = await town.sign_in(bob)
    async with store.write() as tx:
        await town.directory.set_disabled(tx, bob, True, NOW)
    assert not await town.live(session)
    with pytest.raises(Fault, match="LastOwner"):
        async with store.write() as tx:
            await town.directory.set_disabled(tx, ann, True, NOW)
    async with store.write() as tx:
        await town.directory.set_disabled(tx, bob, False, NOW)
    again = await town.again(bob)
    assert again is not None
    assert not again.disabled


async def test_a_new_password_ends_sessions_and_lifts_the_lock(store: Store) -> None:
    town = await found(store)
    ann = await town.person("ann")
    session = await town.sign_in(ann)
    password = await town.directory.password(None, ann.name)
    async with store.write() as tx:
        for _ in range(MAX_FAILURES):
            await store.sign_in_failures.failed(tx, ann.name, NOW)
        assert (await store.sign_in_failures.get(tx, ann.name)).locked(NOW)
        assert await town.directory.set_password(tx, ann, password, NOW) == 1
        assert not (await store.sign_in_failures.get(tx, ann.name)).locked(NOW)
    assert not await town.live(session)
    again = await town.again(ann)
    assert again is not None
    assert again.must_change
    assert await town.passwords.matches(password.made or "", again.password_hash)


async def test_who_is_removed_takes_roles_and_sessions_along(store: Store) -> None:
    town = await found(store)
    ann, bob = await town.person("ann", OWNER), await town.person("bob", READER, scope="/subscriptions/s")
    session = await town.sign_in(bob)
    async with store.write() as tx:
        await town.directory.remove(tx, bob)
        assert await store.assignments.of_principals(tx, [bob.object_id]) == []
    assert await town.again(bob) is None
    assert not await town.live(session)
    with pytest.raises(Fault, match="LastOwner"):
        async with store.write() as tx:
            await town.directory.remove(tx, ann)
    assert await town.owning() == {ann.object_id}
