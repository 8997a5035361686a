"""A paste on its way into a port: what may be typed now, told by what the guest printed and by time. Pure.

A serial line has no flow control that a guest's terminal would use, so a paste at full speed overflows its
buffers. Here only so much is on its way as has not been seen in the guest's output (`wire.echo`); the window
grows while the guest keeps up. A guest that does not echo is typed at slowly. Times are monotonic seconds.
"""

from __future__ import annotations

import enum
from typing import Any

import msgspec

from outofband.core.errors import ProtocolError
from outofband.wire.drawn import Drawn, is_editor
from outofband.wire.echo import Echo
from outofband.wire.portstate import WINDOWS, PortState, Reader, reader

MAX_SIZE = 64 * 1024 * 1024
"""Bytes of one paste."""
AHEAD = 64 * 1024
"""Bytes a viewer may send ahead of those that were typed."""
WINDOW_FIRST = 16
"""Typed bytes that may be unseen at first; the window grows while all goes well."""
PATIENCE_MOST = 5.0
"""Seconds without echo after which it is gone on by time."""
BLIND_BYTES, BLIND_SECONDS = 32, 0.03
"""Without echo: so much, so often. A kilobyte a second is what a terminal of 9600 baud takes."""
BLIND_BUDGET = 2048
"""What is typed without echo after there was some: a terminal keeps 4096 bytes for a program that is busy."""
REPEAT_SECONDS = 1.0
"""Between two equal characters where a repeat is taken for a bounced key (Windows' console under SAC)."""
SAC_LINE = 77
"""Characters that SAC's own prompt takes in a line: further ones overwrite the last."""
POLLED = frozenset({PortState.GRUB, PortState.FIRMWARE, PortState.BOOT_MANAGER})
"""They look at the UART now and then, which keeps 16 bytes and nothing more."""
TTY_LINE = 4095
"""Characters a terminal that reads lines keeps of one (N_TTY); the rest of the line is lost."""
_TAIL = 2048


class State(enum.StrEnum):
    TYPING = "typing"
    PAUSED = "paused"
    DONE = "done"
    ENDED = "ended"


class Why(enum.StrEnum):
    """Why a paste is paused or has ended."""

    ASKED = "asked"
    QUIET = "quiet"
    """The guest echoed and does not any more."""
    LINE_TOO_LONG = "lineTooLong"
    NOT_TAKEN = "notTaken"
    """The port does not take what is typed."""
    VIEWER_GONE = "viewerGone"
    KEYBOARD_LOST = "keyboardLost"
    GUEST_RESET = "guestReset"
    """What was meant for a shell is not for a boot loader or a login."""
    UNKNOWN = "unknown"
    """The agent has no such paste: it never heard of it, or was started anew since."""


class Verdict(enum.StrEnum):
    ECHOED = "echoed"
    NOT_ECHOED = "notEchoed"
    DIFFERS = "differs"


