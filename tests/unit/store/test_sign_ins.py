"""Users, wrong passwords, sign-in sessions, codes and tokens: what is kept, and what ends with what."""

from __future__ import annotations

import asyncio
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from outofband.core.errors import Fault
from outofband.store import codes, device_codes, sign_in_tables
from outofband.store.device_codes import DeviceState
from outofband.store.people import User
from outofband.store.sign_in_failures import LOCK, MAX_FAILURES
from outofband.store.sign_ins import MAX_AGENT, SignInSession
from outofband.store.store import Store
from outofband.store.tx import Tx
from tests.unit.store.conftest import TENANT

pytestmark = pytest.mark.anyio
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
ANN, BOB = str(uuid.uuid4()), str(uuid.uuid4())


def user(now: datetime, object_id: str = ANN, name: str = "Ann@lab.example") -> User:
    return User(
        object_id=object_id,
        tenant_id=TENANT,
        name=name,
        display_name=name.partition("@")[0],
        disabled=False,
        password_hash="$argon2id$old",
        password_changed=None,
        must_change=True,
        created=now,
    )


@pytest.fixture
async def people(populated: Store, now: datetime) -> Store:
    async with populated.write() as tx:
        await populated.people.add(tx, user(now))
        await populated.people.add(tx, user(now, BOB, "bob@lab.example"))
    return populated


async def browser(store: Store, tx: Tx, now: datetime, who: str = ANN) -> tuple[SignInSession, str]:
    return await store.sign_ins.start(tx, who, address="192.0.2.1", agent="B" * 999, now=now, life=HOUR)


async def issued(store: Store, tx: Tx, now: datetime, parent: SignInSession | None) -> SignInSession:
    return await store.sign_ins.issue(
        tx,
        ANN,
        client_id="client",
        parent=parent,
        address="192.0.2.1",
        agent="",
        authenticated=now,
        now=now,
        expires=now + HOUR,
    )


async def test_people_by_the_page(people: Store, now: datetime) -> None:
    async with people.write() as tx:
        for name in ("a_c@lab.example", "Abc@lab.example"):
            await people.people.add(tx, user(now, str(uuid.uuid4()), name))

        async def names(**wanted: Any) -> list[str]:
            return [each.display_name for each in await people.people.page(tx, TENANT, **wanted)]

        assert await names() == ["a_c", "Abc", "Ann", "bob"]
        assert await names(limit=2) == ["a_c", "Abc"]
        assert await names(after="ABC@lab.example") == ["Ann", "bob"]
        assert await names(name="ann@LAB.example") == ["Ann"]
        assert await names(begins={"display_name": "a"}) == ["a_c", "Abc", "Ann"]
        assert await names(begins={"display_name": "a_"}) == ["a_c"], "no pattern"
        assert await names(begins={"display_name": "a", "name_key": "AN"}) == ["Ann"]
        assert await people.people.page(tx, "other") == []


async def test_a_user_is_found_whatever_the_case(people: Store, now: datetime) -> None:
    async with people.write() as tx:
        found = await people.people.by_name(tx, "aNN@LAB.example")
        assert found == user(now) == await people.people.get(tx, ANN.upper())
        assert [each.object_id for each in await people.people.of_tenant(tx, TENANT)] == [ANN, BOB]
        for odd in ("", "ann", "ann@lab.example\0", "'; --", "x" * 100_000):
            assert await people.people.by_name(tx, odd) is None
        with pytest.raises(Fault, match="UserExists"):
            await people.people.add(tx, user(now, str(uuid.uuid4()), "ANN@lab.example"))
    assert "argon2" not in repr(found)


async def test_changes_of_a_user(people: Store, now: datetime) -> None:
    store = people.people
    async with people.write() as tx:
        assert await store.set_disabled(tx, ANN, True)
        assert await store.set_display_name(tx, ANN, "Ann B.")
        assert await store.set_password(tx, ANN, "$new", must_change=False, now=now + SECOND)
        assert not await store.rehash(tx, ANN, old="$argon2id$old", new="$stale")
        assert await store.rehash(tx, ANN, old="$new", new="$newer")
        found = await store.get(tx, ANN)
        assert found is not None
        assert (found.disabled, found.display_name, found.must_change) == (True, "Ann B.", False)
        assert (found.password_hash, found.password_changed) == ("$newer", now + SECOND)
        assert not await store.set_disabled(tx, str(uuid.uuid4()), True)
        assert await store.remove(tx, ANN)
        assert not await store.remove(tx, ANN)


