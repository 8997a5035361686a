"""`oob identity export` and `import`: the directory as one JSON document, which readers of YAML read too."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from outofband.cli import options
from outofband.cli import output as show
from outofband.core.errors import Fault
from outofband.core.secrets import write_private

if TYPE_CHECKING:
    from outofband.core.paths import StateDir

MAX_FILE = 32 * 1024 * 1024
_FILE = click.Path(dir_okay=False, allow_dash=True, path_type=Path)


@click.command(
    "export", epilog="Examples:  oob identity export people.json   ·   oob identity export | jq .groups"
)
@click.argument("file", type=_FILE, required=False)
@click.option(
    "--with-password-hashes",
    is_flag=True,
    help="The hashes of passwords and of secrets too. Keep that document as you keep secrets.",
)
@options.common
def export(file: Path | None, with_password_hashes: bool, state: StateDir, output: str) -> None:
    """Write people, groups and clients as one document, to FILE (mode 0600) or to standard output."""
    with options.sign_in(state) as client:
        wanted = {"passwordHashes": with_password_hashes}
        found = client.post("/directory/export", wanted, version=None)
    text = msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"
    if file is None or str(file) == "-":
        click.echo(text.decode(), nl=False)
        return
    write_private(file, text)
    counts = {name: len(found.get(name, [])) for name in ("users", "groups", "clients")}

    def table(_: object) -> None:
        told = ", ".join(f"{count} {name}" for name, count in counts.items())
        show.line(f"{told} are in {file}.")
        if with_password_hashes:
            show.note("It has the hashes of passwords and secrets: keep it as you keep those.")

    show.emit({"file": str(file), **counts}, output, table)


@click.command("import", epilog="Example:  oob identity import people.json --dry-run")
@click.argument("file", type=_FILE)
@click.option("--dry-run", is_flag=True, help="Only tell what would be changed.")
@options.common
def bring(file: Path, dry_run: bool, state: StateDir, output: str) -> None:
    """Bring in a document that `export` wrote: make what is missing, change what differs, remove nothing.

    All of it is done or nothing. The same document a second time changes nothing.
    """
    document = _read(file)
    with options.sign_in(state) as client:
        done = client.post("/directory/import", {"document": document, "dryRun": dry_run}, version=None)

    def table(it: dict[str, Any]) -> None:
        lines = [(each["what"], each["kind"], each["name"], each["about"]) for each in it["changes"]]
        show.rows(["WHAT", "KIND", "NAME", "OF IT"], lines, empty="Everything is as the document says.")
        if lines and dry_run:
            show.note("Nothing was changed: this was a dry run.")

    show.emit(done, output, table)


def _read(file: Path) -> Any:
    """Raises Fault ImportRefused."""
    try:
        if str(file) == "-":
            data = sys.stdin.buffer.read(MAX_FILE + 1)
        else:
            with file.open("rb") as opened:
                data = opened.read(MAX_FILE + 1)
    except OSError as error:
        raise Fault("ImportRefused", detail=f"{file}: {error.strerror}") from error
    if len(data) > MAX_FILE:
        raise Fault("ImportRefused", detail=f"it has more than {MAX_FILE} bytes")
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Fault("ImportRefused", detail=f"it is not JSON: {error}") from error
