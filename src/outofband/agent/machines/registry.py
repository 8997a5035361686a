"""All machines of a host: what is there, what a control plane may do to it, and who is told of changes."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import structlog

from outofband.agent.config import HostConfig, config_path, load
from outofband.agent.machines import actions, definitions, inside, outside
from outofband.agent.machines.host import MIB, Host
from outofband.agent.machines.machine import SHUTDOWN_SECONDS, Machine, Outcome
from outofband.agent.machines.own_console import OwnConsole
from outofband.agent.moving import staging
from outofband.agent.moving.desk import MovingDesk
from outofband.agent.moving.fence import Fence
from outofband.agent.ports.broker import PortBroker
from outofband.agent.ports.tail import MAX_LINES
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.net.fs import file_system, supports_hole_punching
from outofband.net.tasks import Tasks
from outofband.wire.log import LogArgs
from outofband.wire.login import LoginReport
from outofband.wire.machine import HostReport, MachineDefinition, Power, Verb, VmReport
from outofband.wire.move import DropArgs, FenceArgs, FollowArgs, LookArgs, ReceiveArgs, SendArgs, TakeArgs
from outofband.wire.network.plan import Plan
from outofband.wire.network.reach import ReachArgs
from outofband.wire.script import KeyArgs, RunArgs

MAX_MACHINES = 10_000
OPENING_AT_ONCE = 16
SWEEP_SECONDS = 3600.0
"""Between two looks for what arrived and was never taken."""
SHORTEST_SHUTDOWN, LONGEST_SHUTDOWN = 1.0, 3600.0

log = structlog.get_logger(__name__)
_OF_MOVES = frozenset(
    {
        Verb.DISK_LOOK,
        Verb.DISK_FOLLOW,
        Verb.DISK_RECEIVE,
        Verb.DISK_TAKE,
        Verb.DISK_DROP,
        Verb.DISK_PROGRESS,
    }
)
Changed = Callable[[str, VmReport | None], None]
Timeout = Annotated[float, msgspec.Meta(ge=SHORTEST_SHUTDOWN, le=LONGEST_SHUTDOWN)]
A = TypeVar("A")


class StopArgs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of vm.stop and vm.restart. `timeout` in seconds is what a graceful shutdown may take."""

    graceful: bool = True
    timeout: Timeout = SHUTDOWN_SECONDS


class SysrqArgs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    key: str


class TailArgs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    lines: Annotated[int, msgspec.Meta(ge=1, le=MAX_LINES)]


class NoArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Machines:
    """The machines in one state directory; make it inside the event loop, and only one per directory.

    `load` first, `close` last: closing lets go of the machines, which run on. The server's own console is
    `own`; among `all` it is not.
    """

    def __init__(self, state: StateDir, config: HostConfig | None = None, *, name: str | None = None) -> None:
        self.host = Host(state, config or load(config_path(state)), name=name)
        self.moving = MovingDesk(self.host)
        self._machines: dict[str, Machine] = {}
        self._tasks = Tasks()
        self.own = OwnConsole(self.host, self._tasks, self._login_ended)
        self._listeners: list[Changed] = []
        self._editing = asyncio.Lock()
        self.on_login: Callable[[str, LoginReport], None] | None = None
        """Told what became of the guest login of a session, where the console's policy had it ended."""

    async def load(self) -> None:
        """Read every definition and adopt the machines that run. Raises Fault HolePunchUnsupported."""
        root = self.host.state.machines
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not supports_hole_punching(root):
            raise Fault("HolePunchUnsupported", path=str(root), fs=file_system(root))
        self.moving.sweep()
        self._tasks.spawn("moves.sweep", self._sweep())
        found = []
        for folder in definitions.folders(root):
            try:
                found.append(self._make(definitions.load(folder)))
            except (OSError, msgspec.MsgspecError, Fault) as error:
                # One unreadable machine must not keep the others from their agent; its folder stays as it is.
                log.error("machine.unreadable", folder=folder.name, error=str(error))
        room = asyncio.Semaphore(OPENING_AT_ONCE)

        async def take_hold(machine: Machine) -> None:
            async with room:
                try:
                    await machine.open()
                except OSError as error:
                    log.error("machine.unopened", vm=machine.definition.vm, error=str(error))
                    await machine.close()
                    return
            self._machines[machine.definition.vm] = machine

        async with asyncio.TaskGroup() as group:
            for machine in found:
                group.create_task(take_hold(machine), name=f"open {machine.name}")
        self.own.forsake()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            await asyncio.to_thread(self.moving.sweep)

    async def close(self) -> None:
        """Let go of all machines; they run on."""
        machines, self._machines = list(self._machines.values()), {}
        await self.own.close()
        self.own.keep()
        await self.moving.close()
        await self._tasks.close()
        for machine in machines:
            await machine.close()
        self.host.hub.close()

    def on_change(self, listener: Changed) -> None:
        """Call `listener(vm, report)` when a machine's report changed (None: the machine is gone).

        Growth of a log alone is no change. Reports may come in bursts.
        """
        self._listeners.append(listener)

    # --- what is there ---

    def get(self, vm: str) -> Machine:
        """Raises Fault VmUnknownToHost; for the server itself ServerConsoleOff."""
        if self.host.is_own(vm):
            if self.own.machine is None:
                raise Fault("ServerConsoleOff", server=self.host.name)
            return self.own.machine
        if (machine := self._machines.get(vm.lower())) is None:
            raise Fault("VmUnknownToHost", vm=vm)
        return machine

    def port(self, vm: str, name: str) -> PortBroker:
        """Raises Fault PortNotFound, and as `get`."""
        machine = self.get(vm)
        if (port := machine.ports.get(name)) is None:
            raise Fault("PortNotFound", vm=machine.name, port=name)
        return port

    def all(self) -> list[Machine]:
        return list(self._machines.values())

    def __len__(self) -> int:
        return len(self._machines)

    def reports(self) -> list[VmReport]:
        return [machine.report() for machine in self._machines.values()]

    def watch_only(self, monitor: bool) -> None:
        """Whether consoles may only be watched from now on, the server's own among them."""
        for machine in self._machines.values():
            for port in machine.ports.values():
                port.watch_only(monitor)
        self.own.watch_only(monitor)

    async def host_report(self) -> HostReport:
        """Facts of the host; the first call may take seconds, while the accelerator is tried."""
        return await self.host.report()

    # --- making and removing ---

    async def create(self, definition: MachineDefinition) -> Outcome:
        """Keep a definition. The same one again, or an older agent's repeat, changes nothing.

        Raises Fault DefinitionInvalid, DriverUnknown, ImageNotFound, StaleEpoch, Conflict, NoSpace,
        OperationNotAllowed.
        """
        definition = definitions.check(definition)
        if self.host.is_own(definition.vm):
            raise Fault("OperationNotAllowed", detail="the id is the host's own")
        self.host.check_names(definition)
        async with self._editing:
            known = self._machines.get(definition.vm)
            if known is None:
                return await self._add(definition)
            current = known.definition
            newest = max(current.epoch, known.fence.epoch if known.fence is not None else 0)
            if definition.epoch < newest:
                raise Fault("StaleEpoch", current=newest, given=definition.epoch)
            if definition == current:
                return Outcome("The machine was defined like this already.", {"already": True})
            if _needs_new_parts(current, definition):
                if known.power is not Power.STOPPED and known.driver.verbs:
                    raise Fault("Conflict", detail=f"'{known.name}' has to be stopped for that change")
                await known.close(detail=f"the VM '{known.name}' was defined anew")
                del self._machines[definition.vm]
                return await self._add(definition)
            known.redefine(definition)
            when = "" if known.power is Power.STOPPED else "; it takes effect at the next start"
            return Outcome(f"The machine was defined anew{when}.")

    async def delete(self, vm: str, epoch: int | None = None) -> Outcome:
        """End the machine by force and remove all that was kept of it; nothing to do when it is not there.
        What arrives of it under a newer epoch than `epoch` goes on.
        """
        async with self._editing:
            machine = self._machines.get(vm.lower())
            if definitions.is_id(vm):
                await self.moving.forget(vm.lower(), epoch)
            if machine is None:
                return Outcome("The host has no such machine.", {"already": True})
            was = machine.power
            await machine.destroy()
            del self._machines[machine.definition.vm]
            try:
                await asyncio.to_thread(definitions.remove, machine.directory)
            except FileNotFoundError:
                pass
        self._tell(machine.definition.vm, None)
        ended = "" if was is Power.STOPPED else "was ended by force and "
        return Outcome(f"The machine {ended}was removed with its disk and its console's log.")

    async def take(self, args: TakeArgs, vm: str) -> Outcome:
        """Make a machine of what arrived for it. A copy of an older epoch that is here goes; a repeat changes
        nothing. Raises Fault StaleEpoch, DiskNotReceived, Conflict, NoSpace.
        """
        definition = definitions.parse(vm, args.definition)
        self.host.check_names(definition)
        async with self._editing:
            known = self._machines.get(definition.vm)
            about = staging.Moved(move=args.move, manifest=args.manifest, epoch=definition.epoch)
            if known is not None:
                there = staging.moved(known.directory)
                if there == about and known.definition.epoch == definition.epoch and known.fence is None:
                    return Outcome("The machine was taken over already.", {"already": True})
                if definition.epoch <= known.definition.epoch:
                    raise Fault("StaleEpoch", current=known.definition.epoch, given=definition.epoch)
                if args.manifest is None:
                    raise Fault("Conflict", detail=f"'{known.name}' is here already, with a disk of its own")
            home = self.host.directory(definition.vm)
            await self.moving.stop_following(definition.vm)
            try:
                directory = await asyncio.to_thread(self.moving.prepare, definition, args)
                if known is not None:
                    await known.destroy()
                    del self._machines[definition.vm]
                    await asyncio.to_thread(definitions.remove, home)
                await asyncio.to_thread(staging.make_way, home)
                await asyncio.to_thread(staging.become, directory, home, about)
            except OSError as error:
                raise self._no_space(error, home) from error
            await self._add(definition)
        return Outcome("The machine is this host's now.")

    def _no_space(self, error: OSError, directory: Path) -> Exception:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            return error
        free, needed = self.host.free_space() // MIB, self.host.reserve // MIB
        return Fault("NoSpace", path=str(directory), free=free, needed=needed)

    async def _add(self, definition: MachineDefinition) -> Outcome:
        if len(self._machines) >= MAX_MACHINES:
            raise Fault("OperationNotAllowed", detail=f"the host has {MAX_MACHINES} machines already")
        machine = self._make(definition)
        try:
            definitions.save(machine.directory, definition)
            await machine.open()
        except OSError as error:
            await machine.close()
            raise self._no_space(error, machine.directory) from error
        self._machines[definition.vm] = machine
        self._tell(definition.vm, machine.report())
        return Outcome("The machine was defined.")

    def _make(self, definition: MachineDefinition) -> Machine:
        machine = Machine(self.host, definition, lambda: self._changed(definition.vm))
        machine.on_login = self._login_ended
        return machine

    def _login_ended(self, session: str, report: LoginReport) -> None:
        if self.on_login is not None:
            self.on_login(session, report)

    def _changed(self, vm: str) -> None:
        if (machine := self._machines.get(vm)) is not None:
            self._tell(vm, machine.report())

    def _tell(self, vm: str, report: VmReport | None) -> None:
        for listener in self._listeners:
            listener(vm, report)

    # --- what a control plane asks for ---

    def finished(self, vm: str, key: str) -> None:
        """The result of a command is on disk: what the machine kept to find it again may go."""
        machine = self._machines.get(vm.lower())
        if machine is not None and machine.scripts is not None:
            machine.scripts.finished(key)

    async def perform(
        self, verb: str, vm: str, args: dict[str, Any], epoch: int, *, key: str = ""
    ) -> Outcome:
        """Do one command of the link and say what was seen. Raises Fault, for every failure it knows.

        The command has to be for the epoch this host was given; ending a machine may also be asked for by a
        newer one, which is how a machine that lives elsewhere by now is stopped here.
        """
        try:
            wanted = Verb(verb)
        except ValueError as error:
            raise Fault("ActionNotSupported", driver="any", verb=verb) from error
        known = self._machines.get(vm.lower())
        # What keeps a VM from running twice is no choice of anybody's.
        if wanted is not Verb.FENCE and not self.host.config.allows(wanted):
            raise Fault("HostPolicyRefused", verb=verb, vm=known.name if known else vm)
        if wanted is Verb.CREATE:
            return await self.create(definitions.parse(vm, args))
        if wanted in (Verb.DELETE, Verb.FENCE) and known is None:
            return await self.delete(vm, epoch)
        if wanted in _OF_MOVES:
            return await self._move(wanted, known, vm.lower(), args, epoch)
        machine = self.get(vm)
        current = machine.definition.epoch
        ends = wanted in (Verb.STOP, Verb.DELETE)
        if wanted is Verb.FENCE:
            if epoch <= current:
                raise Fault("StaleEpoch", current=current, given=epoch)
            given = _args(args, FenceArgs)
            return await machine.shut_out(Fence(epoch=epoch, host=given.host, at=clock.iso()))
        if epoch < current or (epoch > current and not ends):
            raise Fault("StaleEpoch", current=current, given=epoch)
        match wanted:
            case Verb.STOP:
                stop = _args(args, StopArgs)
                return await machine.stop(graceful=stop.graceful, timeout=stop.timeout)
            case Verb.RESTART:
                stop = _args(args, StopArgs)
                return await machine.restart(graceful=stop.graceful, timeout=stop.timeout)
            case Verb.SYSRQ:
                return await actions.sysrq(machine, _args(args, SysrqArgs).key)
            case Verb.TAIL:
                return actions.tail(machine, _args(args, TailArgs).lines)
            case Verb.LOG:
                return await actions.log(machine, _args(args, LogArgs))
            case Verb.RUN:
                return await inside.run(machine, key, _args(args, RunArgs))
            case Verb.RUN_STATUS:
                return await inside.run_status(machine, _args(args, KeyArgs).run)
            case Verb.RUN_CANCEL:
                return await inside.run_cancel(machine, _args(args, KeyArgs).run)
            case Verb.NETWORK:
                return await outside.change(machine, _args(args, Plan))
            case Verb.PROBE:
                return await outside.probe(machine, _args(args, outside.ProbeArgs))
            case Verb.REACH:
                return await outside.reach(machine, _args(args, ReachArgs))
            case Verb.SET_PASSWORD:
                return await inside.set_password(machine, _args(args, inside.PasswordArgs))
            case Verb.DISK_SEND:
                return await self.moving.send(machine, _args(args, SendArgs))
        _args(args, NoArgs)
        match wanted:
            case Verb.START:
                return await machine.start()
            case Verb.DELETE:
                return await self.delete(vm, epoch)
            case Verb.RESET:
                return await machine.reset()
            case Verb.NMI:
                return await actions.nmi(machine)
            case Verb.CTRL_ALT_DEL:
                return await actions.ctrl_alt_del(machine)
            case Verb.SCREENSHOT:
                return await actions.screenshot(machine)
        raise AssertionError(f"a verb without an action: {wanted}")

    async def _move(
        self, verb: Verb, known: Machine | None, vm: str, args: dict[str, Any], epoch: int
    ) -> Outcome:
        """What is asked of a machine that may not be this host's, or not yet."""
        if not definitions.is_id(vm) or self.host.is_own(vm):
            raise Fault("VmUnknownToHost", vm=vm)
        match verb:
            case Verb.DISK_LOOK:
                return await self.moving.look(known, vm, _args(args, LookArgs))
            case Verb.DISK_FOLLOW:
                return await self.moving.follow(known, vm, _args(args, FollowArgs), epoch)
            case Verb.DISK_RECEIVE:
                return await self.moving.receive(vm, _args(args, ReceiveArgs))
            case Verb.DISK_TAKE:
                return await self.take(_args(args, TakeArgs), vm)
            case Verb.DISK_DROP:
                return await self.moving.drop(known, vm, _args(args, DropArgs))
        return self.moving.progress(vm, _args(args, DropArgs))


def _args(args: dict[str, Any], kind: type[A]) -> A:
    try:
        return msgspec.convert(args, kind)
    except msgspec.ValidationError as error:
        raise Fault("InvalidRequestContent", detail=str(error)) from error


def _needs_new_parts(old: MachineDefinition, new: MachineDefinition) -> bool:
    """Whether driver and brokers have to be made anew, not only told of other values."""
    if (old.nic is None) != (new.nic is None):
        return True
    return (old.driver, old.ports, old.socket) != (new.driver, new.ports, new.socket)
