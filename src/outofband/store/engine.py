"""The database: units of work on SQLite or PostgreSQL that mean the same on both.

Invariant: write units run one after the other. SQLite can do no other; on PostgreSQL an advisory lock gives
the same order across nodes. So a unit may read, decide and write without another unit in between, and no
caller has to handle a serialization failure. Reads never wait for writes and see one snapshot.

A unit that was committed survives the death of the process (WAL, synchronous=NORMAL); after a power cut
SQLite may lack the last ones, but is never damaged.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from outofband.core.errors import Fault
from outofband.net.backoff import Backoff
from outofband.net.tasks import Tasks, finish
from outofband.store import connections, faults, migrate
from outofband.store.connections import (
    WRITE_WAIT,
    claim,
    is_sqlite,
    parse_url,
    plain,
    reader,
    refuse_missing,
    writer,
)
from outofband.store.locking import ProcessLock
from outofband.store.notify import Bell, PostgresBell
from outofband.store.snapshots import Snapshots
from outofband.store.sqlite_writer import SqliteWriter
from outofband.store.tx import AsyncTx, Tx

ATTEMPTS = 4
"""How often a unit is begun, or run by `transact`, before its fault is shown."""
NODE = "local"
"""The node's name where none is given."""
_WRITE_LOCK = 0x6F6F62  # "oob": one advisory lock number, the same in every node

T = TypeVar("T")


