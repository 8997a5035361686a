"""One control link over a real socket: the proof, its rules, silence and an agent that does not read."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from outofband.core import clock
from outofband.core.errors import ProtocolError
from outofband.fleet import links
from outofband.wire import link
from tests.support.actors import AgentPeer, HostKey
from tests.support.plane import VM, Plane
from tests.support.wait import promised, until

pytestmark = pytest.mark.anyio


async def test_a_foreign_key_is_rejected(plane: Plane, agent: AgentPeer) -> None:
    liar = AgentPeer(HostKey(), agent.identity, plane.client_context())
    await liar.connect()
    assert liar.rejected is not None
    assert liar.rejected.code == "AgentUnknown"
    assert not plane.fleet.connected(agent.identity.agent)
    await liar.kill()


@pytest.mark.parametrize(
    "first", ["{}", "no json", '{"type":"result","key":"k","succeeded":true}', "x" * 100_000]
)
async def test_nothing_counts_before_the_proof(plane: Plane, first: str) -> None:
    async with connect(plane.link_url, ssl=plane.client_context(), compression=None) as socket:
        await socket.recv()
        await socket.send(first)
        with pytest.raises(ConnectionClosed):
            await socket.recv()


@pytest.mark.parametrize("wrong", ['{"type":"welcome"}', '{"type":"vm-gone"}', "[]"])
async def test_a_link_that_breaks_the_rules_is_ended(plane: Plane, agent: AgentPeer, wrong: str) -> None:
    await agent.connect()
    assert agent._socket is not None
    await agent._socket.send(wrong)
    await until(lambda: not plane.fleet.connected(agent.identity.agent))


async def test_a_silent_agent_is_given_up_and_a_quiet_one_is_not(
    plane: Plane, agent: AgentPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The real times, twenty times faster: on both sides, as the rules are shared.
    monkeypatch.setattr(link, "KEEPALIVE_SECONDS", 15 / 20)
    monkeypatch.setattr(link, "DEAD_SECONDS", 45 / 20)
    monkeypatch.setattr(links, "TICK_SECONDS", 1 / 20)
    await agent.connect()
    for _ in range(8):
        await asyncio.sleep(15 / 20)
        assert agent._socket is not None
        await agent._socket.send('{"type":"heartbeat"}')
    assert plane.fleet.connected(agent.identity.agent)
    started = clock.monotonic()
    await until(lambda: not plane.fleet.connected(agent.identity.agent))
    assert 1.0 < clock.monotonic() - started < promised(5.0)


async def test_an_agent_that_does_not_read_holds_nobody_up(plane: Plane, agent: AgentPeer) -> None:
    await agent.connect()
    assert agent._socket is not None
    agent._socket.transport.pause_reading()
    other_key = HostKey()
    answer = await plane.fleet.enrol(other_key.enrolment(await plane.token(), "host-2"))
    async with AgentPeer(other_key, answer, plane.client_context()) as other:
        other.answer = lambda command: link.Result(command.key, True, observed="seen")
        stuck = plane.fleet._hosts.link(agent.identity.agent)
        assert stuck is not None
        with contextlib.suppress(ProtocolError):
            for number in range(links.MAX_QUEUED + 1):
                stuck.send(link.EndSession(f"{number:032x}", "x" * 500))
        result = await plane.fleet.command(answer.agent, "vm.start", VM, key="k")
        assert result.succeeded
    await until(lambda: not plane.fleet.connected(agent.identity.agent))
