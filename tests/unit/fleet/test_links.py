"""Control links over real sockets: proof, replacement, reports, end."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from outofband.core import clock
from outofband.core.errors import ProtocolError
from outofband.fleet import fleet, links
from outofband.identity.keys import KeyUse
from outofband.wire import link
from outofband.wire.machine import Power
from tests.support.actors import AgentPeer, HostKey, host_report, vm_report
from tests.support.plane import GROUP, SUBSCRIPTION, VM, Plane
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


async def test_a_host_is_away_before_the_store_says_so(plane: Plane, agent: AgentPeer) -> None:
    await agent.connect()
    name = agent.identity.agent
    async with plane.store.write() as tx:
        await agent.kill()
        await until(lambda: not plane.fleet.connected(name))
        row = await plane.store.agents.get(tx, name)
        assert row is not None and row.link_id is not None, "the end of the link waits for this writer"
        assert not plane.fleet.linked(row)
        beside = msgspec.structs.replace(row, link_node="another")
        assert plane.fleet.linked(beside)


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


async def test_reports_are_known_at_once_and_kept(plane: Plane, agent: AgentPeer) -> None:
    await agent.connect()
    with plane.store.bell.listen(f"vm:{VM}") as ear:
        await agent.send(link.Inventory(host_report(), [vm_report(VM, Power.STARTING)]))
        assert await ear.wait()
    found = plane.fleet.report(VM)
    assert found is not None
    assert found.power is Power.STARTING
    await agent.send(link.VmChanged(vm_report(VM, Power.RUNNING)))
    await until(lambda: plane.fleet.report(VM, agent.identity.agent).power is Power.RUNNING)  # type: ignore[union-attr]
    assert plane.fleet.report(VM, "another-agent") is None
    await agent.kill()
    await plane.stop()
    await plane.start()
    assert not plane.fleet.connected(agent.identity.agent)
    kept = plane.fleet.report(VM)
    assert kept is not None
    assert kept.power is Power.RUNNING
    view = plane.fleet.host(agent.identity.agent)
    assert view is not None
    assert view.report == host_report()
    assert view.since is not None


async def test_a_vm_that_is_gone_is_forgotten(plane: Plane, agent: AgentPeer) -> None:
    await agent.connect()
    await agent.send(link.Inventory(host_report(), [vm_report(VM)]))
    await until(lambda: plane.fleet.report(VM))
    await agent.send(link.VmGone(VM))
    await until(lambda: plane.fleet.report(VM) is None)


@pytest.mark.parametrize("message", [link.WantPlaces(["x" * 100_000]), link.Stored("x" * 100_000, "0")])
async def test_names_that_are_none_end_the_link(
    plane: Plane, agent: AgentPeer, message: link.AgentMessage
) -> None:
    asked: list[str] = []

    async def place(_: str, vm: str) -> link.Place:
        asked.append(vm)
        return link.Place(vm=vm)

    async def stored(_: str, vm: str, port: str) -> None:
        asked.append(vm)

    plane.fleet.on_places, plane.fleet.on_stored = place, stored
    await agent.connect()
    await agent.send(link.WantPlaces([VM]))
    await until(lambda: asked == [VM])
    # An answer repeats what was asked, thousands may wait for an agent that does not read.
    await agent.send(message)
    await until(lambda: not plane.fleet.connected(agent.identity.agent))
    assert asked == [VM]


async def test_the_newest_epoch_is_believed(plane: Plane, agent: AgentPeer) -> None:
    other_key = HostKey()
    answer = await plane.fleet.enrol(other_key.enrolment(await plane.token(), "host-2"))
    await agent.connect()
    async with AgentPeer(other_key, answer, plane.client_context()) as other:
        await other.send(link.Inventory(host_report(), [vm_report(VM, Power.STOPPED, epoch=2)]))
        await agent.send(link.Inventory(host_report(), [vm_report(VM, Power.RUNNING, epoch=1)]))
        await until(lambda: plane.fleet.report(VM, agent.identity.agent))
        await until(lambda: plane.fleet.report(VM, answer.agent))
        found = plane.fleet.report(VM)
        assert found is not None
        assert found.epoch == 2


@pytest.mark.parametrize("wrong", ['{"type":"welcome"}', '{"type":"vm-gone"}', "[]"])
async def test_a_link_that_breaks_the_rules_is_ended(plane: Plane, agent: AgentPeer, wrong: str) -> None:
    await agent.connect()
    assert agent._socket is not None
    await agent._socket.send(wrong)
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


async def test_new_keys_and_authorities_are_told_over_the_link(plane: Plane, agent: AgentPeer) -> None:
    await agent.connect()
    assert agent.welcome is not None
    before = {key["kid"] for key in agent.welcome.grant_keys}
    lost = await plane.keys.grant_key(clock.now())
    await plane.keys.revoke(lost.kid or "", clock.now())
    plane.pki.promote([], clock.now())
    await plane.fleet.announce_keys()
    told = await until(lambda: agent.keys)
    assert told.trust == plane.trust != agent.welcome.trust
    assert told.grant_keys == await plane.keys.public(KeyUse.GRANT, clock.now())
    assert lost.kid not in {key["kid"] for key in told.grant_keys} != before
    assert plane.fleet.connected(agent.identity.agent)


async def test_an_agent_that_does_not_know_the_message_comes_again(plane: Plane, agent: AgentPeer) -> None:
    """As agents of before said hello: without `takes`."""
    agent.takes = ()
    await agent.connect()
    await plane.fleet.announce_keys()
    await until(lambda: not plane.fleet.connected(agent.identity.agent))
    assert agent.keys is None
    old = {"type": "hello", "agent": "a", "signature": "s", "version": "v", "instance": "i", "protocol": 1}
    assert msgspec.json.decode(msgspec.json.encode(old), type=link.Hello).takes == []


async def test_a_crowd_that_proves_nothing_keeps_nobody_out_who_is_in(
    plane: Plane, agent: AgentPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many may greet at once; the next is told to come later, and an agent that is linked stays so."""
    await agent.connect()
    monkeypatch.setattr(fleet, "MAX_GREETING", 3)
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
