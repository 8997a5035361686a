"""The way to a console: every check with its own code, the ticket, the switch, what is sent to the guest."""

from typing import Any

import httpx
import msgspec
import pytest

from outofband.access import roles
from outofband.core.errors import Fault
from outofband.wire.arm import errors
from outofband.wire.grant import Mode
from outofband.wire.link import VmChanged
from outofband.wire.machine import PortReport, Power
from tests.support.actors import viewer, vm_report
from tests.support.cloud import GROUP_ID, SCOPE, SUBSCRIPTION, Cloud, Host, Person, vm_id
from tests.support.wait import until

pytestmark = pytest.mark.anyio
SERVICE = f"{SCOPE}/providers/Microsoft.SerialConsole/consoleServices/default"
V = "2024-07-01"


def port(name: str = "demo", number: str = "0") -> str:
    return f"{vm_id(name)}/providers/Microsoft.SerialConsole/serialPorts/{number}"


def code(answer: Any) -> str:
    return str(answer.json()["error"]["code"])


async def connect(person: Person, name: str = "demo", body: Any = None) -> Any:
    return await person.ask("POST", f"{port(name)}/connect", body, version=V)


async def refused(person: Person, status: int, wanted: str, name: str = "demo") -> errors.RemoteError:
    answer = await connect(person, name)
    assert (answer.status_code, code(answer)) == (status, wanted)
    found = errors.read(answer.content)
    assert found is not None
    return found


async def test_connect_opens_a_console(cloud: Cloud, host: Host) -> None:
    made = await cloud.owner.create_vm()
    answer = await connect(cloud.owner)
    assert answer.status_code == 200
    body = answer.json()
    url = body["outofband"]["url"]
    assert (
        body["connectionString"]
        == f"wss{cloud.base.removeprefix('https')}/serial/v1/{body['outofband']['session']}/client"
    )
    assert url.startswith("wss://127.0.0.1:")
    assert url.endswith("/client")
    assert url.removeprefix("wss").count("ws") == 0, "old clients replace 'ws' wherever it stands"
    assert "?" not in url
    assert body["outofband"]["ticket"] not in url
    assert body["outofband"]["expiresIn"] == 60
    host.peer.grow(b"guest says hello\r\n")
    async with viewer(cloud.client_context()) as seat:
        await seat.open(url, body["outofband"]["ticket"])
        await until(lambda: b"hello" in bytes(seat.output))
        await seat.type(b"ls\r")
        await until(lambda: bytes(host.peer.typed) == b"ls\r")
    grant = host.peer.carriers[0].grant
    assert (grant.vm, grant.port, grant.name) == (made["properties"]["vmId"], "0", "owner")
    assert grant.address == "127.0.0.1"


