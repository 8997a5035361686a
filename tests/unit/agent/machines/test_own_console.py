"""The console of a server itself: a real shell on a real terminal, while somebody is there."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from outofband.agent.hypervisors import shell
from outofband.agent.machines.registry import Machines
from outofband.agent.ports.broker import PortBroker
from outofband.agent.ports.program import find_ptyhost
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.net.process import start_ticks
from outofband.wire.grant import Mode
from outofband.wire.login import How
from outofband.wire.machine import MachineDefinition, Power
from tests.support.wait import until
from tests.unit.agent.ports.peers import RecordingViewer, attach, grant, typed

pytestmark = pytest.mark.anyio
OWN = "9f7c7d62-52f1-4b1c-9f0f-6f2b0d0c1a11"
SHELL = """
[console]
kind = "shell"
command = ["/bin/sh", "-i"]
"""
Open = Callable[[str], Awaitable[Machines]]


@pytest.fixture
async def open_host(state: StateDir, configure: Callable[[str], None]) -> AsyncIterator[Open]:
    """Starts an agent's machines with more in agent.toml; ends what ran at last."""
    opened: list[Machines] = []

    async def open_host(more: str) -> Machines:
        configure(more)
        machines = Machines(state, name="host1")
        opened.append(machines)
        await machines.load()
        await machines.own.open(OWN)
        return machines

    yield open_host
    for machines in opened:
        own = machines.own.report()
        if own is not None and own.driver == "shell":
            await machines.get(OWN).driver.kill()
        await machines.close()


class Seat:
    """Somebody at the console."""

    def __init__(self, port: PortBroker, who: str, **rights: object) -> None:
        self.viewer = RecordingViewer()
        self.offset = 0
        attach(port, self.viewer, grant(who, vm=OWN, **rights))

    def type(self, keys: bytes) -> None:
        assert self.viewer.attachment is not None
        self.viewer.attachment.receive(typed(self.offset, keys))
        self.offset += len(keys)

    def leave(self) -> None:
        assert self.viewer.attachment is not None
        self.viewer.attachment.detach(False)

    async def sees(self, text: bytes) -> None:
        await until(lambda: text in self.viewer.output, f"{text!r} is shown")


async def ready(port: PortBroker) -> None:
    """Keys typed before the program reads are nobody's."""
    await until(lambda: port.spool.path.with_suffix(".in").exists(), "the program runs")
    await until(lambda: port.report().end, "it prompts")


