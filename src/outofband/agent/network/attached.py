"""One VM's network on this host: its plan on disk, its listeners, and the hypervisor's forwards behind them.

The guest is reached through forwards from ports of the loopback interface that QEMU opens when it is asked;
they end with QEMU. The plan stays: a VM that starts again, or an agent that does, listens as before.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Awaitable, Callable
from ipaddress import ip_address, ip_network
from pathlib import Path

import msgspec
import structlog

from outofband.agent.network.datagrams import Datagrams
from outofband.agent.network.forwarder import Forwarder
from outofband.core.errors import Fault
from outofband.core.secrets import write_private
from outofband.net.tasks import Tasks
from outofband.wire.machine import MachineDefinition, Verb
from outofband.wire.network.plan import MAX_ADDRESSES, MAX_PORTS, Judge, Plan
from outofband.wire.network.rules import Protocol

FILE = "network.json"
AGAIN_SECONDS = 5.0
"""Where another program of the host holds a port it is tried so often whether it is free."""
ATTEMPTS = 5
"""A port that was free a moment ago may be somebody else's when QEMU takes it."""
MAX_FORWARDS = 2 * MAX_PORTS
"""Of the hypervisor's, which keeps each until it ends: those of plans, and of looks at other ports."""
Place = tuple[str, int]
"""Address and port of the loopback interface."""
Forward = Callable[[Place, int], Awaitable[bool]]
"""Has the hypervisor forward a place to a port of the guest; False: it could not take that place."""
Forwards = Callable[[], Awaitable[dict[int, Place]]]
"""The forwards that the hypervisor has, by the guest's port. Both raise Fault."""

_PORTS = "a port is a number from 1 to 65535"

log = structlog.get_logger(__name__)


