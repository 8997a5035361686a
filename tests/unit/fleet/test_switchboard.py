"""Who gets a link of a node, how it is welcomed, what it is told and how it ends."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from outofband.core import clock
from outofband.fleet import links, switchboard
from outofband.identity.keys import KeyUse
from outofband.wire import link
from tests.support.actors import AgentPeer, HostKey
from tests.support.plane import GROUP, SUBSCRIPTION, Plane
from tests.support.wait import promised, until

pytestmark = pytest.mark.anyio


async def test_an_agent_that_proves_its_key_is_welcomed(plane: Plane, agent: AgentPeer) -> None:
    assert not plane.fleet.connected(agent.identity.agent)
    await agent.connect()
    assert agent.welcome is not None
    assert agent.welcome.trust == plane.trust
    assert agent.welcome.grant_keys
    assert all("d" not in key for key in agent.welcome.grant_keys)
    assert plane.fleet.connected(agent.identity.agent)
    view = plane.fleet.agents(SUBSCRIPTION.upper(), GROUP.upper())[0]
    assert (view.agent.name, view.connected) == ("host-1", True)


async def test_a_newer_link_takes_the_place_of_the_older(plane: Plane, agent: AgentPeer) -> None:
    await agent.connect()
    second = AgentPeer(agent.key, agent.identity, plane.client_context())
    await second.connect()
    await until(lambda: agent._socket is not None and agent._socket.close_code is not None)
    # Where its socket still works it is another program with the same key, which learns of the other.
    assert agent.rejected is not None and agent.rejected.code == "AgentLinkTaken"
    assert plane.fleet.connected(agent.identity.agent)
    async with plane.store.read() as tx:
        row = await plane.store.agents.get(tx, agent.identity.agent)
    assert row is not None
    assert second.welcome is not None
    assert row.link_id == second.welcome.link
    await second.kill()
    await until(lambda: not plane.fleet.connected(agent.identity.agent))


async def test_a_stopping_control_plane_ends_its_links(plane: Plane, agent: AgentPeer) -> None:
    await agent.connect()
    async with asyncio.timeout(promised(3)):
        await plane.fleet.close()
    assert not plane.fleet.connected(agent.identity.agent)
    async with plane.store.read() as tx:
        row = await plane.store.agents.get(tx, agent.identity.agent)
    assert row is not None
    assert row.link_id is None


async def test_new_keys_and_authorities_are_told_over_the_link(plane: Plane, agent: AgentPeer) -> None:
    await agent.connect()
    assert agent.welcome is not None
    before = {key["kid"] for key in agent.welcome.grant_keys}
    lost = await plane.keys.grant_key(clock.now())
    await plane.keys.revoke(lost.kid or "", clock.now())
    plane.pki.promote([], clock.now())
    await plane.fleet.switchboard.announce_keys()
    told = await until(lambda: agent.keys)
    assert told.trust == plane.trust != agent.welcome.trust
    assert told.grant_keys == await plane.keys.public(KeyUse.GRANT, clock.now())
    assert lost.kid not in {key["kid"] for key in told.grant_keys} != before
    assert plane.fleet.connected(agent.identity.agent)


async def test_an_agent_that_does_not_know_the_message_comes_again(plane: Plane, agent: AgentPeer) -> None:
    """As agents of before said hello: without `takes`."""
    agent.takes = ()
    await agent.connect()
    await plane.fleet.switchboard.announce_keys()
    await until(lambda: not plane.fleet.connected(agent.identity.agent))
    assert agent.keys is None
    old = {"type": "hello", "agent": "a", "signature": "s", "version": "v", "instance": "i", "protocol": 1}
    assert msgspec.json.decode(msgspec.json.encode(old), type=link.Hello).takes == []


async def test_a_crowd_that_proves_nothing_keeps_nobody_out_who_is_in(
    plane: Plane, agent: AgentPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many may greet at once; the next is told to come later, and an agent that is linked stays so."""
    await agent.connect()
    monkeypatch.setattr(switchboard, "MAX_GREETING", 3)
    async with contextlib.AsyncExitStack() as crowd:
        for _ in range(3):
            idle = connect(plane.link_url, ssl=plane.client_context(), compression=None)
            await (await crowd.enter_async_context(idle)).recv()
        late = connect(plane.link_url, ssl=plane.client_context(), compression=None)
        with pytest.raises(ConnectionClosed):
            await (await crowd.enter_async_context(late)).recv()
        assert late.connection.close_code == links.CLOSE_BUSY
        assert plane.fleet.connected(agent.identity.agent)

    # Once they are gone there is room again.
    async def comes_in() -> bool:
        async with connect(plane.link_url, ssl=plane.client_context(), compression=None) as socket:
            with contextlib.suppress(ConnectionClosed):
                return bool(await socket.recv())
        return False

    await until(comes_in)


async def test_agents_are_told_over_how_long_to_come_back(plane: Plane, agent: AgentPeer) -> None:
    await agent.connect()
    assert agent.welcome is not None
    assert agent.welcome.spread == 1 / switchboard.RETURNS_A_SECOND
    for number in range(3):
        await plane.fleet.enrol(HostKey().enrolment(await plane.token(), f"another-{number}"))
    await agent.kill()
    await agent.connect()
    assert agent.welcome.spread == 4 / switchboard.RETURNS_A_SECOND
