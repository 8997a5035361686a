"""The way back in: whatever state an account and the owners are in."""

from __future__ import annotations

import pytest

from outofband.core.errors import Fault
from outofband.identity.recovery import ACTION, Recovered, Recovery
from outofband.store.sign_in_failures import MAX_FAILURES
from outofband.store.store import Store
from tests.unit.identity.town import NOW, OTHER, OWNER, READER, TENANT, Town, found

pytestmark = pytest.mark.anyio


async def recover(town: Town, name: str | None = None) -> Recovered:
    recovery = Recovery(town.store, town.directory, town.owners)
    return await recovery.recover(name, by="root on h1", correlation_id="c-1", now=NOW)


async def test_a_lost_password(store: Store) -> None:
    town = await found(store)
    admin = await town.person("admin", OWNER)
    session = await town.sign_in(admin)
    done = await recover(town)
    assert (done.name, done.locked, done.disabled, done.owner, done.sessions) == (
        "admin@lab.example",
        False,
        False,
        False,
        1,
    )
    assert done.password not in repr(done)
    again = await town.again(admin)
    assert again is not None
    assert again.must_change
    assert await town.passwords.matches(done.password, again.password_hash)
    assert not await town.live(session)


async def test_locked_disabled_and_without_a_role(store: Store) -> None:
    town = await found(store)
    admin = await town.person("admin", disabled=True)
    await town.person("ann", OWNER, disabled=True)
    async with store.write() as tx:
        for _ in range(MAX_FAILURES):
            await store.sign_in_failures.failed(tx, admin.name, NOW)
    done = await recover(town, "ADMIN")
    assert (done.locked, done.disabled, done.owner) == (True, True, True)
    assert await town.owning() == {admin.object_id}
    again = await town.again(admin)
    assert again is not None
    assert not again.disabled


async def test_a_person_by_name_gets_no_role_while_somebody_has_it(store: Store) -> None:
    town = await found(store)
    admin = await town.person("admin", OWNER)
    await town.person("bob", READER, scope="/subscriptions/s")
    assert (await recover(town, "bob")).owner is False
    assert await town.owning() == {admin.object_id}


async def test_a_disabled_owner_comes_back_as_the_one(store: Store) -> None:
    town = await found(store)
    ann = await town.person("ann", OWNER, disabled=True)
    done = await recover(town, "ann")
    assert (done.disabled, done.owner) == (True, False), "the role was there all the time"
    assert await town.owning() == {ann.object_id}


async def test_without_admin_an_owner_is_meant(store: Store) -> None:
    town = await found(store)
    await town.person("bob")
    await town.person("ann", OWNER)
    assert (await recover(town)).name == "ann@lab.example"


async def test_people_of_any_tenant(store: Store) -> None:
    town = await found(store)
    await town.person("admin", OWNER)
    eve = await town.person("eve", tenant=OTHER)
    assert (await recover(town, "eve@other.example")).owner is True
    async with store.read() as tx:
        assert await town.owners.of(tx, OTHER) == {eve.object_id}


@pytest.mark.parametrize("name", [None, "nobody", "nobody@lab.example", "x" * 1000])
async def test_nobody_of_that_name(store: Store, name: str | None) -> None:
    town = await found(store)
    await town.person("ann")
    with pytest.raises(Fault) as raised:
        await recover(town, name)
    assert raised.value.code == "UserNotFound"


async def test_an_empty_store(store: Store) -> None:
    from outofband.identity.directory import Directory
    from outofband.identity.owners import Owners
    from outofband.identity.passwords import Passwords

    owners = Owners(store, OWNER)
    recovery = Recovery(store, Directory(store, Passwords(), owners), owners)
    with pytest.raises(Fault, match="UserNotFound"):
        await recovery.recover(None, by="root", correlation_id="c-1", now=NOW)


async def test_it_is_in_the_log_without_the_password(store: Store) -> None:
    town = await found(store)
    admin = await town.person("admin", OWNER)
    done = await recover(town)
    async with store.read() as tx:
        [row] = (await store.activity.page(tx, correlation_id="c-1")).items
    assert (row.action, row.caller, row.tenant_id, row.status) == (ACTION, "root on h1", TENANT, "Succeeded")
    assert row.resource_id == f"/providers/Microsoft.Directory/users/{admin.object_id}"
    assert row.properties["endedSessions"] == 0
    assert done.password not in str(row.properties)
