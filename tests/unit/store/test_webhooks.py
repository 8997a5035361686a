"""The outbox of webhooks: in order, one attempt at a time, never endless."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest

from outofband.store import webhooks
from outofband.store.store import Store
from outofband.store.webhooks import Delivery, Webhook
from outofband.store.wrapping import WEBHOOKS
from tests.unit.store.conftest import SUBSCRIPTION

pytestmark = pytest.mark.anyio
SECOND = timedelta(seconds=1)


def hook(store: Store, now: datetime, name: str = "Pager") -> Webhook:
    return Webhook(
        id=f"id-{name}",
        subscription_id=SUBSCRIPTION,
        name=name,
        url="https://x.example/",
        severity="warning",
        enabled=True,
        authorities=None,
        secret=store.vault.seal(b"k" * 32, WEBHOOKS.about(f"id-{name}")),
        wrap=store.vault.name,
        created=now,
        changed=now,
        changed_by="t",
        delivered=0,
        failed=0,
        tried=None,
        status=None,
        trouble=None,
    )


async def enqueue(store: Store, webhook: Webhook, now: datetime, *events: str) -> None:
    async with store.write() as tx:
        for event in events:
            await store.webhooks.enqueue(tx, webhook.id, event=event, body=b"{}", now=now)


async def due(store: Store, now: datetime) -> list[Delivery]:
    async with store.read() as tx:
        return await store.webhooks.due(tx, now, 10)


async def test_a_webhook_is_found_by_name_and_keeps_its_counts(store: Store, now: datetime) -> None:
    one = hook(store, now)
    async with store.write() as tx:
        await store.webhooks.put(tx, one)
        await store.webhooks.enqueue(tx, one.id, event="e1", body=b"{}", now=now)
        (delivery,) = await store.webhooks.due(tx, now, 10)
        await store.webhooks.settle(tx, delivery, now=now, status=200, trouble=None, again=None)
        await store.webhooks.put(tx, msgspec.structs.replace(one, url="https://y.example/"))
        found = await store.webhooks.get(tx, SUBSCRIPTION.upper(), "PAGER")
    assert found is not None and (found.url, found.delivered, found.status) == ("https://y.example/", 1, 200)
    assert store.vault.unseal(found.secret, WEBHOOKS.about(found.id), found.wrap) == b"k" * 32


async def test_the_oldest_of_each_and_the_others_wait(store: Store, now: datetime) -> None:
    one, two = hook(store, now), hook(store, now, "other")
    async with store.write() as tx:
        await store.webhooks.put(tx, one)
        await store.webhooks.put(tx, two)
    await enqueue(store, one, now, "a1", "a2")
    await enqueue(store, two, now, "b1")
    first, other = await due(store, now)
    assert {first.event, other.event} == {"a1", "b1"}
    first = first if first.event == "a1" else other
    async with store.write() as tx:
        assert await store.webhooks.claim(tx, first, now + 60 * SECOND)
        assert not await store.webhooks.claim(tx, first, now + 60 * SECOND), "somebody else has it"
    assert [each.event for each in await due(store, now)] == ["b1"], "a2 waits for a1"
    assert {each.event for each in await due(store, now + 60 * SECOND)} == {"a1", "b1"}, "its taker died"
    async with store.write() as tx:
        later = now + 5 * SECOND
        await store.webhooks.settle(tx, first, now=now, status=503, trouble="no", again=later)
        assert await store.webhooks.waiting(tx, [one.id, two.id]) == {one.id: 2, two.id: 1}
        await store.webhooks.put(tx, msgspec.structs.replace(one, enabled=False))
    assert [each.event for each in await due(store, later)] == ["b1"], "one that is off is left alone"
    async with store.write() as tx:
        await store.webhooks.put(tx, one)
        (again,) = [each for each in await store.webhooks.due(tx, later, 10) if each.event == "a1"]
        assert again.attempts == 1
        await store.webhooks.settle(tx, again, now=later, status=410, trouble="gone", again=None)
        found = await store.webhooks.by_id(tx, one.id)
    assert found is not None and (found.failed, found.trouble) == (1, "gone")
    assert {each.event for each in await due(store, later)} == {"a2", "b1"}
    async with store.write() as tx:
        await store.webhooks.remove(tx, one.id)
    assert [each.event for each in await due(store, later)] == ["b1"]


async def test_not_more_than_so_many_wait(
    store: Store, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "MAX_WAITING", 3)
    one = hook(store, now)
    async with store.write() as tx:
        await store.webhooks.put(tx, one)
    await enqueue(store, one, now, *(f"e{n}" for n in range(5)))
    assert [each.event for each in await due(store, now)] == ["e2"]
    async with store.read() as tx:
        found = await store.webhooks.by_id(tx, one.id)
    assert found is not None and found.failed == 2 and "more than" in (found.trouble or "")


async def test_webhooks_take_turns(store: Store, now: datetime) -> None:
    slow, other = hook(store, now), hook(store, now, "other")
    async with store.write() as tx:
        await store.webhooks.put(tx, slow)
        await store.webhooks.put(tx, other)
    await enqueue(store, slow, now, "a1", "a2", "a3")
    await enqueue(store, other, now + SECOND, "b1")
    later = now + 10 * SECOND
    async with store.write() as tx:
        (first,) = await store.webhooks.due(tx, later, 1)
        assert first.event == "a1"
        await store.webhooks.settle(tx, first, now=later, status=200, trouble=None, again=None)
        assert [each.event for each in await store.webhooks.due(tx, later, 2)] == ["b1", "a2"]


async def test_what_is_under_way_for_a_deleted_webhook_ends_nobody_elses(store: Store, now: datetime) -> None:
    one, two = hook(store, now), hook(store, now, "other")
    async with store.write() as tx:
        await store.webhooks.put(tx, one)
        await store.webhooks.put(tx, two)
    await enqueue(store, one, now, "a1")
    (under_way,) = await due(store, now)
    async with store.write() as tx:
        await store.webhooks.remove(tx, one.id)
    await enqueue(store, two, now, "b1")
    async with store.write() as tx:
        await store.webhooks.settle(tx, under_way, now=now, status=200, trouble=None, again=None)
    assert [each.event for each in await due(store, now)] == ["b1"]
