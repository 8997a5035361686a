"""PowerShell scripts of a machine, with this machine's own sh in the place of PowerShell in a Windows guest.

What the host's side does is real: argument list, input, notes, time. What PowerShell makes of it is not.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from outofband.agent.hypervisors.guest_agent import Conversation, Ended, GuestAgent
from outofband.agent.machines import windows_scripts as module
from outofband.agent.machines.scripts import Scripts
from outofband.core.errors import Fault
from outofband.wire.script import Ending, Parameter, Protected, RunArgs
from outofband.wire.steps import powershell
from tests.support.wait import until

pytestmark = pytest.mark.anyio
PATIENCE = 20.0
MARK = powershell.MARK


class WindowsGuest:
    """`guest-exec` of powershell.exe runs the script that came with sh; `told` is every start."""

    def __init__(self) -> None:
        self.told: list[tuple[str, list[str], dict[str, Any]]] = []
        self.programs: dict[int, subprocess.Popen[bytes]] = {}
        self.fault: Fault | None = None

    @contextlib.asynccontextmanager
    async def talk(self) -> AsyncIterator[Conversation]:
        yield cast(Conversation, self)

    async def start(self, path: str, arguments: list[str], given: bytes = b"", *, capture: bool) -> int:
        return self._start(path, arguments, given)

    def _start(self, path: str, arguments: list[str], given: bytes) -> int:
        if self.fault is not None:
            raise self.fault
        script, parameters = (base64.b64decode(line) for line in given.splitlines())
        values = json.loads(parameters)
        self.told.append((path, arguments, values))
        program = subprocess.Popen(
            ["sh", "-c", script, "sh", *values["rest"]],
            env=values["named"] | {"PATH": "/usr/bin:/bin"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.programs[program.pid] = program
        return program.pid

    async def call(self, command: str, **arguments: Any) -> Any:
        assert command == "guest-exec-status"
        program = self.programs.get(arguments["pid"])
        if program is None:
            raise Fault("GuestAgentRefused", vm="demo", command=command, detail="Invalid parameter 'pid'")
        if program.poll() is None:
            return {"exited": False}
        out, err = program.communicate()
        del self.programs[program.pid]
        told = {"exited": True, "exitcode": program.returncode}
        for name, text in (("out-data", out), ("err-data", err)):
            if text:
                told[name] = base64.b64encode(text).decode()
        return told

    async def run(self, path: str, arguments: list[str], given: bytes = b"", *, seconds: float) -> Ended:
        assert (path, arguments[0], arguments[2:]) == (module.KILL, "/PID", ["/T", "/F"])
        self.programs[int(arguments[1])].kill()
        return Ended(status=0, signal=None)


@pytest.fixture
def guest(monkeypatch: pytest.MonkeyPatch) -> WindowsGuest:
    monkeypatch.setattr(module, "_LOOKS", (0.01, 0.05))
    return WindowsGuest()


def made(tmp_path: Path, guest: WindowsGuest) -> Scripts:
    (tmp_path / "scripts").mkdir(exist_ok=True)
    return Scripts("demo", tmp_path, cast(GuestAgent, guest), lambda: True)


async def test_a_script_runs_once_and_tells_its_end(tmp_path: Path, guest: WindowsGuest) -> None:
    scripts = made(tmp_path, guest)
    args = RunArgs(
        script=f'{MARK}\necho "$Name $1"; echo err >&2; exit 4',
        parameters=(Parameter(name="Name", value="a b"), Parameter(value="rest")),
        protected=Protected(parameters=(Parameter(name="Password", value="kelp"),)),
    )
    async with asyncio.timeout(PATIENCE):
        report = await scripts.run("k", args)
    assert (report.out, report.err, report.status, report.ending) == ("a b rest\n", "err\n", 4, Ending.EXITED)
    ((path, arguments, values),) = guest.told
    assert (path, arguments) == (powershell.PROGRAM, list(powershell.ARGUMENTS))
    assert values == {"named": {"Name": "a b", "Password": "kelp"}, "rest": ["rest"]}
    (note,) = (tmp_path / "scripts").iterdir()
    assert b"kelp" not in note.read_bytes()
    assert note.stat().st_mode & 0o077 == 0
    scripts.finished("k")
    assert not list((tmp_path / "scripts").iterdir())


async def test_an_agent_that_comes_back_asks_by_the_number(tmp_path: Path, guest: WindowsGuest) -> None:
    args = RunArgs(script=f"{MARK}\nread_nothing=1; sleep 1; echo late")
    first = asyncio.get_running_loop().create_task(made(tmp_path, guest).run("k", args))
    async with asyncio.timeout(PATIENCE):
        await until(lambda: any(b'"pid":null' not in each.read_bytes() for each in notes(tmp_path)))
        first.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await first
        again = made(tmp_path, guest)
        assert (await again.status("k")).running
        report = await again.run("k", args)
    assert report.out == "late\n"
    assert len(guest.told) == 1


async def test_what_may_have_run_is_not_run_again(tmp_path: Path, guest: WindowsGuest) -> None:
    args = RunArgs(script=f"{MARK}\necho once")
    guest.fault = Fault("GuestAgentSilent", vm="demo", seconds=30)
    scripts = made(tmp_path, guest)
    for _ in range(2):
        with pytest.raises(Fault) as caught:
            await scripts.run("k", args)
        assert caught.value.code == "ScriptOutcomeUnknown"
        guest.fault = None
    assert not guest.told
    # What was refused was not begun: another try may begin it.
    guest.fault = Fault("GuestAgentRefused", vm="demo", command="guest-exec", detail="no such file")
    with pytest.raises(Fault, match="GuestAgentRefused"):
        await scripts.run("other", args)
    guest.fault = None
    async with asyncio.timeout(PATIENCE):
        assert (await scripts.run("other", args)).out == "once\n"


async def test_a_guest_that_was_restarted_cannot_tell(tmp_path: Path, guest: WindowsGuest) -> None:
    task = asyncio.get_running_loop().create_task(
        made(tmp_path, guest).run("k", RunArgs(script=f"{MARK}\nexec sleep 60"))
    )
    async with asyncio.timeout(PATIENCE):
        await until(lambda: bool(guest.programs))
        (program,) = guest.programs.values()
        guest.programs.clear()
        with pytest.raises(Fault) as caught:
            await task
    program.kill()
    program.communicate()
    assert caught.value.code == "ScriptOutcomeUnknown"


async def test_one_that_takes_too_long_or_is_canceled_is_ended(tmp_path: Path, guest: WindowsGuest) -> None:
    scripts = made(tmp_path, guest)
    async with asyncio.timeout(PATIENCE):
        report = await scripts.run("slow", RunArgs(script=f"{MARK}\nexec sleep 60", timeout=1.0))
        assert report.ending is Ending.TIMED_OUT
        task = asyncio.get_running_loop().create_task(
            scripts.run("k", RunArgs(script=f"{MARK}\nexec sleep 60"))
        )
        await until(lambda: bool(guest.programs))
        assert await scripts.cancel("k")
        assert (await task).ending is Ending.CANCELED


async def test_another_user_is_refused(tmp_path: Path, guest: WindowsGuest) -> None:
    with pytest.raises(Fault, match="InvalidParameter"):
        await made(tmp_path, guest).run("k", RunArgs(script=f"{MARK}\n", user="bob"))


def notes(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "scripts").glob("*.windows"))
