"""The log as lines that can be verified elsewhere, with the public key alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from outofband.audit.keys import AuditKeys
from outofband.core import clock
from outofband.store.audit import Chained
from outofband.store.store import Store
from outofband.wire.audit import chain, lines
from outofband.wire.audit.chain import Pruned
from outofband.wire.audit.verify import iso

PAGE = 500
"""Records read in one unit."""


class Exporter:
    def __init__(self, store: Store, keys: AuditKeys) -> None:
        self._store, self._keys = store, keys

    async def told(
        self, tenant: str, *, since: str | None = None, until: str | None = None
    ) -> AsyncIterator[bytes]:
        """Line by line. Records of other tenants than `tenant` are told by their digest alone. `since` and
        `until` are the first and the last day, `2026-03-04`.
        """
        count = 0
        async for line in self._all(tenant, since, until):
            yield lines.write(line)
            count += 1
        yield lines.write(lines.End(lines=count))

    async def _all(self, tenant: str, since: str | None, until: str | None) -> AsyncIterator[lines.Line]:
        now = clock.now()
        yield lines.Header(version=lines.VERSION, at=clock.iso(now), since=since, until=until)
        async with self._store.read() as tx:
            keys = await self._keys.all(tx, now)
            days = await self._store.audit.days(tx, since=since, until=until)
        for key in keys:
            yield lines.Key(kid=key.kid, jwk=key.jwk)
        for node, day in days:
            async for line in self.day(tenant, node, day):
                yield line
        if since is None:
            async for line in self._loose():
                yield line

    async def day(self, tenant: str, node: str, day: str) -> AsyncIterator[lines.Line]:
        """The lines of one node and day. One snapshot has the head, the words and the first records; later
        ones are beyond the head's count and are left for the next export.
        """
        audit, after = self._store.audit, 0
        async with self._store.read() as tx:
            head = await audit.head(tx, node, day)
            words = await audit.words(tx, node, day)
            found = await audit.records(tx, node, day, after=0, limit=PAGE)
            more = len(found) == PAGE
            top = found[-1].number if found else 0
            if more:
                top = await audit.last_number(tx, node, day)
        if head is not None:
            yield lines.Chain(
                node=node,
                day=day,
                count=head.count,
                link=head.link,
                previous_day=head.previous_day,
                previous_link=head.previous_link,
            )
            if head.pruned is not None:
                yield msgspec.convert(head.pruned, Pruned)
        for word in words:
            yield word
        while found:
            for each in found:
                if each.number is not None and each.number <= (top or 0):
                    yield self._line(tenant, node, day, each)
            after = found[-1].number or 0
            if not more:
                return
            async with self._store.read() as tx:
                found = await audit.records(tx, node, day, after=after, limit=PAGE)
            more = len(found) == PAGE

    def _line(self, tenant: str, node: str, day: str, row: Chained) -> lines.Record:
        mine = row.record["tenant_id"].lower() == tenant.lower()
        return lines.Record(
            node=node,
            day=day,
            number=row.number or 0,
            link=row.link or "",
            sequence=row.sequence,
            record=row.record if mine else None,
            digest=None if mine else chain.digest(row.record),
        )

    async def _loose(self) -> AsyncIterator[lines.Line]:
        after = 0
        while True:
            async with self._store.read() as tx:
                found = await self._store.audit.loose(tx, after=after, limit=PAGE)
            for each in found:
                yield lines.Loose(sequence=each.sequence, id=each.record["id"], at=iso(each.record["at"]))
            if len(found) < PAGE:
                return
            after = found[-1].sequence
