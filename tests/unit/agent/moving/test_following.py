"""The head start: chunks come while the source still sends, and nothing depends on it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from outofband.agent.moving import following
from outofband.core.errors import Fault
from outofband.wire.move import CHUNK, PAGE, Part, chunk_blob, digest, page_blob
from tests.support.blobs import KeptBlobs, Killed
from tests.support.wait import until
from tests.unit.agent.moving.hosts import MOVE, PLACE, VM, Hosts

pytestmark = pytest.mark.anyio

OTHER = "1d9f7a52-1f6f-4a3e-9d39-0b9d6f0f2b11"
CHUNKS = PAGE + 2


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "POLL_SECONDS", 0.01)


def fill(directory: Path) -> dict[str, bytes]:
    """A disk of two pages, with a hole in the second."""
    volume = directory / "volume.bin"
    with volume.open("wb") as file:
        file.write(os.urandom(CHUNK * PAGE))
        file.seek(CHUNK, os.SEEK_CUR)
        file.write(b"the end")
    (directory / "state.txt").write_bytes(b"kept")
    return {name: (directory / name).read_bytes() for name in ("volume.bin", "state.txt")}


def kept(hosts: Hosts) -> dict[str, bytes]:
    directory = hosts.target.get(VM).directory
    return {name: (directory / name).read_bytes() for name in ("volume.bin", "state.txt")}


async def follow(hosts: Hosts, move: str = MOVE, epoch: int = 2) -> Any:
    return (await hosts.target_does("disk-follow", epoch, move=move, driver="pty", **PLACE)).data


def fetched(blobs: KeptBlobs) -> list[str]:
    return [name for name in blobs.gets if name.startswith("chunk/")]


def arrived(hosts: Hosts) -> list[str]:
    return [each.name for each in hosts.target.host.state.machines.iterdir()]


async def test_chunks_come_before_all_are_sent_and_none_comes_twice(hosts: Hosts, blobs: KeptBlobs) -> None:
    files = fill(await hosts.define())
    assert await follow(hosts) == {"already": False}
    await until(lambda: page_blob(0) in blobs.gets)
    # The source is killed with one page told and no manifest.
    put = blobs.put

    async def dies(account: str, container: str, blob: str, query: str, body: bytes, **_: object) -> None:
        if blob.startswith("manifest/"):
            raise Killed
        await put(account, container, blob, query, body)

    blobs.put = dies  # type: ignore[method-assign, assignment]
    with pytest.raises(BaseException) as caught:
        await hosts.send()
    assert isinstance(caught.value, Killed)
    await until(lambda: len(fetched(blobs)) >= CHUNKS)
    assert await follow(hosts) == {"already": True}
    blobs.put = put  # type: ignore[method-assign]
    outcome = await hosts.receive(await hosts.send())
    assert len(fetched(blobs)) == len(set(fetched(blobs)))
    assert outcome.data["spared"] > CHUNK * PAGE
    await hosts.take((await hosts.source_does("disk-send", move=MOVE, **PLACE)).data["manifest"])
    assert kept(hosts) == files


def lies(kind: str, blobs: KeptBlobs) -> dict[str, bytes]:
    """Pages as no source writes them."""
    stored = {name.rpartition("/")[2]: body for name, body in blobs.kept.items() if "/chunk/" in name}
    some = next(name for name, body in stored.items() if len(body) == CHUNK)
    zeros = bytes(CHUNK)
    blobs.kept[f"{PLACE['account']}/{PLACE['container']}/{chunk_blob(digest(zeros))}"] = zeros

    def page(name: str, size: int, *chunks: tuple[int, str]) -> bytes:
        return msgspec.json.encode(Part(name=name, size=size, chunks=list(chunks)))

    whole = CHUNK * (PAGE + 1) + 7
    return {
        "garbage": {page_blob(0): b"\x00garbage"},
        "a place outside": {page_blob(0): page("../../outside", CHUNK, (0, some))},
        "a file of the agent": {page_blob(0): page("machine.json", CHUNK, (0, some))},
        "a file that is none": {page_blob(0): page("stray.bin", CHUNK, (0, some))},
        "another place": {page_blob(0): page("volume.bin", whole, (1, some), (2, some), (PAGE, some))},
        "another size": {page_blob(0): page("volume.bin", CHUNK * 40, (PAGE, some), (39, some))},
        "a chunk that is missing": {page_blob(0): page("volume.bin", whole, (0, "0" * 64))},
        "too many": {
            page_blob(0): page("volume.bin", CHUNK * 40, *((each, some) for each in range(PAGE + 1)))
        },
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        "garbage",
        "a place outside",
        "a file of the agent",
        "a file that is none",
        "another place",
        "another size",
        "a chunk that is missing",
        "too many",
    ],
)
async def test_a_page_that_lies_costs_time_and_nothing_else(
    hosts: Hosts, blobs: KeptBlobs, kind: str
) -> None:
    files = fill(await hosts.define())
    manifest = await hosts.send()
    for name, body in lies(kind, blobs).items():
        blobs.kept[f"{PLACE['account']}/{PLACE['container']}/{name}"] = body
    await follow(hosts)
    # It went on to the next page, or ended.
    _, task = hosts.target.moving._followers._known[VM]
    await until(lambda: task.done() or page_blob(2) in blobs.gets)
    await hosts.receive(manifest)
    await hosts.take(manifest)
    assert kept(hosts) == files
    names = {each.name for each in hosts.target.get(VM).directory.iterdir()}
    assert "stray.bin" not in names
    assert not (hosts.folder / "outside").exists()


async def test_an_agent_that_is_killed_meanwhile_goes_on_with_what_it_has(
    hosts: Hosts, blobs: KeptBlobs
) -> None:
    files = fill(await hosts.define())
    manifest = await hosts.send()
    await follow(hosts)
    await until(lambda: page_blob(2) in blobs.gets and len(fetched(blobs)) >= CHUNKS)
    await hosts.target.close()
    hosts.target = await hosts.boot("h2")
    before = len(fetched(blobs))
    await hosts.receive(manifest)
    assert len(fetched(blobs)) - before < CHUNKS
    await hosts.take(manifest)
    assert kept(hosts) == files


async def test_what_is_on_its_disk_is_read_back_although_it_wrote_it_itself(
    hosts: Hosts, blobs: KeptBlobs
) -> None:
    fill(await hosts.define())
    manifest = await hosts.send()
    await follow(hosts)
    known = hosts.target.moving._followers._known[VM][0]
    volume = {*range(PAGE), PAGE + 1}
    await until(lambda: {index for name, index, _ in known.wrote if name == "volume.bin"} == volume)
    with (hosts.target.host.state.machines / f".incoming-{VM}" / "volume.bin").open("r+b") as file:
        file.write(b"spoilt")
    with pytest.raises(Fault, match="DiskDamaged"):
        await hosts.receive(manifest)
    with pytest.raises(Fault, match="DiskNotReceived"):
        await hosts.take(manifest)


async def test_called_off_or_deleted_it_leaves_nothing(hosts: Hosts, blobs: KeptBlobs) -> None:
    fill(await hosts.define())
    await hosts.send()
    for verb, args in (("disk-drop", {"move": MOVE}), ("delete", {})):
        blobs.gets.clear()
        await follow(hosts)
        await until(lambda: len(fetched(blobs)) > 0)
        await hosts.target_does(verb, **args)
        assert arrived(hosts) == []
        assert hosts.target.moving._followers._known == {}


async def test_the_deletion_of_an_earlier_copy_does_not_end_it(hosts: Hosts, blobs: KeptBlobs) -> None:
    fill(await hosts.define())
    await hosts.send()
    await follow(hosts)
    await hosts.target_does("delete", epoch=1)
    assert await follow(hosts) == {"already": True}


async def test_nobody_asks_for_it_any_more(
    hosts: Hosts, blobs: KeptBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "LEASE_SECONDS", 0.0)
    fill(await hosts.define())
    await follow(hosts)
    await until(lambda: VM not in hosts.target.moving._followers._known)
    assert arrived(hosts) == []


async def test_it_is_refused_for_an_epoch_that_is_over(hosts: Hosts, blobs: KeptBlobs) -> None:
    fill(await hosts.define())
    manifest = await hosts.send()
    await hosts.receive(manifest)
    await hosts.take(manifest)
    for epoch in (1, 2):
        with pytest.raises(Fault, match="StaleEpoch"):
            await follow(hosts, OTHER, epoch)
    assert arrived(hosts) == [VM]


async def test_what_was_received_is_not_followed_over(hosts: Hosts, blobs: KeptBlobs) -> None:
    files = fill(await hosts.define())
    manifest = await hosts.send()
    await hosts.receive(manifest)
    before = len(fetched(blobs))
    await follow(hosts)
    await until(lambda: VM not in hosts.target.moving._followers._known)
    await hosts.take(manifest)
    assert (kept(hosts), len(fetched(blobs))) == (files, before)
