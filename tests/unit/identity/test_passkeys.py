"""Passkeys: what completes a sign-in, what is refused, and whom they keep in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from outofband.identity.second_step import Address
from outofband.identity.sign_in import Half
from outofband.store.factors import FactorKind
from outofband.store.people import User
from outofband.store.sign_in_failures import MAX_FAILURES
from tests.support.authenticator import PRESENT, Passkey
from tests.unit.identity.conftest import ANN, VISITOR, Started
from tests.unit.identity.factors import (
    AT,
    code_of,
    enter,
    half,
    signed_in,
    with_passkey,
)
from tests.unit.identity.test_sign_in import rows

pytestmark = pytest.mark.anyio
NUMBERS = Address.of("https://127.0.0.1:8443")


@pytest.mark.parametrize("attestation", ["none", "packed"])
async def test_a_passkey_completes_the_sign_in(
    started: Started, ann: User, now: datetime, attestation: str
) -> None:
    key = Passkey()
    made = await with_passkey(started, now, key, attestation=attestation)
    assert made.who.session.methods == "pwd fido mfa"
    [factor] = (await started.authority.factors.overview(ann)).factors
    assert (factor.kind, factor.host, factor.transports) == (FactorKind.PASSKEY, "localhost", ["usb"])
    second = started.authority.second_step
    asked = await half(started, now)
    # It belongs to a host name, and is not asked for elsewhere.
    assert await second.asks_passkey(asked, NUMBERS) is None
    assert await second.asks_passkey(asked, Address.of("https://oob.example:8443")) is None
    options = await second.asks_passkey(asked, AT)
    assert options is not None
    came = await second.passkey(asked, key.show(options, AT.origin), AT, visitor=VISITOR, now=now)
    assert came.who.session.methods == "pwd fido mfa"


FORGERIES: dict[str, dict[str, Any]] = {
    "another origin": {"origin": "https://evil.example"},
    "another port": {"origin": "https://localhost:9443"},
    "plain http": {"origin": "http://localhost:8443"},
    "another host": {"host": "evil.example"},
    "another challenge": {"challenge": "AAAA"},
    "another kind": {"type": "webauthn.create"},
    "another key": {"key": ec.generate_private_key(ec.SECP256R1())},
    "nobody present": {"flags": 0},
    "another user": {"user": b"0123456789abcdef"},
}


@pytest.mark.parametrize("what", list(FORGERIES))
async def test_a_forged_answer_is_refused(started: Started, ann: User, now: datetime, what: str) -> None:
    key, changes = Passkey(), dict(FORGERIES[what])
    await with_passkey(started, now, key)
    second, asked = started.authority.second_step, await half(started, now)
    options = await second.asks_passkey(asked, AT)
    assert options is not None
    answer = key.show(options, changes.pop("origin", AT.origin), **changes)
    assert await code_of(second.passkey(asked, answer, AT, visitor=VISITOR, now=now)) == "PasskeyRefused"
    # The question was good once, whatever came of it.
    good = key.show(options, AT.origin)
    assert await code_of(second.passkey(asked, good, AT, visitor=VISITOR, now=now)) == "SignInOver"
    assert (await rows(started.store))[-1].sub_status == "PasskeyRefused"


@pytest.mark.parametrize("answer", ["", "{}", "[]", "x" * 20_000, '{"id": 7}', '{"id":"a","response":{}}'])
async def test_what_is_no_answer_is_refused(started: Started, ann: User, now: datetime, answer: str) -> None:
    await with_passkey(started, now, Passkey())
    second, asked = started.authority.second_step, await half(started, now)
    await second.asks_passkey(asked, AT)
    assert await code_of(second.passkey(asked, answer, AT, visitor=VISITOR, now=now)) == "PasskeyRefused"


async def test_a_count_that_does_not_grow_is_told(started: Started, ann: User, now: datetime) -> None:
    key = Passkey(count=5)
    await with_passkey(started, now, key)
    second = started.authority.second_step
    for count, code in ((3, "PasskeyCopied"), (4, "PasskeyCopied"), (5, None)):
        key.count = count
        asked = await half(started, now)
        options = await second.asks_passkey(asked, AT)
        assert options is not None
        work = second.passkey(asked, key.show(options, AT.origin), AT, visitor=VISITOR, now=now)
        if code is None:
            await work
        else:
            assert await code_of(work) == code


async def test_one_that_does_not_count_is_fine(started: Started, ann: User, now: datetime) -> None:
    key = Passkey(counts=False, verifies=False)
    await with_passkey(started, now, key)
    second = started.authority.second_step
    for _ in range(2):
        asked = await half(started, now)
        options = await second.asks_passkey(asked, AT)
        assert options is not None
        await second.passkey(asked, key.show(options, AT.origin), AT, visitor=VISITOR, now=now)


async def test_a_passkey_alone_has_to_verify_its_user(started: Started, ann: User, now: datetime) -> None:
    key, second = Passkey(), started.authority.second_step
    await with_passkey(started, now, key)
    options, secret = await second.begin_passkey(AT, VISITOR, now)
    came = await second.enter_by_passkey(secret, key.show(options, AT.origin), AT, visitor=VISITOR, now=now)
    assert (came.who.user.name, came.who.session.methods) == (ANN, "fido mfa")
    # The cookie is worth nothing a second time, nor as half a sign-in.
    assert await second.at(secret, now) is None
    answer = key.show(options, AT.origin)
    work = second.enter_by_passkey(secret, answer, AT, visitor=VISITOR, now=now)
    assert await code_of(work) == "SignInOver"
    for changes in ({"flags": PRESENT}, {"user": b""}, {"challenge": "AAAA"}):
        options, secret = await second.begin_passkey(AT, VISITOR, now)
        answer = key.show(options, AT.origin, **changes)  # type: ignore[arg-type]
        work = second.enter_by_passkey(secret, answer, AT, visitor=VISITOR, now=now)
        assert await code_of(work) == "PasskeyRefused", changes
    options, secret = await second.begin_passkey(AT, VISITOR, now)
    stranger = Passkey()
    stranger.user = key.user
    work = second.enter_by_passkey(secret, stranger.show(options, AT.origin), AT, visitor=VISITOR, now=now)
    assert await code_of(work) == "PasskeyRefused"
    assert await code_of(second.begin_passkey(NUMBERS, VISITOR, now)) == "PasskeyNeedsName"


async def test_who_fails_on_purpose_keeps_nobody_out_who_has_a_passkey(
    started: Started, ann: User, now: datetime
) -> None:
    """A lock is against guessing, and nobody guesses a passkey: the last administrator comes in with it."""
    key, second = Passkey(), started.authority.second_step
    await with_passkey(started, now, key)
    async with started.store.write() as tx:
        for _ in range(MAX_FAILURES):
            await started.store.sign_in_failures.failed(tx, ANN, now)
    assert await code_of(enter(started, now)) == "AccountLocked"
    options, secret = await second.begin_passkey(AT, VISITOR, now)
    forged = key.show(options, AT.origin, flags=PRESENT)
    work = second.enter_by_passkey(secret, forged, AT, visitor=VISITOR, now=now)
    assert await code_of(work) == "AccountLocked"
    options, secret = await second.begin_passkey(AT, VISITOR, now)
    came = await second.enter_by_passkey(secret, key.show(options, AT.origin), AT, visitor=VISITOR, now=now)
    assert came.who.user.name == ANN
    assert isinstance((await enter(started, now))[0], Half), "and the lock is gone"


async def test_a_passkey_of_somebody_switched_off_opens_nothing(
    started: Started, ann: User, now: datetime
) -> None:
    key, second = Passkey(), started.authority.second_step
    await with_passkey(started, now, key)
    async with started.store.write() as tx:
        await started.store.people.set_disabled(tx, ann.object_id, True)
    options, secret = await second.begin_passkey(AT, VISITOR, now)
    answer = key.show(options, AT.origin)
    work = second.enter_by_passkey(secret, answer, AT, visitor=VISITOR, now=now)
    assert await code_of(work) == "AccountDisabled"


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "https://evil.example"},
        {"host": "evil.example"},
        {"challenge": "AAAA"},
        {"type": "webauthn.get"},
        {"flags": 0},
    ],
)
async def test_a_forged_passkey_is_not_set_up(
    started: Started, ann: User, now: datetime, changes: dict[str, Any]
) -> None:
    factors, who = started.authority.factors, await signed_in(started, now)
    begun, _ = await started.authority.second_step.begin(who, now)
    options = await factors.asks_new_passkey(begun, who, AT, now)
    assert options is not None
    more = dict(changes)
    answer = Passkey().make(options, more.pop("origin", AT.origin), **more)
    work = factors.add_passkey(begun, who, answer, "", AT, visitor=VISITOR, now=now)
    assert await code_of(work) == "PasskeyRefused"
    good = Passkey().make(options, AT.origin)
    work = factors.add_passkey(begun, who, good, "", AT, visitor=VISITOR, now=now)
    assert await code_of(work) == "SignInOver"
    assert not (await factors.overview(ann)).factors
