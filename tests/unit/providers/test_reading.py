"""The screen and the end of the log: who may see them, when they are there, what is kept of the looking."""

import base64
from typing import Any

import msgspec
import pytest

from outofband.access import roles
from outofband.core.errors import Fault
from outofband.wire.arm import errors
from outofband.wire.link import Inventory
from tests.support.actors import host_report
from tests.support.cloud import SCOPE, Cloud, Host, Person, vm_id
from tests.support.wait import until

pytestmark = pytest.mark.anyio
V = "2018-05-01"
PORT = f"{vm_id('demo')}/providers/Microsoft.SerialConsole/serialPorts/0"
SWITCH = f"{SCOPE}/providers/Microsoft.SerialConsole/consoleServices/default"
RIGHT = "Microsoft.Compute/virtualMachines/retrieveBootDiagnosticsData/action"
PNG = base64.b64encode(b"\x89PNG...").decode()


def log(text: bytes, begin: int = 100) -> dict[str, Any]:
    return {"from": begin, "end": begin + len(text), "text": base64.b64encode(text).decode()}


@pytest.fixture
def host(host: Host) -> Host:
    host.data = {"vm.screenshot": {"png": PNG, "scale": 1}, "vm.tail": log(b"one\r\n\x1b[31mtwo\x1b[0m\r\n")}
    return host


async def ask(person: Person, what: str, body: Any = None) -> Any:
    return await person.ask("POST", f"{PORT}/{what}", body, version=V)


async def refused(person: Person, what: str) -> errors.RemoteError:
    found = errors.read((await ask(person, what)).content)
    assert found is not None
    return found


