"""How `oob rescue` tells of steps, findings and ends."""

from __future__ import annotations

from typing import Any

import click

from outofband.cli import output as show

KIND = "providers/Outofband.Diagnostics/rescues"
VERSION = "2026-11-01"
ASTRAY = frozenset({"RescueNameUnknown", "RescueNameElsewhere"})
"""Findings that say of a name that it does not lead to the VM."""
_MARKS = {"done": "✓", "failed": "✗", "declined": "-", "wished": "?", "doing": "…", "stopped": "…"}


def rights(told: list[dict[str, Any]]) -> None:
    """Before anything is done: what the caller may not have done."""
    for each in told:
        if not each["allowed"]:
            show.say(f"You lack {each['action']}: step {each['step']} will be left out ({each['deed']}).")


def seen(told: dict[str, Any]) -> None:
    """A step, and what it saw."""
    show.styled(click.style(show.plain(f"{told['number']}. {told['title']}"), bold=True))
    for each in told["findings"]:
        finding(each)


def done(told: dict[str, Any]) -> None:
    """The rest of a step when it is over: what was done, and whether the VM answers now."""
    deed = told["deed"]
    if deed is not None:
        show.line(f"   {_MARKS.get(deed['state'], ' ')} {deed['title']}")
        if deed.get("observed"):
            show.line(f"     {deed['observed']}")
        for each in deed.get("findings") or ():
            finding(each)
        guest(deed.get("guest") or {})
        if deed.get("problem"):
            finding(deed["problem"])
    if told["probe"] is not None:
        for where, name in (("controlPlane", "from the control plane"), ("host", "from its host")):
            look(told["probe"][where], name)
        for each in told["probe"].get("findings", ()):
            if each["code"].startswith("RescueSignIn"):
                finding(each)


def guest(told: dict[str, Any]) -> None:
    """What a step made otherwise in the guest."""
    for each in told.get("changes", ()):
        show.line(f"     {each['text']}")
    for note in told.get("notes", ()):
        show.line(f"     {note}")


def finding(told: dict[str, Any]) -> None:
    show.line(f"   {told['title']} ({told['code']})")
    show.line(f"     {told['message']}")
    for remedy in told["remedy"]:
        show.line(f"     - {remedy}")


def undone(told: dict[str, Any]) -> None:
    """What was taken back, and what stayed."""
    show.line("It is taken back, but for what follows:" if told["left"] else "It is taken back.")
    for each in told["left"]:
        finding(each)


def look(report: dict[str, Any] | None, where: str) -> None:
    if report is None:
        return
    problem = report.get("problem")
    said = f"does not answer: {problem['title']} ({problem['code']})" if problem else "does not answer"
    show.line(f"   {where}: {'answers' if report['works'] else said}")


def end(told: dict[str, Any]) -> None:
    """The end: what was found outside of the steps, the looks, and the outcome."""
    for each in told["findings"]:
        if each["step"] == 0:
            finding(each)
    probe, last = told["probe"], told["probe"]["last"]
    show.line(f"Port {told['port']} of {told['address'] or 'the VM'}, seen from three places:")
    named = probe.get("named")
    for report, name in (
        (last["controlPlane"], "from the control plane"),
        (last["host"], "from its host, past every rule"),
        (probe["client"], "from this computer"),
    ):
        if report is None:
            show.line(f"   {name}: not looked at")
        look(report, name)
    if named is not None:
        look(named, f"from this computer, by the name {named['host']} ({named['address'] or 'no address'})")
    if (main := told.get("mainCause")) is not None:
        show.line(f"Main cause: {main['title']} ({main['code']})")
    show.line(str(told["summary"]))
