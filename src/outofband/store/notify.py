"""The bell: a hint that something was written (decision D6). Who waits on it re-reads after a second anyway.

In one process it is a set of events. On PostgreSQL it also travels between nodes by LISTEN/NOTIFY, inside the
transaction that wrote the row, so it can neither come before the row nor without it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import psycopg
import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from outofband.net.backoff import Backoff
from outofband.net.tasks import Tasks
from outofband.store.columns import storable

log = structlog.get_logger(__name__)

LONGEST_WAIT = 1.0
"""Seconds after which a waiter looks for itself: a ring may be lost, a row is not."""
MAX_TOPIC = 512
"""Characters of a topic; PostgreSQL allows 8000 bytes of payload."""
MAX_QUEUED = 1000
"""Rings that wait for the connection to PostgreSQL; beyond it they are dropped, they are hints."""
_CHANNEL = "outofband"
_CONNECT_TIMEOUT = 10


class Ear:
    """Hears its topics from the moment it was made: listen, then read, then wait, and no ring is missed."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    async def wait(self, timeout: float = LONGEST_WAIT) -> bool:
        """Wait for a ring since the last wait, at most `timeout` seconds (never more than a second).

        True when it rang. Either way: read again.
        """
        try:
            async with asyncio.timeout(min(timeout, LONGEST_WAIT)):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True

    async def called(self) -> None:
        """Wait for a ring since the last wait, however long: for who is called by somebody that looks at the
        rows of many, so that each need not look for itself.
        """
        await self._event.wait()
        self._event.clear()

    def hear(self) -> None:
        self._event.set()


class Bell:
    """Rings within this process."""

    def __init__(self) -> None:
        self._ears: dict[str, set[Ear]] = {}

    async def start(self) -> None:
        """Connect to the other nodes, where there are any."""

    async def close(self) -> None:
        """Stop; waiters end by their time limit."""

    def ring(self, topic: str) -> None:
        """Wake who listens to `topic`. Inside a unit of work use `tx.ring`, which waits for the commit."""
        self.ring_here(topic)

    def ring_here(self, topic: str) -> None:
        """Wake the listeners of this process only."""
        for ear in tuple(self._ears.get(topic, ())):
            ear.hear()

    def ring_all(self) -> None:
        """Wake everyone: after a broken connection nobody knows what was missed."""
        for ears in tuple(self._ears.values()):
            for ear in tuple(ears):
                ear.hear()

    async def announce(self, connection: AsyncConnection, topics: Sequence[str]) -> None:
        """Put `topics` into the open transaction, to be heard by other nodes when it commits."""

    @contextlib.contextmanager
    def listen(self, *topics: str) -> Iterator[Ear]:
        """An ear for any of `topics`, for as long as the block lasts."""
        ear = Ear()
        for topic in topics:
            self._ears.setdefault(topic, set()).add(ear)
        try:
            yield ear
        finally:
            for topic in topics:
                ears = self._ears.get(topic, set())
                ears.discard(ear)
                if not ears:
                    self._ears.pop(topic, None)

    async def wait(self, topic: str, timeout: float = LONGEST_WAIT) -> bool:
        """Wait for the next ring. What rang before is missed: loops that read and wait use `listen`."""
        with self.listen(topic) as ear:
            return await ear.wait(timeout)


class PostgresBell(Bell):
    """Rings in every node that shares the PostgreSQL database."""

    def __init__(self, conninfo: str) -> None:
        super().__init__()
        self._conninfo = conninfo
        self._tasks = Tasks()
        self._queue: asyncio.Queue[str] = asyncio.Queue(MAX_QUEUED)
        self._hearing = asyncio.Event()

    async def start(self) -> None:
        self._tasks.spawn("bell.hear", self._again(self._hear))
        self._tasks.spawn("bell.send", self._again(self._send))
        # Not fatal when late: the task goes on trying and waiters look for themselves.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CONNECT_TIMEOUT):
                await self._hearing.wait()

    async def close(self) -> None:
        await self._tasks.close()

    def ring(self, topic: str) -> None:
        self.ring_here(topic)
        with contextlib.suppress(asyncio.QueueFull):
            self._queue.put_nowait(_payload(topic))

    async def announce(self, connection: AsyncConnection, topics: Sequence[str]) -> None:
        for topic in topics:
            await connection.execute(sa.select(sa.func.pg_notify(_CHANNEL, _payload(topic))))

    async def _again(self, work: Callable[[psycopg.AsyncConnection[Any]], Awaitable[None]]) -> None:
        """Do `work` on a connection of its own, for ever; a lost connection is made again."""
        backoff = Backoff(first=0.1, limit=5.0)
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(
                    self._conninfo,
                    autocommit=True,
                    connect_timeout=_CONNECT_TIMEOUT,
                    application_name="outofband",
                )
                async with connection:
                    backoff.reset()
                    await work(connection)
            except (psycopg.Error, OSError) as error:
                log.warning("bell.lost", error=type(error).__name__)
            await asyncio.sleep(backoff.next())

    async def _hear(self, connection: psycopg.AsyncConnection[Any]) -> None:
        await connection.execute(f"LISTEN {_CHANNEL}")
        self._hearing.set()
        self.ring_all()
        async for notice in connection.notifies():
            self.ring_here(notice.payload)

    async def _send(self, connection: psycopg.AsyncConnection[Any]) -> None:
        while True:
            await connection.execute("SELECT pg_notify(%s, %s)", (_CHANNEL, await self._queue.get()))


def _payload(topic: str) -> str:
    return storable(topic)[:MAX_TOPIC]
