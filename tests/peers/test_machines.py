"""Machines on a real QEMU: started, found again, asked to end or ended, and what they write to a disk."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from guests.build import Guest
from outofband.wire.machine import Power
from tests.peers.guest import PASSWORD, number_line
from tests.peers.host import BOOT_S, GREETING, PROMPT, VM, HostLab, at_its_prompt, refused
from tests.support.wait import until

pytestmark = pytest.mark.anyio
MESSAGES = 4
"""Lines of the kernel that a test provokes or that come by themselves while numbers are printed."""


# --- coming to run ---


async def test_a_start_is_seen_on_monitor_and_console(lab: HostLab) -> None:
    powers: list[Power] = []
    await lab.create("demo")
    lab.machines.on_change(lambda _, report: powers.append(report.power) if report else None)
    outcome = await lab.perform("start")
    assert f"QEMU runs as process {lab.pid}" in outcome.observed
    assert "its console printed after" in outcome.observed
    assert powers[0] is Power.STARTING
    assert powers[-1] is Power.RUNNING
    await lab.shows(b"SeaBIOS")
    await lab.shows(PROMPT)
    assert "was running already" in (await lab.perform("start")).observed


async def test_qemu_is_fenced_in(lab: HostLab) -> None:
    await lab.create("bare")
    await lab.perform("start")
    status = Path(f"/proc/{lab.pid}/status").read_text()
    assert "Seccomp:\t2" in status
    assert os.getsid(lab.pid) == lab.pid
    ways_in = {entry for entry in lab.machine.directory.iterdir() if entry.is_socket() or entry.is_fifo()}
    assert {entry.name for entry in ways_in} == {"serial0.in", "qmp.sock", "guest.sock"}


async def test_a_state_directory_may_lie_deep(tmp_path: Path, demo_guest: Guest) -> None:
    """The name of a unix socket ends at 108 bytes; those of this machine would have over 300."""
    async with at_its_prompt(tmp_path / ("d" * 120) / ("e" * 120), demo_guest) as lab:
        since = lab.end
        await lab.port.inject(b"demo\r")
        await lab.shows(b"Password", since)
        await lab.restart()
        assert lab.machine.power is Power.RUNNING


async def test_a_kernel_that_is_not_there_is_told_in_qemus_words(lab: HostLab) -> None:
    await lab.create("nothing")
    fields = await refused("VmStartFailed", lab.perform("start"))
    assert "could not open kernel file" in fields["detail"]
    assert "no-such-kernel" in fields["detail"]
    report = lab.machine.report()
    assert (report.power, report.fault) == (Power.STOPPED, "VmStartFailed")


async def test_without_qemu(lab: HostLab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    await lab.create("bare")
    assert await refused("QemuNotFound", lab.perform("start")) == {"program": "qemu-system-x86_64"}
    host = await lab.machines.host_report()
    assert (host.accelerator, host.drivers) == ("none", ["unix", "pty", "uart"])
    assert "not installed" in host.probe


async def test_one_machine_is_never_started_twice(lab: HostLab) -> None:
    """Whatever an agent believes: a FIFO that is read and QEMU's lock on its pid file keep a second away."""
    await lab.create("bare")
    await lab.perform("start")
    stranger = HostLab.__new__(HostLab)
    stranger.state, stranger.machines = lab.state, type(lab.machines)(lab.state)
    await stranger.machines.load()
    try:
        await stranger.machine.driver.close()
        stranger.machine.power = Power.STOPPED
        fields = await refused("VmStartFailed", stranger.perform("start"))
        assert fields["detail"] == "another process reads serial0.in already"
        (lab.machine.directory / "serial0.in").unlink()
        fields = await refused("VmStartFailed", stranger.perform("start"))
        assert "lock" in fields["detail"]
        since = lab.end
        await lab.perform("reset")
        await lab.shows(GREETING.strip(), since)
    finally:
        await stranger.machines.close()


# --- found again ---


async def test_a_machine_runs_on_without_its_agent(lab: HostLab) -> None:
    await lab.create("numbers")
    await lab.perform("start")
    await lab.shows(b"line 00000100 ")
    pid, before, boots = lab.pid, lab.machine.report(), lab.machine.boots
    await lab.restart()
    after = lab.machine.report()
    assert (lab.pid, after.power, after.since) == (pid, Power.RUNNING, before.since)
    assert lab.machine.boots == boots
    await lab.shows(b"line 00000300 ", lab.end)
    await lab.perform("nmi")
    await lab.perform("stop", graceful=False)
    assert_numbers(lab)


