"""`himds`: the host agent as a process. `oob agent run` is the same."""

from __future__ import annotations

import argparse
import asyncio
import resource
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from outofband import __version__
from outofband.agent.instance import Instance
from outofband.agent.service import Service
from outofband.agent.state import Identity, load_identity
from outofband.catalogue import explain
from outofband.core.errors import Fault
from outofband.core.paths import StateDir, state_dir
from outofband.net import logs, process

MAX_FILES = 65536
"""A port needs a handful of descriptors, a session one; the usual limit of 1024 is soon reached."""


def run(state: StateDir, *, json_logs: bool | None = None, verbose: bool = False) -> None:
    """Run the agent of this state until SIGTERM or SIGINT; guests go on running. Blocks.

    Raises Fault AgentNotEnrolled, AgentRunning, AgentConfigInvalid or HolePunchUnsupported.
    """
    logs.configure(json=json_logs, verbose=verbose)
    process.leave_no_core()
    identity = load_identity(state)
    with Instance(state) as instance:
        _raise_file_limit()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(state, identity, instance))


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the `himds` script; never returns."""
    parser = argparse.ArgumentParser(prog="himds", description="The Outofband agent of a VM host.")
    parser.add_argument("--state", type=Path, help="state directory (default: $OOB_STATE or the user's)")
    parser.add_argument("--json", action="store_true", default=None, help="logs as JSON, one event a line")
    parser.add_argument("-v", "--verbose", action="store_true", help="more logs")
    parser.add_argument("--version", action="version", version=f"himds {__version__}")
    chosen = parser.parse_args(arguments)
    try:
        run(state_dir(chosen.state), json_logs=chosen.json, verbose=chosen.verbose)
    except Fault as fault:
        told = explain(fault)
        print(f"error ({told.code}) {told.message}", file=sys.stderr)
        for step in told.remedy:
            print(f"remedy: {step}", file=sys.stderr)
        sys.exit(told.exit)
    sys.exit(0)


async def _serve(state: StateDir, identity: Identity, instance: Instance) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(logs.loop_errors)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    await Service(state, identity).run(instance, stop)


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    main()
