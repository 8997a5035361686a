"""The log of a VM on its way from its host's spool to whoever reads it, over a real Blob service."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from outofband.access import roles
from outofband.agent.diagnostics import portlog
from outofband.core import clock
from outofband.diagnostics import boot_log, retention
from outofband.diagnostics.retention import Retention
from outofband.server.watched import watched
from outofband.storage.rows import remove
from outofband.store.resources import Resource
from outofband.wire import segments
from outofband.wire.machine import Power
from outofband.wire.segments import SEGMENT_BYTES
from tests.support.cloud import GROUP_ID, SCOPE, TENANT, Cloud, Host, vm_id
from tests.support.uploading import Printing, addresses, fetched
from tests.support.wait import until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    async with Cloud(tmp_path) as running:
        yield running


@pytest.fixture
async def host(cloud: Cloud) -> AsyncIterator[Host]:
    async with cloud.host() as linked:
        yield linked


@pytest.fixture
async def guest(cloud: Cloud, host: Host, tmp_path: Path) -> AsyncIterator[Printing]:
    vm = await cloud.owner.create_vm()
    async with Printing(
        cloud, host.peer.identity.agent, vm["properties"]["vmId"], tmp_path / "vm"
    ) as printing:
        yield printing


async def row_of(cloud: Cloud, name: str = "demo") -> Resource:
    async with cloud.store.read() as tx:
        row = await cloud.store.resources.get(tx, vm_id(name))
    assert row is not None
    return row


async def stored(cloud: Cloud, name: str = "demo") -> bytes:
    row = await row_of(cloud, name)
    whole = await cloud.boot_log.extent(row)
    assert whole is not None
    return b"".join([piece async for piece in cloud.boot_log.read(row, whole.start, whole.end)])


async def names(cloud: Cloud) -> list[tuple[str, int]]:
    async with cloud.store.read() as tx:
        rows = await cloud.store.resources.page(tx, type="Outofband.Diagnostics/accounts")
        [container] = await cloud.store.containers.page(tx, rows.items[0].uid, prefix="", start="", limit=10)
        return await cloud.store.blobs.lengths(tx, container.id, prefix="")


async def test_what_a_guest_prints_can_be_read_from_the_store(cloud: Cloud, guest: Printing) -> None:
    guest.print(b"Linux version 6\r\n")
    await guest.settled()
    guest.print(b"login: ")
    await guest.settled()
    assert await stored(cloud) == b"Linux version 6\r\nlogin: "
    # One segment, written again under its name.
    assert [length for _, length in await names(cloud)] == [24]

    urls = await addresses(cloud.owner)
    read = await fetched(cloud, urls["serialConsoleLogBlobUri"])
    assert (read.status_code, read.content) == (200, b"Linux version 6\r\nlogin: ")
    assert read.headers["etag"] == '"0x0-18"' and read.headers["content-type"] == "text/plain"
    part = await fetched(cloud, urls["serialConsoleLogBlobUri"], **{"x-ms-range": "bytes=6-12"})
    assert (part.status_code, part.content) == (206, b"version")
    assert part.headers["content-range"] == "bytes 6-12/24"
    head = await cloud.http.head(urls["serialConsoleLogBlobUri"])
    assert (head.status_code, head.headers["content-length"]) == (200, "24")


async def test_segments_are_sealed_when_full_and_when_the_guest_stops(cloud: Cloud, guest: Printing) -> None:
    data = random.Random(1).randbytes(2 * SEGMENT_BYTES + 1000)
    guest.print(data)
    await guest.settled()
    found = await names(cloud)
    assert [length for _, length in found] == [SEGMENT_BYTES, SEGMENT_BYTES, 1000]
    assert [segments.parse(name) for name, _ in found] == [
        ("0", 0),
        ("0", SEGMENT_BYTES),
        ("0", 2 * SEGMENT_BYTES),
    ]
    guest.machine.power = Power.STOPPED
    await guest.settled()
    guest.machine.power = Power.RUNNING
    guest.spool.reset(2)
    guest.print(b"again")
    await guest.settled()
    assert [length for _, length in await names(cloud)] == [SEGMENT_BYTES, SEGMENT_BYTES, 1000, 5]
    assert await stored(cloud) == data + b"again"
    whole = await cloud.boot_log.extent(await row_of(cloud))
    assert whole is not None and [boot.offset for boot in whole.boots] == [len(data)]
    assert whole.marks[-1].offset == whole.end and abs(whole.marks[-1].at - clock.wall()) < 60


# Who dies closes no sockets.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_crash_between_any_two_writes_leaves_the_log_whole(
    cloud: Cloud, host: Host, guest: Printing, tmp_path: Path
) -> None:
    rng, printed = random.Random(2), b""
    for turn in range(4):
        for _ in range(3):
            data = rng.randbytes(rng.randrange(1, SEGMENT_BYTES))
            guest.print(data)
            printed += data
            await asyncio.sleep(0.02)
        # The agent dies at whatever point it is at, and what it remembered may be older still.
        await guest.__aexit__()
        if turn % 2 and (memory := portlog.load(guest.folder)) is not None:
            known = memory.ports["0"]
            assert known.tail <= known.uploaded <= len(printed)
        guest = Printing(cloud, host.peer.identity.agent, guest.vm, guest.folder)
        await guest.__aenter__()
    await guest.settled()
    assert await stored(cloud) == printed
    await guest.__aexit__()
    gc.collect()


async def test_an_hour_offline_is_made_up_for_in_order(cloud: Cloud, guest: Printing) -> None:
    guest.print(b"before. ")
    await guest.settled()
    there = guest.base
    guest.base = "https://127.0.0.1:1/blob"
    data = random.Random(3).randbytes(3 * SEGMENT_BYTES)
    for start in range(0, len(data), 50_000):
        guest.print(data[start : start + 50_000])
        await asyncio.sleep(0.01)
    await until(lambda: guest.uploads._away, "the store is away")
    guest.base = there
    await guest.settled()
    assert await stored(cloud) == b"before. " + data
    whole = await cloud.boot_log.extent(await row_of(cloud))
    assert whole is not None and whole.gaps == ()


async def test_what_the_spool_lost_is_a_marked_gap(cloud: Cloud, host: Host, tmp_path: Path) -> None:
    vm = await cloud.owner.create_vm()
    folder = tmp_path / "vm"
    guest = Printing(cloud, host.peer.identity.agent, vm["properties"]["vmId"], folder, ring=64 * 1024)
    async with guest:
        guest.print(b"first ")
        await guest.settled()
        there, guest.base = guest.base, "https://127.0.0.1:1/blob"
        data = random.Random(4).randbytes(400_000)
        for start in range(0, len(data), 10_000):
            guest.print(data[start : start + 10_000])
        guest.base = there
        await guest.settled()
        kept = guest.spool.start
    assert kept > 6
    everything = b"first " + data
    whole = await cloud.boot_log.extent(await row_of(cloud))
    assert whole is not None
    assert [(gap.start, gap.end, gap.bytes) for gap in whole.gaps] == [(6, kept, kept - 6)]
    assert await stored(cloud) == b"first " + everything[kept:]
    urls = await addresses(cloud.owner)
    read = await fetched(cloud, urls["serialConsoleLogBlobUri"])
    line = boot_log.marker(whole.gaps[0])
    assert str(kept - 6).encode() in line
    assert read.content == b"first " + line + everything[kept:]


async def test_a_log_that_grows_can_be_read_in_pieces(cloud: Cloud, guest: Printing) -> None:
    guest.print(b"0123456789")
    await guest.settled()
    url = (await addresses(cloud.owner))["serialConsoleLogBlobUri"]
    first = await fetched(cloud, url, **{"x-ms-range": "bytes=0-4"})
    guest.print(b"and more")
    await guest.settled()
    rest = await fetched(cloud, url, **{"x-ms-range": "bytes=5-", "if-match": first.headers["etag"]})
    assert (rest.status_code, rest.content) == (206, b"56789")
    fresh = await fetched(cloud, url, **{"if-none-match": first.headers["etag"]})
    assert (fresh.status_code, fresh.content) == (200, b"0123456789and more")
    same = await fetched(cloud, url, **{"if-none-match": fresh.headers["etag"]})
    assert same.status_code == 304
    other = await fetched(cloud, url, **{"if-match": '"0x1-A"'})
    assert other.status_code == 412


async def test_the_log_is_trimmed_to_its_ring(cloud: Cloud, host: Host, guest: Printing) -> None:
    retention = cloud.retention
    small = Retention(cloud.store, retention._places, watched, ring=SEGMENT_BYTES + 10)
    cloud.fleet.incoming.on_stored = small.stored
    data = random.Random(5).randbytes(4 * SEGMENT_BYTES)
    for start in range(0, len(data), SEGMENT_BYTES):
        guest.print(data[start : start + SEGMENT_BYTES])
        await guest.settled()

    async def two_left() -> bool:
        return [length for _, length in await names(cloud)] == [SEGMENT_BYTES] * 2

    await until(two_left)
    assert await stored(cloud) == data[2 * SEGMENT_BYTES :]
    # Another agent can have nothing of it trimmed.
    await small.stored("somebody", guest.vm, "0")
    assert len(await names(cloud)) == 2


async def test_a_host_that_stores_without_end_costs_its_readers_little(
    cloud: Cloud, guest: Printing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boot_log, "MOST", 4)
    monkeypatch.setattr(retention, "TRIMMED_AT_ONCE", 3)
    cloud.retention._ring = 2
    guest.print(b"0")
    await guest.settled()
    assert cloud.fleet.incoming.on_places is not None
    place = await cloud.fleet.incoming.on_places(guest.agent, guest.vm)
    for start in range(1, 10):
        blob = f"/blob/{place.account}/{place.container}/{segments.name('0', start)}?{place.query}"
        headers = {"x-ms-blob-type": "BlockBlob", "x-ms-version": "2023-11-03"}
        made = await cloud.http.put(blob, content=str(start).encode(), headers=headers)
        assert made.status_code == 201, made.text
    whole = await cloud.boot_log.extent(await row_of(cloud))
    assert whole is not None and (whole.start, whole.end) == (6, 10)
    assert await stored(cloud) == b"6789"
    await cloud.retention.stored(guest.agent, guest.vm, "0")
    assert len(await names(cloud)) == 7
    for _ in range(2):
        await cloud.retention.stored(guest.agent, guest.vm, "0")
    assert [length for _, length in await names(cloud)] == [1, 1]


async def test_the_log_outlives_host_and_vm(cloud: Cloud, guest: Printing, tmp_path: Path) -> None:
    guest.print(b"last words")
    await guest.settled()
    deleted = await cloud.owner.ask("DELETE", vm_id("demo"))
    assert (await cloud.owner.follow(deleted))["status"] == "Succeeded"
    now = clock.now()
    await cloud.retention.run(now)
    await cloud.retention.run(now + timedelta(days=29))
    assert len(await names(cloud)) == 1
    await cloud.retention.run(now + timedelta(days=31))
    with pytest.raises(ValueError, match="not enough"):
        await names(cloud)


async def test_a_new_host_goes_on_where_the_last_one_ended(
    cloud: Cloud, host: Host, guest: Printing, tmp_path: Path
) -> None:
    guest.print(b"on the first host. ")
    await guest.settled()
    async with Printing(cloud, host.peer.identity.agent, guest.vm, tmp_path / "other") as second:
        second.print(b"on the second.")
        await second.settled()
        assert await stored(cloud) == b"on the first host. on the second."
        whole = await cloud.boot_log.extent(await row_of(cloud))
        assert whole is not None and (whole.base, whole.gaps) == (19, ())


async def test_only_the_agent_of_a_vm_learns_where_its_log_goes(cloud: Cloud, guest: Printing) -> None:
    guest.print(b"mine")
    await guest.settled()
    assert cloud.fleet.incoming.on_places is not None
    handed = cloud.places.handed[guest.vm]
    other = await cloud.fleet.incoming.on_places("another-agent", guest.vm)
    assert cloud.places.handed[guest.vm] == handed, "whose it is hears of changes all the same"
    nowhere = await cloud.fleet.incoming.on_places(guest.agent, "33333333-3333-4333-8333-333333333333")
    assert (other.code, other.query) == ("VmUnknownToHost", "") == (nowhere.code, nowhere.query)
    place = await cloud.fleet.incoming.on_places(guest.agent, guest.vm)
    base = f"/blob/{place.account}/{place.container}"
    blob = f"{base}/log/0/{0:020d}"
    # It may put something there: not read, not list, not take away, and nothing next door.
    for method, path in (("GET", blob), ("DELETE", blob), ("GET", base)):
        more = "&restype=container&comp=list" if path == base else ""
        answer = await cloud.http.request(method, f"{path}?{place.query}{more}")
        assert answer.status_code == 403, (method, path)
    next_door = f"/blob/{place.account}/bootdiagnostics-x-{guest.vm}/x?{place.query}"
    assert (await cloud.http.put(next_door, content=b"x")).status_code == 403


async def test_boot_diagnostics_that_are_off_upload_nothing(cloud: Cloud, guest: Printing) -> None:
    off = {"properties": {"diagnosticsProfile": {"bootDiagnostics": {"enabled": False}}}}
    assert (await cloud.owner.ask("PATCH", vm_id("demo"), off)).status_code == 200
    guest.print(b"nobody keeps this")
    await until(lambda: "BootDiagnosticsDisabled" in guest.refused)
    refused = await cloud.owner.ask("POST", f"{vm_id('demo')}/retrieveBootDiagnosticsData")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "BootDiagnosticsDisabled")


async def test_the_account_is_nobodys_to_see_or_change(cloud: Cloud, guest: Printing) -> None:
    guest.print(b"x")
    await guest.settled()
    url = (await addresses(cloud.owner))["serialConsoleLogBlobUri"]
    for path in (GROUP_ID, GROUP_ID.partition("/resourceGroups")[0]):
        listed = await cloud.owner.get(f"{path}/resources", version="2021-04-01")
        assert "Diagnostics" not in listed.text and listed.status_code == 200
    hidden = "/subscriptions/22222222-2222-4222-8222-222222222222/providers/Outofband.Diagnostics/accounts"
    for method in ("GET", "DELETE"):
        answer = await cloud.owner.ask(method, f"{hidden}/default")
        assert answer.status_code in (400, 404, 405), answer.text
    assert (await fetched(cloud, url)).status_code == 200


async def test_no_role_lists_or_changes_what_is_in_the_managed_account(cloud: Cloud, guest: Printing) -> None:
    guest.print(b"evidence")
    await guest.settled()
    blob = (await addresses(cloud.owner))["serialConsoleLogBlobUri"].partition("?")[0]
    container, _, _ = blob.rpartition("/")
    account, _, _ = container.rpartition("/")
    everything = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"  # Storage Blob Data Owner
    await cloud.assign(cloud.owner, everything, SCOPE)
    form = {
        "grant_type": "client_credentials",
        "client_id": cloud.owner.app_id,
        "client_secret": cloud.owner.secret,
        "scope": "https://storage.azure.com/.default",
    }
    answer = await cloud.http.post(f"/{TENANT}/oauth2/v2.0/token", data=form)
    signed = {"Authorization": f"Bearer {answer.json()['access_token']}", "x-ms-version": "2023-11-03"}
    segment = f"{container}/log/0/{0:020d}"
    for method, url in (
        ("GET", f"{account}/?comp=list"),
        ("GET", f"{container}?restype=container&comp=list"),
        ("PUT", f"{container}?restype=container&comp=acl"),
        ("DELETE", f"{container}?restype=container"),
        ("DELETE", segment),
        ("PUT", segment),
    ):
        headers = signed | ({"x-ms-blob-type": "BlockBlob"} if method == "PUT" else {})
        refused = await cloud.http.request(method, url, headers=headers)
        assert refused.status_code == 403, (method, url, refused.text)
    # By name it can be read: the log of a VM that is no more.
    assert (await cloud.http.get(blob, headers=signed)).content == b"evidence"


async def test_an_address_is_good_for_one_blob_and_a_while(cloud: Cloud, guest: Printing) -> None:
    guest.print(b"x")
    await guest.settled()
    urls = await addresses(cloud.owner, sasUriExpirationTimeInMinutes="5")
    url = urls["serialConsoleLogBlobUri"]
    assert (await fetched(cloud, url)).status_code == 200
    for old, new in (("sp=r", "sp=rw"), ("se=2", "se=3"), (".serialconsole.log", ".screenshot.png")):
        assert old in url
        assert (await fetched(cloud, url.replace(old, new))).status_code == 403
    for minutes in ("0", "1441", "-1", "x", "1.5"):
        path = f"{vm_id('demo')}/retrieveBootDiagnosticsData"
        answer = await cloud.owner.ask("POST", path, sasUriExpirationTimeInMinutes=minutes)
        assert answer.json()["error"]["code"] == "InvalidParameter", minutes


async def test_who_may_not_read_gets_no_address(cloud: Cloud, guest: Printing) -> None:
    reader = await cloud.person("reader", "acdd72a7-3385-48ef-bd42-f606fba81ae7")
    refused = await reader.ask("POST", f"{vm_id('demo')}/retrieveBootDiagnosticsData")
    assert refused.status_code == 403


async def _custom(cloud: Cloud, **properties: Any) -> None:
    body = {"sku": {"name": "Standard_LRS"}, "kind": "StorageV2", "location": "local"}
    path = f"{GROUP_ID}/providers/Microsoft.Storage/storageAccounts/mylogs"
    made = await cloud.owner.ask("PUT", path, {**body, "properties": properties}, version="2023-01-01")
    assert made.is_success, made.text


async def _use(cloud: Cloud, uri: str) -> None:
    changed = {"diagnosticsProfile": {"bootDiagnostics": {"enabled": True, "storageUri": uri}}}
    answer = await cloud.owner.ask("PATCH", vm_id("demo"), {"properties": changed})
    assert answer.status_code == 200, answer.text


async def test_an_account_of_ones_own(cloud: Cloud, guest: Printing) -> None:
    await _custom(cloud)
    await _use(cloud, f"{cloud.base}/blob/mylogs/")
    guest.print(b"to my account")
    await guest.settled()
    assert await stored(cloud) == b"to my account"
    url = (await addresses(cloud.owner))["serialConsoleLogBlobUri"]
    assert "/mylogs/bootdiagnostics-demo-" in url
    assert (await fetched(cloud, url)).content == b"to my account"
    # Back to managed storage: what the host still has goes there at once, and what it prints afterwards.
    await _use(cloud, "")
    assert cloud.fleet.incoming.on_places is not None
    guest.book.answered(await cloud.fleet.incoming.on_places(guest.agent, guest.vm))

    async def moved() -> bool:
        return await cloud.boot_log.extent(await row_of(cloud)) is not None

    await until(moved)
    assert await stored(cloud) == b"to my account"
    guest.print(b", and back")
    await guest.settled()
    assert await stored(cloud) == b"to my account, and back"


@pytest.mark.parametrize(
    ("properties", "uri", "code"),
    [
        ({"isHnsEnabled": True}, "", "BootDiagnosticsHierarchical"),
        ({"publicNetworkAccess": "Disabled"}, "", "BootDiagnosticsForbidden"),
        ({"networkAcls": {"defaultAction": "Deny"}}, "", "BootDiagnosticsForbidden"),
        ({"allowSharedKeyAccess": False}, "", "BootDiagnosticsForbidden"),
        ({}, "http://mylogs.blob.example/", "BootDiagnosticsUriInvalid"),
        ({}, "https://gone.blob.example/", "BootDiagnosticsAccountNotFound"),
    ],
)
async def test_an_account_that_cannot_be_used(
    cloud: Cloud, guest: Printing, properties: dict[str, Any], uri: str, code: str
) -> None:
    await _custom(cloud, **properties)
    await _use(cloud, uri or f"{cloud.base}/blob/mylogs/")
    answer = await cloud.owner.ask("POST", f"{vm_id('demo')}/retrieveBootDiagnosticsData")
    assert answer.json()["error"]["code"] == code, answer.text


async def test_who_may_not_see_the_account_does_not_read_the_log(cloud: Cloud, guest: Printing) -> None:
    await _custom(cloud)
    await _use(cloud, f"{cloud.base}/blob/mylogs/")
    contributor = await cloud.person("contributor", "9980e02c-c2be-4d73-94e8-173b1dc7cf3c", vm_id("demo"))
    answer = await contributor.ask("POST", f"{vm_id('demo')}/retrieveBootDiagnosticsData")
    assert answer.json()["error"]["code"] == "BootDiagnosticsAccountUndetermined", answer.text
    # Nor where its host has it.
    port = f"{vm_id('demo')}/providers/Microsoft.SerialConsole/serialPorts/0"
    for what in ("log", "tail", "screenshot"):
        answer = await contributor.ask("POST", f"{port}/{what}", {}, version="2018-05-01")
        assert answer.json()["error"]["code"] == "BootDiagnosticsAccountUndetermined", (what, answer.text)
    for on, code in ((False, "BootDiagnosticsDisabled"), (True, "BootDiagnosticsAccountUndetermined")):
        switch = {"properties": {"diagnosticsProfile": {"bootDiagnostics": {"enabled": on}}}}
        assert (await cloud.owner.ask("PATCH", vm_id("demo"), switch)).is_success
        answer = await contributor.ask("POST", f"{port}/log", {}, version="2018-05-01")
        assert answer.json()["error"]["code"] == code, answer.text
    await cloud.assign(
        contributor, roles.READER, f"{GROUP_ID}/providers/Microsoft.Storage/storageAccounts/mylogs"
    )
    answer = await contributor.ask("POST", f"{vm_id('demo')}/retrieveBootDiagnosticsData")
    assert answer.status_code == 200, answer.text
    for what in ("log", "tail", "screenshot"):
        answer = await contributor.ask("POST", f"{port}/{what}", {}, version="2018-05-01")
        assert "BootDiagnostics" not in answer.text, (what, answer.text)


async def test_a_container_that_somebody_deleted_is_made_again(cloud: Cloud, guest: Printing) -> None:
    guest.print(b"one ")
    await guest.settled()
    async with cloud.store.write() as tx:
        rows = await cloud.store.resources.page(tx, type="Outofband.Diagnostics/accounts")
        [container] = await cloud.store.containers.page(tx, rows.items[0].uid, prefix="", start="", limit=9)
        for blob in await cloud.store.blobs.some(tx, container.id, 9):
            await remove(cloud.store, tx, blob, clock.now())
        await cloud.store.containers.delete(tx, container.id, clock.now())
    guest.print(b"two")
    await guest.settled()
    assert await stored(cloud) == b"one two"
