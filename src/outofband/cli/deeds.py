"""What can cost somebody their work: asked before it is done, and told why in the activity log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from outofband.cli import output as show

EXIT_DECLINED = 130
"""The person said no."""
_ENDS = {
    "nmi": "An NMI is meant for debugging and may crash the guest.",
    "ctrl-alt-del": "Ctrl-Alt-Del restarts many guests: Linux at once, Windows Server opens its sign-in.",
    "reset": "A reset loses what the guest has not written to its disks.",
    "b": "SysRq b reboots the guest at once; what it has not written to its disks is lost.",
    "c": "SysRq c crashes the guest.",
    "e": "SysRq e ends all of the guest's programs.",
    "f": "SysRq f kills the guest's program that uses the most memory.",
    "i": "SysRq i kills all of the guest's programs.",
    "k": "SysRq k kills every program on the console; who is logged in there is logged out.",
    "o": "SysRq o powers the guest off at once.",
    "u": "SysRq u makes the guest's disks read-only.",
}


def destructive(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `yes` and `reason`."""
    decorated = click.option("--reason", default="", metavar="TEXT", help="Why; kept in the activity log.")(
        function
    )
    return click.option("-y", "--yes", is_flag=True, help="Do not ask.")(decorated)


def warning(what: str, key: str | None = None) -> str | None:
    """What sending that to a guest may do to it; None when it is harmless."""
    return _ENDS.get((key or "").lower()) if what == "sysrq" else _ENDS.get(what)


def declined(question: str, yes: bool) -> bool:
    """Ask, where there is somebody to ask: a script has made up its mind. True when nothing is to be done."""
    if yes or not show.interactive() or click.confirm(question, err=True):
        return False
    show.say("Nothing was done.")
    return True
