"""Writing SQLite: one connection, on which the caller runs units one after the other.

BEGIN never waits on the event loop, and COMMIT, which writes to the disk and now and then moves the
write-ahead log into the database and syncs both, runs in a thread (ADR 50).
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from outofband.core import clock
from outofband.net.backoff import Backoff
from outofband.net.tasks import finish
from outofband.store import connections, faults
from outofband.store.sqlite import Held, SqliteTx, in_thread


class SqliteWriter:
    """The caller sees to it that a unit has ended before the next one begins."""

    def __init__(self, url: sa.URL, node: str) -> None:
        self._engine = connections.blocking_writer(url)
        self._node = node
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._held: Held | None = None

    async def begin(self, patience: float) -> SqliteTx:
        """A unit that has begun and that nobody can lock out any more. Raises what the driver does, after
        `patience` seconds for a lock that a foreign program holds.
        """
        if self._held is None:
            # Whoever is cancelled meanwhile leaves the connection to the next.
            await finish(self._connect())
        assert self._held is not None
        held, backoff = self._held, Backoff(first=0.005, limit=0.1)
        ends = clock.monotonic() + patience
        while True:
            try:
                held.raw.execute("BEGIN IMMEDIATE")
                break
            except sqlite3.Error as error:
                if not isinstance(error, sqlite3.OperationalError) or not faults.is_locked(error):
                    # Nothing was begun, and another connection may fare better: the next unit makes one.
                    self._drop()
                    raise
                if clock.monotonic() > ends:
                    raise
            await asyncio.sleep(backoff.next())
        try:
            # SQLAlchemy's own book of it, so that what is written for it (Alembic) sees a transaction.
            held.connection.begin()
        except BaseException:
            self.undo()
            raise
        tx = SqliteTx(held, self._threads)
        tx.node = self._node
        return tx

    async def commit(self) -> None:
        """Raises what the driver does; the unit is undone then. Call it within a task that nobody cancels."""
        assert self._held is not None
        try:
            await in_thread(self._threads, self._held.connection.commit)
        except BaseException:
            self.undo()
            raise

    def undo(self) -> None:
        """Does not wait: what was not committed has not come to the disk."""
        held = self._held
        if held is None:
            return
        try:
            held.end()
        except (sqlite3.Error, sa.exc.SQLAlchemyError):
            # Closed, it cannot keep a lock; the next unit makes another.
            self._drop()

    def _drop(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            with contextlib.suppress(sqlite3.Error, sa.exc.SQLAlchemyError):
                held.connection.invalidate()
            with contextlib.suppress(sqlite3.Error, sa.exc.SQLAlchemyError):
                held.connection.close()

    async def scrub(self) -> None:
        """Rewrite the file and empty its log, so that nothing of what was removed is left in them."""
        if self._held is None:
            await finish(self._connect())
        assert self._held is not None
        raw = self._held.raw

        def rewrite() -> None:
            raw.execute(f"PRAGMA busy_timeout={connections.BUSY_WAIT_MS}")
            try:
                raw.execute("VACUUM")
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                raw.execute("PRAGMA busy_timeout=0")

        await finish(in_thread(self._threads, rewrite))

    def close(self) -> None:
        """No unit may be open."""
        if self._held is not None:
            self._held.connection.close()
            self._held = None
        self._threads.shutdown(wait=False)

    async def _connect(self) -> None:
        self._held = Held(await in_thread(self._threads, self._engine.connect))
