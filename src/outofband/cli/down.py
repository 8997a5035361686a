"""`oob down`: stops the guests this host runs, the agent and the control plane. Nothing is deleted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from outofband.cli import agent, options, preflight
from outofband.cli import output as show
from outofband.cli.services import AGENT, CONTROL_PLANE, alone
from outofband.cli.steps import Steps
from outofband.core import clock
from outofband.core.secrets import write_private

if TYPE_CHECKING:
    from pathlib import Path

    from outofband.core.paths import StateDir

GRACE_SECONDS = 20.0
"""A guest that has not shut down by then is stopped by force."""


def _memory(state: StateDir) -> Path:
    return state.run / "stopped.json"


def stopped_by_down(state: StateDir) -> set[str]:
    """Ids of the VMs the last `oob down` stopped."""
    try:
        return set(json.loads(_memory(state).read_bytes()))
    except (OSError, ValueError, TypeError):
        return set()


def forget_stopped(state: StateDir) -> None:
    _memory(state).unlink(missing_ok=True)


@click.command(epilog="What it stopped, the next `oob up` starts again.")
@options.common
def down(state: StateDir, output: str) -> None:
    """Stop what `oob up` started: guests (asked first), agent, control plane. All state stays."""
    steps = Steps(quiet=output == "json")
    stopped: list[str] = []
    if state.root.exists():
        preflight.private_state(state)
        with alone(state, "down"):
            stopped = _stop(state, steps)
    words = "Everything is stopped; `oob up` starts it again." if steps.changed else "Nothing was running."
    show.emit({"stopped": True, "guests": stopped}, output, lambda _: show.line(words))


def _stop(state: StateDir, steps: Steps) -> list[str]:
    # Noted before it is done: after an interruption `oob up` must still bring back what was stopped.
    _remember(state, agent.running_guests(state))
    try:
        if AGENT.running(state):
            with steps.step("stopping the host agent"):
                AGENT.stop(state)
        return _stop_guests(state, steps) if agent.is_enrolled(state) else []
    finally:
        if CONTROL_PLANE.running(state):
            with steps.step("stopping the control plane"):
                CONTROL_PLANE.stop(state)


def _stop_guests(state: StateDir, steps: Steps) -> list[str]:
    """The agent leaves guests running when it ends, so that it can be updated; down means them too."""
    began = clock.monotonic()
    with steps.progress("shutting guests down") as detail:
        stopped = agent.stop_guests(state, GRACE_SECONDS, detail)
    if stopped:
        _remember(state, stopped)
        steps.done(f"guests shut down: {len(stopped)}", f"{clock.monotonic() - began:.1f} s")
    return stopped


def _remember(state: StateDir, vms: list[str]) -> None:
    if vms:
        write_private(_memory(state), json.dumps(sorted(stopped_by_down(state) | set(vms))))
