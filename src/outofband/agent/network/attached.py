"""One VM's network on this host: its plan on disk, its listeners, and the hypervisor's forwards behind them.

The guest is reached through forwards from ports of the loopback interface that QEMU opens and closes when it
is asked; they end with QEMU. The plan stays: a VM that starts again listens as before, and so does an agent.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from ipaddress import ip_address, ip_network
from pathlib import Path

import msgspec
import structlog

from outofband.agent.network.datagrams import Datagrams
from outofband.agent.network.forwarder import Forwarder
from outofband.agent.network.forwards import Forwards, Place, Ways
from outofband.core.errors import Fault
from outofband.core.secrets import write_private
from outofband.net.tasks import Tasks
from outofband.wire.machine import MachineDefinition, Verb
from outofband.wire.network.plan import MAX_ADDRESSES, MAX_PORTS, Judge, Plan
from outofband.wire.network.rules import Protocol

FILE = "network.json"
AGAIN_SECONDS = 5.0
"""Where another program of the host holds a port it is tried so often whether it is free."""
_PORTS = "a port is a number from 1 to 65535"

log = structlog.get_logger(__name__)


class Attached:
    """`offered`: blocks of addresses that the host's administrator lets VMs be reached at."""

    def __init__(
        self,
        vm: str,
        directory: Path,
        offered: tuple[str, ...],
        tcp: Ways,
        udp: Ways | None = None,
    ) -> None:
        """Without `udp` nothing is reached by that."""
        self._vm, self._file = vm, directory / FILE
        self._offered = [ip_network(each) for each in offered]
        self._tcp = Forwards(vm, tcp, socket.SOCK_STREAM)
        self._udp = Forwards(vm, udp, socket.SOCK_DGRAM) if udp is not None else None
        no_ports: dict[int, Place] = {}
        self._running = False
        self._lock = asyncio.Lock()
        self._plan = self._load()
        self.forwarder = Forwarder(vm, self._tcp.ports.get)
        self.datagrams = Datagrams(vm, (self._udp.ports if self._udp is not None else no_ports).get)
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
                await self._tcp.adopt()
                if self._udp is not None:
                    await self._udp.adopt()
            await self._apply()

    async def stopped(self) -> None:
        """The hypervisor has ended: nothing listens for a VM that does not run. What it said last still goes
        out.
        """
        async with self._lock:
            self._running = False
            self._tcp.ports.clear()
            if self._udp is not None:
                self._udp.ports.clear()
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

    @contextlib.asynccontextmanager
    async def way_to(self, port: int) -> AsyncIterator[Place]:
        """Within the block a place leads to a port of the guest, whatever the rules say: for the host's own
        look.

        Raises Fault VmNotRunning, DefinitionInvalid or HypervisorRefused.
        """
        if not 0 < port < 65536:
            raise Fault("DefinitionInvalid", detail=_PORTS)
        async with self._lock:
            if not self._running:
                raise Fault("VmNotRunning", vm=self._vm, power="stopped")
            place = await self._tcp.to(port)
            self._tcp.looks[port] += 1
        try:
            yield place
        finally:
            self._tcp.looks[port] -= 1
            async with self._lock:
                if self._running:
                    await self._tcp.hold(self._behind())

    def _behind(self) -> list[int]:
        """The guest's TCP ports that somebody may be carried to."""
        return list(dict.fromkeys(self._plan.doors.values())) if self._plan.public else []

    async def _apply(self) -> None:
        """Rules first: whatever the hypervisor or the host's addresses do, who is denied is out."""
        if not self._running:
            # A VM that does not run is not reached: nothing listens for it.
            return self._shut()
        self.forwarder.rule(self._plan)
        self.datagrams.rule(self._plan)
        await self._tcp.hold(self._behind())
        if self._udp is not None:
            await self._udp.hold(self._plan.udp_ports if self._plan.public else ())
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


def has_network(definition: MachineDefinition) -> bool:
    return definition.driver == "qemu" and definition.nic is not None
