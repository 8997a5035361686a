"""The small verbs of `azcmagent`: keys, extensions, and what it says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import get_completion_class

from outofband.catalogue import say, verbatim
from outofband.cli.azcmagent import failing
from outofband.cli.azcmagent.options import verb
from outofband.cli.azcmagent.rights import require_owner
from outofband.core.errors import Fault
from outofband.wire.azcm import AzcmFault

if TYPE_CHECKING:
    from outofband.cli.azcmagent.running import Run

WHERE = {
    "bash": '~/.bashrc:  eval "$(azcmagent completion bash)"',
    "zsh": '~/.zshrc:  eval "$(azcmagent completion zsh)"',
    "fish": "~/.config/fish/completions/azcmagent.fish:  azcmagent completion fish | source",
}
LICENCE = (
    "Outofband is licensed under the Apache License, Version 2.0.",
    "You may obtain a copy of it at https://www.apache.org/licenses/LICENSE-2.0",
    'It is distributed on an "AS IS" basis, without warranties or conditions of any kind.',
)


@click.command(epilog="Example:  azcmagent genkey -j")
@verb()
def genkey(run: Run) -> int:
    """Make this server's key and print its public half, for a resource that somebody else makes beforehand.

    A resource whose clientPublicKey it is is this server's own: `azcmagent connect` then only claims it.
    """
    from outofband.agent import local

    require_owner(run.state)
    try:
        found = local.key(run.state)
    except Fault as fault:
        raise failing.as_azcm(fault, failing.LOCAL.get(fault.code, "AZCM0103")) from fault
    run.emit({"publicKey": found.public_key, "vmId": found.vm_id}, verbatim(found.public_key))
    return 0


@click.command(epilog="Example:  azcmagent rekey")
@verb()
def rekey(run: Run) -> int:
    """Replace this server's key by a new one, while the old one is intact."""
    from outofband.agent import local

    require_owner(run.state)
    try:
        with run.stepping(say("step-rekey")):
            expires = local.rekey(run.state)
    except Fault as fault:
        known = failing.LOCAL.get(fault.code, "")
        code = known if known.startswith(("AZCM006", "AZCM0018", "AZCM0104")) else "AZCM0045"
        if fault.code == "AgentNotEnrolled":
            code = "AZCM0045"
        raise failing.as_azcm(fault, code) from fault
    run.emit(
        {"status": "Rekeyed", "certificateExpires": expires},
        say("rekeyed", expires=expires),
    )
    return 0


@click.group()
def extension() -> None:
    """Extensions of this server. This agent runs none."""


@extension.command("list", epilog="Example:  azcmagent extension list -j")
@verb(log=False)
def extension_list(run: Run) -> int:
    """The extensions that are installed: none, for this agent runs none."""
    run.emit({"extensions": []}, say("no-extensions"))
    return 0


@extension.command("remove", epilog="Example:  azcmagent extension remove --all")
@click.option("-n", "--name", metavar="NAME", help="The extension to remove.")
@click.option("-a", "--all", "every", is_flag=True, help="All of them.")
@verb()
def extension_remove(run: Run, *, name: str | None, every: bool) -> int:
    """Remove an extension."""
    if name and every:
        raise AzcmFault("AZCM0027", detail=say("exclude-each-other", one="--name", other="--all"))
    if not name and not every:
        raise AzcmFault("AZCM0016", missing=say("either", one="--name", other="--all"))
    require_owner(run.state)
    if name:
        raise AzcmFault("AZCM0072", extension=name, detail=say("not-installed"))
    run.emit({"removed": []}, say("nothing-to-remove"))
    return 0


@click.command(epilog="Example:  azcmagent version -j")
@verb(log=False)
def version(run: Run) -> int:
    """The version of this agent."""
    from outofband import __version__

    run.emit({"version": __version__}, verbatim(f"azcmagent version {__version__}"))
    return 0


@click.command(epilog="Example:  azcmagent license")
@verb(log=False)
def license_(run: Run) -> int:
    """The licence of this agent."""
    run.emit({"license": "Apache-2.0"}, *map(verbatim, LICENCE))
    return 0


@click.command(epilog="Put into " + "  ·  ".join(WHERE.values()))
@click.argument("shell", type=click.Choice(list(WHERE)))
@verb(log=False)
def completion(run: Run, *, shell: str) -> int:
    """Print the completion script for SHELL."""
    kind = get_completion_class(shell)
    assert kind is not None
    root = click.get_current_context().find_root().command
    script = kind(root, {}, "azcmagent", "_AZCMAGENT_COMPLETE").source()
    if run.as_json:
        run.emit({"shell": shell, "script": script})
    else:
        click.echo(script)
    return 0


@click.command("help", epilog="Example:  azcmagent help connect")
@click.argument("words", nargs=-1, metavar="[VERB]...")
@click.pass_context
def help_(ctx: click.Context, words: tuple[str, ...]) -> int:
    """The help of a verb."""
    assert ctx.parent is not None
    context, command = ctx.parent, ctx.parent.command
    for word in words:
        below = command.get_command(context, word) if isinstance(command, click.Group) else None
        if below is None:
            raise AzcmFault("AZCM0101", detail=say("no-such-verb", verb=" ".join(words)))
        context = click.Context(below, info_name=word, parent=context)
        command = below
    click.echo(command.get_help(context))
    return 0
