"""The command as a whole: its verbs, its exit codes, and that it starts fast."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from outofband.catalogue import codes, entry
from outofband.cli import main
from outofband.cli.azcmagent import main as azcmagent
from outofband.cli.main import VERBS, oob
from outofband.wire import azcm

ROOT = Path(__file__).parents[3]
REFERENCE = (ROOT / "docs" / "reference" / "cli.md").read_text()
EXITS = (ROOT / "docs" / "reference" / "exit-codes.md").read_text()


def command_lines(group: click.Group, typed: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every verb, and every verb below a verb, with what one types for it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from command_lines(command, f"{typed}{name} ")
        else:
            yield f"{typed}{name}", command


COMMANDS = dict(command_lines(oob))


def run(*arguments: str, state: Path | None = None, **more: object) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "OOB_STATE": str(state or "/nonexistent/state")}
    command = [sys.executable, "-m", "outofband.cli", *arguments]
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        command, env=env, capture_output=True, text=True, timeout=60, check=False, **more
    )


@pytest.mark.parametrize("line", COMMANDS)
def test_every_verb_explains_itself_and_prints_both_ways(line: str) -> None:
    command = COMMANDS[line]
    options = {name for each in command.params for name in each.opts}
    shared = line.split(maxsplit=1)[0] == "agent" and line.split()[1] in azcmagent.SHARED
    # Those of azcmagent have its flags in both programs.
    assert ({"--json", "--verbose"} if shared else {"--output", "--quiet", "--verbose"}) <= options
    assert command.help
    assert command.epilog, "an example, or where to go on"
    for each in command.params:
        if isinstance(each, click.Option) and each.name not in ("kernel", "initrd", "disk", "driver", "cpus"):
            assert each.help, f"{each.opts} has no help"


@pytest.mark.parametrize("line", COMMANDS)
def test_the_reference_has_an_example_of_every_verb(line: str) -> None:
    assert re.search(rf"oob {re.escape(line)}\b", REFERENCE)


def test_help_shows_every_verb_and_loads_none() -> None:
    code = "import sys; from outofband.cli.main import run; run(['-h']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for name, (_, _, words) in VERBS.items():
        assert re.search(rf"^  {name} +{re.escape(words[:20])}", done.stdout, re.MULTILINE)
    loaded = set(done.stderr.split())
    heavy = {"httpx", "websockets", "uvloop", "rich", "structlog", "cryptography", "asyncio", "ssl"}
    assert not heavy & loaded, "it would start slowly"


@pytest.mark.parametrize(
    ("line", "code", "exit_code"),
    [
        ("nonsense", "UsageInvalid", 2),
        ("vm nonsense", "UsageInvalid", 2),
        ("vm show", "UsageInvalid", 2),
        ("vm list --nonsense", "UsageInvalid", 2),
        ("vm create x --driver pty --image y", "UsageInvalid", 2),
        ("vm create x --image y --socket z", "UsageInvalid", 2),
        ("vm delete x", "UsageInvalid", 2),
        ("serial send x sysrq", "UsageInvalid", 2),
        ("serial send x nmi h", "UsageInvalid", 2),
        ("serial send x sysrq hh", "InvalidParameter", 2),
        ("console x", "NotATerminal", 2),
        ("console x --escape ^[", "UsageInvalid", 2),
        ("console x --escape a", "UsageInvalid", 2),
        ("agent image x", "UsageInvalid", 2),
        ("explain nonsense", "CodeUnknown", 3),
        ("agent status", "AgentNotEnrolled", 5),
        ("vm list", "StateNotFound", 8),
        ("status", "StateNotFound", 8),
        ("trust", "StateNotFound", 8),
        ("agent token", "StateNotFound", 8),
        ("login", "UsageInvalid", 2),
        ("login http://x", "InvalidParameter", 2),
        ("login x --fingerprint zz", "InvalidParameter", 2),
        ("login x --ca /nowhere", "AuthoritiesInvalid", 2),
        ("login x --ca a --fingerprint b", "UsageInvalid", 2),
        ("logout", "NotSignedIn", 5),
        ("identity user list", "StateNotFound", 8),
        ("identity user add x --scope /", "UsageInvalid", 2),
        ("identity user remove x", "UsageInvalid", 2),
        ("identity recover", "StoreMissing", 8),
    ],
)
def test_exit_codes_and_errors(
    line: str, code: str, exit_code: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = [*line.split(), "--state", str(tmp_path)] if code not in ("CodeUnknown",) else line.split()
    if line in ("nonsense", "vm nonsense"):
        arguments = line.split()
    assert main.run([*arguments, "-o", "json"]) == exit_code
    out, err = capfd.readouterr()
    assert out == ""
    assert json.loads(err)["error"]["code"] == code
    assert main.run(arguments) == exit_code
    out, err = capfd.readouterr()
    assert out == ""
    assert f"error ({code})" in err or (code == "UsageInvalid" and "Usage: oob" in err)


def test_an_unexpected_failure_is_a_fault_and_v_shows_where(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the sky fell")

    monkeypatch.setattr("outofband.cli.options.sign_in", broken)
    assert main.run(["vm", "list"]) == 1
    err = capfd.readouterr().err
    assert "error (ClientDefect) oob failed unexpectedly: RuntimeError: the sky fell." in err
    assert "Traceback" not in err
    assert main.run(["vm", "list", "-v"]) == 1
    assert "Traceback" in capfd.readouterr().err
    assert main.run(["vm", "list", "-o", "json"]) == 1
    assert json.loads(capfd.readouterr().err)["error"]["code"] == "ClientDefect"


def test_an_interruption_is_told(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("outofband.cli.options.sign_in", interrupted)
    assert main.run(["vm", "list", "-o", "json"]) == 130
    assert json.loads(capfd.readouterr().err.strip())["error"]["code"] == "OperationCanceled"


def test_a_reader_that_goes_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "outofband.cli", "explain", "AgentOffline"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_full_disk_below_the_output_is_told() -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "outofband.cli", "explain", "AgentOffline"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr


def test_the_script_and_its_version() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, "oob, version 0.1.0\n")
    assert run("-h").stdout == run("--help").stdout
    assert run().returncode == 2


def test_explain_in_any_case_and_both_ways(capfd: pytest.CaptureFixture[str]) -> None:
    assert main.run(["explain", "(agentoffline)", "-o", "json"]) == 0
    value = json.loads(capfd.readouterr().out)
    assert (value["code"], value["httpStatus"], value["exitCode"], value["retryable"]) == (
        "AgentOffline",
        409,
        6,
        True,
    )
    for code in sorted(codes()):
        assert main.run(["explain", code]) == 0
        shown = capfd.readouterr().out
        assert entry(code).title in shown
        assert "{" not in re.sub(r"\{(current|default|bootmgr)\}", "", shown)


def test_exit_codes_are_those_that_are_documented() -> None:
    documented = {int(number) for number in re.findall(r"^\| (\d+) \|", EXITS, re.MULTILINE)}
    ours = {code for code in codes() if azcm.exit_code(code) is None}
    assert {entry(code).exit for code in ours} <= documented
