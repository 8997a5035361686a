"""`oob serve`: the control plane in the foreground. Hands over to its tower's entry point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from outofband.cli import options
from outofband.cli import output as show
from outofband.core.errors import Fault

if TYPE_CHECKING:
    from outofband.core.paths import StateDir


@click.command(
    epilog="Settings: control/settings.toml in the state directory. With -o json the log is JSON lines."
)
@click.option("--port", type=click.IntRange(1, 65535), help="Resource Manager's port; kept for later starts.")
@click.option("--console-port", type=click.IntRange(1, 65535), help="Console listener's port; kept likewise.")
@options.common
def serve(port: int | None, console_port: int | None, state: StateDir, output: str) -> None:
    """Run the control plane in the foreground until it is interrupted. Needs the extra `server`."""
    try:
        from outofband.server.main import serve as run
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("outofband"):
            raise
        raise Fault("ExtraMissing", module=error.name, extra="server") from error
    # A service that ends unexpectedly has to leave its reason in its log.
    show.voice.verbose = True
    run(state, port=port, console_port=console_port, json_logs=output == "json" or None)
