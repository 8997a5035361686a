"""Streams that break, agents that restart, viewers that come back: no byte is shown or typed twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from outofband.consoles.limits import Limits
from outofband.core import clock
from outofband.wire import stream
from outofband.wire.console import Attached
from outofband.wire.grant import Grant, Mode, key_set, verify
from tests.support.actors import AgentPeer, Carrier, viewer
from tests.support.plane import Plane, person
from tests.support.wait import promised, until
from tests.unit.consoles.conftest import Attach

pytestmark = pytest.mark.anyio


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    limits = Limits(
        sweep_seconds=0.1,
        recheck_seconds=0.1,
        alarm_seconds=0.2,
        dial_seconds=0.5,
        reattach_seconds=2.0,
        replace_seconds=0.5,
    )
    async with Plane(tmp_path, limits) as running:
        yield running


def numbered(first: int, count: int) -> bytes:
    return b"".join(b"%06d\r\n" % number for number in range(first, first + count))


async def test_a_broken_stream_is_replaced_under_the_viewer(agent: AgentPeer, attach: Attach) -> None:
    agent.grow(numbered(0, 100))
    there = await attach()
    await until(lambda: there.output == numbered(0, 100))
    agent.carriers[0].socket.transport.abort()
    agent.grow(numbered(100, 100))
    await until(lambda: there.output == numbered(0, 200))
    assert agent.carriers[1].grant.resume == len(numbered(0, 100))
    assert agent.carriers[1].grant.session == agent.carriers[0].grant.session
    assert there.ended is None
    assert there.told("alarm") == []  # it was back before it was worth a word


async def test_a_flood_across_many_breaks_arrives_once_and_whole(agent: AgentPeer, attach: Attach) -> None:
    expected = numbered(0, 40_000)
    there = await attach()
    for part in range(8):
        size = len(expected) // 8
        agent.grow(expected[part * size : (part + 1) * size])
        await until(lambda enough=part * size + 1000: len(there.output) >= enough)
        agent.carriers[-1].socket.transport.abort()
    await until(lambda: len(there.output) >= len(expected))
    assert there.output == expected


async def test_keys_typed_while_the_stream_is_away_are_typed_once(agent: AgentPeer, attach: Attach) -> None:
    there = await attach()
    await there.type(b"one ")
    await until(lambda: agent.typed == b"one ")
    agent.ignore_opens = True
    agent.carriers[0].socket.transport.abort()
    await until(lambda: len(agent.opens) == 2)
    await there.type(b"two ")
    agent.ignore_opens = False
    await until(lambda: agent.typed == b"one two ")
    await there.type(b"three")
    await until(lambda: agent.typed == b"one two three")


async def test_an_agent_that_restarts_is_waited_for(plane: Plane, agent: AgentPeer, attach: Attach) -> None:
    agent.grow(numbered(0, 10))
    there = await attach()
    await until(lambda: there.output == numbered(0, 10))
    await agent.kill()
    await until(lambda: there.told("alarm"))
    alarm = there.told("alarm")[0].fields
    assert (alarm["code"], alarm["host"]) == ("AgentOffline", "host-1")
    agent.grow(numbered(10, 10))
    await agent.connect()
    await until(lambda: there.output == numbered(0, 20))
    assert there.ended is None


async def test_an_agent_that_stays_away_ends_the_socket_but_not_the_session(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    agent.grow(numbered(0, 10))
    there = await attach()
    await until(lambda: there.output == numbered(0, 10))
    await agent.kill()
    await until(lambda: there.ended)
    assert there.ended is not None
    assert (there.ended.code, there.ended.resumable) == ("AgentOffline", True)
    await agent.connect()
    agent.grow(numbered(10, 10))
    before = there.connection.session
    await attach(again=there)
    assert there.connection.session == before
    await until(lambda: there.output == numbered(0, 20))


async def test_an_agents_word_that_can_be_gone_on_from_is_like_a_broken_line(
    agent: AgentPeer, attach: Attach
) -> None:
    there = await attach()
    await agent.carriers[0].send(stream.Close("AgentOffline", {}, resumable=True))
    await until(lambda: len(agent.carriers) == 2)
    assert there.ended is None


async def test_a_viewer_comes_back_to_its_session_and_its_byte(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    agent.grow(numbered(0, 10))
    there = await attach()
    await until(lambda: there.output == numbered(0, 10))
    session = there.connection.session
    await there.drop()
    agent.grow(numbered(10, 10))
    await until(lambda: not plane.sessions.live)
    await attach(again=there)
    assert there.connection.session == session
    await until(lambda: there.output == numbered(0, 20))
    async with plane.store.read() as tx:
        row = await plane.store.sessions.get(tx, session)
    assert row is not None
    assert (row.ended, row.reason) == (None, None)


async def test_nobody_goes_on_with_somebody_elses_session(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    there = await attach()
    stolen = await plane.connect(
        agent.identity.agent, who=person("mallory"), resume_session=there.connection.session
    )
    assert stolen.session != there.connection.session
    unknown = await plane.connect(agent.identity.agent, resume_session="f" * 32)
    assert unknown.session not in ("f" * 32, there.connection.session)


async def test_a_session_that_was_ended_for_good_is_not_gone_on_with(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    there = await attach()
    await plane.sessions.end_where(session=there.connection.session, code="AccessRevoked", action="connect")
    await ended_in_the_store(plane, there.connection.session)
    again = await plane.connect(agent.identity.agent, resume_session=there.connection.session)
    assert again.session != there.connection.session


async def ended_in_the_store(plane: Plane, session: str) -> None:
    end = clock.monotonic() + 30
    while True:
        async with plane.store.read() as tx:
            row = await plane.store.sessions.get(tx, session)
        if row is not None and row.ended is not None:
            return
        assert clock.monotonic() < end
        await asyncio.sleep(0.01)


async def test_a_drop_noted_late_does_not_end_who_came_back(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    there = await attach()
    session = there.connection.session
    for _ in range(5):
        # Comes back at once, while the end of the last socket is still being written down.
        await there.drop()
        await attach(again=there)
        assert there.connection.session == session
    async with plane.store.read() as tx:
        row = await plane.store.sessions.get(tx, session)
    assert row is not None
    assert row.ended is None
    assert there.ended is None


async def test_a_half_open_socket_gives_way_to_the_one_that_comes_back(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    agent.grow(numbered(0, 10))
    there = await attach()
    await until(lambda: there.output == numbered(0, 10))
    # The client lost its line and knows it; the gateway does not.
    half_open = there.abandon()
    await attach(again=there)
    assert agent.carriers[0].closed == 1001
    assert len(plane.sessions.live) == 1
    agent.grow(numbered(10, 10))
    await until(lambda: there.output == numbered(0, 20))
    message = await half_open.recv()
    while isinstance(frame := stream.decode(message), stream.Data | stream.Notice):  # type: ignore[arg-type]
        message = await half_open.recv()
    assert isinstance(frame, stream.Close)
    assert frame.code == "SessionEnded"


async def test_a_control_plane_that_restarts_is_come_back_to(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    agent.grow(numbered(0, 10))
    there = await attach()
    await until(lambda: there.output == numbered(0, 10))
    await plane.stop()
    assert there.ended is not None
    assert (there.ended.code, there.ended.resumable) == ("ControlPlaneStopping", True)
    assert agent.carriers[0].closed == 1001
    await plane.start()
    await agent.connect()
    agent.grow(numbered(10, 10))
    session = there.connection.session
    await attach(again=there)
    assert there.connection.session == session
    await until(lambda: there.output == numbered(0, 20))


async def test_the_grant_is_renewed_before_it_ends(plane: Plane, agent: AgentPeer, attach: Attach) -> None:
    await attach()
    first = agent.carriers[0].grant
    session = plane.sessions._live[first.session]
    session._grant_ends = clock.wall() + plane.limits.renew_seconds - 1

    def renewed() -> list[stream.Frame]:
        return [frame for frame in agent.carriers[0].frames if isinstance(frame, stream.Control)]

    await until(renewed)
    control = renewed()[0]
    assert isinstance(control, stream.Control)
    assert control.verb == "renew"
    assert agent.welcome is not None
    grant = verify(control.fields["grant"], key_set(agent.welcome.grant_keys), Grant, clock.wall())
    assert grant.session == first.session
    assert grant.exp > clock.wall() + plane.limits.renew_seconds


async def test_what_the_viewer_wishes_is_remembered_for_the_next_stream(
    agent: AgentPeer, attach: Attach
) -> None:
    there = await attach()
    there.session.ask("release")
    await there.flush()
    await until(lambda: stream.Control("release") in agent.carriers[0].frames)
    agent.carriers[0].socket.transport.abort()
    await until(lambda: len(agent.carriers) == 2)
    assert agent.carriers[1].grant.mode is Mode.OBSERVE


async def test_a_gap_counts_for_where_to_go_on(agent: AgentPeer, attach: Attach) -> None:
    async def jump(carrier: Carrier) -> None:
        await carrier.attached(100, live=100)
        await carrier.send(stream.Gap(100, 5000, stream.GapReason.TRIMMED))
        await carrier.send(stream.Data(5000, b"on"))
        await until(lambda: carrier.closed)

    agent.serve_stream = jump
    there = await attach()
    await until(lambda: there.output == b"on")
    agent.carriers[0].socket.transport.abort()
    await until(lambda: len(agent.carriers) == 2)
    assert agent.carriers[1].grant.resume == 5002


async def test_a_newcomer_whose_stream_broke_before_a_byte_goes_on_from_the_attached_offset(
    agent: AgentPeer, attach: Attach
) -> None:
    async def mute(carrier: Carrier) -> None:
        await carrier.attached(4242)
        await until(lambda: carrier.closed)

    agent.serve_stream = mute
    await attach()
    agent.carriers[0].socket.transport.abort()
    await until(lambda: len(agent.carriers) == 2)
    assert agent.carriers[1].grant.resume == 4242


async def test_an_agent_that_never_dials_is_a_failed_stream(agent: AgentPeer, attach: Attach) -> None:
    agent.ignore_opens = True
    there = await attach(wait=False)
    await until(lambda: there.ended)
    assert there.ended is not None
    assert there.ended.code == "StreamFailed"


async def test_a_link_that_breaks_while_it_dials_is_an_absent_agent(agent: AgentPeer, attach: Attach) -> None:
    agent.ignore_opens = True
    there = await attach(wait=False)
    await until(lambda: agent.opens)
    await agent.kill()
    await until(lambda: there.ended)
    assert there.ended is not None
    assert there.ended.code == "AgentOffline"


async def test_a_stream_outlives_the_control_link(plane: Plane, agent: AgentPeer, attach: Attach) -> None:
    there = await attach()
    assert agent._socket is not None
    agent._socket.transport.abort()
    await until(lambda: not plane.fleet.connected(agent.identity.agent))
    agent.grow(b"still here")
    await until(lambda: there.output == b"still here")


async def test_a_viewer_that_leaves_while_the_agent_is_away_is_not_waited_for(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    there = await attach()
    await agent.kill()
    await there.leave()
    async with asyncio.timeout(promised(1)):
        await until(lambda: not plane.sessions.live)


async def test_a_viewer_that_leaves_while_the_stream_is_dialled(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    agent.ignore_opens = True
    there = await attach(wait=False)
    await until(lambda: agent.opens)
    await there.leave()
    await until(lambda: not plane.sessions.live)
    wish = agent.opens[0]
    async with connect(wish.url, ssl=plane.client_context(), compression=None) as socket:
        await socket.send(f'{{"session":"{wish.session}","token":"{wish.token}"}}')
        await socket.wait_closed()
        assert socket.close_code == 1008


async def test_two_viewers_of_one_port_are_two_sessions(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    first, second = await attach(), await attach(who=person("bob"), mode=Mode.OBSERVE)
    agent.grow(b"for both")
    await until(lambda: first.output == second.output == b"for both")
    assert len(plane.sessions.live) == 2
    await first.leave()
    agent.grow(b"!")
    await until(lambda: second.output == b"for both!")
    assert any(isinstance(event, Attached) for event in second.events)


async def test_an_unknown_session_on_the_stream_path_is_sent_away(plane: Plane, agent: AgentPeer) -> None:
    url = f"wss://127.0.0.1:{plane.gateway_port}/stream/v1/{'0' * 32}"
    async with connect(url, ssl=plane.client_context(), compression=None) as socket:
        await socket.send('{"session":"%s","token":"t"}' % ("0" * 32))
        await socket.wait_closed()
        assert socket.close_code == 1008


async def test_of_many_sockets_for_one_session_one_stays(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    there = await attach()
    session = there.connection.session
    async with AsyncExitStack() as stack:
        others = [await stack.enter_async_context(viewer(plane.client_context())) for _ in range(5)]
        tickets = [await plane.connect(agent.identity.agent, resume_session=session) for _ in others]
        assert {each.session for each in tickets} == {session}
        await asyncio.gather(
            *(each.open(got.url, got.ticket) for each, got in zip(others, tickets, strict=True))
        )
        await until(lambda: len([each for each in others if each.ended is None]) == 1)
        [last] = [each for each in others if each.ended is None]
        await until(lambda: any(isinstance(event, Attached) for event in last.events))
        agent.grow(b"for the last")
        await until(lambda: last.output.endswith(b"for the last"))
        assert len(plane.sessions.live) == 1
        async with plane.store.read() as tx:
            row = await plane.store.sessions.get(tx, session)
        assert row is not None
        assert row.ended is None


async def test_a_store_that_fails_while_a_viewer_is_admitted_blocks_nobody(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    there = await attach()
    session = there.connection.session
    again = await plane.connect(agent.identity.agent, resume_session=session)
    async with plane.store.write() as tx:
        assert await plane.store.sessions.end(tx, session, "SessionEnded", clock.now())
    async with viewer(plane.client_context()) as second:
        await second.open(again.url, again.ticket)
        await until(lambda: second.ended)
        assert second.ended is not None
        assert second.ended.code == "SessionEnded"
    assert plane.sessions._live == {}
    fresh = await attach()
    agent.grow(b"new")
    await until(lambda: fresh.output == b"new")
