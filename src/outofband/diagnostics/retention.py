"""Taking away what boot diagnostics no longer keep: what is older than a log's ring, and all of a VM that has
been gone for long.

The control plane does it, not the agent: a host may write to the logs of its VMs, and delete nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.diagnostics.places import Places, vm_of
from outofband.diagnostics.watched import Watcher
from outofband.storage import rows
from outofband.storage.accounts import MANAGED_TYPE
from outofband.store.blobs_containers import Container
from outofband.store.store import Store
from outofband.wire import segments

KEEP_DAYS = 30
"""How long logs and pictures of a deleted VM stay in managed storage. An account of one's own keeps them
until its owner takes them away.
"""
PAGE = 200
TRIMMED_AT_ONCE = 64
"""Segments that go in one unit of work, which others wait for; more go with the next ones."""
_GONE = "gone"
"""Metadata of a container: since when its VM is known to be deleted (ISO, UTC)."""

log = structlog.get_logger(__name__)


class Retention:
    def __init__(
        self,
        store: Store,
        places: Places,
        watcher: Watcher,
        *,
        ring: int = segments.RING_BYTES,
        days: int = KEEP_DAYS,
    ) -> None:
        self._store = store
        self._places = places
        self._watcher = watcher
        self._ring = ring
        self._keep = timedelta(days=days)

    async def stored(self, agent: str, vm: str, port: str) -> None:
        """A segment of a VM's log was sealed, says its agent: trim the log to its ring. Raises nothing: what
        stays too long goes with the next one.
        """
        try:
            await self._trim(agent, vm, port)
        except Fault as fault:
            log.info("diagnostics.not_trimmed", vm=vm, code=fault.code)
        except Exception:
            log.exception("diagnostics.trim_broke", vm=vm)

    async def _trim(self, agent: str, vm: str, port: str) -> None:
        async with self._store.read() as tx:
            row = await self._store.resources.by_uid(tx, vm)
            watched = self._watcher(row) if row is not None else None
            if row is None or watched is None or watched.agent != agent:
                return
            found = await self._places.find(tx, row)
            container = await self._places.container(tx, found) if found is not None else None
            if container is None:
                return
            there = await self._store.blobs.lengths(tx, container.id, prefix=segments.prefix(port))
        pairs = [(named[1], length) for name, length in there if (named := segments.parse(name)) is not None]
        gone = segments.trimmed(pairs, self._ring)[:TRIMMED_AT_ONCE]
        if not gone:
            return
        now = clock.now()
        async with self._store.write() as tx:
            for start in gone:
                blob = await self._store.blobs.get(tx, container.id, segments.name(port, start))
                # Who put a lease on a segment wants it to stay.
                if blob is not None and blob.lease is None:
                    await rows.remove(self._store, tx, blob, now)

    async def run(self, now: datetime) -> None:
        """Once in a while: forget what deleted VMs left in managed storage."""
        after: str | None = None
        async with self._store.read() as tx:
            accounts = [
                row
                for subscription in await self._store.directory.subscriptions(tx)
                for row in (
                    await self._store.resources.page(tx, subscription=subscription.id, type=MANAGED_TYPE)
                ).items
            ]
        for account in accounts:
            after = ""
            while after is not None:
                after = await self._sweep(account.uid, after, now)

    async def _sweep(self, account: str, start: str, now: datetime) -> str | None:
        """Look at one page of an account's containers; where the next one begins."""
        async with self._store.read() as tx:
            page = await self._store.containers.page(
                tx, account, prefix="bootdiagnostics-", start=start, limit=PAGE
            )
            vms = {container.id: vm for container in page if (vm := vm_of(container.name)) is not None}
            alive = await self._store.resources.taken(tx, list(vms.values()))
        for container in page:
            if container.id in vms and vms[container.id] not in alive:
                await self._age(container, now)
        return page[-1].name + "-" if len(page) == PAGE else None

    async def _age(self, container: Container, now: datetime) -> None:
        since = _moment(container.metadata.get(_GONE))
        async with self._store.write() as tx:
            if since is None:
                metadata = container.metadata | {_GONE: clock.iso(now)}
                await self._store.containers.update(tx, container.id, metadata=metadata)
            elif now - since >= self._keep:
                await self._store.containers.delete(tx, container.id, now)
                log.info("diagnostics.forgotten", container=container.name)


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