class Progress(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The fields of a NOTICE `paste`. Counts are bytes of the paste."""

    id: str
    state: State
    size: int
    received: int
    typed: int
    echo: bool = True
    """The guest is seen to echo; False: typed by time."""
    why: Why | None = None
    verdict: Verdict | None = None
    at: int | None = None
    """Where it differs, or where a line is too long."""
    long_line: int | None = None
    """First byte of a line that a terminal which reads lines cuts off."""

    def fields(self) -> dict[str, Any]:
        found = msgspec.to_builtins(self)
        assert isinstance(found, dict)
        return found


def progress_of(fields: dict[str, Any]) -> Progress:
    """Raises ProtocolError when the notice cannot be read. A reason of a newer agent's is left out."""
    words: dict[str, type[enum.StrEnum]] = {"why": Why, "verdict": Verdict}
    known = {
        name: value
        for name, value in fields.items()
        if name not in words or value in list(words[name]) or not isinstance(value, str)
    }
    try:
        return msgspec.convert(known, Progress)
    except msgspec.ValidationError as error:
        raise ProtocolError(f"paste notice cannot be read: {error}") from error


class Pasting:
    """One paste. Drive it with `feed`, `printed` and `step`; the caller types what `step` returns.

    What the port `shows`, and `before`, its newest output, tell whether repeats have to be spaced.
    """

    def __init__(
        self,
        id: str,
        size: int,
        now: float,
        *,
        before: bytes = b"",
        shows: PortState = PortState.UNKNOWN,
    ) -> None:
        if not 0 < size <= MAX_SIZE:
            raise ProtocolError(f"expected a paste of 1 to {MAX_SIZE} bytes, got {size}")
        self.id = id
        self.size = size
        self.state = State.TYPING
        self.why: Why | None = None
        self.at: int | None = None
        self.typed = 0
        self.long_line: int | None = None
        self.verdict: Verdict | None = None
        self._buffer = bytearray()
        self._echo: Echo | Drawn = Drawn(before) if is_editor(before) else Echo(before)
        self._tail = bytearray(before[-_TAIL:])
        self._spaced = shows in WINDOWS or reader(bytes(self._tail)) is not None
        self._window = WINDOW_FIRST
        self._window_most = WINDOW_FIRST if shows in POLLED else self._echo.most
        self._moved_at = now
        """When something was typed into silence or seen the last time."""
        self._sent_at = now
        self._round = 0.5
        """Seconds an echo takes, about."""
        self._blind = False
        self._blind_typed = 0
        self._unbounded = False
        """The person wants it typed although the guest is quiet."""
        self._last = -1
        self._column = 0
        self._line_at = 0
        self._long_allowed = -1
        self._at_sac = False
        """SAC itself reads the line, not a program in one of its channels."""

    @property
    def received(self) -> int:
        return self.typed + len(self._buffer)

    @property
    def over(self) -> bool:
        return self.state in (State.DONE, State.ENDED)

    def progress(self) -> Progress:
        return Progress(
            id=self.id,
            state=self.state,
            size=self.size,
            received=self.received,
            typed=self.typed,
            echo=not self._blind,
            why=self.why,
            verdict=self.verdict,
            at=self.at,
            long_line=self.long_line,
        )

    def feed(self, offset: int, data: bytes) -> None:
        """Bytes of the paste from `offset`; what is here already is not taken twice. Raises ProtocolError."""
        if offset > self.received:
            # Sent into a gap between two streams: it comes again from where `received` says.
            return
        fresh = data[self.received - offset :]
        if self.received + len(fresh) > self.size or len(self._buffer) + len(fresh) > 2 * AHEAD:
            raise ProtocolError(f"expected at most {AHEAD} bytes of {self.size} ahead of {self.typed}")
        self._buffer += fresh

    def printed(self, data: bytes, now: float) -> None:
        """The guest printed this."""
        self._tail += data
        del self._tail[:-_TAIL]
        lines = self._echo.lines
        seen = self._echo.printed(data)
        if self._echo.lines > lines:
            self._moved_at = now
        if not seen:
            return
        self._round += (min(now - self._sent_at, 2.0) - self._round) / 8
        self._moved_at = now
        self._blind, self._blind_typed = False, 0
        self._unbounded = False
        if self._in_flight == 0:
            self._window = min(self._window * 2, self._window_most)

    def pause(self, why: Why, at: int | None = None) -> None:
        if self.state is State.TYPING:
            self.state, self.why, self.at = State.PAUSED, why, at

    def resume(self, now: float) -> None:
        """Go on; after a pause for the guest's silence or a long line that means: type it all the same."""
        if self.state is not State.PAUSED:
            return
        self._unbounded = self.why is Why.QUIET
        if self.why is Why.LINE_TOO_LONG:
            self._long_allowed = self._line_at
        self.state, self.why, self.at = State.TYPING, None, None
        self._moved_at = now

    def end(self, why: Why, *, lost: int = 0) -> None:
        """What was not typed is not typed any more, and the last `lost` bytes did not reach the port."""
        if not self.over:
            self.state, self.why, self.at = State.ENDED, why, None
            self.typed -= min(lost, self.typed)
            self._buffer.clear()

    def step(self, now: float) -> tuple[bytes, float | None]:
        """What to type now, and seconds until it has to be asked again; None: once something has happened."""
        if self.state is not State.TYPING:
            return b"", None
        self._look(now)
        if self.typed == self.size:
            return self._finish(now)
        if not self._buffer:
            return b"", None
        room, wait = self._room(now)
        if room <= 0:
            return b"", wait
        piece, pause = self._piece(room, now)
        if not piece:
            return b"", pause
        self._type(piece, now)
        return piece, BLIND_SECONDS if self._blind else min(self._patience, pause or self._patience)

    # --- how much ---

    @property
    def _in_flight(self) -> int:
        return self.typed - self._echo.unseen_from

    @property
    def _patience(self) -> float:
        return min(max(8 * self._round, self._echo.patience), PATIENCE_MOST)

    def _look(self, now: float) -> None:
        """Whether the echo has stopped."""
        if self._blind or not self._in_flight or now - self._moved_at < self._patience:
            return
        self._window = WINDOW_FIRST
        if self._echo.find_again():
            self._moved_at = now
        else:
            self._blind = True

    def _room(self, now: float) -> tuple[int, float]:
        if not self._blind:
            left = self._moved_at + self._patience - now
            return self._window - self._in_flight, max(left, 0.001)
        if (wait := self._sent_at + BLIND_SECONDS - now) > 0:
            return 0, wait
        budget = BLIND_BUDGET if self._echo.keeps else 0
        if self._echo.seen and not self._unbounded and self._blind_typed >= budget:
            self.pause(Why.QUIET, self._echo.unseen_from)
            return 0, 0.0
        return BLIND_BYTES, 0.0

    def _piece(self, room: int, now: float) -> tuple[bytes, float | None]:
        """The next bytes that may go together, or the seconds until they may."""
        piece = bytes(self._buffer[:room])
        if not self._spaced:
            return piece, None
        if not self._column:
            self._look_at_prompt()
        if self._at_sac and self._long_allowed != self._line_at:
            left = SAC_LINE - self._column
            if _line_length(piece) > left:
                if left <= 0:
                    self.pause(Why.LINE_TOO_LONG, self._line_at)
                    return b"", None
                piece = piece[:left]
            elif (end := _line_length(piece) + 1) < len(piece):
                # The next line is measured for itself.
                piece = piece[:end]
        if piece[0] == self._last:
            seen = self._blind or not self._in_flight
            if not seen:
                return b"", self._patience
            # From its echo on: it may have been long on its way to the guest, and the next is not.
            since = self._sent_at if self._blind else max(self._sent_at, self._moved_at)
            if (wait := since + REPEAT_SECONDS - now) > 0:
                return b"", wait
        for at in range(1, len(piece)):
            if piece[at] == piece[at - 1]:
                return piece[:at], None
        return piece, None

    def _look_at_prompt(self) -> None:
        waits = reader(bytes(self._tail))
        if waits is not None:
            self._at_sac = waits is Reader.SAC

    def _type(self, piece: bytes, now: float) -> None:
        del self._buffer[: len(piece)]
        self._echo.typed(piece)
        if self._in_flight == len(piece) or not self._in_flight:
            self._moved_at = now
        self.typed += len(piece)
        if self._blind:
            self._blind_typed += len(piece)
        self._sent_at = now
        self._last = piece[-1]
        for at, byte in enumerate(piece, self.typed - len(piece)):
            if byte in b"\r\n":
                self._column, self._line_at = 0, at + 1
            else:
                self._column += 1
                if self._column > TTY_LINE and self.long_line is None:
                    self.long_line = self._line_at

    def _finish(self, now: float) -> tuple[bytes, float | None]:
        waiting, differs_at = self._echo.waiting, self._echo.differs_at
        left = max(self._sent_at, self._moved_at) + self._patience - now
        # The shell may still be busy with earlier lines, and show the last ones again when it reads them.
        amiss = bool(waiting or differs_at is not None) and not self._echo.whole
        if amiss and left > 0:
            return b"", left
        self.state = State.DONE
        if not amiss:
            self.verdict = Verdict.ECHOED
        elif self._echo.seen == 0:
            self.verdict = Verdict.NOT_ECHOED
        else:
            self.verdict = Verdict.DIFFERS
            self.at = self._echo.unseen_from if differs_at is None else differs_at
        return b"", None


def _line_length(piece: bytes) -> int:
    return next((at for at, byte in enumerate(piece) if byte in b"\r\n"), len(piece))
