"""`oob machine`: the servers that are connected, with or without VMs on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from outofband.cli import deeds, options
from outofband.cli import output as show

if TYPE_CHECKING:
    from outofband.core.paths import StateDir

HEADS = ("NAME", "STATE", "SINCE", "AGENT", "SYSTEM", "VMS", "CONSOLE")


@click.group()
def machine() -> None:
    """Servers that are connected: what they are, how their agents are, what they host.

    The console of one is opened by `oob console --machine NAME`, where its administrator allows it.
    """


@machine.command("list", epilog="Example:  oob machine list -o json")
@options.group
@options.common
def list_machines(group: str | None, state: StateDir, output: str) -> None:
    """The connected servers of the resource group."""
    with options.sign_in(state) as client:
        path = f"{client.group(group)}/{options.MACHINES}"
        found = list(client.list(path, version=options.HYBRID_VERSION))
    show.emit(
        found,
        output,
        lambda rows: show.rows(HEADS, [_row(each) for each in rows], empty="No server is connected here."),
    )


@machine.command("show", epilog="Example:  oob machine show web1")
@click.argument("name", shell_complete=options.complete_machine)
@options.group
@options.common
def show_machine(name: str, group: str | None, state: StateDir, output: str) -> None:
    """One server: state, version, heartbeat, what it is, what it hosts, and whether it has a console."""
    with options.sign_in(state) as client:
        found = client.get(client.machine(name, group), version=options.HYBRID_VERSION)

    def table(_: Any) -> None:
        for head, word in _details(found):
            show.line(f"{head + ':':<14}{word}")

    show.emit(found, output, table)


@machine.command(epilog="Example:  oob machine delete web1 --reason 'taken out of service'")
@click.argument("name", shell_complete=options.complete_machine)
@deeds.destructive
@options.group
@options.common
def delete(name: str, yes: bool, reason: str, group: str | None, state: StateDir, output: str) -> int:
    """Take server NAME out: its link, its consoles and the control of its VMs end at once.

    Nothing on the server is changed; its agent is told, and stays out.
    """
    question = f"Its consoles end, and its VMs are out of control from here. Take {name} out?"
    if deeds.declined(question, yes):
        return deeds.EXIT_DECLINED
    with options.sign_in(state, reason) as client:
        client.delete(client.machine(name, group), version=options.HYBRID_VERSION)
    show.emit({"deleted": name}, output, lambda _: show.line(f"{name} is taken out."))
    return 0


def _row(found: dict[str, Any]) -> tuple[str, ...]:
    properties = found["properties"]
    own = properties.get("outofband") or {}
    return (
        found["name"],
        str(properties.get("status", "")),
        show.local_times(str(properties.get("lastStatusChange", ""))),
        str(properties.get("agentVersion") or ""),
        str(properties.get("osName") or properties.get("osType") or ""),
        str(own.get("virtualMachines", "")),
        str(own.get("console") or "-"),
    )


def _details(found: dict[str, Any]) -> list[tuple[str, str]]:
    words = list(zip([head.capitalize() for head in HEADS], _row(found), strict=True))
    properties = found["properties"]
    detected = properties.get("detectedProperties") or {}
    words += [
        ("Heartbeat", show.local_times(str(properties.get("lastHeartbeat") or ""))),
        ("Address", str(properties.get("machineFqdn") or "")),
        ("Processors", str(detected.get("logicalCoreCount") or "")),
        ("Tags", ", ".join(f"{key}={value}" for key, value in (found.get("tags") or {}).items())),
        ("Id", found["id"]),
    ]
    errors = properties.get("errorDetails") or []
    words += [("Trouble", f"({each.get('code')}) {each.get('message')}") for each in errors]
    return [(head, word) for head, word in words if word]
