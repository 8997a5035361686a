"""The program behind a server's own console: it runs while somebody is there, and no longer.

It is no machine: nothing starts or stops it but coming and leaving. The process that holds its terminal
outlives the agent, as every program's does; an agent that finds one takes it over.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import sys
from pathlib import Path

import msgspec
import structlog

from outofband.agent.config import Console
from outofband.agent.helper import login
from outofband.agent.hypervisors.driver import not_supported
from outofband.agent.hypervisors.picture import Picture
from outofband.agent.ports.broker import PortBroker
from outofband.agent.ports.program import (
    PtyHost,
    find_ptyhost,
    last_exit,
    start_ptyhost,
    stop_ptyhost,
    wait_ptyhost,
)
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.secrets import write_private
from outofband.net.tasks import Tasks
from outofband.wire.login import How, LoginReport
from outofband.wire.machine import Power, Verb
from outofband.wire.stream import Close

HANG_UP_SECONDS = 5.0
"""What a program gets to end by itself after the hang-up; then it is killed."""
LOOK_SECONDS = 1.0
"""How exact the time without a key is."""
ASK_WHO = frozenset({"login", "sulogin", "agetty", "getty", "mingetty"})
"""Programs that only root can run: they become whoever gives the right password."""

log = structlog.get_logger(__name__)


class ShellDriver:
    """The program of `settings` on the terminal of `port`, whose folder is `directory`.

    `linger` is how long it waits for somebody whose line dropped.
    """

    verbs: frozenset[Verb] = frozenset()
    output_seconds = 0.0
    guest = None

    def __init__(self, directory: Path, port: PortBroker, settings: Console, *, linger: float) -> None:
        self._directory = directory
        self._port = port
        self._name = f"serial{port.port}"
        self._settings = settings
        self._linger = linger
        self._host: PtyHost | None = None
        self._tasks = Tasks()
        self._running = False
        """There is a task that starts and keeps the program."""
        self._ending: asyncio.TimerHandle | None = None
        self._anew = False
        """The program is ended so that another may begin, for whoever is there."""

    @property
    def _command(self) -> bytes:
        return msgspec.json.encode(self._settings.command)

    @property
    def _command_file(self) -> Path:
        """What runs was started as."""
        return self._directory / f"{self._name}.command"

    @property
    def pid(self) -> int | None:
        return self._host.pid if self._host is not None else None

    async def adopt(self) -> Power:
        """Always running: whoever comes finds a program. One that agent.toml names no more is ended."""
        if self._command_file.exists() and self._command_file.read_bytes() != self._command:
            await hang_up(self._directory, self._name)
        self._host = find_ptyhost(self._directory, self._name)
        if self._host is not None:
            self._run()
        return Power.RUNNING

    def port_changed(self) -> None:
        """Somebody came or left."""
        if self._port.sessions():
            if self._ending is not None:
                self._ending.cancel()
                self._ending = None
            self._run()
        elif self._running and self._ending is None:
            loop = asyncio.get_running_loop()
            self._ending = loop.call_later(self._linger, self._left)

    def _run(self) -> None:
        if not self._running:
            self._running = True
            self._tasks.spawn("console.shell", self._serve())

    def _left(self) -> None:
        """Nobody came back."""
        self._ending = None
        if not self._port.sessions():
            # Who comes while it is ending has done nothing to lose a console for.
            self._anew = True
            self._tasks.spawn("console.hang-up", self._hang_up())

    async def _serve(self) -> None:
        again = True
        try:
            while again:
                self._anew = False
                close = await self._once()
                again = self._anew and bool(self._port.sessions())
        finally:
            self._running = False
        for attachment in self._port.sessions():
            self._port.end(attachment, close)

    async def _once(self) -> Close:
        """One program from its start to its end; what its viewers are told."""
        settings = self._settings
        try:
            if self._host is None:
                host = self._host = await self._start()
                log.info("console.shell_started", pid=host.child)
            else:
                host = self._host
        except Fault as fault:
            log.warning("console.shell_failed", code=fault.code, **fault.fields)
            return Close(fault.code, fault.fields)
        # One that nobody is at was found by this agent at its start.
        self.port_changed()
        typed, since = self._port.source.queued, clock.monotonic()
        idle = False
        while not await wait_ptyhost(host, LOOK_SECONDS):
            if self._port.source.queued != typed:
                typed, since = self._port.source.queued, clock.monotonic()
            elif not idle and clock.monotonic() - since >= settings.idle_seconds:
                idle = True
                await self._hang_up()
        self._host = None
        log.info("console.shell_ended", idle=idle)
        if idle:
            return Close("ServerConsoleIdle", {"vm": self._port.vm, "seconds": settings.idle_seconds})
        return Close("ServerConsoleEnded", {"vm": self._port.vm})

    async def _start(self) -> PtyHost:
        """Raises Fault ServerConsoleNeedsRoot, ServerConsoleFailed."""
        command, user = self._settings.command, os.geteuid()
        if user and Path(command[0]).name in ASK_WHO:
            if not login.is_there():
                raise Fault("ServerConsoleNeedsRoot", program=command[0], user=_name_of(user))
            # What root lets it run stands in a file of root's, not in the agent's.
            command = (sys.executable, "-P", "-m", login.__name__)
        env = {"TMOUT": str(self._settings.idle_seconds)}
        with contextlib.suppress(KeyError):
            entry = pwd.getpwuid(user)
            env |= {"HOME": entry.pw_dir, "USER": entry.pw_name, "LOGNAME": entry.pw_name}
            env |= {"SHELL": entry.pw_shell}
        try:
            write_private(self._command_file, self._command)
            host = await start_ptyhost(self._directory, command, env, name=self._name)
        except (Fault, OSError) as error:
            detail = str(error.fields.get("detail", "")) if isinstance(error, Fault) else str(error)
            raise Fault("ServerConsoleFailed", program=command[0], detail=detail) from error
        if not host.pid and (ended := last_exit(self._directory, self._name)) and ended.exit != 0:
            how = f"signal {ended.signal}" if ended.exit is None else f"status {ended.exit}"
            raise Fault("ServerConsoleFailed", program=command[0], detail=f"it ended at once, with {how}")
        return host

    async def _hang_up(self) -> None:
        await hang_up(self._directory, self._name)

    async def end_login(self) -> LoginReport:
        """The whole program goes, and whoever is there gets a new one."""
        # Not `_host`: the starter of one that runs may not have come back yet.
        if find_ptyhost(self._directory, self._name) is None:
            return LoginReport(how=How.NOBODY)
        self._anew = True
        await self._hang_up()
        return LoginReport(how=How.PROGRAM_ENDED, detail="the program on the console was hung up")

    async def close(self) -> None:
        """The program goes on; the next agent looks after it."""
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        await self._tasks.close()

    async def wait_end(self, timeout: float) -> bool:
        return self._host is None or await wait_ptyhost(self._host, timeout)

    async def kill(self) -> None:
        await self._hang_up()

    async def start(self) -> str:
        raise not_supported("shell", Verb.START)

    async def shut_down(self) -> None:
        raise not_supported("shell", Verb.STOP)

    async def reset(self) -> None:
        raise not_supported("shell", Verb.RESET)

    async def nmi(self) -> None:
        raise not_supported("shell", Verb.NMI)

    async def ctrl_alt_del(self) -> None:
        raise not_supported("shell", Verb.CTRL_ALT_DEL)

    async def send_break(self) -> None:
        raise not_supported("shell", Verb.SYSRQ)

    async def screenshot(self, *, wake: bool) -> Picture:
        raise not_supported("shell", Verb.SCREENSHOT)


async def hang_up(directory: Path, name: str = "serial0") -> None:
    """End the program on the console, whatever it thinks of that; nothing to do when none runs."""
    host = find_ptyhost(directory, name)
    if host is not None and not await stop_ptyhost(host, timeout=HANG_UP_SECONDS):
        await stop_ptyhost(host, force=True)


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
