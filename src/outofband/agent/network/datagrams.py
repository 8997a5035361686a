"""Carries UDP from a public address to a VM and back, one rule at a time: who is denied is not answered.

A flow is one sender at one port; it has a socket of its own towards the hypervisor, so that answers find
their way back, and ends when nothing passes for a while. Each datagram is carried whole or dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from collections.abc import Callable
from ipaddress import ip_address
from typing import ClassVar

import structlog

from outofband.agent.network.forwarder import why, words
from outofband.core import clock
from outofband.net.tasks import Tasks
from outofband.wire.network.plan import Judge, Plan
from outofband.wire.network.rules import Protocol

MAX_FLOWS = 512
"""Senders to one VM at the same time."""
IDLE_SECONDS = 60.0
SWEEP_SECONDS = 5.0
MAX_TOLD = 256
"""Senders that the log names as denied, until the rules change."""
_AT_ONCE = 64
_SIZE = 65535
_SHARE = 8
"""Flows to all VMs may take an eighth of the process's descriptors, one each: connections may take half."""

log = structlog.get_logger(__name__)
Place = tuple[str, int]
Sender = tuple[str, int]


class _Flow:
    """One sender at one port, with the socket through which the guest answers."""

    def __init__(self, backend: Place, port: int, answer: Callable[[bytes], None]) -> None:
        self.port = port
        self.used = clock.monotonic()
        self._answer = answer
        self._place = backend
        self._inner = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._inner.setblocking(False)
            # Not connected: a hypervisor that is gone for a moment would leave an error at the socket, which
            # ends its being read.
            self._inner.bind(("127.0.0.1", 0))
            asyncio.get_running_loop().add_reader(self._inner, self._read)
        except OSError:
            self._inner.close()
            raise

    def send(self, data: bytes) -> None:
        self.used = clock.monotonic()
        # A full buffer loses a datagram.
        with contextlib.suppress(OSError):
            self._inner.sendto(data, self._place)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._inner)
        self._inner.close()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            for _ in range(_AT_ONCE):
                data, origin = self._inner.recvfrom(_SIZE)
                if origin == self._place:
                    self.used = clock.monotonic()
                    self._answer(data)


class _Door(asyncio.DatagramProtocol):
    def __init__(self, arrived: Callable[[bytes, Sender], None]) -> None:
        self._arrived = arrived

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        self._arrived(data, (str(addr[0]).partition("%")[0], int(addr[1])))


class Datagrams:
    """`backend` is asked for the address and port that lead to a port of the VM; None: there are none now."""

    carried: ClassVar[int] = 0
    """Flows to all VMs of this process."""

    def __init__(self, vm: str, backend: Callable[[int], Place | None]) -> None:
        self._vm, self._backend = vm, backend
        self._judge = Judge(Plan(), Protocol.UDP)
        self._wanted: set[Place] = set()
        self._opening = asyncio.Lock()
        self._doors: dict[Place, asyncio.DatagramTransport] = {}
        self._flows: dict[tuple[Place, Sender], _Flow] = {}
        self._told: set[tuple[str, int]] = set()
        self._tasks = Tasks()
        self._sweeping = False
        self.problems: dict[str, str] = {}
        """By `udp ADDRESS:PORT`, why nothing listens there."""

    @property
    def flows(self) -> int:
        return len(self._flows)

    @property
    def listening(self) -> list[str]:
        return [f"udp {words(place)}" for place in self._doors]

    async def apply(self, plan: Plan) -> None:
        """Listen where the plan says and nowhere else, and end what it does not allow any more."""
        self.rule(plan)
        await self.listen()

    def rule(self, plan: Plan) -> None:
        """Decide by this plan from now on, at once and for all."""
        self._judge = Judge(plan, Protocol.UDP)
        self._wanted = {(address, port) for address in plan.public for port in plan.udp_ports}
        self._told.clear()
        for place in self._doors.keys() - self._wanted:
            self._doors.pop(place).close()
        for key, flow in list(self._flows.items()):
            place, sender = key
            if place not in self._wanted or not self._allowed(sender, flow.port):
                self._end(key)

    async def listen(self) -> None:
        """Open the doors of the plan that are not open; `problems` tells of those that cannot be."""
        async with self._opening:
            found: dict[str, str] = {}
            for place in sorted(self._wanted - self._doors.keys()):
                try:
                    door = await self._open(place)
                except OSError as error:
                    found[f"udp {words(place)}"] = why(error)
                    continue
                if place in self._wanted:
                    self._doors[place] = door
                else:
                    # The plan is another one by now.
                    door.close()
            self.problems = found
        if self._doors and not self._sweeping:
            self._sweeping = True
            self._tasks.spawn(f"datagrams {self._vm}", self._sweep())

    def shut(self) -> None:
        """Nothing listens any more, and nothing is under way."""
        self.rule(Plan(ports=()))
        self.problems = {}

    async def close(self) -> None:
        self.shut()
        await self._tasks.close()

    async def _open(self, place: Place) -> asyncio.DatagramTransport:
        def arrived(data: bytes, sender: Sender) -> None:
            self._arrived(place, data, sender)

        # Bound here: a loop of another kind hides why it could not be.
        family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_DGRAM)
        try:
            bound.bind(place)
            bound.setblocking(False)
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: _Door(arrived), sock=bound
            )
        except BaseException:
            bound.close()
            raise
        return transport

    def _arrived(self, place: Place, data: bytes, sender: Sender) -> None:
        port = place[1]
        flow = self._flows.get((place, sender))
        if flow is None:
            backend = self._backend(port)
            if backend is None or self._is_full() or not self._allowed(sender, port):
                return

            def answer(reply: bytes) -> None:
                if (door := self._doors.get(place)) is not None:
                    door.sendto(reply, sender)

            try:
                flow = self._flows[place, sender] = _Flow(backend, port, answer)
            except OSError as error:
                log.warning("network.no_flow", vm=self._vm, port=port, error=str(error))
                return
            Datagrams.carried += 1
        flow.send(data)

    def _is_full(self) -> bool:
        return len(self._flows) >= MAX_FLOWS or Datagrams.carried >= _most()

    def _allowed(self, sender: Sender, port: int) -> bool:
        decision = self._judge.decide(ip_address(sender[0]), sender[1], port)
        if not decision.allowed and (sender[0], port) not in self._told and len(self._told) < MAX_TOLD:
            self._told.add((sender[0], port))
            log.info(
                "network.denied", vm=self._vm, source=sender[0], port=port, rule=decision.rule, protocol="udp"
            )
        return decision.allowed

    def _end(self, key: tuple[Place, Sender]) -> None:
        if (flow := self._flows.pop(key, None)) is not None:
            Datagrams.carried -= 1
            flow.close()

    async def _sweep(self) -> None:
        try:
            while self._doors:
                await asyncio.sleep(SWEEP_SECONDS)
                now = clock.monotonic()
                for key, flow in list(self._flows.items()):
                    if now - flow.used > IDLE_SECONDS:
                        self._end(key)
        finally:
            self._sweeping = False


def _most() -> int:
    """Flows that this process may carry."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] // _SHARE
