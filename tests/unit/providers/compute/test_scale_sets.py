"""Scale sets over HTTP, with a host that obeys or refuses: capacity, model, instances, and their consoles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from outofband.access import roles
from outofband.core.errors import Fault
from outofband.wire.link import Command, Result
from tests.support.actors import viewer
from tests.support.cloud import GROUP_ID, SCOPE, Cloud, Host, Person
from tests.support.uploading import Printing, fetched
from tests.support.wait import until

pytestmark = pytest.mark.anyio
TYPE = "providers/Microsoft.Compute/virtualMachineScaleSets"
SET = f"{GROUP_ID}/{TYPE}/web"
CONSOLE = "2024-07-01"


def body(capacity: int | None = 2, **more: Any) -> dict[str, Any]:
    """As azure-mgmt-compute serialises it."""
    profile = {
        "osProfile": {"computerNamePrefix": "web", "adminUsername": "ops", "adminPassword": "hunter2"},
        "storageProfile": {"imageReference": {"publisher": "outofband", "offer": "demo"}},
        "networkProfile": {"networkInterfaceConfigurations": [{"name": "nic"}]},
        "extensionProfile": {"extensions": [{"properties": {"protectedSettings": {"x": "hunter2"}}}]},
    }
    sku: dict[str, Any] = {"name": "Standard_B1ls", "tier": "Standard"}
    if capacity is not None:
        sku["capacity"] = capacity
    properties = {"upgradePolicy": {"mode": "Manual"}, "virtualMachineProfile": profile, **more}
    return {"location": "local", "tags": {"team": "x"}, "sku": sku, "properties": properties}


def code(answer: Any) -> str:
    return str(answer.json()["error"]["code"])


async def done(person: Person, method: str, path: str, given: Any = None, **query: str) -> dict[str, Any]:
    state = await person.follow(await person.ask(method, path, given, **query))
    assert state["status"] == "Succeeded", state
    return state


async def instances(cloud: Cloud, **query: str) -> dict[str, dict[str, Any]]:
    answer = await cloud.owner.get(f"{SET}/virtualMachines", **query)
    return {each["instanceId"]: each for each in answer.json()["value"]}


async def capacity(cloud: Cloud) -> int:
    return int((await cloud.owner.get(SET)).json()["sku"]["capacity"])


async def test_a_scale_set_is_as_many_vms(cloud: Cloud, host: Host) -> None:
    answer = await cloud.owner.ask("PUT", SET, body())
    assert answer.status_code == 201
    assert (await cloud.owner.follow(answer))["status"] == "Succeeded"
    made = (await cloud.owner.get(SET)).json()
    assert made["sku"] == {"name": "Standard_B1ls", "tier": "Standard", "capacity": 2}
    assert made["properties"]["provisioningState"] == "Succeeded"
    assert made["properties"]["orchestrationMode"] == "Uniform"
    assert "hunter2" not in str(made)
    found = await instances(cloud, **{"$expand": "instanceView"})
    assert sorted(found) == ["0", "1"]
    first = found["0"]
    assert first["id"] == f"{SET}/virtualMachines/0"
    assert first["name"] == "web_0"
    assert first["type"] == "Microsoft.Compute/virtualMachineScaleSets/virtualMachines"
    assert first["sku"] == {"name": "Standard_B1ls", "tier": "Standard"}
    assert first["tags"] == {"team": "x"}
    properties = first["properties"]
    assert properties["latestModelApplied"] is True
    assert properties["osProfile"] == {"computerName": "web000000", "adminUsername": "ops"}
    assert properties["instanceView"]["statuses"][1]["code"] == "PowerState/running"
    created = [command for command in host.peer.commands if command.verb == "vm.create"]
    assert sorted(command.args["name"] for command in created) == ["web_0", "web_1"]
    assert {command.args["memory_mib"] for command in created} == {512}
    assert {command.vm for command in created} == {each["properties"]["vmId"] for each in found.values()}
    view = (await cloud.owner.get(f"{SET}/instanceView")).json()
    assert {each["code"]: each["count"] for each in view["virtualMachine"]["statusesSummary"]} == {
        "ProvisioningState/succeeded": 2,
        "PowerState/running": 2,
    }
    assert view["statuses"][0]["code"] == "ProvisioningState/succeeded"
    for scope in (SCOPE, GROUP_ID):
        listed = (await cloud.owner.get(f"{scope}/{TYPE}")).json()["value"]
        assert [each["name"] for each in listed] == ["web"]
    skus = (await cloud.owner.get(f"{SET}/skus")).json()["value"]
    assert "Standard_B1s" in [each["sku"]["name"] for each in skus]
    machines = (await cloud.owner.get(f"{SCOPE}/providers/Microsoft.Compute/virtualMachines")).json()
    assert machines == {"value": []}, "instances are no VMs of their own"


async def test_scaling_out_and_in(cloud: Cloud, host: Host) -> None:
    await done(cloud.owner, "PUT", SET, body(1))
    # `az vmss scale` sends the place and the SKU, and no model.
    more = {"location": "local", "sku": {"name": "Standard_B1ls", "tier": "Standard", "capacity": 3}}
    answer = await cloud.owner.ask("PUT", SET, more)
    assert answer.status_code == 200
    assert (await cloud.owner.follow(answer))["status"] == "Succeeded"
    assert sorted(await instances(cloud)) == ["0", "1", "2"]
    assert all(each["properties"]["latestModelApplied"] for each in (await instances(cloud)).values())
    await done(cloud.owner, "PATCH", SET, {"sku": {"capacity": 1}})
    assert sorted(await instances(cloud)) == ["0"], "the newest go"
    assert len(host.power) == 1
    await done(cloud.owner, "PATCH", SET, {"sku": {"capacity": 2}})
    assert sorted(await instances(cloud)) == ["0", "3"], "a number is never used twice"
    assert code(await cloud.owner.ask("PUT", f"{SET}/virtualMachines/9", {})) == "ResourceNotFound"
    protected = {"properties": {"protectionPolicy": {"protectFromScaleIn": True}}}
    kept = await cloud.owner.ask("PUT", f"{SET}/virtualMachines/3", protected)
    assert kept.json()["properties"]["protectionPolicy"]["protectFromScaleIn"] is True
    await done(cloud.owner, "PATCH", SET, {"sku": {"capacity": 1}})
    assert sorted(await instances(cloud)) == ["3"]
    refused = await cloud.owner.ask("PATCH", SET, {"sku": {"capacity": 0}})
    assert (refused.status_code, code(refused)) == (409, "OperationNotAllowed")
    assert await capacity(cloud) == 1


async def test_a_model_reaches_instances_when_they_are_updated(cloud: Cloud, host: Host) -> None:
    await done(cloud.owner, "PUT", SET, body(2))
    host.performed.clear()
    await done(cloud.owner, "PUT", SET, body(2) | {"sku": {"name": "Standard_B1s", "capacity": 2}})
    found = await instances(cloud)
    assert [each["properties"]["latestModelApplied"] for each in found.values()] == [False, False]
    assert host.performed == []
    stale = (await cloud.owner.get(f"{SET}/virtualMachines/0/instanceView")).json()["statuses"]
    assert stale[-1]["code"] == "ModelState/notLatest"
    await done(cloud.owner, "POST", f"{SET}/manualupgrade", {"instanceIds": ["0"]})
    assert host.performed == ["vm.create", "vm.stop", "vm.start"]
    found = await instances(cloud)
    assert [found[each]["properties"]["latestModelApplied"] for each in ("0", "1")] == [True, False]
    assert found["0"]["sku"]["name"] == "Standard_B1s"
    assert found["0"]["properties"]["outofband"]["memoryMiB"] == 1024
    assert found["1"]["properties"]["outofband"]["memoryMiB"] == 512
    await done(cloud.owner, "POST", f"{SET}/manualUpgrade", {"instanceIds": ["*"]})
    assert all(each["properties"]["latestModelApplied"] for each in (await instances(cloud)).values())
    assert len(host.performed) == 6, "what has it already is left alone"
    for wrong in ({}, {"instanceIds": []}, {"instanceIds": ["9"]}):
        assert code(await cloud.owner.ask("POST", f"{SET}/manualUpgrade", wrong)) == "InvalidParameter"


@pytest.mark.parametrize("mode", ["Automatic", "Rolling"])
async def test_a_policy_updates_by_itself(cloud: Cloud, host: Host, mode: str) -> None:
    policy = {"upgradePolicy": {"mode": mode}}
    await done(cloud.owner, "PUT", SET, body(2, **policy))
    await done(cloud.owner, "POST", f"{SET}/virtualMachines/1/deallocate")
    host.performed.clear()
    await done(cloud.owner, "PATCH", SET, {"sku": {"name": "Standard_B1s"}})
    found = await instances(cloud)
    assert all(each["properties"]["latestModelApplied"] for each in found.values())
    assert sorted(host.performed) == ["vm.create", "vm.create", "vm.start", "vm.stop"]
    view = (await cloud.owner.get(f"{SET}/virtualMachines/1/instanceView")).json()
    assert view["statuses"][1]["code"] == "PowerState/deallocated", "what was off stays off"


async def test_another_image_is_another_disk(cloud: Cloud, host: Host) -> None:
    host.images = ["demo", "other"]
    await host.report()
    await done(cloud.owner, "PUT", SET, body(1, upgradePolicy={"mode": "Automatic"}))
    host.performed.clear()
    image = {"storageProfile": {"imageReference": {"offer": "other"}}}
    await done(cloud.owner, "PATCH", SET, {"properties": {"virtualMachineProfile": image}})
    assert host.performed == ["vm.delete", "vm.create", "vm.start"]
    assert host.peer.commands[-2].args["image"] == "other"


async def test_power_of_all_and_of_some(cloud: Cloud, host: Host) -> None:
    await done(cloud.owner, "PUT", SET, body(3))
    host.performed.clear()
    answer = await cloud.owner.ask("POST", f"{SET}/powerOff", {"instanceIds": ["1"]}, skipShutdown="true")
    assert answer.status_code == 202
    state = await cloud.owner.follow(answer)
    assert state["status"] == "Succeeded"
    assert host.performed == ["vm.stop"]
    assert host.peer.commands[-1].args["graceful"] is False
    await done(cloud.owner, "POST", f"{SET}/start")
    assert host.performed == ["vm.stop"] + ["vm.start"] * 3
    one = f"{SET}/virtualMachines/2"
    for verb, sent in (
        ("powerOff", "vm.stop"),
        ("start", "vm.start"),
        ("restart", "vm.restart"),
        ("deallocate", "vm.stop"),
        ("redeploy", "vm.start"),
    ):
        await done(cloud.owner, "POST", f"{one}/{verb}")
        assert host.performed[-1] == sent
    for path in (SET, one):
        for verb in ("reimage", "reimageAll", "performMaintenance"):
            assert code(await cloud.owner.ask("POST", f"{path}/{verb}")) == "ActionNotOffered"


async def test_instances_are_deleted_with_their_place(cloud: Cloud, host: Host) -> None:
    await done(cloud.owner, "PUT", SET, body(4))
    answer = await cloud.owner.ask("DELETE", f"{SET}/virtualMachines/0")
    assert answer.status_code == 202
    assert (await cloud.owner.follow(answer))["status"] == "Succeeded"
    assert (sorted(await instances(cloud)), await capacity(cloud)) == (["1", "2", "3"], 3)
    await done(cloud.owner, "POST", f"{SET}/delete", {"instanceIds": ["1", "3"]})
    assert (sorted(await instances(cloud)), await capacity(cloud)) == (["2"], 1)
    assert len(host.power) == 1
    answer = await cloud.owner.ask("DELETE", SET)
    assert answer.status_code == 202
    assert (await cloud.owner.follow(answer))["status"] == "Succeeded"
    assert host.power == {}
    assert code(await cloud.owner.get(f"{SET}/virtualMachines/2")) == "ResourceNotFound"
    assert code(await cloud.owner.get(f"{SET}/virtualMachines")) == "ResourceNotFound"
    assert (await cloud.owner.ask("DELETE", SET)).status_code == 204


async def heard(host: Host, verb: str, count: int = 1) -> Command:
    """The last command of a verb, once there have been `count` of them."""

    def found() -> list[Command]:
        return [each for each in host.peer.commands if each.verb == verb]

    await until(lambda: len(found()) >= count)
    return found()[-1]


async def answer(host: Host, command: Command) -> None:
    await host.peer.send(Result(command.key, True, "seen"))


async def test_an_instance_that_goes_while_it_is_updated_stays_on_its_way(cloud: Cloud, host: Host) -> None:
    await done(cloud.owner, "PUT", SET, body())
    await done(cloud.owner, "PATCH", SET, {"sku": {"name": "qemu-2cpu-512mib"}})
    host.deaf |= {"vm.create", "vm.delete"}
    upgrade = await cloud.owner.ask("POST", f"{SET}/manualUpgrade", {"instanceIds": ["0"]})
    created = await heard(host, "vm.create", 3)
    gone = await cloud.owner.ask("DELETE", f"{SET}/virtualMachines/0")
    assert gone.status_code == 202
    deleted = await heard(host, "vm.delete")
    await answer(host, created)
    assert (await cloud.owner.follow(upgrade))["status"] == "Succeeded"
    assert (await instances(cloud))["0"]["properties"]["provisioningState"] == "Deleting"
    await answer(host, deleted)
    assert (await cloud.owner.follow(gone))["status"] == "Succeeded"
    assert (list(await instances(cloud)), await capacity(cloud)) == (["1"], 1)


async def test_a_scale_set_that_goes_while_it_grows_stays_on_its_way(cloud: Cloud, host: Host) -> None:
    await done(cloud.owner, "PUT", SET, body(1))
    host.deaf |= {"vm.create", "vm.delete"}
    grown = await cloud.owner.ask("PATCH", SET, {"sku": {"capacity": 2}})
    created = await heard(host, "vm.create", 2)
    gone = await cloud.owner.ask("DELETE", SET)
    assert gone.status_code == 202
    await answer(host, created)
    assert (await cloud.owner.follow(grown))["status"] == "Succeeded"
    found = (await cloud.owner.get(SET)).json()
    assert found["properties"]["provisioningState"] == "Deleting"
    await heard(host, "vm.delete", 2)
    for each in host.peer.commands:
        if each.verb == "vm.delete":
            await answer(host, each)
    assert (await cloud.owner.follow(gone))["status"] == "Succeeded"
    assert (await cloud.owner.get(SET)).status_code == 404


async def test_a_group_goes_with_its_scale_sets(cloud: Cloud, host: Host) -> None:
    group = f"{SCOPE}/resourceGroups/other"
    await cloud.owner.ask("PUT", group, {"location": "local"})
    await done(cloud.owner, "PUT", f"{group}/{TYPE}/web", body(2))
    assert len(host.power) == 2
    await done(cloud.owner, "DELETE", group)
    assert host.power == {}


async def test_what_fails_on_the_host_is_tried_again(cloud: Cloud, host: Host) -> None:
    host.refuse["vm.create"] = Fault("NoSpace", path="/x", free=1, needed=2)
    state = await cloud.owner.follow(await cloud.owner.ask("PUT", SET, body(2)))
    assert (state["status"], state["error"]["code"]) == ("Failed", "NoSpace")
    failed = (await cloud.owner.get(SET)).json()
    assert failed["properties"]["provisioningState"] == "Failed"
    view = (await cloud.owner.get(f"{SET}/virtualMachines/0/instanceView")).json()
    assert view["statuses"][0]["code"] == "ProvisioningState/failed/NoSpace"
    host.refuse.clear()
    await done(cloud.owner, "PUT", SET, body(2))
    found = await instances(cloud)
    assert sorted(found) == ["0", "1"], "the same two"
    assert {each["properties"]["provisioningState"] for each in found.values()} == {"Succeeded"}


async def test_what_cannot_be_is_refused_at_once(cloud: Cloud, host: Host) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        (body(501), "InvalidParameter"),
        (body(1) | {"sku": "x"}, "InvalidParameter"),
        (body(1, scaleInPolicy={"rules": 5}), "InvalidRequestContent"),
        (body(-1), "InvalidParameter"),
        (body(1) | {"sku": {"name": "Nope", "capacity": 1}}, "InvalidParameter"),
        (body(1) | {"sku": {"name": "Standard_B8ms", "capacity": 1}}, "AllocationFailed"),
        (body(1) | {"sku": {"name": "Standard_B1s", "capacity": "x"}}, "InvalidParameter"),
        (body(1, orchestrationMode="Flexible"), "InvalidParameter"),
        (body(1, upgradePolicy={"mode": "Sometimes"}), "InvalidParameter"),
        (body(1, virtualMachineProfile={"storageProfile": "x"}), "InvalidParameter"),
        (body(1, virtualMachineProfile={}), "InvalidParameter"),
    ]
    for given, wanted in wrong:
        assert code(await cloud.owner.ask("PUT", SET, given)) == wanted, given
    assert code(await cloud.owner.get(SET)) == "ResourceNotFound"
    assert host.peer.commands == []


async def test_a_host_that_is_away_keeps_its_instances(cloud: Cloud, host: Host) -> None:
    await done(cloud.owner, "PUT", SET, body(1))
    await host.peer.kill()
    await until(lambda: not cloud.fleet.connected(host.peer.identity.agent))
    for method, path in (("DELETE", ""), ("DELETE", "/virtualMachines/0"), ("POST", "/start")):
        refused = await cloud.owner.ask(method, SET + path)
        assert (refused.status_code, code(refused)) == (409, "AgentOffline"), path


def port(number: str, *, quoted: bool = False) -> str:
    inner = f"web/virtualMachines/{number}"
    inner = inner.replace("/", "%2F") if quoted else inner
    return f"{GROUP_ID}/{TYPE}/{inner}/providers/Microsoft.SerialConsole/serialPorts"


async def test_the_console_of_an_instance(cloud: Cloud, host: Host) -> None:
    await done(cloud.owner, "PUT", SET, body(2))
    for quoted in (False, True):
        listed = (await cloud.owner.get(port("1", quoted=quoted), version=CONSOLE)).json()["value"]
        assert [each["id"] for each in listed] == [f"{port('1')}/0"]
        assert listed[0]["properties"]["state"] == "enabled"
    everywhere = f"{SCOPE}/providers/Microsoft.SerialConsole/serialPorts"
    listed = (await cloud.owner.get(everywhere, version=CONSOLE)).json()["value"]
    assert [each["id"] for each in listed] == [f"{port('0')}/0", f"{port('1')}/0"]
    answer = await cloud.owner.ask("POST", f"{port('1', quoted=True)}/0/connect", version=CONSOLE)
    assert answer.status_code == 200, answer.text
    way = answer.json()
    host.peer.grow(b"guest says hello\r\n")
    async with viewer(cloud.client_context()) as seat:
        await seat.open(way["outofband"]["url"], way["outofband"]["ticket"])
        await until(lambda: b"hello" in bytes(seat.output))
        await seat.type(b"ls\r")
        await until(lambda: bytes(host.peer.typed) == b"ls\r")
    wanted = (await instances(cloud))["1"]["properties"]["vmId"]
    assert host.peer.carriers[0].grant.vm == wanted
    reader = await cloud.person("reader", roles.READER)
    refused = await reader.ask("POST", f"{port('1')}/0/connect", version=CONSOLE)
    assert code(refused) == "AuthorizationFailed"
    assert code(await cloud.owner.get(f"{port('7')}/0", version=CONSOLE)) == "ResourceNotFound"


async def test_an_instance_without_the_latest_model_is_told_to_update(cloud: Cloud, host: Host) -> None:
    def profile(*, enabled: bool) -> dict[str, Any]:
        return {"diagnosticsProfile": {"bootDiagnostics": {"enabled": enabled}}}

    async def connect() -> Any:
        return await cloud.owner.ask("POST", f"{port('0')}/0/connect", version=CONSOLE)

    given = body(1)
    given["properties"]["virtualMachineProfile"] |= profile(enabled=False)
    await done(cloud.owner, "PUT", SET, given)
    assert code(await connect()) == "BootDiagnosticsDisabled"
    change = {"properties": {"virtualMachineProfile": profile(enabled=True)}}
    await done(cloud.owner, "PATCH", SET, change)
    refused = await connect()
    assert (refused.status_code, code(refused)) == (409, "InstanceNotLatestModel")
    assert "web_0" in refused.json()["error"]["message"]
    host.performed.clear()
    await done(cloud.owner, "POST", f"{SET}/manualUpgrade", {"instanceIds": ["0"]})
    assert host.performed == [], "nothing of it concerns the host"
    assert (await connect()).status_code == 200


async def test_an_instance_that_does_not_run_is_named_as_oob_takes_it(cloud: Cloud, host: Host) -> None:
    await done(cloud.owner, "PUT", SET, body(1))
    await done(cloud.owner, "POST", f"{SET}/virtualMachines/0/powerOff")
    refused = await cloud.owner.ask("POST", f"{port('0')}/0/connect", version=CONSOLE)
    assert code(refused) == "VmNotRunning"
    assert "`oob vm start web/0`" in refused.text


async def test_tags_alone_are_no_work(cloud: Cloud, host: Host) -> None:
    await done(cloud.owner, "PUT", SET, body(1))
    answer = await cloud.owner.ask("PATCH", SET, {"tags": {"a": "b"}})
    assert (answer.status_code, answer.json()["tags"]) == (200, {"a": "b"})
    assert "azure-asyncoperation" not in answer.headers
    whole = (await cloud.owner.get(SET)).json()
    answer = await cloud.owner.ask("PUT", SET, whole)
    assert "azure-asyncoperation" not in answer.headers, "what is put back as it was read changes nothing"


async def test_the_log_of_an_instance_can_be_read(cloud: Cloud, host: Host, tmp_path: Path) -> None:
    await done(cloud.owner, "PUT", SET, body(1))
    vm = (await instances(cloud))["0"]["properties"]["vmId"]
    async with Printing(cloud, host.peer.identity.agent, vm, tmp_path / "vm") as guest:
        guest.print(b"I am one of many\r\n")
        await guest.settled()
    answer = await cloud.owner.ask("POST", f"{SET}/virtualMachines/0/retrieveBootDiagnosticsData")
    assert answer.status_code == 200, answer.text
    where = answer.json()["serialConsoleLogBlobUri"]
    assert f"/bootdiagnostics-web0-{vm}/web_0.{vm}.serialconsole.log?" in where
    assert (await fetched(cloud, where)).content == b"I am one of many\r\n"