class Attached:
    """`offered`: blocks of addresses that the host's administrator lets VMs be reached at."""

    def __init__(
        self,
        vm: str,
        directory: Path,
        offered: tuple[str, ...],
        forward: Forward,
        forwards: Forwards,
        *,
        udp: tuple[Forward, Forwards] | None = None,
    ) -> None:
        """`forward` and `forwards` are about TCP; without `udp` nothing is reached by that."""
        self._vm, self._file = vm, directory / FILE
        self._offered = [ip_network(each) for each in offered]
        self._forward, self._forwards = forward, forwards
        self._ports: dict[int, Place] = {}
        self._udp, self._udp_ports = udp, dict[int, Place]()
        self._running = False
        self._lock = asyncio.Lock()
        self._plan = self._load()
        self.forwarder = Forwarder(vm, self._ports.get)
        self.datagrams = Datagrams(vm, self._udp_ports.get)
        self._tasks = Tasks()
        self._insisting = False

    @property
    def listening(self) -> list[str]:
        return [*self.forwarder.listening, *self.datagrams.listening]

    @property
    def problems(self) -> dict[str, str]:
        """By `ADDRESS:PORT`, with `udp ` before it where it is that, why nothing listens there."""
        return self.forwarder.problems | self.datagrams.problems

    async def change(self, plan: Plan) -> None:
        """Keep a new plan and do as it says. Raises Fault HostPolicyRefused or DefinitionInvalid, and then
        nothing has changed.
        """
        self._check(plan)
        async with self._lock:
            write_private(self._file, msgspec.json.format(msgspec.json.encode(plan)))
            self._plan = plan
            await self._apply()

    async def started(self) -> None:
        """The hypervisor runs and is heard: since now, or again, or with the forwards that an earlier life of
        the agent made. What it could not be asked for while it was silent is asked for.
        """
        async with self._lock:
            self._running = True
            with contextlib.suppress(Fault):
                _replace(self._ports, await self._forwards())
                if self._udp is not None:
                    _replace(self._udp_ports, await self._udp[1]())
            await self._apply()

    async def stopped(self) -> None:
        """The hypervisor has ended: nothing listens for a VM that does not run. What it said last still goes
        out.
        """
        async with self._lock:
            self._running = False
            self._ports.clear()
            self._udp_ports.clear()
            self._shut()

    async def close(self) -> None:
        await self._tasks.close()
        await self.forwarder.close()
        await self.datagrams.close()

    def _shut(self) -> None:
        self.forwarder.shut()
        self.datagrams.shut()

    async def again(self) -> None:
        """Listen where it could not be listened before, if it can be now."""
        async with self._lock:
            if self._running and self.problems:
                await self._apply()

    async def way_to(self, port: int) -> Place:
        """A place that leads to a port of the guest, whatever the rules say: for the host's own look.

        Raises Fault VmNotRunning, DefinitionInvalid or HypervisorRefused.
        """
        if not 0 < port < 65536:
            raise Fault("DefinitionInvalid", detail=_PORTS)
        async with self._lock:
            if not self._running:
                raise Fault("VmNotRunning", vm=self._vm, power="stopped")
            if port not in self._ports:
                if len(self._ports) >= MAX_FORWARDS:
                    detail = f"it has {MAX_FORWARDS} forwards already"
                    raise Fault("HypervisorRefused", verb=str(Verb.PROBE), detail=detail)
                await self._open(port)
            if port not in self._ports:
                raise Fault("HypervisorRefused", verb=str(Verb.PROBE), detail="it forwards no port")
            return self._ports[port]

    async def _apply(self) -> None:
        """Rules first: whatever the hypervisor or the host's addresses do, who is denied is out."""
        if not self._running:
            # A VM that does not run is not reached: nothing listens for it.
            return self._shut()
        self.forwarder.rule(self._plan)
        self.datagrams.rule(self._plan)
        for port in dict.fromkeys(self._plan.doors.values()):
            if port not in self._ports:
                try:
                    await self._open(port)
                except Fault as fault:
                    log.warning("network.no_forward", vm=self._vm, port=port, code=fault.code)
        for port in self._plan.udp_ports if self._udp is not None else ():
            if port not in self._udp_ports:
                try:
                    await self._open(port, self._udp)
                except Fault as fault:
                    log.warning("network.no_forward", vm=self._vm, port=port, code=fault.code)
        known = self.problems
        await self.forwarder.listen()
        await self.datagrams.listen()
        for place, problem in self.problems.items() - known.items():
            log.warning("network.not_listening", vm=self._vm, place=place, problem=problem)
        if self.problems and not self._insisting:
            self._insisting = True
            self._tasks.spawn(f"insist {self._vm}", self._insist())

    async def _insist(self) -> None:
        """Until it listens everywhere, or need not any more."""
        try:
            while self._running and self.problems:
                await asyncio.sleep(AGAIN_SECONDS)
                await self.again()
        finally:
            self._insisting = False

    async def _open(self, port: int, udp: tuple[Forward, Forwards] | None = None) -> None:
        kind, forward, ports = socket.SOCK_STREAM, self._forward, self._ports
        if udp is not None:
            kind, forward, ports = socket.SOCK_DGRAM, udp[0], self._udp_ports
        for _ in range(ATTEMPTS):
            address = _somewhere()
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.bind((address, 0))
                chosen = address, int(probe.getsockname()[1])
            if await forward(chosen, port):
                ports[port] = chosen
                return
        log.warning("network.no_forward", vm=self._vm, port=port)

    def _check(self, plan: Plan) -> None:
        if len(plan.public) > MAX_ADDRESSES or max(len(plan.doors), len(plan.udp_ports)) > MAX_PORTS:
            detail = f"more than {MAX_ADDRESSES} addresses or {MAX_PORTS} ports"
            raise Fault("DefinitionInvalid", detail=detail)
        numbers = [port for door in plan.doors.items() for port in door]
        if not all(0 < port < 65536 for port in (*numbers, *plan.udp_ports)):
            raise Fault("DefinitionInvalid", detail=_PORTS)
        try:
            Judge(plan)
            Judge(plan, Protocol.UDP)
        except ValueError as error:
            raise Fault("DefinitionInvalid", detail=str(error)) from error
        for address in plan.public:
            try:
                found = ip_address(address)
            except ValueError as error:
                raise Fault("DefinitionInvalid", detail=str(error)) from error
            # The address of none is that of all: a block that holds it was not meant to offer the whole host.
            if (
                found.is_unspecified
                or found.is_multicast
                or not any(found in block for block in self._offered)
            ):
                raise Fault("HostPolicyRefused", verb=f"{Verb.NETWORK} {address}", vm=self._vm)

    def _load(self) -> Plan:
        try:
            plan = msgspec.json.decode(self._file.read_bytes(), type=Plan)
            self._check(plan)
        except FileNotFoundError:
            return Plan()
        except (OSError, msgspec.MsgspecError, Fault) as error:
            # The control plane tells it again; until then nobody gets in who should not.
            log.warning("network.plan_lost", vm=self._vm, error=str(error))
            return Plan()
        return plan


def _replace(ports: dict[int, Place], known: dict[int, Place]) -> None:
    """At once: connections that come meanwhile find one or the other."""
    ports.clear()
    ports.update(known)


def _somewhere() -> str:
    """An address of the loopback interface that nobody guesses.

    A guest reaches its host's 127.0.0.1 by the address of its gateway, and with forwards there it would reach
    every other VM past that one's rules.
    """
    return f"127.{1 + secrets.randbelow(254)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"


def has_network(definition: MachineDefinition) -> bool:
    return definition.driver == "qemu" and definition.nic is not None
