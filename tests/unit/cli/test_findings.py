"""What `oob vm list` and `oob vm show` say of a VM that printed a failure."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from outofband.access import roles
from outofband.wire.finding import Evidence, Finding, Severity
from outofband.wire.link import Found, Told
from tests.support.cloud import GROUP_ID, SCOPE, Cloud, Host
from tests.support.wait import until
from tests.unit.cli.verbs import Oob

pytestmark = pytest.mark.anyio
PANIC = Finding(
    id="GuestPanicked-0-40",
    code="GuestPanicked",
    severity=Severity.ERROR,
    port="0",
    boot=3,
    offset=40,
    first=1000.0,
    last=1000.0,
    evidence=(Evidence(offset=40, at=1000.0, text="Kernel panic - not syncing: no init"),),
)
NOTE = msgspec.structs.replace(
    PANIC, id="GuestPaused-0-50", code="GuestPaused", offset=50, severity=Severity.NOTE, count=4
)
NIC = f"{GROUP_ID}/providers/Microsoft.Network/networkInterfaces"


@pytest.fixture
async def host(cloud: Cloud) -> AsyncIterator[Host]:
    async with cloud.host() as linked:
        yield linked


async def test_list_and_show(cloud: Cloud, host: Host, tmp_path: Path) -> None:
    net = f"{GROUP_ID}/providers/Microsoft.Network/virtualNetworks/net"
    subnet = {"name": "s", "properties": {"addressPrefix": "10.1.0.0/24"}}
    body = {"location": "local", "properties": {"addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}}}
    body["properties"] = {**body["properties"], "subnets": [subnet]}  # type: ignore[dict-item]
    assert (await cloud.owner.ask("PUT", net, body, version="2024-05-01")).is_success
    inside = {"name": "ip", "properties": {"subnet": {"id": f"{net}/subnets/s"}}}
    nic = {"location": "local", "properties": {"ipConfigurations": [inside]}}
    assert (await cloud.owner.ask("PUT", f"{NIC}/nic", nic, version="2024-05-01")).is_success
    wanted = {"networkInterfaces": [{"id": f"{NIC}/nic"}, {"id": f"{NIC}/gone"}]}
    wanted["networkInterfaces"].pop()
    made = await cloud.owner.create_vm("web1", networkProfile=wanted)
    vm = str(made["properties"]["vmId"])
    oob = Oob(cloud.owner, tmp_path / "state")
    out, _ = await oob("vm show web1")
    assert "10.1.0.4" in out and "remedy" not in out

    await host.peer.send(Found(1, [Told(vm, NOTE), Told(vm, PANIC)]))
    await until(lambda: host.peer.kept)
    out, _ = await oob("vm list")
    assert out.splitlines()[1].split("Lab")[1].strip().endswith("(+1)")
    out, _ = await oob("vm show web1")
    assert out.index("(GuestPanicked)") < out.index("(GuestPaused)"), "the worst first"
    assert "  at 40: Kernel panic - not syncing: no init\n" in out
    assert "boot 3, serial port 0" in out and "4 times, last 1970-01-01" in out
    told = await oob.json("vm show web1")
    assert [each["name"] for each in told["findings"]] == ["GuestPanicked-0-40", "GuestPaused-0-50"]
    assert told["addresses"] == [{"private": "10.1.0.4", "public": ""}]

    reader = Oob(await cloud.person("reader", roles.READER), tmp_path / "reader")
    out, _ = await reader("vm show web1")
    assert "Kernel panic - not" not in out and "you may not read" in out

    # A role of somebody's own that knows of VMs and nothing of findings.
    name = "6f4d1f57-8d1b-4f86-9d36-5d0f1c1a9b02"
    actions = ["Microsoft.Compute/virtualMachines/read", "Microsoft.Resources/subscriptions/*/read"]
    role = {"roleName": "vms", "assignableScopes": [SCOPE], "permissions": [{"actions": actions}]}
    path = f"{SCOPE}/providers/Microsoft.Authorization/roleDefinitions/{name}"
    made = (await cloud.owner.ask("PUT", path, {"properties": role}, version="2022-04-01")).json()
    few = Oob(await cloud.person("few", name), tmp_path / "few")
    out, _ = await few("vm show web1")
    assert "(GuestPanicked)" in out and "Kernel panic - not" not in out, made