async def test_twenty_failures_lock_a_name_for_a_while(people: Store, now: datetime) -> None:
    store = people.sign_in_failures
    for name in ("ann@lab.example", "nobody@lab.example"):
        async with people.write() as tx:
            for count in range(1, MAX_FAILURES + 1):
                after = await store.failed(tx, name.upper(), now)
                assert (after.failures, after.locked(now)) == (count, count == MAX_FAILURES)
            # Tries while it is locked neither count nor prolong it.
            assert await store.failed(tx, name, now + SECOND) == after
            assert after.locked_until == now + LOCK
            assert not after.locked(now + LOCK)
            again = await store.failed(tx, name, now + LOCK)
            assert (again.failures, again.locked_until) == (1, None)
            assert await store.clear(tx, name)
            assert not await store.clear(tx, name)
            assert (await store.get(tx, name)).failures == 0


async def test_names_that_were_typed_are_not_kept(people: Store, now: datetime) -> None:
    async with people.write() as tx:
        await people.sign_in_failures.failed(tx, "my secret password", now)
        rows = await tx.fetch(sa.select(sign_in_tables.sign_in_failures))
        assert "secret" not in str(rows)
        assert await people.sign_in_failures.prune(tx, now) == 0
        assert await people.sign_in_failures.prune(tx, now + SECOND) == 1


async def test_a_session_is_found_by_its_cookie_and_kept_as_a_digest(people: Store, now: datetime) -> None:
    async with people.write() as tx:
        session, secret = await browser(people, tx, now)
        assert await people.sign_ins.by_secret(tx, secret) == session
        assert await people.sign_ins.by_secret(tx, secret + "x") is None
        assert await people.sign_ins.get(tx, session.id) == session
        rows = await tx.fetch(sa.select(sign_in_tables.sign_in_sessions))
    assert secret not in str(rows)
    assert len(session.agent) == MAX_AGENT
    assert (session.live(now), session.live(now + HOUR)) == (True, False)


async def test_what_was_issued_ends_with_the_browser(people: Store, now: datetime) -> None:
    store = people.sign_ins
    async with people.write() as tx:
        mine, _ = await browser(people, tx, now)
        other, _ = await browser(people, tx, now)
        page, program = await issued(people, tx, now, mine), await issued(people, tx, now, None)
        everything = {each.id for each in (mine, other, page, program)}
        assert set(await store.not_ended(tx, everything | {"unknown"})) == everything
        assert {each.id for each in await store.of_user(tx, ANN, now)} == everything - {page.id}
        assert await store.end(tx, mine.id, "SignedOut", now)
        assert not await store.end(tx, mine.id, "SignedOut", now)
        assert set(await store.not_ended(tx, everything)) == {other.id, program.id}
        ended = await store.get(tx, page.id)
        assert ended is not None and (ended.ended, ended.reason) == (now, "SignedOut")


async def test_ending_everything_but_one(people: Store, now: datetime) -> None:
    async with people.write() as tx:
        mine, _ = await browser(people, tx, now)
        page = await issued(people, tx, now, mine)
        gone = [(await browser(people, tx, now))[0], await issued(people, tx, now, None)]
        bobs, _ = await browser(people, tx, now, BOB)
        assert await people.sign_ins.end_user(tx, ANN, "PasswordChanged", now, keep=mine.id) == 2
        everything = {each.id for each in (mine, page, bobs, *gone)}
        assert set(await people.sign_ins.not_ended(tx, everything)) == {mine.id, page.id, bobs.id}
        assert await people.sign_ins.end_user(tx, ANN, "Disabled", now) == 2
        assert set(await people.sign_ins.not_ended(tx, everything)) == {bobs.id}


async def test_forgetting_takes_codes_and_tokens_along(people: Store, now: datetime) -> None:
    async with people.write() as tx:
        session, _ = await browser(people, tx, now)
        code = await make_code(people, tx, session, now)
        token = await people.refresh_tokens.make(
            tx, session_id=session.id, scope="s", audience="a", now=now, expires=now + HOUR
        )
        assert await people.sign_ins.prune(tx, now + HOUR) == 0
        assert await people.sign_ins.prune(tx, now + HOUR + SECOND) == 1
        assert await people.codes.get(tx, code) is None
        assert await people.refresh_tokens.get(tx, token) is None


