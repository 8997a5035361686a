"""Signed checkpoints: what a chain had at a time. They come every few seconds while something is written, and
at times when nothing is: a log that was taken back to an earlier state ends too early, and that shows.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog

from outofband.audit.keys import AuditKeys
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.store.audit import Head
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.audit import chain
from outofband.wire.audit.chain import Checkpoint

log = structlog.get_logger(__name__)

EVERY_SECONDS = 10.0
"""A kill -9 leaves at most this much linked but unsigned until the next start."""
IDLE = timedelta(minutes=5)
"""Between two checkpoints of a chain that nothing is added to."""
ORPHANED = timedelta(seconds=60)
"""Another node's records that are unsigned for so long are signed by us: it has gone."""


class Sealer:
    """Signs the chain of this node, and what others left unsigned."""

    def __init__(self, store: Store, keys: AuditKeys) -> None:
        self._store, self._keys = store, keys
        self._last: Checkpoint | None = None
        self._signed: datetime | None = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.seal(clock.now(), idle=IDLE)
            except Fault as fault:
                log.warning("audit.seal_put_off", code=fault.code)
            except Exception:
                log.exception("audit.seal_failed")
            await asyncio.sleep(EVERY_SECONDS)

    async def seal(self, now: datetime, *, idle: timedelta = timedelta(0), closed: bool = False) -> None:
        """Sign now, when there is something to sign or the last time is longer ago than `idle`."""
        node = self._store.db.node
        async with self._store.read() as tx:
            due = await self._due(tx, now)
            newest = await self._store.audit.newest(tx, node)
        quiet = self._signed is None or now - self._signed >= idle or closed
        if not due and not (quiet and newest is not None):
            return
        async with self._store.write() as tx:
            if self._last is not None:
                # What we signed once stays true: should it be gone, somebody took the log back in time.
                words = await self._store.audit.words(tx, node, self._last.day)
                head = await self._store.audit.head(tx, node, self._last.day)
                if all(each.count < self._last.count for each in words) and not (head and head.pruned):
                    log.error("audit.taken_back", node=node, day=self._last.day, count=self._last.count)
                    await self._store.audit.sign(tx, self._last, now)
            due = await self._due(tx, now)
            newest = await self._store.audit.newest(tx, node)
            if newest is not None and newest.pruned is None and all(each != newest for each in due):
                due.append(newest)
            key = await self._keys.signing(tx, now)
            mine = None
            for head in due:
                own = head == newest
                word = chain.sign(
                    Checkpoint(
                        node=head.node,
                        day=head.day,
                        count=head.count,
                        link=head.link,
                        at=clock.iso(now),
                        kid=key.kid,
                        closed=closed and own,
                    ),
                    key.private,
                )
                await self._store.audit.sign(tx, word, now)
                mine = word if own else mine
        self._signed = now
        if mine is not None:
            if self._last is None or (mine.day, mine.count) != (self._last.day, self._last.count):
                # In the node's own log too, which may be kept where the database's owner has no hand.
                log.info("audit.signed", node=node, day=mine.day, count=mine.count, link=mine.link)
            self._last = mine

    async def _due(self, tx: Tx, now: datetime) -> list[Head]:
        node = self._store.db.node
        found = await self._store.audit.unsigned(tx)
        return [each for each in found if each.node == node or now - each.changed >= ORPHANED]
