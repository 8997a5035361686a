"""The driver of QEMU machines: started detached, found again, asked and watched through the monitor."""

from __future__ import annotations

import asyncio
import itertools
import re
import secrets
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import structlog

from outofband.agent.hypervisors import overlay
from outofband.agent.hypervisors.command import (
    GUEST_CHARDEV,
    GUEST_SOCKET,
    LOG_FILE,
    MONITOR_SOCKET,
    NETDEV,
    OVERLAY,
    PID_FILE,
    chardev,
    file_name,
)
from outofband.agent.hypervisors.driver import Happening, Report
from outofband.agent.hypervisors.guest_agent import GuestAgent
from outofband.agent.hypervisors.picture import Picture, fitting, is_dark
from outofband.agent.hypervisors.process import Process, read_pid, tail
from outofband.agent.hypervisors.qmp import Monitor, MonitorRefused
from outofband.agent.ports import fifo
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.net.tasks import Tasks
from outofband.wire.machine import MachineDefinition, Power, Verb

START_SECONDS = 20.0
"""QEMU's monitor answers within 0.2 s of its start; a crowded host may take its time."""
ADOPT_SECONDS = 5.0
RESET_SECONDS = 5.0
RESET_WINDOW = 2.0
"""One reset makes up to three RESET events within a moment: later ones within these seconds are the same."""
QUIT_SECONDS = 2.0
END_SECONDS = 10.0
LOST_SECONDS = 1.0
"""A lost monitor is told of after these seconds; mostly QEMU is just about to end."""
SCREEN_SECONDS = 10.0
WAKE_SECONDS = 2.0
"""How long a display that was woken may take to show something; one that is dark by itself stays so."""
_WAKING_SECONDS = 0.25
MAX_LOG = 1024 * 1024
"""qemu.log begins anew at a start when it has grown beyond these bytes."""
_POLL_SECONDS = 0.02
_DRAIN_SECONDS = 1.0
_WORDS = 400
_FORWARDED = re.compile(r"(TCP|UDP)\[HOST_FORWARD\]\s+\d+\s+(127\.[\d.]+)\s+(\d+)\s+\S+\s+(\d+)\s")
"""A line of `info usernet`: protocol, loopback address and port, and the guest's port."""
_RUNNING = frozenset({"running", "prelaunch"})
_PAUSED = frozenset({"paused", "io-error", "internal-error", "guest-panicked", "watchdog"})

log = structlog.get_logger(__name__)