async def test_a_removed_user_leaves_no_session(people: Store, now: datetime) -> None:
    async with people.write() as tx:
        session, secret = await browser(people, tx, now)
        await issued(people, tx, now, session)
        assert await people.people.remove(tx, ANN)
        assert await people.sign_ins.by_secret(tx, secret) is None
        assert await tx.fetch(sa.select(sign_in_tables.sign_in_sessions)) == []


async def make_code(store: Store, tx: Tx, session: SignInSession, now: datetime) -> str:
    return await store.codes.make(
        tx,
        session_id=session.id,
        client_id="client",
        redirect_uri="http://localhost:1/",
        challenge="c",
        scope="s",
        audience="a",
        nonce=None,
        now=now,
    )


async def test_a_code_is_kept_as_a_digest_and_used_up(people: Store, now: datetime) -> None:
    async with people.write() as tx:
        session, _ = await browser(people, tx, now)
        code = await make_code(people, tx, session, now)
        found = await people.codes.get(tx, code)
        assert found is not None and found.redeemed is None
        assert code not in str(await tx.fetch(sa.select(sign_in_tables.authorization_codes)))
        await people.codes.redeem(tx, found, issued_id="child", now=now)
        used = await people.codes.get(tx, code)
        assert used is not None and (used.redeemed, used.issued_id) == (now, "child")
        assert await people.codes.prune(tx, now + codes.LIFE) == 0
        assert await people.codes.prune(tx, now + codes.LIFE + SECOND) == 1


async def test_of_many_that_use_one_token_one_wins(people: Store, store_url: str, now: datetime) -> None:
    """From two nodes at once on PostgreSQL."""
    async with people.write() as tx:
        session, _ = await browser(people, tx, now)
        token = await people.refresh_tokens.make(
            tx, session_id=session.id, scope="s", audience="a", now=now, expires=now + HOUR
        )
    other = await Store.open(store_url) if people.db.dialect == "postgresql" else people

    async def use(node: Store) -> bool:
        async with node.write() as tx:
            found = await node.refresh_tokens.get(tx, token)
            assert found is not None
            return await node.refresh_tokens.use(tx, found, now)

    won = await asyncio.gather(*(use(node) for _ in range(8) for node in (people, other)))
    assert sum(won) == 1
    if other is not people:
        await other.close()


async def test_the_states_of_a_device_code(people: Store, now: datetime) -> None:
    store = people.device_codes

    async def make(user_code: str) -> str | None:
        async with people.write() as tx:
            return await store.make(
                tx,
                user_code=user_code,
                client_id="client",
                tenant="organizations",
                scope="s",
                audience="a",
                address="192.0.2.1",
                now=now,
            )

    code, other = await make("BCDFGHJK"), await make("LMNPQRST")
    assert code is not None and other is not None and await make("BCDFGHJK") is None
    async with people.write() as tx:
        rows = str(await tx.fetch(sa.select(sign_in_tables.device_codes)))
        assert code not in rows and "BCDFGHJK" not in rows
        found, refused = await store.by_user_code(tx, "BCDFGHJK"), await store.get(tx, other)
        assert found is not None and found == await store.get(tx, code)
        assert refused is not None
        assert (found.state, found.interval) == (DeviceState.PENDING, device_codes.INTERVAL)
        assert not await store.redeem(tx, found, issued_id="x")
        await store.polled(tx, found, interval=10, now=now)
        assert await store.allow(tx, found, object_id=ANN, authenticated=now, methods="pwd")
        assert not await store.allow(tx, found, object_id=BOB, authenticated=now, methods="pwd")
        assert not await store.deny(tx, found)
        assert await store.redeem(tx, found, issued_id="session")
        assert not await store.redeem(tx, found, issued_id="again")
        after = await store.get(tx, code)
        assert after is not None
        assert (after.state, after.object_id, after.issued_id) == (DeviceState.REDEEMED, ANN, "session")
        assert (after.polled, after.interval) == (now, 10)
        assert await store.deny(tx, refused)
        assert not await store.allow(tx, refused, object_id=ANN, authenticated=now, methods="pwd")
        assert await store.prune(tx, now + device_codes.LIFE + SECOND) == 2
