"""Pictures of the screens of this host's machines, kept at their places: the newest of each, with its time.

A screen that changes is looked at every minute, one that does not more and more seldom. Only a picture that
is another than the last ones is uploaded: a cursor that blinks makes two that take turns. One of those is
uploaded all the same when it stays: the screen went back to it.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections import deque
from collections.abc import Callable, Iterable

import structlog

from outofband.agent.diagnostics.places import PlaceBook
from outofband.agent.machines.machine import Machine
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.net.blobs import BlobClient, Refused, Unreachable
from outofband.net.tasks import Tasks
from outofband.wire.machine import Power, Verb

LOOK_SECONDS = 1.0
EVERY_SECONDS = 60.0
SELDOM_SECONDS = 300.0
"""Between two looks at a screen that does not change, of a guest that prints nothing."""
SOON_SECONDS = 5.0
"""After which a machine that was started is looked at."""
AGAIN_SECONDS = 15.0
"""After a picture that could not be taken or stored; longer each time, up to SELDOM_SECONDS: those that hang
must not keep the others waiting.
"""
AT_ONCE = 2
KNOWN = 4
"""Pictures remembered, by their hashes, that are no news."""
STAYS = 4
"""Looks in a row that show one of them after which it is what the screen shows, and no cursor's turn."""

log = structlog.get_logger(__name__)


class _Screen:
    def __init__(self, due: float) -> None:
        self.due = due
        self.every = EVERY_SECONDS
        self.power = Power.UNKNOWN
        self.printed = 0
        self.seen: deque[bytes] = deque(maxlen=KNOWN)
        """The newest is the one that is stored, at `stored_at` (account, container)."""
        self.stored_at = ("", "")
        self.looks: tuple[bytes, int] = (b"", 0)
        """The picture of the last look, and how many looks in a row showed it."""
        self.busy = False
        self.failed = 0
        """Attempts in a row that came to nothing."""
        self.wakes = True
        """Whether waking the display is worth it: the last time, it did not stay dark."""


class Shots:
    """`machines` gives all machines of the host; `wake` is False where nobody may press a key."""

    def __init__(
        self,
        machines: Callable[[], Iterable[Machine]],
        places: PlaceBook,
        client: BlobClient,
        *,
        wake: bool,
        every: float = EVERY_SECONDS,
        look: float = LOOK_SECONDS,
    ) -> None:
        self._machines = machines
        self._places = places
        self._client = client
        self._wake = wake
        self._every, self._look = every, look
        self._screens: dict[str, _Screen] = {}
        self._room = asyncio.Semaphore(AT_ONCE)
        self._tasks = Tasks()

    def may_wake(self, wake: bool) -> None:
        """Whether a key may be pressed from now on."""
        self._wake = wake

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                self.look()
            except Exception:
                log.exception("shots.look")
            await asyncio.sleep(self._look)

    async def close(self) -> None:
        await self._tasks.close()

    def look(self) -> None:
        """Begin the pictures that are due."""
        now, seen = clock.monotonic(), set[str]()
        for machine in self._machines():
            if Verb.SCREENSHOT not in machine.driver.verbs:
                continue
            vm = machine.definition.vm
            seen.add(vm)
            screen = self._screens.get(vm)
            if screen is None:
                # Spread: an agent that starts must not take a thousand pictures in one second.
                spread = random.random() * self._every  # noqa: S311 - spreads load, hides nothing
                screen = self._screens[vm] = _Screen(now + spread)
            if machine.power is not screen.power:
                screen.power, screen.failed = machine.power, 0
                screen.every, screen.due = self._every, min(screen.due, now + min(SOON_SECONDS, self._every))
            if machine.power is not Power.RUNNING or screen.busy or now < screen.due:
                continue
            if self._places.find(vm) is None:
                continue
            screen.busy = True
            self._tasks.spawn(f"shot:{vm}", self._shoot(machine, screen))
        for vm in self._screens.keys() - seen:
            del self._screens[vm]

    async def _shoot(self, machine: Machine, screen: _Screen) -> None:
        vm = machine.definition.vm
        again = min(AGAIN_SECONDS * 2**screen.failed, SELDOM_SECONDS)
        screen.failed = min(screen.failed + 1, 16)
        try:
            async with self._room:
                changed = await self._picture(machine, screen)
            printed = machine.console.spool.end
            if changed or printed != screen.printed:
                screen.every, screen.printed = self._every, printed
            else:
                screen.every = min(2 * screen.every, max(SELDOM_SECONDS, self._every))
            again, screen.failed = screen.every, 0
        except Fault as fault:
            log.info("shots.not_taken", vm=vm, code=fault.code)
        except Refused as error:
            self._places.drop(vm)
            log.info("shots.refused", vm=vm, answer=str(error))
        except Unreachable:
            # Whoever uploads logs says that the store is away.
            pass
        finally:
            screen.busy = False
            screen.due = clock.monotonic() + again

    async def _picture(self, machine: Machine, screen: _Screen) -> bool:
        """Take it, upload it when it is news, and say whether it was. Raises Fault, Refused, Unreachable."""
        picture = await machine.driver.screenshot(wake=self._wake and screen.wakes)
        taken = clock.wall()
        screen.wakes = not picture.dark or machine.console.spool.end != screen.printed
        digest = hashlib.sha256(picture.png).digest()
        screen.looks = digest, screen.looks[1] + 1 if screen.looks[0] == digest else 1
        place = self._places.find(machine.definition.vm)
        if place is None:
            return False
        if screen.stored_at != (place.account, place.container):
            # Another place has none of them.
            screen.seen.clear()
        if digest in screen.seen and (digest == screen.seen[-1] or screen.looks[1] < STAYS):
            return False
        await self._client.put(
            place.account,
            place.container,
            place.screenshot,
            place.query,
            picture.png,
            kind="image/png",
            metadata={"taken": str(round(taken * 1000)), "scale": str(picture.scale)},
        )
        screen.seen.append(digest)
        screen.stored_at = place.account, place.container
        return True
