"""From a ticket to a console: who gets in, and what both sides are told."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.wire import link, stream
from outofband.wire.console import Attached, ClientSession, Ended
from outofband.wire.grant import Mode
from tests.support.actors import AgentPeer, Viewer, viewer
from tests.support.plane import VM, VM_ID, Plane, person
from tests.support.wait import until
from tests.unit.consoles.conftest import Attach

pytestmark = pytest.mark.anyio


async def audit(plane: Plane, session: str) -> tuple[str | None, bool, bool]:
    """Reason of the end, whether it was attached, whether it has ended."""
    async with plane.store.read() as tx:
        row = await plane.store.sessions.get(tx, session)
    assert row is not None
    return row.reason, row.attached is not None, row.ended is not None


async def test_the_replay_then_what_comes(plane: Plane, agent: AgentPeer, attach: Attach) -> None:
    agent.grow(b"booted\r\nlogin: ")
    person_there = await attach()
    await until(lambda: person_there.output == b"booted\r\nlogin: ")
    agent.grow(b"more")
    await until(lambda: person_there.output.endswith(b"more"))
    first = person_there.events[0]
    assert isinstance(first, Attached)
    assert first.mode is Mode.WRITE


async def test_typed_keys_reach_the_agent_and_are_confirmed(agent: AgentPeer, attach: Attach) -> None:
    there = await attach()
    await there.type(b"ls\r")
    await until(lambda: agent.typed == b"ls\r")
    await until(lambda: not there.session._unconfirmed)


async def test_the_grant_says_who_and_what(plane: Plane, agent: AgentPeer, attach: Attach) -> None:
    there = await attach(who=person("bob"), mode=Mode.OBSERVE, replay=17)
    grant = agent.carriers[0].grant
    assert (grant.vm, grant.port, grant.name, grant.mode) == (VM, "0", "bob", Mode.OBSERVE)
    assert (grant.session, grant.replay, grant.may_write) == (there.connection.session, 17, True)
    assert grant.address == "127.0.0.1"


async def test_the_url_holds_no_secret_and_the_ticket_is_used_once(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    there = await attach()
    connection = there.connection
    assert connection.ticket not in connection.url
    assert "?" not in connection.url
    assert connection.url.split("//")[1].count("ws") == 0
    async with viewer(plane.client_context()) as second:
        await second.open(connection.url, connection.ticket)
        await until(lambda: second.ended)
        assert second.ended is not None
        assert second.ended.code == "TicketInvalid"
    assert there.ended is None


async def audited_end(plane: Plane, session: str) -> tuple[str | None, bool, bool]:
    """The row once its end was noted, which is a moment after the end itself."""
    end = clock.monotonic() + 30
    while not (found := await audit(plane, session))[2]:
        assert clock.monotonic() < end
        await asyncio.sleep(0.01)
    return found


async def refused(plane: Plane, url: str, first: str) -> tuple[Ended | None, int | None]:
    """The CLOSE frame and the WebSocket's code."""
    session = ClientSession()
    session.open("x")
    ended: Ended | None = None
    async with connect(url, ssl=plane.client_context(), compression=None) as socket:
        await socket.send(first)
        try:
            while True:
                message = await socket.recv()
                assert isinstance(message, bytes)
                for event in session.receive(message, 0.0):
                    assert isinstance(event, Ended)
                    ended = event
        except ConnectionClosed:
            return ended, socket.close_code


async def test_a_ticket_opens_no_other_session(plane: Plane, agent: AgentPeer) -> None:
    mine = await plane.connect(agent.identity.agent)
    other = await plane.connect(agent.identity.agent)
    ended, _ = await refused(plane, other.url, ClientSession().open(mine.ticket))
    assert ended is not None
    assert ended.code == "TicketInvalid"


@pytest.mark.parametrize(
    "first", ["", "{}", '{"ticket":"a.b.c"}', '{"ticket":5}', '{"ticket":"x","resume":-1}', "\u00ff" * 9000]
)
async def test_rubbish_in_the_first_message_is_refused(plane: Plane, agent: AgentPeer, first: str) -> None:
    there = await plane.connect(agent.identity.agent)
    ended, code = await refused(plane, there.url, first)
    assert code in (1000, 1008, 1009)
    assert ended is None or ended.code in ("ProtocolViolated", "TicketInvalid")
    assert agent.opens == []


async def test_binary_before_the_first_message_is_refused(plane: Plane, agent: AgentPeer) -> None:
    there = await plane.connect(agent.identity.agent)
    async with connect(there.url, ssl=plane.client_context(), compression=None) as socket:
        await socket.send(stream.encode(stream.Input(0, b"x")))
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1008


