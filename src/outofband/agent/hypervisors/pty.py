"""The driver of machines that are a program on a terminal, held by a process that outlives the agent."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

from outofband.agent.config import Program
from outofband.agent.hypervisors.driver import Happening, Report, not_supported
from outofband.agent.hypervisors.picture import Picture
from outofband.agent.hypervisors.process import Process
from outofband.agent.ports.program import PtyHost, find_ptyhost, last_exit, start_ptyhost, stop_ptyhost
from outofband.core.errors import Fault
from outofband.wire.machine import Power, Verb

KILL_SECONDS = 10.0
LIFE = frozenset({Verb.START, Verb.STOP, Verb.RESTART})
"""What can be done with any program."""
FOLDER = "OOB_MACHINE_DIR"
"""In the program's environment: the machine's folder, where it may keep what is to be there the next time."""


class PtyDriver:
    """The terminal of serial port `port`. `program` finds what to run when the machine is to be started."""

    output_seconds = 1.0

    def __init__(self, directory: Path, port: str, report: Report, *, program: Callable[[], Program]) -> None:
        self._directory = directory
        self._name = f"serial{port}"
        self._report = report
        self._program = program
        self._host: PtyHost | None = None
        self._process: Process | None = None
        self._over = asyncio.Event()
        self._killed = False

    guest = None

    @property
    def verbs(self) -> frozenset[Verb]:
        return LIFE | self._signals().keys()

    @property
    def pid(self) -> int | None:
        return self._host.pid if self._host is not None else None

    def port_changed(self) -> None:
        """The process says all there is to know."""

    async def adopt(self) -> Power:
        host = find_ptyhost(self._directory, self._name)
        return Power.RUNNING if host is not None and self._hold(host) else Power.STOPPED

    async def start(self) -> str:
        program = self._program()
        env = {FOLDER: str(self._directory)} | program.env
        host = await start_ptyhost(self._directory, program.command, env, name=self._name)
        self._killed = False
        if not self._hold(host):
            self._tell_end()
            return "The program was started"
        return f"The program runs as process {host.child}"

    def _hold(self, host: PtyHost) -> bool:
        process = Process.adopt(host.pid, lambda _: host.alive) if host.pid else None
        if process is None:
            return False
        self._host, self._process = host, process
        self._over.clear()
        process.on_end(self._finish)
        return True

    async def shut_down(self) -> None:
        if self._process is not None:
            self._process.send(signal.SIGTERM)

    async def kill(self) -> None:
        if self._host is None:
            return
        self._killed = True
        if not await stop_ptyhost(self._host, force=True, timeout=KILL_SECONDS):
            raise Fault("HypervisorUnreachable", detail="not even SIGKILL ended its process")
        await self.wait_end(KILL_SECONDS)

    async def wait_end(self, timeout: float) -> bool:
        if self._process is None:
            return True
        try:
            async with asyncio.timeout(timeout):
                await self._over.wait()
        except TimeoutError:
            return self._over.is_set()
        return True

    def _finish(self) -> None:
        self._host = self._process = None
        self._over.set()
        self._tell_end()

    def _tell_end(self) -> None:
        ended = last_exit(self._directory, self._name)
        if ended is None:
            reason, detail, clean = "lost", "the process that held its terminal was killed", self._killed
        elif ended.signal is not None:
            reason, detail, clean = "signal", f"signal {ended.signal} ended the program", self._killed
        else:
            reason, detail, clean = "exit", f"the program ended with status {ended.exit}", True
        self._report(Happening.ENDED, {"reason": reason, "detail": detail, "clean": clean})

    async def close(self) -> None:
        if self._process is not None:
            self._process.close()
        self._host = self._process = None

    def _signals(self) -> dict[Verb, signal.Signals]:
        """What the program takes, as the host's agent.toml says."""
        try:
            program = self._program()
        except Fault:
            # The host does not offer it any more; what runs may be anything.
            return {}
        asked = {Verb.RESET: program.reset, Verb.NMI: program.nmi}
        return {verb: signal.Signals[name] for verb, name in asked.items() if name is not None}

    def _signal(self, verb: Verb) -> None:
        number = self._signals().get(verb)
        if number is None:
            raise not_supported("pty", verb)
        if self._host is None or not self._host.passes_on:
            detail = "no program runs" if self._host is None else "it has to be started anew for that"
            raise Fault("HypervisorRefused", verb=str(verb), detail=detail)
        if not self._host.takes(number):
            detail = f"the program does not take {number.name}, or is not up yet"
            raise Fault("HypervisorRefused", verb=str(verb), detail=detail)
        if not self._host.signal(number):
            raise Fault("HypervisorUnreachable", detail="the process that holds its terminal is gone")

    async def reset(self) -> None:
        """All that can be known is that the program was told to begin anew."""
        self._signal(Verb.RESET)
        self._report(Happening.RESET, {"guest": False})

    async def nmi(self) -> None:
        self._signal(Verb.NMI)

    async def ctrl_alt_del(self) -> None:
        raise not_supported("pty", Verb.CTRL_ALT_DEL)

    async def send_break(self) -> None:
        raise not_supported("pty", Verb.SYSRQ)

    async def screenshot(self, *, wake: bool) -> Picture:
        raise not_supported("pty", Verb.SCREENSHOT)
