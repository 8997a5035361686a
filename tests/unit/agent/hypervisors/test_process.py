"""Processes that outlive their starter, with real ones: found again, ended, never confused."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from outofband.agent.hypervisors.process import Process, read_pid, tail
from tests.support.wait import until

pytestmark = pytest.mark.anyio
PATIENCE = 10.0


def spawn(directory: Path, *command: str) -> Process:
    return Process.spawn(command, directory=directory, log=directory / "log")


def open_files(pid: int) -> set[str]:
    """What the process has open; a file it closes meanwhile is left out."""
    names = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            names.add(str(entry.readlink()))
    return names


@pytest.fixture
def zombie() -> Iterator[int]:
    """A child that has ended and was not waited for."""
    child = os.posix_spawnp("true", ["true"], os.environ)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    yield child
    os.waitpid(child, 0)


async def test_exit_status_and_words_are_kept(tmp_path: Path) -> None:
    process = spawn(tmp_path, "sh", "-c", "echo out; echo err >&2; pwd; exit 7")
    assert await process.wait(PATIENCE)
    assert process.status == 7
    assert tail(tmp_path / "log").splitlines() == ["out", "err", str(tmp_path)]
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


async def test_a_signal_shows_as_a_negative_status(tmp_path: Path) -> None:
    process = spawn(tmp_path, "sleep", "60")
    assert not await process.wait(0.01)
    assert await process.destroy()
    assert process.status == -signal.SIGKILL


async def test_listeners_hear_of_the_end_once_and_late_ones_at_once(tmp_path: Path) -> None:
    process = spawn(tmp_path, "true")
    heard: list[str] = []
    process.on_end(lambda: heard.append("early"))
    assert await process.wait(PATIENCE)
    process.on_end(lambda: heard.append("late"))
    assert heard == ["early", "late"]


async def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        spawn(tmp_path, "no-such-program-here")


async def test_it_has_a_session_of_its_own_and_no_files_of_its_starter(tmp_path: Path) -> None:
    with (tmp_path / "open").open("w") as inherited:
        os.set_inheritable(inherited.fileno(), True)
        process = spawn(tmp_path, "sleep", "60")
        try:
            assert os.getsid(process.pid) == process.pid
            # A program that still starts has files of its own open, its locale for one, and closes them
            # again; a file of its starter would stay.
            await until(lambda: open_files(process.pid) == {"/dev/null", str(tmp_path / "log")})
        finally:
            await process.destroy()


async def test_adopting_looks_before_it_takes_hold(tmp_path: Path) -> None:
    process = spawn(tmp_path, "sleep", "60")
    try:
        assert Process.adopt(process.pid, lambda _: False) is None
        # A program that was just executed has no command line for a moment.
        await until(lambda: Path(f"/proc/{process.pid}/cmdline").read_bytes())
        second = Process.adopt(process.pid, lambda proc: b"sleep" in (proc / "cmdline").read_bytes())
        assert second is not None
        second.send(signal.SIGTERM)
        assert await second.wait(PATIENCE)
        assert await process.wait(PATIENCE)
        # Whichever pidfd was looked at first has reaped it.
        assert {process.status, second.status} == {-signal.SIGTERM, None}
    finally:
        await process.destroy()


async def test_a_process_that_has_gone_is_not_adopted(tmp_path: Path) -> None:
    process = spawn(tmp_path, "true")
    assert await process.wait(PATIENCE)
    assert Process.adopt(process.pid, lambda _: True) is None


async def test_a_zombie_is_not_adopted(zombie: int) -> None:
    """Its pid still exists, but nothing of it runs: /proc shows no command line."""
    assert Process.adopt(zombie, lambda proc: bool((proc / "cmdline").read_bytes())) is None


async def test_letting_go_leaves_it_running(tmp_path: Path) -> None:
    process = spawn(tmp_path, "sleep", "60")
    process.close()
    again = Process.adopt(process.pid, lambda _: True)
    assert again is not None
    assert await again.destroy()


@pytest.mark.parametrize("text", ["", "x", "-1", "0", "1", "12 34", "9" * 30, "\xff"])
def test_a_pid_file_with_nonsense_is_no_pid(tmp_path: Path, text: str) -> None:
    (tmp_path / "pid").write_text(text, "latin-1")
    assert read_pid(tmp_path / "pid") is None


def test_a_pid_file(tmp_path: Path) -> None:
    assert read_pid(tmp_path / "missing") is None
    (tmp_path / "pid").write_text("4711\n")
    assert read_pid(tmp_path / "pid") == 4711


def test_the_tail_of_a_log_is_bounded_and_can_begin_late(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert tail(log) == ""
    log.write_bytes(b"old\n" + b"\xffnew\n")
    assert tail(log, start=4) == "�new"
    log.write_bytes(b"x" * 5000 + b"end")
    assert tail(log, limit=10) == "x" * 7 + "end"
