"""`oob vmss`: scale sets and their instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from outofband.cli import options
from outofband.cli import output as show
from outofband.cli.deeds import EXIT_DECLINED
from outofband.cli.vm import host, power_words, waiting

if TYPE_CHECKING:
    from outofband.core.paths import StateDir

SCALE_SETS = "providers/Microsoft.Compute/virtualMachineScaleSets"
MOST = 500


@click.group()
def vmss() -> None:
    """Scale sets: as many VMs of one kind as are asked for."""


def _capacity(found: dict[str, Any]) -> str:
    return str((found.get("sku") or {}).get("capacity", ""))


@vmss.command("list", epilog="Example:  oob vmss list --all -o json")
@click.option("--all", "everywhere", is_flag=True, help="In every resource group of the subscription.")
@options.group
@options.common
def list_(everywhere: bool, group: str | None, state: StateDir, output: str) -> None:
    """What scale sets there are."""
    with options.sign_in(state) as client:
        scope = client.subscription if everywhere else client.group(group)
        found = list(client.list(f"{scope}/{SCALE_SETS}"))

    def table(scale_sets: list[dict[str, Any]]) -> None:
        lines = [
            (
                each["name"],
                _capacity(each),
                str(each["properties"].get("provisioningState", "")),
                each["id"].split("/")[4],
            )
            for each in scale_sets
        ]
        show.rows(
            ["NAME", "INSTANCES", "STATE", "RESOURCE GROUP"], lines, empty="There are no scale sets here."
        )

    show.emit(found, output, table)


@vmss.command("show", epilog="Example:  oob vmss show web")
@click.argument("name", shell_complete=options.complete_scale_set)
@options.group
@options.common
def show_(name: str, group: str | None, state: StateDir, output: str) -> None:
    """Scale set NAME with its instances. Their consoles: `oob console NAME/NUMBER`."""
    with options.sign_in(state) as client:
        path = client.scale_set(name, group)
        found = client.get(path)
        found["instances"] = list(client.list(f"{path}/virtualMachines", **{"$expand": "instanceView"}))
    show.emit(found, output, _facts)


def _facts(found: dict[str, Any]) -> None:
    properties = found["properties"]
    definition = properties.get("outofband") or {}
    policy = properties.get("upgradePolicy") or {}
    show.facts(
        {
            "name": found["name"],
            "provisioning": str(properties.get("provisioningState", "")),
            "instances": _capacity(found),
            "image": str(definition.get("image") or definition.get("program") or ""),
            "memory": f"{definition.get('memoryMiB', '')} MiB",
            "cpus": str(definition.get("cpus", "")),
            "updates": str(policy.get("mode", "")),
            "id": found["id"],
        }
    )
    lines = [
        (
            each["instanceId"],
            power_words(each),
            host(each),
            "latest" if each["properties"].get("latestModelApplied") else "not the latest",
        )
        for each in sorted(found["instances"], key=lambda each: int(each["instanceId"]))
    ]
    show.rows(["INSTANCE", "POWER", "HOST", "MODEL"], lines, empty="It has no instances.")


@vmss.command(epilog="Example:  oob vmss create web --image demo --count 2")
@click.argument("name")
@click.option("--image", required=True, help="Image of the hosts to boot.")
@click.option("--count", type=click.IntRange(0, MOST), default=1, show_default=True, help="Instances.")
@click.option("--memory", type=click.IntRange(16, 1 << 20), default=256, show_default=True, help="MiB.")
@click.option("--cpus", type=click.IntRange(1, 255), default=1, show_default=True)
@options.group
@options.common
def create(
    name: str,
    image: str,
    count: int,
    memory: int,
    cpus: int,
    group: str | None,
    state: StateDir,
    output: str,
) -> None:
    """Make scale set NAME, each instance on the host with the most room."""
    definition = {"driver": "qemu", "image": image, "memoryMiB": memory, "cpus": cpus}
    body = {"location": "local", "sku": {"capacity": count}, "properties": {"outofband": definition}}
    with options.sign_in(state) as client, waiting(f"creating {name}", output) as progress:
        path = client.scale_set(name, group)
        client.put(path, body, progress=progress)
        made = client.get(path)
    show.emit(made, output, lambda it: show.line(f"{it['name']} has {_capacity(it)} instances."))


@vmss.command(epilog="Example:  oob vmss scale web 3")
@click.argument("name", shell_complete=options.complete_scale_set)
@click.argument("count", type=click.IntRange(0, MOST))
@options.group
@options.common
def scale(name: str, count: int, group: str | None, state: StateDir, output: str) -> None:
    """Have COUNT instances of scale set NAME. Too many: the newest go, with their disks and logs."""
    with options.sign_in(state) as client, waiting(f"scaling {name}", output) as progress:
        path = client.scale_set(name, group)
        client.patch(path, {"sku": {"capacity": count}}, progress=progress)
        made = client.get(path)
    show.emit(made, output, lambda it: show.line(f"{it['name']} has {_capacity(it)} instances."))


@vmss.command(epilog="Examples:  oob vmss upgrade web   ·   oob vmss upgrade web 0 2")
@click.argument("name", shell_complete=options.complete_scale_set)
@click.argument("numbers", nargs=-1)
@options.group
@options.common
def upgrade(name: str, numbers: tuple[str, ...], group: str | None, state: StateDir, output: str) -> None:
    """Bring instances of scale set NAME to its latest model; without NUMBERS, all of them."""
    with options.sign_in(state) as client, waiting(f"updating {name}", output) as progress:
        path = f"{client.scale_set(name, group)}/manualUpgrade"
        done = client.post(path, {"instanceIds": list(numbers) or ["*"]}, progress=progress) or {}
    observed = ((done.get("properties") or {}).get("output") or {}).get("observed", "done")
    told = {"vmss": name, "observed": observed}
    show.emit(told, output, lambda it: show.line(f"{it['observed']}."))


@vmss.command(epilog="Example:  oob vmss delete web --yes")
@click.argument("name", shell_complete=options.complete_scale_set)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@options.group
@options.common
def delete(name: str, yes: bool, group: str | None, state: StateDir, output: str) -> int:
    """Delete scale set NAME with all its instances. This cannot be undone."""
    if not yes:
        if not show.interactive():
            raise click.UsageError("without a terminal, deleting needs --yes")
        if not click.confirm(f"Delete {name} and all its instances?", err=True):
            show.say("Nothing was deleted.")
            return EXIT_DECLINED
    with options.sign_in(state) as client, waiting(f"deleting {name}", output) as progress:
        path = client.scale_set(name, group)
        client.get(path)
        client.delete(path, progress=progress)
    show.emit({"vmss": name, "deleted": True}, output, lambda _: show.line(f"{name} is deleted."))
    return 0
