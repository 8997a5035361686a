"""`oob az`: Azure's own command line on this control plane."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from outofband.cli import options
from outofband.cli import output as show
from outofband.cli.steps import Steps

if TYPE_CHECKING:
    from outofband.client.azure import Az, Folder, Notes
    from outofband.client.profile import LocalProfile, Profile
    from outofband.core.paths import StateDir

NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")
BUILT_IN = ("azurecloud", "azurechinacloud", "azureusgovernment", "azuregermancloud", "default")


def _name(_: click.Context, __: click.Parameter, value: str) -> str:
    if not NAME.fullmatch(value) or value.lower() in BUILT_IN:
        raise click.BadParameter("letters, digits, . _ and -, and no name that az has already")
    return value


config_dir = click.option(
    "--config-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of az's settings and sign-ins.  [default: $AZURE_CONFIG_DIR or ~/.azure]",
)
cloud_name = click.option(
    "--name", default="Outofband", show_default=True, callback=_name, help="What az calls this control plane."
)


@click.group()
def az() -> None:
    """Use Azure's own command line, az, on this control plane.

    az itself is not changed. What it has to know goes into its folder, and `oob az undo` takes it out again.
    """


@az.command(
    epilog="Examples:  oob az setup   ·   oob az setup --config-dir ~/.azure-oob   (apart from Azure's own)"
)
@config_dir
@cloud_name
@options.common
def setup(config_dir: Path | None, name: str, state: StateDir, output: str) -> None:
    """Tell az about this control plane, and show the lines that sign in.

    Registers a cloud and chooses it, switches off that az asks Microsoft about this address, and writes a
    file of trusted authorities: this control plane's and the public ones. What is right already stays.
    """
    from outofband.client import meeting
    from outofband.client.azure import Az, Made
    from outofband.client.profile import load_profile, local_profile
    from outofband.core.errors import Fault

    profile = load_profile(state)
    local = local_profile(state) if state.profile.exists() else None
    if local is not None and local.arm != profile.arm:
        local = None
    folder = _folder(config_dir)
    made = Made(arm=profile.arm, authorities=meeting.authorities_in(profile.ca_file))
    registered, notes = folder.resource_manager(name), folder.notes()
    ours = notes is not None and name in notes.clouds
    if registered not in (None, made.arm) and not ours:
        raise Fault("AzureCloudTaken", folder=str(folder.root), name=name, arm=registered)
    steps, program = (
        Steps(quiet=output == "json"),
        Az(folder, trace=show.trace if show.voice.verbose else None),
    )
    _keep(steps, folder, name, made, notes)
    if registered == made.arm:
        steps.already(f"cloud {name}", f"is {made.arm} already")
    else:
        with steps.step(f"cloud {name} is {made.arm}"):
            verb = "register" if registered is None else "update"
            program.run("cloud", verb, "--name", name, "--endpoint-resource-manager", made.arm)
    _choose(steps, program, folder, name)
    if not folder.asks_microsoft:
        steps.already("instance discovery", "off already")
    else:
        with steps.step("instance discovery off: az does not ask Microsoft about this address"):
            program.run("config", "set", "core.instance_discovery=false")
    environment = _environment(folder)
    logins = _logins(profile, local)
    value = {
        "cloud": name,
        "arm": made.arm,
        "configDir": str(folder.root),
        "changed": steps.changed,
        "environment": environment,
        "login": logins,
    }
    show.emit(value, output, lambda _: _told(environment, logins))


@az.command(epilog="Examples:  oob az undo   ·   oob az undo --config-dir ~/.azure-oob")
@config_dir
@cloud_name
@options.common
def undo(config_dir: Path | None, name: str, state: StateDir, output: str) -> None:
    """Take out of az's folder what `oob az setup` put there, and sign out who was signed in to it.

    Needs no control plane. Sign-ins to other clouds, Azure's own among them, stay.
    """
    from outofband.client.azure import Az
    from outofband.core.errors import Fault

    folder = _folder(config_dir)
    registered, notes = folder.resource_manager(name), folder.notes()
    if notes is None or name not in notes.clouds:
        if registered is not None:
            raise Fault("AzureCloudTaken", folder=str(folder.root), name=name, arm=registered)
        value: dict[str, Any] = {"configDir": str(folder.root), "changed": 0}
        show.emit(value, output, lambda _: show.line(f"There is nothing to undo in {folder.root}."))
        return
    steps, program = (
        Steps(quiet=output == "json"),
        Az(folder, trace=show.trace if show.voice.verbose else None),
    )
    for account in folder.accounts(name):
        with steps.step(f"signing out {account}"):
            # az forgets the tokens of the cloud in use only, which may be another one by now.
            program.run("logout", "--username", account, cloud=name)
    if folder.cloud == name:
        _choose(steps, program, folder, _before(folder, notes))
    if registered is not None:
        with steps.step(f"cloud {name} removed"):
            program.run("cloud", "unregister", "--name", name)
    _forget(steps, program, folder, name, notes)
    value = {"configDir": str(folder.root), "changed": steps.changed}
    words = f"az in {folder.root} is as it was. Shells that exported REQUESTS_CA_BUNDLE: unset it."
    show.emit(value, output, lambda _: show.line(words))


def _folder(chosen: Path | None) -> Folder:
    from outofband.client.azure import Folder

    return Folder(chosen.expanduser().absolute()) if chosen is not None else Folder.usual()


def _before(folder: Folder, notes: Notes) -> str:
    """The cloud that was in use before, unless somebody took that out meanwhile."""
    from outofband.client.azure import USUAL_CLOUD

    name = notes.cloud_before
    is_there = name.lower() in BUILT_IN or folder.resource_manager(name) is not None
    return name if is_there else USUAL_CLOUD


def _keep(steps: Steps, folder: Folder, name: str, made: Any, notes: Notes | None) -> None:
    """First of all: az trusts the bundle, and a setup that is broken off can be undone by the notes."""
    import msgspec

    from outofband.client.azure import Notes, bundle_of, public_authorities

    before = notes or Notes(
        clouds={},
        public=public_authorities(),
        cloud_before=folder.cloud,
        discovery_before=folder.discovery,
    )
    after = msgspec.structs.replace(before, clouds={**before.clouds, name: made})
    is_there = folder.bundle.exists() and folder.bundle.read_text() == bundle_of(after)
    if after == notes and is_there:
        steps.already("trusted authorities", f"in {folder.bundle} already")
        return
    folder.keep(after)
    steps.done("trusted authorities", f"in {folder.bundle}")


def _choose(steps: Steps, program: Az, folder: Folder, cloud: str) -> None:
    if folder.cloud == cloud:
        steps.already(f"cloud {cloud}", "is the one in use already")
        return
    with steps.step(f"cloud {cloud} is the one in use"):
        program.run("cloud", "set", "--name", cloud)


def _forget(steps: Steps, program: Az, folder: Folder, name: str, notes: Notes) -> None:
    """Other clouds of ours need the setting and the bundle on; the last one gone, both go."""
    import msgspec

    rest = {other: made for other, made in notes.clouds.items() if other != name}
    if not rest and folder.discovery != notes.discovery_before:
        with steps.step("instance discovery as it was"):
            if notes.discovery_before is None:
                program.run("config", "unset", "core.instance_discovery")
            else:
                program.run("config", "set", f"core.instance_discovery={notes.discovery_before}")
    folder.keep(msgspec.structs.replace(notes, clouds=rest) if rest else None)
    steps.done("trusted authorities", "taken out")


def _environment(folder: Folder) -> dict[str, str]:
    """What a shell has to export before it runs az."""
    from outofband.client.azure import Folder

    usual = Folder.usual({})
    apart = {"AZURE_CONFIG_DIR": str(folder.root)} if folder.root != usual.root else {}
    bundle = str(folder.bundle)
    # The extension for serial consoles opens WebSockets with a library that reads a variable of its own.
    return {**apart, "REQUESTS_CA_BUNDLE": bundle, "WEBSOCKET_CLIENT_CA_BUNDLE": bundle}


def _logins(profile: Profile, local: LocalProfile | None) -> dict[str, str]:
    """az reads a value that begins with @ from the file it names. So the secret is in no list of processes
    and no shell's history; and as one word with the option, it may begin with a dash.
    """
    person = f"az login --use-device-code --tenant {profile.tenant_id}"
    if local is None:
        return {"person": person}
    secret = shlex.quote(f"--password=@{local.client_secret_file}")
    client = f"az login --service-principal --username {local.client_id} {secret} --tenant {local.tenant_id}"
    return {"client": client, "person": person}


def _told(environment: dict[str, str], logins: dict[str, str]) -> None:
    show.line("In every shell that runs az:\n")
    for name, value in environment.items():
        show.line(f"  export {name}={shlex.quote(value)}")
    if "client" in logins:
        show.line("\nSign in as the client of this host:\n")
        show.line(f"  {logins['client']}")
    show.line("\nSign in as a person, with a browser on any device:\n")
    show.line(f"  {logins['person']}")
    show.note("\nThen: az vm list -o table. More: docs/howto/azure-cli.md; back again: oob az undo.")
