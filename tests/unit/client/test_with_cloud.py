"""The clients on a whole control plane: what the two sides agree on, for real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from outofband.access import roles
from outofband.client import background
from outofband.client.console import Console
from outofband.client.credentials import Secret
from outofband.client.faults import explained
from outofband.client.http import SERIAL_VERSION, ArmClient
from outofband.client.profile import LocalProfile
from outofband.client.tokens import TokenCache
from outofband.core import secrets
from outofband.core.errors import Fault
from outofband.wire import stream
from outofband.wire.console import Attached, ClientSession, Ended, Output, Told
from outofband.wire.grant import Mode
from tests.support.cloud import GROUP, SCOPE, SUBSCRIPTION, VM_TYPE, Cloud, Host, Person, vm_id
from tests.support.wait import until

pytestmark = pytest.mark.anyio
T = TypeVar("T")
SWITCH = f"{SCOPE}/providers/Microsoft.SerialConsole/consoleServices/default"


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    async with Cloud(tmp_path) as running:
        yield running


@pytest.fixture
async def host(cloud: Cloud) -> AsyncIterator[Host]:
    async with cloud.host() as linked:
        yield linked


def client_of(person: Person) -> ArmClient:
    folder = person.cloud.folder / person.object_id
    secrets.write_private(folder / "secret", person.secret)
    profile = LocalProfile(
        arm=person.cloud.base,
        gateway="wss://unused",
        ca_file=person.cloud.pki.trust,
        tenant_id=person.tenant,
        subscription_id=SUBSCRIPTION,
        resource_group=GROUP,
        client_id=person.app_id,
        client_secret_file=folder / "secret",
    )
    return ArmClient(profile, Secret(profile, TokenCache(folder / "token.json", "me")))


async def ask(person: Person, use: Callable[[ArmClient], T]) -> T:
    def work() -> T:
        with client_of(person) as client:
            return use(client)

    return await background.call(work)


class Seat:
    """A person's console with what it showed."""

    def __init__(self, person: Person, mode: Mode = Mode.WRITE) -> None:
        self.events: list[Any] = []
        self.session = ClientSession(mode=mode)
        self.client = client_of(person)
        self.console = Console(self.client, vm_id("demo"), port="0", session=self.session, sink=self._see)
        self.task = asyncio.get_running_loop().create_task(self.console.run())

    async def _see(self, event: Any) -> None:
        self.events.append(event)

    @property
    def shown(self) -> bytes:
        return b"".join(event.payload for event in self.events if isinstance(event, Output))

    async def attached(self, times: int = 1) -> None:
        def there() -> bool:
            assert not self.task.done(), self.task.result()
            return sum(isinstance(event, Attached) for event in self.events) >= times

        await until(there)

    async def end(self) -> Ended:
        try:
            async with asyncio.timeout(60):
                return await self.task
        finally:
            self.client.__exit__()

    async def leave(self) -> None:
        self.console.leave()
        assert (await self.end()).code == "Left"


async def test_the_life_of_a_vm_from_a_client(cloud: Cloud, host: Host) -> None:
    body = {"location": "local", "properties": {"outofband": {"driver": "qemu", "image": "demo"}}}
    seen: list[str] = []
    await ask(
        cloud.owner,
        lambda client: client.put(client.vm("demo"), body, progress=lambda status, _: seen.append(status)),
    )
    assert seen[-1] == "Succeeded"
    found = await ask(cloud.owner, lambda client: list(client.list(f"{client.group()}/{VM_TYPE}")))
    assert [vm["name"] for vm in found] == ["demo"]
    host.refuse["vm.stop"] = Fault("VmStopTimeout", seconds=60, vm="demo")
    with pytest.raises(Fault) as raised:
        await ask(cloud.owner, lambda client: client.post(f"{client.vm('demo')}/powerOff"))
    assert "60 s" in explained(raised.value).message
    del host.refuse["vm.stop"]
    done = await ask(cloud.owner, lambda client: client.post(f"{client.vm('demo')}/powerOff"))
    assert "vm.stop was seen" in str(done)
    await ask(cloud.owner, lambda client: client.delete(client.vm("demo")))
    with pytest.raises(Fault, match="ResourceNotFound"):
        await ask(cloud.owner, lambda client: client.get(client.vm("demo")))


async def test_who_may_not_is_told_so_by_the_server(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm()
    reader = await cloud.person("reader", roles.READER)
    with pytest.raises(Fault) as raised:
        await ask(reader, lambda client: client.post(f"{client.vm('demo')}/start"))
    words = explained(raised.value)
    assert (words.code, words.exit) == ("AuthorizationFailed", 4)
    assert any("Owner" in step for step in words.remedy)
    reader.secret = "wrong"
    (cloud.folder / reader.object_id / "token.json").unlink()
    with pytest.raises(Fault, match="SignInFailed"):
        await ask(reader, lambda client: client.get(client.vm("demo")))


async def test_a_console_over_a_restart_of_the_control_plane(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm()
    host.peer.grow(b"before ")
    seat = Seat(cloud.owner)
    await seat.attached()
    seat.console.type(b"ls\r")
    await until(lambda: bytes(host.peer.typed) == b"ls\r")
    await cloud.stop()
    await cloud.start()
    await host.peer.connect()
    await host.report()
    host.peer.grow(b"after")
    await seat.attached(2)
    await until(lambda: seat.shown == b"before after")
    await seat.leave()


async def test_the_switch_ends_a_console_with_its_code(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm()
    seat = Seat(cloud.owner)
    await seat.attached()
    await ask(cloud.owner, lambda client: client.post(f"{SWITCH}/disableConsole", version=SERIAL_VERSION))
    ended = await seat.end()
    assert (ended.code, ended.resumable) == ("ConsoleDisabledForSubscription", False)
    again = Seat(cloud.owner)
    with pytest.raises(Fault, match="ConsoleDisabledForSubscription"):
        await again.end()


async def test_an_observer_is_told_what_happens(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm()
    seat = Seat(cloud.owner, Mode.OBSERVE)
    await seat.attached()
    assert host.peer.carriers[-1].grant.mode is Mode.OBSERVE
    await host.peer.carriers[-1].send(stream.Notice("power", {"power": "stopping"}))
    await until(lambda: Told("power", {"power": "stopping"}) in seat.events)
    await seat.leave()
    await until(lambda: host.peer.carriers[-1].closed == 1000)
