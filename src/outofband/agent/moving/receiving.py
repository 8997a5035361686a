"""The target's part: chunks into a folder of their own, each checked as it comes, all of them read back.

What comes is believed as far as its hashes go and no further: names of files are those that this host would
send itself, and a disk is laid over this host's own image.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Set
from pathlib import Path

from outofband.agent.hypervisors import overlay
from outofband.agent.hypervisors.command import OVERLAY
from outofband.agent.moving import bundle, staging
from outofband.agent.moving.bundle import Reading
from outofband.agent.moving.carrier import AT_ONCE, Carrier
from outofband.core.errors import Fault, ProtocolError
from outofband.core.secrets import write_private
from outofband.net.tasks import in_thread
from outofband.wire import move
from outofband.wire.move import CHUNK, ImageMark, Manifest, Part, chunk_blob, digest

_MODE = 0o600


async def fetch_manifest(carrier: Carrier, name: str, *, vm: str, driver: str) -> Manifest:
    """Raises Fault DiskStoreAway, DiskDamaged."""
    body = await carrier.fetch_manifest(move.manifest_blob(name))
    try:
        found = move.read(body, name)
    except ProtocolError as error:
        raise Fault("DiskDamaged", detail=str(error)) from error
    odd = next((part.name for part in found.parts if not bundle.moves(driver, part.name)), None)
    if (found.vm, found.driver) != (vm, driver) or odd is not None:
        raise Fault("DiskDamaged", detail="the manifest is of another machine, or names what does not move")
    return found


async def receive(
    carrier: Carrier,
    directory: Path,
    manifest: Manifest,
    disk: tuple[Path, str | None] | None,
    wrote: Set[tuple[str, int, str]] = frozenset(),
) -> None:
    """Bring every file of the manifest into `directory`, where some of it may be already: what `wrote` names,
    by file, index and hash, is, and need not be looked at before the end.

    `disk` is this host's image, path and format, below the machine's own disk. Raises Fault DiskStoreAway,
    DiskDamaged; OSError where the host's disk fails.
    """
    carrier.total = sum(move.length(part, index) for part in manifest.parts for index, _ in part.chunks)
    carrier.done = 0
    await in_thread(_remove_others, directory, manifest)
    for part in manifest.parts:
        await _receive_file(carrier, directory / part.name, part, wrote)
    for part in manifest.parts:
        await asyncio.to_thread(_check, directory / part.name, part)
    if any(part.name == OVERLAY for part in manifest.parts):
        if disk is None:
            raise Fault("DiskDamaged", detail="there is a disk, and the image here has none")
        try:
            await in_thread(overlay.rebase, directory / OVERLAY, *disk)
        except ValueError as error:
            raise Fault("DiskDamaged", detail=str(error)) from error
    await in_thread(staging.sync_folder, directory)


def _remove_others(directory: Path, manifest: Manifest) -> None:
    """What a page told of and the manifest does not: it is nothing of the machine. Raises OSError."""
    named = {part.name for part in manifest.parts}
    for path in bundle.files(directory, manifest.driver):
        if path.name not in named:
            path.unlink()


def open_for(path: Path) -> int:
    """A file that arrives. Raises OSError."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)


async def fetch(carrier: Carrier, handle: int, part: Part, index: int, name: str) -> None:
    """Put one chunk in its place. Raises Fault DiskStoreAway, DiskDamaged; OSError."""
    size = move.length(part, index)
    body = await carrier.fetch(chunk_blob(name), size)
    if len(body) != size or not await in_thread(_write, handle, index * CHUNK, body, name):
        raise Fault("DiskDamaged", detail=f"chunk {index} of {part.name} is another one")


async def _receive_file(carrier: Carrier, path: Path, part: Part, wrote: Set[tuple[str, int, str]]) -> None:
    handle = open_for(path)
    room = asyncio.Semaphore(AT_ONCE)
    try:
        fresh = os.fstat(handle).st_size != part.size
        if fresh:
            # Whatever is in there is of another file, its holes too.
            os.ftruncate(handle, 0)
        os.ftruncate(handle, part.size)
        if not fresh:
            await asyncio.to_thread(_clear, path, part)

        async def one(index: int, name: str) -> None:
            async with room:
                size = move.length(part, index)
                if not fresh and await in_thread(_has, handle, index, size, name):
                    carrier.spared += size
                else:
                    await fetch(carrier, handle, part, index, name)
                carrier.done += size

        missing = []
        for index, name in part.chunks:
            if not fresh and (part.name, index, name) in wrote:
                carrier.spared += move.length(part, index)
                carrier.done += move.length(part, index)
            else:
                missing.append((index, name))
        # In handfuls: a disk of terabytes must not become a million tasks.
        for start in range(0, len(missing), 256):
            async with asyncio.TaskGroup() as group:
                for index, name in missing[start : start + 256]:
                    group.create_task(one(index, name))
        await in_thread(os.fsync, handle)
    except ExceptionGroup as several:
        raise several.exceptions[0] from None
    finally:
        os.close(handle)


def _has(handle: int, index: int, size: int, name: str) -> bool:
    return digest(bundle.read_at(handle, index * CHUNK, size)) == name


def _clear(path: Path, part: Part) -> None:
    """Zero what another attempt left where the manifest has nothing."""
    wanted = {index for index, _ in part.chunks}
    # A file of its own: it may take long, and who calls it off does not wait for it.
    with Reading(path) as reading, path.open("r+b", buffering=0) as file:
        for index in reading.touched():
            if index not in wanted and (body := reading.chunk(index)) is not None:
                file.seek(index * CHUNK)
                file.write(bytes(len(body)))


def _write(handle: int, offset: int, body: bytes, name: str) -> bool:
    """Put a chunk in its place; False, and nothing written, where it is another one than `name`."""
    if digest(body) != name:
        return False
    view = memoryview(body)
    while view:
        done = os.pwrite(handle, view, offset)
        view, offset = view[done:], offset + done
    return True


def _check(path: Path, part: Part) -> None:
    """Read it back, holes and all. Raises Fault DiskDamaged."""
    if bundle.part(path) != part:
        raise Fault("DiskDamaged", detail=f"'{part.name}' did not arrive as it was sent")


def place(directory: Path, ends: dict[str, int]) -> None:
    """Have the logs of serial ports begin at these offsets at the least: what was told of them by an earlier
    host stays true. Raises OSError.
    """
    for port, end in ends.items():
        path = directory / f"serial{port}.log"
        if not path.exists():
            write_private(path, b"")
        if path.stat().st_size < end:
            os.truncate(path, end)


def same_image(there: ImageMark | None, here: ImageMark | None) -> None:
    """Raises Fault ImageDiffers."""
    if (there is None) != (here is None):
        raise Fault("ImageDiffers", image=(there or here or _NONE).name)
    if there is not None and here is not None and (there.size, there.sha256) != (here.size, here.sha256):
        raise Fault("ImageDiffers", image=here.name)


_NONE = ImageMark(name="?", size=0, sha256="")
