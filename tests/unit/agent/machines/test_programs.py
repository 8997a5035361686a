"""Machines that are a program on a terminal, with real programs: started, found again, ended."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from outofband.agent.machines.registry import Machines
from outofband.agent.ports.program import find_ptyhost
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.net.process import start_ticks
from outofband.wire.machine import MachineDefinition, Power
from tests.support.sac import command, environment
from tests.support.wait import WAIT, until

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
    assert await port.output.wait_for(b"one line\r\none line", 0, 5.0) is not None
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
    assert await second.port(VM, "0").output.wait_for(b"still there", before.ports[0].end, 5.0) is not None
    assert "was running already" in await perform(second, "start")
    await perform(second, "stop", graceful=False)
    await second.close()


async def test_a_program_that_ends_by_itself_is_seen_to(machines: Machines) -> None:
    await define(machines, "greet")
    await perform(machines, "start")
    assert await machines.port(VM, "0").output.wait_for(b"hello world", 0, 5.0) is not None
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
    assert await machines.port(VM, "0").output.wait_for(b"deaf", 0, 5.0) is not None
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
    assert await machines.port(VM, "0").output.wait_for(b"deaf", 0, 5.0) is not None
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


@pytest.fixture
async def simulated(state: StateDir, configure: Callable[[str], None]) -> AsyncIterator[Machines]:
    """A host that offers the simulator of Windows' console, and one program that takes no signals."""
    words = "".join(f"{key} = {json.dumps(each)}\n" for key, each in environment().items())
    signals = 'reset = "SIGUSR1"\nnmi = "SIGUSR2"\n'
    configure(
        f'[programs.deaf]\ncommand = ["sleep", "60"]\n{signals}'
        f"[programs.sac]\ncommand = {json.dumps(command())}\n{signals}[programs.sac.env]\n{words}"
    )
    machines = Machines(state, name="host1")
    await machines.load()
    yield machines
    await machines.delete(VM)
    await machines.close()


async def test_a_program_that_plays_a_machine_is_reset_and_interrupted(simulated: Machines) -> None:
    await define(simulated, "sac")
    await perform(simulated, "start")
    port, machine = simulated.port(VM, "0"), simulated.get(VM)
    assert await port.output.wait_for(b"SAC>", 0, WAIT) is not None
    process, end = machine.driver.pid, port.spool.end
    await perform(simulated, "reset")
    assert await port.output.wait_for(b"SAC started and initialized", end, WAIT) is not None
    assert (machine.driver.pid, machine.boots, machine.power) == (process, 2, Power.RUNNING)
    await perform(simulated, "nmi")
    assert await port.output.wait_for(b"*** STOP: 0x00000080", end, WAIT) is not None
    assert await port.output.wait_for(b"!SAC>", end, WAIT) is not None
    end = port.spool.end
    await perform(simulated, "restart", graceful=False)
    assert await port.output.wait_for(b"SAC started and initialized", end, WAIT) is not None
    assert "status 0" in await perform(simulated, "stop"), "the power button"
    assert machine.report().fault is None


async def test_a_signal_that_would_end_a_program_is_not_sent(simulated: Machines) -> None:
    await define(simulated, "deaf")
    await perform(simulated, "start")
    for verb in ("reset", "nmi"):
        with pytest.raises(Fault) as caught:
            await perform(simulated, verb)
        assert caught.value.code == "HypervisorRefused"
    assert simulated.get(VM).power is Power.RUNNING
    assert simulated.get(VM).boots == 1
