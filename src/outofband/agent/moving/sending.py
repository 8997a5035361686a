"""The source's part: every chunk of a stopped machine into the container of its move, then the manifest."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path

import msgspec

from outofband.agent.moving import bundle
from outofband.agent.moving.bundle import Reading
from outofband.agent.moving.carrier import AT_ONCE, Carrier
from outofband.core.errors import Fault
from outofband.net.tasks import in_thread
from outofband.wire.move import (
    CHUNK,
    MAX_CHUNKS,
    PAGE,
    ImageMark,
    Manifest,
    Part,
    chunk_blob,
    digest,
    manifest_blob,
    page_blob,
)


async def send(
    carrier: Carrier,
    directory: Path,
    *,
    vm: str,
    driver: str,
    epoch: int,
    boots: int,
    ends: dict[str, int],
    image: ImageMark | None,
) -> tuple[str, Manifest]:
    """The manifest's hash, and the manifest, both stored. The machine must be at rest meanwhile.

    Raises Fault DiskStoreAway, DiskNotMovable, DiskChanged.
    """
    paths = await asyncio.to_thread(bundle.files, directory, driver)
    before = {path.name: _stamp(path) for path in paths if bundle.is_steady(path.name)}
    carrier.total = await asyncio.to_thread(bundle.occupied, paths)
    if carrier.total > MAX_CHUNKS * CHUNK:
        raise Fault("DiskNotMovable", detail=f"it has more than {MAX_CHUNKS * CHUNK >> 40} TiB")
    parts, pages = [], itertools.count()
    for path in paths:
        try:
            reading = Reading(path)
        except FileNotFoundError:
            if path.name in before:
                raise
            continue
        with reading:
            parts.append(await _send_file(carrier, reading, pages))
    after = {path.name: _stamp(path) for path in paths if bundle.is_steady(path.name)}
    if before != after:
        changed = next(name for name in before if before[name] != after[name])
        raise Fault("DiskChanged", file=changed)
    manifest = Manifest(vm=vm, driver=driver, epoch=epoch, boots=boots, ends=ends, parts=parts, image=image)
    body = manifest.encode()
    name = digest(body)
    await carrier.store(manifest_blob(name), body)
    carrier.total = carrier.done
    return name, manifest


async def _send_file(carrier: Carrier, reading: Reading, pages: Iterator[int]) -> Part:
    found: list[tuple[int, str]] = []
    under_way: set[asyncio.Task[None]] = set()
    page: list[asyncio.Task[None]] = []
    coming = reading.chunks()

    async def one(name: str, body: bytes) -> None:
        if not await carrier.store(chunk_blob(name), body):
            carrier.spared += len(body)
        carrier.done += len(body)

    async def tell(number: int, chunks: list[tuple[int, str]], stored: list[asyncio.Task[None]]) -> None:
        """That these are stored, once they are: whoever follows fetches them meanwhile."""
        await asyncio.wait(stored)
        if any(each.cancelled() or each.exception() is not None for each in stored):
            return
        about = Part(name=reading.name, size=reading.size, chunks=chunks)
        await carrier.store(page_blob(number), msgspec.json.encode(about))

    try:
        async with asyncio.TaskGroup() as group:
            while (chunk := await in_thread(_next, coming)) is not None:
                index, name, body = chunk
                found.append((index, name))
                task = group.create_task(one(name, body))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                page.append(task)
                if len(page) == PAGE:
                    group.create_task(tell(next(pages), found[-PAGE:], page))
                    page = []
                if len(under_way) >= AT_ONCE:
                    await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            if page:
                group.create_task(tell(next(pages), found[-len(page) :], page))
    except ExceptionGroup as several:
        raise several.exceptions[0] from None
    return Part(name=reading.name, size=reading.size, chunks=found)


def _next(coming: Iterator[tuple[int, bytes]]) -> tuple[int, str, bytes] | None:
    found = next(coming, None)
    return (found[0], digest(found[1]), found[1]) if found is not None else None


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    # Blocks reserved past a log's end, or given back at its beginning, count as a change of its time alone.
    return stat.st_size, 0 if path.suffix == ".log" else stat.st_mtime_ns
