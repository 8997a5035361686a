"""Factors, recovery codes, half sign-ins and what a tenant requires, on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from outofband.store.factors import Factor, FactorKind
from outofband.store.sign_in_policies import Reach, SignInPolicy
from outofband.store.sign_in_steps import LIFE
from outofband.store.store import Store
from tests.support.users import add_user
from tests.unit.store.conftest import TENANT

pytestmark = pytest.mark.anyio
SECOND = timedelta(seconds=1)
SECRET = bytes(range(20))
OTHER = "00000000-0000-0000-0000-0000000000ff"


@pytest.fixture
async def ann(populated: Store, now: datetime) -> str:
    user = await add_user(populated, TENANT, "ann@lab.example", password=None, now=now)
    return user.object_id


async def counted(store: Store, who: str) -> list[Factor]:
    async with store.read() as tx:
        return await store.factors.of_user(tx, who)


async def test_an_app_counts_when_it_was_confirmed(populated: Store, ann: str, now: datetime) -> None:
    store = populated
    async with store.write() as tx:
        first = await store.factors.offer_totp(tx, ann, "Phone", b"x" * 20, now=now)
        offered = await store.factors.offer_totp(tx, ann.upper(), "Phone", SECRET, now=now + SECOND)
    assert await counted(store, ann) == []
    async with store.write() as tx:
        assert (await store.factors.offered(tx, ann)) == offered
        assert not await store.factors.confirm(tx, first, step=7, now=now)
        assert await store.factors.confirm(tx, offered, step=7, now=now)
        assert not await store.factors.confirm(tx, offered, step=8, now=now)
    [kept] = await counted(store, ann)
    assert (kept.kind, kept.secret, kept.wrap, kept.last_step) == (FactorKind.TOTP, SECRET, "none", 7)
    assert "x" not in repr(kept).partition("totp")[2] and str(SECRET) not in repr(kept)
    # Another one may be set up beside it.
    async with store.write() as tx:
        other = await store.factors.offer_totp(tx, ann, "Tablet", SECRET, now=now)
        assert (await store.factors.offered(tx, ann)) == other
    assert [each.id for each in await counted(store, ann)] == [kept.id]


async def test_a_code_counts_once_and_never_backwards(populated: Store, ann: str, now: datetime) -> None:
    store = populated
    async with store.write() as tx:
        factor = await store.factors.offer_totp(tx, ann, "Phone", SECRET, now=now)
        await store.factors.confirm(tx, factor, step=10, now=now)
        taken = [await store.factors.use_step(tx, factor, step=step, now=now) for step in (10, 11, 11, 9, 12)]
    assert taken == [False, True, False, False, True]


async def test_a_passkey_belongs_to_one(populated: Store, ann: str, now: datetime) -> None:
    store = populated
    bob = await add_user(store, TENANT, "bob@lab.example", password=None, now=now)
    made = {"credential_id": "abc", "public_key": b"k", "host": "lab.example", "sign_count": 3}
    async with store.write() as tx:
        key = await store.factors.add_passkey(tx, ann, "Key", **made, transports=["usb"], now=now)
        assert key is not None
        taken = await store.factors.add_passkey(tx, bob.object_id, "K", **made, transports=[], now=now)
        assert taken is None
        assert (await store.factors.by_credential(tx, "abc")) == key
        assert await store.factors.use_passkey(tx, key, sign_count=4, now=now)
        # Of two that saw the same count one has lost.
        assert not await store.factors.use_passkey(tx, key, sign_count=5, now=now)
        assert not await store.factors.rename(tx, bob.object_id, key.id, "Mine")
        assert not await store.factors.remove(tx, bob.object_id, key.id)
        assert await store.factors.rename(tx, ann, key.id, "Blue key")
    [kept] = await counted(store, ann)
    assert (kept.name, kept.sign_count, kept.transports, kept.last_used) == ("Blue key", 4, ["usb"], now)
    async with store.write() as tx:
        assert await store.factors.remove(tx, ann, key.id)
        assert await store.factors.by_credential(tx, "abc") is None


async def test_what_was_never_confirmed_is_forgotten(populated: Store, ann: str, now: datetime) -> None:
    store = populated
    async with store.write() as tx:
        kept = await store.factors.offer_totp(tx, ann, "Phone", SECRET, now=now)
        await store.factors.confirm(tx, kept, step=1, now=now)
        await store.factors.offer_totp(tx, ann, "Tablet", SECRET, now=now)
        assert await store.factors.prune(tx, now) == 0
        assert await store.factors.prune(tx, now + SECOND) == 1
        assert await store.factors.clear(tx, ann) == 1
    assert await counted(store, ann) == []


async def test_recovery_codes_are_good_once_each(populated: Store, ann: str, now: datetime) -> None:
    store = populated
    bob = await add_user(store, TENANT, "bob@lab.example", password=None, now=now)
    async with store.write() as tx:
        await store.recovery_codes.replace(tx, ann, ["aaaa", "bbbb"], now)
        await store.recovery_codes.replace(tx, bob.object_id, ["aaaa"], now)
        assert await store.recovery_codes.use(tx, ann, "aaaa", now)
        assert not await store.recovery_codes.use(tx, ann, "aaaa", now)
        assert not await store.recovery_codes.use(tx, ann, "AAAA", now)
        assert await store.recovery_codes.left(tx, ann) == 1
        await store.recovery_codes.replace(tx, ann, ["cccc", "dddd", "eeee"], now)
        assert not await store.recovery_codes.use(tx, ann, "bbbb", now)
        assert await store.recovery_codes.left(tx, ann) == 3
        assert await store.recovery_codes.use(tx, bob.object_id, "aaaa", now)
        await store.recovery_codes.clear(tx, ann)
        assert await store.recovery_codes.left(tx, ann) == 0


async def test_half_a_sign_in_is_short_and_ends_with_what_it_rests_on(
    populated: Store, ann: str, now: datetime
) -> None:
    store = populated
    async with store.write() as tx:
        step, secret = await store.sign_in_steps.begin(tx, ann, methods="pwd", now=now)
        assert (await store.sign_in_steps.by_secret(tx, secret, now)) == step
        assert await store.sign_in_steps.by_secret(tx, secret[:-1], now) is None
        assert await store.sign_in_steps.by_secret(tx, secret, now + LIFE) is None
        await store.sign_in_steps.challenge(tx, step.digest, "c1")
        again = await store.sign_in_steps.again(tx, step.digest, now)
        assert again is not None and again.challenge == "c1"
        assert await store.sign_in_steps.end(tx, step.digest)
        assert not await store.sign_in_steps.end(tx, step.digest)
        # The cookie of a step is no session's.
        assert await store.sign_ins.by_secret(tx, secret) is None
        _, secret = await store.sign_in_steps.begin(tx, ann, methods="pwd", now=now)
        await store.sign_ins.end_user(tx, ann, "PasswordReset", now)
        assert await store.sign_in_steps.by_secret(tx, secret, now) is None
        await store.sign_in_steps.begin(tx, None, methods="", challenge="c", now=now)
        assert await store.sign_in_steps.prune(tx, now + LIFE + SECOND) == 1


async def test_a_raised_session_has_another_cookie(populated: Store, ann: str, now: datetime) -> None:
    store = populated
    async with store.write() as tx:
        session, old = await store.sign_ins.start(
            tx, ann, address="192.0.2.1", agent="b", now=now, life=timedelta(hours=1)
        )
        assert (session.methods, session.mfa, session.last_used) == ("pwd", False, now)
        later = now + SECOND
        raised, new = await store.sign_ins.raise_to(tx, session, "pwd otp mfa", authenticated=later)
        assert (raised.id, raised.mfa, raised.authenticated) == (session.id, True, later)
        assert await store.sign_ins.by_secret(tx, old) is None
        assert (await store.sign_ins.by_secret(tx, new)) == raised
        await store.sign_ins.used(tx, session.id, later)
        found = await store.sign_ins.get(tx, session.id)
        assert found is not None and found.last_used == later


async def test_a_tenant_requires_nothing_until_somebody_says_so(populated: Store, now: datetime) -> None:
    store = populated
    async with store.write() as tx:
        assert await store.sign_in_policies.get(tx, TENANT) == SignInPolicy()
        await store.sign_in_policies.set(tx, TENANT.upper(), require_mfa=True, by="ann", now=now)
        told = SignInPolicy(require_mfa=True, changed=now, changed_by="ann")
        assert await store.sign_in_policies.get(tx, TENANT) == told
        await store.sign_in_policies.set(tx, TENANT, require_mfa=False, by="bob", now=now)
        assert not (await store.sign_in_policies.get(tx, TENANT)).require_mfa


async def test_it_is_known_whom_a_second_factor_would_be_asked_of(
    populated: Store, ann: str, now: datetime
) -> None:
    store, hour = populated, timedelta(hours=1)
    before = await reach(store, now)
    bob = await add_user(store, TENANT, "bob@lab.example", password=None, now=now)
    gone = await add_user(store, TENANT, "gone@lab.example", password=None, disabled=True, now=now)
    async with store.write() as tx:
        offered = await store.factors.offer_totp(tx, ann, "Phone", SECRET, now=now)
        for who, methods in (
            (ann, "pwd otp mfa"),
            (ann, "pwd mfa otp"),
            (bob.object_id, "pwd"),
            (gone.object_id, "pwd"),
        ):
            await store.sign_ins.start(tx, who, address="", agent="", now=now, life=hour, methods=methods)
        over, _ = await store.sign_ins.start(tx, bob.object_id, address="", agent="", now=now, life=hour)
        await store.sign_ins.end(tx, over.id, "SignedOut", now)
    found = await reach(store, now)
    # An app that was only offered is none yet.
    assert (found.people, found.without) == (before.people + 1, before.without + 1)
    assert found.sessions == before.sessions + 1
    assert (bob.object_id, "Bob") in [(each.object_id, each.display_name) for each in found.lacking]
    async with store.write() as tx:
        assert await store.factors.confirm(tx, offered, step=7, now=now)
    found = await reach(store, now)
    assert found.without == before.without and ann not in [each.object_id for each in found.lacking]
    async with store.read() as tx:
        [first] = (await store.sign_in_policies.reach(tx, TENANT, now, limit=1)).lacking
        assert first == found.lacking[0]
        assert (await store.sign_in_policies.reach(tx, OTHER, now, limit=9)).people == 0


async def reach(store: Store, now: datetime) -> Reach:
    async with store.read() as tx:
        return await store.sign_in_policies.reach(tx, TENANT.upper(), now, limit=100)
