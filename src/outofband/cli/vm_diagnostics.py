"""`oob vm boot-diagnostics`: the switch of a VM's boot diagnostics, and with them of its console."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from outofband.cli import deeds, options
from outofband.cli import output as show

if TYPE_CHECKING:
    from outofband.core.paths import StateDir


@click.command(
    "boot-diagnostics",
    epilog="Examples:  oob vm boot-diagnostics demo   ·   oob vm boot-diagnostics demo --off   ·   "
    "oob vm boot-diagnostics demo --on --storage https://ACCOUNT.blob.SUFFIX/",
)
@click.argument("name", shell_complete=options.complete_vm)
@click.option("--on/--off", "wanted", default=None, help="Switch them; without either, say how they are.")
@click.option(
    "--storage", metavar="URI", help="With --on: a storage account of your own.  [default: managed storage]"
)
@deeds.destructive
@options.group
@options.common
def boot_diagnostics(
    name: str,
    wanted: bool | None,
    storage: str | None,
    yes: bool,
    reason: str,
    group: str | None,
    state: StateDir,
    output: str,
) -> int:
    """Whether VM NAME keeps boot diagnostics. With them off its console is closed for everybody, and who is
    there is cut off.
    """
    if storage is not None and not wanted:
        raise click.UsageError("--storage goes with --on")
    if wanted is False and deeds.declined(f"Everybody at the console of {name} is cut off. Go on?", yes):
        return deeds.EXIT_DECLINED
    with options.sign_in(state, reason) as client:
        path = client.vm(name, group)
        if wanted is not None:
            settings: dict[str, Any] = {"enabled": wanted, "storageUri": storage if wanted else None}
            client.patch(path, {"properties": {"diagnosticsProfile": {"bootDiagnostics": settings}}})
        found = (client.get(path)["properties"].get("diagnosticsProfile") or {}).get("bootDiagnostics") or {}
    told = {"vm": name, "enabled": found.get("enabled") is not False, "storageUri": found.get("storageUri")}
    show.emit(told, output, _words)
    return 0


def _words(told: dict[str, Any]) -> None:
    if not told["enabled"]:
        show.line(f"Boot diagnostics of {told['vm']} are off, and its console is closed.")
        return
    place = told["storageUri"] or "managed storage"
    show.line(f"Boot diagnostics of {told['vm']} are on, in {place}.")
