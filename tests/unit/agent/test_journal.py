"""The journal: one result for a key, whatever happens in between."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from outofband.agent.journal import KEEP_SECONDS, Journal, Standing
from outofband.core.errors import ProtocolError
from outofband.wire.link import Command, Result

START = Command("k1", "vm.start", "vm-1", {"graceful": True}, epoch=3)
DONE = Result("k1", True, observed="it runs", data={"power": "running"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agent" / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    opened = Journal(path)
    yield opened
    opened.close()


def test_a_repeat_gets_the_first_result(journal: Journal) -> None:
    assert journal.begin(START, 100.0) == (Standing.NEW, None)
    journal.finish(DONE, 101.0)
    assert journal.begin(START, 102.0) == (Standing.FINISHED, DONE)
    journal.finish(Result("k1", False, code="VmStartFailed"), 103.0)
    assert journal.begin(START, 104.0) == (Standing.FINISHED, DONE)


def test_what_was_begun_is_known_after_the_process_is_gone(path: Path) -> None:
    first = Journal(path)
    first.begin(START, 100.0)
    second = Journal(path)  # the first is never closed: a killed process closes nothing
    assert second.begin(START, 200.0) == (Standing.BEGUN, None)
    assert second.unfinished() == [START]
    second.finish(DONE, 201.0)
    assert second.unfinished() == []
    first.close()
    second.close()


@pytest.mark.parametrize(
    "other",
    [
        Command("k1", "vm.stop", "vm-1", {"graceful": True}, epoch=3),
        Command("k1", "vm.start", "vm-2", {"graceful": True}, epoch=3),
        Command("k1", "vm.start", "vm-1", {"graceful": False}, epoch=3),
        Command("k1", "vm.start", "vm-1", {"graceful": True}, epoch=4),
    ],
)
def test_a_key_belongs_to_one_command(journal: Journal, other: Command) -> None:
    journal.begin(START, 100.0)
    journal.finish(DONE, 101.0)
    with pytest.raises(ProtocolError, match="first sent as 'k1'"):
        journal.begin(other, 102.0)


def test_what_is_protected_is_never_on_the_disk(path: Path, journal: Journal) -> None:
    secret = {"parameters": [{"name": "PASSWORD", "value": "kelp-otter-42"}]}
    command = Command("k1", "vm.run", "vm-1", {"script": "true", "protected": secret})
    assert journal.begin(command, 1.0)[0] is Standing.NEW
    files = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"vm.run" in files
    assert b"kelp" not in files
    assert journal.begin(command, 2.0)[0] is Standing.BEGUN


def test_old_entries_are_forgotten(journal: Journal) -> None:
    for key, begun in (("early", 1000.0), ("late", 1000.0 + KEEP_SECONDS)):
        journal.begin(Command(key, "vm.reset", "vm-1"), begun)
        journal.finish(Result(key, True), begun + 1)
    assert journal.prune(1000.0 + KEEP_SECONDS) == 0
    assert journal.prune(1001.0 + KEEP_SECONDS) == 1
    assert journal.begin(Command("early", "vm.reset", "vm-1"), 0.0)[0] is Standing.NEW
    assert journal.begin(Command("late", "vm.reset", "vm-1"), 0.0)[0] is Standing.FINISHED


def test_the_file_is_private_and_synchronous(path: Path, journal: Journal) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    wal = path.with_name("journal.db-wal")
    journal.begin(START, 1.0)
    assert stat.S_IMODE(wal.stat().st_mode) == 0o600
    assert journal._database.execute("pragma synchronous").fetchone() == (2,)


def test_a_full_disk_is_an_error_not_a_lost_note(journal: Journal) -> None:
    pages = journal._database.execute("pragma page_count").fetchone()[0]
    journal._database.execute(f"pragma max_page_count = {pages}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        journal.begin(Command("big", "vm.start", "vm-1", {"filler": "x" * 100_000}), 1.0)
    assert journal.unfinished() == []
