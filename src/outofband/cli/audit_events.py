"""Events of the activity log for people: `oob audit tail` and `oob vm audit`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click
import msgspec

from outofband.cli import options
from outofband.cli import output as show
from outofband.core import clock
from outofband.core.errors import Fault

if TYPE_CHECKING:
    from outofband.client.http import ArmClient
    from outofband.core.paths import StateDir

EVENTS = "providers/Microsoft.Insights/eventtypes/management/values"
VERSION = "2015-04-01"
FOLLOW_SECONDS = 1.0
OVERLAP = timedelta(seconds=30)
"""Looked at again: nodes' clocks differ, and a row is dated before it is committed."""
HEADS = ["WHEN", "WHO", "FROM", "WHAT", "ON", "HOW IT ENDED"]
_WIDTHS = (20, 18, 15, 34, 18, 0)


def fetch(client: ArmClient, scope: str, condition: str, limit: int | None = None) -> list[dict[str, Any]]:
    """Events that `condition` (a `$filter`) asks for, oldest first; the last `limit` of them."""
    found: list[dict[str, Any]] = []
    for event in client.list(f"{scope}/{EVENTS}", version=VERSION, **{"$filter": condition}):
        found.append(event)
        if limit is not None and len(found) >= limit:
            break
    return found[::-1]


def row(event: dict[str, Any]) -> tuple[str, ...]:
    return (
        str(event["eventTimestamp"])[:19] + "Z",
        str(event["caller"]) or "-",
        event["httpRequest"]["clientIpAddress"] or "-",
        _what(event),
        str(event["resourceId"]).rstrip("/").rpartition("/")[2],
        ending(event),
    )


def ending(event: dict[str, Any]) -> str:
    """`Succeeded`, and of a console's session how long, why it ended and what passed."""
    told, properties = [event["status"]["value"]], event["properties"]
    if sub := event["subStatus"]["value"]:
        told.append(f"({sub})")
    if "seconds" in properties:
        told.append(f"after {properties['seconds']} s")
    for name in ("mode", "client", "with", "by", "key", "reason", "observed"):
        if properties.get(name):
            told.append(f"{name} {properties[name]}")
    for name, where in (("bytesIn", "in"), ("bytesOut", "out")):
        if name in properties:
            told.append(f"{properties[name]} bytes {where}")
    return " ".join(told)


def _what(event: dict[str, Any]) -> str:
    action = str(event["operationName"]["value"]).removesuffix("/action").split("/")
    return "/".join(action[1:]) or action[0]


@click.command(epilog="Examples:  oob audit tail -f   ·   oob audit tail --vm web1 -n 100 -o json")
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens, until Ctrl-C.")
@click.option(
    "-n", "count", type=click.IntRange(1, 1000), default=20, show_default=True, help="Events first."
)
@click.option("--vm", "vm", help="Of this VM only.", shell_complete=options.complete_vm)
@options.group
@options.common
def tail(follow: bool, count: int, vm: str | None, group: str | None, state: StateDir, output: str) -> None:
    """What happened last: in the subscription, and sign-ins where you may see them. With `-o json` each event
    is a line.
    """
    with options.sign_in(state) as client:
        scopes = [client.vm(vm, group)] if vm else [client.subscription, ""]
        seen: set[str] = set()
        since = clock.now() - timedelta(days=90)
        for event in _news(client, scopes, since, count)[-count:]:
            seen.add(event["eventDataId"])
            _print(event, output)
        while follow:
            clock.pause(FOLLOW_SECONDS)
            for event in _news(client, scopes, clock.now() - OVERLAP, None):
                if event["eventDataId"] not in seen:
                    seen.add(event["eventDataId"])
                    _print(event, output)


def _news(client: ArmClient, scopes: list[str], since: Any, limit: int | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for scope in tuple(scopes):
        try:
            found += fetch(client, scope, f"eventTimestamp ge '{clock.iso(since)}'", limit)
        except Fault as fault:
            if scope or fault.code != "AuthorizationFailed":
                raise
            scopes.remove(scope)  # the tenant's own events are not for everybody
    return sorted(found, key=lambda each: str(each["eventTimestamp"]))


def _print(event: dict[str, Any], output: str) -> None:
    if output == "json":
        click.echo(msgspec.json.encode(event).decode())
        return
    cells = [show.plain(cell).ljust(width) for cell, width in zip(row(event), _WIDTHS, strict=True)]
    click.echo("  ".join(cells).rstrip())


def of_vm(client: ArmClient, vm: str, count: int) -> Iterator[dict[str, Any]]:
    """The last events of a VM and of its ports, oldest first."""
    since = clock.iso(clock.now() - timedelta(days=90))
    yield from fetch(client, vm, f"eventTimestamp ge '{since}'", count)
