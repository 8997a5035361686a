"""The end of old days: their records go, and a signed word that says so takes their place."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from outofband.audit.export import Exporter
from outofband.audit.keys import AuditKeys
from outofband.core import clock
from outofband.store.audit import Head
from outofband.store.store import Store
from outofband.wire.audit import chain, lines
from outofband.wire.audit.chain import Pruned
from outofband.wire.audit.verify import Problem, Verifier

log = structlog.get_logger(__name__)


class Retention:
    """`days` is how long the log is kept: whole days, by the day a record was written on."""

    def __init__(self, store: Store, keys: AuditKeys, days: int) -> None:
        self._store, self._keys, self._days = store, keys, days

    async def run(self, now: datetime) -> int:
        """How many records went. Each day in a unit of its own: other writers wait behind a long one."""
        store, gone = self._store, 0
        before = now - timedelta(days=self._days)
        async with store.write() as tx:
            gone += await store.activity.prune(tx, before)
        async with store.read() as tx:
            aged = await store.audit.aged(tx, before.date().isoformat())
        for head in aged:
            if problems := await self._problems(head, now):
                # What was tampered with is evidence, and we put our name under nothing of it.
                log.error("audit.not_pruned", node=head.node, day=head.day, why=problems[0].detail)
                continue
            async with store.write() as tx:
                newest = await store.audit.newest(tx, head.node)
                if newest is not None and newest.day == head.day:
                    continue  # the next record is linked to it
                if await store.audit.head(tx, head.node, head.day) != head:
                    continue
                key = await self._keys.signing(tx, now)
                word = Pruned(
                    node=head.node,
                    day=head.day,
                    count=head.count,
                    link=head.link,
                    at=clock.iso(now),
                    kid=key.kid,
                    keep_days=self._days,
                )
                gone += await store.audit.prune(tx, chain.sign(word, key.private))
        return gone

    async def _problems(self, head: Head, now: datetime) -> list[Problem]:
        """What is wrong with a day, as whoever verifies it would find. Other writers do not wait for it."""
        async with self._store.read() as tx:
            known = await self._keys.all(tx, now)
        verifier = Verifier({each.kid: chain.public_key(each.jwk) for each in known})
        verifier.feed(lines.Header(version=lines.VERSION, at=clock.iso(now), since=head.day, until=head.day))
        count = 1
        # In nobody's name: each record is told by the digest of what stands in its row.
        async for line in Exporter(self._store, self._keys).day("", head.node, head.day):
            verifier.feed(line)
            count += 1
        verifier.feed(lines.End(lines=count))
        return verifier.report().problems