@pytest.mark.parametrize(
    "path",
    ["/", "/console/v1/abc/client", "/console/v1/%s", "/stream/v1/%s/client", "/console/v1/%s/client?a=b"],
)
async def test_other_paths_are_not_found(plane: Plane, path: str) -> None:
    url = f"wss://127.0.0.1:{plane.gateway_port}" + path.replace("%s", "0" * 32)
    with pytest.raises(InvalidStatus) as refused_with:
        await connect(url, ssl=plane.client_context())
    assert refused_with.value.response.status_code == 404


async def test_words_beside_upgrade_in_the_connection_header(plane: Plane, agent: AgentPeer) -> None:
    """Firefox sends `Connection: keep-alive, Upgrade`."""
    there = await plane.connect(agent.identity.agent)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", plane.gateway_port, ssl=plane.client_context()
    )
    path = there.url.split(str(plane.gateway_port), 1)[1]
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    assert (await reader.readline()).startswith(b"HTTP/1.1 101")
    writer.close()


async def test_the_check_is_asked_live(plane: Plane, agent: AgentPeer, attach: Attach) -> None:
    plane.permissions.refusal = Fault("AccessRevoked", action="connect")
    there = await attach(wait=False)
    await until(lambda: there.ended)
    assert there.ended is not None
    assert (there.ended.code, there.ended.resumable) == ("AccessRevoked", False)
    assert agent.opens == []


async def test_who_may_only_watch_gets_no_keyboard(plane: Plane, agent: AgentPeer, attach: Attach) -> None:
    plane.permissions.granted = frozenset({Mode.OBSERVE})
    there = await attach(mode=Mode.WRITE)
    assert agent.carriers[0].grant.may_write is False
    assert there.session.mode is Mode.OBSERVE


async def test_an_agent_that_is_away_is_told_of(plane: Plane, agent: AgentPeer, attach: Attach) -> None:
    await agent.kill()
    await until(lambda: not plane.fleet.connected(agent.identity.agent))
    there = await attach(wait=False)
    await until(lambda: there.ended)
    assert there.ended is not None
    assert (there.ended.code, there.ended.resumable) == ("AgentOffline", False)
    assert there.ended.fields["host"] == "host-1"


@pytest.mark.parametrize("code", ["StreamFailed", "ViewerTooMany", "PortUnavailable", "GrantInvalid"])
async def test_the_agents_refusal_is_passed_on(agent: AgentPeer, attach: Attach, code: str) -> None:
    agent.refusal = link.StreamFailed("", code, {"detail": "no route", "limit": 3})
    there = await attach(wait=False)
    await until(lambda: there.ended)
    assert there.ended is not None
    assert there.ended.code == code
    assert there.ended.fields["detail"] == "no route"


async def test_a_refusal_without_an_entry_is_a_failed_stream(agent: AgentPeer, attach: Attach) -> None:
    agent.refusal = link.StreamFailed("", "Whatever", {})
    there = await attach(wait=False)
    await until(lambda: there.ended)
    assert there.ended is not None
    assert there.ended.code == "StreamFailed"


