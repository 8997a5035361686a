"""The hypervisor's forwards of one protocol: from places of the loopback interface to ports of one guest.

Those are kept that a plan needs or a look at the guest goes through; the others are given back, for a guest
that nobody is let in to has no door on its host either.
"""

from __future__ import annotations

import secrets
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

import structlog

from outofband.core.errors import Fault
from outofband.wire.machine import Verb
from outofband.wire.network.plan import MAX_PORTS

ATTEMPTS = 5
"""A port that was free a moment ago may be somebody else's when QEMU takes it."""
MAX_FORWARDS = 2 * MAX_PORTS
"""At the same time: those of a plan, and of looks at other ports."""
Place = tuple[str, int]
"""Address and port of the loopback interface."""

log = structlog.get_logger(__name__)


class Ways(NamedTuple):
    """How the hypervisor is asked; each raises Fault.

    `add` a forward from a place to a port of the guest, False: it could not take that place. `listed`: those
    that it has, by the guest's port. `remove` the one from a place; it bears that there is none.
    """

    add: Callable[[Place, int], Awaitable[bool]]
    listed: Callable[[], Awaitable[dict[int, Place]]]
    remove: Callable[[Place], Awaitable[None]]


class Forwards:
    """`kind` is a socket's: `SOCK_STREAM` or `SOCK_DGRAM`. Whoever calls it holds the lock of the VM."""

    def __init__(self, vm: str, ways: Ways, kind: socket.SocketKind) -> None:
        self._vm, self._ways, self._kind = vm, ways, kind
        self.ports: dict[int, Place] = {}
        """By the guest's port."""
        self.looks: Counter[int] = Counter()
        """How many look at a port just now, whatever the plan says."""

    async def adopt(self) -> None:
        """Know those that the hypervisor has, perhaps of an earlier life of the agent. Raises Fault."""
        known = await self._ways.listed()
        # At once: connections that come meanwhile find one or the other.
        self.ports.clear()
        self.ports.update(known)

    async def hold(self, wanted: Iterable[int]) -> None:
        """Have those to these ports and to what is looked at, and no other. What the hypervisor does not do
        is told in the log, and asked for again the next time.
        """
        needed = dict.fromkeys(wanted)
        for port in self.ports.keys() - needed.keys() - self._looked():
            try:
                await self._ways.remove(self.ports[port])
            except Fault as fault:
                log.warning("network.forward_left", vm=self._vm, port=port, code=fault.code)
                continue
            del self.ports[port]
        for port in needed:
            if port not in self.ports:
                try:
                    await self.open(port)
                except Fault as fault:
                    log.warning("network.no_forward", vm=self._vm, port=port, code=fault.code)

    def _looked(self) -> set[int]:
        return {port for port, number in self.looks.items() if number > 0}

    async def open(self, port: int) -> None:
        """Raises Fault."""
        for _ in range(ATTEMPTS):
            address = _somewhere()
            with socket.socket(socket.AF_INET, self._kind) as probe:
                probe.bind((address, 0))
                chosen = address, int(probe.getsockname()[1])
            if await self._ways.add(chosen, port):
                self.ports[port] = chosen
                return
        log.warning("network.no_forward", vm=self._vm, port=port)

    async def to(self, port: int) -> Place:
        """The place that leads to a port. Raises Fault HypervisorRefused."""
        if port not in self.ports:
            if len(self.ports) >= MAX_FORWARDS:
                detail = f"it has {MAX_FORWARDS} forwards already"
                raise Fault("HypervisorRefused", verb=str(Verb.PROBE), detail=detail)
            await self.open(port)
        if port not in self.ports:
            raise Fault("HypervisorRefused", verb=str(Verb.PROBE), detail="it forwards no port")
        return self.ports[port]


def _somewhere() -> str:
    """An address of the loopback interface that nobody guesses.

    A guest reaches its host's 127.0.0.1 by the address of its gateway, and with forwards there it would reach
    every other VM past that one's rules.
    """
    return f"127.{1 + secrets.randbelow(254)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"
