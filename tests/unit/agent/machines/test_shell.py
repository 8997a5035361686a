"""The text that runs a script in a guest, run by this machine's own sh."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import msgspec
import pytest

from outofband.agent.machines import shell
from outofband.wire.script import Parameter, Protected, RunArgs

JOB = "j" * 32


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(shell, "BASE", str(tmp_path / "run"))
    monkeypatch.setattr(shell, "KEPT", str(tmp_path / "kept"))
    made = tmp_path / "run" / JOB
    made.mkdir(parents=True)
    return made


def run(folder: Path, args: RunArgs) -> tuple[str, str, str]:
    """What was printed on either way, and how it ended."""
    (folder / "job").write_bytes(shell.job_text(JOB, args))
    subprocess.run(["sh", folder / "job"], timeout=30, check=False, cwd=folder)
    return (folder / "out").read_text(), (folder / "err").read_text(), (folder / "exit").read_text()


@pytest.mark.parametrize("name", ["job", "kept", "program", "first", "child", "guard", "status", "stat"])
def test_a_parameter_may_have_any_name(folder: Path, name: str) -> None:
    args = RunArgs(
        script=f'echo "${name}|$1|$2"; exit 3',
        parameters=(Parameter(name=name, value="a b"), Parameter(value="c  d")),
    )
    assert run(folder, args) == ("a b|a b|c  d\n", "", "3 \n")


def test_a_script_may_have_a_path_of_its_own(folder: Path) -> None:
    hidden = Protected(parameters=(Parameter(name="PATH", value="/nowhere", positional=False),))
    assert run(folder, RunArgs(script='echo "$PATH"', protected=hidden)) == ("/nowhere\n", "", "0 \n")


def test_it_runs_once(folder: Path) -> None:
    args = RunArgs(script="echo once")
    assert run(folder, args)[0] == "once\n"
    assert run(folder, RunArgs(script="echo twice"))[0] == "once\n"


def test_nothing_watches_a_script_that_has_ended(folder: Path) -> None:
    """What ends a script that takes too long would later end whoever has its number then."""
    seconds = {str(4000 + number): RunArgs(script="true", timeout=4000 + number) for number in range(16)}
    for args in seconds.values():
        run(folder, args)
        (folder / "begun").rmdir()
    asleep = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            program, _, number = path.read_text().rstrip("\0").partition("\0")
            asleep |= {number} if program == "sleep" else set()
    assert not asleep & seconds.keys()


def test_what_tells_of_it_appears_whole(folder: Path, tmp_path: Path) -> None:
    """Where nothing can be renamed, no file that the agent reads is there, not even an empty one."""
    idle = tmp_path / "programs" / "mv"
    idle.parent.mkdir()
    idle.symlink_to("/bin/true")
    (folder / "job").write_bytes(shell.job_text(JOB, RunArgs(script="true")))
    path = f"{idle.parent}:{os.environ['PATH']}"
    subprocess.run(["sh", folder / "job"], timeout=30, check=True, cwd=folder, env={"PATH": path})
    left = {each.name for each in folder.iterdir()}
    assert {"pid.new", "child.new", "exit.new"} <= left
    assert not {"pid", "child", "exit"} & left


def test_one_that_leads_no_group_yet_is_ended_like_any_other(folder: Path) -> None:
    """Canceled between the first sign of a script and its session: it is asked to end, not killed later."""
    begun = subprocess.Popen(["sleep", "300"])
    (folder / "child").write_text(f"{begun.pid}\n")
    text = shell.CANCEL.replace("/run/outofband", str(folder.parent))
    try:
        subprocess.run(["sh", "-c", text, "sh", JOB], timeout=30, check=True)
        assert begun.wait(timeout=shell.GRACE_SECONDS - 1) == -signal.SIGTERM
    finally:
        begun.kill()
        begun.wait()


@pytest.mark.parametrize("user", ["root\n", "a b", "-x", "$(id)", ""])
def test_an_account_is_a_name(user: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"script": "true", "user": user}, RunArgs)
