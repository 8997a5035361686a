"""What is good once is good once, however many come at the same moment: on both databases, on PostgreSQL from
two nodes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime

import pytest

from outofband.core.errors import Fault
from outofband.identity.authority import Authority
from outofband.identity.clients import CLI
from outofband.identity.keys import Keys
from outofband.identity.oauth import OAuthFault, TokenResponse
from outofband.store.directory import Tenant
from outofband.store.store import Store
from tests.support.users import add_user, cheap_passwords
from tests.support.vault import TEST_KEYS
from tests.unit.identity.conftest import BASE, NOW, VISITOR
from tests.unit.identity.flows import Flows, given
from tests.unit.store.conftest import TENANT, cluster, store_url

__all__ = ["cluster", "store_url"]
pytestmark = pytest.mark.anyio
AT_ONCE = 6
"""Of each node."""


async def node(store_url: str) -> Flows:
    store = await Store.open(store_url, TEST_KEYS)
    authority = Authority(store, Keys(store), base=BASE, passwords=cheap_passwords())
    return Flows(authority, store, "organizations")


@pytest.fixture
async def nodes(store_url: str) -> AsyncIterator[list[Flows]]:
    first = await node(store_url)
    await Keys(first.store).ensure(NOW)
    async with first.store.write() as tx:
        tenant = Tenant(id=TENANT, name="Lab", domain="lab.example", created=NOW)
        await first.store.directory.add_tenant(tx, tenant)
    await add_user(first.store, TENANT, "ann@lab.example", now=NOW)
    second = await node(store_url) if first.store.db.dialect == "postgresql" else first
    yield [first, second]
    for store in {first.store, second.store}:
        await store.close()


async def race(
    nodes: list[Flows], one: Callable[[Flows], Awaitable[TokenResponse | OAuthFault]]
) -> list[TokenResponse]:
    """Those that won."""
    answers = await asyncio.gather(*(one(flows) for _ in range(AT_ONCE) for flows in nodes))
    return [each for each in answers if isinstance(each, TokenResponse)]


async def dead(flows: Flows, answer: TokenResponse, now: datetime) -> None:
    with pytest.raises(Fault, match="InvalidAuthenticationToken"):
        await flows.authority.verify_token(answer.access_token, now)


async def test_of_many_that_redeem_one_code_one_wins_and_nobody_keeps_it(
    nodes: list[Flows], now: datetime
) -> None:
    who, _ = await nodes[0].sign_in(now)
    code = await nodes[0].code(who, now)
    won = await race(nodes, lambda flows: flows.redeem(code, now))
    assert len(won) == 1
    await dead(nodes[1], won[0], now)


async def test_of_many_that_use_one_refresh_token_one_wins_and_nobody_keeps_it(
    nodes: list[Flows], now: datetime
) -> None:
    who, _ = await nodes[0].sign_in(now)
    first = given(await nodes[0].redeem(await nodes[0].code(who, now), now))
    won = await race(nodes, lambda flows: flows.refresh(str(first.refresh_token), now))
    assert len(won) == 1
    await dead(nodes[1], won[0], now)
    assert not await race(nodes, lambda flows: flows.refresh(str(won[0].refresh_token), now))


async def test_of_many_that_poll_with_one_device_code_one_wins(nodes: list[Flows], now: datetime) -> None:
    begun = await nodes[0].begin_device(now)
    who, _ = await nodes[1].sign_in(now)
    await nodes[1].authority.devices.decide(begun["user_code"], who, allow=True, visitor=VISITOR, now=now)
    won = await race(nodes, lambda flows: flows.poll(begun["device_code"], now))
    assert len(won) == 1
    await dead(nodes[1], won[0], now)


async def test_of_two_that_answer_one_device_code_the_first_counts(nodes: list[Flows], now: datetime) -> None:
    begun = await nodes[0].begin_device(now)
    people = [await flows.sign_in(now) for flows in nodes]

    async def answer(flows: Flows, number: int, *, allow: bool) -> bool:
        try:
            await flows.authority.devices.decide(
                begun["user_code"], people[number][0], allow=allow, visitor=VISITOR, now=now
            )
        except Fault as fault:
            assert fault.code == "DeviceCodeOver"
            return False
        return True

    allowed, refused = await asyncio.gather(answer(nodes[0], 0, allow=True), answer(nodes[1], 1, allow=False))
    assert allowed != refused
    got = await nodes[0].poll(begun["device_code"], now)
    assert isinstance(got, TokenResponse) is allowed


async def test_what_one_node_ends_is_over_on_the_other(nodes: list[Flows], now: datetime) -> None:
    one, two = nodes
    who, secret = await one.sign_in(now)
    page = given(await two.redeem(await one.code(who, now), now))
    program = given(await two.redeem(await one.code(who, now, CLI.id), now, CLI.id))
    await two.authority.verify_token(page.access_token, now)
    await one.authority.sessions.sign_out(who, VISITOR, now)
    await dead(two, page, now)
    assert await two.authority.sessions.at(secret, now) is None
    await two.authority.verify_token(program.access_token, now)


async def test_failures_on_all_nodes_count_together(nodes: list[Flows], now: datetime) -> None:
    async def wrong(flows: Flows) -> str:
        try:
            await flows.authority.sign_in.enter(
                "ann", "wrong", tenant="organizations", visitor=VISITOR, now=now
            )
        except Fault as fault:
            return fault.code
        return "in"

    codes = [await wrong(nodes[number % 2]) for number in range(20)]
    assert codes == ["WrongCredentials"] * 19 + ["AccountLocked"]
