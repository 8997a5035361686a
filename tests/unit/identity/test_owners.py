"""There is always an enabled person with Owner on everything."""

from __future__ import annotations

import pytest

from outofband.core.errors import Fault
from outofband.store.store import Store
from tests.unit.identity.town import NOW, OTHER, OWNER, READER, TENANT, found

pytestmark = pytest.mark.anyio


async def test_who_counts(store: Store) -> None:
    town = await found(store)
    ann = await town.person("ann", OWNER)
    await town.person("bob", READER)
    await town.person("cid", OWNER, scope="/subscriptions/s")
    await town.person("dot", OWNER, disabled=True)
    eve = await town.person("eve", OWNER, tenant=OTHER)
    async with store.read() as tx:
        assert await town.owners.of(tx, TENANT) == {ann.object_id}
        assert await town.owners.of(tx, OTHER) == {eve.object_id}


async def test_the_last_one_stays(store: Store) -> None:
    town = await found(store)
    ann, bob = await town.person("ann", OWNER), await town.person("bob")
    async with store.write() as tx:
        with pytest.raises(Fault) as raised:
            await town.owners.require_another(tx, ann)
        assert (raised.value.code, raised.value.fields) == ("LastOwner", {"name": "ann@lab.example"})
        await town.owners.require_another(tx, bob)
        assert await town.owners.give(tx, bob, by="test", now=NOW)
        assert not await town.owners.give(tx, bob, by="test", now=NOW)
        await town.owners.require_another(tx, ann)


async def test_where_nobody_is_owner_nobody_is_the_last(store: Store) -> None:
    town = await found(store)
    ann = await town.person("ann", OWNER, disabled=True)
    async with store.read() as tx:
        await town.owners.require_another(tx, ann)
