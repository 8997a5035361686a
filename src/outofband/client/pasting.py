"""A paste from the viewer's side: sends ahead of what the agent types, and goes on after a drop.

To an agent (or a gateway) that takes no pastes the bytes go as typed ones; nobody tells then what became of
them, beyond that the port took them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from outofband.client.console import Console, Lost
from outofband.core import clock, secrets
from outofband.core.errors import ProtocolError
from outofband.wire import stream
from outofband.wire.console import RESEND_SECONDS, Attached, Event, Told
from outofband.wire.pasting import AHEAD, Progress, State, Why, progress_of

PIECE = 16 * 1024
_PLAIN_SECONDS = 0.05


class Pasting:
    """One paste at a time over one console. Give it every event of the console's with `hear`.

    `on_progress` is told whenever something is another now.
    """

    def __init__(self, console: Console, on_progress: Callable[[Progress], None]) -> None:
        self._console = console
        self._on_progress = on_progress
        self._takes = False
        self._keys = b""
        self._sent = 0
        self._away_at: float | None = None
        self.progress: Progress | None = None

    @property
    def active(self) -> bool:
        return self.progress is not None and self.progress.state in (State.TYPING, State.PAUSED)

    @property
    def takes(self) -> bool:
        """The far side paces pastes itself."""
        return self._takes

    def begin(self, keys: bytes) -> None:
        """Raises ProtocolError while there is no connection."""
        self._keys, self._sent = keys, 0
        self.progress = Progress(
            id=secrets.token()[:16], state=State.TYPING, size=len(keys), received=0, typed=0
        )
        self._control("begin", size=len(keys))
        self._send()

    def hear(self, event: Event | object) -> None:
        match event:
            case Attached(_, _, fields):
                self._takes = fields.get(stream.PASTE) is True
                self._attached(fields)
            case Lost():
                self.lost()
            case Told(what, fields) if what == stream.PASTE:
                self._told(progress_of(fields))

    def lost(self) -> None:
        """The connection is gone."""
        if self._away_at is None:
            self._away_at = clock.monotonic()

    def pause(self) -> None:
        self._control("pause")

    def resume(self) -> None:
        self._control("resume")

    def abort(self) -> None:
        self._control("abort")

    def _attached(self, fields: dict[str, Any]) -> None:
        away, self._away_at = self._away_at, None
        progress = self.progress
        if progress is None or not self.active:
            return
        told = fields.get("pasting")
        if not isinstance(told, dict) or progress_of(told).id != progress.id:
            if progress.typed or away is not None:
                # The agent does not know it (any more): it was started anew, or the keyboard is another's.
                self._told(_ended(progress))
            return
        self._told(progress_of(told))
        short = away is None or clock.monotonic() - away <= RESEND_SECONDS
        if self.progress is not None and self.progress.why is Why.VIEWER_GONE and short:
            # What was sent and not received went with the socket.
            self._sent = self.progress.received
            self.resume()
            self._send()

    def _told(self, told: Progress) -> None:
        if self.progress is None or told.id != self.progress.id:
            return
        self.progress = told
        if told.state is State.PAUSED:
            self._sent = max(self._sent, told.received)
        if self.active:
            self._send()
        self._on_progress(told)

    def _send(self) -> None:
        assert self.progress is not None
        limit = min(self.progress.typed + AHEAD, len(self._keys))
        while self._sent < limit:
            piece = self._keys[self._sent : min(self._sent + PIECE, limit)]
            self._console.put(stream.Paste(self._sent, piece))
            self._sent += len(piece)

    def _control(self, event: str, **more: Any) -> None:
        if self.progress is None:
            raise ProtocolError("expected a paste that was begun")
        self._console.put(stream.Control(stream.PASTE, {"event": event, "id": self.progress.id, **more}))


def _ended(progress: Progress) -> Progress:
    return Progress(
        id=progress.id,
        state=State.ENDED,
        size=progress.size,
        received=progress.received,
        typed=progress.typed,
        why=Why.KEYBOARD_LOST,
    )


async def type_plainly(console: Console, keys: bytes) -> bool:
    """Type at a far side that takes no pastes; False when it was not all taken."""
    while keys:
        if not console.may_type:
            return False
        taken = console.type(keys[:PIECE])
        keys = keys[taken:]
        if not taken:
            await asyncio.sleep(_PLAIN_SECONDS)
    while console.may_type and not console.all_typed:  # noqa: ASYNC110 - nobody tells of it
        await asyncio.sleep(_PLAIN_SECONDS)
    return console.all_typed
