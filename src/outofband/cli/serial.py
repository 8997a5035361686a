"""`oob serial`: what can be done to a console beside typing on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from outofband.cli import deeds, options, sharing
from outofband.cli import output as show
from outofband.cli.steps import Steps
from outofband.core.errors import Fault

if TYPE_CHECKING:
    from outofband.client.http import ArmClient
    from outofband.core.paths import StateDir

_ACTIONS = {"ctrl-alt-del": "ctrlAltDel"}
"""Words of the command line that the API writes otherwise."""
CONSOLE_SERVICE = "providers/Microsoft.SerialConsole/consoleServices/default"


def act(client: ArmClient, vm: str, port: str, verb: str, body: dict[str, str] | None) -> str:
    """Send nmi, reset, sysrq or ctrlAltDel to a VM's port; the sentence of what was seen to happen."""
    from outofband.client.http import SERIAL_VERSION

    path = f"{vm}/providers/Microsoft.SerialConsole/serialPorts/{port}/{verb}"
    done = client.post(path, body, version=SERIAL_VERSION) or {}
    result = (done.get("properties") or {}).get("output") or done
    return str(result.get("observed", "done"))


@click.group()
def serial() -> None:
    """NMI, SysRq, Ctrl-Alt-Del and reset for a VM; who is at its console; the switches of all consoles."""


@serial.command(
    epilog="Examples:  oob serial send demo sysrq h   ·   oob serial send demo reset --reason hangs"
)
@click.argument("name", shell_complete=options.complete_console)
@click.argument("what", type=click.Choice(["nmi", "reset", "sysrq", "ctrl-alt-del"]))
@click.argument("key", required=False)
@options.machine
@options.port
@deeds.destructive
@options.group
@options.common
def send(
    name: str,
    what: str,
    key: str | None,
    machine: bool,
    port: str,
    yes: bool,
    reason: str,
    group: str | None,
    state: StateDir,
    output: str,
) -> int:
    """Send NAME a non-maskable interrupt, a reset, Ctrl-Alt-Del, or the SysRq KEY (one of 0-9 a-z).

    Ctrl-Alt-Del is pressed on the VM's own keyboard, through its hypervisor. The keyboard of whoever is at
    the console is left alone. Says what was seen to happen. On a terminal it asks before it sends what can
    cost work.
    """
    if (what == "sysrq") != (key is not None):
        raise click.UsageError("sysrq needs a KEY (for example h); the others take none")
    if key is not None and not (len(key) == 1 and key.isascii() and key.isalnum()):
        raise Fault("InvalidParameter", target="key", detail="it is one of 0-9 and a-z")
    danger = deeds.warning(what, key)
    if danger is not None and deeds.declined(f"{danger} Send it to {name}?", yes):
        return deeds.EXIT_DECLINED
    body = {"key": key.lower()} if key else None
    with options.sign_in(state, reason) as client, Steps(quiet=output == "json").progress(f"sending {what}"):
        observed = act(
            client, options.console_of(client, name, group, machine), port, _ACTIONS.get(what, what), body
        )
    told = {"vm": name, "sent": what, "observed": observed}
    show.emit(told, output, lambda done: show.line(done["observed"]))
    return 0


def _switch(state: StateDir, output: str, action: str | None) -> None:
    from outofband.client.http import SERIAL_VERSION

    with options.sign_in(state) as client:
        path = f"{client.subscription}/{CONSOLE_SERVICE}"
        if action is None:
            answer: Any = client.get(path, version=SERIAL_VERSION)
        else:
            answer = client.post(f"{path}/{action}", version=SERIAL_VERSION)
        disabled = bool(answer["properties"]["disabled"])
        subscription = client.profile.subscription_id
    word = "disabled" if disabled else "enabled"
    show.emit(
        {"subscription": subscription, "disabled": disabled},
        output,
        lambda _: show.line(f"The serial console is {word} for subscription {subscription}."),
    )


@serial.command(epilog="Example:  oob serial status")
@options.common
def status(state: StateDir, output: str) -> None:
    """Whether consoles are enabled for the subscription."""
    _switch(state, output, None)


@serial.command(epilog="Example:  oob serial enable")
@options.common
def enable(state: StateDir, output: str) -> None:
    """Allow consoles in the subscription again."""
    _switch(state, output, "enableConsole")


@serial.command(epilog="Example:  oob serial disable")
@options.common
def disable(state: StateDir, output: str) -> None:
    """Switch every console of the subscription off; open sessions end at once."""
    _switch(state, output, "disableConsole")


serial.add_command(sharing.who)
serial.add_command(sharing.policy)
