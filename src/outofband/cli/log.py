"""`oob vm log`: what a VM printed last, and who was at its console meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from outofband.cli import options
from outofband.cli import output as show

if TYPE_CHECKING:
    from outofband.core.paths import StateDir

MAX_LINES = 200
GUEST = "  "
RECORD = "* "
"""What a line begins with. Each has one of them, so that nothing a guest prints looks like a record."""


@click.command("log", epilog="Example:  oob vm log web1 -n 100   ·   oob vm log web1 -o json")
@click.argument("name", shell_complete=options.complete_vm)
@click.option(
    "-n",
    "lines",
    type=click.IntRange(1, MAX_LINES),
    default=50,
    show_default=True,
    help="Lines of the guest's.",
)
@click.option("--port", default="0", show_default=True, help="Serial port of the VM.")
@options.group
@options.common
def log(name: str, lines: int, port: str, group: str | None, state: StateDir, output: str) -> None:
    """The last lines that VM NAME printed, whether it runs or not.

    Lines of the guest begin with two blanks. Those that begin with `* ` are records of who was at the
    console, from where and how it ended, each at its place.
    """
    from outofband.client.http import SERIAL_VERSION

    with options.sign_in(state) as client:
        path = f"{client.vm(name, group)}/providers/Microsoft.SerialConsole/serialPorts/{port}/tail"
        found = client.post(path, {"lines": lines}, version=SERIAL_VERSION)

    def table(tail: dict[str, Any]) -> None:
        for line in told(tail):
            click.echo(line)

    show.emit(found, output, table)


def told(tail: dict[str, Any]) -> list[str]:
    """Lines and records in their order, each as one line."""
    lines, records = tail["lines"], list(tail.get("records", ()))
    out: list[str] = []
    for number in range(len(lines) + 1):
        while records and records[0]["before"] <= number:
            record = records.pop(0)
            out.append(f"{RECORD}{_plain(record['at'])} {_plain(record['text'])}")
        if number < len(lines):
            out.append(f"{GUEST}{_plain(lines[number]['text'])}".rstrip())
    return out


def _plain(text: Any) -> str:
    return show.plain(str(text)).replace("\n", " ")
