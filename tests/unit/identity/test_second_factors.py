"""Second factors: what completes a sign-in, what never does, and who may set one up or take one away."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta

import msgspec
import pytest

from outofband.identity import recovery_codes, totp
from outofband.identity.sessions import FRESH, SignedIn
from outofband.identity.sign_in import Half
from outofband.store.people import User
from outofband.store.sign_in_failures import MAX_FAILURES
from outofband.store.sign_in_steps import LIFE
from tests.support.users import PASSWORD, add_user
from tests.unit.identity.conftest import ANN, VISITOR, Started
from tests.unit.identity.factors import (
    AT,
    code_of,
    enter,
    half,
    require,
    secret_of,
    signed_in,
    with_app,
)
from tests.unit.identity.test_sign_in import rows

pytestmark = pytest.mark.anyio
SECOND, STEP = timedelta(seconds=1), timedelta(seconds=totp.STEP_SECONDS)


async def test_a_code_completes_the_sign_in_and_counts_once(
    started: Started, ann: User, now: datetime
) -> None:
    secret, first = await with_app(started, now)
    assert (first.who.session.methods, len(first.codes)) == ("pwd otp mfa", recovery_codes.COUNT)
    second, later = started.authority.second_step, now + 2 * STEP
    asked = await half(started, later)
    code = totp.code_at(secret, later)
    came = await second.code(asked, f" {code[:3]} {code[3:]} ", visitor=VISITOR, now=later)
    assert came.who.session.methods == "pwd otp mfa" and not came.codes
    assert (await started.authority.sessions.at(came.secret, later)) == came.who
    # The half is over, and so is the code: on another half too.
    assert await code_of(second.code(asked, code, visitor=VISITOR, now=later)) == "SignInOver"
    again = await half(started, later)
    assert await code_of(second.code(again, code, visitor=VISITOR, now=later)) == "WrongCode"
    acts = [(row.action.split("/")[-2], row.status, row.sub_status) for row in await rows(started.store)]
    assert acts == [
        ("signIn", "Succeeded", ""),
        ("addFactor", "Succeeded", ""),
        ("stepUp", "Succeeded", ""),
        ("signIn", "Succeeded", ""),
        ("signIn", "Failed", "WrongCode"),
    ]
    text = msgspec.json.encode([msgspec.to_builtins(row) for row in await rows(started.store)]).decode()
    assert code not in text and base64.b32encode(secret).decode() not in text
    assert not any(each in text for each in first.codes)


@pytest.mark.parametrize(("steps", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
async def test_the_clock_of_a_phone_may_be_off_by_a_step(
    started: Started, ann: User, now: datetime, steps: int, good: bool
) -> None:
    secret, _ = await with_app(started, now)
    later = now + 10 * STEP
    asked = await half(started, later)
    work = started.authority.second_step.code(
        asked, totp.code_at(secret, later + steps * STEP), visitor=VISITOR, now=later
    )
    if good:
        assert (await work).who.session.mfa
    else:
        assert await code_of(work) == "WrongCode"


async def test_a_code_before_one_that_was_used_is_over(started: Started, ann: User, now: datetime) -> None:
    secret, _ = await with_app(started, now)
    second, later = started.authority.second_step, now + 10 * STEP
    await second.code(await half(started, later), totp.code_at(secret, later), visitor=VISITOR, now=later)
    earlier = totp.code_at(secret, later - STEP)
    asked = await half(started, later)
    assert await code_of(second.code(asked, earlier, visitor=VISITOR, now=later)) == "WrongCode"


@pytest.mark.parametrize("typed", ["", "000000", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "1" * 9999, "\0"])
async def test_what_is_no_code_is_wrong(started: Started, ann: User, now: datetime, typed: str) -> None:
    secret, _ = await with_app(started, now)
    later = now + 10 * STEP
    near = {totp.code_at(secret, later + n * STEP) for n in (-1, 0, 1)}
    if typed in near:
        pytest.skip("by chance it is one")
    work = started.authority.second_step.code(await half(started, later), typed, visitor=VISITOR, now=later)
    assert await code_of(work) == "WrongCode"


async def test_failing_codes_lock_as_passwords_do_and_the_password_forgives_nothing(
    started: Started, ann: User, now: datetime
) -> None:
    """Whoever has the password cannot go on guessing codes by typing it again."""
    secret, _ = await with_app(started, now)
    second, at = started.authority.second_step, now + 10 * STEP
    for number in range(MAX_FAILURES):
        visitor = msgspec.structs.replace(VISITOR, address=f"198.51.100.{number}")
        asked = await half(started, at)
        told = await code_of(second.code(asked, "x", visitor=visitor, now=at))
        assert told == ("AccountLocked" if number == MAX_FAILURES - 1 else "WrongCode")
    good = totp.code_at(secret, at)
    assert await code_of(second.code(asked, good, visitor=VISITOR, now=at)) == "AccountLocked"
    assert await code_of(enter(started, at)) == "AccountLocked"


async def test_half_a_sign_in_is_over_soon_and_when_the_account_is_switched_off(
    started: Started, ann: User, now: datetime
) -> None:
    secret, _ = await with_app(started, now)
    second, later = started.authority.second_step, now + 10 * STEP
    asked, cookie = await enter(started, later)
    assert isinstance(asked, Half)
    assert (await second.at(cookie, later)) is not None
    assert await second.at(cookie, later + LIFE) is None
    good = totp.code_at(secret, later + LIFE)
    assert await code_of(second.code(asked, good, visitor=VISITOR, now=later + LIFE)) == "SignInOver"
    async with started.store.write() as tx:
        await started.store.people.set_disabled(tx, ann.object_id, True)
    assert await second.at(cookie, later) is None
    assert await code_of(second.code(asked, totp.code_at(secret, later), visitor=VISITOR, now=later)) == (
        "SignInOver"
    )


# --- recovery codes


async def test_a_recovery_code_is_good_once(started: Started, ann: User, now: datetime) -> None:
    _, came = await with_app(started, now)
    second, code = started.authority.second_step, came.codes[3]
    done = await second.recovery(await half(started, now), f" {code.upper()} ", visitor=VISITOR, now=now)
    assert done.who.session.methods == "pwd rcv mfa"
    asked = await half(started, now)
    assert await code_of(second.recovery(asked, code, visitor=VISITOR, now=now)) == "WrongCode"
    overview = await started.authority.factors.overview(ann)
    assert overview.codes == recovery_codes.COUNT - 1
    fresh = await started.authority.factors.new_codes(done.who, visitor=VISITOR, now=now)
    assert len(set(fresh)) == recovery_codes.COUNT
    assert await code_of(second.recovery(asked, came.codes[4], visitor=VISITOR, now=now)) == "WrongCode"
    assert (await second.recovery(asked, fresh[0], visitor=VISITOR, now=now)).who.session.mfa


# --- who may change them


async def test_one_that_is_there_is_not_got_round_by_another(
    started: Started, ann: User, now: datetime
) -> None:
    """Half a sign-in that asks for a factor sets none up."""
    await with_app(started, now)
    factors, asked = started.authority.factors, await half(started, now)
    assert await code_of(factors.offer_app(asked, None, "h", now)) == "SignInOver"
    assert await code_of(factors.asks_new_passkey(asked, None, AT, now)) == "SignInOver"
    work = factors.add_app(asked, None, "123456", "", visitor=VISITOR, now=now)
    assert await code_of(work) == "SignInOver"


async def test_an_old_session_changes_nothing(started: Started, ann: User, now: datetime) -> None:
    _, came = await with_app(started, now)
    factors, later = started.authority.factors, now + FRESH + SECOND
    [factor] = (await factors.overview(ann)).factors
    assert not await factors.stale(came.who, now)
    assert await factors.stale(came.who, later)
    begun, _ = await started.authority.second_step.begin(came.who, later)
    for work in (
        factors.offer_app(begun, came.who, "h", later),
        factors.rename(came.who, factor.id, "x", visitor=VISITOR, now=later),
        factors.remove(came.who, factor.id, visitor=VISITOR, now=later),
        factors.new_codes(came.who, visitor=VISITOR, now=later),
    ):
        assert await code_of(work) == "ProofTooOld"


async def test_a_password_alone_does_not_change_the_factors_of_who_has_some(
    started: Started, ann: User, now: datetime
) -> None:
    weak = await signed_in(started, now)
    _, came = await with_app(started, now)
    [factor] = (await started.authority.factors.overview(ann)).factors
    work = started.authority.factors.remove(weak, factor.id, visitor=VISITOR, now=now)
    assert await code_of(work) == "ProofTooOld"
    await started.authority.factors.remove(came.who, factor.id, visitor=VISITOR, now=now)
    overview = await started.authority.factors.overview(ann)
    assert (list(overview.factors), overview.codes) == ([], 0)
    assert isinstance((await enter(started, now))[0], SignedIn)


async def test_proving_it_anew_asks_for_all_of_it(started: Started, ann: User, now: datetime) -> None:
    secret, came = await with_app(started, now)
    sign_in, later = started.authority.sign_in, now + timedelta(hours=1)
    wrong = sign_in.again(came.who, "wrong", visitor=VISITOR, now=later)
    assert await code_of(wrong) == "WrongPassword"
    asked, _ = await sign_in.again(came.who, PASSWORD, visitor=VISITOR, now=later)
    assert isinstance(asked, Half)
    done = await started.authority.second_step.code(
        asked, totp.code_at(secret, later), visitor=VISITOR, now=later
    )
    assert (done.who.session.id, done.who.session.authenticated) == (came.who.session.id, later)
    # The session is the same, its cookie is not.
    assert await started.authority.sessions.at(came.secret, later) is None
    assert not await started.authority.factors.stale(done.who, later)


async def test_names_are_short_and_everybody_has_their_own(
    started: Started, ann: User, now: datetime
) -> None:
    _, came = await with_app(started, now)
    factors = started.authority.factors
    [factor] = (await factors.overview(ann)).factors
    for name in ("x" * 65, "a\0b"):
        work = factors.rename(came.who, factor.id, name, visitor=VISITOR, now=now)
        assert await code_of(work) == "FactorNameInvalid"
    await factors.rename(came.who, factor.id, "  Blue   phone ", visitor=VISITOR, now=now)
    assert [each.name for each in (await factors.overview(ann)).factors] == ["Blue phone"]
    bob = await add_user(started.store, started.first.tenant_id, "bob@outofband.local", now=now)
    other, _ = await started.authority.sign_in.enter(
        "bob", PASSWORD, tenant="organizations", visitor=VISITOR, now=now
    )
    assert isinstance(other, SignedIn) and other.user.object_id == bob.object_id
    assert await code_of(factors.remove(other, factor.id, visitor=VISITOR, now=now)) == "FactorNotFound"
    assert await code_of(factors.new_codes(other, visitor=VISITOR, now=now)) == "NoFactor"


# --- what the tenant requires


async def test_who_has_none_sets_one_up_to_come_in(started: Started, ann: User, now: datetime) -> None:
    await require(started, now)
    asked = await half(started, now)
    assert not asked.factors
    factors, second = started.authority.factors, started.authority.second_step
    # Without one no recovery code, and no code of an app that was never shown, completes it.
    assert await code_of(second.recovery(asked, "a" * 16, visitor=VISITOR, now=now)) == "WrongCode"
    offer = await factors.offer_app(asked, None, "localhost:8443", now)
    assert (await factors.offer_app(asked, None, "localhost:8443", now)).secret == offer.secret
    good = totp.code_at(secret_of(offer.secret), now)
    assert await code_of(second.code(asked, good, visitor=VISITOR, now=now)) == "WrongCode"
    came = await factors.add_app(asked, None, good, "", visitor=VISITOR, now=now)
    assert came.who.session.methods == "pwd otp mfa" and len(came.codes) == recovery_codes.COUNT
    [factor] = (await factors.overview(ann)).factors
    assert factor.name == "Authenticator app"
    work = factors.remove(came.who, factor.id, visitor=VISITOR, now=now)
    assert await code_of(work) == "LastFactor"
    await require(started, now, False)
    await factors.remove(came.who, factor.id, visitor=VISITOR, now=now)


async def test_a_stolen_session_sets_up_no_factor_of_its_own(
    started: Started, ann: User, now: datetime
) -> None:
    """The tenant began to require one while a session was open: whoever holds it needs the password too."""
    who = await signed_in(started, now)
    await require(started, now)
    later = now + FRESH + SECOND
    assert await started.authority.second_step.required(who)
    begun, _ = await started.authority.second_step.begin(who, later)
    work = started.authority.factors.offer_app(begun, who, "h", later)
    assert await code_of(work) == "ProofTooOld"
    work = started.authority.factors.offer_app(begun, None, "h", now)
    assert await code_of(work) == "ProofTooOld"


def test_the_picture_says_what_the_text_says() -> None:
    secret = bytes(range(20))
    address = totp.address(secret, ANN, "oob.example:8443")
    assert address.startswith("otpauth://totp/") and totp.text(secret).replace(" ", "") in address
    picture = totp.picture(address)
    assert picture.startswith("<svg") and "style" not in picture and "<script" not in picture


def test_codes_are_those_of_the_standard() -> None:
    """RFC 6238 appendix B, the last six of its eight digits."""
    secret = b"12345678901234567890"
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (20000000000, "353130")):
        assert totp.code_at(secret, datetime.fromtimestamp(seconds).astimezone()) == code
