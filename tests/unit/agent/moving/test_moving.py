"""A machine's files from one host to another: whole, once, resumed, refused."""

from __future__ import annotations

import asyncio
import os
import struct
from pathlib import Path

import pytest

from outofband.agent.hypervisors import overlay
from outofband.agent.machines.registry import Machines
from outofband.agent.moving.fence import Fence, save
from outofband.core.errors import Fault
from outofband.wire.machine import Power
from outofband.wire.move import CHUNK
from tests.support.blobs import KeptBlobs, Killed
from tests.support.wait import until
from tests.unit.agent.moving.hosts import MOVE, PLACE, VM, Hosts, args_of, definition, make_overlay

pytestmark = pytest.mark.anyio


def fill(directory: Path) -> dict[str, bytes]:
    """Files of a program: one of several chunks with a hole, one small, one empty."""
    big = directory / "volume.bin"
    with big.open("wb") as file:
        file.write(os.urandom(1000))
        file.seek(3 * CHUNK + 17)
        file.write(b"near the end")
        file.truncate(5 * CHUNK + 5)
    (directory / "state.txt").write_bytes(b"kept")
    (directory / "empty").write_bytes(b"")
    return {name: (directory / name).read_bytes() for name in ("volume.bin", "state.txt", "empty")}


async def printed(machines: Machines, text: bytes) -> int:
    port = machines.port(VM, "0")
    await port.inject(text + b"\n")
    assert await port.output.wait_for(text + b"\r\n" + text, 0, 5.0) is not None
    port.spool.refresh()
    return port.spool.end


async def test_a_machine_arrives_whole_and_its_console_goes_on(hosts: Hosts, blobs: KeptBlobs) -> None:
    home = await hosts.define()
    await hosts.source_does("start")
    end = await printed(hosts.source, b"before the move")
    await hosts.source_does("stop", graceful=False)
    files = fill(home)
    manifest = await hosts.send()
    # Two chunks of the volume hold anything, and the zeros between them went nowhere.
    assert all(len(body) <= CHUNK for name, body in blobs.kept.items() if "/chunk/" in name)
    assert not any(body.count(0) == len(body) for body in blobs.kept.values())
    await hosts.receive(manifest)
    with pytest.raises(Fault, match="VmUnknownToHost"):
        hosts.target.get(VM)
    await hosts.take(manifest)
    there = hosts.target.get(VM)
    assert {name: (there.directory / name).read_bytes() for name in files} == files
    assert (there.directory / "volume.bin").stat().st_blocks * 512 < 3 * CHUNK
    assert (there.definition.epoch, there.power) == (2, Power.STOPPED)
    port = hosts.target.port(VM, "0")
    assert port.spool.end >= end
    assert b"before the move" in port.spool.read(port.spool.start, 65536)
    await hosts.target_does("start")
    assert there.boots == hosts.source.get(VM).boots + 1
    assert await printed(hosts.target, b"after it") > end
    assert [boot.number for boot in port.spool.boots()] == [1, 2]
    # The source still has its own, and does not start it under the epoch that is over.
    assert (home / "state.txt").read_bytes() == b"kept"
    with pytest.raises(Fault, match="StaleEpoch"):
        await hosts.source_does("start", epoch=2)
    await hosts.source_does("delete", epoch=2)
    assert not home.exists()


async def test_nothing_is_sent_twice(hosts: Hosts, blobs: KeptBlobs) -> None:
    fill(await hosts.define())
    first = await hosts.send()
    sent = len(blobs.puts)
    again = await hosts.source_does("disk-send", move=MOVE, **PLACE)
    assert again.data["manifest"] == first
    assert (len(blobs.puts), again.data["sent"]) == (sent, 0)


async def test_a_machine_that_runs_is_not_sent(hosts: Hosts) -> None:
    await hosts.define()
    await hosts.source_does("start")
    with pytest.raises(Fault, match="VmNotAtRest"):
        await hosts.send()


async def test_whoever_starts_it_ends_its_sending(hosts: Hosts, blobs: KeptBlobs) -> None:
    fill(await hosts.define())
    blobs.away = 10_000
    sending = asyncio.get_running_loop().create_task(hosts.send())
    await until(lambda: blobs.away < 10_000)
    await hosts.source_does("start")
    with pytest.raises(Fault, match="MoveCalledOff"):
        await sending
    assert hosts.source.get(VM).power is Power.RUNNING


