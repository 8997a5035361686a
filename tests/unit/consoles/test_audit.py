"""Who was at a console, as the activity log has it: when, from where, how, and how it ended."""

from __future__ import annotations

import pytest

from outofband.consoles.audit import SESSION, Audit
from outofband.core import clock
from outofband.store.activity import ActivityEntry
from outofband.wire.grant import Mode
from outofband.wire.link import StreamFailed
from tests.support.actors import AgentPeer
from tests.support.plane import VM_ID, Plane, person
from tests.support.wait import until
from tests.unit.consoles.conftest import Attach

pytestmark = pytest.mark.anyio
PORT = f"{VM_ID}/providers/Microsoft.SerialConsole/serialPorts/0"


async def events(plane: Plane, count: int) -> list[ActivityEntry]:
    """The rows of the port, oldest first, as soon as there are `count`."""
    end = clock.monotonic() + 5
    while True:
        async with plane.store.read() as tx:
            page = await plane.store.activity.page(tx, resource=VM_ID)
        if len(page.items) >= count:
            assert len(page.items) == count
            assert {(each.resource_id, each.action) for each in page.items} <= {(PORT, SESSION)}
            return page.items[::-1]
        assert clock.monotonic() < end, page.items


async def test_coming_and_going(plane: Plane, agent: AgentPeer, attach: Attach) -> None:
    there = await attach(mode=Mode.OBSERVE, who=person("bob"))
    (began,) = await events(plane, 1)
    session = there.connection.session
    assert (began.status, began.correlation_id, began.caller) == ("Started", session, "bob")
    assert (began.object_id, began.client_address) == (person("bob").object_id, "127.0.0.1")
    assert began.properties["mode"] == "observe"
    assert began.properties["resumed"] is False
    await there.leave()
    began, ended = await events(plane, 2)
    assert (ended.status, ended.sub_status, ended.correlation_id) == ("Succeeded", "Left", session)
    assert ended.properties["reason"] == "Left"
    assert ended.properties["seconds"] >= 0
    assert ended.caller == "bob"


async def test_a_line_that_broke_and_came_back(plane: Plane, agent: AgentPeer, attach: Attach) -> None:
    first = await attach()
    await first.drop()
    assert [each.sub_status for each in await events(plane, 2)] == ["", "Dropped"]
    again = await attach(again=first)
    assert again.connection.session == first.connection.session
    back = (await events(plane, 3))[2]
    assert (back.status, back.properties["resumed"]) == ("Started", True)


async def test_whom_somebody_threw_out(plane: Plane, agent: AgentPeer, attach: Attach) -> None:
    await attach()
    await plane.sessions.end_where(vm=VM_ID, code="ConsoleDisabledForSubscription")
    ended = (await events(plane, 2))[1]
    assert (ended.status, ended.sub_status) == ("Succeeded", "ConsoleDisabledForSubscription")


async def test_who_never_saw_the_console(plane: Plane, agent: AgentPeer, attach: Attach) -> None:
    agent.refusal = StreamFailed("", "StreamFailed", {"detail": "no route"})
    waiting = await attach(wait=False)
    await until(lambda: waiting.ended)
    ended = (await events(plane, 2))[1]
    assert (ended.status, ended.level, ended.sub_status) == ("Failed", "Error", "StreamFailed")


async def test_a_ticket_nobody_used_is_no_session(plane: Plane, agent: AgentPeer) -> None:
    connection = await plane.connect(agent.identity.agent)
    await plane.sessions.end_where(session=connection.session, code="SessionEnded")
    assert await events(plane, 0) == []


async def test_a_control_plane_that_was_killed_tells_at_its_next_start(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    there = await attach()
    await events(plane, 1)
    await Audit(plane.store, "n1", live=(), resumable=frozenset()).restarted("ControlPlaneStopping")
    ended = (await events(plane, 2))[1]
    assert (ended.status, ended.sub_status) == ("Succeeded", "ControlPlaneStopping")
    assert ended.correlation_id == there.connection.session
