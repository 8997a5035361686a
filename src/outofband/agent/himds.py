"""`himds`: the host agent as a process. `oob agent run` is the same."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import structlog
import uvloop

from outofband import __version__
from outofband.agent import settings
from outofband.agent.instance import Instance
from outofband.agent.service import Service
from outofband.catalogue import explain
from outofband.core.errors import Fault
from outofband.core.paths import StateDir, agent_state_dir
from outofband.net import logs, process
from outofband.net.logfile import LogFile

log = structlog.get_logger(__name__)


def run(state: StateDir, *, json_logs: bool | None = None, verbose: bool = False) -> None:
    """Run the agent of this state until SIGTERM or SIGINT; guests go on running. Blocks.

    What it logs is in log/himds.log too. SIGHUP makes it read its settings again, but ends one that somebody
    started on a terminal that is gone. Without an identity it waits to be connected.

    Raises Fault AgentRunning, AgentConfigInvalid or HolePunchUnsupported.
    """
    file = LogFile(state.log / "himds.log", level="debug")
    try:
        file.open()
    except OSError as error:
        # Standard error has everything as well, and an agent is more than its log.
        print(f"himds: {file.path} takes no log: {error}", file=sys.stderr)
    logs.configure(json=json_logs, verbose=verbose, file=file)
    process.leave_no_core()
    with Instance(state) as instance:
        process.raise_file_limit()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(state, instance))


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the `himds` script; never returns."""
    parser = argparse.ArgumentParser(prog="himds", description="The Outofband agent of a VM host.")
    parser.add_argument(
        "--state", type=Path, help="state directory (default: $OOB_STATE, the installed one or the user's)"
    )
    parser.add_argument("--json", action="store_true", default=None, help="logs as JSON, one event a line")
    parser.add_argument("-v", "--verbose", action="store_true", help="more logs")
    parser.add_argument("--version", action="version", version=f"himds {__version__}")
    chosen = parser.parse_args(arguments)
    try:
        run(agent_state_dir(chosen.state), json_logs=chosen.json, verbose=chosen.verbose)
    except Fault as fault:
        told = explain(fault)
        print(f"error ({told.code}) {told.message}", file=sys.stderr)
        for step in told.remedy:
            print(f"remedy: {step}", file=sys.stderr)
        sys.exit(told.exit)
    sys.exit(0)


async def _serve(state: StateDir, instance: Instance) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(logs.loop_errors)
    service = Service(state)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    on_terminal = sys.stdin is not None and sys.stdin.isatty()
    loop.add_signal_handler(signal.SIGHUP, stop.set if on_terminal else partial(_read_again, service, state))
    await service.run(instance, stop)


def _read_again(service: Service, state: StateDir) -> None:
    try:
        service.reload(settings.load(state))
    except Fault as fault:
        log.error("settings.not_reloaded", code=fault.code, **fault.fields)


if __name__ == "__main__":
    main()
