"""What is known of hosts and their machines: at once, after a restart, and where two tell of one VM."""

from __future__ import annotations

import msgspec
import pytest

from outofband.wire import link
from outofband.wire.machine import Power
from tests.support.actors import AgentPeer, HostKey, host_report, vm_report
from tests.support.plane import VM, Plane
from tests.support.wait import until

pytestmark = pytest.mark.anyio


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
