"""A port's output on its way from the log to everybody who waits for it: viewers, the paste, actions."""

from __future__ import annotations

import asyncio
from typing import Protocol

from outofband.agent.ports import search
from outofband.agent.ports.attachment import Attachment
from outofband.agent.ports.pace import Pace
from outofband.agent.ports.pastes import Pastes
from outofband.agent.ports.source import Source
from outofband.agent.ports.spool import Spool


class Room(Protocol):
    """The broker, as its output sees it."""

    spool: Spool
    source: Source
    pastes: Pastes

    @property
    def is_open(self) -> bool:
        """Its log can be read."""
        ...

    def sessions(self) -> list[Attachment]:
        """Everybody on the port."""
        ...

    def watch_alarm(self) -> None:
        """Something may be wrong with the log, or no longer."""
        ...


class Output:
    """Of one port. All methods belong to the broker's loop."""

    __slots__ = ("_behind", "_loop", "_pace", "_room", "_source", "_waiters", "spool")

    def __init__(self, room: Room) -> None:
        self.spool = room.spool
        self._room, self._source, self._loop = room, room.source, room.source.hub.loop
        self._waiters: set[asyncio.Future[None]] = set()
        self._behind: list[Attachment] = []
        self._pace = Pace(self._loop, self._flush, self._source.rest)

    def open(self) -> None:
        """The spool is open."""
        self._pace.seen = self._pace.looked = self.spool.end

    def close(self) -> None:
        """The port is closed, and the broker with it."""
        self._pace.cancel()
        self._wake_waiters()

    @property
    def awaited(self) -> bool:
        """Somebody who is no viewer waits for more."""
        return bool(self._waiters)

    # --- when it goes out ---

    def typed(self) -> None:
        """Something was handed to the port: its echo is waited for."""
        self._pace.typed()
        if self._pace.resting:
            self._arm()

    def grown(self) -> None:
        """There may be more in the spool."""
        if self._room.is_open:
            self._pace.grown()

    def resumed(self, attachment: Attachment) -> None:
        """A viewer can take more: give it, right after the current callback."""
        if not self._behind:
            self._loop.call_soon(self._catch_up)
        self._behind.append(attachment)

    def _catch_up(self) -> None:
        behind, self._behind = self._behind, []
        if not self._room.is_open:
            return
        self.refresh()
        frames: dict[int, bytes] = {}
        for attachment in behind:
            if attachment.pump(frames):
                self.resumed(attachment)
        self._arm()

    def _flush(self) -> bool:
        """Give every viewer what is new. True when something was."""
        if not self._room.is_open:
            return False
        pace, spool = self._pace, self.spool
        self.refresh()
        grew = spool.end > pace.seen
        pace.seen = spool.end
        frames: dict[int, bytes] = {}
        for attachment in self._room.sessions():
            if attachment.pump(frames):
                self.resumed(attachment)
        self._room.pastes.grown()
        self._wake_waiters()
        if (grew and spool.alarm) or spool.end - pace.looked > (spool.reserve // 4 or spool.ring // 8):
            # The disk is full, or much came since the last look: this cannot wait for the next second.
            self._maintain()
        if not grew or pace.eager:
            self._arm()
        return grew

    def _arm(self) -> None:
        """Ask for the next wake-up, if there is anybody to serve."""
        if (
            not self._waiters
            and not self._room.pastes.active
            and all(attachment.congested for attachment in self._room.sessions())
        ):
            return
        self._pace.resting = False
        self._source.arm()
        # What came between the last look and the arming wakes nobody.
        self.spool.refresh()
        if self.spool.end > self._pace.seen:
            self._pace.grown()

    def tick(self, now: float) -> None:
        """About once a second, monotonic seconds."""
        if self._pace.overslept(now):
            self._arm()

    # --- how far the log came ---

    def refresh(self) -> None:
        """Look how far the log came, before any cursor goes there: a gap is told at its place, not later."""
        self.spool.refresh()
        if self.spool.exposed:
            self._maintain()

    def look_again(self) -> None:
        """Look how far the log came, for a reader that is no viewer: gaps up to there are known then."""
        if self._room.is_open:
            self.refresh()

    def looked_after(self) -> None:
        """The spool had its look of every second."""
        self._pace.looked = self.spool.end
        self._upkept()
        if self.spool.end > self._pace.seen and self._room.sessions():
            # No wake-up is known to get lost; if one ever does, it costs a second and not the output.
            self._pace.grown()

    def _maintain(self) -> None:
        self._pace.looked = self.spool.end
        self.spool.maintain()
        self._upkept()

    def _upkept(self) -> None:
        if self.spool.fresh_lost:
            gaps, self.spool.fresh_lost = self.spool.fresh_lost, []
            for attachment in self._room.sessions():
                for gap in gaps:
                    attachment.tell_late(gap)
            self._pace.grown()
        self._room.watch_alarm()

    # --- who waits for it and is no viewer ---

    def _wake_waiters(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def growth(self, timeout: float) -> bool:
        """Wait until the log may have grown; False when the time is over or the port was closed."""
        if timeout <= 0 or not self._room.is_open:
            return False
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiters.add(waiter)
        try:
            self._source.watch(True)
            self._arm()
            await asyncio.wait([waiter], timeout=timeout)
            return waiter.done() and self._room.is_open
        finally:
            self._waiters.discard(waiter)
            if not self._room.sessions() and not self._waiters and self._room.is_open:
                self._source.watch(False)

    async def wait_for(self, pattern: bytes, since: int, timeout: float) -> bytes | None:
        """Watch the output from offset `since` on until `pattern` appears; b"" matches the first byte.

        Returns the line it stands in (at most 512 bytes, no line end; it may be empty), or None after
        `timeout` seconds.
        """
        self.spool.refresh()
        return await search.wait_for(self, pattern, since, timeout)
