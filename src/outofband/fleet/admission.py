"""Why an agent that proved its key gets no link all the same, and what is told of it on its machine."""

from __future__ import annotations

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.fleet import trail
from outofband.fleet.connecting import MAX_HARDWARE, require_original, require_unexpired
from outofband.store.agents import Agent
from outofband.store.store import Store
from outofband.wire.link import Hello

CLONE_SECONDS = 600.0
"""How exact the time of a clone's last try is: it tries again and again."""


class Admission:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def refusal(self, row: Agent, hello: Hello) -> Fault | None:
        """AgentExpired, AgentCloned, or None."""
        try:
            require_unexpired(row)
            require_original(row, hello.hardware[:MAX_HARDWARE])
        except Fault as fault:
            if fault.code == "AgentCloned":
                await self._note_clone(row, fault)
            return fault
        return None

    async def _note_clone(self, row: Agent, fault: Fault) -> None:
        now, last = clock.now(), (row.trouble or {}).get("at")
        if last is not None and (now - clock.parse_iso(last)).total_seconds() < CLONE_SECONDS:
            return
        async with self._store.write() as tx:
            trouble = {"code": fault.code, "fields": fault.fields, "at": clock.iso(now)}
            await self._store.agents.update(tx, row.id, trouble=trouble)
            await trail.note(self._store, tx, row, trail.CONNECT, now, failed=fault.code)
