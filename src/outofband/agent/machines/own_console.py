"""The console of the server itself, where agent.toml wants one: a machine that is none of its VMs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from outofband.agent.hypervisors.shell import hang_up
from outofband.agent.machines import build
from outofband.agent.machines.host import Host
from outofband.agent.machines.machine import Machine
from outofband.net.tasks import Tasks
from outofband.wire.login import LoginReport
from outofband.wire.machine import MachineDefinition, VmReport

log = structlog.get_logger(__name__)


class OwnConsole:
    """There is one between `open` and `close`. `on_login` is told what became of the login of a session."""

    def __init__(self, host: Host, tasks: Tasks, on_login: Callable[[str, LoginReport], None]) -> None:
        self._host, self._tasks, self._on_login = host, tasks, on_login
        self.machine: Machine | None = None
        self.on_change: Callable[[str], None] | None = None
        """Told with its id that its report is another now."""
        self._forsaken: asyncio.TimerHandle | None = None

    async def open(self, own: str) -> None:
        """Open it, as far as agent.toml wants one, under the id that stands for the server."""
        await self.close()
        self.keep()
        self._host.own = own.lower()
        kind = self._host.config.console.kind
        if kind != "shell":
            # Of a day when it was allowed.
            await hang_up(self._host.console)
        if kind == "off":
            return
        definition = MachineDefinition(vm=own.lower(), name=self._host.name, driver=kind)
        machine = Machine(self._host, definition, self._changed)
        machine.on_login = self._on_login
        try:
            self._host.console.mkdir(mode=0o700, parents=True, exist_ok=True)
            await machine.open()
        except OSError as error:
            log.error("console.unopened", error=str(error))
            await machine.close()
            return
        self.machine = machine

    async def close(self) -> None:
        """Let go of it. A program on it that nobody takes over again is hung up."""
        machine, self.machine = self.machine, None
        if machine is not None:
            await machine.close()
            self.forsake()

    def forsake(self) -> None:
        """Hang up what runs on it in a while, unless it is opened again."""
        self.keep()
        loop = self._host.hub.loop
        self._forsaken = loop.call_later(
            build.CONSOLE_LINGER, lambda: self._tasks.spawn("console.hang-up", hang_up(self._host.console))
        )

    def keep(self) -> None:
        """What runs on it goes on."""
        if self._forsaken is not None:
            self._forsaken.cancel()
            self._forsaken = None

    def report(self) -> VmReport | None:
        """None without one."""
        return self.machine.report() if self.machine is not None else None

    def watch_only(self, monitor: bool) -> None:
        """Whether consoles may only be watched from now on."""
        if self.machine is not None:
            self.machine.console.watch_only(monitor or self._host.config.console.read_only)

    def _changed(self) -> None:
        if self.machine is not None and self.on_change is not None:
            self.on_change(self.machine.definition.vm)