async def test_a_shell_comes_with_the_first_and_goes_with_the_last(
    open_host: Open, state: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outofband.agent.machines.build.CONSOLE_LINGER", 0.2)
    machines = await open_host(SHELL)
    assert (await machines.host_report()).console == "shell"
    port = machines.port(OWN, "0")
    assert find_ptyhost(state.agent / "console") is None, "nobody came yet"
    ada = Seat(port, "ada")
    await ready(port)
    ada.type(b"echo $((6 * 7)) $TMOUT\r")
    await ada.sees(b"42 900")
    host = find_ptyhost(state.agent / "console")
    assert host is not None
    bob = Seat(port, "bob", mode=Mode.OBSERVE)
    ada.leave()
    # One who only watches is somebody.
    bob.viewer.attachment.detach(False)  # type: ignore[union-attr]
    await until(lambda: not host.alive, "it is hung up")
    assert start_ticks(host.child) is None

    # And the next one gets another, with what was there before to read.
    eve = Seat(port, "eve")
    await until(lambda: find_ptyhost(state.agent / "console"), "it runs again")
    assert b"42 900" in port.spool.read(0, port.spool.end)
    eve.type(b"exit\r")
    await until(lambda: eve.viewer.closed, "it ended")
    assert eve.viewer.closed is not None
    assert (eve.viewer.closed.code, eve.viewer.closed.resumable) == ("ServerConsoleEnded", False)


async def test_somebody_whose_line_dropped_finds_his_shell_again(
    open_host: Open, state: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outofband.agent.machines.build.CONSOLE_LINGER", 30.0)
    machines = await open_host(SHELL)
    port = machines.port(OWN, "0")
    ada = Seat(port, "ada")
    await ready(port)
    ada.type(b"mark=here\r")
    host = find_ptyhost(state.agent / "console")
    assert host is not None
    ada.viewer.attachment.detach(True)  # type: ignore[union-attr]
    again = Seat(port, "ada", resume=port.report().end)
    again.offset = ada.offset
    again.type(b'echo "<$mark>"\r')
    await again.sees(b"<here>")
    assert host.alive


async def test_an_agent_that_starts_again_finds_it_and_hangs_it_up_unless_somebody_comes(
    open_host: Open, state: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outofband.agent.machines.build.CONSOLE_LINGER", 1.0)
    machines = await open_host(SHELL)
    port = machines.port(OWN, "0")
    Seat(port, "ada")
    await ready(port)
    host = find_ptyhost(state.agent / "console")
    assert host is not None
    await machines.close()
    assert host.alive
    await open_host(SHELL)
    await until(lambda: not host.alive, "nobody came back")


async def test_a_server_that_is_disconnected_keeps_no_program_on_it(
    open_host: Open, state: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines = await open_host(SHELL)
    port = machines.port(OWN, "0")
    Seat(port, "ada")
    await ready(port)
    host = find_ptyhost(state.agent / "console")
    assert host is not None
    monkeypatch.setattr("outofband.agent.machines.build.CONSOLE_LINGER", 0.2)
    await machines.own.close()
    await until(lambda: not host.alive, "it is hung up")
    with pytest.raises(Fault, match="ServerConsoleOff"):
        machines.port(OWN, "0")


@pytest.mark.parametrize(
    "more", ["", '[console]\nkind = "uart"\n', '[console]\nkind = "shell"\ncommand = ["/bin/cat"]\n']
)
async def test_what_agent_toml_does_not_allow_any_more_ends_with_the_next_agent(
    open_host: Open, state: StateDir, more: str
) -> None:
    machines = await open_host(SHELL)
    port = machines.port(OWN, "0")
    Seat(port, "ada")
    await ready(port)
    host = find_ptyhost(state.agent / "console")
    assert host is not None
    await machines.close()
    await open_host(more)
    assert not host.alive


async def test_nothing_typed_for_too_long_ends_it(open_host: Open) -> None:
    machines = await open_host(SHELL + "idle_seconds = 1\n")
    ada = Seat(machines.port(OWN, "0"), "ada")
    await until(lambda: ada.viewer.closed, "it is hung up")
    assert ada.viewer.closed is not None
    assert ada.viewer.closed.code == "ServerConsoleIdle"
    assert ada.viewer.closed.fields["seconds"] == 1


async def test_a_login_that_is_to_end_ends_with_the_program(open_host: Open, state: StateDir) -> None:
    machines = await open_host(SHELL)
    port = machines.port(OWN, "0")
    ada = Seat(port, "ada", end_login=True)
    await ready(port)
    ada.type(b"secret=1\r")
    await ada.sees(b"secret=1")
    first = find_ptyhost(state.agent / "console")
    bob = Seat(port, "bob", end_login=True)
    assert ada.viewer.closed is not None
    assert ada.viewer.closed.code == "TakenOverLoginEnds"
    await until(lambda: bob.viewer.notices("login")[-1:], "it is told")
    await until(lambda: bob.viewer.notices("login")[-1]["state"] == "ended", "it ended")
    assert bob.viewer.notices("login")[-1]["how"] == How.PROGRAM_ENDED
    await until(lambda: find_ptyhost(state.agent / "console"), "another runs")
    assert find_ptyhost(state.agent / "console") != first
    assert bob.viewer.closed is None


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ('[console]\nkind = "shell"\ncommand = ["/no/such/login"]\n', "ServerConsoleFailed"),
        ('[console]\nkind = "shell"\ncommand = ["false"]\n', "ServerConsole"),
    ],
)
async def test_a_program_that_does_not_run_is_told(open_host: Open, more: str, code: str) -> None:
    machines = await open_host(more)
    ada = Seat(machines.port(OWN, "0"), "ada")
    await until(lambda: ada.viewer.closed, "it is told")
    assert ada.viewer.closed is not None
    assert ada.viewer.closed.code.startswith(code)


async def test_a_login_needs_root(open_host: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    if not os.geteuid():
        # The one thing that cannot be had here: to be somebody else and keep the folder.
        monkeypatch.setattr(shell.os, "geteuid", lambda: 65534)
    machines = await open_host('[console]\nkind = "shell"\n')
    ada = Seat(machines.port(OWN, "0"), "ada")
    await until(lambda: ada.viewer.closed, "it is told")
    assert ada.viewer.closed is not None
    assert ada.viewer.closed.code == "ServerConsoleNeedsRoot"


async def test_an_agent_that_is_not_root_asks_roots_helper(
    open_host: Open, state: StateDir, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What the helper does is its own tests' matter; here, that it is asked, and by which program."""
    monkeypatch.setattr(shell.os, "geteuid", lambda: 65534)
    # A helper's socket on which nobody listens.
    monkeypatch.setattr(shell.login, "is_there", lambda: True)
    machines = await open_host('[console]\nkind = "shell"\n')
    port = machines.port(OWN, "0")
    ada = Seat(port, "ada")
    await until(lambda: ada.viewer.closed, "it ends")
    said = port.spool.read(0, port.spool.end)
    assert b"helper" in said.lower()


async def test_without_a_word_in_agent_toml_there_is_none(open_host: Open) -> None:
    machines = await open_host("")
    assert (await machines.host_report()).console == ""
    assert machines.own.report() is None
    with pytest.raises(Fault, match="ServerConsoleOff"):
        machines.port(OWN, "0")


async def test_a_control_plane_has_no_hold_of_it(open_host: Open) -> None:
    machines = await open_host(SHELL)
    assert machines.reports() == []
    assert machines.all() == []
    for verb in ("vm.start", "vm.stop", "vm.restart", "vm.reset", "vm.nmi", "vm.sysrq", "vm.screenshot"):
        args = {"key": "h"} if verb == "vm.sysrq" else {}
        with pytest.raises(Fault, match="ActionNotSupported"):
            await machines.perform(verb, OWN, args, 1)
    definition = MachineDefinition(vm=OWN, name="mine", driver="unix", socket="router")
    with pytest.raises(Fault, match="OperationNotAllowed"):
        await machines.create(definition)
    await machines.perform("vm.delete", OWN, {}, 1)
    assert machines.own.report() is not None


@pytest.mark.parametrize("more", [SHELL + "read_only = true\n", SHELL + "[policy]\nmonitor = true\n"])
async def test_where_it_may_only_be_watched_nobody_types(open_host: Open, more: str) -> None:
    machines = await open_host(more)
    port = machines.port(OWN, "0")
    ada = Seat(port, "ada")
    await ready(port)
    ada.type(b"echo typed\r")
    await until(lambda: ada.viewer.notices("alarm"), "it is refused")
    assert ada.viewer.notices("alarm")[0]["code"] == "WriteRefusedByHost"
    assert port.source.queued == 0
    assert b"typed" not in port.spool.read(0, port.spool.end)


async def test_a_machine_at_the_other_end_of_a_cable(open_host: Open, tmp_path: Path) -> None:
    """A VM of the driver `uart`; a pair of pseudo terminals is the cable."""
    end, device = os.openpty()
    path = tmp_path / "ttyUSB0"
    path.symlink_to(os.ttyname(device))
    os.close(device)
    machines = await open_host(f'[uarts.switch]\npath = "{path}"\nbaud = 9600\n')
    assert (await machines.host_report()).uarts == ["switch"]
    definition = MachineDefinition(vm=str(uuid.uuid4()), name="switch", driver="uart", socket="switch")
    with pytest.raises(Fault, match="ImageNotFound"):
        await machines.create(msgspec.structs.replace(definition, socket="router"))
    await machines.create(definition)
    machine = machines.get(definition.vm)
    assert machine.power is Power.RUNNING
    seat = Seat(machine.console, "ada")
    os.write(end, b"Switch>")
    await seat.sees(b"Switch>")
    seat.type(b"enable\r")
    assert await asyncio.to_thread(os.read, end, 64) == b"enable\r"
    # The key comes behind the BREAK, which this wire cannot carry.
    done = asyncio.create_task(machines.perform("vm.sysrq", definition.vm, {"key": "h"}, 1))
    assert await asyncio.to_thread(os.read, end, 64) == b"h"
    os.write(end, b"\r\nsysrq: HELP : reboot(b)\r\n")
    assert (await done).data["outcome"] == "answered"
    with pytest.raises(Fault, match="ActionNotSupported"):
        await machines.perform("vm.reset", definition.vm, {}, 1)
    os.close(end)
    await until(lambda: machine.power is Power.STOPPED, "its cable is out")
    assert machine.trouble is None


@pytest.mark.parametrize(
    "wrong",
    [
        '[console]\nkind = "telnet"\n',
        "[console]\ncommand = []\n",
        "[console]\nbaud = 115201\n",
        '[uarts.switch]\npath = "/dev/ttyS1"\nbaud = 0\n',
        '[uarts."a/b"]\npath = "/dev/ttyS1"\n',
    ],
)
async def test_what_agent_toml_may_not_say(open_host: Open, wrong: str) -> None:
    with pytest.raises(Fault, match="AgentConfigInvalid"):
        await open_host(wrong)
