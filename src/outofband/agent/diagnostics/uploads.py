"""Brings the logs of all ports of this host to their places, each in order, a bounded number at a time.

Once a second every port is asked whether it has more than is stored, which for an idle one is a comparison of
two numbers. What has more is uploaded at once when a segment is full or the guest has stopped, otherwise at
most every INTERVAL_SECONDS. While the store is away one attempt after the other is made, further and further
apart; the spools hold what is printed meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import structlog

from outofband.agent.diagnostics import portlog
from outofband.agent.diagnostics.places import PlaceBook
from outofband.agent.diagnostics.portlog import Memory, PortLog
from outofband.agent.machines.machine import Machine
from outofband.agent.ports.broker import PortBroker
from outofband.core import clock
from outofband.net.backoff import Backoff
from outofband.net.blobs import BlobClient, Refused, Unreachable
from outofband.net.tasks import Tasks
from outofband.wire import link
from outofband.wire.machine import Power

LOOK_SECONDS = 1.0
INTERVAL_SECONDS = 8.0
"""Between two uploads of one open segment: with what one takes, what was printed is stored within 10 s."""
AT_ONCE = 8
"""Uploads under way, each with at most one segment in memory."""
MAX_SEALS = 64
"""Segments that one turn of a port uploads before others have theirs."""

log = structlog.get_logger(__name__)


class _Machine:
    """What is known of one machine's uploads."""

    def __init__(self) -> None:
        self.ports: dict[str, PortLog] = {}
        self.memory: Memory | None = None
        self.loaded = False
        self.due: dict[str, float] = {}
        """By port, when its last upload began (monotonic)."""
        self.busy: set[str] = set()
        self.backoff = Backoff(first=2.0, limit=60.0)
        self.wait_until = 0.0
        self.told: str | None = None
        self.elsewhere = False
        """Its place is another one now: what is held here has to go there, also if nothing new is printed."""
        self.lock = asyncio.Lock()
        """Held while the memory is read or written: of two writers the older one must not come last."""

    def goes_to(self, place: link.Place) -> bool:
        """Whether its logs are known as they are stored in this place."""
        memory = self.memory
        return memory is not None and (memory.account, memory.container) == (place.account, place.container)


