"""Name and password: who comes in, who is slowed down, what is written down, what ends."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from outofband.core.errors import Fault
from outofband.identity.limiter import Limiter
from outofband.identity.requests import Visitor
from outofband.identity.sessions import BROWSER_LIFE, SignedIn
from outofband.store.activity import ActivityEntry
from outofband.store.directory import Tenant
from outofband.store.people import User
from outofband.store.sign_in_failures import LOCK, MAX_FAILURES
from outofband.store.sign_ins import BROWSER_IDLE
from outofband.store.store import Store
from tests.support.users import PASSWORD, add_user
from tests.unit.identity.conftest import ANN, VISITOR, Started

pytestmark = pytest.mark.anyio
SECOND = timedelta(seconds=1)
NEW = "slow heron ladder 7"


async def enter(
    started: Started,
    now: datetime,
    name: str = "ann",
    password: str = PASSWORD,
    *,
    tenant: str = "organizations",
    visitor: Visitor = VISITOR,
    replaces: SignedIn | None = None,
) -> tuple[SignedIn, str]:
    return await started.authority.sign_in.enter(
        name, password, tenant=tenant, visitor=visitor, now=now, replaces=replaces
    )


async def refused(started: Started, now: datetime, *words: str, **more: object) -> Fault:
    with pytest.raises(Fault) as caught:
        await enter(started, now, *words, **more)  # type: ignore[arg-type]
    return caught.value


async def rows(store: Store) -> list[ActivityEntry]:
    """The activity log, oldest first."""
    async with store.read() as tx:
        return (await store.activity.page(tx)).items[::-1]


def elsewhere(number: int) -> Visitor:
    return msgspec.structs.replace(VISITOR, address=f"198.51.100.{number}")


@pytest.mark.parametrize("name", ["ann", "ANN", " ann ", ANN, "Ann@Outofband.LOCAL"])
async def test_a_name_may_be_short_and_in_any_case(
    started: Started, ann: User, now: datetime, name: str
) -> None:
    who, secret = await enter(started, now, name)
    assert who.user.object_id == ann.object_id
    assert (await started.authority.sessions.at(secret, now)) == who
    assert who.session.live(now + BROWSER_IDLE) and not who.session.live(now + BROWSER_IDLE + SECOND)
    used = msgspec.structs.replace(who.session, last_used=now + BROWSER_LIFE - 2 * SECOND)
    assert used.live(now + BROWSER_LIFE - SECOND) and not used.live(now + BROWSER_LIFE)
    [row] = await rows(started.store)
    assert (row.action, row.status) == ("Microsoft.Directory/users/signIn/action", "Succeeded")
    assert (row.caller, row.client_address, row.subscription_id) == (ANN, VISITOR.address, None)
    assert row.tenant_id == started.first.tenant_id


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ann", "wrong"),
        ("ann", ""),
        ("ann", PASSWORD + "\0"),
        ("ann", PASSWORD.upper()),
        ("ann", PASSWORD * 10_000),
        ("bob", PASSWORD),
        ("", PASSWORD),
        ("ann@other.example", PASSWORD),
        ("ann\0", PASSWORD),
        ("x" * 1_000_000, PASSWORD),
        ("' OR 1=1 --", PASSWORD),
        (PASSWORD, "ann"),
    ],
)
async def test_every_wrong_answer_is_the_same(
    started: Started, ann: User, now: datetime, name: str, password: str
) -> None:
    fault = await refused(started, now, name, password)
    assert (fault.code, fault.fields) == ("WrongCredentials", {})
    [row] = await rows(started.store)
    assert (row.status, row.sub_status) == ("Failed", "WrongCredentials")
    assert row.client_address == VISITOR.address
    # Neither what was typed as a password nor a name that nobody has: people confuse the two fields.
    text = msgspec.json.encode(row).decode()
    assert PASSWORD not in text and "wrong" not in text.replace("WrongCredentials", "").lower()
    assert row.caller == (ANN if name == "ann" else "unknown")


async def test_a_user_without_a_password_cannot_come_in(started: Started, now: datetime) -> None:
    await add_user(started.store, started.first.tenant_id, "bob@outofband.local", password=None, now=now)
    for password in ("", "None", PASSWORD):
        assert (await refused(started, now, "bob", password)).code == "WrongCredentials"


@pytest.mark.parametrize("name", ["ann", "nobody"])
async def test_twenty_failures_lock_a_name_known_or_not(
    started: Started, ann: User, now: datetime, name: str
) -> None:
    """From twenty addresses, so that nothing but the lock holds them up."""
    for number in range(MAX_FAILURES):
        fault = await refused(started, now, name, "wrong", visitor=elsewhere(number))
        assert fault.code == ("WrongCredentials" if number < MAX_FAILURES - 1 else "AccountLocked")
    for password in ("wrong", PASSWORD):
        again = await refused(started, now, name, password, visitor=elsewhere(50))
        assert (again.code, again.fields) == (fault.code, fault.fields)
    assert fault.fields["until"].startswith("2026-03-04T05:21:07")
    acts = [row.action.split("/")[-2] for row in await rows(started.store)]
    assert acts == ["signIn"] * MAX_FAILURES + ["lock"] + ["signIn"] * 2
    later = now + LOCK
    if name == "ann":
        await enter(started, later, visitor=elsewhere(60))
    else:
        assert (await refused(started, later, name, PASSWORD)).code == "WrongCredentials"


async def test_a_right_password_forgives_the_failures_before(
    started: Started, ann: User, now: datetime
) -> None:
    for round in range(2):
        for number in range(MAX_FAILURES - 1):
            await refused(started, now, "ann", "wrong", visitor=elsewhere(100 * round + number))
        await enter(started, now, visitor=elsewhere(99 + round))


async def test_the_lock_holds_for_what_was_under_way(started: Started, ann: User, now: datetime) -> None:
    """Many at once: those that were being checked when the lock came do not get past it."""
    tries = [
        enter(started, now, "ann", "wrong" if number < 40 else PASSWORD, visitor=elsewhere(number))
        for number in range(41)
    ]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    codes = [each.code if isinstance(each, Fault) else "in" for each in outcomes]
    assert codes.count("WrongCredentials") < MAX_FAILURES
    assert set(codes) <= {"WrongCredentials", "AccountLocked", "SignInBusy", "in"}


async def test_a_lock_is_told_rather_than_a_wait(started: Started, ann: User, now: datetime) -> None:
    """All from one address, which then would have to wait too."""
    for _ in range(MAX_FAILURES):
        await refused(started, now, "ann", "wrong")
    assert [(await refused(started, now, "ann", PASSWORD)).code for _ in range(3)] == ["AccountLocked"] * 3
    before = len(await rows(started.store))
    await refused(started, now, "ann", PASSWORD)
    assert len(await rows(started.store)) == before, "who has to wait writes nothing"


async def test_guessing_many_names_from_one_address_is_slowed_down(
    started: Started, ann: User, now: datetime
) -> None:
    codes: list[str] = []
    while "TooManyTries" not in codes:
        codes.append((await refused(started, now, f"user{len(codes)}", "wrong")).code)
        assert len(codes) < 90  # one more a second is forgiven meanwhile
    assert len(codes) > 60 and set(codes[:60]) == {"WrongCredentials"}
    fault = await refused(started, now)
    assert fault.code == "TooManyTries" and fault.fields["seconds"] >= 1
    await enter(started, now, visitor=elsewhere(1))


async def test_a_full_limiter_lets_nobody_in(started: Started, ann: User, now: datetime) -> None:
    full = Limiter(burst=1, interval=60.0, max_keys=1)
    full.failed("somebody else", 10.0**9)
    started.authority.sign_in._attempts._by_address = full
    assert (await refused(started, now)).code == "TooManyTries"


async def test_a_switched_off_account_is_told_to_who_knows_the_password(
    started: Started, now: datetime
) -> None:
    await add_user(started.store, started.first.tenant_id, ANN, disabled=True, now=now)
    assert (await refused(started, now, "ann", "wrong")).code == "WrongCredentials"
    assert (await refused(started, now)).code == "AccountDisabled"
    assert [row.sub_status for row in await rows(started.store)] == ["WrongCredentials", "AccountDisabled"]


async def test_a_tenant_that_is_named_must_be_theirs(started: Started, ann: User, now: datetime) -> None:
    other = Tenant(
        id="99999999-0000-4000-8000-000000000000", name="Other", domain="other.example", created=now
    )
    async with started.store.write() as tx:
        await started.store.directory.add_tenant(tx, other)
    for tenant in (started.first.tenant_id, "outofband.local", "common"):
        await enter(started, now, ANN, tenant=tenant)
    assert (await refused(started, now, ANN, tenant="other.example")).code == "WrongTenant"
    assert (await refused(started, now, "ann", tenant="other.example")).code == "WrongCredentials"
    assert (await refused(started, now, tenant="nowhere.example")).code == "TenantUnknown"


async def test_whoever_was_at_the_browser_before_is_out(started: Started, ann: User, now: datetime) -> None:
    first, old = await enter(started, now)
    second, new = await enter(started, now, replaces=first)
    assert old != new
    assert await started.authority.sessions.at(old, now) is None
    assert await started.authority.sessions.at(new, now) == second


async def test_a_cookie_is_good_for_nothing_else(started: Started, ann: User, now: datetime) -> None:
    who, secret = await enter(started, now)
    at = started.authority.sessions.at
    for odd in (None, "", secret[:-1], secret + "x", who.session.id, "\0", "x" * 10_000):
        assert await at(odd, now) is None
    assert await at(secret, now + BROWSER_LIFE) is None
    async with started.store.write() as tx:
        await started.store.people.set_disabled(tx, ann.object_id, True)
    assert await at(secret, now) is None


# --- another password


async def change(
    started: Started, who: SignedIn, now: datetime, current: str = PASSWORD, new: str = NEW, again: str = ""
) -> SignedIn:
    return await started.authority.sign_in.change_password(
        who, current, new, again or new, visitor=VISITOR, now=now
    )


async def test_a_changed_password_ends_every_other_session(
    started: Started, ann: User, now: datetime
) -> None:
    here, mine = await enter(started, now)
    _, other = await enter(started, now)
    changed = await change(started, here, now + SECOND)
    assert not changed.user.must_change and changed.user.password_changed == now + SECOND
    at = started.authority.sessions.at
    assert await at(other, now + SECOND) is None
    assert await at(mine, now + SECOND) == changed
    assert (await refused(started, now + SECOND)).code == "WrongCredentials"
    await enter(started, now + SECOND, password=NEW)
    [row] = [each for each in await rows(started.store) if "changePassword" in each.action]
    assert (row.caller, row.status, row.client_address) == (ANN, "Succeeded", VISITOR.address)
    assert NEW not in str(row)


@pytest.mark.parametrize(
    ("current", "new", "again", "code"),
    [
        ("wrong", NEW, NEW, "WrongPassword"),
        (PASSWORD, NEW, NEW + "x", "PasswordsDiffer"),
        (PASSWORD, "short", "short", "PasswordRefused"),
        (PASSWORD, PASSWORD, PASSWORD, "PasswordRefused"),
        (PASSWORD, "x" * 300, "x" * 300, "PasswordRefused"),
    ],
)
async def test_a_password_that_is_not_changed(
    started: Started, ann: User, now: datetime, current: str, new: str, again: str, code: str
) -> None:
    who, secret = await enter(started, now)
    with pytest.raises(Fault, match=code):
        await change(started, who, now, current, new, again)
    assert await started.authority.sessions.at(secret, now) == who
    await enter(started, now)


async def test_guessing_the_current_password_locks_too(started: Started, ann: User, now: datetime) -> None:
    who, _ = await enter(started, now)
    codes = []
    for _ in range(MAX_FAILURES):
        with pytest.raises(Fault) as caught:
            await change(started, who, now, "wrong")
        codes.append(caught.value.code)
    assert codes == ["WrongPassword"] * (MAX_FAILURES - 1) + ["AccountLocked"]
    assert (await refused(started, now)).code == "AccountLocked"


async def test_who_was_signed_out_meanwhile_changes_nothing(
    started: Started, ann: User, now: datetime
) -> None:
    who, _ = await enter(started, now)
    await started.authority.sessions.sign_out(who, VISITOR, now)
    with pytest.raises(Fault, match="SignedOutMeanwhile"):
        await change(started, who, now)
    await enter(started, now)


async def test_of_two_changes_at_once_one_counts(started: Started, ann: User, now: datetime) -> None:
    one, _ = await enter(started, now)
    two, _ = await enter(started, now)
    outcomes = await asyncio.gather(
        change(started, one, now, new="first of the two 1"),
        change(started, two, now, new="second of the two 2"),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in outcomes) == ["Fault", "SignedIn"]


async def test_the_first_password_goes_when_it_is_changed(
    started: Started, ann: User, now: datetime, tmp_path: Path
) -> None:
    file = tmp_path / "first-password"
    who, _ = await enter(started, now)
    file.write_text("another password altogether\n")
    who = await change(started, who, now)
    assert file.exists(), "it was not this one"
    file.write_text(NEW + "\n")
    await change(started, who, now, NEW, PASSWORD)
    assert not file.exists()
