"""What comes between: a machine deleted, started, shut out or made anew while it moves; crashes."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from outofband.agent.moving import bundle, receiving, staging
from outofband.core.errors import Fault
from outofband.wire.machine import Power
from outofband.wire.move import CHUNK
from outofband.wire.network.plan import Nic
from tests.support.blobs import KeptBlobs, Killed
from tests.support.wait import until
from tests.unit.agent.moving.hosts import MOVE, PLACE, VM, Hosts, args_of, definition

pytestmark = pytest.mark.anyio

SOON = 30.0


def fill(directory: Path) -> dict[str, bytes]:
    bodies = {"volume.bin": os.urandom(3 * CHUNK + 5), "state.txt": b"kept", ".history": b"ls\n"}
    for name, body in bodies.items():
        (directory / name).write_bytes(body)
    return bodies


def kept(directory: Path, bodies: dict[str, bytes]) -> dict[str, bytes]:
    return {name: (directory / name).read_bytes() for name in bodies}


async def stuck_sending(hosts: Hosts, blobs: KeptBlobs) -> asyncio.Task[str]:
    """A sending that does not come to its end: the store is away."""
    blobs.away = 1_000_000
    sending = asyncio.get_running_loop().create_task(hosts.send())
    await until(lambda: blobs.away < 1_000_000)
    return sending


async def test_deleting_it_does_not_wait_for_its_sending(hosts: Hosts, blobs: KeptBlobs) -> None:
    home = await hosts.define()
    fill(home)
    sending = await stuck_sending(hosts, blobs)
    async with asyncio.timeout(SOON):
        await hosts.source_does("delete", epoch=2)
    with pytest.raises(Fault, match="MoveCalledOff"):
        await sending
    assert not home.exists()


async def test_shutting_it_out_does_not_wait_for_its_sending(hosts: Hosts, blobs: KeptBlobs) -> None:
    fill(await hosts.define())
    sending = await stuck_sending(hosts, blobs)
    async with asyncio.timeout(SOON):
        await hosts.source_does("fence", epoch=2, host="h2")
    with pytest.raises(Fault, match="MoveCalledOff"):
        await sending
    assert hosts.source.get(VM).report().fault == "VmMovedAway"


async def test_stopping_it_says_at_once_that_it_is_off(hosts: Hosts, blobs: KeptBlobs) -> None:
    fill(await hosts.define())
    sending = await stuck_sending(hosts, blobs)
    async with asyncio.timeout(SOON):
        assert (await hosts.source_does("stop", graceful=False)).data == {"already": True}
    assert not sending.done()
    await hosts.source_does("disk-drop", move=MOVE)
    with pytest.raises(Fault, match="MoveCalledOff"):
        await sending


async def test_what_was_sent_is_not_started_until_its_move_is_called_off(hosts: Hosts) -> None:
    """Otherwise it would run here and, a moment later, with the disk of a moment ago, at the target."""
    fill(await hosts.define())
    manifest = await hosts.send()
    await hosts.receive(manifest)
    with pytest.raises(Fault) as caught:
        await hosts.source_does("start")
    assert (caught.value.code, caught.value.fields["move"]) == ("VmLeaving", MOVE)
    # The agent is killed and comes back: still not.
    await hosts.source.close()
    hosts.source = await hosts.boot("h1")
    with pytest.raises(Fault, match="VmLeaving"):
        await hosts.source_does("start")
    await hosts.source_does("disk-drop", move="1d9f7a52-1f6f-4a3e-9d39-0b9d6f0f2b11")
    with pytest.raises(Fault, match="VmLeaving"):
        await hosts.source_does("start")
    await hosts.source_does("disk-drop", move=MOVE)
    await hosts.source_does("start")
    assert hosts.source.get(VM).power is Power.RUNNING


async def test_given_back_under_a_newer_epoch_it_starts(hosts: Hosts) -> None:
    fill(await hosts.define())
    await hosts.send()
    await hosts.source_does("fence", epoch=2, host="h2")
    await hosts.source.create(definition(epoch=3))
    await hosts.source_does("start", epoch=3)
    assert hosts.source.get(VM).power is Power.RUNNING


async def test_given_back_with_another_card_it_is_not_shut_out(hosts: Hosts) -> None:
    """Another card means a machine made of new parts, which reads the mark of the old ones."""
    home = await hosts.define("qemu")
    await hosts.source_does("fence", epoch=2, host="h2")
    nic = Nic(mac="02:00:00:00:00:01", address="10.0.0.4", network="10.0.0.0/24")
    coming = args_of("qemu", 3) | {"nic": nic_of(nic)}
    await hosts.source.perform("vm.create", VM, coming, 3)
    assert hosts.source.get(VM).report().fault is None
    assert not (home / "fenced.json").exists()
    # And so it stays, whoever looks at the folder next.
    await hosts.source.close()
    hosts.source = await hosts.boot("h1")
    assert hosts.source.get(VM).report().fault is None


def nic_of(nic: Nic) -> dict[str, Any]:
    import msgspec

    body: dict[str, Any] = msgspec.to_builtins(nic)
    return body


async def test_killed_before_the_rename_it_is_taken_once_more(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = fill(await hosts.define())
    manifest = await hosts.send()
    await hosts.receive(manifest)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", _killed)
        with pytest.raises(Killed):
            await hosts.take(manifest)
    await hosts.target.close()
    hosts.target = await hosts.boot("h2")
    await hosts.take(manifest)
    assert kept(hosts.target.get(VM).directory, files) == files
    assert not (hosts.target.get(VM).directory / ".arrival.json").exists()


def _killed(*_: object) -> None:
    raise Killed


async def test_a_folder_that_no_agent_can_read_does_not_stand_in_the_way(hosts: Hosts) -> None:
    files = fill(await hosts.define())
    manifest = await hosts.send()
    await hosts.receive(manifest)
    odd = hosts.target.host.state.machines / VM
    odd.mkdir()
    (odd / "disk.qcow2").write_bytes(b"of another day")
    await hosts.take(manifest)
    assert kept(hosts.target.get(VM).directory, files) == files
    [aside] = hosts.target.host.state.machines.glob(f".unreadable-{VM}-*")
    assert (aside / "disk.qcow2").read_bytes() == b"of another day"


async def test_deleting_it_takes_what_has_arrived_too(hosts: Hosts) -> None:
    fill(await hosts.define())
    await hosts.receive(await hosts.send())
    await hosts.target_does("delete")
    assert list(hosts.target.host.state.machines.iterdir()) == []


async def test_what_is_never_taken_goes_without_a_new_agent(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outofband.agent.machines.registry.SWEEP_SECONDS", 0.01)
    fill(await hosts.define())
    await hosts.receive(await hosts.send())
    await hosts.target.close()
    hosts.target = await hosts.boot("h2")
    directory = staging.folder(hosts.target.host.state.machines, VM)
    assert directory.exists()
    os.utime(directory, (1.0, 1.0))
    await until(lambda: not directory.exists())


async def test_a_thread_that_still_writes_writes_to_no_other_file(
    hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transfer is called off while a chunk is being written: the number of its file is not free before."""
    fill(await hosts.define())
    manifest = await hosts.send()
    began, goes_on = threading.Event(), threading.Event()
    write = receiving._write

    def slowly(*arguments: Any) -> Any:
        began.set()
        goes_on.wait(SOON)
        return write(*arguments)

    monkeypatch.setattr(receiving, "_write", slowly)
    coming = asyncio.get_running_loop().create_task(hosts.receive(manifest))
    await until(began.is_set)
    dropping = asyncio.get_running_loop().create_task(hosts.target_does("disk-drop", move=MOVE))
    for _ in range(20):
        await asyncio.sleep(0)
    # Whoever opens files now gets the lowest numbers that are free.
    others = [(tmp_path / f"other{number}").open("w+b") for number in range(8)]
    goes_on.set()
    await dropping
    with pytest.raises(Fault, match="MoveCalledOff"):
        await coming
    try:
        await asyncio.sleep(0.2)
        assert [os.fstat(file.fileno()).st_size for file in others] == [0] * 8
    finally:
        for file in others:
            file.close()
    assert list(hosts.target.host.state.machines.iterdir()) == []


