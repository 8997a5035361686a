"""The viewer's side of a console session, without the socket (docs/protocol/console.md).

`ClientSession` outlives its sockets: it knows the next byte it lacks and the typed bytes nobody confirmed, so
that after any drop it goes on where it was, neither showing nor typing a byte twice.
"""

from __future__ import annotations

import base64
import enum
from collections.abc import Iterable
from typing import Any

import msgspec

from outofband.core.errors import ProtocolError
from outofband.wire import stream
from outofband.wire.grant import Mode
from outofband.wire.stream import REPLAY_DEFAULT

OPEN_SECONDS = 10.0
"""The first message must be there this long after the socket opened."""
MAX_OPEN = 16 * 1024
MAX_CLIENT = 200
"""Characters kept of what a viewer says it is."""
MAX_UNCONFIRMED = 256 * 1024
"""Typed bytes kept for sending again; who types more has to wait for the port."""
RESEND_SECONDS = 10.0
"""After a longer drop unconfirmed keys are thrown away: typing them late could answer another question."""

SUBPROTOCOL = "outofband.console.v1"
"""Of WebSocket: the gateway that chooses it has taken the first message out of the request for the socket."""
_OPEN = "outofband.open."
"""Before the first message, base64url, among the subprotocols: a page in a browser has no other header."""
MAX_OFFERED = 4096
"""Characters of a first message that goes with the request; a longer one comes as a message."""

TAKES = ("state", stream.PASTE)
"""Of what a viewer may say it takes, what this version knows; the rest is not passed on."""

AWAY = "AgentOffline"
"""The gateway's alarm while nothing is behind the viewer's socket; any other alarm is the port's own."""


class Open(msgspec.Struct, frozen=True, kw_only=True):
    """A viewer's first message, text JSON. `resume` is the next byte it lacks, None for a newcomer."""

    ticket: str
    mode: Mode = Mode.WRITE
    resume: int | None = None
    replay: int = REPLAY_DEFAULT
    client: str = ""
    takes: tuple[str, ...] = ()
    """What the viewer takes beyond the first form of the protocol, of TAKES."""


def offer(first: str) -> list[str]:
    """Subprotocols to ask for, with the first message in them; none where it is too long for a header."""
    if len(first) > MAX_OFFERED:
        return []
    return [SUBPROTOCOL, _OPEN + base64.urlsafe_b64encode(first.encode()).decode().rstrip("=")]


def offered(fields: Iterable[str]) -> str | None:
    """The first message in the fields of `Sec-WebSocket-Protocol`, None without one. Raises ProtocolError."""
    words = [word.strip() for field in fields for word in field.split(",")]
    texts = [word.removeprefix(_OPEN) for word in words if word.startswith(_OPEN)]
    if SUBPROTOCOL not in words or not texts:
        return None
    try:
        (text,) = texts
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        # Without the cause: it may quote what holds the ticket.
        raise ProtocolError("expected one first message in base64url") from None


class Phase(enum.Enum):
    IDLE = "idle"
    OPENING = "opening"
    ATTACHED = "attached"
    LOST = "lost"
    ENDED = "ended"


class Attached(msgspec.Struct, frozen=True):
    """The console is there. `mode` is what was granted, which may be less than what was asked."""

    mode: Mode
    resumed: bool
    fields: dict[str, Any]


class Output(msgspec.Struct, frozen=True):
    """Guest output from `offset`; `live` is False for the replay of what was printed before."""

    offset: int
    payload: bytes
    live: bool


class Missing(msgspec.Struct, frozen=True):
    """Output that cannot be had any more. `count` is None when nobody knows how much it is."""

    start: int
    count: int | None
    reason: stream.GapReason


class Told(msgspec.Struct, frozen=True):
    what: str
    fields: dict[str, Any]


class Ended(msgspec.Struct, frozen=True):
    code: str
    fields: dict[str, Any]
    resumable: bool


class InputDropped(msgspec.Struct, frozen=True):
    """`count` typed bytes may not have reached the guest and will not be sent again."""

    count: int


