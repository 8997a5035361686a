"""`oob agent cloud` and `renew`: whom a server is installed for, and its certificate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from outofband.cli import options
from outofband.cli import output as show

if TYPE_CHECKING:
    from outofband.core.paths import StateDir


@click.command(epilog="Example:  oob agent cloud --server https://oob.example:8443 --fingerprint SHA256")
@click.option("--server", metavar="URL", help="https://HOST:PORT of the control plane")
@click.option(
    "--fingerprint", metavar="SHA256", help="Of its certificate authority, as `oob trust` shows it."
)
@click.option(
    "--ca-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The authority as PEM."
)
@click.option("--name", help="What the cloud is called.  [default: Outofband]")
@options.common
def cloud(
    server: str | None,
    fingerprint: str | None,
    ca_file: Path | None,
    name: str | None,
    state: StateDir,
    output: str,
) -> None:
    """Show, or with --server choose, the control plane that `azcmagent connect` connects this server to."""
    import msgspec

    from outofband.agent import clouds

    if server is not None:
        if (fingerprint is None) is (ca_file is None):
            raise click.UsageError("--server needs either --fingerprint or --ca-file")
        made = clouds.from_server(
            server, fingerprint=fingerprint, ca_file=ca_file, name=name or clouds.DEFAULT_NAME
        )
        clouds.save(state, made)
    found = clouds.load(state)
    if found is None:
        show.emit(None, output, lambda _: show.line("This agent was installed for no cloud."))
        return
    show.emit(msgspec.to_builtins(found), output, _cloud)


def _cloud(found: dict[str, Any]) -> None:
    trust = "the authorities in it" if found["trust"] else "the system's authorities"
    show.facts(
        {"cloud": found["name"], "Resource Manager": found["arm"], "login": found["login"], "trust": trust}
    )


@click.command(epilog="The running agent asks over its control link.")
@options.common
def renew(state: StateDir, output: str) -> None:
    """Get a new certificate for this server's key now. It is renewed by itself from day 45 on."""
    from outofband.agent import local

    _certificate(local.renew(state), output)


def _certificate(ends: str, output: str) -> None:
    words = show.local_times(f"The certificate is good until {ends}.")
    show.emit({"expires": ends}, output, lambda _: show.line(words))
