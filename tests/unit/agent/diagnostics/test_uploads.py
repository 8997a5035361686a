"""Uploads of a machine with several ports: what one of them does must not spoil what another one stored."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from outofband.agent.diagnostics import portlog
from outofband.agent.diagnostics.places import PlaceBook
from outofband.agent.diagnostics.portlog import Known, Memory, PortLog
from outofband.agent.diagnostics.uploads import Uploads
from outofband.agent.ports.index import Kind
from outofband.agent.ports.spool import Spool
from outofband.wire import link
from outofband.wire.machine import Power
from tests.support.wait import until

pytestmark = pytest.mark.anyio


class Port:
    def __init__(self, name: str, folder: Path) -> None:
        self.port = name
        self.spool = Spool(folder / f"serial{name}.log", reserve=0)
        self.spool.foreign = False
        self.spool.open()
        self.is_open = True
        self.output = SimpleNamespace(look_again=self.spool.refresh)


class Two:
    """A machine with two ports, and a store that can be told to wait before it answers."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.ports = {name: Port(name, folder) for name in "01"}
        self.machine: Any = SimpleNamespace(
            definition=SimpleNamespace(vm="vm"), directory=folder, power=Power.RUNNING, ports=self.ports
        )
        self.stored: dict[tuple[str, str], bytes] = {}
        self.waiting: dict[str, asyncio.Event] = {}
        self.reached: list[str] = []
        self.book = PlaceBook(lambda wish: True)
        self.book.linked([link.TAKES_PLACES])
        self.told: list[link.Stored] = []
        client: Any = self
        self.uploads = Uploads(lambda: [self.machine], self.book, client, self.told.append, interval=0.0)

    def place(self, account: str) -> None:
        self.book.answered(link.Place("vm", account, "c", "q", 900.0))

    def print(self, port: str, data: bytes) -> None:
        self.ports[port].spool.append(data)

    async def put(
        self, account: str, container: str, blob: str, query: str, body: bytes, **more: Mapping[str, str]
    ) -> None:
        self.reached.append(blob)
        if (gate := self.waiting.get(blob)) is not None:
            await gate.wait()
        self.stored[account, blob] = body

    async def close(self) -> None:
        pass


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Two]:
    made = Two(tmp_path / "vm")
    made.place("a")
    yield made
    await made.uploads.close()
    for port in made.ports.values():
        port.spool.close()


def blob(port: str, start: int = 0) -> str:
    return f"log/{port}/{start:020d}"


async def test_what_arrives_at_the_old_place_is_not_counted_as_stored_at_the_new_one(two: Two) -> None:
    for port in "01":
        two.print(port, b"old")
    two.uploads.look()
    await until(lambda: len(two.stored) == 2)
    gate = two.waiting[blob("0")] = asyncio.Event()
    two.print("0", b" and under way")
    await until(lambda: not two.uploads._known["vm"].busy)
    two.uploads.look()
    await until(lambda: two.reached.count(blob("0")) == 2)
    two.place("b")
    two.uploads.look()
    await until(lambda: ("b", blob("1")) in two.stored)
    del two.waiting[blob("0")]
    gate.set()
    await until(lambda: not two.uploads._known["vm"].busy)
    two.uploads.look()
    await until(lambda: two.stored.get(("b", blob("0"))) == b"old and under way")
    memory = portlog.load(two.machine.directory)
    assert memory is not None and memory.account == "b"


async def test_of_two_ports_that_remember_at_once_the_later_word_stays(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, others = threading.Event(), threading.Event()
    save = portlog.save

    def slow(directory: Path, memory: Memory, *more: Any) -> None:
        if not first.is_set():
            first.set()
            others.wait(0.5)
        save(directory, memory, *more)
        others.set()

    monkeypatch.setattr(portlog, "save", slow)
    for port in "01":
        two.print(port, b"x")
    two.uploads.look()
    await until(lambda: len(two.stored) == 2)
    memory = portlog.load(two.machine.directory)
    assert memory is not None and set(memory.ports) == {"0", "1"}


async def test_a_folder_that_was_deleted_during_an_upload_does_not_come_back(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    portlog.save(gone, Memory(account="a", container="c", ports={}), [gone / "serial0.log"])
    assert not gone.exists()


async def test_the_log_is_on_the_disk_before_its_place_is_remembered(
    two: Two, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, bool]] = []
    folder = two.machine.directory

    def fdatasync(handle: int) -> None:
        synced.append((Path(f"/proc/self/fd/{handle}").readlink().name, (folder / portlog.FILE).exists()))

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    known = Known(base=0, tail=1, uploaded=1)
    logs = [port.spool.path for port in two.ports.values()]
    portlog.save(folder, Memory(account="a", container="c", ports={"0": known}), logs)
    assert synced == [("serial0.log", False), ("serial1.log", False)]
    assert (folder / portlog.FILE).exists()


def resumed(folder: Path, *, held: bytes, known: int, stored: int, marks: int | None = None) -> PortLog:
    """A log of `held` bytes after a power cut; `marks`: how long its index knows that it was."""
    folder.mkdir(exist_ok=True)
    spool = Spool(folder / "serial0.log", reserve=0)
    spool.open()
    spool.append(held)
    if marks is not None:
        spool.index.note(Kind.GROWN, marks, 0)
    spool.close()
    spool = Spool(folder / "serial0.log", reserve=0)
    spool.open()
    state = PortLog("0", spool, Known(base=0, tail=known, uploaded=known))
    state.resumed(stored)
    return state


def test_what_is_stored_is_not_written_over_by_a_host_that_lost_it(tmp_path: Path) -> None:
    state = resumed(tmp_path / "a", held=b"0123456789", known=4, stored=15)
    assert state.next(final=False) is None
    state.spool.append(b"new")
    state.spool.refresh()
    upload = state.next(final=False)
    assert upload is not None and (upload.name, upload.body) == (blob("0", 15), b"new")
    state.spool.close()


def test_what_is_stored_of_a_hole_stays(tmp_path: Path) -> None:
    state = resumed(tmp_path / "a", held=b"0123456789", known=4, stored=15, marks=20)
    assert state.next(final=False) is None
    state.spool.append(b"new")
    state.spool.refresh()
    upload = state.next(final=False)
    assert upload is not None and (upload.name, upload.body) == (blob("0", 20), b"new")
    state.spool.close()


def test_after_a_mere_crash_the_open_segment_is_written_again(tmp_path: Path) -> None:
    state = resumed(tmp_path / "a", held=b"0123456789", known=4, stored=8)
    upload = state.next(final=False)
    assert upload is not None and (upload.name, upload.body) == (blob("0", 4), b"456789")
    state.spool.close()


def test_another_log_goes_on_behind_all_that_is_stored(tmp_path: Path) -> None:
    state = resumed(tmp_path / "a", held=b"anew", known=100, stored=130)
    upload = state.next(final=False)
    assert upload is not None and (upload.name, upload.body) == (blob("0", 130), b"anew")
    state.spool.close()
