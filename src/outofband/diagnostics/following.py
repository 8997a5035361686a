"""Tells agents at once when the boot diagnostics of a VM go somewhere else, or nowhere any more.

Without a word an agent would go on for as long as its signature is good. The settings may be changed through
any node, so each asks the store every few seconds what changed; an agent that is linked to another node is
told by that one.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.diagnostics.places import Handed, Places
from outofband.diagnostics.watched import Watcher
from outofband.fleet.fleet import Fleet
from outofband.store.store import Store

EVERY_SECONDS = 2.0
OVERLAP = timedelta(seconds=10)
"""What other nodes wrote may come late, and their clocks differ."""
MAX_ROWS = 1000
"""Of one look; beyond it agents learn of a change with their next signature."""

log = structlog.get_logger(__name__)


class Following:
    """`types`: of the resources that are machines."""

    def __init__(
        self, store: Store, fleet: Fleet, places: Places, watcher: Watcher, types: frozenset[str]
    ) -> None:
        self._store = store
        self._fleet = fleet
        self._places = places
        self._watcher = watcher
        self._types = types
        self._since = clock.now()

    async def run(self, every: float = EVERY_SECONDS) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.look()
            except Fault as fault:
                log.warning("diagnostics.following_put_off", code=fault.code)
            except Exception:
                log.exception("diagnostics.following")
            await asyncio.sleep(every)

    async def look(self) -> None:
        if not self._places.handed:
            return
        now = clock.now()
        async with self._store.read() as tx:
            rows = await self._store.resources.changed(tx, self._types, self._since - OVERLAP, MAX_ROWS)
        self._since = now
        for row in rows:
            told = self._places.handed.get(row.uid)
            watched = self._watcher(row) if told is not None else None
            if told is None or watched is None:
                continue
            if told != Handed(agent=watched.agent, on=watched.on, uri=watched.uri):
                self._fleet.tell(told.agent, await self._places.hand_out(told.agent, row.uid))
