"""Webhooks: told in order of what opens and ends, whatever becomes of the receiver and of this process."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from outofband.access import roles
from outofband.core import clock
from outofband.diagnostics import webhooks as deliveries
from outofband.identity.pki import Pki
from outofband.net import fetch as fetching
from outofband.wire import webhook as wire
from outofband.wire.finding import Severity
from outofband.wire.link import Told
from tests.support.cloud import SCOPE, SUBSCRIPTION, Cloud, Host
from tests.support.receiver import Receiver
from tests.support.wait import until
from tests.unit.providers.test_findings import found, tell

pytestmark = pytest.mark.anyio
V = "2026-11-01"
HOOKS = f"{SCOPE}/providers/Outofband.Diagnostics/webhooks"


@pytest.fixture
async def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cloud]:
    monkeypatch.setattr(deliveries, "FIRST_SECONDS", 0.1)
    monkeypatch.setattr(deliveries, "LONGEST_SECONDS", 0.2)
    running = Cloud(tmp_path)
    running.webhook_networks = ("127.0.0.0/8", "::1/128")
    async with running, delivering(running):
        yield running


@contextlib.asynccontextmanager
async def delivering(cloud: Cloud) -> AsyncIterator[None]:
    """The task of a node that empties the outbox."""
    task = asyncio.get_running_loop().create_task(cloud.webhooks.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    async with Receiver(Pki.open(tmp_path / "theirs", [], clock.now())).listen() as listening:
        yield listening


async def register(
    cloud: Cloud, receiver: Receiver, name: str = "pager", **properties: Any
) -> dict[str, Any]:
    body = {"properties": {"url": receiver.url, "authorities": receiver.authorities, **properties}}
    answer = await cloud.owner.ask("PUT", f"{HOOKS}/{name}", body, version=V)
    assert answer.is_success, answer.text
    made: dict[str, Any] = answer.json()["properties"]
    if "secret" in made:
        receiver.key = wire.key_of(made["secret"])
    return made


async def state(cloud: Cloud, name: str = "pager") -> dict[str, Any]:
    answer = await cloud.owner.get(f"{HOOKS}/{name}", version=V)
    told: dict[str, Any] = answer.json()["properties"]["deliveries"]
    return told


async def settled(cloud: Cloud, **wanted: object) -> None:
    """Wait until the state of deliveries is this."""
    for _ in range(400):
        told = await state(cloud)
        if all(told.get(name) == value for name, value in wanted.items()):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"expected {wanted}, got {told}")


async def test_what_opens_and_ends_is_told_signed(cloud: Cloud, host: Host, receiver: Receiver) -> None:
    made = await register(cloud, receiver)
    assert made["severity"] == "warning" and made["deliveries"] == {"waiting": 0, "delivered": 0, "failed": 0}
    vm = (await cloud.owner.create_vm())["properties"]["vmId"]
    note = found(50, code="GuestPaused", severity=Severity.NOTE)
    await tell(host, Told(vm, found()), Told(vm, note))
    await tell(host, Told(vm, found(count=2, last=2000.0)), number=2)
    await tell(host, Told(vm, found(count=2, last=2000.0, ended=3000.0)), number=3)
    await until(lambda: len(receiver.events) == 2)
    opened, ended = receiver.events
    assert (opened["type"], ended["type"]) == ("outofband.finding.opened", "outofband.finding.ended")
    assert opened["source"].endswith("/virtualMachines/demo") and opened["subject"] == "GuestPanicked-0-40"
    told = opened["data"]["finding"]
    assert told["code"] == "GuestPanicked" and told["message"] and "evidence" not in told
    assert opened["data"]["vm"]["vmId"] == vm and opened["id"] != ended["id"]
    await settled(cloud, waiting=0, delivered=2, status=200, trouble=None)
    assert receiver.forged == 0


async def test_a_receiver_that_fails_and_comes_back_misses_nothing(
    cloud: Cloud, host: Host, receiver: Receiver
) -> None:
    await register(cloud, receiver)
    vm = (await cloud.owner.create_vm())["properties"]["vmId"]
    receiver.status = 503
    await tell(host, *(Told(vm, found(n)) for n in range(5)))
    await until(lambda: receiver.refused >= 2)
    assert (await state(cloud))["waiting"] == 5 and (await state(cloud))["status"] == 503
    receiver.status = 200
    await until(lambda: len(receiver.events) == 5)
    assert [each["subject"] for each in receiver.events] == [f"GuestPanicked-0-{n}" for n in range(5)]
    await settled(cloud, waiting=0, delivered=5, failed=0)


async def test_a_receiver_that_hangs_keeps_nobody_waiting(
    cloud: Cloud, host: Host, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "SECONDS", 1.0)
    await register(cloud, receiver)
    async with Receiver(receiver.pki).listen() as other:
        await register(cloud, other, "other")
        vm = (await cloud.owner.create_vm())["properties"]["vmId"]
        receiver.status = None
        await tell(host, Told(vm, found()))
        await until(lambda: other.events)
        await until(lambda: receiver.refused >= 2)
        assert "did not answer" in (await state(cloud))["trouble"]
    receiver.status = 200
    await until(lambda: receiver.events)


async def test_a_killed_control_plane_goes_on(
    cloud: Cloud, host: Host, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "LEASE", deliveries.timedelta(seconds=0.5))
    await register(cloud, receiver)
    vm = (await cloud.owner.create_vm())["properties"]["vmId"]
    receiver.status = None
    await tell(host, Told(vm, found()))
    await until(lambda: receiver.refused)
    another = deliveries.Webhooks(cloud.store, cloud.webhooks._networks)
    receiver.status = 200
    task = asyncio.get_running_loop().create_task(another.run())
    await until(lambda: receiver.events)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_who_refuses_again_and_again_is_left_alone(
    cloud: Cloud, host: Host, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "REFUSALS", 3)
    await register(cloud, receiver)
    vm = (await cloud.owner.create_vm())["properties"]["vmId"]
    receiver.status = 400
    await tell(host, Told(vm, found()))
    await settled(cloud, waiting=0, failed=1)
    assert receiver.refused == 3
    receiver.status = 410
    await tell(host, Told(vm, found(90)), number=2)
    await settled(cloud, waiting=0, failed=2)
    assert receiver.refused == 4


async def test_test(cloud: Cloud, receiver: Receiver) -> None:
    await register(cloud, receiver)

    async def test() -> Any:
        return (await cloud.owner.ask("POST", f"{HOOKS}/pager/test", version=V)).json()

    assert await test() == {"delivered": True, "status": 200, "trouble": None}
    assert receiver.events[0]["type"] == "outofband.webhook.test"
    receiver.status = 500
    assert (await test())["trouble"] == "it answered with HTTP status 500"
    await register(cloud, receiver, authorities="")
    assert "not trusted" in (await test())["trouble"]
    cloud.webhooks._networks = ()
    assert "webhook_networks" in (await test())["trouble"]


async def test_reading_authorities_holds_nobody_up(
    cloud: Cloud, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await register(cloud, receiver)
    where: list[threading.Thread] = []

    def noted(pem: str | None) -> ssl.SSLContext:
        where.append(threading.current_thread())
        return fetching.trusting(pem)

    monkeypatch.setattr(deliveries, "trusting", noted)
    answer = await cloud.owner.ask("POST", f"{HOOKS}/pager/test", version=V)
    assert answer.json()["delivered"]
    assert where and threading.current_thread() not in where


async def test_the_secret_is_told_once_and_lies_nowhere_in_clear(
    cloud: Cloud, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    made = await register(cloud, receiver)
    secret = made["secret"]
    changed = await register(cloud, receiver, severity="error")
    assert "secret" not in changed and changed["severity"] == "error"
    assert secret not in (await cloud.owner.get(HOOKS, version=V)).text
    own = wire.secret_of(b"k" * 32)
    assert "secret" not in await register(cloud, receiver, secret=own)
    receiver.key = b"k" * 32
    assert (await cloud.owner.ask("POST", f"{HOOKS}/pager/test", version=V)).json()["delivered"]
    assert receiver.events
    async with cloud.store.write() as tx:
        (hook,) = await cloud.store.webhooks.of(tx, SUBSCRIPTION)
    assert own not in repr(hook) and own.encode() not in msgspec.msgpack.encode(msgspec.to_builtins(hook))
    for file in cloud.folder.glob("control.db*"):
        assert own.encode() not in file.read_bytes() and secret.encode() not in file.read_bytes()
    assert own not in caplog.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://x.example/"},
        {"url": "https://user:pw@x.example/"},
        {"severity": "loud"},
        {"secret": "whsec_short"},
        {"authorities": "no PEM"},
    ],
)
async def test_what_is_no_webhook(cloud: Cloud, wrong: dict[str, str]) -> None:
    body = {"properties": {"url": "https://x.example/", **wrong}}
    answer = await cloud.owner.ask("PUT", f"{HOOKS}/pager", body, version=V)
    assert answer.status_code == 400 and f"properties.{next(iter(wrong))}" in answer.text


async def test_deleted_with_what_waits(cloud: Cloud, host: Host, receiver: Receiver) -> None:
    await register(cloud, receiver)
    vm = (await cloud.owner.create_vm())["properties"]["vmId"]
    receiver.status = 503
    await tell(host, Told(vm, found()))
    await until(lambda: receiver.refused)
    assert (await cloud.owner.ask("DELETE", f"{HOOKS}/pager", version=V)).is_success
    assert (await cloud.owner.get(f"{HOOKS}/pager", version=V)).status_code == 404
    reader = await cloud.person("reader", roles.READER)
    body = {"properties": {"url": "https://x.example/"}}
    assert (await reader.ask("PUT", f"{HOOKS}/pager", body, version=V)).status_code == 403


async def test_metrics(cloud: Cloud, host: Host, receiver: Receiver) -> None:
    await register(cloud, receiver)
    vm = (await cloud.owner.create_vm())["properties"]["vmId"]
    await tell(host, Told(vm, found()), Told(vm, found(90)), Told(vm, found(7, ended=2000.0)))
    await settled(cloud, delivered=3)
    reader = await cloud.person("reader", roles.READER, "/")
    answer = await reader.get("/metrics", version=None)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert 'oob_findings_open{code="GuestPanicked"} 2' in lines
    assert 'oob_findings_total{code="GuestPanicked"} 2' in lines
    assert 'oob_webhook_deliveries_total{outcome="delivered"} 3' in lines
    assert "oob_webhook_waiting 0" in lines
    assert (await cloud.http.get("/metrics")).status_code == 401
    below = await cloud.person("below", roles.READER)
    assert (await below.get("/metrics", version=None)).status_code == 403
    off = {"properties": {"diagnosticsProfile": {"bootDiagnostics": {"enabled": False}}}}
    assert (await cloud.owner.ask("PATCH", f"{(await vm_of(cloud))}", off)).is_success
    assert "oob_findings_open{" not in (await reader.get("/metrics", version=None)).text


async def vm_of(cloud: Cloud) -> str:
    async with cloud.store.read() as tx:
        page = await cloud.store.resources.page(tx, type="Microsoft.Compute/virtualMachines")
    return page.items[0].id
