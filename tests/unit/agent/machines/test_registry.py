"""The machines of a host: who may define and command them, and what is remembered. No hypervisor needed."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from outofband.agent.machines.registry import Machines
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.wire.machine import MachineDefinition, Power, Verb, VmReport
from tests.support.wait import until
from tests.unit.agent.machines.peers import SerialServer

pytestmark = pytest.mark.anyio
VM = "0b1f3a52-6c1d-4c55-9d6a-0f5b0c2f7e11"
ROUTER = {"vm": VM, "name": "router", "driver": "unix", "socket": "router"}


def definition(**fields: Any) -> MachineDefinition:
    return MachineDefinition(**(ROUTER | fields))


async def refused(code: str, attempt: Any) -> dict[str, Any]:
    with pytest.raises(Fault) as caught:
        await attempt
    assert caught.value.code == code
    return caught.value.fields


# --- definitions ---


async def test_a_machine_is_defined_reported_and_remembered(machines: Machines, state: StateDir) -> None:
    outcome = await machines.perform("vm.create", VM.upper(), ROUTER | {"vm": VM.upper()}, 0)
    assert "defined" in outcome.observed
    (report,) = machines.reports()
    assert (report.vm, report.name, report.driver, report.epoch) == (VM, "router", "unix", 1)
    assert [port.name for port in report.ports] == ["0"]
    assert (state.machines / VM / "machine.json").is_file()

    second = Machines(state)
    await second.load()
    assert [machine.vm for machine in second.reports()] == [VM]
    await second.close()


async def test_defining_the_same_again_changes_nothing(machines: Machines) -> None:
    await machines.create(definition())
    outcome = await machines.create(definition())
    assert outcome.data == {"already": True}
    assert len(machines) == 1


async def test_a_newer_epoch_replaces_an_older_one_and_never_the_other_way(machines: Machines) -> None:
    await machines.create(definition())
    await machines.create(definition(epoch=3, name="moved"))
    assert machines.get(VM).report().epoch == 3
    fields = await refused("StaleEpoch", machines.create(definition(epoch=2)))
    assert fields == {"current": 3, "given": 2}
    assert machines.get(VM).name == "moved"


async def test_only_names_of_the_hosts_own_configuration_count(machines: Machines) -> None:
    fields = await refused("ImageNotFound", machines.create(definition(socket="/run/other.sock")))
    assert fields == {"host": "host1", "kind": "socket", "name": "/run/other.sock", "known": "router"}
    await refused("ImageNotFound", machines.create(definition(driver="qemu", image="../../vmlinuz")))
    await refused("ImageNotFound", machines.create(definition(driver="pty", program="sh")))
    await refused("DriverUnknown", machines.create(definition(driver="vbox")))
    assert machines.reports() == []


async def test_a_folder_that_cannot_be_read_keeps_no_other_from_the_agent(
    machines: Machines, state: StateDir
) -> None:
    await machines.create(definition())
    broken = state.machines / str(uuid.uuid4())
    broken.mkdir()
    (broken / "machine.json").write_text("{")
    second = Machines(state)
    await second.load()
    assert [report.vm for report in second.reports()] == [VM]
    await second.close()
    assert broken.exists()


async def test_a_machine_that_is_deleted_leaves_nothing(machines: Machines, state: StateDir) -> None:
    told: list[tuple[str, VmReport | None]] = []
    await machines.create(definition())
    machine = machines.get(VM)
    machines.on_change(lambda vm, report: told.append((vm, report)))
    await machines.perform("vm.delete", VM, {}, 1)
    assert list(state.machines.iterdir()) == []
    assert told[-1] == (VM, None)
    await refused("VmUnknownToHost", machines.perform("vm.start", VM, {}, 1))
    assert (await machines.perform("vm.delete", VM, {}, 1)).data == {"already": True}
    await refused("VmUnknownToHost", machine.start())


# --- commands ---


async def test_a_command_for_another_epoch_is_refused(machines: Machines) -> None:
    await machines.create(definition(epoch=2, driver="pty", program="cat", socket=None))
    assert await refused("StaleEpoch", machines.perform("vm.start", VM, {}, 1)) == {"current": 2, "given": 1}
    await refused("StaleEpoch", machines.perform("vm.start", VM, {}, 3))
    await refused("StaleEpoch", machines.perform("vm.stop", VM, {}, 1))
    await machines.perform("vm.start", VM, {}, 2)
    # A newer control plane may end what lives elsewhere by now.
    await machines.perform("vm.stop", VM, {}, 3)
    assert machines.get(VM).power is Power.STOPPED


@pytest.mark.parametrize(
    ("verb", "args"),
    [
        ("vm.stop", {"graceful": "yes"}),
        ("vm.stop", {"timeout": 0}),
        ("vm.stop", {"timeout": 10**9}),
        ("vm.restart", {"force": True}),
        ("vm.start", {"kernel": "/k"}),
        ("vm.sysrq", {}),
        ("vm.delete", {"why": "x"}),
    ],
)
async def test_words_a_command_does_not_have_are_refused(
    machines: Machines, verb: str, args: dict[str, Any]
) -> None:
    await machines.create(definition())
    await refused("InvalidRequestContent", machines.perform(verb, VM, args, 1))
    assert len(machines) == 1


async def test_a_verb_of_a_later_version_is_refused(machines: Machines) -> None:
    await refused("ActionNotSupported", machines.perform("vm.migrate", VM, {}, 1))


async def test_the_hosts_policy_comes_first(state: StateDir, configure: Callable[[str], None]) -> None:
    configure('[policy]\nallow = ["vm.create", "vm.start"]\n')
    machines = Machines(state)
    await machines.load()
    await machines.create(definition())
    fields = await refused("HostPolicyRefused", machines.perform("vm.delete", VM, {}, 1))
    assert fields == {"verb": "vm.delete", "vm": "router"}
    assert len(machines) == 1
    await machines.close()


async def test_in_monitor_mode_nothing_reaches_into_a_guest(
    state: StateDir, configure: Callable[[str], None]
) -> None:
    configure("[policy]\nmonitor = true\n")
    machines = Machines(state)
    await machines.load()
    await machines.create(definition())
    await refused("HostPolicyRefused", machines.perform("vm.sysrq", VM, {"key": "b"}, 1))
    await refused("HostPolicyRefused", machines.perform("vm.nmi", VM, {}, 1))
    assert (await machines.host_report()).monitor
    await machines.close()


# --- machines that something else runs ---


async def test_an_attached_machine_runs_while_its_socket_is_connected(
    machines: Machines, router: SerialServer
) -> None:
    told: list[Power] = []
    machines.on_change(lambda _, report: told.append(report.power) if report else None)
    await machines.create(definition())
    await until(lambda: router.connected, "connected")
    assert machines.get(VM).power is Power.RUNNING
    since = machines.get(VM).report().since
    await router.close()
    await until(lambda: machines.get(VM).power is Power.STOPPED, "the socket closed")
    await router.listen()
    await until(lambda: machines.get(VM).power is Power.RUNNING, "connected again")
    assert machines.get(VM).report().since > since
    assert Power.STOPPED in told


async def test_an_attached_machine_can_be_watched_and_nothing_else(
    machines: Machines, router: SerialServer
) -> None:
    await machines.create(definition())
    for verb in (Verb.START, Verb.STOP, Verb.RESTART, Verb.RESET, Verb.NMI, Verb.CTRL_ALT_DEL):
        fields = await refused("ActionNotSupported", machines.perform(verb, VM, {}, 1))
        assert fields == {"driver": "unix", "verb": str(verb)}
    await refused("ActionNotSupported", machines.perform("vm.sysrq", VM, {"key": "h"}, 1))


async def test_its_output_is_kept_and_input_gets_there(machines: Machines, router: SerialServer) -> None:
    await machines.create(definition())
    await until(lambda: router.connected, "connected")
    router.print(b"Router> ")
    port = machines.port(VM, "0")
    assert await port.output.wait_for(b"Router>", 0, 5.0) is not None
    await port.inject(b"show version\r")
    await until(lambda: bytes(router.typed) == b"show version\r", "typed")
    await refused("PortNotFound", _port(machines, "7"))


async def test_the_end_of_its_log_can_be_read_also_when_it_is_gone(
    machines: Machines, router: SerialServer
) -> None:
    await machines.create(definition())
    await until(lambda: router.connected, "connected")
    router.print(b"one\r\ntwo\r\nRouter> ")
    assert await machines.port(VM, "0").output.wait_for(b"Router>", 0, 5.0) is not None
    wanted = {"from": 5, "end": 18, "text": base64.b64encode(b"two\r\nRouter> ").decode()}
    tail = (await machines.perform("vm.tail", VM, {"lines": 2}, 1)).data
    assert wanted.items() <= tail.items()
    # When the bytes were printed, and when that was asked, by the same clock.
    assert [at for at, _ in tail["marks"]] == [0]
    assert tail["marks"][0][1] <= tail["now"]
    await router.close()
    await until(lambda: machines.get(VM).power is Power.STOPPED, "the socket closed")
    again = (await machines.perform("vm.tail", VM, {"lines": 2}, 1)).data
    assert (again | {"now": 0}) == (tail | {"now": 0})
    for bad in ({}, {"lines": 0}, {"lines": 201}, {"lines": "2"}, {"lines": 2, "more": 1}):
        await refused("InvalidRequestContent", machines.perform("vm.tail", VM, bad, 1))


async def _port(machines: Machines, name: str) -> object:
    return machines.port(VM, name)


async def test_a_reader_of_its_log_may_wait_for_more(machines: Machines, router: SerialServer) -> None:
    await machines.create(definition())
    await until(lambda: router.connected, "connected")
    router.print(b"Router> ")
    assert await machines.port(VM, "0").output.wait_for(b"Router>", 0, 5.0) is not None
    nothing = (await machines.perform("vm.log", VM, {"from": 8, "after": 8, "wait": 0.05}, 1)).data
    assert (nothing["text"], nothing["end"]) == ("", 8)
    waiting = asyncio.create_task(machines.perform("vm.log", VM, {"from": 8, "after": 8, "wait": 20}, 1))
    await asyncio.sleep(0)
    router.print(b"show version\r\n")
    more = (await waiting).data
    assert base64.b64decode(more["text"]).startswith(b"s")
    for bad in ({"from": -1}, {"bytes": 0}, {"bytes": 10**7}, {"wait": 26}, {"more": 1}):
        await refused("InvalidRequestContent", machines.perform("vm.log", VM, bad, 1))
