"""Slow, stuck and dead peers: memory stays bounded, others are unaffected, the dead are noticed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from outofband.consoles.limits import Limits
from outofband.consoles.sockets import ConsoleSocket
from outofband.core import clock
from outofband.wire import stream
from tests.support.actors import AgentPeer, Carrier
from tests.support.plane import Plane, person
from tests.support.wait import promised, until
from tests.unit.consoles.conftest import Attach

pytestmark = pytest.mark.anyio

DEAD = 2.0


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    limits = Limits(
        sweep_seconds=0.05,
        recheck_seconds=0.5,
        open_seconds=0.5,
        keepalive_seconds=0.2,
        dead_seconds=DEAD,
        linger_seconds=0.5,
        reattach_seconds=2.0,
    )
    async with Plane(tmp_path, limits) as running:
        yield running


class Flood:
    """Sends DATA as fast as the gateway takes it, and counts."""

    def __init__(self) -> None:
        self.sent: dict[str, int] = {}

    async def __call__(self, carrier: Carrier) -> None:
        offset = carrier.grant.resume or 0
        await carrier.attached(offset)
        while carrier.closed is None:
            await carrier.send(stream.Data(offset, b"x" * 16384))
            offset += 16384
            self.sent[carrier.grant.session] = offset
            await asyncio.sleep(0)


def sockets(plane: Plane) -> set[ConsoleSocket]:
    return plane.listener._sockets


def waiting(plane: Plane) -> int:
    """Bytes that wait in this process for the fullest socket."""
    found = [each._transport for each in sockets(plane) if each._transport is not None]
    return max((each.underlying_transport.get_write_buffer_size() for each in found), default=0)


async def test_a_viewer_that_never_reads_holds_its_own_stream_only(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    flood = Flood()
    agent.serve_stream = flood
    stuck = await attach()
    session = stuck.connection.session
    assert stuck.socket is not None
    stuck.socket.transport.pause_reading()
    await until(lambda: waiting(plane) > 0)
    most = 0
    before = -1
    while before != flood.sent[session]:
        before = flood.sent[session]
        most = max(most, waiting(plane))
        await asyncio.sleep(0.1)
    # What the agent could push is what fits into buffers: the kernel's on both hops, and ours.
    assert flood.sent[session] < 8 * 1024 * 1024
    assert most < plane.limits.write_high + 4 * stream.MAX_FRAME

    agent.serve_stream = agent.show_log
    other = await attach(who=person("bob"))
    started = clock.monotonic()
    agent.grow(b"prompt> ")
    await until(lambda: other.output == b"prompt> ")
    assert clock.monotonic() - started < promised(0.5)

    # It answers no ping and takes no byte: given up like any dead peer.
    await until(lambda: len(plane.sessions.live) == 1, seconds=promised(DEAD + 2))
    assert plane.sessions.live[0].session == other.connection.session


async def test_a_viewer_that_reads_again_gets_every_byte(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    there = await attach()
    assert there.socket is not None
    there.socket.transport.pause_reading()
    expected = b"".join(b"%07d\n" % number for number in range(500_000))
    agent.grow(expected)
    await until(lambda: waiting(plane) > 0)
    await asyncio.sleep(DEAD / 2)
    there.socket.transport.resume_reading()
    await until(lambda: len(there.output) == len(expected), seconds=30)
    assert there.output == expected
    assert len(agent.carriers) == 1


async def test_a_slow_viewer_is_not_a_dead_one(plane: Plane, agent: AgentPeer, attach: Attach) -> None:
    flood = Flood()
    agent.serve_stream = flood
    there = await attach()
    assert there.socket is not None
    end = clock.monotonic() + 3 * DEAD
    while clock.monotonic() < end:
        # Reads a little now and then; pongs are far behind in what waits for it.
        there.socket.transport.pause_reading()
        await asyncio.sleep(0.3)
        there.socket.transport.resume_reading()
        await asyncio.sleep(0.02)
    assert there.ended is None
    assert len(plane.sessions.live) == 1


async def test_a_stuck_agent_stops_the_typist_and_is_replaced(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    async def stuck(carrier: Carrier) -> None:
        await carrier.attached(0)
        carrier.socket.transport.pause_reading()
        await until(lambda: carrier.closed)

    agent.serve_stream = stuck
    there = await attach()
    agent.serve_stream = agent.show_log
    assert there.socket is not None
    most = 0
    # Out of order, so that no agent takes it.
    paste = stream.encode(stream.Input(1 << 30, b"k" * 60_000))

    async def keep_typing() -> None:
        assert there.socket is not None
        for _ in range(200):
            await there.socket.send(paste)

    typing = asyncio.get_running_loop().create_task(keep_typing())
    while len(agent.carriers) == 1:
        most = max(most, waiting(plane))
        await asyncio.sleep(0.02)
    assert most < plane.limits.write_high + 4 * stream.MAX_FRAME
    agent.grow(b"back")
    await until(lambda: there.output.endswith(b"back"))
    typing.cancel()
    assert there.ended is None


async def test_quiet_peers_that_answer_are_kept(plane: Plane, agent: AgentPeer, attach: Attach) -> None:
    there = await attach()
    await asyncio.sleep(3 * DEAD)
    agent.grow(b"good morning")
    await until(lambda: there.output == b"good morning")
    assert len(agent.carriers) == 1


async def test_a_dead_agent_is_noticed_and_a_dead_viewer_too(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    there = await attach()
    # No FIN, no RST, no pong: as when a cable is pulled.
    agent.carriers[0].socket.transport.pause_reading()
    await until(lambda: len(agent.carriers) == 2, seconds=promised(DEAD + 2))
    agent.grow(b"again")
    await until(lambda: there.output == b"again")
    assert there.socket is not None
    there.socket.transport.pause_reading()
    await until(lambda: not plane.sessions.live, seconds=promised(DEAD + 2))


async def test_who_says_nothing_is_sent_away(plane: Plane, agent: AgentPeer) -> None:
    there = await plane.connect(agent.identity.agent)
    async with connect(there.url, ssl=plane.client_context(), compression=None) as socket:
        with pytest.raises(ConnectionClosed):
            async with asyncio.timeout(30):
                await socket.recv()
    await until(lambda: not sockets(plane))


async def test_a_frame_beyond_the_bound_is_refused(plane: Plane, agent: AgentPeer, attach: Attach) -> None:
    there = await attach()
    assert there.socket is not None
    await there.socket.send(bytes([stream.Kind.INPUT]) + bytes(stream.MAX_FRAME + 1))
    await until(lambda: there.socket is not None and there.socket.close_code is not None)
    assert there.socket.close_code == 1009
    assert agent.carriers[0].frames == []


async def test_fragments_are_refused(plane: Plane, agent: AgentPeer, attach: Attach) -> None:
    there = await attach()
    assert there.socket is not None
    await there.socket.send([stream.encode(stream.Input(0, b"a")), b"b"])
    await until(lambda: there.ended)
    assert there.ended is not None
    assert there.ended.code == "ProtocolViolated"


async def test_the_listener_takes_no_more_than_its_bound(plane: Plane, agent: AgentPeer) -> None:
    small = Limits(fresh=2, open_seconds=5.0)
    plane.listener._limits = small
    there = await plane.connect(agent.identity.agent)
    context = plane.client_context()
    async with connect(there.url, ssl=context), connect(there.url, ssl=context):
        reader, writer = await asyncio.open_connection("127.0.0.1", plane.gateway_port, ssl=context)
        path = there.url.split(str(plane.gateway_port), 1)[1]
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert b" 503 " in await reader.readline()
        writer.close()


async def test_no_socket_is_left_behind(plane: Plane, agent: AgentPeer, attach: Attach) -> None:
    for _ in range(5):
        await (await attach()).leave()
    await until(lambda: not sockets(plane))
    assert plane.sessions._live == {}
    assert plane.fleet.streams._openings == {}
    assert plane.sessions._tickets._pending == {}


async def test_the_listener_says_that_it_listens(plane: Plane) -> None:
    context = plane.client_context()
    reader, writer = await asyncio.open_connection("127.0.0.1", plane.gateway_port, ssl=context)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b" 200 " in await reader.readline()
    writer.close()


async def test_a_browser_may_look_at_the_port_to_accept_its_certificate(plane: Plane) -> None:
    async with httpx.AsyncClient(verify=plane.client_context(), trust_env=False, timeout=60) as browser:
        page = await browser.get(f"https://127.0.0.1:{plane.gateway_port}/trust")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert "This browser now trusts the console's address" in page.text
    assert "<script" not in page.text
