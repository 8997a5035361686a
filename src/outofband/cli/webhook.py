"""`oob webhook`: who is told of the findings of the subscription's VMs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from outofband.cli import deeds, options
from outofband.cli import output as show

if TYPE_CHECKING:
    from outofband.client.http import ArmClient
    from outofband.core.paths import StateDir

KIND = "providers/Outofband.Diagnostics/webhooks"
VERSION = "2026-11-01"
EXIT_NOT_DELIVERED = 6


@click.group()
def webhook() -> None:
    """Have an address of yours told when a VM prints a failure, and when that is over."""


def _path(client: ArmClient, name: str) -> str:
    return f"{client.subscription}/{KIND}/{name}"


@webhook.command("list", epilog="Example:  oob webhook list -o json")
@options.common
def list_(state: StateDir, output: str) -> None:
    """The subscription's webhooks, and how deliveries go."""
    with options.sign_in(state) as client:
        found = list(client.list(f"{client.subscription}/{KIND}", version=VERSION))

    def table(hooks: list[dict[str, Any]]) -> None:
        lines = [
            (
                each["name"],
                each["properties"]["url"],
                each["properties"]["severity"] if each["properties"]["enabled"] else "off",
                str(each["properties"]["deliveries"]["waiting"]),
                str(each["properties"]["deliveries"].get("trouble") or ""),
            )
            for each in hooks
        ]
        show.rows(["NAME", "URL", "FROM", "WAITING", "TROUBLE"], lines, empty="There are no webhooks.")

    show.emit(found, output, table)


@webhook.command("show", epilog="Example:  oob webhook show pager")
@click.argument("name")
@options.common
def show_(name: str, state: StateDir, output: str) -> None:
    """Webhook NAME: its address, and what became of what it was told."""
    with options.sign_in(state) as client:
        found = client.get(_path(client, name), version=VERSION)
    show.emit(found, output, _facts)


def _facts(found: dict[str, Any]) -> None:
    properties = found["properties"]
    state = properties["deliveries"]
    show.facts(
        {
            "name": found["name"],
            "url": properties["url"],
            "told from": properties["severity"] if properties["enabled"] else "off",
            "waiting": str(state["waiting"]),
            "delivered": str(state["delivered"]),
            "failed": str(state["failed"]),
            "last try": show.local_times(str(state.get("last", ""))),
            "trouble": str(state.get("trouble") or ""),
        }
    )


@webhook.command(
    "set",
    epilog="Examples:  oob webhook set pager --url https://hooks.example/oob   ·   "
    "oob webhook set pager --url https://hooks.example/oob --severity error --secret-file secret.txt",
)
@click.argument("name")
@click.option("--url", required=True, help="Where events are sent; https.")
@click.option("--severity", type=click.Choice(["note", "warning", "error"]), help="The least that is told.")
@click.option("--on/--off", "enabled", default=None, help="Whether it is told anything.")
@click.option(
    "--secret-file",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="File with the secret that signs, - for stdin.  [default: one is made, and printed once]",
)
@click.option(
    "--ca-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Authorities that its certificate is trusted by.  [default: the system's]",
)
@options.common
def set_(
    name: str,
    url: str,
    severity: str | None,
    enabled: bool | None,
    secret_file: str | None,
    ca_file: Path | None,
    state: StateDir,
    output: str,
) -> None:
    """Make webhook NAME, or change it."""
    given = {
        "url": url,
        "severity": severity,
        "enabled": enabled,
        "secret": _secret(secret_file),
        "authorities": ca_file.read_text() if ca_file is not None else None,
    }
    body = {"properties": {key: value for key, value in given.items() if value is not None}}
    with options.sign_in(state) as client:
        found = client.put(_path(client, name), body, version=VERSION)

    def table(made: dict[str, Any]) -> None:
        _facts(made)
        if (secret := made["properties"].get("secret")) is not None:
            show.note("It signs with this secret, which nobody can read again:")
            show.line(f"secret  {secret}")

    show.emit(found, output, table)


def _secret(file: str | None) -> str | None:
    """Never from the command line: others could read it there."""
    if file is None:
        return None
    return (sys.stdin.read() if file == "-" else Path(file).read_text()).strip()


@webhook.command(epilog="Example:  oob webhook test pager")
@click.argument("name")
@options.common
def test(name: str, state: StateDir, output: str) -> int:
    """Send webhook NAME an event that means nothing, and say what it did."""
    with options.sign_in(state) as client:
        told = client.post(f"{_path(client, name)}/test", version=VERSION)

    def table(it: dict[str, Any]) -> None:
        show.line(
            f"It took the event: HTTP status {it['status']}."
            if it["delivered"]
            else f"Not delivered: {it['trouble']}."
        )

    show.emit(told, output, table)
    return 0 if told["delivered"] else EXIT_NOT_DELIVERED


@webhook.command(epilog="Example:  oob webhook delete pager --yes")
@click.argument("name")
@deeds.destructive
@options.common
def delete(name: str, yes: bool, reason: str, state: StateDir, output: str) -> int:
    """Delete webhook NAME with all that waits for it."""
    if deeds.declined(f"Delete the webhook {name} and what waits for it?", yes):
        return deeds.EXIT_DECLINED
    with options.sign_in(state, reason) as client:
        client.get(_path(client, name), version=VERSION)
        client.delete(_path(client, name), version=VERSION)
    show.emit({"webhook": name, "deleted": True}, output, lambda _: show.line(f"{name} is deleted."))
    return 0