async def test_the_screen(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm()
    answer = await ask(cloud.owner, "screenshot")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body.pop("takenAt").endswith("Z")
    assert body == {"contentType": "image/png", "data": PNG, "scale": 1}


async def test_the_end_of_the_log_is_plain_text(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm()
    answer = await ask(cloud.owner, "tail", {"lines": 5})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body.pop("at").endswith("Z")
    assert body == {"lines": [{"text": "one"}, {"text": "two"}], "records": [], "from": 100, "end": 119}
    command = host.peer.commands[-1]
    assert (command.verb, command.args) == ("vm.tail", {"lines": 5})
    await ask(cloud.owner, "tail")
    assert host.peer.commands[-1].args == {"lines": 20}


@pytest.mark.parametrize("lines", [0, 201, -1, 2.5, "20", None])
async def test_how_many_lines(cloud: Cloud, host: Host, lines: Any) -> None:
    await cloud.owner.create_vm()
    answer = await ask(cloud.owner, "tail", {"lines": lines})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidRequestContent")


@pytest.mark.parametrize("what", ["screenshot", "tail"])
async def test_the_right_is_that_of_boot_diagnostics_on_the_vm(cloud: Cloud, host: Host, what: str) -> None:
    await cloud.owner.create_vm()
    reader = await cloud.person("reader", roles.READER)
    said = await refused(reader, what)
    assert (said.code, RIGHT in said.message, PORT in said.message) == ("AuthorizationFailed", True, True)
    await cloud.assign(reader, roles.VIRTUAL_MACHINE_CONTRIBUTOR, vm_id("demo"))
    assert (await ask(reader, what)).status_code == 200
    elsewhere = await cloud.person("elsewhere", roles.VIRTUAL_MACHINE_CONTRIBUTOR, vm_id("other"))
    assert (await refused(elsewhere, what)).code == "AuthorizationFailed"


@pytest.mark.parametrize("what", ["screenshot", "tail"])
async def test_a_disabled_console_hides_nothing_switched_off_diagnostics_all(
    cloud: Cloud, host: Host, what: str
) -> None:
    await cloud.owner.create_vm()
    await cloud.owner.ask("POST", f"{SWITCH}/disableConsole", version=V)
    assert (await ask(cloud.owner, what)).status_code == 200
    off = {"properties": {"diagnosticsProfile": {"bootDiagnostics": {"enabled": False}}}}
    await cloud.owner.ask("PATCH", vm_id("demo"), off)
    said = await refused(cloud.owner, what)
    assert (said.code, said.action) == ("BootDiagnosticsDisabled", "enable-boot-diagnostics")


async def test_a_stopped_vm_has_a_log_and_no_screen(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm()
    await cloud.owner.follow(await cloud.owner.ask("POST", f"{vm_id('demo')}/powerOff"))
    host.refuse["vm.screenshot"] = Fault("VmNotRunning", vm="demo", power="stopped")
    said = await refused(cloud.owner, "screenshot")
    assert (said.code, said.action) == ("VmNotRunning", "start-vm")
    assert (await ask(cloud.owner, "tail")).status_code == 200


async def test_a_vm_that_is_a_serial_port_only(cloud: Cloud, host: Host) -> None:
    body = {"properties": {"outofband": {"driver": "unix", "socket": "router"}}}
    report = msgspec.structs.replace(host_report(), drivers=["unix"], sockets=["router"])
    await host.peer.send(Inventory(report, []))
    await cloud.owner.follow(await cloud.owner.ask("PUT", vm_id("demo"), body))
    said = await refused(cloud.owner, "screenshot")
    assert (said.code, said.fields) == ("NoScreen", {"vm": "demo", "driver": "unix"})
    assert (await ask(cloud.owner, "tail")).status_code == 200
    shown = (await cloud.owner.get(f"{vm_id('demo')}/instanceView")).json()
    assert shown["outofband"]["screen"] is False


async def test_hosts_that_do_not_answer(cloud: Cloud, host: Host) -> None:
    host.deaf.add("vm.create")
    body = {"properties": {"outofband": {"driver": "qemu", "image": "demo"}}}
    await cloud.owner.ask("PUT", vm_id("demo"), body)
    assert (await refused(cloud.owner, "tail")).code == "VmProvisioning"
    host.deaf.clear()
    await host.peer.kill()
    await until(lambda: not cloud.fleet.connected(host.peer.identity.agent))
    assert (await refused(cloud.owner, "tail")).code == "VmProvisioning"


async def test_an_unreachable_host(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm()
    await host.peer.kill()
    await until(lambda: not cloud.fleet.connected(host.peer.identity.agent))
    for what in ("screenshot", "tail"):
        assert (await refused(cloud.owner, what)).code == "AgentOffline"


@pytest.mark.parametrize(
    ("what", "data"),
    [
        ("screenshot", {}),
        ("screenshot", {"png": 5}),
        ("tail", {}),
        ("tail", {"from": "0", "end": 1, "text": ""}),
        ("tail", {"from": 0, "end": 1, "text": "not base64!"}),
    ],
)
async def test_an_answer_nobody_can_read_is_an_inner_fault(
    cloud: Cloud, host: Host, what: str, data: dict[str, Any]
) -> None:
    await cloud.owner.create_vm()
    host.data[f"vm.{what}"] = data
    assert (await refused(cloud.owner, what)).code == "InternalError"


async def test_looking_again_and_again_is_logged_once(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm()
    reader = await cloud.person("reader", roles.READER)
    for _ in range(3):
        await ask(cloud.owner, "tail")
        await ask(cloud.owner, "screenshot")
        await refused(reader, "tail")
    path = f"{SCOPE}/providers/Microsoft.Insights/eventtypes/management/values"
    found = await cloud.owner.get(path, version="2015-04-01", **{"$filter": f"resourceUri eq '{PORT}'"})
    told = [
        (each["caller"], each["properties"].get("action"), each["status"]["value"])
        for each in reversed(found.json()["value"])
    ]
    assert told == [
        ("owner", "tail", "Started"),
        ("owner", "tail", "Succeeded"),
        ("owner", "screenshot", "Started"),
        ("owner", "screenshot", "Succeeded"),
        ("reader", None, "Failed"),
    ]
    async with cloud.store.read() as tx:
        kept = [
            command.verb for command in host.peer.commands if await cloud.store.outbox.get(tx, command.key)
        ]
    assert kept == ["vm.create", "vm.start"]
