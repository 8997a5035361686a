"""Agents, enrolment tokens and the command outbox."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import msgspec
import pytest

from outofband.core.errors import Fault
from outofband.store import outbox
from outofband.store.agents import GONE, Agent, topic
from outofband.store.outbox import command_topic, outbox_topic
from outofband.store.store import Store
from tests.unit.store.conftest import SUBSCRIPTION, TENANT

pytestmark = pytest.mark.anyio
MINUTE = timedelta(minutes=1)


async def enrol(store: Store, now: datetime, name: str = "Host1", key: str = "key1") -> Agent:
    async with store.write() as tx:
        return await store.agents.enrol(
            tx,
            name=name,
            tenant_id=TENANT,
            subscription_id=SUBSCRIPTION,
            resource_group="Demo",
            public_key=key,
            now=now,
        )


async def test_a_key_enrols_one_agent(populated: Store, now: datetime) -> None:
    store = populated
    first = await enrol(store, now)
    assert await enrol(store, now + MINUTE, name="whatever") == first
    assert first.link_id is None
    assert first.resource_id.endswith("/resourceGroups/Demo/providers/Microsoft.HybridCompute/machines/Host1")
    with pytest.raises(Fault, match="AgentNameTaken"):
        await enrol(store, now, name="HOST1", key="key2")
    async with store.write() as tx:
        assert await store.agents.at(tx, SUBSCRIPTION.upper(), "demo", "host1") == first
        assert await store.agents.revoke(tx, first.id, now)
        assert await store.agents.find(tx) == []
    with pytest.raises(Fault, match="AgentRevoked"):
        await enrol(store, now)
    async with store.write() as tx:
        assert await store.agents.remove(tx, first.id)
    assert (await enrol(store, now, key="key2")).id != first.id


async def test_a_machine_awaits_its_claim(populated: Store, now: datetime) -> None:
    store = populated
    place = {"tenant_id": TENANT, "subscription_id": SUBSCRIPTION, "resource_group": "Demo", "now": now}
    host = await enrol(store, now)
    async with store.write() as tx:
        made = await store.agents.make(
            tx, name="srv", public_key="key2", tags={"a": "b"}, properties={"vmId": "v"}, **place
        )
        assert made.awaiting and not made.trusted(now)
        assert (made.tags, made.properties, made.certificate_expires) == ({"a": "b"}, {"vmId": "v"}, None)
        for name, key, refusal in (("SRV", "key3", "AgentNameTaken"), ("srv2", "key1", "AgentKeyTaken")):
            with pytest.raises(Fault, match=refusal):
                await store.agents.make(tx, name=name, public_key=key, **place)
        with pytest.raises(Fault, match="AgentKeyTaken"):
            await store.agents.update(tx, made.id, public_key="key1")
        assert await store.agents.unaware(tx, now) == [host.name], "nobody told it anything yet"
    with store.bell.listen(GONE) as ear:
        async with store.write() as tx:
            changed = await store.agents.update(
                tx, made.id, public_key="key4", awaiting=False, certificate_expires=now + MINUTE
            )
        assert await ear.wait(1.0), "another key"
    assert changed is not None and changed.trusted(now + 2 * MINUTE), "its agent takes no certificates"
    assert not msgspec.structs.replace(changed, renews=True).trusted(now + MINUTE)
    async with store.write() as tx:
        assert await store.agents.save_beat(tx, made.id, {"services": {}}, now + MINUTE)
        assert await store.agents.alive(tx) == {host.id: "key1", made.id: "key4"}
        assert await store.agents.revoke(tx, made.id, now)
        assert await store.agents.alive(tx) == {host.id: "key1"}
        assert not await store.agents.attach(tx, made.id, link="l1", node="n1", now=now)
        found = await store.agents.get(tx, made.id)
    assert found is not None and (found.beat, found.link_id) == ({"services": {}}, None)


async def test_a_groups_tokens_go_with_it(populated: Store, now: datetime) -> None:
    store = populated
    async with store.write() as tx:
        for group in ("Demo", "Other"):
            await store.enrolment.make(
                tx, tenant_id=TENANT, subscription_id=SUBSCRIPTION, resource_group=group, by="ann", now=now
            )
        assert await store.enrolment.remove_in(tx, SUBSCRIPTION.upper(), "demo") == 1


async def test_an_old_link_cannot_end_a_new_one(populated: Store, now: datetime) -> None:
    store = populated
    agent = await enrol(store, now)
    with store.bell.listen(topic(agent.id)) as ear:
        async with store.write() as tx:
            await store.agents.attach(tx, agent.id, link="l1", node="n1", now=now, version="1.0")
        assert await ear.wait(1.0)
    async with store.write() as tx:
        await store.agents.attach(tx, agent.id, link="l2", node="n2", now=now + MINUTE)
        assert not await store.agents.detach(tx, agent.id, link="l1", now=now)
        assert [each.link_id for each in await store.agents.find(tx, connected=True)] == ["l2"]
        assert await store.agents.detach_node(tx, "n1") == 0
        assert await store.agents.detach_node(tx, "n2") == 1
        assert await store.agents.find(tx, connected=True) == []
        found = await store.agents.get(tx, agent.id)
    assert found is not None
    assert (found.version, found.last_seen) == ("1.0", now + MINUTE)


async def test_inventory_and_heartbeats(populated: Store, now: datetime) -> None:
    store = populated
    one, two = await enrol(store, now), await enrol(store, now, "h2", "key2")
    async with store.write() as tx:
        assert await store.agents.save_inventory(tx, one.id, {"machines": [{"vm": "x"}]}, now)
        assert await store.agents.touch(tx, [one.id, two.id], now + MINUTE) == 2
        found = await store.agents.find(tx, subscription_id=SUBSCRIPTION)
    assert [each.last_seen for each in found] == [now + MINUTE] * 2
    assert sorted(str(each.inventory) for each in found) == ["None", "{'machines': [{'vm': 'x'}]}"]


async def test_a_token_belongs_to_the_first_key(populated: Store, now: datetime) -> None:
    store = populated
    async with store.write() as tx:
        token, secret = await store.enrolment.make(
            tx, tenant_id=TENANT, subscription_id=SUBSCRIPTION, resource_group="Demo", by="ann", now=now
        )
    agent = await enrol(store, now)
    async with store.write() as tx:
        first = await store.enrolment.redeem(tx, token.id, secret, "key1", now)
        await store.enrolment.settle(tx, token.id, agent.id)
        late = now + timedelta(days=9)
        again = await store.enrolment.redeem(tx, token.id, secret, "key1", late)
        assert (first.used, again.used, again.agent_id) == (now, now, agent.id)
        for wrong in ((token.id, secret, "key2"), (token.id, "x", "key1"), ("x", secret, "key1")):
            with pytest.raises(Fault, match="EnrollmentTokenInvalid"):
                await store.enrolment.redeem(tx, *wrong, now)


async def test_a_race_for_a_token_has_one_winner(populated: Store, now: datetime) -> None:
    store = populated
    async with store.write() as tx:
        token, secret = await store.enrolment.make(
            tx, tenant_id=TENANT, subscription_id=SUBSCRIPTION, resource_group="Demo", by="ann", now=now
        )

    async def redeem(key: str) -> bool:
        try:
            async with store.write() as tx:
                await store.enrolment.redeem(tx, token.id, secret, key, now)
        except Fault:
            return False
        return True

    assert sorted(await asyncio.gather(*(redeem(f"key{each}") for each in range(8)))) == [False] * 7 + [True]


async def test_an_unused_token_ends(populated: Store, now: datetime) -> None:
    store = populated
    async with store.write() as tx:
        token, secret = await store.enrolment.make(
            tx,
            tenant_id=TENANT,
            subscription_id=SUBSCRIPTION,
            resource_group="Demo",
            by="ann",
            now=now,
            life=MINUTE,
        )
        with pytest.raises(Fault, match="EnrollmentTokenInvalid"):
            await store.enrolment.redeem(tx, token.id, secret, "key1", now + MINUTE)
        assert await store.enrolment.prune(tx, now + MINUTE) == 0
        assert await store.enrolment.prune(tx, now + 2 * MINUTE) == 1


async def test_commands_are_sent_until_answered(populated: Store, now: datetime) -> None:
    store = populated
    agent = await enrol(store, now)

    async def put(key: str, minutes: int = 5) -> list[str]:
        """What was rung for it."""
        async with store.write() as tx:
            await store.outbox.put(
                tx,
                key=key,
                agent_id=agent.id,
                verb="vm.start",
                vm="v",
                now=now,
                deadline=now + minutes * MINUTE,
            )
            return tx.topics

    with store.bell.listen(outbox_topic(agent.id)) as ear:
        assert await put("k1") == [outbox_topic(agent.id)]
        assert await ear.wait(1.0)
    # Not by an ear: on PostgreSQL the first ring comes once more, by way of the database, whenever it does.
    assert await put("k1") == []
    await put("k2", minutes=1)
    await put("k3")
    async with store.write() as tx:
        waiting = await store.outbox.open(tx, agent.id, now)
        assert [each.key for each in waiting] == ["k1", "k2", "k3"]
        assert [each.key for each in await store.outbox.open(tx, agent.id, now + MINUTE)] == ["k1", "k3"]
        newer = await store.outbox.open(tx, agent.id, now, after=waiting[1].sequence)
        assert [each.key for each in newer] == ["k3"]
        await store.outbox.sent(tx, ["k1", "k3"], now)
        await store.outbox.sent(tx, ["k1"], now + MINUTE)
        again = await store.outbox.get(tx, "k1")
    assert again is not None and (again.sends, again.sent) == (2, now + MINUTE)
    with store.bell.listen(command_topic("k1")) as ear:
        async with store.write() as tx:
            assert not await store.outbox.answer(tx, "k1", "another agent", {"outcome": "failed"}, now)
            assert await store.outbox.answer(tx, "k1", agent.id, {"outcome": "succeeded"}, now)
            assert not await store.outbox.answer(tx, "k1", agent.id, {"outcome": "failed"}, now)
        assert await ear.wait(1.0)
    async with store.write() as tx:
        answered = await store.outbox.get(tx, "k1")
        assert [each.key for each in await store.outbox.open(tx, agent.id, now)] == ["k2", "k3"]
        assert await store.outbox.prune(tx, now + 3 * MINUTE) == 1
    assert answered is not None and answered.result == {"outcome": "succeeded"}


async def test_a_host_that_takes_nothing_is_told_of(
    populated: Store, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MAX_OPEN", 2)
    store = populated
    agent = await enrol(store, now)
    async with store.write() as tx:
        for key in ("k1", "k2"):
            await store.outbox.put(tx, key=key, agent_id=agent.id, verb="v", now=now, deadline=now + MINUTE)
        with pytest.raises(Fault, match="AgentQueueFull"):
            await store.outbox.put(tx, key="k3", agent_id=agent.id, verb="v", now=now, deadline=now + MINUTE)
        await store.outbox.answer(tx, "k1", agent.id, {}, now)
        await store.outbox.put(tx, key="k3", agent_id=agent.id, verb="v", now=now, deadline=now + MINUTE)
