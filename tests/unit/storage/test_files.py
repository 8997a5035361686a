"""Objects as files: whole or not at all."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from outofband.core.errors import Fault
from outofband.storage import files as files_module
from outofband.storage.files import Files
from outofband.storage.objects import PIECE, new_key

pytestmark = pytest.mark.anyio


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece


async def gather(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


def everything(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


async def test_what_is_put_is_read(tmp_path: Path) -> None:
    store, key = Files(tmp_path), new_key()
    data = os.urandom(2 * PIECE + 3)
    await store.put(key, pieces(data[:10], b"", data[10:PIECE], data[PIECE:]), len(data))
    assert await gather(store.read(key, 0, len(data))) == data
    assert await gather(store.read(key, 5, PIECE + 9)) == data[5 : PIECE + 9]
    assert max([len(each) async for each in store.read(key, 0, len(data))]) <= PIECE
    (only,) = everything(tmp_path)
    assert only.relative_to(tmp_path).parts == (key[:2], key[2:4], key)
    assert only.stat().st_mode & 0o777 == 0o600
    await store.erase(key)
    await store.erase(key)
    assert everything(tmp_path) == []
    with pytest.raises(Fault, match="ObjectStoreDamaged"):
        await gather(store.read(key, 0, 1))


@pytest.mark.parametrize("length", [2, 4])
async def test_fewer_or_more_bytes_than_announced(tmp_path: Path, length: int) -> None:
    with pytest.raises(Fault, match="IncompleteBody"):
        await Files(tmp_path).put(new_key(), pieces(b"ab", b"c"), length)
    assert everything(tmp_path) == []


async def test_a_sender_that_fails_leaves_nothing(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"a" * PIECE
        raise ConnectionResetError

    with pytest.raises(Fault, match="ObjectStoreBusy"):
        await Files(tmp_path).put(new_key(), broken(), 2 * PIECE)
    assert everything(tmp_path) == []


async def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files_module, "_write", full)
    with pytest.raises(Fault, match="ObjectStoreFull"):
        await Files(tmp_path).put(new_key(), pieces(b"abc"), 3)
    assert everything(tmp_path) == []


async def test_a_file_that_was_cut_is_noticed(tmp_path: Path) -> None:
    store, key = Files(tmp_path), new_key()
    await store.put(key, pieces(b"abcdef"), 6)
    os.truncate(store.path(key), 3)
    with pytest.raises(Fault, match="ObjectStoreDamaged"):
        await gather(store.read(key, 0, 6))


async def test_what_a_killed_process_left_is_erased_with_its_key(tmp_path: Path) -> None:
    store, key = Files(tmp_path), new_key()
    (tmp_path / "incoming").mkdir()
    (tmp_path / "incoming" / key).write_bytes(b"half")
    await store.erase(key)
    assert everything(tmp_path) == []


@pytest.mark.parametrize("slow", ["_create", "_finish"])
async def test_a_file_stays_open_while_a_thread_is_at_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    """Closed earlier its number would be another file's, and what the thread still writes would go there."""
    begun, go_on = threading.Event(), threading.Event()
    work = getattr(Files, slow)
    numbers: list[int] = []

    def slowly(store: Files, *arguments: Any) -> Any:
        begun.set()
        assert go_on.wait(10)
        if slow == "_finish":
            os.fstat(arguments[0])
        found = work(store, *arguments)
        numbers.append(found if slow == "_create" else arguments[0])
        return found

    monkeypatch.setattr(Files, slow, slowly)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(Files(tmp_path).put(new_key(), pieces(b"abc"), 3))
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        await asyncio.sleep(0.05)
        assert not task.done()
        go_on.set()
    assert task.cancelled()
    assert len(numbers) == 1
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(numbers[0])
