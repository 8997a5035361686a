"""`oob agent install` and `oob agent uninstall`: the agent under its fixed names. Hands over to its tower."""

from __future__ import annotations

from pathlib import Path

import click

from outofband.cli import options
from outofband.cli import output as show
from outofband.cli.deeds import declined
from outofband.cli.identity_names import confirmed


class Told:
    """What a verb says while it works: at once for people, as one document for programs."""

    def __init__(self, output: str) -> None:
        self.lines: list[str] = []
        self.warnings: list[str] = []
        self._output = output

    def say(self, text: str) -> None:
        self.lines.append(text)
        if self._output != "json":
            show.line(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)
        show.note(f"warning: {text}")

    def end(self) -> None:
        if self._output == "json":
            show.emit({"lines": self.lines, "warnings": self.warnings}, self._output, lambda _: None)


_root = click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("/"),
    metavar="DIR",
    help="Put the files below DIR, for a package or a test: no user is made and nothing is started.",
)
_dry_run = click.option("--dry-run", is_flag=True, help="Say what would be done; change nothing.")


@click.command(epilog="Example:  oob agent install --server https://oob.example:8443 --fingerprint SHA256")
@click.option("--server", default="", metavar="URL", help="Control plane that `azcmagent connect` is to use.")
@click.option("--fingerprint", metavar="SHA256", help="Fingerprint of its authority.")
@click.option(
    "--ca-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Its authorities (PEM), in place of that.",
)
@click.option("--cloud-name", default="Outofband", show_default=True, help="What `azcmagent show` calls it.")
@click.option("--no-start", is_flag=True, help="Do not start the agent.")
@click.option("-y", "--yes", is_flag=True, help="Ask nothing.")
@_root
@_dry_run
@options.printing
def install(
    server: str,
    fingerprint: str | None,
    ca_file: Path | None,
    cloud_name: str,
    no_start: bool,
    yes: bool,
    root: Path,
    dry_run: bool,
    output: str,
) -> None:
    """Install the agent under the names that Azure's clients look for, or upgrade it there.

    Programs in /opt/azcmagent/bin, state in /var/opt/azcmagent, a user and a group himds, services of systemd
    where it runs. Another maker's agent is left alone: then this refuses.
    """
    from outofband.agent.install import verbs

    if server and not fingerprint and ca_file is None:
        raise click.UsageError("--server needs --fingerprint or --ca-file: nothing is trusted blindly")
    told = Told(output)
    if not dry_run and declined("Install the agent under its fixed names on this system?", yes):
        return
    verbs.install(
        root,
        say=told.say,
        warn=told.warn,
        dry_run=dry_run,
        server=server,
        fingerprint=fingerprint,
        ca_file=ca_file,
        name=cloud_name,
        begin=not no_start,
    )
    told.end()


@click.command(epilog="Example:  azcmagent disconnect; oob agent uninstall --purge")
@click.option("--purge", is_flag=True, help="Also the state, the logs and the user himds.")
@click.option("--force-local-only", is_flag=True, help="Though the server is connected: its resource stays.")
@click.option("-y", "--yes", is_flag=True, help="Ask nothing.")
@_root
@_dry_run
@options.printing
def uninstall(purge: bool, force_local_only: bool, yes: bool, root: Path, dry_run: bool, output: str) -> None:
    """Remove the agent from its fixed places. Its state stays, unless --purge is given."""
    from outofband.agent.install import verbs

    told = Told(output)
    if not dry_run and not confirmed("Remove the agent from this system?", yes):
        return
    verbs.uninstall(root, say=told.say, dry_run=dry_run, purge=purge, local_only=force_local_only)
    told.end()
