"""A server with an agent in the test's own process, asked over its local socket as azcmagent asks it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from outofband.agent import local
from outofband.agent.halfway import Operation
from outofband.agent.instance import Instance
from outofband.agent.local import AgentStatus
from outofband.agent.service import Service
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from tests.support.cloud import GROUP_ID, Cloud
from tests.support.wait import until

VERSION = "2026-07-15"
MACHINES = f"{GROUP_ID}/providers/Microsoft.HybridCompute/machines"
T = TypeVar("T")


class Server:
    """A server with an agent in this process; `root` is where its own facts are."""

    def __init__(self, cloud: Cloud, folder: Path, name: str) -> None:
        self.cloud, self.name = cloud, name
        self.state = StateDir(folder / "state")
        self.root = folder / "root"
        self.machine = f"{MACHINES}/{name}"
        self._running: asyncio.Task[None] | None = None
        self.is_hardware("1111", "deadbeef-0000-4000-8000-000000000001")

    def is_hardware(self, machine_id: str, firmware: str = "") -> None:
        for name, text in (("etc/machine-id", machine_id), ("sys/class/dmi/id/product_uuid", firmware)):
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")

    async def start(self) -> None:
        self._stop = asyncio.Event()
        self._running = asyncio.create_task(self._run())
        await until(lambda: self._running is None or (self.state.agent / local.SOCKET).exists())
        await self.ask(local.status)

    async def _run(self) -> None:
        with Instance(self.state) as instance:
            await Service(self.state, root=self.root).run(instance, self._stop)

    async def stop(self) -> None:
        if self._running is not None:
            self._stop.set()
            await self._running
            self._running = None

    async def again(self) -> None:
        await self.stop()
        await self.start()

    async def ask(self, verb: Callable[..., T], *arguments: Any, **more: Any) -> T:
        return await asyncio.to_thread(verb, self.state, *arguments, **more)

    async def refused(self, verb: Callable[..., object], *arguments: Any) -> str:
        with pytest.raises(Fault) as caught:
            await self.ask(verb, *arguments)
        return caught.value.code

    async def put(self) -> None:
        """As azcmagent has the machine made, by the rights of whoever runs it."""
        facts = await self.ask(local.key)
        properties = {"vmId": facts.vm_id, "osType": "linux", "clientPublicKey": facts.public_key}
        body = {"location": "local", "identity": {"type": "SystemAssigned"}, "properties": properties}
        answer = await self.cloud.owner.ask("PUT", self.machine, body, version=VERSION)
        assert answer.status_code == 200, answer.text

    async def claim(self) -> AgentStatus:
        return await self.ask(
            local.claim, self.machine, self.cloud.base, self.cloud.pki.trust.read_text(), "Lab"
        )

    async def connect(self) -> None:
        await self.ask(local.begin, Operation.CONNECT, self.machine, "corr-1")
        await self.put()
        await self.claim()
        await self.linked()

    async def linked(self) -> AgentStatus:
        async def there() -> AgentStatus | None:
            found = await self.ask(local.status)
            return found if found.link == "linked" else None

        found: AgentStatus = await until(there)
        return found

    async def shown(self) -> dict[str, Any]:
        answer = await self.cloud.owner.get(self.machine, version=VERSION)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["properties"]
        return found

    async def has_link(self, state: str) -> bool:
        return (await self.ask(local.status)).link == state

    async def is_connected(self) -> bool:
        return bool((await self.shown())["status"] == "Connected")

    async def says(self, code: str) -> AgentStatus:
        """Wait until the status tells this trouble."""

        async def there() -> AgentStatus | None:
            found = await self.ask(local.status)
            return found if code in [each.code for each in found.errors] else None

        found: AgentStatus = await until(there)
        return found
