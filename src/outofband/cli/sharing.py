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
_STORAGE = {
    "block": "A console whose boot diagnostics cannot use their storage account stays closed.",
    "warn": "A console whose boot diagnostics cannot use their storage account opens with a warning.",
}


@click.command(epilog="Example:  oob serial who demo")
@click.argument("name", shell_complete=options.complete_console)
@options.machine
@options.port
@options.group
@options.common
def who(name: str, machine: bool, port: str, group: str | None, state: StateDir, output: str) -> None:
    """Who is at the console of NAME: since when, typing or watching, from where and with what."""
    from outofband.client.http import SERIAL_VERSION

    with options.sign_in(state) as client:
        target = options.console_of(client, name, group, machine)
        path = f"{target}/providers/Microsoft.SerialConsole/serialPorts/{port}"
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
        wanted = {"endLogin": end_login} if end_login is not None else {}
        _tell(client, path, {"vm": name}, wanted, output)


@click.command(
    "policy",
    epilog="Examples:  oob serial policy   ·   oob serial policy --end-login on   ·   "
    "oob serial policy --diagnostics-storage warn",
)
@click.option(
    "--end-login",
    type=click.Choice(["on", "off"]),
    help="End the guest login of whoever goes away or is taken over, on every VM that says nothing else.",
)
@click.option(
    "--diagnostics-storage",
    "storage",
    type=click.Choice(["block", "warn"]),
    help="What a storage account of boot diagnostics that cannot be used does to the VM's console.",
)
@options.common
def policy(end_login: str | None, storage: str | None, state: StateDir, output: str) -> None:
    """The console policy of the subscription: logins left behind, and the storage of boot diagnostics.

    Logins: see `oob vm console-policy`. Storage: the console of a VM whose boot diagnostics are in a storage
    account of your own opens only while that can be used (block), or opens with a warning (warn).
    """
    with options.sign_in(state) as client:
        path = f"{client.subscription}/{POLICY}"
        named = {"subscription": client.profile.subscription_id}
        wanted = {"endLogin": end_login, "diagnosticsStorage": storage}
        _tell(client, path, named, {name: value for name, value in wanted.items() if value}, output)


def _tell(client: Any, path: str, named: dict[str, str], wanted: dict[str, str], output: str) -> None:
    if wanted:
        answer = client.put(path, {"properties": wanted}, version=POLICY_VERSION)
    else:
        answer = client.get(path, version=POLICY_VERSION)
    found = answer["properties"]
    told = {**named, **found}

    def words(_: Any) -> None:
        inherited = " (as its subscription says)" if found["endLogin"] == "inherit" else ""
        show.line(_WORDS[found["effective"]] + inherited)
        if storage := found.get("diagnosticsStorage"):
            show.line(_STORAGE[storage])

    show.emit(told, output, words)