async def test_the_store_may_be_away_for_a_while(
    hosts: Hosts, blobs: KeptBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outofband.net.backoff.Backoff.next", lambda _: 0.0)
    fill(await hosts.define())
    blobs.away = 7
    manifest = await hosts.send()
    blobs.away = 7
    await hosts.receive(manifest)
    monkeypatch.setattr("outofband.agent.moving.carrier.PATIENCE_SECONDS", 0.0)
    with pytest.raises(Fault, match="DiskStoreAway"):
        await hosts.source_does("disk-send", move=MOVE, account="a", container="b", protected={"query": "x"})


@pytest.mark.parametrize("requests", [0, 1, 2, 3, 5, 8])
async def test_a_killed_agent_goes_on_where_it_was(hosts: Hosts, blobs: KeptBlobs, requests: int) -> None:
    home = await hosts.define()
    files = fill(home)
    blobs.fuse = requests
    with pytest.raises(BaseException) as caught:
        await hosts.send()
    assert _killed(caught.value)
    blobs.fuse = None
    manifest = await hosts.send()
    assert len(blobs.puts) == len(set(blobs.puts))
    blobs.fuse = min(requests, 3)
    with pytest.raises(BaseException) as caught:
        await hosts.receive(manifest)
    assert _killed(caught.value)
    await hosts.target.close()
    hosts.target = await hosts.boot("h2")
    assert len(hosts.target) == 0
    blobs.fuse = None
    await hosts.receive(manifest)
    got = len(blobs.gets)
    await hosts.receive(manifest)
    assert len(blobs.gets) == got, "it was whole already"
    await hosts.take(manifest)
    # Killed between the rename and its answer: a repeat is known as one.
    await hosts.target.close()
    hosts.target = await hosts.boot("h2")
    assert (await hosts.take(manifest)).data == {"already": True}
    there = hosts.target.get(VM).directory
    assert {name: (there / name).read_bytes() for name in files} == files


def _killed(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(_killed(each) for each in error.exceptions)
    return isinstance(error, Killed)


async def test_spoilt_chunks_and_foreign_manifests_are_refused(hosts: Hosts, blobs: KeptBlobs) -> None:
    fill(await hosts.define())
    manifest = await hosts.send()
    whole = dict(blobs.kept)
    chunk = next(name for name in whole if "/chunk/" in name)
    blobs.kept[chunk] = b"x" + whole[chunk][1:]
    with pytest.raises(Fault) as caught:
        await hosts.receive(manifest)
    assert caught.value.code == "DiskDamaged"
    with pytest.raises(Fault, match="DiskNotReceived"):
        await hosts.take(manifest)
    blobs.kept = dict(whole)
    place = next(name for name in whole if "/manifest/" in name)
    blobs.kept[place] = whole[place].replace(b"state.txt", b"../../etc")
    with pytest.raises(Fault, match="DiskDamaged"):
        await hosts.receive(manifest)
    blobs.kept = whole
    await hosts.receive(manifest)
    await hosts.take(manifest)


async def test_what_is_called_off_leaves_nothing(hosts: Hosts) -> None:
    fill(await hosts.define())
    manifest = await hosts.send()
    await hosts.receive(manifest)
    await hosts.target_does("disk-drop", move=MOVE)
    assert [each for each in hosts.target.host.state.machines.iterdir()] == []
    assert (await hosts.target_does("disk-drop", move=MOVE)).data == {"already": True}
    with pytest.raises(Fault, match="DiskNotReceived"):
        await hosts.take(manifest)
    await hosts.source_does("disk-drop", move=MOVE)
    await hosts.source_does("start")


async def test_a_disk_is_laid_over_this_hosts_own_image(hosts: Hosts) -> None:
    home = await hosts.define("qemu")
    image = hosts.source.host.state.agent / "disk.img"
    data = os.urandom(65536)
    make_overlay(home, image, {10 * 65536: data})
    found = (await hosts.source_does("disk-look")).data
    assert found["image"]["name"] == "disk"
    coming = args_of("qemu", 2)
    await hosts.target_does("disk-look", definition=coming, image=found["image"], bytes=found["bytes"])
    manifest = await hosts.send()
    await hosts.receive(manifest, "qemu")
    await hosts.take(manifest, "qemu")
    with pytest.raises(Fault, match="VmCopyOnHost"):
        await hosts.target_does("disk-look", definition=coming, image=found["image"], bytes=found["bytes"])
    arrived = hosts.target.get(VM).directory / "disk.qcow2"
    at, size = struct.unpack_from(">QI", arrived.read_bytes(), 8)
    named = arrived.read_bytes()[at : at + size]
    assert named == os.fsencode(hosts.target.host.state.agent / "disk.img")
    assert arrived.read_bytes()[10 * 65536 : 11 * 65536] == data


async def test_another_image_of_the_same_name_is_refused(hosts: Hosts) -> None:
    home = await hosts.define("qemu")
    make_overlay(home, hosts.source.host.state.agent / "disk.img", {})
    found = (await hosts.source_does("disk-look")).data
    (hosts.target.host.state.agent / "disk.img").write_bytes(b"another")
    coming = args_of("qemu", 2)
    with pytest.raises(Fault, match="ImageDiffers"):
        await hosts.target_does("disk-look", definition=coming, image=found["image"], bytes=0)
    manifest = await hosts.send()
    with pytest.raises(Fault, match="ImageDiffers"):
        await hosts.receive(manifest, "qemu")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, b"NOPE"),
        (4, struct.pack(">I", 2)),
        (72, struct.pack(">Q", 4)),
        (72, struct.pack(">Q", 2)),
        (32, struct.pack(">I", 1)),
        (104, struct.pack(">I", 0x44415441)),
        (8, struct.pack(">Q", 0)),
        (112, b"qco"),
    ],
)
def test_a_disk_that_reaches_further_is_refused(tmp_path: Path, place: int, value: bytes) -> None:
    (tmp_path / "a.img").write_bytes(bytes(1024))
    disk = tmp_path / "disk.qcow2"
    overlay.create(disk, tmp_path / "a.img", "raw")
    overlay.rebase(disk, tmp_path / "a-longer-name-than-before.img", "raw")
    overlay.rebase(disk, tmp_path / "b", "raw")
    with disk.open("r+b") as file:
        file.seek(place)
        file.write(value)
    with pytest.raises(ValueError):
        overlay.rebase(disk, tmp_path / "a.img", "raw")


