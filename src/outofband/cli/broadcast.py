"""`oob broadcast`: the same lines typed at many consoles, each looked at before and after."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from outofband.cli import options
from outofband.cli import output as show
from outofband.cli.port_states import STATES
from outofband.core.errors import Fault
from outofband.wire.broadcast import MAX_LINE, READERS, SAC_LINE

if TYPE_CHECKING:
    from outofband.client.http import ArmClient
    from outofband.core.paths import StateDir

MAX_LINES = 1000
MAX_AT_ONCE = 100
_OUTCOMES = {
    "done": "done",
    "echoed": "echoed",
    "running": "echoed, no prompt within the time",
    "waiting": "nothing came back within the time",
    "notEchoed": "not echoed",
    "lost": "lost before the prompt came back",
}
_SHOWN_LINE = 50


@click.command(
    epilog="Examples:  oob broadcast web1 web2 --line 'uptime'   ·   "
    "oob broadcast --tag role=web --file fix.sh --status --yes   ·   oob broadcast --whole-group --check"
)
@click.argument("names", nargs=-1, shell_complete=options.complete_vm)
@click.option(
    "--tag", "tags", multiple=True, callback=options.tags, help="VMs with NAME=VALUE, of all given."
)
@click.option("--whole-group", is_flag=True, help="Every VM of the resource group.")
@click.option("--line", "given", multiple=True, metavar="TEXT", help="What to type; as often as wanted.")
@click.option(
    "--file",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Lines to type, from a file; - is standard input.",
)
@click.option("--check", is_flag=True, help="Only look whether lines could be typed; type nothing.")
@click.option(
    "--shows",
    "wanted",
    type=click.Choice([each.value for each in READERS]),
    default="shell",
    show_default=True,
    help="What a console has to show (docs/reference/port-states.md).",
)
@click.option("--status", is_flag=True, help="Ask the shell for the exit status of the last line.")
@click.option(
    "--wait",
    type=click.FloatRange(1, 3600),
    default=30.0,
    show_default=True,
    help="Seconds until a line's answer has to be over.",
)
@click.option(
    "--at-once",
    type=click.IntRange(1, MAX_AT_ONCE),
    default=10,
    show_default=True,
    help="Consoles at the same time.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@options.port
@options.group
@options.common
def broadcast(
    names: tuple[str, ...],
    tags: dict[str, str],
    whole_group: bool,
    given: tuple[str, ...],
    file: Path | None,
    check: bool,
    wanted: str,
    status: bool,
    wait: float,
    at_once: int,
    yes: bool,
    port: str,
    group: str | None,
    state: StateDir,
    output: str,
) -> int:
    """Type the same lines at the serial consoles of VMs NAMES.

    Before: each console is looked at. Where somebody types, where it does not show a shell's prompt with
    nothing behind it (or what --shows says), or where you may not type, nothing is typed; it is left out and
    named. After: what each answered until its prompt was back. The exit code is 0 only when every chosen
    console was right: taken, echoed whole, prompt back in time, and status 0 where --status asks for it.
    """
    lines = _lines(given, file, wanted, status=status, check=check)
    if not (names or tags or whole_group):
        raise click.UsageError("name VMs, or choose them by --tag or --whole-group")
    if not (check or yes) and (not show.interactive() or (file is not None and str(file) == "-")):
        raise Fault("BroadcastNotConfirmed")
    if output == "json":
        show.voice.quiet = True
    import uvloop

    from outofband.cli.broadcast_run import Round, looks_right

    with options.sign_in(state) as client:
        chosen = _chosen(client, names, tags, group, whole_group=whole_group)
        machines = {name: client.vm(name, group) for name in chosen}
        tour = Round(client, machines, port=port, wanted=wanted, at_once=at_once)
        told = uvloop.run(tour.look())
        left = [each["vm"] for each in told if looks_right(each)]
        if output != "json":
            _table(told)
        if left and not check:
            if not yes:
                _confirm(lines, len(left), len(told))
            told = uvloop.run(tour.type(left, lines, seconds=wait, status=status))
            if output != "json":
                for each in told:
                    _tell(each)
    show.emit({"shows": wanted, "lines": lines, "consoles": told}, output, lambda _: None)
    out = [each for each in told if each["obstacle"] is not None]
    wrong = [each for each in told if each["obstacle"] is None and not check and not each["right"]]
    if len(out) == len(told):
        raise Fault("BroadcastNothingLeft", count=len(told), wanted=STATES[wanted])
    if out or wrong:
        raise Fault("BroadcastIncomplete", count=len(told), left_out=_names(out), wrong=_names(wrong))
    return 0


def _lines(given: Sequence[str], file: Path | None, wanted: str, *, status: bool, check: bool) -> list[str]:
    """What is typed. Raises UsageError."""
    lines = list(given)
    if file is not None:
        try:
            content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
            lines += content.decode().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise click.UsageError(f"{file} cannot be read: {error}") from error
    if status and wanted != "shell":
        raise click.UsageError("--status asks a shell: without --shows")
    if check and (lines or status):
        raise click.UsageError("--check types nothing: without --line, --file and --status")
    if not lines and not check:
        raise click.UsageError("there is nothing to type: --line TEXT or --file FILE")
    if len(lines) > MAX_LINES:
        raise click.UsageError(f"these are more than {MAX_LINES} lines; `oob paste` types files")
    most = SAC_LINE if wanted in ("sac", "sacFailed") else MAX_LINE
    for number, line in enumerate(lines, 1):
        if not line.isprintable():
            raise click.UsageError(f"line {number} has control characters, tabs or line ends in it")
        if len(line.encode()) > most:
            raise click.UsageError(f"line {number} is longer than the {most} bytes that are taken there")
    return lines


def _chosen(
    client: ArmClient, names: Sequence[str], tags: dict[str, str], group: str | None, *, whole_group: bool
) -> list[str]:
    """Names of VMs, each once: those that were named first."""
    chosen = list(names)
    if tags or whole_group:
        found = client.list(f"{client.group(group)}/providers/Microsoft.Compute/virtualMachines")
        chosen += [vm["name"] for vm in found if whole_group or _has(vm, tags)]
    once: dict[str, str] = {}
    for name in chosen:
        once.setdefault(name.lower(), name)
    if not once:
        raise Fault("BroadcastNobody")
    return list(once.values())


def _has(vm: dict[str, Any], tags: dict[str, str]) -> bool:
    own = {name.lower(): value for name, value in (vm.get("tags") or {}).items()}
    return all(own.get(name.lower()) == value for name, value in tags.items())


def _confirm(lines: Sequence[str], left: int, count: int) -> None:
    show.note(f"{len(lines)} line{'s' * (len(lines) != 1)}, at {left} of {count} consoles:")
    for line in lines[:10]:
        show.note(f"  {show.plain(line)}")
    if len(lines) > 10:
        show.note(f"  and {len(lines) - 10} more")
    click.confirm("Type that?", abort=True, err=True)


def _table(told: list[dict[str, Any]]) -> None:
    rows = [
        (
            each["vm"],
            STATES.get(each["shows"], each["shows"]),
            each["writer"] or "",
            each["line"] if len(each["line"]) <= _SHOWN_LINE else "…" + each["line"][-_SHOWN_LINE:],
            each["said"] or "ready",
        )
        for each in told
    ]
    show.rows(("VM", "SHOWS", "TYPES", "CURSOR'S LINE", "CHECK"), rows, empty="There are no VMs here.")


def _tell(each: dict[str, Any]) -> None:
    status = "" if each["status"] is None else f", status {each['status']}"
    if each["obstacle"] is not None:
        show.heading(f"{show.plain(each['vm'])}: left out: {show.plain(each['said'])}")
        return
    show.heading(f"{show.plain(each['vm'])}: {_OUTCOMES[each['outcome']]}{status}")
    for line in each["output"]:
        show.line(f"  {line}")


def _names(told: list[dict[str, Any]]) -> str:
    return ", ".join(each["vm"] for each in told) or "none"
