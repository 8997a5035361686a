"""What was typed, on its way to the port: whose it is, how far it got, and when it is given up."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from outofband.agent.ports.attachment import Attachment, Typed
from outofband.agent.ports.keys import MAX_PENDING_INPUT
from outofband.agent.ports.source import Source
from outofband.core import clock

STALE_SECONDS = 10.0
"""Input that nobody took for this long is given up: it would be typed at a prompt it was not meant for."""
_POLL_SECONDS = 0.01


class _Waiting(NamedTuple):
    position: int
    """The port has it when it has taken so many bytes in all."""
    attachment: Attachment
    offset: int
    """The session's own offset that is delivered then."""


class _Held(NamedTuple):
    attachment: Attachment
    offset: int
    data: bytes


class Inbox:
    """Queue of one port. `acknowledge` batches: one ACK a session for all input of a turn of the loop."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._waiting: deque[_Waiting] = deque()
        self._acks: list[Attachment] = []
        self._stale_since: float | None = None
        self._stale_mark = 0
        self.discards = 0
        """How often something was given up."""
        self.on_discard: Callable[[int], None] | None = None
        """Told when something was, with how many bytes of a paste were among it."""
        self._pasted = deque[tuple[int, int]]()
        """Of pasted bytes the port has not taken: from where to where it counts them."""
        self._turn = asyncio.Lock()
        self._holding = False
        """What is typed comes after something of the agent's own."""
        self._held: deque[_Held] = deque()

    @property
    def empty(self) -> bool:
        """Nobody waits for the port to take anything."""
        return not self._waiting and not self._held and not self.pasted

    @property
    def free(self) -> bool:
        """The port has all that was typed, and what is typed next goes there at once."""
        return not self._holding and self._source.queued == self._source.delivered

    @property
    def pasted(self) -> int:
        """Bytes of a paste that the port has not taken."""
        delivered = self._source.delivered
        while self._pasted and self._pasted[0][1] <= delivered:
            self._pasted.popleft()
        return sum(end - max(start, delivered) for start, end in self._pasted)

    def put_pasted(self, data: bytes) -> bool:
        """Bytes of a paste, which counts them itself; False, and nothing taken, when the port takes none.

        Call it while `free`.
        """
        if not self._source.write(data):
            return False
        queued = self._source.queued
        self._pasted.append((queued - len(data), queued))
        return True

    def put(self, attachment: Attachment, typed: Typed, data: bytes) -> bool:
        """Queue typed bytes; False, and nothing taken, when the port takes none."""
        if self._holding:
            return self._hold(attachment, typed, data)
        if not self._source.write(data):
            return False
        typed.accepted += len(data)
        self._waiting.append(_Waiting(self._source.queued, attachment, typed.accepted))
        self.taken()
        return True

    def taken(self) -> None:
        """The port took input: note it for the sessions it came from."""
        delivered = self._source.delivered
        while self._waiting and self._waiting[0].position <= delivered:
            _, attachment, offset = self._waiting.popleft()
            attachment.typed.delivered = max(offset, attachment.typed.delivered)
            self.acknowledge(attachment)

    def acknowledge(self, attachment: Attachment) -> None:
        if attachment.closed or attachment.ack_due:
            return
        attachment.ack_due = True
        if not self._acks:
            self._source.hub.loop.call_soon(self._send_acks)
        self._acks.append(attachment)

    def _send_acks(self) -> None:
        acks, self._acks = self._acks, []
        for attachment in acks:
            attachment.acknowledge()

    def discard(self) -> int:
        """Give up what the port has not taken; how many bytes."""
        self._waiting.clear()
        held = sum(len(each.data) for each in self._held)
        self._held.clear()
        return held + self._discard_queued()

    def _discard_queued(self) -> int:
        pasted = self.pasted
        self._pasted.clear()
        self._stale_since = None
        self.discards += 1
        count = self._source.discard()
        if self.on_discard is not None:
            self.on_discard(pasted)
        return count

    def give_up_stale(self, now: float) -> int:
        """Called about once a second; how many bytes were given up."""
        source = self._source
        if source.delivered == source.queued:
            self._stale_since = None
        elif self._stale_since is None or source.delivered != self._stale_mark:
            self._stale_since, self._stale_mark = now, source.delivered
        elif now - self._stale_since >= STALE_SECONDS:
            return self.discard()
        return 0

    async def inject(
        self, data: bytes, timeout: float, *, after: Callable[[], Awaitable[None]] | None = None
    ) -> bool:
        """Hand over bytes of no session; False when the port did not take them, or not in time.

        `after` is done right before them, once the port has read what was typed until now; what is typed
        meanwhile comes behind. When the port does not read it is not done at all.
        """
        async with self._turn:
            if after is None:
                return await self._hand_over(data, timeout)
            self._holding = True
            try:
                if not await self._settled(timeout):
                    return False
                await after()
                return await self._hand_over(data, timeout)
            finally:
                self._holding = False
                self._let_go()

    async def _settled(self, timeout: float) -> bool:
        deadline = clock.monotonic() + timeout
        while not self._source.settled:
            if clock.monotonic() >= deadline:
                return False
            await asyncio.sleep(_POLL_SECONDS)
        return True

    def _hold(self, attachment: Attachment, typed: Typed, data: bytes) -> bool:
        """Never more than the port would be left with: `_let_go` is not refused."""
        untaken = self._source.queued - self._source.delivered + sum(len(each.data) for each in self._held)
        if untaken + len(data) > MAX_PENDING_INPUT:
            return False
        typed.accepted += len(data)
        self._held.append(_Held(attachment, typed.accepted, data))
        return True

    def _let_go(self) -> None:
        while self._held:
            attachment, offset, data = self._held.popleft()
            self._source.write(data)
            self._waiting.append(_Waiting(self._source.queued, attachment, offset))
        self.taken()

    async def _hand_over(self, data: bytes, timeout: float) -> bool:
        if not self._source.write(data):
            return False
        position, discards = self._source.queued, self.discards
        deadline = clock.monotonic() + timeout
        while self._source.delivered < position:
            if clock.monotonic() >= deadline:
                if not self._waiting:
                    # With what waited before them; what is held back for them goes on.
                    self._discard_queued()
                return False
            await asyncio.sleep(_POLL_SECONDS)
            if self.discards != discards:
                # What is discarded counts as delivered, and these bytes were among it.
                return False
        return True
