"""`oob agent script`: the text that brings servers to a control plane, as its portal gives it out."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from outofband.cli import options
from outofband.cli import output as show
from outofband.core.errors import Fault

if TYPE_CHECKING:
    from outofband.core.paths import StateDir


@click.command(epilog="Example:  oob agent script -g lab > connect-server.sh")
@click.option("--many", is_flag=True, help="For many servers, which sign in as a service principal.")
@click.option("--service-principal-id", default="", metavar="ID", help="Its application id, with --many.")
@click.option(
    "--system",
    type=click.Choice(["linux", "windows"]),
    default="linux",
    show_default=True,
    help="What the servers run.",
)
@click.option("--name", default="", help="How the server will be called.  [default: its host name]")
@click.option("--location", default="", help="Location of the machines.  [default: the control plane's own]")
@click.option(
    "--tag",
    "tags",
    multiple=True,
    callback=options.tags,
    metavar="NAME=VALUE",
    help="A tag of the machines; as often as wanted.",
)
@click.option(
    "--proxy", default="", metavar="URL", help="Where the servers get to the control plane through."
)
@click.option(
    "--package",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the agent's package to this file as well, for servers that cannot fetch it.",
)
@options.group
@options.common
def script(
    many: bool,
    service_principal_id: str,
    system: str,
    name: str,
    location: str,
    tags: dict[str, str],
    proxy: str,
    package: Path | None,
    group: str | None,
    state: StateDir,
    output: str,
) -> None:
    """Print the script that brings a server here: it installs the agent and connects the server.

    There is no secret in it. With --many each server needs the service principal's secret in a file.
    """
    with options.sign_in(state) as client:
        made = client.post(
            "/fleet/onboarding",
            {
                "subscription": client.profile.subscription_id,
                "resourceGroup": group or client.profile.resource_group,
                "location": location,
                "many": many,
                "servicePrincipalId": service_principal_id,
                "resourceName": name,
                "tags": tags,
                "proxy": proxy,
                "system": system,
            },
        )
        if package is not None:
            data = client.text(made["package"]["path"])
            if (seen := hashlib.sha256(data).hexdigest()) != made["package"]["sha256"]:
                raise Fault("PackageChanged", seen=seen, expected=made["package"]["sha256"])
            package.write_bytes(data)
    show.emit(made, output, lambda it: click.echo(it["script"], nl=False))
