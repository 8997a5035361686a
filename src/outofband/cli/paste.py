"""`oob paste`: a file's text typed at a VM's serial console, as fast as the guest takes it and no faster."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from outofband.cli import options
from outofband.cli import output as show
from outofband.core.errors import Fault

if TYPE_CHECKING:
    from outofband.core.paths import StateDir
    from outofband.wire.pasted import Paste

MAX_BYTES = 32 * 1024 * 1024


@click.command(
    epilog="Examples:  oob paste demo commands.txt   ·   oob paste demo - --yes < commands.txt"
    "   ·   oob paste demo fix.tar --here-document /tmp/fix.tar"
)
@click.argument("name", shell_complete=options.complete_console)
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True), default="-")
@click.option(
    "--here-document",
    "target",
    metavar="PATH",
    help="Write the file to PATH in the guest, by the shell whose prompt waits there; check its SHA-256.",
)
@click.option("--yes", is_flag=True, help="Do not show several lines before they are pasted.")
@options.machine
@options.port
@options.group
@options.common
def paste(
    name: str,
    file: Path,
    target: str | None,
    yes: bool,
    machine: bool,
    port: str,
    group: str | None,
    state: StateDir,
    output: str,
) -> int:
    """Type FILE (- or nothing: standard input) at the serial console of VM NAME.

    It is paced by what the guest echoes, so that nothing is lost however long it is, and said at the end
    whether all of it was seen. Takes the keyboard, and gives it back. Ctrl-C ends it: what is typed by then
    stays typed.
    """
    from outofband.wire.pasted import HereDocument, paste_of

    content = _read(file)
    document = HereDocument(content, target, _tag(content)) if target is not None else None
    text = document.paste if document is not None else paste_of(content)
    if not text.keys:
        raise click.UsageError("there is nothing to paste")
    if document is None and text.is_risky and not yes:
        if str(file) == "-" or not show.interactive():
            raise Fault("PasteNotConfirmed", vm=name, lines=text.lines, bytes=len(text.keys))
        _confirm(name, text)
    if output == "json":
        show.voice.quiet = True
    import uvloop

    from outofband.cli.paste_seat import PasteSeat

    with options.sign_in(state) as client:
        seat = PasteSeat(client, options.console_of(client, name, group, machine), name=name, port=port)
        told = uvloop.run(seat.run(text.keys, document))
    show.emit(told, output, lambda _: show.line(_words(told)))
    return 0


def _read(file: Path) -> bytes:
    try:
        with contextlib.ExitStack() as stack:
            source = sys.stdin.buffer if str(file) == "-" else stack.enter_context(file.open("rb"))
            content = source.read(MAX_BYTES + 1)
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise click.UsageError(f"it is larger than {MAX_BYTES // 2**20} MiB")
    return content


def _tag(content: bytes) -> str:
    from outofband.core import secrets

    while True:
        tag = "OOB" + "".join(each for each in secrets.token() if each.isalnum())[:12]
        if tag.encode() not in content:
            return tag


def _confirm(name: str, text: Paste) -> None:
    """Show what will be typed; a line end runs a command in a shell."""
    show.note(f"{text.lines} lines, {len(text.keys)} bytes are typed at {name}:")
    for line in text.preview():
        show.note(f"  {show.plain(line)}")
    if text.controls:
        show.note(f"{text.controls} control characters are left out.")
    if text.tabs:
        show.note(f"It has {text.tabs} tabs, which a shell with completion does not insert.")
    if text.long_line is not None:
        show.note(
            f"Line {text.long_line} is longer than a terminal that reads lines keeps (4095 characters)."
        )
    click.confirm("Paste it?", abort=True, err=True)


def _words(told: dict[str, Any]) -> str:
    if "sha256" in told:
        return f"{told['typed']} bytes typed; the guest's SHA-256 is that of the file: {told['sha256']}"
    if told["verdict"] == "echoed":
        return f"{told['typed']} bytes typed, and all that can be seen was echoed"
    if told["verdict"] == "notEchoed":
        return f"{told['typed']} bytes typed; the guest echoed nothing, so nobody can tell what it took"
    return f"{told['typed']} bytes typed; this agent does not check what the guest echoes"
