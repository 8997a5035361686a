"""Bytes and rows together: nothing is lost, nothing is left, whatever ends in the middle."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.storage.content import Content
from outofband.storage.files import Files
from outofband.storage.sweep import PATIENCE, Sweep
from outofband.store.blobs import BLOCK, FEW, PAGE, Blob
from outofband.store.blobs_containers import Container, past
from outofband.store.blobs_objects import Block, Extent
from outofband.store.store import Store
from tests.support.database import open_store
from tests.support.wait import until
from tests.unit.store.conftest import cluster, store_url

__all__ = ["cluster", "store_url"]
pytestmark = pytest.mark.anyio
BOX = "c1"


class Shelf:
    def __init__(self, store: Store, root: Path) -> None:
        self.store, self.root = store, root
        self.objects = Files(root)
        self.content = Content(store, self.objects)

    @property
    def files(self) -> int:
        return sum(path.is_file() for path in self.root.rglob("*"))

    async def put(self, name: str, data: bytes, *, kind: str = BLOCK) -> Blob:
        async with self.content.uploaded(_pieces(data), len(data)) as uploaded, self.store.write() as tx:
            await self.content.keep(tx, uploaded)
            there = await self.store.blobs.get(tx, BOX, name)
            blob = there or _blob(name, kind, len(data))
            if there is None:
                await self.store.blobs.add(tx, blob)
            await self.store.blob_objects.replace(tx, blob.id, uploaded.extent(), clock.now())
        return blob

    async def read(self, blob: str, start: int, end: int) -> bytes:
        async with self.store.read() as tx:
            extents = await self.store.blob_objects.extents(tx, blob, start, end)
        return b"".join([piece async for piece in self.content.read(extents, start, end)])

    async def sweep(self) -> int:
        nothing = timedelta(0)
        return await Sweep(self.store, self.objects, loose=nothing, pending=nothing).run()


@pytest.fixture
async def shelf(store_url: str, tmp_path: Path) -> AsyncIterator[Shelf]:
    store = await open_store(store_url)
    made = Shelf(store, tmp_path / "blobs")
    yield made
    await made.content.close()
    await store.close()


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), 7):
        yield data[at : at + 7]


def _blob(name: str, kind: str, length: int) -> Blob:
    now = clock.now()
    return Blob(
        id=f"id-{name}",
        container_id=BOX,
        name=name,
        kind=kind,
        length=length,
        headers={},
        metadata={},
        lease=None,
        copy=None,
        tier=None,
        sequence=0,
        etag='"0x1"',
        created=now,
        modified=now,
    )


async def test_an_overwritten_blob_leaves_no_object(shelf: Shelf) -> None:
    blob = await shelf.put("a", b"first")
    assert await shelf.sweep() == 0
    await shelf.put("a", b"second!")
    assert shelf.files == 2
    assert await shelf.sweep() == 1
    assert (shelf.files, await shelf.read(blob.id, 0, 7)) == (1, b"second!")


async def test_an_upload_that_fails_is_abandoned(shelf: Shelf) -> None:
    async def torn() -> AsyncIterator[bytes]:
        yield b"abc"
        raise Fault("StorageBodyTimeout", seconds=1)

    with pytest.raises(Fault, match="StorageBodyTimeout"):
        async with shelf.content.uploaded(torn(), 9):
            raise AssertionError("unreachable")
    with pytest.raises(RuntimeError):
        async with shelf.content.uploaded(_pieces(b"abc"), 3):
            raise RuntimeError("the rows were refused")
    await until(lambda: not shelf.content._tasks._alive)
    assert await shelf.sweep() == 2
    assert shelf.files == 0


async def test_a_killed_upload_is_swept_by_its_row(shelf: Shelf) -> None:
    """Between the row and the end of the bytes nothing else is left of a killed process."""
    async with shelf.store.write() as tx:
        await shelf.store.blob_objects.begin(tx, "00ff" * 8, 9, clock.now())
    (shelf.root / "incoming").mkdir(parents=True)
    (shelf.root / "incoming" / ("00ff" * 8)).write_bytes(b"half")
    assert await Sweep(shelf.store, shelf.objects).run() == 0
    assert await shelf.sweep() == 1
    assert shelf.files == 0


async def test_what_was_given_up_cannot_be_referred_to(shelf: Shelf) -> None:
    with pytest.raises(Fault, match="ObjectStoreBusy"):
        async with shelf.content.uploaded(_pieces(b"late"), 4) as uploaded:
            await shelf.sweep()
            async with shelf.store.write() as tx:
                await shelf.content.keep(tx, uploaded)


async def test_an_object_that_two_blobs_share(shelf: Shelf) -> None:
    one = await shelf.put("one", b"shared")
    async with shelf.store.write() as tx:
        extents = await shelf.store.blob_objects.extents(tx, one.id)
        await shelf.store.blobs.add(tx, _blob("two", BLOCK, 6))
        await shelf.store.blob_objects.add_extents(tx, "id-two", extents)
    async with shelf.store.write() as tx:
        await shelf.store.blob_objects.clear(tx, one.id, clock.now())
    assert await shelf.sweep() == 0
    assert await shelf.read("id-two", 0, 6) == b"shared"
    async with shelf.store.write() as tx:
        await shelf.store.blob_objects.clear(tx, "id-two", clock.now())
    assert await shelf.sweep() == 1


async def test_objects_that_cannot_be_erased_keep_no_others(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = []
    for number in range(PATIENCE):
        await shelf.put(f"stuck{number}", b"stuck")
        (path,) = {path for path in shelf.root.rglob("*") if path.is_file()} - set(stuck)
        stuck.append(path)
    for number in range(PATIENCE):
        await shelf.put(f"stuck{number}", b"new")
    await shelf.put("a", b"first")
    await shelf.put("a", b"second")
    erase = shelf.objects.erase

    async def refusing(key: str) -> None:
        if any(path.name == key for path in stuck):
            raise Fault("ObjectStoreBusy", detail="Operation not permitted")
        await erase(key)

    monkeypatch.setattr(shelf.objects, "erase", refusing)
    assert [await shelf.sweep(), await shelf.sweep()] == [0, 1]
    monkeypatch.setattr(shelf.objects, "erase", erase)
    assert await shelf.sweep() == PATIENCE


async def test_blocks_wait_for_their_list(shelf: Shelf) -> None:
    store = shelf.store
    for id, data in (("YQ==", b"aa"), ("Yg==", b"bbb"), ("YQ==", b"AA")):
        async with shelf.content.uploaded(_pieces(data), len(data)) as uploaded, store.write() as tx:
            await shelf.content.keep(tx, uploaded)
            assert uploaded.key is not None
            block = Block(block=id, length=uploaded.length, object_key=uploaded.key)
            assert await store.blob_objects.put_block(tx, BOX, "a", block, clock.now(), most=10)
    assert await shelf.sweep() == 1
    async with store.write() as tx:
        found = {each.block: each for each in await store.blob_objects.blocks(tx, BOX, "a")}
        used = Extent(start=0, length=2, object_key=found["YQ=="].object_key, block="YQ==")
        await store.blobs.add(tx, _blob("a", BLOCK, 2))
        await store.blob_objects.add_extents(tx, "id-a", [used])
        await store.blob_objects.drop_blocks(tx, BOX, "a", clock.now())
    assert await shelf.sweep() == 1
    assert await shelf.read("id-a", 0, 2) == b"AA"


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 15), st.integers(1, 8), st.booleans()), max_size=8))
async def test_pages_are_what_was_written_last(shelf: Shelf, writes: list[tuple[int, int, bool]]) -> None:
    """Against a plain byte array; nothing is left when all of it is cleared."""
    store, now = shelf.store, clock.now()
    async with store.write() as tx:
        if await store.blobs.get(tx, BOX, "p") is None:
            await store.blobs.add(tx, _blob("p", PAGE, 24))
        await store.blob_objects.clear(tx, "id-p", now)
    model = bytearray(24)
    for number, (start, length, wipe) in enumerate(writes):
        data = bytes(length) if wipe else bytes([number + 1]) * length
        model[start : start + length] = data
        async with shelf.content.uploaded(_pieces(data), length) as uploaded, store.write() as tx:
            await shelf.content.keep(tx, uploaded)
            await store.blob_objects.cut(tx, "id-p", start, start + length, now)
            await store.blob_objects.add_extents(tx, "id-p", uploaded.extent(start))
    assert await shelf.read("id-p", 0, 24) == bytes(model)
    assert await shelf.read("id-p", 3, 17) == bytes(model[3:17])
    async with store.write() as tx:
        await store.blob_objects.cut(tx, "id-p", 0, 24, now)
    await shelf.sweep()
    assert (shelf.files, await shelf.read("id-p", 0, 24)) == (0, bytes(24))


async def test_a_deleted_container_is_emptied(shelf: Shelf) -> None:
    now, store = clock.now(), shelf.store
    box = Container(
        id=BOX,
        account="u1",
        name="box",
        public="",
        metadata={},
        policies=[],
        lease=None,
        etag='"0x1"',
        created=now,
        modified=now,
    )
    async with store.write() as tx:
        assert await store.containers.add(tx, box)
    await shelf.put("a", b"one")
    await shelf.put("b", b"two")
    async with store.write() as tx:
        await store.containers.delete(tx, BOX, now)
        assert await store.containers.get(tx, "u1", "box") is None
        again = Container(**{name: getattr(box, name) for name in box.__struct_fields__} | {"id": "c2"})
        assert await store.containers.add(tx, again)
    # Account u1 is no resource, so what it still has goes as well.
    assert await shelf.sweep() == 2
    assert shelf.files == 0
    async with store.read() as tx:
        assert await store.containers.deleted(tx, 10) == []
        assert await store.blobs.some(tx, BOX, 10) == []


async def test_lists_gather_what_lies_behind_a_delimiter(shelf: Shelf) -> None:
    names = ["a", "b/1", "b/2", "b/c/3", "b0", "c/x", "ü/ö"]
    async with shelf.store.write() as tx:
        for name in names:
            await shelf.store.blobs.add(tx, _blob(name, BLOCK, 0))

    async def listed(limit: int = 100, prefix: str = "", delimiter: str = "") -> list[str]:
        found: list[str] = []
        start: str | None = ""
        async with shelf.store.read() as tx:
            while start is not None:
                page = await shelf.store.blobs.list(
                    tx, BOX, prefix=prefix, delimiter=delimiter, start=start, limit=limit
                )
                assert 0 < len(page.entries) <= limit
                found += [each if isinstance(each, str) else each.name for each in page.entries]
                start = page.after
        return found

    for limit in (1, 2, 3, 100):
        assert await listed(limit) == names
        assert await listed(limit, delimiter="/") == ["a", "b/", "b0", "c/", "ü/"]
        assert await listed(limit, prefix="b/", delimiter="/") == ["b/1", "b/2", "b/c/"]
        assert await listed(limit, prefix="b") == names[1:5]


async def test_a_list_reads_little_of_what_it_gathers(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    async with shelf.store.write() as tx:
        for folder in "abc":
            for number in range(60):
                await shelf.store.blobs.add(tx, _blob(f"{folder}/{number:02}", BLOCK, 0))
    count = 0
    async with shelf.store.read() as tx:
        rows = tx.rows

        async def counted(*given: Any) -> Any:
            nonlocal count
            found: list[Any] = await rows(*given)
            count += len(found)
            return found

        monkeypatch.setattr(tx, "rows", counted)
        given = {"prefix": "", "start": "", "limit": 5000}
        found = await shelf.store.blobs.list(tx, BOX, delimiter="/", **given)
        assert (found.entries, found.after) == (["a/", "b/", "c/"], None)
        assert count <= 3 * FEW
        found = await shelf.store.blobs.list(tx, BOX, delimiter="#", **given)
        assert len(found.entries) == 180


@given(st.text(max_size=5), st.text(max_size=5))
def test_what_comes_past_a_prefix(prefix: str, rest: str) -> None:
    end = past(prefix)
    assert end is None or (prefix + rest < end and not end.startswith(prefix))
