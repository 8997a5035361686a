"""`oob completion`: the script that makes Tab work."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from outofband.cli import options
from outofband.cli import output as show

WHERE = {
    "bash": '~/.bashrc:  eval "$(oob completion bash)"',
    "zsh": '~/.zshrc:  eval "$(oob completion zsh)"',
    "fish": "~/.config/fish/completions/oob.fish:  oob completion fish | source",
}


@click.command(epilog="Put into " + "  ·  ".join(WHERE.values()))
@click.argument("shell", type=click.Choice(list(WHERE)))
@options.printing
@click.pass_context
def completion(ctx: click.Context, shell: str, output: str) -> None:
    """Print the completion script for SHELL. It completes verbs, options and names of VMs."""
    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(ctx.find_root().command, {}, "oob", "_OOB_COMPLETE").source()
    show.emit({"shell": shell, "script": script}, output, lambda _: click.echo(script))
