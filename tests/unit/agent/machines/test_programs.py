"""Machines that are a program on a terminal, with real programs: started, found again, ended."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from outofband.agent.machines.registry import Machines
from outofband.agent.ports.program import find_ptyhost
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.net.process import start_ticks
from outofband.wire.machine import MachineDefinition, Power
from tests.support.wait import until

pytestmark = pytest.mark.anyio
VM = "7a7d3c05-1c11-4f0c-8f5e-3f4f3d1d2c10"


async def define(machines: Machines, program: str) -> None:
    await machines.create(MachineDefinition(vm=VM, name="terminal", driver="pty", program=program))


async def perform(machines: Machines, verb: str, **args: Any) -> str:
    return (await machines.perform(f"vm.{verb}", VM, args, 1)).observed


async def test_a_program_starts_takes_input_and_is_ended(machines: Machines) -> None:
    await define(machines, "cat")
    observed = await perform(machines, "start")
    assert "The program runs as process" in observed
    assert machines.get(VM).power is Power.RUNNING
    port = machines.port(VM, "0")
    await port.inject(b"one line\n")
    # A terminal echoes, then cat prints the line once more.
    assert await port.wait_for(b"one line\r\none line", 0, 5.0) is not None
    observed = await perform(machines, "stop")
    assert "signal" in observed
    assert machines.get(VM).report().power is Power.STOPPED
    assert machines.get(VM).report().fault is None


async def test_a_program_runs_on_without_its_agent_and_is_found_again(
    machines: Machines, state: StateDir
) -> None:
    await define(machines, "cat")
    await perform(machines, "start")
    before = machines.get(VM).report()
    await machines.get(VM).close()

    second = Machines(state, name="host1")
    await second.load()
    after = second.get(VM).report()
    assert (after.power, after.since) == (Power.RUNNING, before.since)
    await second.port(VM, "0").inject(b"still there\n")
    assert await second.port(VM, "0").wait_for(b"still there", before.ports[0].end, 5.0) is not None
    assert "was running already" in await perform(second, "start")
    await perform(second, "stop", graceful=False)
    await second.close()


async def test_a_program_that_ends_by_itself_is_seen_to(machines: Machines) -> None:
    await define(machines, "greet")
    await perform(machines, "start")
    assert await machines.port(VM, "0").wait_for(b"hello world", 0, 5.0) is not None
    await until(lambda: machines.get(VM).power is Power.STOPPED, "the end was seen")
    report = machines.get(VM).report()
    assert (report.power, report.fault) == (Power.STOPPED, None)


async def test_a_program_that_is_not_there(machines: Machines) -> None:
    await define(machines, "missing")
    with pytest.raises(Fault) as caught:
        await perform(machines, "start")
    assert caught.value.code == "VmStartFailed"
    assert "/no/such/program" in caught.value.fields["detail"]
    report = machines.get(VM).report()
    assert (report.power, report.fault) == (Power.STOPPED, "VmStartFailed")


async def test_a_deaf_program_is_only_ended_by_force(machines: Machines) -> None:
    await define(machines, "stubborn")
    await perform(machines, "start")
    assert await machines.port(VM, "0").wait_for(b"deaf", 0, 5.0) is not None
    with pytest.raises(Fault) as caught:
        await perform(machines, "stop", timeout=1.0)
    assert (caught.value.code, caught.value.fields) == ("VmStopTimeout", {"vm": "terminal", "seconds": 1.0})
    assert machines.get(VM).power is Power.RUNNING
    await perform(machines, "stop", graceful=False)
    assert machines.get(VM).power is Power.STOPPED


async def test_a_restart_by_force_ends_and_starts_it(machines: Machines) -> None:
    await define(machines, "stubborn")
    await perform(machines, "start")
    first = machines.get(VM).driver.pid
    await perform(machines, "restart", graceful=False)
    assert machines.get(VM).power is Power.RUNNING
    assert machines.get(VM).driver.pid != first
    assert machines.get(VM).boots == 2


async def test_a_killed_terminal_is_told_of_and_takes_its_program_along(
    machines: Machines, state: StateDir
) -> None:
    await define(machines, "stubborn")
    await perform(machines, "start")
    assert await machines.port(VM, "0").wait_for(b"deaf", 0, 5.0) is not None
    [host] = [find_ptyhost(each.parent) for each in state.root.rglob("serial0.pid")]
    assert host is not None
    assert start_ticks(host.child) is not None
    os.kill(host.pid, signal.SIGKILL)
    await until(lambda: start_ticks(host.child) is None, "the program was killed too")
    await until(lambda: machines.get(VM).power is Power.STOPPED, "the end was seen")
    assert machines.get(VM).report().fault == "HypervisorEnded"


async def test_what_a_program_cannot_do(machines: Machines) -> None:
    await define(machines, "cat")
    await perform(machines, "start")
    for verb in ("reset", "nmi", "screenshot"):
        with pytest.raises(Fault, match="ActionNotSupported"):
            await perform(machines, verb)
