"""Removes by and by what nobody can see any more: rows of deleted containers, and objects without rows."""

from __future__ import annotations

from datetime import timedelta

import structlog

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.storage.objects import Objects
from outofband.store.store import Store

log = structlog.get_logger(__name__)

BATCH = 100
"""Rows of one unit: other writers wait behind it."""
PATIENCE = 3
"""Objects that cannot be erased until the store counts as away; they come again with a later sweep."""
LOOSE = timedelta(minutes=15)
"""An answer that is just being sent may still need the object."""
PENDING = timedelta(days=1)
"""The longest upload of one object."""
UNCOMMITTED = timedelta(days=7)
"""How long blocks wait for their list, as in Azure."""


class Sweep:
    def __init__(
        self, store: Store, objects: Objects, *, loose: timedelta = LOOSE, pending: timedelta = PENDING
    ) -> None:
        self._store = store
        self._objects = objects
        self._loose = loose
        self._pending = pending

    async def run(self) -> int:
        """Until nothing is left to do; how many objects were erased. Raises Fault when a store is away."""
        await self._accounts()
        while await self._containers():
            pass
        while await self._old_blocks():
            pass
        erased = 0
        while batch := await self._objects_batch():
            erased += batch
        if erased:
            log.info("blobs.swept", objects=erased)
        return erased

    async def _accounts(self) -> None:
        now = clock.now()
        async with self._store.write() as tx:
            await self._store.containers.delete_orphans(tx, now)
            for account in await self._store.storage_accounts.orphans(tx, BATCH):
                await self._store.storage_accounts.remove(tx, account.uid)

    async def _containers(self) -> bool:
        """Empty one deleted container a little further; False when there is none."""
        now = clock.now()
        async with self._store.write() as tx:
            found = await self._store.containers.deleted(tx, 1)
            if not found:
                return False
            container = found[0].id
            blobs = await self._store.blobs.some(tx, container, BATCH)
            for blob in blobs:
                await self._store.blob_objects.clear(tx, blob.id, now)
            if blobs:
                await self._store.blobs.remove(tx, [blob.id for blob in blobs])
            elif not await self._store.blob_objects.drop_container_blocks(tx, container, now, BATCH):
                await self._store.containers.forget(tx, container)
            return True

    async def _old_blocks(self) -> int:
        now = clock.now()
        async with self._store.write() as tx:
            return await self._store.blob_objects.drop_old_blocks(tx, now - UNCOMMITTED, now, BATCH)

    async def _objects_batch(self) -> int:
        now = clock.now()
        async with self._store.write() as tx:
            keys = await self._store.blob_objects.doom(
                tx, loose_before=now - self._loose, pending_before=now - self._pending, limit=BATCH
            )
        erased, failed = [], []
        for key in keys:
            try:
                await self._objects.erase(key)
                erased.append(key)
            except Fault as fault:
                log.warning("blobs.sweep_put_off", code=fault.code)
                failed.append(key)
                if len(failed) == PATIENCE:
                    break
        if keys:
            async with self._store.write() as tx:
                await self._store.blob_objects.forget(tx, erased)
                await self._store.blob_objects.put_off(tx, failed, clock.now())
        return len(erased)
