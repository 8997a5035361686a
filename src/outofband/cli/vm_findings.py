"""What is wrong with VMs by what they printed, as `oob vm list` and `oob vm show` tell it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from outofband.cli import output as show
from outofband.core.errors import Fault

if TYPE_CHECKING:
    from outofband.client.http import ArmClient

KIND = "providers/Outofband.Diagnostics/findings"
VERSION = "2026-11-01"
_COLOURS = {"error": "red", "warning": "yellow"}


def worst(view: dict[str, Any]) -> str:
    """Of an instance view: the worst open finding, and how many more there are."""
    found = (view.get("outofband") or {}).get("findings") or []
    if not found:
        return ""
    return str(found[0].get("title", "")) + (f" (+{len(found) - 1})" if len(found) > 1 else "")


def open_ones(client: ArmClient, vm: str, view: dict[str, Any]) -> list[dict[str, Any]]:
    """What holds now, the worst first, with evidence where the caller may read the log; as far as the VM's
    instance view tells it to who may read the VM and not its findings. Raises Fault.
    """
    try:
        listed = list(client.list(f"{vm}/{KIND}", version=VERSION, open="true"))
    except Fault as fault:
        if fault.code != "AuthorizationFailed":
            raise
        told = (view.get("outofband") or {}).get("findings") or []
        return [{"name": each["id"], "cause": "", "remedy": [], **each} for each in told]
    return [{"name": each["name"], **each["properties"]} for each in listed]


def tell(findings: Sequence[dict[str, Any]]) -> None:
    """Each with its evidence, cause and remedy."""
    for each in findings:
        colour = _COLOURS.get(str(each["severity"]))
        kind = click.style(str(each["severity"]), fg=colour, bold=True)
        show.styled("")
        show.styled(f"{kind} ({show.plain(each['code'])}) {show.plain(each['message'])}")
        often = f"{each['count']} times, last {each['last']}"
        seen = often if each["count"] > 1 else f"since {each['first']}"
        show.line(f"  seen:    {show.local_times(seen)}, boot {each['boot']}, serial port {each['port']}")
        for line in each.get("evidence", ()):
            show.line(f"  at {line['offset']}: {line['text']}")
        if "evidence" not in each:
            show.line("  (you may not read what this VM printed, so the lines are not shown)")
        if each["cause"]:
            show.line(f"  cause:   {each['cause']}")
        for step in each["remedy"]:
            show.line(f"  remedy:  {step}")