class Database:
    """An open database. Make one with `Database.open`; close it with `close`."""

    def __init__(self, url: sa.URL, node: str) -> None:
        self.node = node
        """Names the chain of what this process adds to the activity log."""
        self._url = url
        self._sqlite = is_sqlite(url)
        self._lock: ProcessLock | None = None
        self._turn = asyncio.Lock()
        self._tasks = Tasks()
        self._endings: set[asyncio.Task[Any]] = set()
        self._snapshots = Snapshots(url) if self._sqlite else None
        self._reader = None if self._sqlite else reader(url)
        self._writing = SqliteWriter(url, node) if self._sqlite else None
        self._writer = None if self._sqlite else writer(url)
        self.bell: Bell = Bell() if self._sqlite else PostgresBell(plain(url))

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return "sqlite" if self._sqlite else "postgresql"

    @classmethod
    async def beside(cls, url: str, node: str = NODE) -> Database:
        """Open a database that another process may have open, for one short unit of work (ADR 17).

        It takes no lock and changes no schema. Its bell is heard by nodes on PostgreSQL only; others look by
        themselves after a second. Raises Fault StoreUrlInvalid, StoreMissing, StoreOnNetworkFilesystem,
        StoreUnavailable, StoreTooNew or StoreTooOld.
        """
        parsed = parse_url(url)
        if is_sqlite(parsed):
            refuse_missing(Path(parsed.database or ""))
        database = cls(parsed, node)
        try:
            async with database.read() as tx:
                await tx.run_sync(migrate.require_current)
        except BaseException:
            await database.close()
            raise
        return database

    @classmethod
    async def open(cls, url: str, node: str = NODE) -> Database:
        """Open `sqlite:////absolute/path` or `postgresql://user:password@host/name` and bring its schema up
        to date.

        Raises Fault StoreUrlInvalid, StoreInUse, StoreOnNetworkFilesystem, StoreUnavailable or StoreTooNew.
        """
        parsed = parse_url(url)
        database = cls(parsed, node)
        try:
            if is_sqlite(parsed):
                database._lock = claim(Path(parsed.database or ""))
            async with database.write() as tx:
                await tx.run_sync(migrate.upgrade)
            await database.bell.start()
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        """Wait for units that are ending, then close every connection and give the file lock back."""
        await self.bell.close()
        await asyncio.gather(*self._endings, return_exceptions=True)
        if self._snapshots is not None:
            self._snapshots.close()
        if self._reader is not None:
            await self._reader.dispose()
        if self._writing is not None:
            self._writing.close()
        if self._writer is not None:
            await self._writer.dispose()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """A unit that sees one snapshot and cannot write. Raises Fault StoreBusy or StoreUnavailable."""
        if self._snapshots is not None:
            snapshot = await self._snapshots.take()
            try:
                yield snapshot
            except Exception as error:
                if (fault := faults.translate(error)) is not None:
                    raise fault from error
                raise
            finally:
                self._snapshots.give(snapshot)
            return
        assert self._reader is not None
        connection = await self._open_unit(self._reader, turn=False)
        try:
            yield AsyncTx(connection, self.dialect, self.node)
        except Exception as error:
            if (fault := faults.translate(error)) is not None:
                raise fault from error
            raise
        finally:
            await self._settle("store.read", self._end(connection, commit=False))

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """A unit that is committed as a whole when the block ends well, else undone as a whole.

        Topics given to `tx.ring` are rung after the commit. Never wait for anything but the database inside:
        every other writer waits behind. Raises Fault StoreBusy or StoreUnavailable; after StoreUnavailable
        from the end of the block the unit may have been committed or not.
        """
        await self._take_turn()
        if self._writing is not None:
            async with self._on_sqlite(self._writing) as unit:
                yield unit
            return
        assert self._writer is not None
        connection = await self._open_unit(self._writer, turn=True)
        tx = AsyncTx(connection, self.dialect, self.node)
        try:
            yield tx
        except BaseException as error:
            await self._settle("store.undo", self._end_write(connection, None))
            if (fault := faults.translate(error)) is not None:
                raise fault from error
            raise
        if (failure := await self._settle("store.commit", self._end_write(connection, tx))) is not None:
            if (fault := faults.translate(failure)) is not None:
                raise fault from failure
            raise failure

    @contextlib.asynccontextmanager
    async def _on_sqlite(self, writing: SqliteWriter) -> AsyncIterator[Tx]:
        """A unit of who has the turn, which is given back at its end."""
        try:
            try:
                tx = await writing.begin(ATTEMPTS * connections.BUSY_WAIT_MS / 1000)
                try:
                    yield tx
                except BaseException:
                    writing.undo()
                    raise
            except BaseException:
                self._turn.release()
                raise
            # In a task that ends even when the caller is cancelled; it gives the turn back.
            if (failure := await self._settle("store.commit", self._commit(writing, tx))) is not None:
                raise failure
        except Exception as error:
            if (fault := faults.translate(error)) is not None:
                raise fault from error
            raise

    async def _commit(self, writing: SqliteWriter, tx: Tx) -> Exception | None:
        try:
            await writing.commit()
        except Exception as error:
            return error
        finally:
            self._turn.release()
        for topic in tx.topics:
            self.bell.ring_here(topic)
        return None

    async def transact(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Run `work` in a write unit, again when the database was busy or away; `work` must bear being run
        twice.
        """
        backoff = Backoff(first=0.05, limit=1.0)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self.write() as tx:
                    return await work(tx)
            except Fault as fault:
                if fault.code not in faults.PASSING or attempt == ATTEMPTS:
                    raise
            await asyncio.sleep(backoff.next())
        raise AssertionError("unreachable")

    async def scrub(self, names: Sequence[str]) -> None:
        """Rewrite tables so that nothing of what their rows held before is left in the database's files: the
        free space of a page keeps old bytes for years. On SQLite it is the whole file, whose write-ahead log
        is emptied too; PostgreSQL keeps its own log for as long as it is told to. Raises Fault StoreBusy.
        """
        await self._take_turn()
        try:
            if self._writing is not None:
                await self._writing.scrub()
                return
            assert self._writer is not None
            async with self._writer.connect() as connection:
                plain_connection = await connection.get_raw_connection()
                driver: Any = plain_connection.driver_connection
                # VACUUM cannot run inside a transaction.
                await driver.set_autocommit(True)
                try:
                    for name in names:
                        await finish(driver.execute(f"VACUUM FULL {name}"))
                finally:
                    await driver.set_autocommit(False)
        except Exception as error:
            if (fault := faults.translate(error)) is not None:
                raise fault from error
            raise
        finally:
            self._turn.release()

    async def _take_turn(self) -> None:
        if not self._turn.locked():
            await self._turn.acquire()
            return
        try:
            async with asyncio.timeout(WRITE_WAIT):
                await self._turn.acquire()
        except TimeoutError as error:
            raise Fault("StoreBusy") from error

    async def _open_unit(self, engine: AsyncEngine, *, turn: bool) -> AsyncConnection:
        """`_begin`, in a task of its own: a caller that is cancelled must not tear at a half-made connection.

        A checkout that is cancelled in the middle can keep its place in the pool for ever, and with it the
        turn to write. So it runs to its end, and what nobody waits for any more is undone.
        """
        opening = self._tasks.spawn("store.begin", self._begin(engine, turn=turn))
        try:
            return await asyncio.shield(opening)
        except BaseException:
            if opening.done():
                # Failed, or finished in the same moment in which the caller was cancelled.
                failed = opening.cancelled() or opening.exception() is not None
                if failed and turn:
                    self._turn.release()
                if failed:
                    raise
            self._keep(self._tasks.spawn("store.abandon", self._abandon(opening, turn=turn)))
            raise

    async def _abandon(self, opening: asyncio.Task[AsyncConnection], *, turn: bool) -> None:
        """Undo a unit that began after its caller had gone."""
        try:
            connection = await opening
        except Exception:
            connection = None
        try:
            if connection is not None:
                await self._end(connection, commit=False)
        finally:
            if turn:
                self._turn.release()

    async def _begin(self, engine: AsyncEngine, *, turn: bool) -> AsyncConnection:
        """Connect and begin; a connection that died while idle is replaced, a server that restarts is waited
        for.
        """
        backoff = Backoff(first=0.05, limit=1.0)
        attempt = 0
        while True:
            attempt += 1
            try:
                connection = await engine.connect()
                try:
                    await connection.begin()
                    if turn:
                        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITE_LOCK)))
                except BaseException:
                    await self._settle("store.undo", self._end(connection, commit=False))
                    raise
                return connection
            except Exception as error:
                fault = faults.translate(error)
                if fault is None:
                    raise
                if fault.code not in faults.PASSING or attempt >= ATTEMPTS:
                    raise fault from error
            await asyncio.sleep(backoff.next())

    async def _end_write(self, connection: AsyncConnection, tx: Tx | None) -> Exception | None:
        """Commit (`tx` given) or undo, then let the next writer in, then ring."""
        try:
            if tx is not None:
                await self.bell.announce(connection, tx.topics)
            failure = await self._end(connection, commit=tx is not None)
        except Exception as error:
            await self._end(connection, commit=False)
            failure = error
        finally:
            self._turn.release()
        if tx is not None and failure is None:
            for topic in tx.topics:
                self.bell.ring_here(topic)
        return failure

    async def _end(self, connection: AsyncConnection, *, commit: bool) -> Exception | None:
        try:
            if commit:
                await connection.commit()
            else:
                await connection.rollback()
        except Exception as error:
            failure: Exception | None = error
        else:
            failure = None
        with contextlib.suppress(Exception):
            await connection.close()
        return failure

    async def _settle(self, name: str, ending: Coroutine[Any, Any, T]) -> T:
        """Let the end of a unit run to its end even when the caller is cancelled meanwhile."""
        task: asyncio.Task[T] = self._tasks.spawn(name, ending)
        self._keep(task)
        return await asyncio.shield(task)

    def _keep(self, task: asyncio.Task[Any]) -> None:
        """`close` waits for it."""
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)
