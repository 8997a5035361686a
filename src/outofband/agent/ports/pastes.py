"""The paste of a port, if there is one: fed by its viewer, typed as the guest's output allows.

One at a time, and only of who has the keyboard; it ends when the keyboard is somebody else's and waits while
its viewer is away.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from outofband.agent.ports.attachment import Attachment
from outofband.agent.ports.keyboard import Keyboard
from outofband.agent.ports.spool import Spool
from outofband.core import clock
from outofband.core.errors import ProtocolError
from outofband.wire import stream
from outofband.wire.pasting import MAX_SIZE, Pasting, Progress, State, Why
from outofband.wire.stream import Notice

TELL_SECONDS = 0.2
"""Between two notices of progress."""
BUSY_SECONDS = 0.02
"""Until a port that still has typed bytes to take is looked at again."""
NOT_TAKEN_SECONDS = 5.0
BEFORE_BYTES = 2048
"""Of earlier output, in which a Windows prompt is looked for."""
_READ_BYTES = 16 * 1024
MAX_ID = 64


class Room(Protocol):
    """The broker, as its paste sees it."""

    spool: Spool

    def sessions(self) -> list[Attachment]: ...
    def pasted(self) -> None:
        """Something was typed: its echo is waited for."""
        ...


class Pastes:
    """Of one port. All methods belong to the broker's loop."""

    def __init__(self, room: Room, keyboard: Keyboard, loop: asyncio.AbstractEventLoop) -> None:
        self._room, self._keyboard, self._loop = room, keyboard, loop
        self._paste: Pasting | None = None
        self._session = ""
        self._read_to = 0
        self._timer: asyncio.TimerHandle | None = None
        self._told_at = 0.0
        self._told: Progress | None = None
        self._discards = 0
        self._busy_since: float | None = None

    @property
    def active(self) -> bool:
        return self._paste is not None

    def of(self, session: str) -> Progress | None:
        """The session's own paste, for its viewer that comes back."""
        return self._paste.progress() if self._paste is not None and self._session == session else None

    def control(self, attachment: Attachment, fields: dict[str, Any]) -> None:
        """CONTROL `paste`. Raises ProtocolError when it cannot be read."""
        match fields:
            case {"event": "begin", "id": str(id), "size": int(size)} if len(id) <= MAX_ID:
                self._begin(attachment, id, size)
            case {"event": str(event), "id": str(id)} if event in stream.PASTE_EVENTS - {"begin"}:
                self._change(attachment, event, id)
            case _:
                raise ProtocolError("expected event, id and size of a paste")

    def receive(self, attachment: Attachment, offset: int, payload: bytes) -> None:
        """Bytes of the paste; those of one that is over already lead nowhere. Raises ProtocolError."""
        if self._paste is not None and self._session == attachment.session:
            self._paste.feed(offset, payload)
            self._step()

    def grown(self) -> None:
        """The guest may have printed something."""
        paste, spool = self._paste, self._room.spool
        if paste is None or spool.end <= self._read_to:
            return
        # Of a flood its end is enough: all ports share a loop.
        first = max(self._read_to, spool.start, spool.end - _READ_BYTES)
        self._read_to = spool.end
        paste.printed(spool.read(first, self._read_to - first), clock.monotonic())
        self._step()

    def left(self, session: str) -> None:
        """A viewer is gone: its paste waits, nobody sees what becomes of it."""
        if self._paste is not None and session == self._session:
            self._paste.pause(Why.VIEWER_GONE)
            self._step()

    def check(self) -> None:
        """The keyboard may be another's now."""
        if self._paste is not None and not self._keyboard.is_seat_of(self._session):
            self._paste.end(Why.KEYBOARD_LOST)
            self._step()

    def reset(self) -> None:
        """The guest was started anew."""
        if self._paste is not None:
            self._paste.end(Why.GUEST_RESET)
            self._step()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._paste = None

    def _begin(self, attachment: Attachment, id: str, size: int) -> None:
        if not 0 < size <= MAX_SIZE:
            raise ProtocolError(f"expected a paste of 1 to {MAX_SIZE} bytes, got {size}")
        if self._paste is not None or not self._keyboard.may_type(attachment.session):
            refused = Progress(
                id=id, state=State.ENDED, size=size, received=0, typed=0, why=Why.KEYBOARD_LOST
            )
            attachment.notify(Notice(stream.PASTE, refused.fields()))
            return
        spool = self._room.spool
        spool.refresh()
        first = max(spool.start, spool.end - BEFORE_BYTES)
        before = spool.read(first, spool.end - first)
        self._read_to = first + len(before)
        self._paste = Pasting(id, size, clock.monotonic(), before=before)
        self._session = attachment.session
        self._discards = self._keyboard.inbox.discards
        self._busy_since = self._told = None
        self._keyboard.logins.typed(attachment.grant)
        self._step()

    def _change(self, attachment: Attachment, event: str, id: str) -> None:
        paste = self._paste
        if paste is None or self._session != attachment.session or paste.id != id:
            return
        if event == "pause":
            paste.pause(Why.ASKED)
        elif event == "resume":
            self._busy_since, self._discards = None, self._keyboard.inbox.discards
            paste.resume(clock.monotonic())
        else:
            paste.end(Why.ASKED)
        self._step()

    def _step(self) -> None:
        paste = self._paste
        if paste is None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wait = self._type(paste) if paste.state is State.TYPING else None
        self._tell(paste)
        if paste.over:
            self._paste = None
        elif wait is not None:
            self._timer = self._loop.call_later(wait, self._step)

    def _type(self, paste: Pasting) -> float | None:
        inbox, now = self._keyboard.inbox, clock.monotonic()
        if not self._keyboard.may_type(self._session):
            # It may be held up while a login is being ended; whoever lost it is told by `check`.
            return NOT_TAKEN_SECONDS
        if inbox.discards != self._discards:
            paste.pause(Why.NOT_TAKEN)
            return None
        if not inbox.free:
            self._busy_since = self._busy_since or now
            if now - self._busy_since > NOT_TAKEN_SECONDS:
                paste.pause(Why.NOT_TAKEN)
            return BUSY_SECONDS
        self._busy_since = None
        piece, wait = paste.step(now)
        if piece:
            inbox.put_pasted(piece)
            self._room.pasted()
        return wait

    def _tell(self, paste: Pasting) -> None:
        now, told = clock.monotonic(), self._told
        progress = paste.progress()
        same = told is not None and (told.state, told.why, told.echo) == (
            progress.state,
            progress.why,
            progress.echo,
        )
        if progress == told or (same and now - self._told_at < TELL_SECONDS):
            return
        self._told, self._told_at = progress, now
        for attachment in self._room.sessions():
            if attachment.session == self._session:
                attachment.notify(Notice(stream.PASTE, progress.fields()))