class Uploads:
    """`machines` gives all machines of the host, `tell` sends over the link."""

    def __init__(
        self,
        machines: Callable[[], Iterable[Machine]],
        places: PlaceBook,
        client: BlobClient,
        tell: Callable[[link.Stored], object],
        *,
        interval: float = INTERVAL_SECONDS,
        look: float = LOOK_SECONDS,
    ) -> None:
        self._machines = machines
        self._places = places
        self._client = client
        self._tell = tell
        self._interval, self._look = interval, look
        self._known: dict[str, _Machine] = {}
        self._room = asyncio.Semaphore(AT_ONCE)
        self._backoff = Backoff(first=0.5, limit=20.0)
        self._away_until = 0.0
        self._away = False
        self._tasks = Tasks()
        places.on_change = self._placed

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                self.look()
            except Exception:
                log.exception("diagnostics.look")
            await asyncio.sleep(self._look)

    def _placed(self, vm: str, place: link.Place) -> None:
        known = self._known.get(vm)
        if known is not None and known.memory is not None and place.code is None:
            before = (known.memory.account, known.memory.container)
            known.elsewhere = before != (place.account, place.container)

    async def close(self) -> None:
        await self._tasks.close()
        await self._client.close()

    def look(self) -> None:
        """Begin the uploads that are due."""
        now = clock.monotonic()
        seen: set[str] = set()
        for machine in self._machines():
            vm = machine.definition.vm
            seen.add(vm)
            known = self._known.get(vm)
            if known is None:
                known = self._known[vm] = _Machine()
            for port in machine.ports.values():
                self._look_at(machine, known, port, now)
        if len(seen) != len(self._known):
            for vm in self._known.keys() - seen:
                del self._known[vm]
                self._places.forget(vm)
        self._places.flush()

    def _look_at(self, machine: Machine, known: _Machine, port: PortBroker, now: float) -> None:
        if not port.is_open or port.port in known.busy:
            return
        state = known.ports.get(port.port)
        if state is not None and state.spool is port.spool:
            sealing = state.open and machine.power is Power.STOPPED
            if port.spool.end == state.uploaded and not sealing and not known.elsewhere:
                return
        elif port.spool.end == port.spool.start and not known.loaded and port.spool.end == 0:
            return
        if now < max(known.wait_until, self._away_until):
            return
        urgent = known.elsewhere or machine.power is Power.STOPPED or (state is not None and state.full)
        if not urgent and now - known.due.get(port.port, float("-inf")) < self._interval:
            return
        if self._places.find(machine.definition.vm) is None:
            return
        known.busy.add(port.port)
        known.due[port.port] = now
        self._tasks.spawn(f"diagnostics:{machine.definition.vm}", self._upload(machine, known, port))

    async def _upload(self, machine: Machine, known: _Machine, port: PortBroker) -> None:
        """What one port has that is not stored yet."""
        try:
            async with self._room:
                for _ in range(MAX_SEALS):
                    if not await self._one(machine, known, port):
                        break
            known.backoff.reset()
            self._came_back()
        except Unreachable as error:
            self._went_away(error)
        except Refused as error:
            # What was signed is not valid any more, or the place is not what it was: ask where to go.
            self._places.drop(machine.definition.vm)
            known.wait_until = clock.monotonic() + known.backoff.next()
            if known.told != str(error):
                known.told = str(error)
                log.warning("diagnostics.refused", vm=machine.definition.vm, answer=str(error))
        except (OSError, ValueError) as error:
            known.wait_until = clock.monotonic() + known.backoff.next()
            log.warning("diagnostics.unreadable", vm=machine.definition.vm, error=str(error))
        finally:
            known.busy.discard(port.port)

    async def _one(self, machine: Machine, known: _Machine, port: PortBroker) -> bool:
        """Upload one piece; False when there is none, or the rest can wait."""
        vm = machine.definition.vm
        place = self._places.find(vm)
        if place is None or not port.is_open or clock.monotonic() < self._away_until:
            return False
        state = await self._state(machine, known, port, place)
        if not known.goes_to(place):
            # Another port has heard of a newer place meanwhile.
            return True
        stopped = machine.power is Power.STOPPED
        port.output.look_again()
        upload = state.next(final=stopped)
        if upload is None:
            if stopped and state.open:
                state.seal()
                await self._remember(machine, known, place)
            return False
        await self._client.put(
            place.account,
            place.container,
            upload.name,
            place.query,
            upload.body,
            kind="text/plain",
            metadata=upload.metadata,
        )
        known.told = None
        if upload.moves != state.moves:
            # While it was under way the log got another place, which does not have it.
            return True
        if state.stored(upload):
            await self._remember(machine, known, place)
            self._tell(link.Stored(vm, port.port))
        return state.full or (stopped and state.behind > 0)

    async def _state(self, machine: Machine, known: _Machine, port: PortBroker, place: link.Place) -> PortLog:
        """The port's log as it is stored in this place."""
        async with known.lock:
            if not known.loaded:
                known.memory = await asyncio.to_thread(portlog.load, machine.directory)
                known.loaded = True
        memory = known.memory
        state = known.ports.get(port.port)
        elsewhere = memory is not None and not known.goes_to(place)
        fresh = state is None or state.spool is not port.spool
        if state is None or fresh:
            before = (
                state.known
                if state is not None
                else (memory.ports.get(port.port) if memory is not None else None)
            )
            state = known.ports[port.port] = PortLog(port.port, port.spool, before)
            if before is None:
                state.adopt(place.ends.get(port.port, 0))
            elif not elsewhere:
                state.resumed(place.ends.get(port.port, 0))
        if elsewhere:
            known.elsewhere = False
            for name, each in known.ports.items():
                each.moved(place.ends.get(name, 0))
        if fresh or elsewhere:
            # Before the first byte goes: from here on it is known which offsets the store has.
            await self._remember(machine, known, place)
        return state

    async def _remember(self, machine: Machine, known: _Machine, place: link.Place) -> None:
        before = known.memory.ports if known.memory is not None else {}
        ports = before | {name: each.known for name, each in known.ports.items()}
        known.memory = Memory(account=place.account, container=place.container, ports=ports)
        async with known.lock:
            memory, logs = known.memory, [each.spool.path for each in known.ports.values()]
            try:
                await asyncio.to_thread(portlog.save, machine.directory, memory, logs)
            except OSError as error:
                # On a full disk the segment is written once more after a crash, and nothing else.
                log.warning("diagnostics.not_remembered", vm=machine.definition.vm, error=str(error))

    def _went_away(self, error: Unreachable) -> None:
        now = clock.monotonic()
        if now < self._away_until:
            return
        self._away_until = now + self._backoff.next()
        if not self._away:
            self._away = True
            log.warning("diagnostics.store_away", detail=str(error))

    def _came_back(self) -> None:
        if self._away:
            self._away = False
            log.info("diagnostics.store_back")
        self._backoff.reset()
