"""VMs from PUT to DELETE, over HTTP, with a host that obeys, refuses, or is away."""

import asyncio
from typing import Any

import pytest

from outofband.access import roles
from outofband.core.errors import Fault
from outofband.wire.machine import Power
from tests.support.cloud import GROUP, GROUP_ID, SCOPE, SUBSCRIPTION, VM_TYPE, Cloud, Host, vm_id
from tests.support.wait import until

pytestmark = pytest.mark.anyio
QEMU = {"properties": {"outofband": {"driver": "qemu", "image": "demo"}}}


def code(answer: Any) -> str:
    return str(answer.json()["error"]["code"])


def statuses(machine: dict[str, Any]) -> list[str]:
    return [each["code"] for each in machine["properties"]["instanceView"]["statuses"]]


async def show(cloud: Cloud, name: str = "demo") -> dict[str, Any]:
    found: dict[str, Any] = (await cloud.owner.get(vm_id(name), **{"$expand": "instanceView"})).json()
    return found


async def test_create_is_an_operation_with_azures_headers(cloud: Cloud, host: Host) -> None:
    answer = await cloud.owner.ask("PUT", vm_id("demo"), QEMU | {"tags": {"a": "b"}})
    assert answer.status_code == 201
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["azure-asyncoperation"].startswith(
        f"{cloud.base}{SCOPE}/providers/Microsoft.Compute/"
    )
    assert "api-version=2024-11-01" in answer.headers["azure-asyncoperation"]
    assert "location" not in answer.headers
    assert answer.json()["properties"]["provisioningState"] == "Creating"
    state = await cloud.owner.follow(answer)
    assert state["status"] == "Succeeded"
    assert state["startTime"] < state["endTime"]
    assert state["name"] in answer.headers["azure-asyncoperation"]
    made = await show(cloud)
    assert made["id"] == vm_id("demo")
    assert made["type"] == "Microsoft.Compute/virtualMachines"
    assert made["tags"] == {"a": "b"}
    assert made["location"] == "local"
    properties = made["properties"]
    assert properties["provisioningState"] == "Succeeded"
    assert properties["host"] == {"id": f"{GROUP_ID}/providers/Microsoft.HybridCompute/machines/h1"}
    assert properties["outofband"]["image"] == "demo"
    assert properties["diagnosticsProfile"]["bootDiagnostics"]["enabled"] is True
    assert "_" not in properties
    assert statuses(made) == ["ProvisioningState/succeeded", "PowerState/running"]
    shown = [each["displayStatus"] for each in properties["instanceView"]["statuses"]]
    assert shown == ["Provisioning succeeded", "VM running"]
    create, start = host.peer.commands
    assert (create.verb, start.verb) == ("vm.create", "vm.start")
    assert create.vm == properties["vmId"]
    assert create.args["name"] == "demo"
    assert create.args["image"] == "demo"


async def test_ids_compare_without_case_and_keep_their_spelling(cloud: Cloud, host: Host) -> None:
    path = (
        f"/SUBSCRIPTIONS/{SUBSCRIPTION}/resourcegroups/LAB/providers/microsoft.compute/VIRTUALMACHINES/Demo"
    )
    await cloud.owner.follow(await cloud.owner.ask("PUT", path, QEMU))
    for spelling in (path, path.lower(), vm_id("DEMO")):
        found = (await cloud.owner.get(spelling)).json()
        assert found["id"] == vm_id("Demo"), "types and group as declared, the name as it was given"
        assert found["name"] == "Demo"
    again = await cloud.owner.ask("PUT", vm_id("DEMO"), QEMU)
    assert (again.status_code, again.json()["name"]) == (200, "Demo")
    listed = (await cloud.owner.get(f"{SCOPE}/{VM_TYPE}".replace("M", "m"))).json()["value"]
    assert [each["name"] for each in listed] == ["Demo"]


