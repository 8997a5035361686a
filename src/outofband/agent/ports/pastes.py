"""The paste of a port, if there is one: fed by its viewer, typed as the guest's output allows.

One at a time, and only of who has the keyboard; it ends when the keyboard is somebody else's and waits while
its viewer is away.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from outofband.agent.ports.attachment import Attachment
from outofband.agent.ports.keyboard import Keyboard
from outofband.agent.ports.source import Source
from outofband.agent.ports.spool import Spool
from outofband.core import clock
from outofband.core.errors import ProtocolError
from outofband.wire import stream
from outofband.wire.pasting import MAX_SIZE, Pasting, Progress, State, Why
from outofband.wire.portstate import PortState
from outofband.wire.stream import Notice

TELL_SECONDS = 0.2
"""Between two notices of progress."""
BUSY_SECONDS = 0.02
"""Until a port that still has typed bytes to take is looked at again."""
NOT_TAKEN_SECONDS = 5.0
BEFORE_BYTES = 2048
"""Of earlier output, at whose end a prompt of Windows' console is looked for."""
_READ_BYTES = 16 * 1024
MAX_ID = 64
MAX_FINISHED = 64
"""Sessions whose last paste is remembered after its end, for a viewer that was away then."""


class Room(Protocol):
    """The broker, as its paste sees it."""

    spool: Spool
    source: Source

    @property
    def shows(self) -> PortState:
        """What the port showed a moment ago."""
        ...

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
        self._busy_since: float | None = None
        self._finished: dict[str, Progress] = {}
        keyboard.inbox.on_discard = self._discarded

    @property
    def active(self) -> bool:
        return self._paste is not None

    def of(self, session: str) -> Progress | None:
        """The session's own paste, or what became of its last one, for its viewer that comes back."""
        if self._paste is not None and self._session == session:
            return self._paste.progress()
        return self._finished.get(session)

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

    def left(self, session: str, *, resumable: bool) -> None:
        """A viewer is gone: its paste waits, nobody sees what becomes of it."""
        if self._paste is not None and session == self._session:
            self._paste.pause(Why.VIEWER_GONE)
            self._step()
        if not resumable:
            self._finished.pop(session, None)

    def check(self) -> None:
        """The keyboard may be another's now."""
        if self._paste is not None and not self._keyboard.is_seat_of(self._session):
            self._end(Why.KEYBOARD_LOST)

    def reset(self) -> None:
        """The guest was started anew: what it did not take is not for what boots now."""
        inbox = self._keyboard.inbox
        waiting = inbox.pasted
        if self._paste is not None or waiting:
            waiting += self._room.source.take_back()
        self._end(Why.GUEST_RESET, lost=waiting)
        if inbox.pasted:
            self._keyboard.give_up()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._paste = None

    def _discarded(self, pasted: int) -> None:
        """What waited for the port was thrown away, and `pasted` bytes of a paste with it."""
        seat = self._paste is None or self._keyboard.is_seat_of(self._session)
        self._end(Why.NOT_TAKEN if seat else Why.KEYBOARD_LOST, lost=pasted)

    def _end(self, why: Why, *, lost: int = 0) -> None:
        if self._paste is not None:
            self._paste.end(why, lost=lost)
            self._step()

    def _begin(self, attachment: Attachment, id: str, size: int) -> None:
        if not 0 < size <= MAX_SIZE:
            raise ProtocolError(f"expected a paste of 1 to {MAX_SIZE} bytes, got {size}")
        known = self.of(attachment.session)
        if known is not None and known.id == id:
            attachment.notify(Notice(stream.PASTE, known.fields()))
            return
        if self._paste is not None and self._session == attachment.session:
            # Who begins another has given up the first; its bytes must not be taken for the second's.
            self._end(Why.ASKED)
        if self._paste is not None or not self._keyboard.may_type(attachment.session):
            self._refuse(attachment, id, size, Why.KEYBOARD_LOST)
            return
        spool = self._room.spool
        spool.refresh()
        first = max(spool.start, spool.end - BEFORE_BYTES)
        before = spool.read(first, spool.end - first)
        self._read_to = first + len(before)
        self._paste = Pasting(id, size, clock.monotonic(), before=before, shows=self._room.shows)
        self._session = attachment.session
        self._busy_since = self._told = None
        self._step()

    def _refuse(self, attachment: Attachment, id: str, size: int, why: Why) -> None:
        refused = Progress(id=id, state=State.ENDED, size=size, received=0, typed=0, why=why)
        attachment.notify(Notice(stream.PASTE, refused.fields()))

    def _change(self, attachment: Attachment, event: str, id: str) -> None:
        paste = self._paste
        if paste is None or self._session != attachment.session or paste.id != id:
            # Whoever asks for it waits for what becomes of it.
            last = self._finished.get(attachment.session)
            if last is not None and last.id == id:
                attachment.notify(Notice(stream.PASTE, last.fields()))
            else:
                self._refuse(attachment, id, 0, Why.UNKNOWN)
        elif event == "abort":
            self._end(Why.ASKED)
        else:
            if event == "pause":
                paste.pause(Why.ASKED)
            else:
                self._busy_since = None
                paste.resume(clock.monotonic())
            self._step()

    def _step(self) -> None:
        paste = self._paste
        if paste is None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wait = self._type(paste) if paste.state is State.TYPING else None
        later = self._tell(paste)
        waits = [each for each in (wait, later) if each is not None]
        if paste.over:
            self._remember(paste)
        elif waits:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_later(min(waits), self._step)

    def _remember(self, paste: Pasting) -> None:
        if paste is not self._paste:
            return
        self._paste = None
        self._finished.pop(self._session, None)
        self._finished[self._session] = paste.progress()
        while len(self._finished) > MAX_FINISHED:
            del self._finished[next(iter(self._finished))]

    def _type(self, paste: Pasting) -> float | None:
        inbox, now = self._keyboard.inbox, clock.monotonic()
        viewer = self._viewer
        if viewer is None or not self._keyboard.may_type(self._session):
            # It may be held up while a login is being ended; whoever lost it is told by `check`.
            return NOT_TAKEN_SECONDS
        if not inbox.free:
            self._busy_since = self._busy_since or now
            if now - self._busy_since > NOT_TAKEN_SECONDS:
                paste.pause(Why.NOT_TAKEN)
            return BUSY_SECONDS
        self._busy_since = None
        piece, wait = paste.step(now)
        if piece:
            # Of each piece: the guest may have been started, or a login ended, since the last one.
            self._keyboard.logins.typed(viewer.grant)
            if not inbox.put_pasted(piece):
                paste.end(Why.NOT_TAKEN, lost=len(piece))
            self._room.pasted()
        return wait

    @property
    def _viewer(self) -> Attachment | None:
        return next((each for each in self._room.sessions() if each.session == self._session), None)

    def _tell(self, paste: Pasting) -> float | None:
        """Tell the viewer how far it is, by which he sends; seconds until that is due, if it is too early."""
        now, told = clock.monotonic(), self._told
        progress = paste.progress()
        same = told is not None and (told.state, told.why, told.echo) == (
            progress.state,
            progress.why,
            progress.echo,
        )
        if progress == told:
            return None
        if same and (left := self._told_at + TELL_SECONDS - now) > 0:
            return left
        self._told, self._told_at = progress, now
        if (viewer := self._viewer) is not None:
            viewer.notify(Notice(stream.PASTE, progress.fields()))
        return None
