"""Reading SQLite: connections that see one snapshot per unit, and refuse to write.

What runs on the event loop and what in a thread is with `sqlite`; both see the same snapshot (ADR 19).
"""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.net.backoff import Backoff
from outofband.net.tasks import finish
from outofband.store import faults
from outofband.store.connections import BUSY_WAIT_MS, POOL_WAIT, READERS, blocking_reader
from outofband.store.sqlite import Held, SqliteTx, in_thread


class Reader(Held):
    """A connection that refuses to write."""

    def begin(self) -> None:
        """Take the snapshot: no later statement of the unit waits for a lock."""
        self.raw.execute("BEGIN")
        self.raw.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()


class Snapshots:
    """At most `READERS` connections to one file; `take` and `give` back. `close` when all are back."""

    def __init__(self, url: sa.URL) -> None:
        self._engine = blocking_reader(url)
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="store")
        self._room = asyncio.Semaphore(READERS)
        self._free: list[Reader] = []
        self._closed = False

    async def take(self) -> SnapshotTx:
        """A unit that has begun. Raises Fault StoreBusy or StoreUnavailable."""
        if self._room.locked():
            try:
                async with asyncio.timeout(POOL_WAIT):
                    await self._room.acquire()
            except TimeoutError as error:
                raise Fault("StoreBusy") from error
        else:
            await self._room.acquire()
        try:
            while not self._free:
                # Who comes meanwhile may take the one that was made here.
                await finish(self._connect())
            reader = self._free.pop()
            try:
                await _begin(reader)
            except BaseException:
                self._free.append(reader)
                raise
        except BaseException as error:
            self._room.release()
            if (fault := faults.translate(error)) is not None:
                raise fault from error
            raise
        return SnapshotTx(reader, self._threads)

    def give(self, tx: SnapshotTx) -> None:
        """Take the unit's connection back. Does not wait."""
        reader = tx.reader
        try:
            reader.end()
        except (sqlite3.Error, sa.exc.SQLAlchemyError):
            reader.connection.invalidate()
        else:
            self._free.append(reader)
        self._room.release()
        if self._closed:
            self._drop()

    def close(self) -> None:
        """Close what is free; a unit that is still open closes its own when it ends."""
        self._closed = True
        self._drop()
        self._threads.shutdown(wait=False)

    def _drop(self) -> None:
        for reader in self._free:
            reader.connection.close()
        self._free.clear()

    async def _connect(self) -> None:
        # A caller that is cancelled meanwhile leaves the connection to the next.
        self._free.append(Reader(await in_thread(self._threads, self._engine.connect)))


class SnapshotTx(SqliteTx):
    """A unit on one `Reader`."""

    def __init__(self, reader: Reader, threads: ThreadPoolExecutor) -> None:
        super().__init__(reader, threads)
        self.reader = reader


async def _begin(reader: Reader) -> None:
    """SQLite in WAL mode makes a reader wait in rare moments only (recovery, a foreign program that wants the
    whole file); the loop must not wait with it.
    """
    backoff, ends = Backoff(first=0.005, limit=0.1), clock.monotonic() + BUSY_WAIT_MS / 1000
    while True:
        try:
            reader.begin()
            return
        except sqlite3.OperationalError as error:
            reader.end()
            if not faults.is_locked(error) or clock.monotonic() > ends:
                raise
        except BaseException:
            reader.end()
            raise
        await asyncio.sleep(backoff.next())