async def test_a_session_is_gone_on_with(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm()
    first = (await connect(cloud.owner)).json()["outofband"]
    again = (await connect(cloud.owner, body={"session": first["session"]})).json()["outofband"]
    assert again["session"] == first["session"]
    other = await cloud.person("other", roles.OWNER)
    foreign = (await connect(other, body={"session": first["session"]})).json()["outofband"]
    assert foreign["session"] != first["session"]


async def test_who_has_no_right_learns_nothing(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm()
    reader = await cloud.person("reader", roles.READER)
    for name in ("demo", "nope"):
        said = await refused(reader, 403, "AuthorizationFailed", name)
        assert "Microsoft.SerialConsole/serialPorts/connect/action" in said.message
        assert said.message.endswith("please refresh your credentials.")
        assert f"{port(name)}'" in said.message
        assert any("Virtual Machine Contributor" in step for step in said.remedy)
    operator = await cloud.person("operator", roles.VIRTUAL_MACHINE_CONTRIBUTOR, vm_id("demo"))
    assert (await connect(operator)).status_code == 200


async def test_what_is_not_there(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm()
    said = await refused(cloud.owner, 404, "ResourceNotFound", "nope")
    assert said.message.startswith(
        "The Resource 'Microsoft.Compute/virtualMachines/nope' under resource group"
    )
    elsewhere = port().replace("/Lab/", "/nowhere/")
    assert code(await cloud.owner.ask("POST", f"{elsewhere}/connect", version=V)) == "ResourceGroupNotFound"
    second = await cloud.owner.ask("POST", f"{port(number='1')}/connect", version=V)
    assert (second.status_code, code(second)) == (404, "PortNotFound")
    on_group = f"{GROUP_ID}/providers/Microsoft.SerialConsole/serialPorts/0/connect"
    assert code(await cloud.owner.ask("POST", on_group, version=V)) in ("InvalidResourceType", "PortNotFound")


async def test_a_stopped_vm(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm()
    await cloud.owner.follow(await cloud.owner.ask("POST", f"{vm_id('demo')}/powerOff"))
    said = await refused(cloud.owner, 409, "VmNotRunning")
    assert "'stopped'" in said.message
    assert (said.action, said.remedy) == ("start-vm", ["Start it: `oob vm start demo`."])
    await cloud.owner.follow(await cloud.owner.ask("POST", f"{vm_id('demo')}/deallocate"))
    assert "'deallocated'" in (await refused(cloud.owner, 409, "VmNotRunning")).message


async def test_stopping_leaves_an_open_console_attached(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm()
    body = (await connect(cloud.owner)).json()["outofband"]
    async with viewer(cloud.client_context()) as seat:
        await seat.open(body["url"], body["ticket"])
        await until(lambda: host.peer.carriers)
        await cloud.owner.follow(await cloud.owner.ask("POST", f"{vm_id('demo')}/powerOff"))
        host.peer.grow(b"last words")
        await until(lambda: b"last words" in bytes(seat.output))
        assert seat.ended is None
        await cloud.owner.follow(await cloud.owner.ask("DELETE", vm_id("demo")))
        ended = await until(lambda: seat.ended)
        assert (ended.code, ended.resumable) == ("SessionEnded", False)


async def test_boot_diagnostics_off(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm()
    body = (await connect(cloud.owner)).json()["outofband"]
    async with viewer(cloud.client_context()) as seat:
        await seat.open(body["url"], body["ticket"])
        await until(lambda: host.peer.carriers)
        off = {"properties": {"diagnosticsProfile": {"bootDiagnostics": {"enabled": False}}}}
        await cloud.owner.ask("PATCH", vm_id("demo"), off)
        ended = await until(lambda: seat.ended)
        assert (ended.code, ended.resumable) == ("BootDiagnosticsDisabled", False)
    said = await refused(cloud.owner, 409, "BootDiagnosticsDisabled")
    assert said.action == "enable-boot-diagnostics"


async def test_a_port_is_switched_off_and_on(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm()
    body = (await connect(cloud.owner)).json()["outofband"]

    async def put(state: str) -> httpx.Response:
        return await cloud.owner.ask("PUT", port(), {"properties": {"state": state}}, version=V)

    async with viewer(cloud.client_context()) as seat:
        await seat.open(body["url"], body["ticket"])
        await until(lambda: host.peer.carriers)
        again = await put("enabled")
        assert (again.status_code, again.json()["properties"]["state"]) == (201, "enabled")
        assert seat.ended is None
        off = await put("disabled")
        assert (off.status_code, off.json()["properties"]["state"]) == (201, "disabled")
        ended = await until(lambda: seat.ended)
        assert (ended.code, ended.resumable) == ("SerialPortDisabled", False)
    await refused(cloud.owner, 409, "SerialPortDisabled")
    assert code(await put("ajar")) == "InvalidParameter"
    reader = await cloud.person("reader", roles.READER)
    denied = await reader.ask("PUT", port(), {"properties": {"state": "enabled"}}, version=V)
    assert code(denied) == "AuthorizationFailed"
    await put("enabled")
    assert (await connect(cloud.owner)).status_code == 200


async def test_an_unreachable_host(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm()
    await host.peer.kill()
    await until(lambda: not cloud.fleet.connected(host.peer.identity.agent))
    said = await refused(cloud.owner, 409, "AgentOffline")
    assert said.retryable is True


async def test_a_vm_that_is_still_being_made(cloud: Cloud, host: Host) -> None:
    host.deaf.add("vm.create")
    body = {"properties": {"outofband": {"driver": "qemu", "image": "demo"}}}
    await cloud.owner.ask("PUT", vm_id("demo"), body)
    assert (await refused(cloud.owner, 409, "VmProvisioning")).retryable is True


async def test_the_switch_of_a_subscription(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm()
    assert (await cloud.owner.get(SERVICE, version=V)).json()["properties"] == {"disabled": False}
    body = (await connect(cloud.owner)).json()["outofband"]
    waiting = (await connect(cloud.owner)).json()["outofband"]
    async with viewer(cloud.client_context()) as seat, viewer(cloud.client_context()) as late:
        await seat.open(body["url"], body["ticket"])
        await until(lambda: host.peer.carriers)
        off = await cloud.owner.ask("POST", f"{SERVICE}/disableConsole", version=V)
        assert (off.status_code, off.json()) == (200, {"properties": {"disabled": True}})
        ended = await until(lambda: seat.ended)
        assert ended.code == "ConsoleDisabledForSubscription"
        assert ended.fields["subscription"] == SUBSCRIPTION
        await late.open(waiting["url"], waiting["ticket"])
        assert (await until(lambda: late.ended)).resumable is False
    said = await refused(cloud.owner, 403, "ConsoleDisabledForSubscription")
    assert (said.action, SUBSCRIPTION in said.message) == ("enable-console", True)
    assert code(await cloud.owner.ask("POST", f"{port()}/nmi", version=V)) == said.code
    on = await cloud.owner.ask("POST", f"{SERVICE.lower()}/ENABLECONSOLE", version=V)
    assert on.json() == {"properties": {"disabled": False}}
    assert (await connect(cloud.owner)).status_code == 200


async def test_the_switch_is_for_administrators_its_state_for_all_with_a_console(
    cloud: Cloud, host: Host
) -> None:
    await cloud.owner.create_vm()
    operator = await cloud.person("operator", roles.VIRTUAL_MACHINE_CONTRIBUTOR, vm_id("demo"))
    assert code(await operator.ask("POST", f"{SERVICE}/disableConsole", version=V)) == "AuthorizationFailed"
    assert (await operator.get(SERVICE, version=V)).status_code == 200
    nobody = await cloud.person("nobody")
    assert code(await nobody.get(SERVICE, version=V)) == "AuthorizationFailed"
    assert (await cloud.owner.get(SERVICE.replace("default", "other"), version=V)).status_code == 404


async def test_ports_are_listed(cloud: Cloud, host: Host) -> None:
    made = await cloud.owner.create_vm()
    under_vm = (await cloud.owner.get(port().removesuffix("/0"), version=V)).json()
    under_subscription = await cloud.owner.get(
        f"{SCOPE}/providers/Microsoft.SerialConsole/serialPorts", version=V
    )
    (only,) = under_vm["value"]
    assert only == (await cloud.owner.get(port(), version=V)).json()
    assert (only["id"], only["name"]) == (port(), "0")
    assert only["properties"].pop("outofband") == {"viewers": []}
    assert only["properties"] == {"state": "enabled", "connectionState": "inactive"}
    assert under_subscription.json() == {"value": [only]}, "who is there is not asked for each of many"
    vm = made["properties"]["vmId"]
    watched = msgspec.structs.replace(
        vm_report(vm, Power.RUNNING), ports=[PortReport(name="0", start=0, end=5, viewers=1, shows="sac")]
    )
    await host.peer.send(VmChanged(watched))
    await until(lambda: (known := cloud.fleet.report(vm)) and known.ports[0].viewers)
    assert (await cloud.owner.get(port(), version=V)).json()["properties"]["connectionState"] == "active"
    for said, told in (("sac", "sac"), ("a word of tomorrow", "unknown"), ("", None)):
        ports = [PortReport(name="0", start=0, end=5, shows=said)]
        await host.peer.send(VmChanged(msgspec.structs.replace(watched, ports=ports)))
        await until(lambda said=said: (at := cloud.fleet.report(vm)) and at.ports[0].shows == said)
        own = (await cloud.owner.get(port(), version=V)).json()["properties"]["outofband"]
        assert own.get("shows") == told
        shown = await cloud.owner.get(f"{vm_id('demo')}/instanceView", version="2024-07-01")
        assert shown.json()["outofband"]["ports"][0]["shows"] == (told or "")


async def test_who_is_there_is_told_to_those_who_could_be_there(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm()
    operator = await cloud.person("operator", roles.VIRTUAL_MACHINE_CONTRIBUTOR, vm_id("demo"))
    unused = (await connect(cloud.owner)).json()["outofband"]
    body = (await connect(operator)).json()["outofband"]

    async def viewers(person: Person) -> Any:
        properties = (await person.get(port(), version=V)).json()["properties"]
        return properties.get("outofband", {}).get("viewers")

    async with viewer(cloud.client_context(), mode=Mode.OBSERVE) as seat:
        await seat.open(body["url"], body["ticket"])
        await until(lambda: host.peer.carriers)
        (there,) = await viewers(cloud.owner)
        assert (there["name"], there["mode"], there["address"]) == ("operator", "observe", "127.0.0.1")
        assert there["session"] == body["session"] != unused["session"]
        assert there["since"].endswith("Z")
        assert await viewers(operator) == [there]
        seat.session.ask("write")
        await seat.flush()
        await until(lambda: cloud.sessions.mode(body["session"]) is Mode.WRITE)
        assert [each["mode"] for each in await viewers(cloud.owner)] == ["write"]
        assert await viewers(await cloud.person("reader", roles.READER)) is None

    async def nobody() -> bool:
        # The end is written down a moment after the session itself is gone.
        return await viewers(cloud.owner) == []

    await until(nobody)


@pytest.mark.parametrize(
    ("host_name", "wanted"),
    [
        ("localhost", "localhost"),
        ("LOCALHOST", "localhost"),
        ("evil.example", "127.0.0.1"),
        ("", "127.0.0.1"),
    ],
)
async def test_the_console_is_where_the_caller_already_is(
    cloud: Cloud, host: Host, host_name: str, wanted: str
) -> None:
    await cloud.owner.create_vm()
    headers = {"Host": f"{host_name}:{cloud.ports['arm']}"}
    answer = await cloud.owner.ask("POST", f"{port()}/connect", version=V, headers=headers)
    assert answer.json()["connectionString"].startswith(f"wss://{wanted}:{cloud.ports['arm']}/")
    assert answer.json()["outofband"]["url"].startswith(f"wss://{wanted}:{cloud.ports['gateway']}/")


@pytest.mark.parametrize(
    ("verb", "body", "sent", "args"),
    [
        ("nmi", None, "vm.nmi", {}),
        ("reset", {}, "vm.reset", {}),
        ("ctrlAltDel", None, "vm.ctrl-alt-del", {}),
        ("sysrq", {"key": "h"}, "vm.sysrq", {"key": "h"}),
    ],
)
async def test_what_is_sent_to_the_guest_tells_what_was_seen(
    cloud: Cloud, host: Host, verb: str, body: Any, sent: str, args: dict[str, str]
) -> None:
    await cloud.owner.create_vm()
    operator = await cloud.person("operator", roles.VIRTUAL_MACHINE_CONTRIBUTOR, vm_id("demo"))
    answer = await operator.ask("POST", f"{port()}/{verb}", body, version=V)
    assert answer.status_code == 200, answer.text
    assert answer.json()["observed"] == f"{sent} was seen"
    command = host.peer.commands[-1]
    assert (command.verb, command.args) == (sent, args)
    host.refuse[sent] = Fault("HostPolicyRefused", verb=sent, vm="demo")
    failed = await operator.ask("POST", f"{port()}/{verb}", body, version=V)
    assert (failed.status_code, code(failed)) == (403, "HostPolicyRefused")
    reader = await cloud.person("reader", roles.READER)
    assert code(await reader.ask("POST", f"{port()}/{verb}", body, version=V)) == "AuthorizationFailed"


async def test_why_and_what_came_of_it_is_in_the_activity_log(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm()
    why = {"Outofband-Reason": "h%C3%A4ngt seit 14:02"}
    assert (await cloud.owner.ask("POST", f"{port()}/nmi", version=V, headers=why)).status_code == 200
    stopped = await cloud.owner.ask("POST", f"{vm_id('demo')}/powerOff", headers=why)
    assert (await cloud.owner.follow(stopped))["status"] == "Succeeded"
    log = await cloud.owner.get(
        f"{SCOPE}/providers/Microsoft.Insights/eventtypes/management/values", version="2015-04-01"
    )
    rows = [(each["status"]["value"], each["properties"]) for each in log.json()["value"]]
    told = {status: told for status, told in rows if told.get("action") == "nmi"}
    assert {each["reason"] for each in told.values()} == {"hängt seit 14:02"}
    assert told["Succeeded"]["observed"] == "vm.nmi was seen"
    assert len([told for _, told in rows if told.get("reason") == "hängt seit 14:02"]) == 3
    assert {"vm.nmi was seen", "vm.stop was seen"} <= {told.get("observed") for _, told in rows}
    wrong = await cloud.owner.ask("POST", f"{port()}/nmi", version=V, headers={"Outofband-Reason": "a%0Ab"})
    assert (wrong.status_code, code(wrong)) == (400, "InvalidParameter")


async def test_windows_knows_no_sysrq(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm(osProfile={"windowsConfiguration": {}})
    answer = await cloud.owner.ask("POST", f"{port()}/sysrq", {"key": "h"}, version=V)
    assert (answer.status_code, code(answer)) == (409, "SysrqNotForWindows")
    assert (await cloud.owner.ask("POST", f"{port()}/nmi", version=V)).status_code == 200
    assert "vm.sysrq" not in host.performed


async def test_keys_that_are_no_sysrq(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm()
    for key in ("", "hh", "H", "\n", "é", ";"):
        answer = await cloud.owner.ask("POST", f"{port()}/sysrq", {"key": key}, version=V)
        assert (answer.status_code, code(answer)) == (400, "InvalidParameter")
    assert host.peer.commands[-1].verb == "vm.start"


async def test_a_vm_of_the_classic_model_is_told_to_be_one(cloud: Cloud) -> None:
    classic = f"{GROUP_ID}/providers/Microsoft.ClassicCompute/virtualMachines/old"
    port = f"{classic}/providers/Microsoft.SerialConsole/serialPorts/0"
    other = f"{GROUP_ID}/providers/Microsoft.ClassicStorage/storageAccounts/old"
    for method, path in (("GET", other), ("GET", port), ("POST", f"{port}/connect")):
        refused = await cloud.owner.ask(method, path, version=V)
        assert (refused.status_code, code(refused)) == (400, "ClassicDeploymentModel"), path
    assert "Microsoft.ClassicCompute/virtualMachines" in (await cloud.owner.ask("GET", port, version=V)).text
