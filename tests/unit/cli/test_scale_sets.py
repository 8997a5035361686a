"""`oob vmss`, and the verbs of `oob vm` that change and import, on a whole control plane."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from outofband.wire.link import VmChanged
from outofband.wire.machine import Power
from tests.support.actors import vm_report
from tests.support.cloud import Cloud, Host
from tests.support.wait import until
from tests.unit.cli.verbs import Oob

pytestmark = pytest.mark.anyio


@pytest.fixture
async def host(cloud: Cloud) -> AsyncIterator[Host]:
    async with cloud.host() as linked:
        yield linked


@pytest.fixture
def oob(cloud: Cloud, tmp_path: Path) -> Oob:
    return Oob(cloud.owner, tmp_path / "state")


async def test_life_of_a_scale_set(oob: Oob, host: Host) -> None:
    assert (await oob("vmss list"))[1] == "There are no scale sets here.\n"
    assert (await oob("vmss create web --image demo --count 1"))[0] == "web has 1 instances.\n"
    assert (await oob("vmss scale web 2"))[0] == "web has 2 instances.\n"
    assert (await oob.json("vmss list --all"))[0]["sku"]["capacity"] == 2
    out, _ = await oob("vmss show web")
    assert [line.split(None, 3) for line in out.splitlines()[-3:]] == [
        ["INSTANCE", "POWER", "HOST", "MODEL"],
        ["0", "running", "h1", "latest"],
        ["1", "running", "h1", "latest"],
    ]
    assert (await oob.json("vmss upgrade web 0"))["observed"] == "1 instances have the latest model"
    assert (await oob.json("vmss upgrade web 7", 2))["code"] == "InvalidParameter"
    assert (await oob("serial send web/1 nmi"))[0] == "vm.nmi was seen\n"
    assert (await oob("vm stop web/1"))[0] == "vm.stop was seen\n"
    assert (await oob("vm boot-diagnostics web/1 --off --yes"))[
        0
    ] == "Boot diagnostics of web/1 are off, and its console is closed.\n"
    assert "are on" in (await oob("vm boot-diagnostics web/0"))[0]
    _, err = await oob("console web/1 --observe", 5)
    assert "oob vm boot-diagnostics web/1 --on" in err
    assert (await oob.json("vm boot-diagnostics web/1 --on"))["enabled"] is True
    assert (await oob.json("vmss scale nope 1", 3))["code"] == "ResourceNotFound"
    assert await oob.json("vmss delete web --yes") == {"vmss": "web", "deleted": True}
    assert (await oob.json("vmss delete web --yes", 3))["code"] == "ResourceNotFound"
    assert host.power == {}


async def test_tags_and_size_of_a_vm(oob: Oob, host: Host) -> None:
    await oob("vm create web1 --image demo --tag a=1 --tag b=2")
    assert (await oob("vm update web1 --tag c= --untag a"))[0] == "web1 is changed, and running.\n"
    assert (await oob.json("vm show web1"))["tags"] == {"b": "2", "c": ""}
    out, _ = await oob("vm show web1")
    assert "b=2 c=" in out
    made = await oob.json("vm update web1 --size Standard_B1s")
    assert made["properties"]["outofband"]["memoryMiB"] == 1024
    assert host.performed[-3:] == ["vm.create", "vm.stop", "vm.start"]
    assert (await oob.json("vm update web1 --size Nope", 2))["code"] == "InvalidParameter"
    await oob("vm update web1", 2)
    await oob("vm update web1 --tag x", 2)


async def test_a_machine_is_imported_by_its_name_or_its_id(oob: Oob, cloud: Cloud, host: Host) -> None:
    assert (await oob("vm import"))[1] == "Every machine of the hosts is a VM.\n"
    ids = [str(uuid.uuid4()) for _ in range(3)]
    for vm, name in zip(ids, ("old", "twin", "twin"), strict=True):
        host.power[vm] = Power.RUNNING
        report = msgspec.structs.replace(vm_report(vm), name=name, image="demo", memory_mib=256, cpus=1)
        await host.peer.send(VmChanged(report))
    await until(lambda: cloud.fleet.report(ids[2]))
    out, _ = await oob("vm import")
    assert sorted(line.split()[0] for line in out.splitlines()) == ["MACHINE", "old", "twin", "twin"]
    assert (await oob("vm import old"))[0] == "old is running on h1.\n"
    assert (await oob.json("vm import nope", 3))["code"] == "ResourceNotFound"
    assert "several machines" in (await oob.json("vm import twin", 2))["message"]
    made = await oob.json(f"vm import new --from {ids[1]}")
    assert (made["name"], made["properties"]["vmId"]) == ("new", ids[1])
    assert [each["name"] for each in await oob.json("vm import")] == [ids[2]]
