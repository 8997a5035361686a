"""Who was at a console, as the activity log has it: when, from where, how, and how it ended."""

from __future__ import annotations

from typing import Any

import pytest

from outofband.consoles.audit import KEYBOARD, SESSION, UNKNOWN, Audit
from outofband.core import clock
from outofband.store.activity import ActivityEntry
from outofband.store.store import Store
from outofband.wire import stream
from outofband.wire.console import MAX_UNCONFIRMED
from outofband.wire.grant import Mode
from outofband.wire.link import StreamFailed
from tests.support.actors import AgentPeer, viewer
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
            assert {each.resource_id for each in page.items} <= {PORT}
            assert {each.action for each in page.items} <= {SESSION, KEYBOARD}
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


class Asked:
    """The plane's own store, and what was asked of it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.asked.append(name)
        return getattr(self._store, name)


async def test_who_knows_no_session_makes_the_store_write_nothing(
    plane: Plane, agent: AgentPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has one writer at a time; whoever reaches the port must not be able to keep it busy."""
    connection = await plane.connect(agent.identity.agent)
    store = Asked(plane.store)
    monkeypatch.setattr(plane.sessions._audit, "_store", store)
    for session in ("0" * 32, "1" * 32):
        async with viewer(plane.client_context()) as stranger:
            await stranger.open(connection.url.replace(connection.session, session), "no ticket")
            await until(lambda stranger=stranger: stranger.ended)
    await until(lambda: store.asked.count("sessions") == 2)
    assert "write" not in store.asked


async def test_a_control_plane_that_was_killed_tells_at_its_next_start(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    there = await attach()
    await events(plane, 1)
    await Audit(plane.store, "n1", live=(), resumable=frozenset()).restarted("ControlPlaneStopping")
    ended = (await events(plane, 2))[1]
    assert (ended.status, ended.sub_status) == ("Succeeded", "ControlPlaneStopping")
    assert ended.correlation_id == there.connection.session
    # When it ended, and what went through until then, nobody was there to see.
    assert ended.properties["secondsAtMost"] >= 0
    assert not {"seconds", "bytesIn", "bytesOut"} & ended.properties.keys()


async def test_bytes_in_and_out_of_all_its_lines(plane: Plane, agent: AgentPeer, attach: Attach) -> None:
    agent.grow(b"login: ")
    first = await attach()
    await first.type(b"root\n")
    await until(lambda: agent.typed == b"root\n")
    await until(lambda: first.output == b"login: ")
    await until(lambda: first.session.room == MAX_UNCONFIRMED)
    await first.drop()
    dropped = (await events(plane, 2))[1]
    assert (dropped.properties["bytesIn"], dropped.properties["bytesOut"]) == (5, 7)
    again = await attach(again=first)
    agent.grow(b"ok")
    await until(lambda: again.output.endswith(b"ok"))
    await again.leave()
    ended = (await events(plane, 4))[3]
    assert (ended.sub_status, ended.properties["bytesIn"]) == ("Left", 5)
    assert ended.properties["bytesOut"] == 9


async def test_who_was_taken_over_and_by_whom(plane: Plane, agent: AgentPeer, attach: Attach) -> None:
    there = await attach()
    fields = {"by": "bob", "at": "2026-01-02T03:04:05Z"}
    await agent.carriers[0].send(stream.Close("TakenOver", fields))
    await until(lambda: there.ended)
    ended = (await events(plane, 2))[1]
    assert (ended.status, ended.sub_status, ended.properties["by"]) == ("Succeeded", "TakenOver", "bob")


async def test_deeds_at_the_keyboard(plane: Plane, agent: AgentPeer, attach: Attach) -> None:
    there = await attach(mode=Mode.OBSERVE)
    await events(plane, 1)
    session = there.connection.session
    asked = {"event": "asked", "session": session, "who": "alice", "of": "bob", "seconds": 30}
    await agent.carriers[0].send(stream.Notice("keyboard", asked))
    began, deed = await events(plane, 2)
    assert (deed.action, deed.status, deed.sub_status) == (KEYBOARD, "Started", "asked")
    assert (deed.correlation_id, deed.caller, deed.client_address) == (session, "alice", "127.0.0.1")
    assert (deed.properties["keyboard"], deed.properties["with"]) == ("asked", "bob")
    refusal = {"code": "KeyboardHeld", "fields": {"vm": "x", "by": "bob"}}
    await agent.carriers[0].send(stream.Notice("alarm", refusal))
    assert [each.sub_status for each in await events(plane, 3)] == ["", "asked", "KeyboardHeld"]
    assert began.action == SESSION


async def test_a_notice_that_makes_no_sense_breaks_the_stream_and_nothing_else(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    await attach()
    await agent.carriers[0].send(stream.Notice("keyboard", {"session": "x"}))
    await until(lambda: len(agent.carriers) == 2)
    assert len(await events(plane, 1)) == 1


async def test_a_ticket_that_is_no_good(plane: Plane, agent: AgentPeer, attach: Attach) -> None:
    """Used twice: from where is known, who is not."""
    there = await attach()
    await events(plane, 1)
    async with viewer(plane.client_context()) as second, viewer(plane.client_context()) as third:
        for each in (second, third):
            each.connection = there.connection
            await each.open(there.connection.url, there.connection.ticket)
            await until(lambda each=each: each.ended)
    refused = (await events(plane, 2))[1]
    assert (refused.status, refused.sub_status, refused.action) == ("Failed", "TicketInvalid", SESSION)
    assert (refused.caller, refused.object_id, refused.client_address) == (UNKNOWN, "", "127.0.0.1")
    assert there.ended is None


async def test_a_ticket_for_nothing_leaves_no_record(plane: Plane, agent: AgentPeer) -> None:
    connection = await plane.connect(agent.identity.agent)
    url = connection.url.replace(connection.session, "0" * 32)
    async with viewer(plane.client_context()) as stranger:
        await stranger.open(url, "no ticket")
        await until(lambda: stranger.ended)
    assert await events(plane, 0) == []
