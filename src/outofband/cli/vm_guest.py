"""`oob vm reset-remote`, `reset-nic` and `undo-step`: a guest's remote access and card reset, and back."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from outofband.cli import deeds, options
from outofband.cli import output as show
from outofband.cli.steps import Steps
from outofband.core.errors import Fault

if TYPE_CHECKING:
    from outofband.core.paths import StateDir

_CARD = (
    "It is shut down and started again: what it has not written to its disks is lost, and its private address"
    " is another one."
)
MAX_REPORT = 1 << 20
"""Bytes of a file with a report."""


@click.command(
    "reset-remote",
    epilog="Examples:  oob vm reset-remote web1   ·   oob vm reset-remote web1 --protocol ssh --user ada"
    "   ·   oob vm reset-remote web1 --only-look -o json",
)
@click.argument("name", shell_complete=options.complete_vm)
@click.option(
    "--protocol",
    "protocols",
    type=click.Choice(["rdp", "ssh"]),
    multiple=True,
    help="What is reset; as often as wanted.  [default: both; in Windows rdp]",
)
@click.option("--user", default="", help="An account that is to be able to sign in: unlocked, not expired.")
@click.option("--only-look", is_flag=True, help="Tell what is in the way, and change nothing.")
@options.group
@options.common
def reset_remote(
    name: str,
    protocols: tuple[str, ...],
    user: str,
    only_look: bool,
    group: str | None,
    state: StateDir,
    output: str,
) -> None:
    """Reset Remote Desktop and SSH inside VM NAME, through its guest agent.

    Services, their configuration and port, the certificate and the guest's own firewall are looked at, mended
    where that is safe, and told where it is not. What was changed can be taken back: keep the answer
    (-o json) and give it to oob vm undo-step.
    """
    with options.sign_in(state) as client:
        path = client.vm(name, group)
        body: dict[str, Any] = {"onlyLook": only_look, "user": user}
        if protocols:
            body["protocols"] = list(protocols)
        found = _done(client, f"{path}/resetRemote", body, f"resetting {name}", output)
    show.emit({"vm": name, **found}, output, tell)


@click.command(
    "reset-nic",
    epilog="Examples:  oob vm reset-nic web1   ·   oob vm reset-nic web1 --address 10.0.0.9 --yes",
)
@click.argument("name", shell_complete=options.complete_vm)
@click.option("--address", default="", help="Private address to give it.  [default: a free one]")
@deeds.destructive
@options.group
@options.common
def reset_nic(
    name: str, address: str, yes: bool, reason: str, group: str | None, state: StateDir, output: str
) -> int:
    """Give VM NAME another private address and network card, and restart it with them.

    A guest that cannot use the card it has finds one that it has never seen. If its guest agent answers, it
    is helped to take the address. When the VM does not start so, the old address and card come back.
    """
    if deeds.declined(f"{_CARD} Reset the network interface of {name}?", yes):
        return deeds.EXIT_DECLINED
    body = {"privateIPAddress": address} if address else {}
    with options.sign_in(state, reason) as client:
        path = f"{client.vm(name, group)}/resetNic"
        found = _done(client, path, body, f"resetting the card of {name}", output)
    show.emit({"vm": name, **found}, output, _tell_card)
    return 0


@click.command("undo-step", epilog="Example:  oob vm undo-step web1 --report reset.json")
@click.argument("name", shell_complete=options.complete_vm)
@click.option(
    "--report",
    "source",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    help="File with what the step told (-o json); - is standard input.",
)
@options.group
@options.common
def undo_step(name: str, source: Path, group: str | None, state: StateDir, output: str) -> None:
    """Take back what a step changed inside VM NAME, by the report that it made."""
    report = _read(source)
    with options.sign_in(state) as client:
        path = client.vm(name, group)
        found = _done(client, f"{path}/undoStep", {"report": report}, f"undoing in {name}", output)
    show.emit({"vm": name, **found}, output, _tell_undone)


def tell(told: dict[str, Any]) -> None:
    """What a step found and changed, in words."""
    import msgspec

    from outofband.catalogue import explain
    from outofband.wire.remote import Protocol
    from outofband.wire.steps import words
    from outofband.wire.steps.causes import causes, missing
    from outofband.wire.steps.report import StepReport

    report = msgspec.convert(told["report"], StepReport)
    protocols = tuple(map(Protocol, told.get("protocols", ())))
    wrong = (*causes(report, protocols), *missing(report, protocols))
    for each in wrong:
        if each in report.problems:
            continue
        said = explain(Fault(each.code, **each.fields), show.voice.locale)
        show.line(f"{said.title}: {said.message} ({each.code})")
    found = words.tell(report, show.voice.locale, wrong)
    for line in found.lines:
        show.line(f"{line.text} {line.undo}")
    for problem in found.problems:
        show.line(f"{problem.title} ({problem.code})")
        show.line(f"  {problem.message}")
        for remedy in problem.remedy:
            show.line(f"  - {remedy}")
    for note in found.notes:
        show.line(note)


def _tell_card(told: dict[str, Any]) -> None:
    show.line(str(told.get("observed", "done")))
    if told.get("report"):
        tell(told)


def _tell_undone(told: dict[str, Any]) -> None:
    if "report" in told:
        tell(told)
    else:
        show.line(f"{told.get('undone', 0)} changes were put back.")


def _done(client: Any, path: str, body: dict[str, Any], what: str, output: str) -> dict[str, Any]:
    with Steps(quiet=output == "json").progress(what) as detail:
        done = client.post(path, body, progress=lambda status, seconds: detail(f"{status}, {seconds:.0f} s"))
    found: dict[str, Any] = ((done or {}).get("properties") or {}).get("output") or {}
    return found


def _read(source: Path) -> dict[str, Any]:
    """Raises Fault InvalidParameter."""
    try:
        text = sys.stdin.read(MAX_REPORT) if str(source) == "-" else source.read_text(encoding="utf-8")
        found = json.loads(text)
    except (OSError, ValueError) as error:
        raise Fault("InvalidParameter", target="report", detail=str(error)) from error
    inner = found.get("report", found) if isinstance(found, dict) else None
    if not isinstance(inner, dict):
        raise Fault("InvalidParameter", target="report", detail="it is no report of a step")
    return inner
