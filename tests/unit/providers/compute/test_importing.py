"""Machines that a host has and no resource stands for: listed to who may see them, taken over by a PUT."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
import pytest

from outofband.access import roles
from outofband.wire.link import VmChanged
from outofband.wire.machine import Power
from tests.support.actors import vm_report
from tests.support.cloud import GROUP_ID, SCOPE, Cloud, Host, vm_id
from tests.support.wait import until

pytestmark = pytest.mark.anyio
TYPE = "providers/Microsoft.Compute/importableVirtualMachines"


def code(answer: Any) -> str:
    return str(answer.json()["error"]["code"])


async def lost(cloud: Cloud, host: Host, *, cpus: int = 2, epoch: int = 4) -> str:
    """A machine that the host reports and nobody asked for."""
    vm = str(uuid.uuid4())
    host.power[vm] = Power.RUNNING
    report = msgspec.structs.replace(
        vm_report(vm, epoch=epoch), name="old", image="demo", memory_mib=512, cpus=cpus
    )
    await host.peer.send(VmChanged(report))
    await until(lambda: cloud.fleet.report(vm))
    return vm


def body(vm: str) -> dict[str, Any]:
    return {"tags": {"a": "b"}, "properties": {"import": {"vmId": vm}}}


async def test_a_lost_machine_is_listed_and_taken_over_while_it_runs(cloud: Cloud, host: Host) -> None:
    vm = await lost(cloud, host)
    await cloud.owner.create_vm("known")
    for scope in (SCOPE, GROUP_ID):
        (found,) = (await cloud.owner.get(f"{scope}/{TYPE}")).json()["value"]
        assert found["name"] == vm
        properties = found["properties"]
        assert (properties["machineName"], properties["power"], properties["epoch"]) == ("old", "running", 4)
        assert properties["outofband"]["memoryMiB"] == 512
        assert properties["host"]["id"].endswith("/machines/h1")
    assert (await cloud.owner.get(f"{GROUP_ID}/{TYPE}/{vm.upper()}")).json()["name"] == vm
    host.performed.clear()
    answer = await cloud.owner.ask("PUT", vm_id("again"), body(vm))
    assert answer.status_code == 201, answer.text
    assert (await cloud.owner.follow(answer))["status"] == "Succeeded"
    assert host.performed == ["vm.create"], "it is told its name, and neither stopped nor started"
    order = host.peer.commands[-1]
    assert (order.vm, order.epoch, order.args["epoch"]) == (vm, 5, 5)
    assert (order.args["name"], order.args["memory_mib"], order.args["cpus"]) == ("again", 512, 2)
    made = (await cloud.owner.get(vm_id("again"), **{"$expand": "instanceView"})).json()
    assert made["properties"]["vmId"] == vm
    assert made["properties"]["outofband"]["image"] == "demo"
    assert made["tags"] == {"a": "b"}
    assert (await cloud.owner.get(f"{SCOPE}/{TYPE}")).json()["value"] == []
    assert (await cloud.owner.get(f"{GROUP_ID}/{TYPE}/{vm}")).status_code == 404
    again = await cloud.owner.ask("PUT", vm_id("twice"), body(vm))
    assert (again.status_code, code(again)) == (404, "ResourceNotFound")


async def test_what_cannot_be_taken_over(cloud: Cloud, host: Host) -> None:
    vm = await lost(cloud, host)
    other = await cloud.owner.ask("PUT", vm_id("x"), body(str(uuid.uuid4())))
    assert (other.status_code, code(other)) == (404, "ResourceNotFound")
    different = body(vm)
    different["properties"]["outofband"] = {"driver": "qemu", "image": "demo", "memoryMiB": 1024}
    assert code(await cloud.owner.ask("PUT", vm_id("x"), different)) == "PropertyChangeNotAllowed"
    silent = await lost(cloud, host, cpus=0)
    refused = await cloud.owner.ask("PUT", vm_id("x"), body(silent))
    assert (refused.status_code, code(refused)) == (409, "VmNotImportable")
    await host.peer.kill()
    await until(lambda: not cloud.fleet.connected(host.peer.identity.agent))
    assert code(await cloud.owner.ask("PUT", vm_id("x"), body(vm))) == "AgentOffline"


async def test_a_machine_is_seen_and_taken_only_with_a_right_where_its_host_is(
    cloud: Cloud, host: Host
) -> None:
    vm = await lost(cloud, host)
    elsewhere = f"{SCOPE}/resourceGroups/elsewhere"
    await cloud.owner.ask("PUT", elsewhere, {"location": "local"})
    narrow = await cloud.person("narrow", roles.OWNER, elsewhere)
    assert (await narrow.get(f"{SCOPE}/{TYPE}")).json()["value"] == []
    assert code(await narrow.get(f"{GROUP_ID}/{TYPE}/{vm}")) == "AuthorizationFailed"
    taken = await narrow.ask("PUT", vm_id("x", "elsewhere"), body(vm))
    assert (taken.status_code, code(taken)) == (404, "ResourceNotFound")
    wide = await cloud.owner.ask("PUT", vm_id("x", "elsewhere"), body(vm))
    assert (await cloud.owner.follow(wide))["status"] == "Succeeded"