async def test_a_machine_that_lives_elsewhere_is_ended_and_stays_so(hosts: Hosts) -> None:
    home = await hosts.define()
    fill(home)
    await hosts.source_does("start")
    with pytest.raises(Fault, match="StaleEpoch"):
        await hosts.source_does("fence", epoch=1, host="h2")
    seen = await hosts.source_does("fence", epoch=2, host="h2")
    assert "ended by force" in seen.observed
    report = hosts.source.get(VM).report()
    assert (report.power, report.fault, report.fault_fields["host"]) == (Power.STOPPED, "VmMovedAway", "h2")
    await hosts.source.close()
    hosts.source = await hosts.boot("h1")
    assert hosts.source.get(VM).report().fault == "VmMovedAway"
    for verb in ("start",):
        with pytest.raises(Fault, match="VmMovedAway"):
            await hosts.source_does(verb, epoch=1)
    assert (home / "state.txt").exists(), "the copy stays"
    with pytest.raises(Fault, match="StaleEpoch"):
        await hosts.source.create(definition(epoch=1))
    # Given back, it starts again.
    await hosts.source.create(definition(epoch=3))
    await hosts.source_does("start", epoch=3)


async def test_an_agent_killed_between_the_mark_and_the_end_ends_it_when_it_is_back(hosts: Hosts) -> None:
    await hosts.define()
    await hosts.source_does("start")
    save(hosts.source.get(VM).directory, Fence(epoch=2, host="h2", at=""))
    await hosts.source.close()
    hosts.source = await hosts.boot("h1")
    await until(lambda: hosts.source.get(VM).power is Power.STOPPED)


async def test_begun_anew_where_the_old_host_is_lost(hosts: Hosts) -> None:
    await hosts.take(None, ends={"0": 123_456_789})
    port = hosts.target.port(VM, "0")
    assert (port.spool.start, port.spool.end) == (123_456_789, 123_456_789)
    await hosts.target_does("start")
    assert await printed(hosts.target, b"anew") > 123_456_789
    assert (await hosts.take(None, ends={"0": 123_456_789})).data == {"already": True}