async def test_what_is_remembered_of_a_log_may_change_while_it_is_sent(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log of a machine that has just stopped is uploaded, and indexed, a moment longer."""
    home = await hosts.define()
    files = fill(home)
    (home / "uploaded.json").write_bytes(b'{"a":1}')
    read_at = bundle.read_at

    def meanwhile(handle: int, offset: int, size: int) -> bytes:
        with (home / "serial0.idx").open("ab") as index:
            index.write(b"x" * 10)
        scratch = home / "u"
        scratch.write_bytes(b'{"a":1,"more":' + b"1" * 100 + b"}")
        scratch.replace(home / "uploaded.json")
        return read_at(handle, offset, size)

    with monkeypatch.context() as patched:
        patched.setattr(bundle, "read_at", meanwhile)
        manifest = await hosts.send()
    await hosts.receive(manifest)
    await hosts.take(manifest)
    assert kept(hosts.target.get(VM).directory, files) == files


@pytest.mark.parametrize("kind", ["folder", "link", "name"])
async def test_what_cannot_be_carried_is_told_before_and_never_left_behind(hosts: Hosts, kind: str) -> None:
    home = await hosts.define()
    fill(home)
    if kind == "folder":
        (home / "data").mkdir()
        (home / "data" / "rows").write_bytes(b"all it knows")
    elif kind == "link":
        (home / "data").symlink_to("/etc/hostname")
    else:
        (home / "two words").write_bytes(b"all it knows")
    for verb, more in (("disk-look", {}), ("disk-send", {"move": MOVE, **PLACE})):
        with pytest.raises(Fault) as caught:
            await hosts.source_does(verb, **more)
        assert caught.value.code == "DiskNotMovable"
    await hosts.source_does("start")


async def test_a_large_disk_that_is_mostly_holes_stays_so(hosts: Hosts, blobs: KeptBlobs) -> None:
    """Beyond 2 and 4 GiB, with a hole at its end, and with zeros that are written and no hole."""
    home = await hosts.define()
    disk = home / "volume.bin"
    with disk.open("wb") as file:
        for offset in (0, (2 << 30) - 7, (4 << 30) + 11):
            file.seek(offset)
            file.write(os.urandom(4096))
        file.seek(1 << 30)
        file.write(bytes(CHUNK))
        file.truncate((5 << 30) + 3)
    before = bundle.part(disk)
    manifest = await hosts.send()
    # Both sides of the boundary at 2 GiB, and zeros went nowhere.
    assert len([name for name in blobs.puts if name.startswith("chunk/")]) <= 7
    await hosts.receive(manifest)
    await hosts.take(manifest)
    there = hosts.target.get(VM).directory / "volume.bin"
    assert bundle.part(there) == before
    assert there.stat().st_size == (5 << 30) + 3
    assert there.stat().st_blocks * 512 < 8 * CHUNK


async def test_what_is_the_same_twice_is_sent_once_and_comes_twice(hosts: Hosts, blobs: KeptBlobs) -> None:
    home = await hosts.define()
    body = os.urandom(CHUNK)
    (home / "volume.bin").write_bytes(body * 3 + b"end")
    manifest = await hosts.send()
    chunks = [name for name in blobs.puts if name.startswith("chunk/")]
    assert len(chunks) == len(set(chunks))
    await hosts.receive(manifest)
    await hosts.take(manifest)
    assert (hosts.target.get(VM).directory / "volume.bin").read_bytes() == body * 3 + b"end"


async def test_a_disk_that_fills_up_on_the_way_is_told_and_leaves_room_again(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There was room when it was asked; another took it meanwhile."""
    files = fill(await hosts.define())
    manifest = await hosts.send()
    write = receiving._write
    written = 0

    def fuller(*arguments: Any) -> Any:
        nonlocal written
        written += 1
        if written > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(receiving, "_write", fuller)
        with pytest.raises(Fault) as caught:
            await hosts.receive(manifest)
    assert caught.value.code == "NoSpace"
    with pytest.raises(Fault, match="DiskNotReceived"):
        await hosts.take(manifest)
    await hosts.target_does("disk-drop", move=MOVE)
    assert list(hosts.target.host.state.machines.iterdir()) == []
    # And again, when there is room.
    await hosts.receive(manifest)
    await hosts.take(manifest)
    assert kept(hosts.target.get(VM).directory, files) == files


async def test_deleting_the_copy_of_an_earlier_move_leaves_what_arrives_by_a_later_one(hosts: Hosts) -> None:
    files = fill(await hosts.define())
    manifest = await hosts.send()
    await hosts.receive(manifest)
    # The copy of another time is asked to go here, late or once more: by the epoch before.
    assert (await hosts.target_does("delete", epoch=1)).data == {"already": True}
    await hosts.take(manifest)
    assert kept(hosts.target.get(VM).directory, files) == files


async def test_deleting_the_machine_itself_removes_what_arrives_of_it(hosts: Hosts) -> None:
    fill(await hosts.define())
    await hosts.receive(await hosts.send())
    await hosts.target_does("delete", epoch=2)
    assert list(hosts.target.host.state.machines.iterdir()) == []
