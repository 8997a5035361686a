"""`oob vm boot-diagnostics`: the switch of a VM's boot diagnostics, and with them of its console.
`oob vm screenshot`: what its screen shows now.
"""

from __future__ import annotations

import base64
import sys
from typing import TYPE_CHECKING, Any

import click

from outofband.cli import deeds, log_files, options
from outofband.cli import output as show

if TYPE_CHECKING:
    from outofband.client.http import ArmClient
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
    there is cut off. NAME may be SET/NUMBER: the model of the scale set is changed, and the instance gets it;
    the others do when they are upgraded.
    """
    if storage is not None and not wanted:
        raise click.UsageError("--storage goes with --on")
    if wanted is False and deeds.declined(f"Everybody at the console of {name} is cut off. Go on?", yes):
        return deeds.EXIT_DECLINED
    with options.sign_in(state, reason) as client:
        if wanted is not None:
            _switch(client, name, group, {"enabled": wanted, "storageUri": storage if wanted else None})
        machine = client.get(client.vm(name, group))
    found = (machine["properties"].get("diagnosticsProfile") or {}).get("bootDiagnostics") or {}
    told = {"vm": name, "enabled": found.get("enabled") is not False, "storageUri": found.get("storageUri")}
    show.emit(told, output, _words)
    return 0


def _switch(client: ArmClient, name: str, group: str | None, settings: dict[str, Any]) -> None:
    profile = {"diagnosticsProfile": {"bootDiagnostics": settings}}
    scale_set, slash, number = name.partition("/")
    if not slash:
        client.patch(client.vm(name, group), {"properties": profile})
        return
    path = client.scale_set(scale_set, group)
    client.patch(path, {"properties": {"virtualMachineProfile": profile}})
    client.post(f"{path}/manualUpgrade", {"instanceIds": [number]})


def _words(told: dict[str, Any]) -> None:
    if not told["enabled"]:
        show.line(f"Boot diagnostics of {told['vm']} are off, and its console is closed.")
        return
    place = told["storageUri"] or "managed storage"
    show.line(f"Boot diagnostics of {told['vm']} are on, in {place}.")


@click.command(
    "screenshot",
    epilog="Examples:  oob vm screenshot web1   ·   oob vm screenshot web1 --file now.png   ·   "
    "oob vm screenshot web1 --file - > now.png",
)
@click.argument("name", shell_complete=options.complete_vm)
@click.option("--file", "path", metavar="FILE", help="Where to; - is standard output.  [default: NAME.png]")
@options.group
@options.common
def screenshot(name: str, path: str | None, group: str | None, state: StateDir, output: str) -> int:
    """A picture of what the screen of VM NAME shows now, as PNG: nothing is typed, nothing changes. A file of
    that name is replaced.
    """
    from outofband.client.http import SERIAL_VERSION

    if path == "-" and (output == "json" or sys.stdout.isatty()):
        raise click.UsageError("a picture is no text: give it a file, or lead standard output into one")
    with options.sign_in(state) as client:
        port = f"{client.vm(name, group)}/providers/Microsoft.SerialConsole/serialPorts/0"
        shot = client.post(f"{port}/screenshot", version=SERIAL_VERSION)
    picture = base64.b64decode(shot["data"])
    place = path or f"{name.replace('/', '-')}.png"
    log_files.write(place, [picture])
    if place == "-":
        return 0
    told = {"vm": name, "file": place, "takenAt": shot["takenAt"], "bytes": len(picture)}
    show.emit(told, output, lambda _: show.line(f"The screen of {name} is in {place}."))
    return 0
