"""`oob keys`: the master key and the signing keys. Hands over to the control plane's tower."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from outofband.cli import options
from outofband.cli import output as show
from outofband.core import clock
from outofband.core.errors import Fault

if TYPE_CHECKING:
    from datetime import datetime

    from outofband.core.paths import StateDir

USES = ("token", "grant", "ticket")
EXIT_DECLINED = 130


def verbs() -> Any:
    """The control plane's side. Raises Fault ExtraMissing where it is not installed."""
    try:
        from outofband.server import key_verbs
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("outofband"):
            raise
        raise Fault("ExtraMissing", module=error.name, extra="server") from error
    return key_verbs


def plain(value: Any) -> Any:
    import msgspec

    return msgspec.to_builtins(value)


def agreed(yes: bool, question: str) -> bool:
    """Whether to go on: said with --yes, or asked for on the terminal."""
    if yes:
        return True
    if not show.interactive():
        raise click.UsageError("without a terminal this needs --yes")
    return click.confirm(question, err=True)


@click.group()
def keys() -> None:
    """Master key and signing keys, on the control plane's own host. It may run meanwhile, and serves on.

    \b
    What there is:  oob keys status
    """


@keys.command(epilog="Example:  oob keys status -o json")
@options.common
def status(state: StateDir, output: str) -> None:
    """Which keys there are, what is encrypted with which master key, and when the next one signs."""
    found = verbs().status(state)

    def table(_: object) -> None:
        show.facts(
            {"master key in": found.where, "not encrypted yet": str(found.clear) if found.clear else ""}
        )
        click.echo()
        show.rows(
            ["MASTER KEY", "STATE", "SECRETS"],
            [(each.id, each.state, str(each.secrets)) for each in found.master],
            empty="There is no master key.",
        )
        click.echo()
        show.rows(
            ["SIGNS", "STATE", "FROM", "TRUSTED UNTIL", "KEY"],
            [
                (each.use, each.state, _when(each.active_from), _when(each.expires), each.kid)
                for each in found.keys
            ],
            empty="There are no signing keys.",
        )

    show.emit(plain(found), output, table)


@keys.command(
    "rotate-signing", epilog="Examples:  oob keys rotate-signing   ·   oob keys rotate-signing --use token"
)
@click.option(
    "--use", "uses", type=click.Choice(USES), multiple=True, help="What the keys sign.  [default: all]"
)
@options.common
def rotate_signing(uses: tuple[str, ...], state: StateDir, output: str) -> None:
    """Let the next signing keys take over, as soon as everybody can know them.

    That is at once when they were published a day ago. Tokens that were issued before stay good.
    """
    wanted = list(uses or USES)
    done = verbs().rotate_signing(state, wanted)
    told = [plain(each) | {"use": use} for each, use in zip(done, wanted, strict=True)]

    def table(_: object) -> None:
        rows = [(use, _when(each.begins), each.kid) for each, use in zip(done, wanted, strict=True)]
        show.rows(["SIGNS", "FROM", "KEY"], rows, empty="")

    show.emit(told, output, table)


@keys.command(epilog="Example:  oob keys revoke 35IcpWViRQPS26XzxOhN --yes   (ids: oob keys status)")
@click.argument("kid")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@options.common
def revoke(kid: str, yes: bool, state: StateDir, output: str) -> int:
    """In an emergency: nothing that the key KID signed counts from now on, on any node.

    Clients have to fetch new tokens, which they do by themselves; a script with its own token fails once.
    """
    if not agreed(yes, f"Refuse everything that {kid} has signed?"):
        show.say("No key was revoked.")
        return EXIT_DECLINED
    done = verbs().revoke(state, kid)
    told = {"revoked": kid, "signs": done.kid}
    show.emit(told, output, lambda _: show.line(f"{kid} is revoked; {done.kid} signs."))
    return 0


@keys.command(
    "rotate-master", epilog="Examples:  oob keys rotate-master   ·   oob keys rotate-master --drop-old"
)
@click.option("--prepare", is_flag=True, help="Only make the next key, to bring it to every node first.")
@click.option("--drop-old", is_flag=True, help="Only forget older keys that nothing here needs any more.")
@options.common
def rotate_master(prepare: bool, drop_old: bool, state: StateDir, output: str) -> None:
    """Make a new master key and bring every secret under it. Cut off, the same command goes on with it.

    Older keys stay in the file, for backups of the database from before, until --drop-old.
    """
    if prepare and drop_old:
        raise click.UsageError("--prepare and --drop-old are two different steps")
    if prepare:
        made = verbs().prepare_master(state)
        words = f"{made} is ready. Bring the file to every node, then: oob keys rotate-master"
        show.emit({"next": made}, output, lambda _: show.line(words))
        return
    if drop_old:
        gone = verbs().drop_old(state)
        words = f"Forgotten: {', '.join(gone)}." if gone else "Every key is needed; none was forgotten."
        show.emit({"dropped": gone}, output, lambda _: show.line(words))
        return
    done = verbs().rotate_master(state)

    def table(_: object) -> None:
        show.line(f"{done.current} is the master key now; {done.secrets} secrets were moved to it.")
        show.note("Save it away from the database: oob keys export-master --out FILE")

    show.emit(plain(done), output, table)


@keys.command(
    "export-master", epilog="Example:  oob keys export-master --out /media/safe/outofband-vault.key"
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A file, which must not exist.")
@options.common
def export_master(out: Path | None, state: StateDir, output: str) -> None:
    """A copy of the master keys, for a safe place away from the database: who has both has every secret."""
    from outofband.core.secrets import write_private

    if out is None and (sys.stdout.isatty() or output == "json"):
        raise click.UsageError(
            "a key belongs on no screen: name a file with --out, or lead the output into one"
        )
    text = verbs().export_master(state)
    if out is None:
        click.echo(text, nl=False)
        return
    if out.exists():
        raise Fault("StateNotWritable", path=str(out), detail="it is there already")
    try:
        write_private(out, text)
    except OSError as error:
        raise Fault("StateNotWritable", path=str(out), detail=error.strerror or str(error)) from error
    show.emit({"file": str(out)}, output, lambda _: show.line(str(out)))


def _when(moment: datetime | None) -> str:
    return clock.iso(moment)[:16].replace("T", " ") if moment is not None else ""
