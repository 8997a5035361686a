"""Signed checkpoints: what a chain had at a time. They come every few seconds while something is written, and
at times when nothing is: a log that was taken back to an earlier state ends too early, and that shows.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import structlog

from outofband.audit.keys import AuditKeys
from outofband.core import clock, secrets
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
    """Signs the chain of this node, and what others left unsigned. The last word of its own it keeps in the
    file `memory` too: who rewrites the database while no node runs has to reach that as well.
    """

    def __init__(self, store: Store, keys: AuditKeys, memory: Path | None = None) -> None:
        self._store, self._keys, self._memory = store, keys, memory
        self._last = self._remembered()
        self._checked = self._last is None
        """The last word of an earlier process was looked for."""
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
        if self._checked and not due and not (quiet and newest is not None):
            return
        async with self._store.write() as tx:
            if not self._checked:
                await self._check(tx, now)
            if self._last is not None:
                # What we signed once stays true: should it be gone, somebody took the log back in time.
                words = await self._store.audit.words(tx, node, self._last.day)
                head = await self._store.audit.head(tx, node, self._last.day)
                signed = {(each.count, each.link) for each in words}
                if (self._last.count, self._last.link) not in signed and not (head and head.pruned):
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
                if self._contradicts(head):
                    continue
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
                await self._remember(mine)
            self._last = mine

    def _contradicts(self, head: Head) -> bool:
        """It is another end of as many records as we signed: our word on these stays."""
        last = self._last
        return (
            last is not None
            and (head.node, head.day, head.count) == (last.node, last.day, last.count)
            and head.link != last.link
        )

    def _remembered(self) -> Checkpoint | None:
        if self._memory is None:
            return None
        try:
            return msgspec.json.decode(self._memory.read_bytes(), type=Checkpoint)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            log.error("audit.memory_unreadable", path=str(self._memory), error=str(error))
            return None

    async def _remember(self, word: Checkpoint) -> None:
        if self._memory is None:
            return
        try:
            await asyncio.to_thread(secrets.write_private, self._memory, msgspec.json.encode(word))
        except OSError as error:
            log.error("audit.memory_unwritable", path=str(self._memory), error=str(error))

    async def _check(self, tx: Tx, now: datetime) -> None:
        """Believe the file only what this database's own keys have signed: it may be another database's."""
        self._checked = True
        word = self._last
        keys = {each.kid: chain.public_key(each.jwk) for each in await self._keys.all(tx, now)}
        if word is None or (
            word.node == self._store.db.node and word.kid in keys and chain.is_signed(word, keys[word.kid])
        ):
            return
        log.warning("audit.memory_of_another", node=word.node, day=word.day, kid=word.kid)
        self._last = None

    async def _due(self, tx: Tx, now: datetime) -> list[Head]:
        node = self._store.db.node
        found = await self._store.audit.unsigned(tx)
        return [each for each in found if each.node == node or now - each.changed >= ORPHANED]
