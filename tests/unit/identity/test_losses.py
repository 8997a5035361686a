"""Tokens that are older than a loss: replaced by clients that can, refused or gone on with by others."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest

from outofband.core.errors import Fault
from outofband.identity import claims
from outofband.identity.oauth import OAuthFault, TokenResponse
from outofband.store.assignments import Assignment
from tests.support.users import add_user
from tests.unit.identity.conftest import VISITOR, Started
from tests.unit.identity.flows import Flows

pytestmark = pytest.mark.anyio
CAPABLE = '{"access_token": {"xms_cc": {"values": ["CP1"]}}}'
SECOND = timedelta(seconds=1)


async def given(started: Started, now: datetime, **changes: str) -> str:
    answer = await started.authority.issue_token(
        started.form(**changes), started.first.tenant_id, now=now, visitor=VISITOR
    )
    assert isinstance(answer, TokenResponse), answer
    return answer.access_token


async def refused(started: Started, token: str, now: datetime) -> Fault:
    with pytest.raises(Fault) as caught:
        await started.authority.verify_token(token, now)
    return caught.value


async def take_role(started: Started, now: datetime) -> None:
    """Give the program a role and take it back."""
    name, tenant = str(uuid.uuid4()), started.first.tenant_id
    async with started.store.write() as tx:
        await started.store.assignments.add(
            tx,
            Assignment(
                tenant_id=tenant,
                name=name,
                scope="/subscriptions/s",
                role_id=str(uuid.uuid4()),
                principal_id=started.first.object_id,
                principal_type="ServicePrincipal",
                created=now,
                created_by="test",
            ),
        )
        assert await started.store.assignments.remove(tx, tenant, "/subscriptions/s", name)


def asked_for(fault: Fault, now: datetime) -> bool:
    wanted: Any = fault.fields.get("claims")
    return bool(wanted == {"access_token": {"nbf": {"essential": True, "value": str(int(now.timestamp()))}}})


@pytest.mark.parametrize("capable", [True, False])
async def test_a_role_taken_needs_no_other_token(started: Started, now: datetime, capable: bool) -> None:
    """What a caller may do is read with each request. And az says of itself that it can answer a challenge,
    but most of its commands cannot: one that is not needed would end them.
    """
    old = await given(started, now, claims=CAPABLE if capable else "")
    await take_role(started, now)
    assert (await started.authority.verify_token(old, now)).capable is capable


@pytest.mark.parametrize("capable", [True, False])
async def test_a_secret_taken_ends_what_it_was_shown_for(
    started: Started, now: datetime, capable: bool
) -> None:
    asks = CAPABLE if capable else ""
    async with started.store.write() as tx:
        row, secret = await started.store.principals.add_secret(
            tx, started.first.object_id, label="second", now=now
        )
    other, kept = (
        await given(started, now, client_secret=secret, claims=asks),
        await given(started, now, claims=""),
    )
    async with started.store.write() as tx:
        assert await started.store.principals.remove_secret(tx, row.id)
    fault = await refused(started, other, now)
    assert fault.code == "InvalidAuthenticationToken"
    assert asked_for(fault, now) is capable
    assert (await started.authority.verify_token(kept, now)).app_id == started.first.client_id
    answer = await started.authority.issue_token(
        started.form(client_secret=secret), started.first.tenant_id, now=now, visitor=VISITOR
    )
    assert isinstance(answer, OAuthFault) and answer.code == 7000215


async def test_a_program_switched_off_and_on_again(started: Started, now: datetime) -> None:
    old = await given(started, now, claims=CAPABLE)
    async with started.store.write() as tx:
        await started.store.principals.set_disabled(tx, started.first.object_id, True)
    assert asked_for(await refused(started, old, now), now)
    async with started.store.write() as tx:
        await started.store.principals.set_disabled(tx, started.first.object_id, False)
    fault = await refused(started, old, now)
    assert fault.code == "TokenIssuedBeforeRevocationTimestamp" and asked_for(fault, now)
    # In the same second, whatever the clocks say: the next one is newer.
    wanted = '{"access_token": {"nbf": {"value": "1"}, "xms_cc": {"values": ["CP1"]}}}'
    await started.authority.verify_token(await given(started, now, claims=wanted), now)


async def test_a_program_switched_off_and_on_ends_the_tokens_of_others_too(
    started: Started, now: datetime
) -> None:
    old = await given(started, now, claims="")
    async with started.store.write() as tx:
        await started.store.principals.set_disabled(tx, started.first.object_id, True)
        await started.store.principals.set_disabled(tx, started.first.object_id, False)
    fault = await refused(started, old, now)
    assert fault.code == "TokenIssuedBeforeRevocationTimestamp" and "claims" not in fault.fields


@pytest.mark.parametrize("capable", [True, False])
async def test_a_sign_in_that_ended(started: Started, now: datetime, capable: bool) -> None:
    await add_user(started.store, started.first.tenant_id, "ann@outofband.local", now=now)
    flows = Flows(started.authority, started.store, started.first.tenant_id)
    who, _ = await flows.sign_in(now)
    answer = await flows.redeem(await flows.code(who, now), now, claims=CAPABLE if capable else "")
    assert isinstance(answer, TokenResponse)
    assert (await started.authority.verify_token(answer.access_token, now)).capable is capable
    await started.authority.sessions.sign_out(who, VISITOR, now)
    fault = await refused(started, answer.access_token, now)
    assert asked_for(fault, now) is capable
    assert isinstance(answer.refresh_token, str)
    again = await flows.refresh(answer.refresh_token, now, claims=CAPABLE)
    assert isinstance(again, OAuthFault) and (again.error, again.code) == ("invalid_grant", 50173)


async def test_claims_as_clients_write_them() -> None:
    text = (
        '{"access_token": {"nbf": {"essential": true, "value": "1700000000"}, "xms_cc": {"values": ["cp1"]},'
    )
    found = claims.read(text + ' "acrs": {"value": "c1"}, "email": null}, "id_token": {"auth_time": null}}')
    assert found is not None
    assert (found.not_before, found.capabilities) == (1700000000.0, ["cp1"])
    assert (found.texts("acrs"), found.texts("email"), found.texts("upn")) == (["c1"], [], [])


@pytest.mark.parametrize("text", ["{", "[]", '{"access_token": 1}', '{"access_token": {"a": 1}}', "[" * 9000])
async def test_claims_that_cannot_be_read(started: Started, now: datetime, text: str) -> None:
    assert claims.read(text) is None
    answer = await started.authority.issue_token(
        started.form(claims=text[:4000]), started.first.tenant_id, now=now, visitor=VISITOR
    )
    assert isinstance(answer, OAuthFault) and answer.code == 9002313


async def test_a_token_of_the_future_cannot_be_had(started: Started, now: datetime) -> None:
    async def ask(moment: datetime) -> TokenResponse | OAuthFault:
        wanted = f'{{"access_token": {{"nbf": {{"essential": true, "value": "{int(moment.timestamp())}"}}}}}}'
        return await started.authority.issue_token(
            started.form(claims=wanted), started.first.tenant_id, now=now, visitor=VISITOR
        )

    assert isinstance(await ask(now + 120 * SECOND), TokenResponse)
    late = await ask(now + 121 * SECOND)
    assert isinstance(late, OAuthFault) and late.code == 9002313
