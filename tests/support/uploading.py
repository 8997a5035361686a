"""A host's uploads against a whole control plane: a spool that a test writes, everything else as it is."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx

from outofband.agent.diagnostics.places import PlaceBook
from outofband.agent.diagnostics.uploads import Uploads
from outofband.agent.ports.spool import Spool
from outofband.net.blobs import BlobClient
from outofband.wire import link
from outofband.wire.machine import Power
from tests.support.cloud import Cloud, Person, vm_id
from tests.support.wait import until


class Port:
    """A broker as far as uploads know it."""

    def __init__(self, spool: Spool) -> None:
        self.port = "0"
        self.spool = spool
        self.is_open = True
        self.output = SimpleNamespace(look_again=spool.refresh)


class Printing:
    """A VM of `agent` whose guest prints what a test says. Use as `async with`; again after a crash."""

    def __init__(self, cloud: Cloud, agent: str, vm: str, folder: Path, *, ring: int = 1 << 24) -> None:
        self.cloud, self.agent, self.vm = cloud, agent, vm
        self.folder = folder
        self.folder.mkdir(exist_ok=True)
        self.spool = Spool(folder / "serial0.log", ring=ring, reserve=0)
        self.spool.foreign = False
        self.machine: Any = SimpleNamespace(
            definition=SimpleNamespace(vm=vm),
            directory=folder,
            power=Power.RUNNING,
            ports={"0": Port(self.spool)},
        )
        self.refused: list[str] = []
        self._context = cloud.client_context()
        self.base = f"{cloud.base}/blob"
        self.interval = 0.0
        self._asking: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Printing:
        self.spool.open()
        self.book = PlaceBook(self._ask)
        self.book.linked([link.TAKES_PLACES])
        self.client = BlobClient(lambda: self.base, lambda: self._context)
        self.uploads = Uploads(
            lambda: [self.machine], self.book, self.client, self._stored, interval=self.interval, look=0.01
        )
        self._running = asyncio.get_running_loop().create_task(self.uploads.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await self.uploads.close()
        await asyncio.gather(*self._asking, return_exceptions=True)
        self.spool.close()

    def print(self, data: bytes) -> None:
        self.spool.append(data)
        self.spool.maintain()

    @property
    def state(self) -> Any:
        return self.uploads._known[self.vm].ports.get("0") if self.vm in self.uploads._known else None

    async def settled(self) -> None:
        """Everything that was printed is stored."""

        def done() -> bool:
            state = self.state
            sealed = self.machine.power is Power.RUNNING or not state.open
            return bool(state is not None and state.uploaded == self.spool.end and sealed)

        await until(lambda: self.state is not None and done(), "all is uploaded")
        await asyncio.gather(*self._asking)

    def _ask(self, wish: link.WantPlaces) -> bool:
        assert len(wish.vms) <= link.MAX_PLACES
        for vm in wish.vms:
            self._later(self._answer(vm))
        return True

    def _stored(self, message: link.Stored) -> bool:
        assert self.cloud.fleet.incoming.on_stored is not None
        self._later(self.cloud.fleet.incoming.on_stored(self.agent, message.vm, message.port))
        return True

    def _later(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _answer(self, vm: str) -> None:
        assert self.cloud.fleet.incoming.on_places is not None
        place = await self.cloud.fleet.incoming.on_places(self.agent, vm)
        if place.code is not None:
            self.refused.append(place.code)
        self.book.answered(place)


async def addresses(person: Person, name: str = "demo", **query: str) -> dict[str, str]:
    """What `retrieveBootDiagnosticsData` answers."""
    answer = await person.ask("POST", f"{vm_id(name)}/retrieveBootDiagnosticsData", **query)
    assert answer.status_code == 200, answer.text
    found: dict[str, str] = answer.json()
    return found


async def fetched(cloud: Cloud, url: str, **headers: str) -> httpx.Response:
    """A blob, as anybody who has its address gets it."""
    return await cloud.http.get(url, headers=headers)
