"""The source's part: every chunk of a stopped machine into the container of its move, then the manifest."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

from outofband.agent.moving import bundle
from outofband.agent.moving.bundle import Reading
from outofband.agent.moving.carrier import AT_ONCE, Carrier
from outofband.core.errors import Fault
from outofband.net.tasks import in_thread
from outofband.wire.move import (
    CHUNK,
    MAX_CHUNKS,
    ImageMark,
    Manifest,
    Part,
    chunk_blob,
    digest,
    manifest_blob,
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
    parts = []
    for path in paths:
        try:
            reading = Reading(path)
        except FileNotFoundError:
            if path.name in before:
                raise
            continue
        with reading:
            parts.append(await _send_file(carrier, reading))
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


async def _send_file(carrier: Carrier, reading: Reading) -> Part:
    found: list[tuple[int, str]] = []
    under_way: set[asyncio.Task[None]] = set()
    coming = reading.chunks()

    async def one(name: str, body: bytes) -> None:
        if not await carrier.store(chunk_blob(name), body):
            carrier.spared += len(body)
        carrier.done += len(body)

    try:
        async with asyncio.TaskGroup() as group:
            while (chunk := await in_thread(_next, coming)) is not None:
                index, name, body = chunk
                found.append((index, name))
                task = group.create_task(one(name, body))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                if len(under_way) >= AT_ONCE:
                    await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
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
