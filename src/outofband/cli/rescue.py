"""`oob rescue`: the steps that get somebody back into a VM whose Remote Desktop or SSH does not answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from outofband.cli import options, rescue_words
from outofband.cli import output as show
from outofband.cli.probe import NOT_REACHED, read_password
from outofband.cli.rescue_run import Course, rescues_of
from outofband.core.errors import Fault

if TYPE_CHECKING:
    from outofband.client.http import ArmClient
    from outofband.core.paths import StateDir

RUN = "run"


class Rescue(click.Group):
    """`oob rescue NAME` is `oob rescue run NAME`: a VM named like a verb needs the long form."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = args[0] if args else ""
        if args and first not in self.commands and first not in ctx.help_option_names:
            args = [RUN, *args]
        return super().parse_args(ctx, args)


@click.group(cls=Rescue)
def rescue() -> None:
    """Find out why a VM's Remote Desktop or SSH does not answer, mend it, and prove it: oob rescue NAME.

    Eight steps in their order, and after each it is tried again: reset configuration, security rules, boot
    diagnostics, network interface, resource health, password, restart, redeploy. It ends
    with the first success.
    """


@rescue.command(
    RUN,
    epilog="Examples:  oob rescue web1   ·   oob rescue web1 --protocol ssh --dry-run -o json   ·   "
    "oob rescue web1 --step 7 --yes",
)
@click.argument("name", shell_complete=options.complete_vm)
@click.option("--protocol", type=click.Choice(["rdp", "ssh"]), help="What has to answer.  [default: rdp]")
@click.option("--step", type=click.IntRange(1, 8), help="This step alone, whether it seems needed or not.")
@click.option("--dry-run", is_flag=True, help="Look at everything and do nothing.")
@click.option("-y", "--yes", is_flag=True, help="Agree to whatever would be asked, but for a password.")
@click.option("--user", help="Try this user's sign-in too; with step 6, whose password is set.")
@options.signing_in
@click.option(
    "--connect-to",
    metavar="NAME",
    help="The name or address that you connect to: looked at from here as well. Where the VM has no public"
    " address it is the proof.",
)
@options.group
@options.common
def run(
    name: str,
    protocol: str | None,
    step: int | None,
    dry_run: bool,
    yes: bool,
    user: str | None,
    password_file: Path | None,
    session: bool,
    connect_to: str | None,
    group: str | None,
    state: StateDir,
    output: str,
) -> int:
    """Rescue VM NAME, or take up the run that is under way.

    Before anything that loses data, opens the VM to everybody or sets a password you are asked; where nobody
    can be asked, it is left out unless --yes. What is done, is done with your own rights. Ctrl-C leaves the
    run where it is: the same command takes it up again. The exit code is 0 only when the VM answers from
    outside and from this computer, else 6.
    """
    wanted: dict[str, Any] = {"dryRun": dry_run, "agreed": yes}
    if protocol is not None:
        wanted["protocol"] = protocol
    if step is not None:
        wanted["step"] = step
    if session:
        wanted["session"] = True
    if user is not None:
        wanted |= {"user": user, "protected": {"password": read_password(user, password_file)}}
    with options.sign_in(state) as client:
        course = Course(client, client.vm(name, group), wanted, name=connect_to, quiet=output == "json")
        try:
            told = course.to_the_end(yes=yes)
        except (KeyboardInterrupt, click.Abort):
            show.say(f"The run stays where it is: oob rescue {name} takes it up again.")
            raise
    show.emit({"vm": name, **told}, output, rescue_words.end)
    return 0 if course.proven(told) else NOT_REACHED


@rescue.command(epilog="Examples:  oob rescue report web1   ·   oob rescue report web1 -o json")
@click.argument("name", shell_complete=options.complete_vm)
@click.option("--run", "chosen", help="Name of the run.  [default: the newest]")
@click.option(
    "--file", type=click.Path(dir_okay=False, path_type=Path), help="Where to.  [default: NAME-rescue.html]"
)
@options.group
@options.common
def report(
    name: str, chosen: str | None, file: Path | None, group: str | None, state: StateDir, output: str
) -> None:
    """Write the report of a run on VM NAME, for support: a page, or with -o json its data."""
    with options.sign_in(state) as client:
        told = client.get(f"{_chosen(client, name, group, chosen)}/report", version=rescue_words.VERSION)
    if output == "json":
        show.emit({"vm": name, **told["report"]}, output, rescue_words.end)
        return
    place = file or Path(f"{name.replace('/', '-')}-rescue.html")
    try:
        place.write_text(told["html"], encoding="utf-8")
    except OSError as error:
        raise Fault("InvalidParameter", target="file", detail=str(error)) from error
    show.line(f"The report is in {place}.")


@rescue.command(epilog="Example:  oob rescue stop web1")
@click.argument("name", shell_complete=options.complete_vm)
@options.group
@options.common
def stop(name: str, group: str | None, state: StateDir, output: str) -> None:
    """Stop the run on VM NAME where it is; what a host has begun already it may still finish."""
    with options.sign_in(state) as client:
        where = _chosen(client, name, group, None)
        client.post(f"{where}/stop", version=rescue_words.VERSION)
    show.emit({"vm": name, "stopped": True}, output, lambda _: show.line("It is stopped."))


@rescue.command(epilog="Example:  oob rescue undo web1")
@click.argument("name", shell_complete=options.complete_vm)
@click.option("--run", "chosen", help="Name of the run.  [default: the newest]")
@options.group
@options.common
def undo(name: str, chosen: str | None, group: str | None, state: StateDir, output: str) -> None:
    """Take back what a run on VM NAME did, or was in the middle of when it was stopped.

    Rules that it added, unless somebody changed them since; changes in the guest; the interface's old address
    and card, with a restart, and the settings that the guest put aside for the new ones; a public address
    that it gave. A password, a restart and a redeploy have no way back. What stays is told; where the guest
    does not answer, the same command does the rest later.
    """
    with options.sign_in(state) as client:
        where = _chosen(client, name, group, chosen)
        client.post(f"{where}/undo", version=rescue_words.VERSION)
        told = client.get(where, version=rescue_words.VERSION)["properties"]
    deeds = [step["deed"] for step in told["steps"] if step["deed"] is not None]
    left = [each for deed in deeds for each in deed.get("left") or ()]
    show.emit({"vm": name, "undone": True, "left": left}, output, rescue_words.undone)


def _chosen(client: ArmClient, name: str, group: str | None, chosen: str | None) -> str:
    """Id of a run by its name, else of the newest. Raises Fault ResourceNotFound."""
    where = rescues_of(client.vm(name, group))
    if chosen is not None:
        return f"{where}/{chosen}"
    found = next(client.list(where, version=rescue_words.VERSION), None)
    if found is None:
        raise Fault("ResourceNotFound", resource="rescues", group=group or client.profile.resource_group)
    return str(found["id"])
