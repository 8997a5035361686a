"""`azcmagent check`: the way to the control plane step by step, and where it ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from outofband.catalogue import say
from outofband.cli import output as show
from outofband.cli.azcmagent import network
from outofband.cli.azcmagent.options import verb
from outofband.cli.azcmagent.running import Run
from outofband.cli.steps import Steps

if TYPE_CHECKING:
    from outofband.agent.checks.run import Asked
    from outofband.wire.check import Endpoint, Report, Step

_MARKS = {
    "ok": ("✓", "green"),
    "warning": ("!", "yellow"),
    "failed": ("✗", "red"),
    "skipped": ("·", "bright_black"),
}
MAX_SHOWN = 160
"""Characters of one piece of evidence."""


@click.command(epilog="Example:  azcmagent check --json | jq .code")
@click.option("--cloud", metavar="NAME", help="Another cloud than the one this agent was installed for.")
@click.option(
    "-l", "--location", default="", metavar="REGION", help="Look at this region's addresses as well."
)
@click.option(
    "-e",
    "--extensions",
    type=click.Choice(["all", "sql"]),
    default=None,
    help="Look at what these extensions need as well.",
)
@click.option("--include-all", is_flag=True, help="Look at addresses that only some need as well.")
@click.option(
    "-p",
    "--enable-pls-check",
    "--use-private-link",
    "private",
    is_flag=True,
    help="The services' names have to lead to private addresses.",
)
@verb(log=False)
def check(
    run: Run, cloud: str | None, location: str, extensions: str | None, include_all: bool, private: bool
) -> int:
    """Walk the way to every address of the control plane, and say why where it ends.

    Exit code 0 when all that is needed can be reached, 26 (AZCM0026) when something on the way is broken,
    else the number of the code of what is wrong on this server. With --json: outofband.check/1.
    """
    from outofband.agent.checks import run as checks

    asked = _asked(run, cloud, location, extensions or "", include_all, private)
    with Steps(quiet=run.as_json).progress(show.here(say("check-looking", address=asked.cloud.arm))):
        report = checks.run(run.state, asked, show.voice.locale)
    _log(run, report)
    run.emit(report)
    if not run.as_json:
        _print(report, verbose=run.verbose)
    return report.exit


def _asked(
    run: Run, cloud: str | None, location: str, extensions: str, include_all: bool, private: bool
) -> Asked:
    """Raises AzcmFault AZCM0014 for a cloud nobody knows, AZCM0006 where none is known and none is named."""
    from outofband.agent.checks import run as checks
    from outofband.cli.azcmagent import places

    own = checks.own(run.state)
    mine = own is not None and (not cloud or cloud.lower() == own.name.lower())
    if own is None or not mine:
        own = network.cloud_of(places.choose(run.state, cloud))
    return checks.Asked(
        cloud=own,
        mine=mine,
        location=location,
        extensions=extensions,
        include_all=include_all,
        private=private,
    )


def _print(report: Report, *, verbose: bool) -> None:
    show.heading(show.here(say("check-server")))
    for step in report.local:
        _step(step, verbose=verbose)
    told: set[str] = set()
    for each in report.endpoints:
        _endpoint(each, told, verbose=verbose)
    show.heading(show.here(say("check-identity")))
    for step in report.identity:
        _step(step, verbose=verbose)
    needed = [each for each in report.endpoints if each.required]
    count = sum(each.state == "failed" for each in needed)
    name = "check-bad" if count else "check-local" if report.exit else "check-good"
    show.heading(show.here(say(name, code=report.code, count=count, all=len(needed))))


def _endpoint(endpoint: Endpoint, told: set[str], *, verbose: bool) -> None:
    """One line with a mark for each step; below it what is wrong, or with -v everything. What was told of
    another address in the same words is named only.
    """
    named = f"{endpoint.name}  {endpoint.url}"
    if endpoint.via is not None:
        named += "  " + show.here(say("check-via", proxy=endpoint.via, source=endpoint.via_source))
    if not endpoint.required:
        named += f"  ({show.here(say('check-optional'))})"
    show.heading(show.plain(named))
    marks = [
        click.style(f"{_MARKS[step.state][0]} {step.step}", fg=_MARKS[step.state][1])
        for step in endpoint.steps
    ]
    show.styled("  " + "  ".join(marks))
    for step in endpoint.steps:
        if step.cause and step.message in told and not verbose:
            show.line(f"  {_MARKS[step.state][0]} {step.step} ({step.code}) {step.title}")
        elif verbose or step.cause:
            _step(step, verbose=verbose)
        told.add(step.message)


def _step(step: Step, *, verbose: bool) -> None:
    mark, colour = _MARKS[step.state]
    line = f"  {click.style(mark, fg=colour)} {step.step}"
    if step.cause:
        line += f" {click.style(f'({step.code})', bold=True)} {show.plain(show.local_times(step.message))}"
    elif step.because:
        line += f"  {show.here(say(f'because-{step.because}'))}"
    if verbose and not step.because:
        line += f"  {step.seconds:.3f} s"
    show.styled(line)
    if step.cause:
        if step.why:
            show.line(f"      {show.here(say('check-cause'))} {step.why}")
        for remedy in step.remedy:
            show.line(f"      {show.here(say('check-remedy'))} {remedy}")
    if verbose or step.cause:
        for piece in _evidence(step):
            show.line(f"      {show.here(say('check-seen'))} {piece}")


def _evidence(step: Step) -> Iterator[str]:
    for name, value in step.evidence.items():
        text = ", ".join(value) if isinstance(value, list) else str(value)
        if text and text != "-":
            yield f"{show.here(network.evidence_name(name))} = {text[:MAX_SHOWN]}"


def _log(run: Run, report: Report) -> None:
    for each in report.endpoints:
        broken = each.broken
        tls = next((str(step.evidence.get("version", "")) for step in each.steps if step.step == "tls"), "")
        seen = {"Proxy": each.via or "not used", "Protocol": tls or "-"}
        if broken is None:
            run.log("debug", f"{each.url} is available", seen)
        else:
            run.log("error", f"{each.url} is not available: {broken.message}", {**seen, "Code": broken.code})