async def test_a_percent_quoted_slash_is_a_slash(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("demo")
    quoted = vm_id("demo").replace("virtualMachines/demo", "virtualMachines%2Fdemo")
    assert (await cloud.owner.get(quoted)).json()["name"] == "demo"
    assert (await cloud.owner.get(vm_id("de%6do"))).json()["name"] == "demo"
    assert code(await cloud.owner.get(vm_id("de%256do"))) == "InvalidResourceId", "unquoted once, not twice"


async def test_a_guest_is_not_asked_where_the_power_is_to_be_cut(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("demo")
    for verb in ("deallocate", "powerOff"):
        await cloud.owner.follow(
            await cloud.owner.ask("POST", f"{vm_id('demo')}/{verb}", skipShutdown="true")
        )
        assert host.peer.commands[-1].args["graceful"] is False
        await cloud.owner.follow(await cloud.owner.ask("POST", f"{vm_id('demo')}/start"))


@pytest.mark.parametrize(
    ("verb", "sent", "power"),
    [
        ("powerOff", "vm.stop", "stopped"),
        ("deallocate", "vm.stop", "deallocated"),
        ("restart", "vm.restart", "running"),
        ("start", "vm.start", "running"),
    ],
)
async def test_power_actions(cloud: Cloud, host: Host, verb: str, sent: str, power: str) -> None:
    await cloud.owner.create_vm("demo")
    answer = await cloud.owner.ask("POST", f"{vm_id('demo')}/{verb.lower()}")
    assert answer.status_code == 202
    location = answer.headers["location"]
    state = await cloud.owner.follow(answer)
    assert state["status"] == "Succeeded"
    assert state["properties"]["output"]["observed"] == f"{sent} was seen"
    assert (await cloud.owner.get(location, version=None)).status_code == 200
    assert host.peer.commands[-1].verb == sent
    found = await show(cloud)
    assert statuses(found)[1] == f"PowerState/{power}"
    assert found["properties"]["provisioningState"] == "Succeeded"


async def test_deallocated_is_remembered_until_started(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("demo")
    await cloud.owner.follow(await cloud.owner.ask("POST", f"{vm_id('demo')}/deallocate"))
    assert statuses(await show(cloud))[1] == "PowerState/deallocated"
    await cloud.owner.follow(await cloud.owner.ask("POST", f"{vm_id('demo')}/start"))
    await cloud.owner.follow(await cloud.owner.ask("POST", f"{vm_id('demo')}/powerOff", skipShutdown="true"))
    assert host.peer.commands[-1].args["graceful"] is False
    assert statuses(await show(cloud))[1] == "PowerState/stopped"


async def test_switching_off_what_is_deallocated_leaves_it_so(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("demo")
    await cloud.owner.follow(await cloud.owner.ask("POST", f"{vm_id('demo')}/deallocate"))
    await cloud.owner.follow(await cloud.owner.ask("POST", f"{vm_id('demo')}/powerOff"))
    assert statuses(await show(cloud))[1] == "PowerState/deallocated"


async def test_a_vm_whose_host_never_had_it_can_be_deleted_without_the_host(cloud: Cloud, host: Host) -> None:
    host.refuse["vm.create"] = Fault("ImageNotFound", host="h1", kind="image", name="demo", known="none")
    await cloud.owner.follow(await cloud.owner.ask("PUT", vm_id("demo"), QEMU))
    await host.peer.kill()
    await until(lambda: not cloud.fleet.connected(host.peer.identity.agent))
    answer = await cloud.owner.ask("DELETE", vm_id("demo"))
    assert (await cloud.owner.follow(answer))["status"] == "Succeeded"


async def test_a_guest_that_ignores_the_shutdown(cloud: Cloud, host: Host) -> None:
    """Stopping fails and says so; deallocating must come to its end, and forces."""
    await cloud.owner.create_vm("demo")
    host.refuse["vm.stop"] = Fault("VmStopTimeout", vm="demo", seconds=90)
    answer = await cloud.owner.ask("POST", f"{vm_id('demo')}/powerOff")
    location = answer.headers["location"]
    state = await cloud.owner.follow(answer)
    assert state["status"] == "Failed"
    assert state["error"]["code"] == "VmStopTimeout"
    assert "still runs after 90 s" in state["error"]["message"]
    assert state["error"]["additionalInfo"][0]["info"]["remedy"]
    result = await cloud.owner.get(location, version=None)
    assert (result.status_code, code(result)) == (409, "VmStopTimeout")
    assert (await show(cloud))["properties"]["provisioningState"] == "Succeeded"


async def test_while_it_runs_location_answers_202(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("demo")
    host.deaf.add("vm.stop")
    answer = await cloud.owner.ask("POST", f"{vm_id('demo')}/powerOff")
    location = answer.headers["location"]
    running = await cloud.owner.get(location, version=None)
    assert (running.status_code, running.content) == (202, b"")
    assert running.headers["location"] == location
    assert running.headers["retry-after"] == "1"
    polled = await cloud.owner.get(answer.headers["azure-asyncoperation"], version=None)
    assert polled.json()["status"] == "InProgress"
    assert "endTime" not in polled.json()
    assert polled.headers["retry-after"] == "1"


async def test_operations_are_for_those_who_may_read_the_vm(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("demo")
    answer = await cloud.owner.ask("POST", f"{vm_id('demo')}/start")
    where = answer.headers["azure-asyncoperation"]
    nobody = await cloud.person("nobody")
    assert code(await nobody.get(where, version=None)) == "AuthorizationFailed"
    reader = await cloud.person("reader", roles.READER, vm_id("demo"))
    assert (await reader.get(where, version=None)).status_code == 200
    unknown = where.partition("?")[0].rpartition("/")[0] + "/00000000-0000-4000-8000-000000000000"
    assert code(await cloud.owner.get(unknown)) == "OperationNotFound"


async def test_delete_ends_in_nothing(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("demo")
    owner = await cloud.person("vm owner", roles.OWNER, vm_id("demo"))
    answer = await owner.ask("DELETE", vm_id("demo"))
    assert answer.status_code == 202
    location = answer.headers["location"]
    state = await owner.follow(answer)
    assert state["status"] == "Succeeded", "who deleted it sees the end, though its role went with the VM"
    assert (await owner.get(location, version=None)).status_code == 204
    assert host.peer.commands[-1].verb == "vm.delete"
    assert code(await cloud.owner.get(vm_id("demo"))) == "ResourceNotFound"
    assert (await cloud.owner.ask("DELETE", vm_id("demo"))).status_code == 204
    await cloud.owner.create_vm("demo")
    assert code(await owner.get(vm_id("demo"))) == "AuthorizationFailed", "a role does not outlive its scope"


async def test_a_create_that_fails_on_the_host_can_be_repeated(cloud: Cloud, host: Host) -> None:
    host.refuse["vm.create"] = Fault("ImageNotFound", host="h1", kind="image", name="demo", known="none")
    state = await cloud.owner.follow(await cloud.owner.ask("PUT", vm_id("demo"), QEMU))
    assert (state["status"], state["error"]["code"]) == ("Failed", "ImageNotFound")
    found = await show(cloud)
    assert found["properties"]["provisioningState"] == "Failed"
    assert statuses(found)[0] == "ProvisioningState/failed/ImageNotFound"
    assert code(await cloud.owner.ask("POST", f"{vm_id('demo')}/start")) == "VmNotPlaced"
    host.refuse.clear()
    again = await cloud.owner.ask("PUT", vm_id("demo"), QEMU)
    assert again.status_code == 200
    assert (await cloud.owner.follow(again))["status"] == "Succeeded"
    assert statuses(await show(cloud))[:2] == ["ProvisioningState/succeeded", "PowerState/running"]


async def test_without_a_host(cloud: Cloud) -> None:
    answer = await cloud.owner.ask("PUT", vm_id("demo"), QEMU)
    assert (answer.status_code, code(answer)) == (409, "HostNotAvailable")
    assert code(await cloud.owner.get(vm_id("demo"))) == "ResourceNotFound", "nothing is left behind"


async def test_a_host_that_is_named(cloud: Cloud, host: Host) -> None:
    async with cloud.host("h2"):
        machines = f"{GROUP_ID}/providers/Microsoft.HybridCompute/machines"
        chosen = {"host": {"id": f"{machines.upper()}/H2"}, "outofband": QEMU["properties"]["outofband"]}
        made = await cloud.owner.ask("PUT", vm_id("demo"), {"properties": chosen})
        assert (await cloud.owner.follow(made))["status"] == "Succeeded"
        assert (await show(cloud))["properties"]["host"]["id"] == f"{machines}/h2"
        elsewhere = {"host": {"id": f"{machines}/nope"}, "outofband": QEMU["properties"]["outofband"]}
        assert code(await cloud.owner.ask("PUT", vm_id("x"), {"properties": elsewhere})) == "ResourceNotFound"
    await until(lambda: not cloud.fleet.connected(cloud.fleet.agents(SUBSCRIPTION)[1].agent.id))
    gone = await cloud.owner.ask("PUT", vm_id("y"), {"properties": chosen})
    assert (gone.status_code, code(gone)) == (409, "AgentOffline")


GUESTS = [
    ({"driver": "qemu"}, "InvalidParameter"),
    ({"driver": "qemu", "image": "demo", "socket": "x"}, "InvalidParameter"),
    ({"driver": "qemu", "image": "nope"}, "ImageNotFound"),
    ({"driver": "pty", "program": "nope"}, "ImageNotFound"),
    ({"driver": "vmware", "image": "demo"}, "DriverUnknown"),
    ({"driver": "qemu", "image": "demo", "memoryMiB": 1}, "InvalidParameter"),
    ({"driver": "qemu", "image": "demo", "cpus": 0}, "InvalidParameter"),
    ({"driver": "qemu", "image": "demo", "command": "/bin/sh"}, "InvalidRequestContent"),
]


async def test_what_a_host_cannot_run_is_refused_before_anything_is_made(cloud: Cloud, host: Host) -> None:
    for guest, wanted in GUESTS:
        answer = await cloud.owner.ask("PUT", vm_id("demo"), {"properties": {"outofband": guest}})
        assert (answer.status_code, code(answer)) == (400, wanted), guest
    for name in ("-a", "a" * 65, "a.", "a b", "ä", "a$b"):
        assert code(await cloud.owner.ask("PUT", vm_id(name), QEMU)) == "InvalidParameter", name
    assert host.peer.commands == []


async def test_a_whole_vm_put_back_changes_only_what_was_changed(cloud: Cloud, host: Host) -> None:
    """How `az vm boot-diagnostics disable` does it."""
    made = await cloud.owner.create_vm("demo")
    made["properties"]["diagnosticsProfile"] = {"bootDiagnostics": {"enabled": False}}
    made["properties"]["osProfile"] = {"computerName": "demo", "adminPassword": "hunter2"}
    answer = await cloud.owner.ask("PUT", vm_id("demo"), made)
    assert answer.status_code == 200
    assert "azure-asyncoperation" not in answer.headers
    stored = await show(cloud)
    assert stored["properties"]["diagnosticsProfile"]["bootDiagnostics"]["enabled"] is False
    assert "hunter2" not in str(stored)
    assert "bootDiagnostics" not in stored["properties"]["instanceView"]
    assert [command.verb for command in host.peer.commands] == ["vm.create", "vm.start"]
    for change in ({"driver": "qemu", "image": "other"}, {"driver": "pty", "program": "x"}):
        refused = await cloud.owner.ask("PUT", vm_id("demo"), {"properties": {"outofband": change}})
        assert (refused.status_code, code(refused)) == (409, "PropertyChangeNotAllowed")


async def test_tags_are_patched(cloud: Cloud, host: Host) -> None:
    before = await cloud.owner.create_vm("demo")
    answer = await cloud.owner.ask("PATCH", vm_id("demo"), {"tags": {"x": "y"}})
    assert (answer.status_code, answer.json()["tags"]) == (200, {"x": "y"})
    assert answer.json()["etag"] != before["etag"]
    assert code(await cloud.owner.ask("PATCH", vm_id("nope"), {})) == "ResourceNotFound"


async def test_etags(cloud: Cloud, host: Host) -> None:
    etag = (await cloud.owner.create_vm("demo"))["etag"]
    stale = {"If-Match": '"00000000-0000-4000-8000-000000000000"'}
    for method in ("PUT", "PATCH", "DELETE"):
        refused = await cloud.owner.ask(method, vm_id("demo"), QEMU, headers=stale)
        assert (refused.status_code, code(refused)) == (412, "PreconditionFailed"), method
    exists = await cloud.owner.ask("PUT", vm_id("demo"), QEMU, headers={"If-None-Match": "*"})
    assert exists.status_code == 412
    assert (await cloud.owner.ask("PATCH", vm_id("demo"), {}, headers={"If-Match": etag})).status_code == 200
    assert (await cloud.owner.ask("PUT", vm_id("new"), QEMU, headers={"If-Match": "*"})).status_code == 412


async def test_a_lost_host_is_said_and_its_last_word_kept(cloud: Cloud, host: Host) -> None:
    made = await cloud.owner.create_vm("demo")
    agent = host.peer.identity.agent
    await host.peer.kill()
    await until(lambda: not cloud.fleet.connected(agent))
    found = await show(cloud)
    assert statuses(found) == [
        "ProvisioningState/succeeded",
        "PowerState/running",
        "HostState/disconnected",
    ]
    power, offline = found["properties"]["instanceView"]["statuses"][1:]
    assert "last state that was known" in power["message"]
    assert "h1" in offline["message"]
    for verb in ("start", "powerOff", "restart", "deallocate"):
        refused = await cloud.owner.ask("POST", f"{vm_id('demo')}/{verb}")
        assert (refused.status_code, code(refused)) == (409, "AgentOffline")
    assert code(await cloud.owner.ask("DELETE", vm_id("demo"))) == "AgentOffline"
    still = await show(cloud)
    assert still["properties"]["vmId"] == made["properties"]["vmId"]
    assert still["properties"]["provisioningState"] == "Succeeded"


async def test_a_link_that_breaks_in_the_middle_loses_nothing(cloud: Cloud, host: Host) -> None:
    host.deaf.add("vm.start")
    answer = await cloud.owner.ask("PUT", vm_id("demo"), QEMU)
    await until(lambda: any(command.verb == "vm.start" for command in host.peer.commands))
    await host.peer.kill()
    await until(lambda: not cloud.fleet.connected(host.peer.identity.agent))
    host.deaf.clear()
    await host.peer.connect()
    await host.report()
    assert (await cloud.owner.follow(answer))["status"] == "Succeeded"
    assert host.performed == ["vm.create", "vm.start"]


async def test_operations_of_one_vm_run_in_their_order(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("demo")
    verbs = ["powerOff", "start", "deallocate", "start", "restart"]
    answers = [await cloud.owner.ask("POST", f"{vm_id('demo')}/{verb}") for verb in verbs]
    states = await asyncio.gather(*(cloud.owner.follow(answer) for answer in answers))
    assert {state["status"] for state in states} == {"Succeeded"}
    assert host.performed[2:] == ["vm.stop", "vm.start", "vm.stop", "vm.start", "vm.restart"]


async def test_what_is_being_deleted_takes_no_orders(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("demo")
    host.deaf.add("vm.delete")
    answer = await cloud.owner.ask("DELETE", vm_id("demo"))
    assert statuses(await show(cloud))[0] == "ProvisioningState/deleting"
    for method, path in (("PUT", ""), ("PATCH", ""), ("POST", "/start")):
        refused = await cloud.owner.ask(method, vm_id("demo") + path, QEMU if method != "POST" else None)
        assert (refused.status_code, code(refused)) == (409, "Conflict")
    host.deaf.clear()
    await host.peer.kill()
    await host.peer.connect()
    assert (await cloud.owner.follow(answer))["status"] == "Succeeded"


async def test_pages_follow_each_other(cloud: Cloud, host: Host) -> None:
    for number in range(5):
        await cloud.owner.create_vm(f"vm{number}")
    names: list[str] = []
    page = (await cloud.owner.get(f"{GROUP_ID}/{VM_TYPE}", **{"$top": "2"})).json()
    while True:
        names += [each["name"] for each in page["value"]]
        if (link := page.get("nextLink")) is None:
            break
        assert link.startswith(cloud.base)
        assert "api-version" in link
        page = (await cloud.owner.get(link, version=None)).json()
    assert names == [f"vm{number}" for number in range(5)]
    for wrong in ({"$top": "0"}, {"$top": "-1"}, {"$top": "x"}, {"$skiptoken": "€"}, {"$skiptoken": "!!"}):
        assert code(await cloud.owner.get(f"{GROUP_ID}/{VM_TYPE}", **wrong)) == "InvalidParameter"


async def test_a_list_shows_what_its_reader_may_see(cloud: Cloud, host: Host) -> None:
    for name in ("one", "two"):
        await cloud.owner.create_vm(name)
    narrow = await cloud.person("narrow", roles.READER, vm_id("two"))
    for scope in (SCOPE, GROUP_ID):
        listed = (await narrow.get(f"{scope}/{VM_TYPE}")).json()["value"]
        assert [each["name"] for each in listed] == ["two"]
    assert code(await narrow.get(vm_id("one"))) == "AuthorizationFailed"
    assert code(await narrow.get(vm_id("nope"))) == "AuthorizationFailed", "what exists is not told"
    nobody = await cloud.person("nobody")
    assert code(await nobody.get(f"{SCOPE}/{VM_TYPE}")) == "AuthorizationFailed"


async def test_readers_change_nothing(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("demo")
    reader = await cloud.person("reader", roles.READER)
    for method, path, action in (
        ("PUT", "", "write"),
        ("PATCH", "", "write"),
        ("DELETE", "", "delete"),
        ("POST", "/powerOff", "powerOff/action"),
        ("POST", "/start", "start/action"),
    ):
        refused = await reader.ask(method, vm_id("demo") + path, QEMU if method in ("PUT", "PATCH") else None)
        assert (refused.status_code, code(refused)) == (403, "AuthorizationFailed")
        assert f"Microsoft.Compute/virtualMachines/{action}" in refused.json()["error"]["message"]
    contributor = await cloud.person("operator", roles.VIRTUAL_MACHINE_CONTRIBUTOR, GROUP_ID)
    assert (await contributor.follow(await contributor.ask("POST", f"{vm_id('demo')}/restart")))[
        "status"
    ] == ("Succeeded")


async def test_the_instance_view_alone(cloud: Cloud, host: Host) -> None:
    made = await cloud.owner.create_vm("demo")
    host.power[made["properties"]["vmId"]] = Power.RUNNING
    view = (await cloud.owner.get(f"{vm_id('demo')}/instanceview")).json()
    assert [each["code"] for each in view["statuses"]] == [
        "ProvisioningState/succeeded",
        "PowerState/running",
    ]
    assert view["outofband"]["accelerator"] == "tcg"
    assert view["outofband"]["ports"][0]["name"] == "0"
    assert view["bootDiagnostics"] == {}
    plain = (await cloud.owner.get(vm_id("demo"))).json()
    assert "instanceView" not in plain["properties"]


async def test_methods_that_are_not(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("demo")
    assert code(await cloud.owner.ask("POST", f"{vm_id('demo')}/explode")) == "InvalidResourceType"
    assert code(await cloud.owner.ask("GET", f"{vm_id('demo')}/start")) == "InvalidResourceType"
    assert code(await cloud.owner.ask("POST", vm_id("demo"))) == "MethodNotAllowed"
    assert code(await cloud.owner.ask("DELETE", f"{GROUP_ID}/{VM_TYPE}")) == "MethodNotAllowed"
    assert GROUP in vm_id("demo")
