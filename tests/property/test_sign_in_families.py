"""Refresh tokens and device codes as state machines: whatever is done in whatever order, the authority says
what a small model of the rules says.

One store for all examples, for opening one takes longer than an example: each has a sign-in of its own.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outofband.core.errors import Fault
from outofband.identity.authority import Authority
from outofband.identity.clients import CLI, PORTAL
from outofband.identity.keys import Keys
from outofband.identity.oauth import TokenResponse
from outofband.identity.sessions import SignedIn
from outofband.store.device_codes import LIFE
from outofband.store.directory import Tenant
from outofband.store.store import Store
from tests.support.database import open_store
from tests.support.users import add_user, cheap_passwords
from tests.unit.identity.conftest import BASE, NOW, VISITOR
from tests.unit.identity.flows import Flows

TENANT = "11111111-0000-4000-8000-000000000001"


class House(msgspec.Struct):
    """Runs coroutines against one authority."""

    runner: asyncio.Runner
    flows: Flows
    visits: int = 0

    def visit(self) -> Flows:
        """From an address of its own: beginnings and failures are counted by address."""
        self.visits += 1
        visitor = msgspec.structs.replace(VISITOR, address=f"example {self.visits}")
        return msgspec.structs.replace(self.flows, visitor=visitor)


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        store, flows = runner.run(_open(Path(folder)))
        yield House(runner, flows)
        runner.run(store.close())


async def _open(folder: Path) -> tuple[Store, Flows]:
    store = await open_store(folder)
    await Keys(store).ensure(NOW)
    async with store.write() as tx:
        tenant = Tenant(id=TENANT, name="Lab", domain="lab.example", created=NOW)
        await store.directory.add_tenant(tx, tenant)
    await add_user(store, TENANT, "ann@lab.example", now=NOW)
    authority = Authority(store, Keys(store), base=BASE, passwords=cheap_passwords())
    return store, Flows(authority, store, "organizations")


class Family:
    """The rules: only the newest token is good, and only while nobody has used an older one."""

    def __init__(self) -> None:
        self.issued = 1
        self.alive = True

    def use(self, number: int) -> bool:
        """Whether token `number` (from 0) brings the next one."""
        good = self.alive and number == self.issued - 1
        if number < self.issued - 1:
            self.alive = False
        self.issued += good
        return good


Step = st.one_of(
    st.tuples(st.just("use"), st.integers(0, 6)),  # counted back from the newest: 0 is good
    st.tuples(st.just("wrong client"), st.integers(0, 6)),
    st.tuples(st.just("sign out"), st.just(0)),
)


@settings(max_examples=20, deadline=None)
@given(st.lists(Step, min_size=1, max_size=10))
def test_a_family_of_refresh_tokens(house: House, steps: list[tuple[str, int]]) -> None:
    house.runner.run(_family(house.visit(), steps))


async def _family(flows: Flows, steps: list[tuple[str, int]]) -> None:
    who, _ = await flows.sign_in(NOW)
    first = await flows.redeem(await flows.code(who, NOW), NOW)
    assert isinstance(first, TokenResponse)
    model, tokens, access = Family(), [str(first.refresh_token)], [first.access_token]
    for step, back in steps:
        number = max(0, len(tokens) - 1 - back)
        if step == "sign out":
            await flows.authority.sessions.sign_out(who, VISITOR, NOW)
            model.alive = False
        elif step == "wrong client":
            # Neither does it work nor does it spoil anything.
            assert not isinstance(await flows.refresh(tokens[number], NOW, CLI.id), TokenResponse)
        else:
            answer = await flows.refresh(tokens[number], NOW, PORTAL.id)
            assert isinstance(answer, TokenResponse) is model.use(number), steps
            if isinstance(answer, TokenResponse):
                assert str(answer.refresh_token) not in tokens
                tokens.append(str(answer.refresh_token))
                access.append(answer.access_token)
        # Every access token of the family lives and dies with it.
        for each in access:
            assert await _works(flows, each) is model.alive, steps


async def _works(flows: Flows, token: str) -> bool:
    try:
        await flows.authority.verify_token(token, NOW)
    except Fault as fault:
        assert fault.code == "InvalidAuthenticationToken"
        return False
    return True


class Device:
    """The rules of RFC 8628 for one code. Times in seconds from its beginning."""

    def __init__(self) -> None:
        self.state = "pending"
        self.interval = 5
        self.polled: int | None = None

    def poll(self, at: int) -> str:
        match self.state:
            case "redeemed":
                return "invalid_grant"
            case _ if at >= LIFE.total_seconds():
                return "expired_token"
            case "denied":
                return "authorization_declined"
            case "allowed":
                self.state = "redeemed"
                return "tokens"
        soon = self.polled is not None and at - self.polled < self.interval
        self.interval += 5 if soon else 0
        self.polled = at
        return "slow_down" if soon else "authorization_pending"

    def decide(self, at: int, state: str) -> bool:
        good = self.state == "pending" and at < LIFE.total_seconds()
        self.state = state if good else self.state
        return good


Act = st.tuples(
    st.sampled_from(["poll", "poll", "poll", "allow", "deny"]),
    st.sampled_from([0, 1, 5, 6, 10, 15, 20, 60, 300, 900]),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(Act, min_size=1, max_size=10))
def test_a_device_code(house: House, acts: list[tuple[str, int]]) -> None:
    house.runner.run(_device(house.visit(), acts))


async def _device(flows: Flows, acts: list[tuple[str, int]]) -> None:
    begun, (who, _) = await flows.begin_device(NOW), await flows.sign_in(NOW)
    model, at = Device(), 0
    for act, wait in acts:
        at += wait
        now = NOW + timedelta(seconds=at)
        if act == "poll":
            answer = await flows.poll(begun["device_code"], now)
            said = "tokens" if isinstance(answer, TokenResponse) else answer.error
            assert said == model.poll(at), acts
        else:
            state = "allowed" if act == "allow" else "denied"
            decided = await _decide(flows, begun["user_code"], who, now, allow=act == "allow")
            assert decided is model.decide(at, state), acts


async def _decide(flows: Flows, user_code: str, who: SignedIn, now: datetime, *, allow: bool) -> bool:
    devices = flows.authority.devices
    try:
        await devices.decide(user_code, who, allow=allow, visitor=flows.visitor, now=now)
    except Fault as fault:
        assert fault.code == "DeviceCodeOver"
        return False
    return True
