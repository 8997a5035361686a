"""Sharing a console: who is there, and what becomes of a login that somebody leaves behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from outofband.cli import options
from outofband.cli import output as show

if TYPE_CHECKING:
    from outofband.core.paths import StateDir

POLICY = "providers/Outofband.Console/policies/default"
POLICY_VERSION = "2026-11-01"
_WORDS = {
    "on": "The login that somebody leaves behind is ended.",
    "off": "A login that somebody leaves behind stays open.",
}


@click.command(epilog="Example:  oob serial who demo")
@click.argument("name", shell_complete=options.complete_vm)
@click.option("--port", default="0", show_default=True, help="Serial port of the VM.")
@options.group
@options.common
def who(name: str, port: str, group: str | None, state: StateDir, output: str) -> None:
    """Who is at the console of VM NAME: since when, typing or watching, from where and with what."""
    from outofband.client.http import SERIAL_VERSION

    with options.sign_in(state) as client:
        path = f"{client.vm(name, group)}/providers/Microsoft.SerialConsole/serialPorts/{port}"
        found = client.get(path, version=SERIAL_VERSION)["properties"].get("outofband") or {}
    viewers: list[dict[str, Any]] = found.get("viewers", [])

    def table(_: Any) -> None:
        lines = [
            (
                each["name"],
                "types" if each["mode"] == "write" else "watches",
                show.local_times(each["since"]),
                each.get("address", ""),
                each.get("client", ""),
            )
            for each in viewers
        ]
        show.rows(("NAME", "DOES", "SINCE", "FROM", "WITH"), lines, empty="Nobody is at this console.")

    show.emit({"vm": name, "viewers": viewers}, output, table)


@click.command(
    "console-policy",
    epilog="Examples:  oob vm console-policy demo   ·   oob vm console-policy demo --end-login on",
)
@click.argument("name", shell_complete=options.complete_vm)
@click.option(
    "--end-login",
    type=click.Choice(["on", "off", "inherit"]),
    help="End the guest login of whoever goes away or is taken over; inherit: as the subscription says.",
)
@options.group
@options.common
def vm_policy(name: str, end_login: str | None, group: str | None, state: StateDir, output: str) -> None:
    """What becomes of a login left behind on the console of VM NAME; with --end-login, change that.

    It is off unless somebody switches it on. Then, 30 s after a lost connection and at once when somebody
    leaves or is taken over, the login in the guest is ended: by the guest agent, or by typing the end of the
    shell. Whether that was seen to work is told on the console and in the activity log.
    """
    with options.sign_in(state) as client:
        path = f"{client.vm(name, group)}/{POLICY}"
        _tell(client, path, {"vm": name}, end_login, output)


@click.command("policy", epilog="Examples:  oob serial policy   ·   oob serial policy --end-login on")
@click.option(
    "--end-login",
    type=click.Choice(["on", "off"]),
    help="End the guest login of whoever goes away or is taken over, on every VM that says nothing else.",
)
@options.common
def policy(end_login: str | None, state: StateDir, output: str) -> None:
    """What becomes of logins left behind on the consoles of the subscription; see `oob vm console-policy`."""
    with options.sign_in(state) as client:
        path = f"{client.subscription}/{POLICY}"
        named = {"subscription": client.profile.subscription_id}
        _tell(client, path, named, end_login, output)


def _tell(client: Any, path: str, named: dict[str, str], end_login: str | None, output: str) -> None:
    if end_login is None:
        answer = client.get(path, version=POLICY_VERSION)
    else:
        answer = client.put(path, {"properties": {"endLogin": end_login}}, version=POLICY_VERSION)
    found = answer["properties"]
    told = {**named, "endLogin": found["endLogin"], "effective": found["effective"]}

    def words(_: Any) -> None:
        inherited = " (as its subscription says)" if found["endLogin"] == "inherit" else ""
        show.line(_WORDS[found["effective"]] + inherited)

    show.emit(told, output, words)
