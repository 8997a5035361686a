"""A paste from the viewer's side: sends ahead of what the agent types, and goes on after a drop.

To an agent (or a gateway) that takes no pastes the bytes go as typed ones; nobody tells then what became of
them, beyond that the port took them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from outofband.client.console import Console, Lost
from outofband.core import clock, secrets
from outofband.core.errors import ProtocolError
from outofband.wire import stream
from outofband.wire.console import AWAY, RESEND_SECONDS, Attached, Ended, Event, Told
from outofband.wire.pasting import AHEAD, MAX_SIZE, Progress, State, Why, progress_of

PIECE = 16 * 1024
_PLAIN_SECONDS = 0.05


class Pasting:
    """One paste at a time over one console. Give it every event of the console's with `hear`.

    `on_progress` is told whenever something is another now. What is wished while the line is away is said
    to the agent once it is back.
    """

    def __init__(self, console: Console, on_progress: Callable[[Progress], None]) -> None:
        self._console = console
        self._on_progress = on_progress
        self._takes = False
        self._keys = b""
        self._sent = 0
        self._away_at: float | None = None
        self._wish = ""
        """The last event that was wished, until the agent is seen to have heard it."""
        self.progress: Progress | None = None

    @property
    def active(self) -> bool:
        return self.progress is not None and self.progress.state in (State.TYPING, State.PAUSED)

    @property
    def away(self) -> bool:
        """The line is gone, as far as is known."""
        return self._away_at is not None

    @property
    def takes(self) -> bool:
        """The far side paces pastes itself."""
        return self._takes

    def begin(self, keys: bytes) -> None:
        """Raises ProtocolError while there is no connection, or when it is longer than MAX_SIZE."""
        if not 0 < len(keys) <= MAX_SIZE:
            raise ProtocolError(f"expected a paste of 1 to {MAX_SIZE} bytes, got {len(keys)}")
        id = secrets.token()[:16]
        self._console.put(_said("begin", id, size=len(keys)))
        self._keys, self._sent, self._wish = keys, 0, ""
        self.progress = Progress(id=id, state=State.TYPING, size=len(keys), received=0, typed=0)
        self._send()

    def hear(self, event: Event | object) -> None:
        match event:
            case Attached(_, _, fields):
                self._takes = fields.get(stream.PASTE) is True
                self._attached(fields)
            case Lost() | Ended():
                self.lost()
            case Told("alarm", fields) if fields.get("code") == AWAY:
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
        """The agent's word counts: what it received, and whether it has the paste at all."""
        away, self._away_at = self._away_at, None
        progress, wish = self.progress, self._wish
        if progress is None or not self.active:
            return
        told = progress_of(fields["pasting"]) if isinstance(fields.get("pasting"), dict) else None
        if told is None or told.id != progress.id:
            # It began at an agent that is gone, or its begin was lost or is still on its way: the answer to
            # this comes after that, and then it is over for both.
            self._control("abort")
            return
        self.progress = told
        # What was sent and not received went with the stream.
        self._sent = told.received
        short = away is None or clock.monotonic() - away <= RESEND_SECONDS
        goes_on = not wish and short and told.state is State.PAUSED and told.why is Why.VIEWER_GONE
        if self.active and (wish or goes_on):
            # It is paused for this moment only.
            self._control(wish or "resume")
        else:
            self._on_progress(told)
        if self.active:
            self._send()

    def _told(self, told: Progress) -> None:
        if self.progress is None or told.id != self.progress.id or not self.active:
            return
        if told.why is Why.UNKNOWN:
            # The agent cannot say how far it came; this is what it said last.
            told = msgspec.structs.replace(self.progress, state=State.ENDED, why=told.why)
        self.progress = told
        if (self._wish, told.state) in (("pause", State.PAUSED), ("resume", State.TYPING)):
            self._wish = ""
        if self.active:
            self._send()
        else:
            self._keys = b""
        self._on_progress(told)

    def _send(self) -> None:
        assert self.progress is not None
        limit = min(self.progress.typed + AHEAD, len(self._keys))
        while self._sent < limit and not self.away:
            piece = self._keys[self._sent : min(self._sent + PIECE, limit)]
            if self._put(stream.Paste(self._sent, piece)):
                self._sent += len(piece)

    def _control(self, event: str) -> None:
        if self.progress is None:
            raise ProtocolError("expected a paste that was begun")
        if self._wish != "abort":
            self._wish = event
        if not self.away:
            self._put(_said(self._wish, self.progress.id))

    def _put(self, frame: stream.Control | stream.Paste) -> bool:
        try:
            self._console.put(frame)
        except ProtocolError:
            # The line is gone, and its end is yet to be heard.
            self.lost()
        return not self.away


def _said(event: str, id: str, **more: Any) -> stream.Control:
    return stream.Control(stream.PASTE, {"event": event, "id": id, **more})


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
