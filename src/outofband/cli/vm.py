"""`oob vm`: the machines."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from outofband.cli import (
    deeds,
    options,
    sharing,
    vm_addresses,
    vm_diagnostics,
    vm_findings,
    vm_guest,
    vm_redeploy,
    windows,
)
from outofband.cli import log as console_log
from outofband.cli import output as show
from outofband.cli.port_states import STATES
from outofband.cli.steps import Steps
from outofband.core.errors import Fault

if TYPE_CHECKING:
    from outofband.client.http import Progress
    from outofband.core.paths import StateDir

VMS = "providers/Microsoft.Compute/virtualMachines"
IMPORTABLE = "providers/Microsoft.Compute/importableVirtualMachines"
"""As after Ctrl-C: the person said no."""


@click.group()
def vm() -> None:
    """List, create, change, start, stop, import and delete VMs."""


def power(machine: dict[str, Any]) -> str:
    """`running`, `stopped`, `deallocated` ...; while the host is not connected, what was last known."""
    for status in _view(machine).get("statuses", ()):
        if str(status.get("code", "")).startswith("PowerState/"):
            return str(status["code"]).partition("/")[2]
    return "unknown"


def power_words(machine: dict[str, Any]) -> str:
    """The same for a person, who is told when it may not be so any more."""
    connected = (_view(machine).get("outofband") or {}).get("hostConnected", True)
    return power(machine) if connected else f"{power(machine)} (last known)"


def console_shows(machine: dict[str, Any]) -> str:
    """What its serial port shows now, in words; empty while its host does not say."""
    ports = (_view(machine).get("outofband") or {}).get("ports") or [{}]
    return STATES.get(str(ports[0].get("shows", "")), "")


def _view(machine: dict[str, Any]) -> dict[str, Any]:
    return machine["properties"].get("instanceView") or {}


def host(machine: dict[str, Any]) -> str:
    return str((machine["properties"].get("host") or {}).get("id", "")).rpartition("/")[2]


@contextlib.contextmanager
def waiting(what: str, output: str) -> Iterator[Progress]:
    """Progress of a long operation, for people."""
    with Steps(quiet=output == "json").progress(what) as detail:
        yield lambda status, seconds: detail(f"{status}, {seconds:.0f} s")


@vm.command("list", epilog="Example:  oob vm list --all -o json")
@click.option("--all", "everywhere", is_flag=True, help="In every resource group of the subscription.")
@options.group
@options.common
def list_(everywhere: bool, group: str | None, state: StateDir, output: str) -> None:
    """What there is, whether it runs, and what is wrong with it by what it printed."""
    with options.sign_in(state) as client:
        scope = client.subscription if everywhere else client.group(group)
        found = list(client.list(f"{scope}/{VMS}", **{"$expand": "instanceView"}))

    def table(machines: list[dict[str, Any]]) -> None:
        lines = [
            (
                machine["name"],
                power_words(machine),
                host(machine),
                machine["id"].split("/")[4],
                console_shows(machine),
                vm_findings.worst(_view(machine)),
            )
            for machine in machines
        ]
        titles = ["NAME", "POWER", "HOST", "RESOURCE GROUP", "CONSOLE", "FINDINGS"]
        show.rows(titles, lines, empty="There are no VMs here.")

    show.emit(found, output, table)


@vm.command("show", epilog="Example:  oob vm show demo")
@click.argument("name", shell_complete=options.complete_vm)
@options.group
@options.common
def show_(name: str, group: str | None, state: StateDir, output: str) -> None:
    """Everything known of VM NAME, and what is wrong with it: evidence, cause and remedy."""
    with options.sign_in(state) as client:
        path = client.vm(name, group)
        found = client.get(path, **{"$expand": "instanceView"})
        found["addresses"] = vm_addresses.of(client, found)
        found["findings"] = vm_findings.open_ones(client, path, _view(found))

    def table(machine: dict[str, Any]) -> None:
        properties = machine["properties"]
        definition = properties.get("outofband") or {}
        source = definition.get("image") or definition.get("socket") or definition.get("program") or ""
        show.facts(
            {
                "name": machine["name"],
                "simulator": windows.label(machine),
                "power": power_words(machine),
                "console": console_shows(machine),
                "provisioning": str(properties.get("provisioningState", "")),
                "host": host(machine),
                "addresses": vm_addresses.words(machine["addresses"]),
                "driver": " ".join(filter(None, [definition.get("driver"), source])),
                "memory": f"{definition['memoryMiB']} MiB" if "memoryMiB" in definition else "",
                "cpus": str(definition.get("cpus", "")),
                "tags": " ".join(f"{name}={value}" for name, value in (machine.get("tags") or {}).items()),
                "vm id": str(properties.get("vmId", "")),
                "id": machine["id"],
            }
        )
        for status in _view(machine).get("statuses", ()):
            message = status.get("message")
            if message and not str(status.get("code", "")).startswith("Finding/"):
                show.line(f"{status.get('displayStatus', '')}: {message}")
        vm_findings.tell(machine["findings"])

    show.emit(found, output, table)


@vm.command("audit", epilog="Example:  oob vm audit web1 -n 200 -o json")
@click.argument("name", shell_complete=options.complete_vm)
@click.option("-n", "count", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many.")
@options.group
@options.common
def audit_(name: str, count: int, group: str | None, state: StateDir, output: str) -> None:
    """Who did what to VM NAME and at its console, from where, and how it ended; the newest last."""
    from outofband.cli import audit_events

    with options.sign_in(state) as client:
        found = list(audit_events.of_vm(client, client.vm(name, group), count))

    def table(events: list[dict[str, Any]]) -> None:
        show.rows(audit_events.HEADS, map(audit_events.row, events), empty="Nothing was done to it.")

    show.emit(found, output, table)


@vm.command(epilog="Example:  oob vm create web1 --image demo --memory 512")
@click.argument("name")
@click.option("--host", "machine", help="Host that runs it.  [default: the one with the most room]")
@click.option(
    "--driver", type=click.Choice(["qemu", "unix", "pty", "uart"]), default="qemu", show_default=True
)
@click.option("--image", help="Image of the host to boot (qemu).")
@click.option("--socket", help="Serial socket of the host to watch (unix).")
@click.option("--program", help="Program of the host to run (pty).")
@click.option("--uart", help="Serial device of the host to watch (uart).")
@click.option("--memory", type=click.IntRange(16, 1 << 20), default=256, show_default=True, help="MiB.")
@click.option("--cpus", type=click.IntRange(1, 255), default=1, show_default=True)
@click.option("--tag", "tags", multiple=True, callback=options.tags, help="NAME=VALUE; as often as wanted.")
@options.group
@options.common
def create(
    name: str,
    machine: str | None,
    driver: str,
    image: str | None,
    socket: str | None,
    program: str | None,
    uart: str | None,
    memory: int,
    cpus: int,
    tags: dict[str, str],
    group: str | None,
    state: StateDir,
    output: str,
) -> None:
    """Make VM NAME on a host and start it.

    Images, sockets, programs and uarts are names that the host's administrator offers in its agent.toml.
    """
    source = {
        "qemu": ("image", image),
        "unix": ("socket", socket),
        "pty": ("program", program),
        "uart": ("uart", uart),
    }
    wanted, value = source[driver]
    if value is None:
        raise click.UsageError(f"driver {driver} needs --{wanted}")
    for other in source.keys() - {driver}:
        option, given = source[other]
        if given is not None:
            raise click.UsageError(f"--{option} belongs to driver {other}, not to {driver}")
    field = "socket" if driver == "uart" else wanted
    definition = {"driver": driver, field: value, "memoryMiB": memory, "cpus": cpus}
    properties: dict[str, Any] = {"outofband": definition}
    if program in windows.PROGRAMS:
        properties = windows.properties(program) | properties
        tags = windows.TAGS | tags
    with options.sign_in(state) as client, waiting(f"creating {name}", output) as progress:
        scope = client.group(group)
        if machine:
            properties["host"] = {"id": f"{scope}/providers/Microsoft.HybridCompute/machines/{machine}"}
        body = {"location": "local", "tags": tags, "properties": properties}
        client.put(client.vm(name, group), body, progress=progress)
        made = client.get(client.vm(name, group), **{"$expand": "instanceView"})
    show.emit(made, output, lambda it: show.line(f"{it['name']} is {power(it)} on {host(it)}."))


@vm.command(
    epilog="Examples:  oob vm update web1 --tag owner=ada   ·   oob vm update web1 --size Standard_B1s"
)
@click.argument("name", shell_complete=options.complete_vm)
@click.option("--tag", "tags", multiple=True, callback=options.tags, help="NAME=VALUE; as often as wanted.")
@click.option("--untag", "gone", multiple=True, help="Name of a tag to take away; as often as wanted.")
@click.option("--size", help="Another size, which restarts a VM that runs: a name, or qemu-2cpu-512mib.")
@options.group
@options.common
def update(
    name: str,
    tags: dict[str, str],
    gone: tuple[str, ...],
    size: str | None,
    group: str | None,
    state: StateDir,
    output: str,
) -> None:
    """Change the tags or the size of VM NAME."""
    if not tags and not gone and size is None:
        raise click.UsageError("say what to change: --tag, --untag or --size")
    body: dict[str, Any] = {}
    with options.sign_in(state) as client, waiting(f"changing {name}", output) as progress:
        path = client.vm(name, group)
        if tags or gone:
            kept = client.get(path).get("tags") or {}
            body["tags"] = {each: value for each, value in (kept | tags).items() if each not in gone}
        if size is not None:
            body["properties"] = {"hardwareProfile": {"vmSize": size}}
        client.patch(path, body, progress=progress)
        made = client.get(path, **{"$expand": "instanceView"})
    show.emit(made, output, lambda it: show.line(f"{it['name']} is changed, and {power(it)}."))


@vm.command(
    "import", epilog="Examples:  oob vm import   ·   oob vm import web1   ·   oob vm import web1 --from UUID"
)
@click.argument("name", required=False)
@click.option("--from", "source", help="Id or name the machine has on its host.  [default: NAME]")
@options.group
@options.common
def import_(name: str | None, source: str | None, group: str | None, state: StateDir, output: str) -> None:
    """Take over a machine that a host has and that is no VM here; it runs on. Without NAME, list them."""
    with options.sign_in(state) as client:
        found = list(client.list(f"{client.subscription}/{IMPORTABLE}"))
        if name is None:
            show.emit(found, output, _importable)
            return
        wanted = (source or name).lower()
        chosen = [
            each
            for each in found
            if wanted in (each["name"].lower(), each["properties"]["machineName"].lower())
        ]
        if not chosen:
            raise Fault("ResourceNotFound", resource=f"machine/{wanted}", group=group or "any")
        if len(chosen) > 1:
            ids = ", ".join(each["name"] for each in chosen)
            raise click.UsageError(f"several machines have that name; choose one with --from: {ids}")
        with waiting(f"importing {name}", output) as progress:
            body = {"location": "local", "properties": {"import": {"vmId": chosen[0]["name"]}}}
            client.put(client.vm(name, group), body, progress=progress)
        made = client.get(client.vm(name, group), **{"$expand": "instanceView"})
    show.emit(made, output, lambda it: show.line(f"{it['name']} is {power(it)} on {host(it)}."))


def _importable(found: list[dict[str, Any]]) -> None:
    lines = [
        (
            each["properties"]["machineName"],
            each["properties"]["power"],
            host(each),
            str(each["properties"]["outofband"].get("driver", "")),
            each["name"],
        )
        for each in found
    ]
    show.rows(
        ["MACHINE", "POWER", "HOST", "DRIVER", "ID"], lines, empty="Every machine of the hosts is a VM."
    )


def _action(
    action: str,
    doing: str,
    name: str,
    group: str | None,
    state: StateDir,
    output: str,
    reason: str = "",
    **query: str,
) -> None:
    with options.sign_in(state, reason) as client, waiting(f"{doing} {name}", output) as progress:
        done = client.post(f"{client.vm(name, group)}/{action}", progress=progress, **query) or {}
    result = (done.get("properties") or {}).get("output") or {}
    told = {"vm": name, "action": action, "observed": str(result.get("observed", "done"))}
    show.emit(told, output, lambda it: show.line(it["observed"]))


def _named(function: Callable[..., Any]) -> Callable[..., Any]:
    decorated = options.group(options.common(function))
    return click.argument("name", shell_complete=options.complete_vm)(decorated)


@vm.command(epilog="Example:  oob vm start demo")
@_named
def start(name: str, group: str | None, state: StateDir, output: str) -> None:
    """Start VM NAME."""
    _action("start", "starting", name, group, state, output)


@vm.command(epilog="Examples:  oob vm stop demo   ·   oob vm stop --force demo")
@click.option("--force", is_flag=True, help="Cut the power; what the guest has not written is lost.")
@click.option("--deallocate", is_flag=True, help="Also mark it deallocated, as `az vm deallocate` does.")
@deeds.destructive
@_named
def stop(
    name: str,
    force: bool,
    deallocate: bool,
    yes: bool,
    reason: str,
    group: str | None,
    state: StateDir,
    output: str,
) -> int:
    """Stop VM NAME: ask the guest to shut down, and say whether it did."""
    if force and deeds.declined(f"What {name} has not written to its disks is lost. Cut its power?", yes):
        return deeds.EXIT_DECLINED
    query = {"skipShutdown": "true" if force else "false"}
    action = "deallocate" if deallocate else "powerOff"
    _action(action, "stopping", name, group, state, output, reason, **query)
    return 0


@vm.command(epilog="Example:  oob vm restart demo --reason 'new kernel'")
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the activity log.")
@_named
def restart(name: str, reason: str, group: str | None, state: StateDir, output: str) -> None:
    """Restart VM NAME through its operating system. A guest that hangs: `oob serial send NAME reset`."""
    _action("restart", "restarting", name, group, state, output, reason)


@vm.command(epilog="Example:  oob vm delete web1 --yes")
@deeds.destructive
@_named
def delete(name: str, yes: bool, reason: str, group: str | None, state: StateDir, output: str) -> int:
    """Delete VM NAME with its console log. This cannot be undone."""
    if not yes:
        if not show.interactive():
            raise click.UsageError("without a terminal, deleting needs --yes")
        if not click.confirm(f"Delete {name} and everything its console printed?", err=True):
            show.say("Nothing was deleted.")
            return deeds.EXIT_DECLINED
    with options.sign_in(state, reason) as client, waiting(f"deleting {name}", output) as progress:
        # A DELETE of what is not there succeeds in ARM; a person who mistyped the name wants to know.
        client.get(client.vm(name, group))
        client.delete(client.vm(name, group), progress=progress)
    show.emit({"vm": name, "deleted": True}, output, lambda _: show.line(f"{name} is deleted."))
    return 0


vm.add_command(console_log.log)
vm.add_command(sharing.vm_policy)
vm.add_command(vm_diagnostics.boot_diagnostics)
vm.add_command(vm_diagnostics.screenshot)
vm.add_command(vm_redeploy.redeploy)
vm.add_command(vm_guest.reset_remote)
vm.add_command(vm_guest.reset_nic)
vm.add_command(vm_guest.undo_step)