AGENT = """
import asyncio, sys
from pathlib import Path
import uvloop
from outofband.agent.machines.registry import Machines
from outofband.core.paths import StateDir

async def agent():
    machines = Machines(StateDir(Path(sys.argv[1])))
    await machines.load()
    vm = sys.argv[2]
    await machines.perform("vm.start", vm, {}, 1)
    assert await machines.port(vm, "0").output.wait_for(b"line 00000100 ", 0, 80)
    # Somebody is typing when the agent dies.
    await machines.port(vm, "0").inject(b"x")
    print("ready", flush=True)
    await asyncio.sleep(3600)

uvloop.run(agent())
"""


async def test_nothing_is_lost_when_the_agent_is_killed(lab: HostLab) -> None:
    await lab.create("numbers")
    await lab.machines.close()
    words = [sys.executable, "-c", AGENT, str(lab.state.root), VM]
    agent = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    assert agent.stdout is not None
    async with asyncio.timeout(BOOT_S):
        while b"ready" not in await agent.stdout.readline():
            assert not agent.stdout.at_eof()
    agent.send_signal(signal.SIGKILL)
    await agent.wait()

    await lab.restart()
    assert lab.machine.power is Power.RUNNING
    number = 100 + len(await lab.shows(b"line ", lab.end)) // 80
    await lab.shows(b"line %08d " % (number + 200), lab.end)
    assert (await lab.perform("reset")).data == {"boot": 2}
    await lab.perform("stop", graceful=False)
    assert_numbers(lab)


def assert_numbers(lab: HostLab) -> None:
    """The lines of the first boot are all there, in order, each once."""
    console = lab.port.spool.read(lab.port.spool.start, lab.end)
    console = console[console.index(b"line 00000001 ") :]
    lines = [line for line in console.split(b"\r\n") if line.startswith(b"line ") and len(line) == 80]
    numbers = [int(line[5:13]) for line in lines]
    assert lines == [number_line(number) for number in numbers]
    again = next((at for at, number in enumerate(numbers) if at and number == 1), len(numbers))
    seen = numbers[:again]
    assert seen == sorted(set(seen))
    # A message of the kernel may stand in the middle of a line, which then is not 80 bytes long.
    missing = set(range(1, seen[-1] + 1)) - set(seen)
    assert len(missing) <= MESSAGES, missing


async def test_a_reused_process_id_is_not_taken_for_the_machine(lab: HostLab) -> None:
    await lab.create("bare")
    (lab.machine.directory / "qemu.pid").write_text(f"{os.getpid()}\n")
    await lab.restart()
    assert lab.machine.power is Power.STOPPED
    await lab.perform("start")
    assert lab.pid != os.getpid()


async def test_a_qemu_that_ended_while_the_agent_was_away(lab: HostLab) -> None:
    await lab.create("bare")
    await lab.perform("start")
    pid = lab.pid
    await lab.machines.close()
    os.kill(pid, signal.SIGKILL)
    await lab.restart()
    assert lab.machine.power is Power.STOPPED
    await lab.perform("start")


async def test_a_qemu_that_stands_still_is_unknown_until_it_answers(lab: HostLab) -> None:
    await lab.create("bare")
    await lab.perform("start")
    pid = lab.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        await lab.restart()
        report = lab.machine.report()
        assert (report.power, report.fault) == (Power.UNKNOWN, "HypervisorUnreachable")
        await refused("HypervisorUnreachable", lab.perform("start"))
    finally:
        os.kill(pid, signal.SIGCONT)
    await until(lambda: lab.machine.power is Power.RUNNING, seconds=BOOT_S)
    assert lab.machine.report().fault is None
    assert lab.pid == pid


# --- coming to an end ---


