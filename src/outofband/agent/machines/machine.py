"""One machine: its ports, its hypervisor, its state of power, and the actions that change it.

Life-cycle actions (start, stop, restart) exclude each other; what is done to a running guest (actions.py)
does not wait for them: a guest that hangs in its shutdown may need an NMI.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import structlog

from outofband.agent.hypervisors.driver import Driver, Happening
from outofband.agent.hypervisors.qemu import QemuDriver
from outofband.agent.machines import definitions, logins
from outofband.agent.machines.build import make_driver, make_ports
from outofband.agent.machines.definitions import Condition
from outofband.agent.machines.host import Host
from outofband.agent.machines.scripts import Scripts
from outofband.agent.moving import fence, leaving
from outofband.agent.moving.fence import Fence
from outofband.agent.moving.leaving import Leaving
from outofband.agent.network.attached import Attached, has_network
from outofband.agent.network.forwards import Ways
from outofband.agent.ports.broker import PortBroker
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.net.tasks import Tasks
from outofband.wire.login import LoginReport
from outofband.wire.machine import MachineDefinition, Power, Verb, VmReport
from outofband.wire.stream import Notice

SHUTDOWN_SECONDS = 60.0
ASK_AGAIN_SECONDS = 3.0
"""A guest that is still booting misses the first press of its power button."""

log = structlog.get_logger(__name__)


class Outcome(msgspec.Struct, frozen=True):
    """`observed` is one sentence of what was seen to happen; `data` are plain JSON values."""

    observed: str
    data: dict[str, Any] = {}


class Machine:
    """`changed` is called when something of the report, other than the length of a log, is another now."""

    def __init__(self, host: Host, definition: MachineDefinition, changed: Callable[[], None]) -> None:
        self.host = host
        self.definition = definition
        self.power = Power.UNKNOWN
        self.boots = 0
        self._since = clock.iso()
        self._fault: Fault | None = None
        self._ended: dict[str, Any] = {}
        self._changed = changed
        self._life = asyncio.Lock()
        self._opened = False
        self._closed = False
        self._tasks = Tasks()
        self.ports: dict[str, PortBroker] = make_ports(host, definition, self._port_changed)
        for port in self.ports.values():
            port.end_login = functools.partial(logins.end_login, self, port)
            port.on_login = self._login_ended
        self.on_login: Callable[[str, LoginReport], None] | None = None
        """Told what became of the guest login of a session."""
        self.driver: Driver = make_driver(self, self._happened)
        self.network: Attached | None = None
        """Of a QEMU VM that has a card."""
        if has_network(definition):
            assert isinstance(self.driver, QemuDriver)
            offered = host.config.network.public
            self.network = Attached(
                self.name,
                self.directory,
                offered,
                Ways(self.driver.forward, self.driver.forwards, self.driver.unforward),
                Ways(
                    functools.partial(self.driver.forward, protocol="udp"),
                    functools.partial(self.driver.forwards, protocol="udp"),
                    functools.partial(self.driver.unforward, protocol="udp"),
                ),
            )
        self._other_card = False
        """The one that its guest sees is not the one that it has by now: that comes with a start."""
        self._wanted: Callable[[], object] | None = None
        self.fence: Fence | None = None
        """There when it lives on another host by now."""
        self.leaving: Leaving | None = None
        """There when its disk was sent to another host, and the move has not ended."""
        self.scripts: Scripts | None = None
        if self.driver.guest is not None:
            self.scripts = Scripts(self.name, self.directory, self.driver.guest, self._may_run)

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def directory(self) -> Path:
        return self.host.directory(self.definition.vm)

    @property
    def console(self) -> PortBroker:
        """The first serial port."""
        return next(iter(self.ports.values()))

    @property
    def trouble(self) -> str | None:
        """Code of what is wrong with it, as far as that is known."""
        return self._fault.code if self._fault is not None else None

    async def open(self) -> None:
        """Open the ports and take hold of the machine if it runs already. Raises OSError."""
        for port in self.ports.values():
            await port.open()
        if self.scripts is not None:
            self.scripts.sweep()
        known = definitions.load_condition(self.directory)
        if known is not None:
            self.boots = known.boots
        power = await self.driver.adopt()
        if known is not None and power is known.power and self.driver.pid == known.pid:
            self.power, self._since = power, known.since
        else:
            self._to(power, self._fault)
        if power is Power.UNKNOWN:
            detail = "its process runs, its monitor says nothing"
            self._fault = Fault("HypervisorUnreachable", detail=detail)
        self.fence, self.leaving = fence.load(self.directory), leaving.load(self.directory)
        # Marks of an earlier epoch: it was given back, and made anew for it.
        self._lift(self.definition.epoch)
        if self.fence is not None:
            self._fault = self.fence.fault(self.name)
            if power is not Power.STOPPED:
                # The agent died between the mark and the end.
                self._tasks.spawn(f"shut out {self.name}", self.shut_out(self.fence))
        if self.network is not None and power is Power.RUNNING:
            await self.network.started()
        self._opened = True
        self.driver.port_changed()
        log.info("machine.opened", vm=self.definition.vm, name=self.name, power=str(self.power))

    async def close(self, code: str = "SessionEnded", **fields: Any) -> None:
        """Let go of the machine, which goes on running."""
        self._closed = True
        if self.network is not None:
            await self._tasks.close()
            await self.network.close()
        await self.driver.close()
        for port in self.ports.values():
            await port.close(code, **fields)

    def report(self) -> VmReport:
        return VmReport(
            vm=self.definition.vm,
            name=self.name,
            driver=self.definition.driver,
            epoch=self.definition.epoch,
            power=self.power,
            since=self._since,
            ports=[port.report() for port in self.ports.values()],
            fault=self._fault.code if self._fault else None,
            fault_fields=dict(self._fault.fields) if self._fault else {},
            memory_mib=self.definition.memory_mib,
            cpus=self.definition.cpus,
            image=self.definition.image,
            program=self.definition.program,
            socket=self.definition.socket,
        )

    def redefine(self, definition: MachineDefinition) -> None:
        """Keep a new definition of the same driver and ports; the hypervisor sees it at the next start."""
        definitions.save(self.directory, definition)
        self._lift(definition.epoch)
        if definition.nic != self.definition.nic:
            self._other_card = True
        self.definition = definition
        self._changed()

    def expect(self, verb: Verb, *powers: Power) -> None:
        """Raises Fault ActionNotSupported, VmNotRunning, or VmUnknownToHost once it was closed."""
        if self._closed:
            raise Fault("VmUnknownToHost", vm=self.name)
        if verb not in self.driver.verbs:
            raise Fault("ActionNotSupported", driver=self.definition.driver, verb=str(verb))
        if powers and self.power not in powers:
            raise Fault("VmNotRunning", vm=self.name, power=str(self.power))

    # --- life cycle ---

    async def start(self) -> Outcome:
        """Start it and look whether it lives: its hypervisor says running, its console says something."""
        self.expect(Verb.START)
        self._end_rest()
        async with self._life:
            if self.fence is not None:
                raise self.fence.fault(self.name)
            if self.leaving is not None:
                raise self.leaving.fault(self.name)
            if self.power is Power.RUNNING:
                return Outcome(f"It was running already, since {self._since}.", {"already": True})
            if self.power is Power.UNKNOWN:
                raise self._fault or Fault("HypervisorUnreachable", detail="its state is not known")
            return await self._start()

    async def stop(self, *, graceful: bool, timeout: float = SHUTDOWN_SECONDS) -> Outcome:
        """Ask the guest to end, or end it by force. Raises Fault VmStopTimeout and leaves it running."""
        self.expect(Verb.STOP)
        if self._wanted is not None:
            # Its disk is being read, perhaps for hours: nobody has to wait for that to hear that it is off.
            return Outcome(f"It was stopped already, since {self._since}.", {"already": True})
        async with self._life:
            if self.power is Power.STOPPED:
                return Outcome(f"It was stopped already, since {self._since}.", {"already": True})
            return await self._stop(graceful, timeout)

    async def restart(self, *, graceful: bool, timeout: float = SHUTDOWN_SECONDS) -> Outcome:
        """Shut the guest down and start it again; by force it is reset (or ended and started, as with another
        card, which a reset does not bring).
        """
        self.expect(Verb.RESTART, Power.RUNNING, Power.UNKNOWN)
        async with self._life:
            if self.fence is not None:
                raise self.fence.fault(self.name)
            if not graceful and Verb.RESET in self.driver.verbs and not self._other_card:
                return await self.reset()
            stopped = await self._stop(graceful, timeout)
            started = await self._start()
            return Outcome(f"{stopped.observed} {started.observed}", stopped.data | started.data)

    @contextlib.asynccontextmanager
    async def at_rest(self, wanted: Callable[[], object]) -> AsyncIterator[None]:
        """Within the block it is stopped; `wanted` is called when somebody waits to start it. Raises Fault
        VmNotAtRest.
        """
        async with self._life:
            if self.power is not Power.STOPPED:
                raise Fault("VmNotAtRest", vm=self.name, power=str(self.power))
            self._wanted = wanted
            try:
                yield
            finally:
                self._wanted = None

    def _end_rest(self) -> None:
        if self._wanted is not None:
            self._wanted()

    def leave(self, move: str) -> None:
        """Its disk was sent: nobody starts it until the move has ended. Raises OSError."""
        mark = Leaving(move=move, epoch=self.definition.epoch)
        leaving.save(self.directory, mark)
        self.leaving = mark

    def stay(self, move: str) -> None:
        """That move was called off. Raises OSError."""
        if self.leaving is not None and self.leaving.move in (move, "?"):
            leaving.lift(self.directory)
            self.leaving = None

    async def shut_out(self, mark: Fence) -> Outcome:
        """It lives elsewhere: never start it here again, and end it now if it runs. The mark comes first, so
        that whatever dies in between leaves nothing that would start it.
        """
        fence.save(self.directory, mark)
        self.fence = mark
        self._end_rest()
        async with self._life:
            was = self.power
            if was is not Power.STOPPED:
                self._to(Power.STOPPING)
                await self.driver.kill()
            self._to(Power.STOPPED, mark.fault(self.name))
        log.warning("machine.shut_out", vm=self.definition.vm, name=self.name, host=mark.host, was=str(was))
        how = "It was stopped here" if was is Power.STOPPED else "It ran here and was ended by force"
        return Outcome(f"{how}; the machine lives on '{mark.host}' now.", {"was": str(was)})

    def _lift(self, epoch: int) -> None:
        if self.fence is not None and epoch >= self.fence.epoch:
            fence.lift(self.directory)
            self.fence = None
            self._settle("VmMovedAway")
        if self.leaving is not None and epoch > self.leaving.epoch:
            leaving.lift(self.directory)
            self.leaving = None

    async def destroy(self) -> None:
        """End it by force, whatever it is doing, and close everything. Its folder stays."""
        self._end_rest()
        async with self._life:
            self._to(Power.STOPPING)
            await self.driver.kill()
            await self.close(detail=f"the VM '{self.name}' was deleted")

    async def reset(self) -> Outcome:
        """Reset it: seen when the hypervisor reports the reset, and the guest prints again."""
        self.expect(Verb.RESET, Power.RUNNING, Power.STOPPING, Power.UNKNOWN)
        began, since = clock.monotonic(), self._end()
        await self.driver.reset()
        seconds = clock.monotonic() - began
        printed = await self._first_output(since, began)
        return Outcome(f"Reset seen after {seconds:.2f} s; {printed}.", {"boot": self.boots})

    async def _start(self) -> Outcome:
        began, since = clock.monotonic(), self._end()
        self._fault, self._other_card = None, False
        self._to(Power.STARTING)
        self._new_boot()
        try:
            how = await self.driver.start()
        except Fault as fault:
            self._to(Power.STOPPED, fault)
            raise
        except BaseException:
            self._to(Power.STOPPED)
            raise
        if self.power is Power.STARTING:
            self._to(Power.RUNNING)
        if self.network is not None and self.power is Power.RUNNING:
            await self.network.started()
        printed = await self._first_output(since, began)
        data = {"pid": self.driver.pid, "boot": self.boots, "seconds": round(clock.monotonic() - began, 3)}
        if self.power is Power.STOPPED:
            if not self._ended.get("clean"):
                raise Fault("VmStartFailed", detail=str(self._ended.get("detail", "")))
            printed += ", and it has ended again"
        return Outcome(f"{how}; {printed}.", data)

    async def _stop(self, graceful: bool, timeout: float) -> Outcome:
        began, before = clock.monotonic(), self.power
        self._to(Power.STOPPING)
        try:
            if not graceful:
                await self.driver.kill()
            elif not await self._shut_down(began + timeout):
                raise Fault("VmStopTimeout", vm=self.name, seconds=timeout)
        except BaseException as error:
            if self.power is Power.STOPPING:
                self._to(before, error if isinstance(error, Fault) else None)
            raise
        seconds = clock.monotonic() - began
        detail = self._ended.get("detail", "it has ended")
        how = "The guest shut down" if graceful else "It was ended by force"
        return Outcome(f"{how} within {seconds:.2f} s; {detail}.", {"reason": self._ended.get("reason")})

    async def _shut_down(self, deadline: float) -> bool:
        while True:
            await self.driver.shut_down()
            left = deadline - clock.monotonic()
            if await self.driver.wait_end(min(ASK_AGAIN_SECONDS, max(left, 0.0))):
                return True
            if left <= ASK_AGAIN_SECONDS:
                return False

    def _end(self) -> int:
        self.console.spool.refresh()
        return self.console.spool.end

    async def _first_output(self, since: int, began: float) -> str:
        """In words: whether the guest printed anything from offset `since` on."""
        patience = self.driver.output_seconds
        if await self.console.output.wait_for(b"", since, patience) is None:
            return f"nothing was printed on serial port {self.console.port} within {patience:.0f} s"
        return f"its console printed after {clock.monotonic() - began:.2f} s"

    # --- what happens by itself ---

    def _happened(self, happening: Happening, fields: dict[str, Any]) -> None:
        if happening is not Happening.RESUMED:
            log.info("machine.happening", vm=self.definition.vm, what=happening.value, **fields)
        match happening:
            case Happening.ENDED:
                self._ended = fields
                asked = self.power is Power.STOPPING or fields.get("clean")
                fault = None if asked else Fault("HypervisorEnded", detail=str(fields.get("detail", "")))
                self._to(Power.STOPPED, fault)
                if self.network is not None:
                    self._tasks.spawn(f"network {self.name}", self.network.stopped())
            case Happening.RESET:
                self._settle("GuestPanicked", "GuestPaused")
                self._new_boot()
            case Happening.PAUSED:
                self._blame(Fault("GuestPaused", detail=str(fields.get("detail", ""))))
            case Happening.RESUMED:
                self._settle("GuestPaused")
            case Happening.PANICKED:
                self._blame(Fault("GuestPanicked", vm=self.name))
            case Happening.LOST:
                fault = Fault("HypervisorUnreachable", detail=str(fields.get("detail", "")))
                if self.power is Power.RUNNING:
                    self._to(Power.UNKNOWN, fault)
                else:
                    self._blame(fault)
            case Happening.BACK:
                self._settle("HypervisorUnreachable")
                if self.power in (Power.UNKNOWN, Power.STOPPED):
                    self._to(Power.RUNNING)
                if self.network is not None and self.power is Power.RUNNING:
                    # Silent, its monitor took no forward, perhaps since the agent took hold of it.
                    self._tasks.spawn(f"network {self.name}", self.network.started())

    def _may_run(self) -> bool:
        return not self._closed and self.power is not Power.STOPPED

    def _port_changed(self) -> None:
        # While it is being opened, `adopt` finds out how things are.
        if self._opened and not self._closed:
            self.driver.port_changed()
            self._changed()

    def _login_ended(self, session: str, report: LoginReport) -> None:
        if self.on_login is not None:
            self.on_login(session, report)

    def _new_boot(self) -> None:
        self.boots += 1
        for port in self.ports.values():
            port.mark_reset(self.boots)
        self._remember()

    def _to(self, power: Power, fault: Fault | None = None) -> None:
        self._fault = fault
        if power is not self.power:
            self.power, self._since = power, clock.iso()
            for port in self.ports.values():
                port.send_notice_all(Notice("power", {"power": str(power)}))
        self._remember()
        self._changed()

    def _blame(self, fault: Fault) -> None:
        self._fault = fault
        self._changed()

    def _settle(self, *codes: str) -> None:
        if self._fault is not None and self._fault.code in codes:
            self._fault = None
            self._changed()

    def _remember(self) -> None:
        condition = Condition(power=self.power, since=self._since, boots=self.boots, pid=self.driver.pid)
        try:
            definitions.save_condition(self.directory, condition)
        except OSError as error:
            # A full disk must not stop a machine from being stopped; only `since` and `boots` grow stale.
            log.warning("machine.not_remembered", vm=self.definition.vm, error=str(error))
