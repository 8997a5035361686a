"""`oob explain`: the catalogue, for a person who has a code."""

from __future__ import annotations

import re

import click
from click.shell_completion import CompletionItem

from outofband.catalogue import codes, entry
from outofband.cli import options
from outofband.cli import output as show
from outofband.core.errors import Fault


def _complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    begun = incomplete.lower()
    return [CompletionItem(code) for code in sorted(codes()) if code.lower().startswith(begun)]


@click.command(epilog="Example:  oob explain AgentOffline")
@click.argument("code", shell_complete=_complete)
@options.printing
def explain(code: str, output: str) -> None:
    """What CODE means, why it happens and what to do. Upper and lower case do not matter."""
    found = next((known for known in codes() if known.lower() == code.strip("() ").lower()), None)
    if found is None:
        near = sorted(known for known in codes() if code.lower() in known.lower())
        raise Fault("CodeUnknown", asked=code, near=", ".join(near) or "none looks like it")
    known = entry(found, show.voice.locale)
    value = {
        "code": found,
        "title": known.title,
        "message": known.message,
        "cause": known.cause,
        "remedy": known.remedy,
        "httpStatus": known.status,
        "exitCode": known.exit,
        "retryable": known.retry,
    }

    def table(_: object) -> None:
        show.heading(f"{found}: {known.title}")
        show.line(_open(known.message))
        if known.cause:
            show.line(f"Cause: {_open(known.cause)}")
        for step in known.remedy:
            show.line(f"  - {_open(step)}")
        again = ", trying again may help" if known.retry else ""
        show.line(f"HTTP status {known.status}, exit code {known.exit}{again}")

    show.emit(value, output, table)


def _open(template: str) -> str:
    """A template whose fields nobody knows here."""
    return re.sub(r"\{\w+\}", "…", template)