Event = Attached | Output | Missing | Told | Ended | InputDropped


class ClientSession:
    """One person at one console, over as many sockets as it takes. Times are monotonic seconds."""

    def __init__(
        self,
        *,
        mode: Mode = Mode.WRITE,
        replay: int = REPLAY_DEFAULT,
        client: str = "outofband",
        takes: tuple[str, ...] = (),
    ) -> None:
        """`takes`: notices of TAKES that its owner wants to be told."""
        self.phase = Phase.IDLE
        self.mode = mode
        self.wanted = mode
        self.next_offset: int | None = None
        self._replay = replay
        self._client = client
        self._takes = takes
        self._live_from = 0
        self._confirmed = 0
        self._unconfirmed = bytearray()
        self._lost_at: float | None = None
        self._outbox: list[bytes] = []

    @property
    def room(self) -> int:
        """How many more bytes may be typed now."""
        if self.phase is not Phase.ATTACHED or self.mode is not Mode.WRITE:
            return 0
        return MAX_UNCONFIRMED - len(self._unconfirmed)

    @property
    def unconfirmed(self) -> int:
        """Typed bytes that the port has not taken yet, as far as is known."""
        return len(self._unconfirmed)

    def open(self, ticket: str) -> str:
        """The first message on a new socket."""
        self._expect(Phase.IDLE, Phase.LOST)
        self.phase = Phase.OPENING
        self._outbox.clear()
        first = Open(
            ticket=ticket,
            mode=self.wanted,
            resume=self.next_offset,
            replay=self._replay,
            client=self._client,
            takes=self._takes,
        )
        return msgspec.json.encode(first).decode()

    def outgoing(self) -> list[bytes]:
        """Frames to send, in order."""
        frames, self._outbox = self._outbox, []
        return frames

    def type(self, keys: bytes) -> int:
        """Queue typed bytes; returns how many were taken, which is less than given when `room` is short."""
        taken = keys[: self.room]
        for start in range(0, len(taken), stream.MAX_PAYLOAD):
            piece = taken[start : start + stream.MAX_PAYLOAD]
            self._queue_input(self._confirmed + len(self._unconfirmed), piece)
            self._unconfirmed += piece
        return len(taken)

    def put(self, frame: stream.Control | stream.Paste) -> None:
        """Queue a frame of a paste, for a far side that said that it takes pastes."""
        self._expect(Phase.ATTACHED)
        self._outbox.append(stream.encode(frame))

    def ask(self, verb: str, **fields: Any) -> None:
        """Queue a wish (stream.WISHES): `write` takes the keyboard, `release` gives it back."""
        self._expect(Phase.ATTACHED)
        if verb in ("write", "release"):
            self.wanted = Mode.WRITE if verb == "write" else Mode.OBSERVE
        self._outbox.append(stream.encode(stream.Control(verb, fields)))

    def lost(self, now: float) -> None:
        """The socket is gone without a CLOSE."""
        if self.phase is not Phase.ENDED:
            self.phase = Phase.LOST
            if self._lost_at is None:
                self._lost_at = now

    def receive(self, message: bytes, now: float) -> list[Event]:
        """Events of one binary message. Raises ProtocolError when the other side breaks the rules."""
        if self.phase is Phase.ENDED:
            return []
        frame = stream.decode(message)
        if isinstance(frame, stream.Close):
            self.phase = Phase.LOST if frame.resumable else Phase.ENDED
            if frame.resumable and self._lost_at is None:
                self._lost_at = now
            return [Ended(frame.code, frame.fields, frame.resumable)]
        if isinstance(frame, stream.Notice):
            if frame.what == "attached":
                return self._attached(frame.fields, now)
            return self._told(frame, now)
        self._expect(Phase.ATTACHED)
        match frame:
            case stream.Data(offset, payload):
                return self._output(offset, payload)
            case stream.Gap(start, end, reason):
                return self._gap(start, end, reason)
            case stream.Ack(offset):
                return self._ack(offset)
            case _:
                raise ProtocolError(f"unexpected {type(frame).__name__} from the gateway")

    def _attached(self, fields: dict[str, Any], now: float) -> list[Event]:
        # A stream that broke between gateway and agent is replaced under a living socket: this comes again.
        self._expect(Phase.OPENING, Phase.ATTACHED)
        try:
            mode, offset = Mode(fields["mode"]), int(fields["offset"])
            live, taken = int(fields["live"]), int(fields["input"])
        except (KeyError, ValueError, TypeError) as error:
            raise ProtocolError(f"attached notice cannot be read: {error!r}") from error
        resumed = self.next_offset is not None
        if self.next_offset is None:
            self.next_offset = offset
        self.mode = mode
        self._live_from = live
        self.phase = Phase.ATTACHED
        events: list[Event] = [Attached(mode, resumed, fields)]
        events += self._settle_input(taken, now)
        self._lost_at = None
        return events

    def _settle_input(self, taken: int, now: float) -> list[Event]:
        """Bring both counts of typed bytes together: send again what got lost, or say that it is gone."""
        end = self._confirmed + len(self._unconfirmed)
        late = self._lost_at is not None and now - self._lost_at > RESEND_SECONDS
        if self._confirmed <= taken <= end and not late and self.mode is Mode.WRITE:
            del self._unconfirmed[: taken - self._confirmed]
            self._confirmed = taken
            for start in range(0, len(self._unconfirmed), stream.MAX_PAYLOAD):
                piece = bytes(self._unconfirmed[start : start + stream.MAX_PAYLOAD])
                self._queue_input(taken + start, piece)
            return []
        dropped = end - min(max(taken, self._confirmed), end)
        self._confirmed = taken
        self._unconfirmed.clear()
        return [InputDropped(dropped)] if dropped else []

    def _told(self, notice: stream.Notice, now: float) -> list[Event]:
        if notice.what == "alarm" and notice.fields.get("code") == AWAY and self._lost_at is None:
            # The socket lives but nothing is behind it: what is typed from now on grows old all the same.
            self._lost_at = now
        if notice.what == "writer" and "mode" in notice.fields:
            try:
                # What it came to is also what is asked for after a drop: nobody steals back what he gave.
                self.mode = self.wanted = Mode(notice.fields["mode"])
            except ValueError as error:
                raise ProtocolError(f"writer notice cannot be read: {error}") from error
        return [Told(notice.what, notice.fields)]

    def _output(self, offset: int, payload: bytes) -> list[Event]:
        assert self.next_offset is not None
        events: list[Event] = []
        if offset > self.next_offset:
            events.append(Missing(self.next_offset, offset - self.next_offset, stream.GapReason.TRIMMED))
        elif offset < self.next_offset:
            payload = payload[self.next_offset - offset :]
            offset = self.next_offset
        self.next_offset = offset + len(payload)
        old = max(0, min(len(payload), self._live_from - offset))
        if old:
            events.append(Output(offset, payload[:old], live=False))
        if payload[old:]:
            events.append(Output(offset + old, payload[old:], live=True))
        return events

    def _gap(self, start: int, end: int, reason: stream.GapReason) -> list[Event]:
        assert self.next_offset is not None
        if end < self.next_offset:
            return []
        known = end - max(start, self.next_offset) if end > start else None
        self.next_offset = max(self.next_offset, end)
        return [Missing(start, known, reason)]

    def _ack(self, offset: int) -> list[Event]:
        if not self._confirmed <= offset <= self._confirmed + len(self._unconfirmed):
            raise ProtocolError(f"expected an input offset from {self._confirmed}, got {offset}")
        del self._unconfirmed[: offset - self._confirmed]
        self._confirmed = offset
        return []

    def _queue_input(self, offset: int, keys: bytes) -> None:
        self._outbox.append(stream.encode(stream.Input(offset, keys)))

    def _expect(self, *phases: Phase) -> None:
        if self.phase not in phases:
            wanted = " or ".join(phase.value for phase in phases)
            raise ProtocolError(f"expected a session that is {wanted}, it is {self.phase.value}")
