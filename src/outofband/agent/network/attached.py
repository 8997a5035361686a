"""One VM's network on this host: its plan on disk, its listeners, and the hypervisor's forwards behind them.

The guest is reached through forwards from ports of the loopback interface that QEMU opens when it is asked;
they end with QEMU. The plan stays: a VM that starts again, or an agent that does, listens as before.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import ip_address, ip_network
from pathlib import Path

import msgspec
import structlog

from outofband.agent.network.forwarder import Forwarder
from outofband.core.errors import Fault
from outofband.core.secrets import write_private
from outofband.net.tasks import Tasks
from outofband.wire.machine import MachineDefinition, Verb
from outofband.wire.network.plan import MAX_ADDRESSES, MAX_PORTS, Plan

FILE = "network.json"
AGAIN_SECONDS = 5.0
"""Where another program of the host holds a port it is tried so often whether it is free."""
ATTEMPTS = 5
"""A port that was free a moment ago may be somebody else's when QEMU takes it."""
Forward = Callable[[int, int], Awaitable[bool]]
"""Has the hypervisor forward a loopback port to a port of the guest; False: it could not take that port."""

log = structlog.get_logger(__name__)


class Attached:
    """`offered`: blocks of addresses that the host's administrator lets VMs be reached at."""

    def __init__(self, vm: str, directory: Path, offered: tuple[str, ...], forward: Forward) -> None:
        self._vm, self._file = vm, directory / FILE
        self._offered = [ip_network(each) for each in offered]
        self._forward = forward
        self._ports: dict[int, int] = {}
        self._running = False
        self._lock = asyncio.Lock()
        self._plan = self._load()
        self.forwarder = Forwarder(vm, self._ports.get)
        self._tasks = Tasks()
        self._insisting = False

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
        """The hypervisor runs, and has no forwards yet."""
        async with self._lock:
            self._running = True
            self._ports.clear()
            await self._apply()

    async def stopped(self) -> None:
        async with self._lock:
            self._running = False
            self._ports.clear()
            await self._apply()

    async def close(self) -> None:
        await self._tasks.close()
        await self.forwarder.close()

    async def again(self) -> None:
        """Listen where it could not be listened before, if it can be now."""
        async with self._lock:
            if self._running and self.forwarder.problems:
                await self._apply()

    async def way_to(self, port: int) -> int:
        """A loopback port that leads to a port of the guest, whatever the rules say: for the host's own look.

        Raises Fault VmNotRunning or HypervisorRefused.
        """
        async with self._lock:
            if not self._running:
                raise Fault("VmNotRunning", vm=self._vm, power="stopped")
            if port not in self._ports:
                await self._open(port)
            if port not in self._ports:
                raise Fault("HypervisorRefused", verb=str(Verb.PROBE), detail="it forwards no port")
            return self._ports[port]

    async def _apply(self) -> None:
        if self._running:
            for port in self._plan.doors.values():
                if port not in self._ports:
                    await self._open(port)
        # A VM that does not run is not reached: nothing listens for it.
        known = self.forwarder.problems
        await self.forwarder.apply(self._plan if self._running else Plan(ports=()))
        for place, problem in self.forwarder.problems.items() - known.items():
            log.warning("network.not_listening", vm=self._vm, place=place, problem=problem)
        if self.forwarder.problems and not self._insisting:
            self._insisting = True
            self._tasks.spawn(f"insist {self._vm}", self._insist())

    async def _insist(self) -> None:
        """Until it listens everywhere, or need not any more."""
        try:
            while self._running and self.forwarder.problems:
                await asyncio.sleep(AGAIN_SECONDS)
                await self.again()
        finally:
            self._insisting = False

    async def _open(self, port: int) -> None:
        for _ in range(ATTEMPTS):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                chosen = int(probe.getsockname()[1])
            if await self._forward(chosen, port):
                self._ports[port] = chosen
                return
        log.warning("network.no_forward", vm=self._vm, port=port)

    def _check(self, plan: Plan) -> None:
        if len(plan.public) > MAX_ADDRESSES or len(plan.doors) > MAX_PORTS:
            detail = f"more than {MAX_ADDRESSES} addresses or {MAX_PORTS} ports"
            raise Fault("DefinitionInvalid", detail=detail)
        if not all(0 < port < 65536 for door in plan.doors.items() for port in door):
            raise Fault("DefinitionInvalid", detail="a port is a number from 1 to 65535")
        for address in plan.public:
            try:
                found = ip_address(address)
            except ValueError as error:
                raise Fault("DefinitionInvalid", detail=str(error)) from error
            if not any(found in block for block in self._offered):
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
