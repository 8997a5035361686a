"""What happened: the activity log, console sessions, the consoles' switch."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from outofband.core.errors import Fault
from outofband.core.ids import parse_id
from outofband.core.principal import Principal
from outofband.store.console_settings import topic
from outofband.store.store import Store
from tests.unit.store.conftest import SUBSCRIPTION

pytestmark = pytest.mark.anyio
MINUTE = timedelta(minutes=1)
VM = parse_id(
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/Demo/providers/Microsoft.Compute/virtualMachines/Web"
)
ACTION = "Microsoft.Compute/virtualMachines/start/action"


async def test_activity_is_read_newest_first_in_pages(
    store: Store, now: datetime, principal: Principal
) -> None:
    async with store.write() as tx:
        for number in range(5):
            await store.activity.add(
                tx,
                now=now + number * MINUTE,
                principal=principal,
                resource=VM,
                action=ACTION,
                status="Failed" if number == 4 else "Succeeded",
                sub_status="Conflict" if number == 4 else "",
                correlation_id=f"c{number}",
                client_address="192.0.2.1",
                properties={"n": number},
            )
        group = parse_id(f"/subscriptions/{SUBSCRIPTION}/resourceGroups/Other")
        await store.activity.add(
            tx,
            now=now,
            principal=principal,
            resource=group,
            action="x/write",
            status="Started",
            correlation_id="o",
        )
    async with store.read() as tx:

        async def found(**query: object) -> list[int]:
            page = await store.activity.page(tx, **query)  # type: ignore[arg-type]
            return [each.properties.get("n", -1) for each in page.items]

        assert await found(subscription=SUBSCRIPTION.upper()) == [-1, 4, 3, 2, 1, 0]
        assert await found(subscription=SUBSCRIPTION, group="DEMO") == [4, 3, 2, 1, 0]
        assert await found(resource=str(VM).upper()) == [4, 3, 2, 1, 0]
        assert await found(resource=VM, since=now + MINUTE, until=now + 3 * MINUTE) == [3, 2, 1]
        assert await found(correlation_id="c2") == [2]
        first = await store.activity.page(tx, resource=VM, limit=3)
        rest = await store.activity.page(tx, resource=VM, limit=3, after=first.after)
        assert [each.properties["n"] for each in (*first.items, *rest.items)] == [4, 3, 2, 1, 0]
        assert rest.after is None
        for foreign in ("x", "-1", "9" * 30, "١"):
            with pytest.raises(Fault, match="InvalidParameter"):
                await store.activity.page(tx, after=foreign)
    newest = first.items[0]
    assert (newest.level, newest.caller, newest.scope) == ("Error", "ann", str(VM))
    assert (newest.resource_type, newest.operation_id) == ("Microsoft.Compute/virtualMachines", "c4")
    async with store.write() as tx:
        assert await store.activity.prune(tx, now + MINUTE) == 0, "what is in a chain goes by whole days"


async def test_a_session_is_noted_from_ticket_to_end(
    store: Store, now: datetime, principal: Principal
) -> None:
    async with store.write() as tx:
        for name in ("s1", "s2", "s3"):
            await store.sessions.start(
                tx,
                session=name,
                vm=VM,
                port="0",
                principal=principal,
                node="n2" if name == "s3" else "n1",
                now=now + int(name[1]) * MINUTE,
            )
        viewer = {"client_address": "192.0.2.1", "client": "oob 1"}
        assert await store.sessions.attach(tx, "s1", mode="observe", now=now + 5 * MINUTE, **viewer)
        assert await store.sessions.attach(tx, "s1", mode="write", now=now + 6 * MINUTE, **viewer)
        taken = await store.sessions.end(
            tx, "s1", "TakenOver", now + 7 * MINUTE, bytes_in=5, bytes_out=7_000_000_000
        )
        assert taken
        assert not await store.sessions.end(tx, "s1", "SessionEnded", now + 8 * MINUTE)
        assert not await store.sessions.attach(tx, "s1", mode="write", now=now, **viewer)
        ended = await store.sessions.get(tx, "s1")
        assert [each.id for each in await store.sessions.live(tx, vm=str(VM).upper())] == ["s2", "s3"]
        assert await store.sessions.end_node(tx, "n1", "NodeRestarted", now + 9 * MINUTE) == 1
        assert [each.id for each in await store.sessions.live(tx)] == ["s3"]
        assert [each.id for each in await store.sessions.live(tx, node="n1")] == []
        assert [each.id for each in await store.sessions.history(tx, VM, limit=2)] == ["s3", "s2"]
    assert ended is not None
    assert (ended.bytes_in, ended.bytes_out) == (5, 7_000_000_000)
    assert (ended.mode, ended.attached) == ("write", now + 5 * MINUTE)
    assert (ended.ended, ended.reason, ended.principal_name) == (now + 7 * MINUTE, "TakenOver", "ann")


async def test_consoles_are_on_until_switched_off(populated: Store, now: datetime) -> None:
    store = populated
    async with store.read() as tx:
        assert not await store.console_settings.disabled(tx, SUBSCRIPTION)
    for wanted in (True, True, False):
        with store.bell.listen(topic(SUBSCRIPTION)) as ear:
            async with store.write() as tx:
                await store.console_settings.set_disabled(tx, SUBSCRIPTION.upper(), wanted, by="ann", now=now)
            assert await ear.wait(1.0)
        async with store.read() as tx:
            assert await store.console_settings.disabled(tx, SUBSCRIPTION) is wanted