async def test_a_stream_with_a_wrong_token_is_sent_away(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    agent.ignore_opens = True
    there = await attach(wait=False)
    await until(lambda: agent.opens)
    wish = agent.opens[0]
    async with connect(wish.url, ssl=plane.client_context(), compression=None) as socket:
        hello = link.StreamHello(wish.session, "x" * 43)
        await socket.send(msgspec.json.encode(hello).decode())
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1008
    # The right one still works, once.
    agent.spawn(agent.dial(wish))
    await until(lambda: any(isinstance(event, Attached) for event in there.events))
    async with connect(wish.url, ssl=plane.client_context(), compression=None) as socket:
        await socket.send(msgspec.json.encode(link.StreamHello(wish.session, wish.token)).decode())
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    assert there.ended is None


async def test_leaving_and_dropping_look_different_to_the_agent(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    leaver, dropper = await attach(), await attach(who=person("bob"))
    await leaver.leave()
    await until(lambda: agent.carriers[0].closed)
    assert agent.carriers[0].closed == 1000
    await dropper.drop()
    await until(lambda: agent.carriers[1].closed)
    assert agent.carriers[1].closed == 1001
    assert await audited_end(plane, leaver.connection.session) == ("Left", True, True)
    assert await audited_end(plane, dropper.connection.session) == ("Dropped", True, True)


async def test_the_audit_says_who_from_where_and_how_it_ended(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    there = await attach(who=person("carol"), mode=Mode.OBSERVE, client="test/1")
    async with plane.store.read() as tx:
        rows = await plane.store.sessions.live(tx, vm=VM_ID.upper())
    assert [(row.principal_name, row.mode, row.client, row.client_address) for row in rows] == [
        ("carol", "observe", "test/1", "127.0.0.1")
    ]
    await agent.carriers[0].send(stream.Close("TakenOver", {"by": "bob", "at": "now"}))
    await until(lambda: there.ended)
    assert there.ended is not None
    assert (there.ended.code, there.ended.fields) == ("TakenOver", {"by": "bob", "at": "now"})
    assert await audited_end(plane, there.connection.session) == ("TakenOver", True, True)
    assert agent.ends == []  # the agent need not be told what it said


async def test_a_ticket_nobody_uses_ends_in_the_audit(plane: Plane, agent: AgentPeer) -> None:
    there = await plane.connect(agent.identity.agent)
    assert await audit(plane, there.session) == (None, False, False)
    assert await plane.sessions.end_where(session=there.session, code="SessionEnded", detail="test") == 1
    assert await audit(plane, there.session) == ("SessionEnded", False, True)
    ended, _ = await refused(plane, there.url, ClientSession().open(there.ticket))
    assert ended is not None
    assert ended.code == "TicketInvalid"


async def test_more_tickets_than_the_bound_are_not_given(plane: Plane, agent: AgentPeer) -> None:
    plane.sessions._tickets._limits = msgspec.structs.replace(plane.limits, pending=2)
    await plane.connect(agent.identity.agent)
    await plane.connect(agent.identity.agent)
    with pytest.raises(Fault, match="TooManyRequests"):
        await plane.connect(agent.identity.agent)


async def test_a_ticket_that_ran_out_ends_in_the_audit_however_busy_the_node_is(
    plane: Plane, agent: AgentPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one is given before anybody looked for those that ran out."""
    monkeypatch.setattr("outofband.consoles.tickets.TICKET_SECONDS", 0)
    there = await plane.connect(agent.identity.agent)
    monkeypatch.undo()
    await plane.connect(agent.identity.agent)
    end = clock.monotonic() + 30
    while await audit(plane, there.session) != ("TicketExpired", False, True):
        assert clock.monotonic() < end
        await asyncio.sleep(0.02)


async def test_one_who_takes_tickets_without_end_keeps_nobody_else_out(
    plane: Plane, agent: AgentPeer
) -> None:
    """Neither another person nor another tenant: there is one table for all."""
    few = msgspec.structs.replace(plane.limits, pending=6, pending_tenant=4, pending_person=2)
    plane.sessions._tickets._limits = few
    alice, bob, carol = person("alice"), person("bob"), person("carol")
    for who in (alice, alice, bob, bob):
        await plane.connect(agent.identity.agent, who=who)
    for who in (alice, carol):
        with pytest.raises(Fault, match="TooManyRequests"):
            await plane.connect(agent.identity.agent, who=who)
    async with plane.store.read() as tx:
        assert len(await plane.store.sessions.live(tx, vm=VM_ID)) == 4, "who got no ticket has no session"
    stranger = msgspec.structs.replace(carol, tenant="44444444-4444-4444-8444-444444444444")
    assert await plane.connect(agent.identity.agent, who=stranger)


async def test_a_viewer_may_not_speak_for_the_agent(plane: Plane, agent: AgentPeer, attach: Attach) -> None:
    for frame in (
        stream.encode(stream.Data(0, b"x")),
        stream.encode(stream.Control("renew", {"grant": "x"})),
        b"\x11{",
        b"",
        b"\x77",
    ):
        there: Viewer = await attach()
        assert there.socket is not None
        seen = len(agent.carriers[-1].frames)
        await there.socket.send(frame)
        await until(lambda there=there: there.ended)
        assert there.ended is not None
        assert there.ended.code == "ProtocolViolated"
        assert agent.carriers[-1].frames[seen:] == []


async def test_an_agent_may_not_speak_for_the_viewer(plane: Plane, agent: AgentPeer, attach: Attach) -> None:
    there = await attach()
    bad = agent.carriers[0]
    await bad.send(stream.Input(0, b"x"))
    await until(lambda: bad.closed)
    assert bad.closed == 1008
    # The session itself goes on over a new stream.
    await until(lambda: len(agent.carriers) == 2)
    assert there.ended is None
