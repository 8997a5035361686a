"""A VM in trouble on a control plane of this process: its network, its host's word, what listens for it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import msgspec
import pytest

from outofband.core import clock
from outofband.rescue.engine import Engine
from outofband.wire.remote import Protocol, Report, Where, Word
from outofband.wire.script import Ending, ScriptReport
from outofband.wire.steps.report import StepReport, System
from tests.support.cloud import SCOPE, Cloud, Host, Person, vm_id
from tests.support.networks import Networks
from tests.support.rdp import confirm

VERSION = "2026-11-01"
RDP_PORT = 3389


def pool() -> IPv4Network:
    """Public addresses of this computer that no other test has: the port of Remote Desktop is a fixed one."""
    return IPv4Network(f"127.{random.randrange(20, 250)}.{random.randrange(256)}.0/30")


class Desktop:
    """What listens at the VM's public address."""

    def __init__(self, address: str) -> None:
        self.address, self.port = address, RDP_PORT
        self._server: asyncio.Server | None = None
        self.asked = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._answer, self.address, self.port)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        await reader.read(1024)
        writer.write(confirm(2, 0))
        await writer.drain()
        writer.close()


class Lab:
    """A VM `web1` with a public address behind a security group without rules."""

    def __init__(self, cloud: Cloud, host: Host) -> None:
        self.cloud, self.host, self.net = cloud, host, Networks(cloud.owner)
        self.group = self.net.id("networkSecurityGroups", "nsg")

    async def make(self, *rules: dict[str, Any], public: bool = True, **properties: Any) -> Desktop:
        """What listens at its public address; without one, at the address that it would be given.
        `properties` are more of the VM's.
        """
        listed = [{"name": each["name"], "properties": each} for each in rules]
        for each in listed:
            each["properties"] = {k: v for k, v in each["properties"].items() if k != "name"}
        await self.net.put("networkSecurityGroups", "nsg", securityRules=listed)
        await self.net.network(s="10.0.1.0/24")
        given: dict[str, Any] = {}
        if public:
            await self.net.put(
                "publicIPAddresses", "ip", sku={"name": "Standard"}, publicIPAllocationMethod="Static"
            )
            given["publicIPAddress"] = {"id": self.net.id("publicIPAddresses", "ip")}
        await self.net.interface("nic", nsg=self.group, **given)
        card = {"networkInterfaces": [{"id": self.net.id("networkInterfaces", "nic")}]}
        made = await self.cloud.owner.create_vm("web1", networkProfile=card, **properties)
        self.uid = str(made["properties"]["vmId"])
        if not public:
            return Desktop(str(next(iter(self.cloud.public_pool[0]))))
        found = await self.net.get(self.net.id("publicIPAddresses", "ip"))
        return Desktop(found["properties"]["ipAddress"])

    def guest(self, works: bool) -> None:
        """What the VM's host sees of the guest."""
        seen = Report(
            where=Where.HOST,
            protocol=Protocol.RDP,
            host="web1",
            port=RDP_PORT,
            works=works,
            began=clock.iso(),
            seconds=0.1,
            problem=None if works else Word(code="RdpSilent", title="t", message="m"),
        )
        self.step({"xrdp.installed": True})
        self.host.data["vm.probe"] = msgspec.to_builtins(seen)

    def step(self, before: dict[str, Any], after: dict[str, Any] | None = None, **more: Any) -> StepReport:
        """What a step in the guest is to tell; without `after` it changes nothing."""
        told = StepReport(
            step="resetRemote",
            system=System.LINUX,
            before=before,
            after=before if after is None else after,
            run="r1" if after is not None else "",
            **more,
        )
        self.script(msgspec.json.encode(told).decode() + "\n")
        return told

    def script(self, out: str, status: int = 0) -> None:
        """How a script in the guest is to end."""
        ended = ScriptReport(
            running=False,
            started=clock.iso(),
            ended=clock.iso(),
            ending=Ending.EXITED,
            status=status,
            out=out,
        )
        self.host.data["vm.run"] = msgspec.to_builtins(ended)

    async def rescue(self, name: str = "r", who: Person | None = None, **properties: Any) -> dict[str, Any]:
        person = who or self.cloud.owner
        await person.follow(await self.ask("PUT", name, {"properties": properties}, person))
        return await self.read(name, person)

    async def read(self, name: str = "r", who: Person | None = None) -> dict[str, Any]:
        found = await self.ask("GET", name, None, who or self.cloud.owner)
        assert found.status_code == 200, found.text
        properties: dict[str, Any] = found.json()["properties"]
        return properties

    async def read_newest(self) -> dict[str, Any]:
        path = f"{vm_id('web1')}/providers/Outofband.Diagnostics/rescues"
        found = await self.cloud.owner.get(path, version=VERSION)
        properties: dict[str, Any] = found.json()["value"][0]["properties"]
        return properties

    async def until_doing(self) -> None:
        end = clock.monotonic() + 20
        while (found := await self.read())["state"] != "doing":
            assert clock.monotonic() < end, found
            await asyncio.sleep(0.02)

    async def answer(self, step: int, agree: bool, **more: Any) -> dict[str, Any]:
        body = {"step": step, "agree": agree, **more}
        state = await self.cloud.owner.follow(await self.ask("POST", "r/answer", body))
        assert state["status"] == "Succeeded", state
        return await self.read()

    async def ask(self, method: str, name: str, body: Any = None, who: Person | None = None) -> Any:
        path = f"{vm_id('web1')}/providers/Outofband.Diagnostics/rescues/{name}"
        return await (who or self.cloud.owner).ask(method, path, body, version=VERSION)

    async def actions(self) -> list[str]:
        """What the activity log has of deeds that a rescue did."""
        path = f"{SCOPE}/providers/Microsoft.Insights/eventtypes/management/values"
        answer = await self.cloud.owner.get(path, version="2015-04-01")
        return [
            each["operationName"]["value"]
            for each in answer.json()["value"]
            if each["properties"].get("reason") == "rescue" and each["status"]["value"] != "Failed"
        ]


def step(properties: dict[str, Any], number: int) -> dict[str, Any]:
    found: dict[str, Any] = properties["steps"][number - 1]
    assert found["number"] == number
    return found


def codes(properties: dict[str, Any], number: int) -> list[str]:
    return [each["code"] for each in step(properties, number)["findings"]]


def open_rule() -> dict[str, Any]:
    return {
        "name": "rdp",
        "priority": 300,
        "access": "Allow",
        "direction": "Inbound",
        "protocol": "Tcp",
        "sourceAddressPrefix": "*",
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
        "destinationPortRange": "3389",
    }


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A VM that does not come back is not waited for."""
    monkeypatch.setattr(Engine.__init__, "__kwdefaults__", {"pause": 0.01, "patience": 0.0})


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    made = Cloud(tmp_path)
    made.public_pool = (pool(),)
    async with made as running:
        yield running


@pytest.fixture
async def host(cloud: Cloud) -> AsyncIterator[Host]:
    async with cloud.host() as linked:
        yield linked
