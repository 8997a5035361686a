"""`oob serve`: one control plane in the foreground, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import os
import signal
import socket

import msgspec
import structlog
import uvloop

from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.net import logs, ports, process
from outofband.server import settings as configured
from outofband.server.node import Node
from outofband.server.settings import Settings

log = structlog.get_logger(__name__)

ARM, CONSOLE = "arm", "console"
"""Names of the two ports in the run file."""


def serve(
    state: StateDir,
    *,
    port: int | None = None,
    console_port: int | None = None,
    json_logs: bool | None = None,
) -> None:
    """Run a node and return when it was stopped. Ports that are given are kept for later starts.

    Raises Fault before anything is touched: StoreInUse when a control plane runs on this state,
    SettingsInvalid, PortInUse; later those of the store and of the PKI.
    """
    logs.configure(json=json_logs)
    process.leave_no_core()
    process.raise_file_limit()
    os.umask(0o077)
    settings = configured.load(state, port=port, console_port=console_port)
    if (other := process.running(state.run / "control.json")) is not None and other.pid != os.getpid():
        raise Fault("StoreInUse", path=str(state.control), pid=other.pid)
    arm = ports.listen("The control plane", settings.address, settings.port)
    try:
        console = ports.listen("The console listener", settings.address, settings.console_port)
    except Fault:
        arm.close()
        raise
    settings = _with_real_ports(settings, arm, console)
    kept = {name: value for name, value in (("port", port), ("console_port", console_port)) if value}
    configured.remember(state, **kept)
    if "ws" in settings.gateway.removeprefix("wss://"):
        log.warning("gateway.name", detail="Azure's CLI cannot use a console host whose name contains 'ws'")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(state, settings, arm, console))
    finally:
        arm.close()
        console.close()


async def _run(state: StateDir, settings: Settings, arm: socket.socket, console: socket.socket) -> None:
    node = Node(state, settings, arm, console)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(logs.loop_errors)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, node.stop)
    run_file = state.run / "control.json"
    numbers = {ARM: settings.port, CONSOLE: settings.console_port}

    def announce(*, ready: bool) -> None:
        process.announce(run_file, state=state.root, ready=ready, ports=numbers)

    announce(ready=False)
    try:
        await node.run(lambda: announce(ready=True))
    finally:
        run_file.unlink(missing_ok=True)


def _with_real_ports(settings: Settings, arm: socket.socket, console: socket.socket) -> Settings:
    """Port 0 asked for any free one; what is advertised has to say which."""
    return msgspec.structs.replace(settings, port=arm.getsockname()[1], console_port=console.getsockname()[1])
