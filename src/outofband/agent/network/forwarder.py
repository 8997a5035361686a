"""Carries connections from a public address to a VM, one rule at a time: who is denied is reset.

A decision is made when a connection comes, and made again for every one that lives when the rules change:
what is denied from then on, or came through a door that is no more, is cut. Bytes go through unread (`pipe`).
"""

from __future__ import annotations

import asyncio
import errno
import functools
import resource
from collections.abc import Callable
from ipaddress import ip_address
from typing import ClassVar

import structlog

from outofband.agent.network.pipe import Side, watch_over
from outofband.core import clock
from outofband.net.tasks import Tasks
from outofband.wire.network.plan import Judge, Plan

MAX_FLOWS = 1024
"""Connections to one VM at the same time."""
CONNECT_SECONDS = 10.0
TOLD_A_MINUTE = 20
"""Denied connections that the log names; of more it has the number."""
BACKLOG = 256
_SHARE = 4
"""Flows may take half of the process's descriptors, two each: links and consoles need the others."""

log = structlog.get_logger(__name__)


class Flow:
    """A connection on its way through: who came, to which door, and the VM's port behind that."""

    def __init__(self, front: Side, source: str, source_port: int, door: tuple[str, int], inner: int) -> None:
        self.front, self.source, self.source_port = front, source, source_port
        self.door, self.inner = door, inner
        self.connecting: asyncio.Task[None] | None = None

    def cut(self) -> None:
        if self.connecting is not None:
            self.connecting.cancel()
        self.front.reset()


class Forwarder:
    """`backend` is asked for the address and port that lead to a port of the VM; None: there are none now."""

    carried: ClassVar[int] = 0
    """Connections to all VMs of this process."""

    def __init__(self, vm: str, backend: Callable[[int], tuple[str, int] | None]) -> None:
        self._vm = vm
        self._backend = backend
        self._plan = Plan(ports=())
        self._doors: dict[int, int] = {}
        self._judge = Judge(self._plan)
        self._servers: dict[tuple[str, int], asyncio.Server] = {}
        self._flows: dict[Side, Flow] = {}
        self._tasks = Tasks()
        self._opening = asyncio.Lock()
        self.problems: dict[str, str] = {}
        """By `ADDRESS:PORT`, why nothing listens there."""
        self.denied = 0
        self._minute, self._in_minute = 0.0, 0

    @property
    def flows(self) -> int:
        return len(self._flows)

    @property
    def listening(self) -> list[str]:
        return [words(place) for place in self._servers]

    async def apply(self, plan: Plan) -> None:
        """Listen where the plan says and nowhere else, and cut what it does not allow any more."""
        self.rule(plan)
        await self.listen()

    def rule(self, plan: Plan) -> None:
        """Decide by this plan from now on, at once and for all: no connection is judged by half of it."""
        self._judge = Judge(plan)
        self._plan, self._doors = plan, plan.doors
        wanted = self._wanted()
        for place in self._servers.keys() - wanted:
            self._servers.pop(place).close()
        for flow in list(self._flows.values()):
            gone = flow.door not in wanted or self._doors[flow.door[1]] != flow.inner
            if gone or not self._allowed(flow.source, flow.source_port, flow.inner):
                flow.cut()

    async def listen(self) -> None:
        """Open the doors of the plan that are not open; `problems` tells of those that cannot be."""
        async with self._opening:
            found: dict[str, str] = {}
            for place in sorted(self._wanted() - self._servers.keys()):
                try:
                    server = await asyncio.get_running_loop().create_server(
                        functools.partial(Side, functools.partial(self._arrived, place)),
                        *place,
                        backlog=BACKLOG,
                    )
                except OSError as error:
                    found[words(place)] = why(error)
                    continue
                if place in self._wanted():
                    self._servers[place] = server
                else:
                    # The plan is another one by now.
                    server.close()
            self.problems = found

    def shut(self) -> None:
        """Nothing listens any more. What is under way ends when the VM's end of it does."""
        self._plan, self._doors = Plan(ports=()), {}
        self.problems = {}
        for server in self._servers.values():
            server.close()
        self._servers.clear()

    async def close(self) -> None:
        self.shut()
        for flow in list(self._flows.values()):
            flow.cut()
        await self._tasks.close()

    def _wanted(self) -> set[tuple[str, int]]:
        return {(address, port) for address in self._plan.public for port in self._doors}

    def _allowed(self, source: str, source_port: int, port: int) -> bool:
        decision = self._judge.decide(ip_address(source), source_port, port)
        if not decision.allowed:
            self.denied += 1
            self._tell_denied(source, port, decision.rule)
        return decision.allowed

    def _tell_denied(self, source: str, port: int, rule: str) -> None:
        """Anybody can be denied as often as they like, so the log has a bound."""
        now = clock.monotonic()
        if now - self._minute >= 60.0:
            if self._in_minute > TOLD_A_MINUTE:
                log.info("network.denied_more", vm=self._vm, number=self._in_minute - TOLD_A_MINUTE)
            self._minute, self._in_minute = now, 0
        self._in_minute += 1
        if self._in_minute <= TOLD_A_MINUTE:
            log.info("network.denied", vm=self._vm, source=source, port=port, rule=rule)

    def _arrived(self, door: tuple[str, int], front: Side) -> None:
        assert front.transport is not None
        peer = front.transport.get_extra_info("peername")
        inner = self._doors.get(door[1]) if door[0] in self._plan.public else None
        if peer is None or inner is None or self._is_full():
            # Gone before it was looked at; or come to a door that has been closed; or too many.
            return front.reset()
        source, source_port = str(peer[0]).partition("%")[0], int(peer[1])
        if not self._allowed(source, source_port, inner):
            return front.reset()
        watch_over(front.transport)
        flow = Flow(front, source, source_port, door, inner)
        self._flows[front] = flow
        Forwarder.carried += 1
        front.lost = functools.partial(self._over, flow)
        flow.connecting = self._tasks.spawn(f"flow {self._vm}", self._connect(flow))

    def _is_full(self) -> bool:
        return len(self._flows) >= MAX_FLOWS or Forwarder.carried >= _most()

    def _over(self, flow: Flow) -> None:
        if self._flows.pop(flow.front, None) is not None:
            Forwarder.carried -= 1
        if flow.connecting is not None:
            flow.connecting.cancel()

    async def _connect(self, flow: Flow) -> None:
        """Join it with a connection to the VM; where there is none, it is reset."""
        far = Side()
        joined = False
        try:
            if (backend := self._backend(flow.inner)) is None:
                return
            async with asyncio.timeout(CONNECT_SECONDS):
                await asyncio.get_running_loop().create_connection(lambda: far, *backend)
            flow.front.join(far)
            joined = True
        except (OSError, TimeoutError):
            pass
        finally:
            flow.connecting = None
            if not joined:
                # Also the far one: who was cancelled may just have got it.
                flow.front.reset()
                far.reset()


def _most() -> int:
    """Connections that this process may carry."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] // _SHARE


def words(place: tuple[str, int]) -> str:
    """`ADDRESS:PORT`."""
    address, port = place
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def why(error: OSError) -> str:
    """Why nothing can listen at an address, for whoever reads the log."""
    if error.errno == errno.EADDRNOTAVAIL:
        return "the host does not have this address"
    if error.errno == errno.EADDRINUSE:
        return "another program or VM of the host has this port"
    if error.errno == errno.EACCES:
        return "the agent may not listen at this port"
    return error.strerror or str(error)
