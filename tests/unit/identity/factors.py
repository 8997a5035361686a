"""Ann, who has or sets up second factors, for the tests of them."""

from __future__ import annotations

import base64
from collections.abc import Awaitable
from datetime import datetime
from typing import Any

import pytest

from outofband.core.errors import Fault
from outofband.identity import totp
from outofband.identity.second_step import Address, Came
from outofband.identity.sessions import SignedIn
from outofband.identity.sign_in import Half
from tests.support.authenticator import Passkey
from tests.support.users import PASSWORD
from tests.unit.identity.conftest import VISITOR, Started

AT = Address.of("https://localhost:8443")


async def require(started: Started, now: datetime, required: bool = True) -> None:
    async with started.store.write() as tx:
        tenant = started.first.tenant_id
        await started.store.sign_in_policies.set(tx, tenant, require_mfa=required, by="test", now=now)


async def enter(started: Started, now: datetime, **more: Any) -> tuple[SignedIn | Half, str]:
    return await started.authority.sign_in.enter(
        "ann", PASSWORD, tenant="organizations", visitor=VISITOR, now=now, **more
    )


async def half(started: Started, now: datetime) -> Half:
    """After the right password, when more is asked for."""
    came, secret = await enter(started, now)
    assert isinstance(came, Half)
    # What the cookie of half a sign-in stands for is no session.
    assert await started.authority.sessions.at(secret, now) is None
    return came


async def signed_in(started: Started, now: datetime) -> SignedIn:
    came, _ = await enter(started, now)
    assert isinstance(came, SignedIn)
    return came


async def code_of(work: Awaitable[Any]) -> str:
    with pytest.raises(Fault) as caught:
        await work
    return caught.value.code


def secret_of(text: str) -> bytes:
    return base64.b32decode(text.replace(" ", ""))


async def with_app(started: Started, now: datetime) -> tuple[bytes, Came]:
    """Set an app up on the account page of somebody who has just signed in."""
    who = await signed_in(started, now)
    begun, _ = await started.authority.second_step.begin(who, now)
    offer = await started.authority.factors.offer_app(begun, who, "localhost:8443", now)
    secret = secret_of(offer.secret)
    came = await started.authority.factors.add_app(
        begun, who, totp.code_at(secret, now), "Phone", visitor=VISITOR, now=now
    )
    return secret, came


async def with_passkey(started: Started, now: datetime, key: Passkey, **more: Any) -> Came:
    who = await signed_in(started, now)
    begun, _ = await started.authority.second_step.begin(who, now)
    options = await started.authority.factors.asks_new_passkey(begun, who, AT, now)
    assert options is not None
    return await started.authority.factors.add_passkey(
        begun, who, key.make(options, AT.origin, **more), "Key", AT, visitor=VISITOR, now=now
    )