class QemuDriver:
    """One QEMU in one machine directory.

    When it is to be started `command` makes its arguments, and `disk` names the image its own disk lies over:
    path and format, or None.
    """

    verbs = frozenset(
        {
            Verb.START,
            Verb.STOP,
            Verb.RESTART,
            Verb.RESET,
            Verb.NMI,
            Verb.SYSRQ,
            Verb.CTRL_ALT_DEL,
            Verb.SCREENSHOT,
            Verb.RUN,
            Verb.RUN_STATUS,
            Verb.RUN_CANCEL,
            Verb.SET_PASSWORD,
            Verb.NETWORK,
            Verb.PROBE,
            Verb.REACH,
        }
    )

    output_seconds = 5.0

    def __init__(
        self,
        definition: MachineDefinition,
        directory: Path,
        report: Report,
        *,
        command: Callable[[], Awaitable[list[str]]],
        disk: Callable[[], tuple[Path, str | None] | None] = lambda: None,
    ) -> None:
        self._vm = definition.vm
        self._ports = tuple(port.name for port in definition.ports)
        self._directory = directory
        self._report = report
        self._command = command
        self._disk = disk
        self._process: Process | None = None
        self._monitor: Monitor | None = None
        self._over = asyncio.Event()
        self._reset_seen = asyncio.Event()
        self._reset_at = float("-inf")
        self._shutdown: dict[str, Any] = {}
        self._killed = False
        self._tasks = Tasks()
        self.guest = GuestAgent(definition.name, directory, GUEST_SOCKET, self._guest_listens)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def port_changed(self) -> None:
        """The monitor says all there is to know."""

    # --- coming to run ---

    async def adopt(self) -> Power:
        """RUNNING when our QEMU runs and answers, UNKNOWN when it runs and does not answer, else STOPPED."""
        pid = read_pid(self._directory / PID_FILE)
        if pid is None or (process := Process.adopt(pid, self._is_ours)) is None:
            return Power.STOPPED
        monitor = self._hold(process)
        try:
            await self._reach(monitor, process, ADOPT_SECONDS)
            identity = await monitor.execute("query-uuid")
            if identity["UUID"].lower() != self._vm.lower():
                await self.close()
                return Power.STOPPED
            await self._look_at_status(monitor)
        except (Fault, MonitorRefused) as error:
            if process.gone:
                return Power.STOPPED
            log.warning("qemu.silent", vm=self._vm, pid=pid, detail=str(error))
            if not monitor.connected:
                monitor.keep()
            return Power.UNKNOWN
        return Power.RUNNING

    async def start(self) -> str:
        command = await self._command()
        if (disk := self._disk()) is not None:
            overlay.create(self._directory / OVERLAY, *disk)
        words = self._directory / LOG_FILE
        if words.exists() and words.stat().st_size > MAX_LOG:
            words.unlink()
        said_before = words.stat().st_size if words.exists() else 0
        try:
            for port in self._ports:
                fifo.prepare(self._directory, file_name(port))
        except OSError as error:
            raise Fault("VmStartFailed", detail=error.strerror or str(error)) from error
        try:
            process = Process.spawn(command, directory=self._directory, log=words)
        except FileNotFoundError as error:
            raise Fault("QemuNotFound", program=command[0]) from error
        except OSError as error:
            raise Fault("VmStartFailed", detail=error.strerror or str(error)) from error
        monitor = self._hold(process)
        try:
            await self._reach(monitor, process, START_SECONDS)
            await self._look_at_status(monitor)
        except (Fault, MonitorRefused) as error:
            ended = process.gone
            await self._destroy()
            if not ended:
                raise
            detail = _words(tail(words, said_before)) or f"it said nothing (status {process.status})"
            raise Fault("VmStartFailed", detail=detail) from error
        except asyncio.CancelledError:
            await self._destroy()
            raise
        return f"QEMU runs as process {process.pid} under {_accelerator(command)}"

    def _hold(self, process: Process) -> Monitor:
        monitor = Monitor(self._directory, MONITOR_SOCKET, on_event=self._on_event, on_link=self._on_link)
        self._process, self._monitor = process, monitor
        self._over.clear()
        self._shutdown = {}
        self._killed = False
        process.on_end(lambda: self._tasks.spawn(f"qemu end {self._vm}", self._finish(process, monitor)))
        return monitor

    async def _reach(self, monitor: Monitor, process: Process, timeout: float) -> None:
        """Connect to a monitor whose socket may not exist yet. Raises Fault HypervisorUnreachable."""
        deadline = clock.monotonic() + timeout
        while True:
            left = deadline - clock.monotonic()
            try:
                await monitor.connect(max(left, _POLL_SECONDS))
            except Fault:
                if process.gone or left <= 0:
                    raise
                await process.wait(_POLL_SECONDS)
            else:
                return

    def _is_ours(self, proc: Path) -> bool:
        """QEMU of this VM, in this directory: neither a stranger with a reused pid nor a copy elsewhere."""
        words = (proc / "cmdline").read_bytes().split(b"\0")
        named = any(
            flag == b"-uuid" and value.decode("ascii", "replace").lower() == self._vm.lower()
            for flag, value in itertools.pairwise(words)
        )
        return named and (proc / "cwd").samefile(self._directory)

    async def _look_at_status(self, monitor: Monitor) -> None:
        status = (await monitor.execute("query-status")).get("status", "")
        if status == "prelaunch":
            await monitor.execute("cont")
        elif status in _PAUSED:
            self._report(Happening.PAUSED, {"detail": f"its state is '{status}'"})
        elif status in _RUNNING:
            self._report(Happening.RESUMED, {})

    # --- coming to an end ---

    async def shut_down(self) -> None:
        await self._execute(Verb.STOP, "system_powerdown")

    async def kill(self) -> None:
        """Tell QEMU to quit, which keeps its disk file tidy; one that does not is killed."""
        if self._monitor is not None and self._monitor.connected:
            try:
                await self._monitor.execute("quit", timeout=QUIT_SECONDS)
                if await self.wait_end(QUIT_SECONDS):
                    return
            except (Fault, MonitorRefused):
                pass  # it may end before it answers, and it may be stuck
        await self._destroy()

    async def _destroy(self) -> None:
        """SIGKILL through the pidfd: asks nothing of a QEMU that may be stuck."""
        if self._process is None:
            return
        self._killed = True
        self._process.send(signal.SIGKILL)
        if not await self.wait_end(END_SECONDS):
            raise Fault("HypervisorUnreachable", detail="not even SIGKILL ended its process")

    async def wait_end(self, timeout: float) -> bool:
        if self._process is None:
            return True
        try:
            async with asyncio.timeout(timeout):
                await self._over.wait()
        except TimeoutError:
            return self._over.is_set()
        return True

    async def _finish(self, process: Process, monitor: Monitor) -> None:
        # The exit can be seen before the last events were read, and SHUTDOWN among them tells why.
        await monitor.drained(_DRAIN_SECONDS)
        await monitor.close()
        self._process = self._monitor = None
        self._over.set()
        reason = str(self._shutdown.get("reason", ""))
        if self._killed:
            fields = {"reason": "killed", "detail": "QEMU was killed", "clean": True}
        elif reason.startswith("guest-"):
            fields = {"reason": reason, "detail": f"QEMU ended after '{reason}'", "clean": True}
        elif reason == "host-qmp-quit":
            fields = {"reason": reason, "detail": "QEMU was told to quit", "clean": True}
        else:
            words = _words(tail(self._directory / LOG_FILE))
            status = "" if process.status is None else f"status {process.status}"
            detail = ", ".join(part for part in (reason, status, words) if part) or "nobody knows why"
            fields = {"reason": reason or "lost", "detail": detail, "clean": False}
        self._report(Happening.ENDED, fields)

    async def close(self) -> None:
        monitor, process = self._monitor, self._process
        self._monitor = self._process = None
        if process is not None:
            process.close()
        await self._tasks.close()
        if monitor is not None:
            await monitor.close()

    # --- what is done to a running machine ---

    async def reset(self) -> None:
        self._reset_seen.clear()
        self._reset_at = float("-inf")
        await self._execute(Verb.RESET, "system_reset")
        try:
            async with asyncio.timeout(RESET_SECONDS):
                await self._reset_seen.wait()
        except TimeoutError as error:
            raise Fault("ActionTimeout", verb=str(Verb.RESET), seconds=RESET_SECONDS) from error

    async def nmi(self) -> None:
        await self._execute(Verb.NMI, "inject-nmi")

    async def ctrl_alt_del(self) -> None:
        keys = [{"type": "qcode", "data": name} for name in ("ctrl", "alt", "delete")]
        await self._execute(Verb.CTRL_ALT_DEL, "send-key", keys=keys)

    async def send_break(self) -> None:
        await self._execute(Verb.SYSRQ, "chardev-send-break", id=chardev(self._ports[0]))

    async def forward(self, loopback: tuple[str, int], port: int, protocol: str = "tcp") -> bool:
        """Have what comes by `tcp` or `udp` to an address and port of the loopback interface come out at a
        port of the guest, until QEMU ends or `unforward`. False when that port is taken.
        """
        # What it says is empty when all is well.
        place = f"{protocol}:{loopback[0]}:{loopback[1]}"
        return not (await self._forwarding(f"hostfwd_add {NETDEV} {place}-:{port}")).strip()

    async def unforward(self, loopback: tuple[str, int], protocol: str = "tcp") -> None:
        """Have nothing come out any more of what comes to that place; connections that came stay. Where there
        is no forward it changes nothing. Raises Fault.
        """
        await self._forwarding(f"hostfwd_remove {NETDEV} {protocol}:{loopback[0]}:{loopback[1]}")

    async def forwards(self, protocol: str = "tcp") -> dict[int, tuple[str, int]]:
        """By the guest's port, the loopback address and port that are forwarded to it. Raises Fault."""
        said = await self._forwarding("info usernet")
        return {
            int(inner): (address, int(port))
            for kind, address, port, inner in _FORWARDED.findall(said)
            if kind == protocol.upper()
        }

    async def _forwarding(self, line: str) -> str:
        """Only the monitor for people knows of forwards; what it says to a line."""
        if self._monitor is None:
            raise Fault("HypervisorUnreachable", detail="it does not run")
        try:
            return await self._monitor.human(line)
        except MonitorRefused as error:
            raise Fault("HypervisorRefused", verb=str(Verb.NETWORK), detail=str(error)) from error

    async def screenshot(self, *, wake: bool) -> Picture:
        try:
            ppm = await self._dump()
            if wake and is_dark(ppm):
                ppm = await self._woken(ppm)
            return await asyncio.to_thread(fitting, ppm)
        except ValueError as error:
            raise Fault("HypervisorRefused", verb=str(Verb.SCREENSHOT), detail=str(error)) from error

    async def _woken(self, ppm: bytes) -> bytes:
        """Press and release Shift, which types nothing, and look until there is something to see; what is
        seen last. Every guest takes a key as a reason to show its screen again.
        """
        for down in (True, False):
            key = {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": "shift"}}}
            await self._execute(Verb.SCREENSHOT, "input-send-event", events=[key])
        end = clock.monotonic() + WAKE_SECONDS
        while is_dark(ppm) and clock.monotonic() < end:
            await asyncio.sleep(_WAKING_SECONDS)
            ppm = await self._dump()
        return ppm

    async def _guest_listens(self) -> bool | None:
        """Whether a program in the guest has the agent's port open, as QEMU sees it."""
        monitor = self._monitor
        if monitor is None:
            raise Fault("HypervisorUnreachable", detail="it does not run")
        try:
            ports = await monitor.execute("query-chardev")
        except MonitorRefused:
            return None
        return next((bool(each["frontend-open"]) for each in ports if each["label"] == GUEST_CHARDEV), None)

    async def _dump(self) -> bytes:
        """The screen as a PPM."""
        # QEMU's working directory is the machine's, and it writes the file itself.
        picture = self._directory / f"screen-{secrets.token_hex(8)}.ppm"
        try:
            await self._execute(
                Verb.SCREENSHOT, "screendump", timeout=SCREEN_SECONDS, filename=picture.name, format="ppm"
            )
            return picture.read_bytes()
        except FileNotFoundError as error:
            detail = "it wrote no picture"
            raise Fault("HypervisorRefused", verb=str(Verb.SCREENSHOT), detail=detail) from error
        finally:
            picture.unlink(missing_ok=True)

    async def _execute(self, verb: Verb, command: str, **arguments: Any) -> None:
        if self._monitor is None:
            raise Fault("HypervisorUnreachable", detail="it does not run")
        try:
            await self._monitor.execute(command, **arguments)
        except MonitorRefused as error:
            raise Fault("HypervisorRefused", verb=str(verb), detail=str(error)) from error

    # --- what it tells ---

    def _on_event(self, event: str, data: dict[str, Any]) -> None:
        if event == "RESET":
            self._reset_seen.set()
            now = clock.monotonic()
            if now - self._reset_at >= RESET_WINDOW:
                self._reset_at = now
                self._report(Happening.RESET, {"guest": bool(data.get("guest"))})
        elif event == "SHUTDOWN":
            self._shutdown = data
        elif event == "STOP":
            # On its way out QEMU stops the processors too.
            if not self._shutdown:
                self._report(Happening.PAUSED, {"detail": "its monitor reported a stop"})
        elif event == "RESUME":
            self._report(Happening.RESUMED, {})
        elif event == "GUEST_PANICKED":
            self._report(Happening.PANICKED, {})

    def _on_link(self, connected: bool) -> None:
        self._tasks.spawn(f"qmp link {self._vm}", self._tell_link(connected))

    async def _tell_link(self, connected: bool) -> None:
        monitor, process = self._monitor, self._process
        if monitor is None or process is None:
            return
        if not connected:
            await process.wait(LOST_SECONDS)
            if not process.gone and not monitor.connected:
                self._report(Happening.LOST, {"detail": "the connection to its monitor ended"})
            return
        self._report(Happening.BACK, {})
        try:
            await self._look_at_status(monitor)
        except (Fault, MonitorRefused) as error:
            log.warning("qemu.silent", vm=self._vm, detail=str(error))


def _accelerator(command: list[str]) -> str:
    return command[command.index("-accel") + 1].upper()


def _words(text: str) -> str:
    """QEMU's own words without time stamps, warnings only when there is nothing else; bounded."""
    lines = [_without_stamp(line) for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "warning:" not in line] or lines
    return "; ".join(errors)[-_WORDS:]


def _without_stamp(line: str) -> str:
    """`-msg timestamp=on` puts `2026-01-31T12:00:00.000000Z ` before each line."""
    stamp, _, rest = line.partition(" ")
    return rest if stamp.endswith("Z") and stamp[:4].isdecimal() else line
