"""What becomes of a VM's doors when its hypervisor is silent, back, or over before it was up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from ipaddress import ip_network

import pytest

from outofband.agent.hypervisors.driver import Happening
from outofband.agent.machines.machine import Machine
from outofband.agent.machines.registry import Machines
from outofband.agent.network.attached import Attached
from outofband.agent.network.forwards import Place, Ways
from outofband.wire.machine import MachineDefinition, Power
from outofband.wire.network.plan import Nic, Plan
from tests.support.wait import until

pytestmark = pytest.mark.anyio
VM = "0b1f3a52-6c1d-4c55-9d6a-0f5b0c2f7e12"
NIC = Nic(mac="00:0d:3a:00:00:01", address="10.9.1.4", network="10.9.1.0/24")


@pytest.fixture
async def machine(machines: Machines) -> AsyncIterator[Machine]:
    definition = MachineDefinition(vm=VM, name="web", driver="qemu", image="none", nic=NIC)
    directory = machines.host.directory(VM)
    directory.mkdir(parents=True)
    made = Machine(machines.host, definition, lambda: None)
    await made.open()
    yield made
    await made.close()


def network(machine: Machine) -> Attached:
    assert machine.network is not None
    return machine.network


def is_reached(machine: Machine) -> bool:
    return network(machine)._running


async def test_a_vm_whose_monitor_answers_late_is_reached(machine: Machine) -> None:
    """An agent that comes anew to a monitor that says nothing takes hold of the VM when it does."""
    machine._to(Power.UNKNOWN)
    assert not is_reached(machine)
    machine._happened(Happening.BACK, {})
    await until(lambda: is_reached(machine))
    assert machine.power is Power.RUNNING


async def test_what_a_silent_monitor_did_not_take_is_asked_for_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[int] = []

    async def forward(place: Place, port: int) -> bool:
        opened.append(port)
        return True

    async def none() -> dict[int, Place]:
        return {}

    async def gone(place: Place) -> None:
        raise AssertionError(place)

    machine._to(Power.RUNNING)
    network(machine)._offered = [ip_network("127.77.0.1/32")]
    await network(machine).change(Plan(public=("127.77.0.1",)))
    await network(machine).started()
    # Its monitor is not there yet: nothing was taken.
    monkeypatch.setattr(network(machine)._tcp, "_ways", Ways(forward, none, gone))
    assert network(machine)._tcp.ports == {}
    machine._happened(Happening.BACK, {})
    await until(lambda: opened == [22, 3389])


async def test_a_vm_that_starts_is_reached_once_it_runs(machine: Machine) -> None:
    machine._to(Power.STARTING)
    machine._happened(Happening.BACK, {})
    assert not machine._tasks._alive and not is_reached(machine)


async def test_a_vm_that_ends_while_it_starts_is_not_reached(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ends_at_once() -> str:
        machine._happened(Happening.ENDED, {"clean": True, "detail": "its guest switched it off"})
        await until(lambda: not machine._tasks._alive)
        return "It ran"

    monkeypatch.setattr(machine.driver, "start", ends_at_once)
    monkeypatch.setattr(type(machine.driver), "output_seconds", 0.0, raising=False)
    outcome = await machine.start()
    assert "it has ended again" in outcome.observed
    assert not is_reached(machine)
