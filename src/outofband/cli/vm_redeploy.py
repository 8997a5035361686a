"""`oob vm redeploy`: a VM to another host, with what that costs said before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from outofband.cli import deeds, options
from outofband.cli import output as show
from outofband.cli.steps import Steps

if TYPE_CHECKING:
    from outofband.core.paths import StateDir

_LOSES = (
    "It is shut down and started again, on another host if there is one. What is on a temporary disk is lost,"
    " and dynamic public addresses change."
)
_DEAD = (
    "Its host is given up: its disk is lost to it, and it begins anew from its image on another host. If that"
    " host still runs it, there are two until the host is back."
)


@click.command(
    "redeploy",
    epilog="Examples:  oob vm redeploy web1   ·   oob vm redeploy web1 --confirm-host-is-dead"
    " --reason 'mainboard burnt'",
)
@click.argument("name", shell_complete=options.complete_vm)
@click.option(
    "--confirm-host-is-dead",
    "dead",
    is_flag=True,
    help="Its host cannot be reached and is off for good; needs --reason.",
)
@deeds.destructive
@options.group
@options.common
def redeploy(
    name: str, dead: bool, yes: bool, reason: str, group: str | None, state: StateDir, output: str
) -> int:
    """Move VM NAME to another connected host with its disk, and start it there. Without another host that can
    run it, it is started anew where it is.
    """
    if dead and not reason.strip():
        raise click.UsageError("--confirm-host-is-dead needs --reason")
    if deeds.declined(f"{_DEAD if dead else _LOSES} Redeploy {name}?", yes):
        return deeds.EXIT_DECLINED
    query = {"confirmHostIsDead": "true"} if dead else {}
    with (
        options.sign_in(state, reason) as client,
        Steps(quiet=output == "json").progress(f"redeploying {name}") as detail,
    ):
        done = client.post(
            f"{client.vm(name, group)}/redeploy",
            progress=lambda status, seconds: detail(f"{status}, {seconds:.0f} s"),
            **query,
        )
    found: dict[str, Any] = ((done or {}).get("properties") or {}).get("output") or {}
    told = {"vm": name, "action": "redeploy", **found}
    show.emit(told, output, lambda it: show.line(str(it.get("observed", "done"))))
    return 0
