"""Scripts of a machine, with this machine's own sh in the place of a guest."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from outofband.agent.hypervisors.guest_agent import Conversation, Ended, GuestAgent
from outofband.agent.machines import scripts as module
from outofband.agent.machines import shell
from outofband.agent.machines.scripts import Scripts
from outofband.wire.script import Ending, RunArgs

pytestmark = pytest.mark.anyio
PATIENCE = 20.0


class Guest:
    """`launching` is waited for before the guest launches anything."""

    def __init__(self) -> None:
        self.launching = asyncio.Event()
        self.launching.set()
        self.asked = asyncio.Event()
        self.exit: bytes | None = None

    @contextlib.asynccontextmanager
    async def talk(self) -> AsyncIterator[Conversation]:
        yield cast(Conversation, self)

    async def run(self, path: str, arguments: list[str], given: bytes = b"", *, seconds: float) -> Ended:
        if arguments[1] == shell.LAUNCH:
            self.asked.set()
            await self.launching.wait()
        call: Any = asyncio.get_running_loop().run_in_executor(
            None, lambda: subprocess.run([path, *arguments], input=given, capture_output=True, check=False)
        )
        done = await call
        return Ended(status=done.returncode, signal=None, out=done.stdout, err=done.stderr)

    async def read(self, path: str, limit: int, *, tail: bool = False) -> bytes | None:
        if path.endswith("/exit") and self.exit is not None:
            return self.exit
        try:
            return Path(path).read_bytes()[-limit if tail else 0 :][:limit]
        except OSError:
            return None


@pytest.fixture
def guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Guest:
    for name in ("LAUNCH", "CANCEL"):
        text = getattr(shell, name).replace(shell.KEPT, str(tmp_path / "kept"))
        text = text.replace(shell.BASE, str(tmp_path / "run"))
        # Not through this machine's own service manager.
        monkeypatch.setattr(shell, name, text.replace("/run/systemd/system", "/nowhere"))
    monkeypatch.setattr(shell, "KEPT", str(tmp_path / "kept"))
    monkeypatch.setattr(shell, "BASE", str(tmp_path / "run"))
    monkeypatch.setattr(module, "_LOOKS", (0.01, 0.05))
    return Guest()


@pytest.fixture
def scripts(tmp_path: Path, guest: Guest) -> Scripts:
    return Scripts("demo", tmp_path, cast(GuestAgent, guest), lambda: True)


async def test_a_script_runs_to_its_end(scripts: Scripts) -> None:
    async with asyncio.timeout(PATIENCE):
        report = await scripts.run("k", RunArgs(script="echo out; echo err >&2; exit 4"))
    assert (report.out, report.err, report.status, report.ending) == ("out\n", "err\n", 4, Ending.EXITED)


async def test_one_that_was_canceled_before_it_came_is_not_begun(scripts: Scripts, guest: Guest) -> None:
    assert await scripts.cancel("k") is False
    async with asyncio.timeout(PATIENCE):
        report = await scripts.run("k", RunArgs(script="echo never"))
    assert (report.ending, report.status, report.out) == (Ending.CANCELED, None, "")
    assert not guest.asked.is_set()
    async with asyncio.timeout(PATIENCE):
        assert (await scripts.run("other", RunArgs(script="echo other"))).out == "other\n"


async def test_one_that_is_canceled_as_it_begins_is_ended(scripts: Scripts, guest: Guest) -> None:
    guest.launching.clear()
    running = asyncio.get_running_loop().create_task(scripts.run("k", RunArgs(script="exec sleep 300")))
    async with asyncio.timeout(PATIENCE):
        await guest.asked.wait()
        assert await scripts.cancel("k") is False
        guest.launching.set()
        report = await running
    assert (report.ending, report.status) == (Ending.CANCELED, 128 + 15)


@pytest.mark.parametrize("said", [b"9" * 1000, b"-1", "\u0663".encode(), b"\xff", b""])
async def test_a_status_is_a_small_number(scripts: Scripts, guest: Guest, said: bytes) -> None:
    guest.exit = said + b" nonsense\n"
    async with asyncio.timeout(PATIENCE):
        report = await scripts.run("k", RunArgs(script="true"))
    assert (report.status, report.ending) == (None, Ending.EXITED)
