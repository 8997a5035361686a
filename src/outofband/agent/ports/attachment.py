"""One session on a port: its cursor on the log, what it typed, and how its viewer is spoken to."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import structlog

from outofband.agent.ports.index import Lost
from outofband.core import clock
from outofband.core.errors import Fault, ProtocolError
from outofband.wire import stream
from outofband.wire.grant import Grant, Mode
from outofband.wire.stream import Ack, Close, Gap, GapReason, Notice

if TYPE_CHECKING:
    from outofband.agent.ports.broker import PortBroker

MAX_HELD_NOTICES = 16
"""Notices kept for a viewer that does not read; the oldest go first."""
TURN_BYTES = 256 * 1024
"""Output one viewer gets before the others have their turn."""
EXPIRY_LEEWAY = 30.0
"""A host's clock may differ from the control plane's by this much (the same as for the grant's check)."""
_RECHECK_SECONDS = 60.0
"""The wall clock may be set: a grant's end is looked at again at least this often."""
_DATA_HEADER = len(stream.data(0, b""))

log = structlog.get_logger(__name__)


class Viewer(Protocol):
    """The transport of one session. Both methods return at once and never raise for a peer that is gone."""

    def send(self, frame: bytes) -> bool:
        """Send one frame. False: take this one, but no more until `Attachment.resume` is called."""
        ...

    def close(self, close: Close) -> None:
        """Send this as the last frame, then close. The attachment is detached already."""
        ...


class Typed:
    """Input of one session, counted in its own offsets; outlives a dropped socket for a while.

    `accepted` is the next offset expected, `delivered` how far the port has got it. A session that resumes at
    an agent that does not know it (any more) begins at 0 again.
    """

    __slots__ = ("accepted", "delivered", "kept_until", "since")

    def __init__(self) -> None:
        self.accepted = 0
        self.delivered = 0
        self.kept_until: float | None = None
        self.since = clock.iso()
        """When the session came, for the others to see."""


class Attachment:
    """Made by `PortBroker.attach`. All methods belong to the broker's event loop."""

    __slots__ = (
        "_broker",
        "_expiry",
        "_held",
        "_told",
        "_verify",
        "ack_due",
        "closed",
        "congested",
        "grant",
        "mode",
        "next",
        "typed",
        "viewer",
    )

    def __init__(
        self,
        broker: PortBroker,
        viewer: Viewer,
        grant: Grant,
        start: int,
        typed: Typed,
        verify: Callable[[str], Grant] | None,
    ) -> None:
        self._broker = broker
        self._verify = verify
        self._held: deque[Notice] = deque(maxlen=MAX_HELD_NOTICES)
        self._told = -1
        self._expiry: asyncio.TimerHandle | None = None
        self.viewer = viewer
        self.grant = grant
        self.mode = Mode.OBSERVE
        self.next = start
        """First byte of the log the viewer has not been sent."""
        self.typed = typed
        self.congested = False
        self.closed = False
        self.ack_due = False

    @property
    def session(self) -> str:
        return self.grant.session

    # --- what the transport calls ---

    def receive(self, frame: bytes) -> None:
        """A frame from the viewer: INPUT, PASTE or CONTROL. Raises ProtocolError for anything else."""
        if self.closed:
            return
        message = stream.decode(frame)
        match message:
            case stream.Input(offset, payload):
                self._type(offset, payload)
            case stream.Paste(offset, payload):
                self._broker.pastes.receive(self, offset, payload)
            case stream.Control(stream.PASTE, fields):
                self._broker.pastes.control(self, fields)
            case stream.Control("renew", fields):
                self._renew_by(fields.get("grant"))
            case stream.Control(verb, fields) if verb in stream.WISHES:
                self._broker.wish(self, verb, fields)
            case stream.Control(verb):
                raise ProtocolError(f"expected one of {sorted(stream.CONTROLS)}, got {verb!r}")
            case _:
                raise ProtocolError(f"expected what a viewer sends, got kind 0x{frame[0]:02x}")

    def resume(self) -> None:
        """The transport can take more."""
        if self.closed or not self.congested:
            return
        self.congested = False
        while self._held and not self.congested and not self.closed:
            self._send(stream.encode(self._held.popleft()))
        if self.ack_due and not self.congested:
            self.acknowledge()
        if not self.congested:
            self._broker.output.resumed(self)

    def detach(self, dropped: bool) -> None:
        """The socket is gone: `dropped` when the session may come back, else it left. Idempotent."""
        if not self.closed:
            self._broker.detached(self, dropped=dropped)

    def renew(self, grant: Grant) -> None:
        """Go on under a newer grant for the same session. Raises Fault GrantInvalid for another's."""
        mine = self.grant
        if (grant.session, grant.vm, grant.port) != (mine.session, mine.vm, mine.port):
            raise Fault("GrantInvalid", detail="it is for another session")
        self.grant = grant
        self._broker.regranted(self)
        if not self.closed:
            self.watch_expiry()

    def _renew_by(self, token: object) -> None:
        if self._verify is None or not isinstance(token, str):
            raise ProtocolError("expected a grant that can be verified")
        try:
            self.renew(self._verify(token))
        except Fault as fault:
            self._broker.end(self, Close(fault.code, fault.fields))

    def watch_expiry(self) -> None:
        """End the session when its grant ends."""
        if self._expiry is not None:
            self._expiry.cancel()
        left = self.grant.exp + EXPIRY_LEEWAY - clock.wall()
        if left <= 0:
            self._broker.end(self, Close("GrantExpired", {"expired": self.grant.exp}, resumable=True))
            return
        loop = self._broker.source.hub.loop
        self._expiry = loop.call_later(min(left, _RECHECK_SECONDS), self.watch_expiry)

    # --- input ---

    def _type(self, offset: int, payload: bytes) -> None:
        typed = self.typed
        if offset > typed.accepted:
            # Typed into a gap between two streams, before the viewer heard of this one: it is sent again
            # from the offset our `attached` named, and must not be typed out of order now.
            return
        # Sent again after a drop: what was taken once is not typed twice.
        fresh = payload[typed.accepted - offset :]
        if fresh:
            self._broker.type(self, fresh)
        else:
            self._broker.acknowledge_soon(self)

    def acknowledge(self) -> None:
        """Tell how much of the input the port has got."""
        self.ack_due = True
        if not self.congested and not self.closed:
            self.ack_due = False
            self._send(stream.encode(Ack(self.typed.delivered)))

    # --- what the broker calls ---

    def notify(self, notice: Notice) -> None:
        """Send a notice, or keep it until the viewer reads again."""
        if self.closed:
            return
        if self.congested:
            if notice.what == stream.PASTE:
                # Only the newest counts, and many of them must not push out what others have to say.
                self._held = deque(
                    (each for each in self._held if each.what != notice.what), MAX_HELD_NOTICES
                )
            self._held.append(notice)
        else:
            self._send(stream.encode(notice))

    def finish(self) -> None:
        """No more frames from here on."""
        self.closed = True
        self._held.clear()
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def pump(self, frames: dict[int, bytes]) -> bool:
        """Send output up to the end of the log; True when there is more and the viewer would take it.

        `frames` are DATA frames by offset that others at the same place use as well.
        """
        spool = self._broker.spool
        budget = TURN_BYTES
        while not self.congested and not self.closed:
            limit = stream.MAX_PAYLOAD
            if spool.lost:
                limit = self._tell_lost(limit)
                if self.congested or self.closed:
                    break
            at = self.next
            if at < spool.start:
                self.next = spool.start
                self._send(stream.encode(Gap(at, spool.start, GapReason.TRIMMED)))
                continue
            if at >= spool.end:
                break
            if budget <= 0:
                return True
            frame = frames.get(at)
            if frame is None or len(frame) > limit + _DATA_HEADER:
                payload = spool.read(at, min(limit, spool.end - at))
                if not payload:
                    break
                frames[at] = frame = stream.data(at, payload)
            size = len(frame) - _DATA_HEADER
            self.next = at + size
            budget -= size
            self._send(frame)
        return False

    def _tell_lost(self, limit: int) -> int:
        """Tell of gaps the cursor stands at; the bytes that can be sent before the next one."""
        for gap in self._broker.spool.lost:
            if self.congested or self.closed:
                break
            if gap.start > self.next:
                return min(limit, gap.start - self.next)
            passed = gap.end < self.next or gap.start < gap.end == self.next
            if passed or gap.start <= self._told:
                continue
            self._told = gap.start
            start, self.next = self.next, max(self.next, gap.end)
            self._send(stream.encode(Gap(start, self.next, GapReason.LOST)))
        return limit

    def tell_late(self, gap: Lost) -> None:
        """A gap that was found out only now, perhaps behind the cursor; offsets must not run backwards."""
        if self.closed or self.congested or gap.start >= self.next or gap.start <= self._told:
            return
        self._told = gap.start
        self._send(stream.encode(Gap(self.next, self.next, GapReason.LOST)))

    def _send(self, frame: bytes) -> None:
        try:
            if not self.viewer.send(frame):
                self.congested = True
        except Exception as error:
            # A transport that breaks its word costs its own session only.
            log.error("viewer.send_failed", session=self.session, exc_info=error)
            self.detach(dropped=True)