async def test_a_guest_is_asked_to_shut_down_and_does(lab: HostLab) -> None:
    """A restart is a shutdown and a start; then it is shut down for good."""
    await lab.create("demo")
    await lab.perform("start")
    await lab.shows(PROMPT)
    pid, since = lab.pid, lab.end
    outcome = await lab.perform("restart", timeout=BOOT_S)
    assert "The guest shut down" in outcome.observed
    assert "QEMU runs as process" in outcome.observed
    assert lab.pid != pid
    await lab.shows(PROMPT, since)

    outcome = await lab.perform("stop", timeout=BOOT_S)
    assert "The guest shut down" in outcome.observed
    assert outcome.data == {"reason": "guest-shutdown"}
    report = lab.machine.report()
    assert (report.power, report.fault) == (Power.STOPPED, None)
    assert "was stopped already" in (await lab.perform("stop")).observed


async def test_a_deaf_guest_is_only_stopped_by_force(lab: HostLab) -> None:
    await lab.create("bare")
    await lab.perform("start")
    await lab.shows(GREETING.strip())
    fields = await refused("VmStopTimeout", lab.perform("stop", timeout=1))
    assert fields == {"vm": "bare", "seconds": 1.0}
    assert lab.machine.power is Power.RUNNING
    fields = await refused("VmStopTimeout", lab.perform("restart", timeout=1))
    pid = lab.pid
    assert "Reset seen after" in (await lab.perform("restart", graceful=False)).observed
    assert lab.pid == pid
    outcome = await lab.perform("stop", graceful=False)
    assert "ended by force" in outcome.observed
    assert lab.machine.power is Power.STOPPED
    assert not Path(f"/proc/{pid}").exists()


async def test_a_guest_that_powers_itself_off_is_seen_to(lab: HostLab) -> None:
    await lab.create("demo")
    await lab.perform("start")
    await lab.shows(PROMPT)
    await lab.port.inject(b"root\r")
    await lab.shows(b"Password", lab.end - 200)
    await lab.port.inject(PASSWORD.encode() + b"\r")
    await lab.shows(b"root@demo:~#")
    await lab.port.inject(b"poweroff\r")
    await until(lambda: lab.machine.power is Power.STOPPED, seconds=BOOT_S)
    assert lab.machine.report().fault is None


async def test_a_qemu_that_is_killed_is_a_fault(lab: HostLab) -> None:
    await lab.create("bare")
    await lab.perform("start")
    os.kill(lab.pid, signal.SIGKILL)
    await until(lambda: lab.machine.power is Power.STOPPED)
    report = lab.machine.report()
    assert report.fault == "HypervisorEnded"
    assert "status -9" in report.fault_fields["detail"]
    await lab.perform("start")
    assert lab.machine.report().fault is None


async def test_a_qemu_that_stands_still_can_be_ended(lab: HostLab) -> None:
    await lab.create("bare")
    await lab.perform("start")
    pid = lab.pid
    os.kill(pid, signal.SIGSTOP)
    await lab.perform("stop", graceful=False)
    assert lab.machine.power is Power.STOPPED
    assert not Path(f"/proc/{pid}").exists()


async def test_a_machine_that_runs_is_deleted_with_all_it_had(lab: HostLab) -> None:
    await lab.create("bare")
    await lab.perform("start")
    pid = lab.pid
    outcome = await lab.perform("delete")
    assert "ended by force" in outcome.observed
    assert not Path(f"/proc/{pid}").exists()
    assert list(lab.state.machines.iterdir()) == []


# --- disks ---


async def test_a_machine_writes_to_a_disk_of_its_own(lab: HostLab) -> None:
    image = lab.state.root / "bare.img"
    before = image.read_bytes()
    await lab.create("bare")
    await lab.perform("start")
    await lab.shows(GREETING.strip())
    await lab.perform("stop", graceful=False)
    assert image.read_bytes() == before
    overlay = lab.machine.directory / "disk.qcow2"
    assert GREETING in overlay.read_bytes()
    assert overlay.stat().st_mode & 0o777 == 0o600

    # The overlay is used again, not made anew.
    since = lab.end
    await lab.perform("start")
    await lab.shows(GREETING.strip(), since)


async def test_a_disk_image_that_is_not_there(lab: HostLab) -> None:
    await lab.create("bare")
    (lab.state.root / "bare.img").unlink()
    fields = await refused("VmStartFailed", lab.perform("start"))
    assert "bare.img" in fields["detail"]
