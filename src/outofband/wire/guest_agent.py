"""QEMU's guest agent as its client sees it: JSON lines over a virtio-serial port (QEMU's docs/interop/qemu-
ga-ref).

The port has no connections: what an earlier client asked may be answered to this one. So every conversation
begins with `guest-sync-delimited`, whose answer comes after a byte 0xFF that no JSON has; everything before
it is somebody else's. From then on one request is answered by one line.
"""

from __future__ import annotations

import enum
from typing import Any

import msgspec

from outofband.core.errors import ProtocolError

PORT = "org.qemu.guest_agent.0"
"""Name of the virtio-serial port that the agent in the guest opens."""
MAX_LINE = 1024 * 1024
"""Bytes of one answer. The guest is not trusted: more than this ends the conversation."""
MAX_EMPTY = 1024
"""Lines before an answer that are none: empty ones, and answers to the syncs of earlier clients."""
_DELIMITER = b"\xff"
_NOT_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class State(enum.Enum):
    DRIFTED = "drifted"
    """Nothing is known of what the next bytes belong to."""
    SYNCING = "syncing"
    READY = "ready"
    WAITING = "waiting"


class Synced(msgspec.Struct, frozen=True):
    """From here on answers are ours."""


class Answered(msgspec.Struct, frozen=True):
    """`value` is what the agent returned, any JSON value."""

    value: Any


class Declined(msgspec.Struct, frozen=True):
    """The agent understood and refused, or could not: `kind` is its error class, `detail` its words."""

    kind: str
    detail: str


Event = Synced | Answered | Declined


class GuestAgentClient:
    """One conversation. `sync` first; then `call`, and the next one only after its answer."""

    def __init__(self) -> None:
        self.state = State.DRIFTED
        self._number = 0
        self._line = bytearray()
        self._delimited = False
        self._empty = 0

    def sync(self, number: int) -> bytes:
        """Bytes that begin the conversation; `number` (63 bits) should be one that nobody used before."""
        self.state, self._number = State.SYNCING, number
        self._line.clear()
        self._delimited = False
        self._empty = 0
        # The leading byte makes the agent forget half a request that a client before may have left.
        return _DELIMITER + _request("guest-sync-delimited", {"id": number})

    def call(self, command: str, **arguments: Any) -> bytes:
        """Bytes of a request. Raises ProtocolError unless the last one was answered."""
        if self.state is not State.READY:
            raise ProtocolError(f"expected a ready conversation, it is {self.state.value}")
        self.state = State.WAITING
        self._empty = 0
        return _request(command, arguments)

    def receive(self, data: bytes) -> list[Event]:
        """Events of the bytes that came. Raises ProtocolError when the guest breaks the rules."""
        events: list[Event] = []
        while data:
            if self.state is State.SYNCING and not self._delimited:
                _, delimiter, data = data.partition(_DELIMITER)
                self._delimited = bool(delimiter)
                continue
            piece, newline, data = data.partition(b"\n")
            if self.state is State.SYNCING and _DELIMITER in piece:
                # The line before was cut off; what counts begins after the newest delimiter.
                self._line.clear()
                piece = piece.rpartition(_DELIMITER)[2]
            self._line += piece
            if len(self._line) > MAX_LINE:
                raise self._drifted(f"expected at most {MAX_LINE} bytes in a line")
            if newline:
                line = bytes(self._line).strip()
                self._line.clear()
                found = self._take(line) if line else []
                events += found
                self._empty += not found
                # Each costs a look at all that follows it in the piece, so a guest must not have many.
                if self._empty > MAX_EMPTY:
                    raise self._drifted(f"expected an answer within {MAX_EMPTY} lines")
        return events

    def _take(self, line: bytes) -> list[Event]:
        if self.state is State.SYNCING:
            try:
                answer = msgspec.json.decode(line)
            except _NOT_JSON:
                answer = None
            if isinstance(answer, dict) and answer.get("return") == self._number:
                self.state = State.READY
                return [Synced()]
            # The answer to an earlier client's sync: ours comes after the next delimiter.
            self._delimited = False
            return []
        if self.state is not State.WAITING:
            raise self._drifted(f"expected nothing while {self.state.value}, got a line of {len(line)} bytes")
        try:
            answer = msgspec.json.decode(line)
        except _NOT_JSON as error:
            raise self._drifted(f"expected a line of JSON: {error}") from error
        if isinstance(answer, dict) and "return" in answer:
            self.state = State.READY
            return [Answered(answer["return"])]
        if isinstance(answer, dict) and isinstance(problem := answer.get("error"), dict):
            self.state = State.READY
            return [Declined(str(problem.get("class", "")), str(problem.get("desc", "")))]
        raise self._drifted("expected an answer with 'return' or 'error'")

    def _drifted(self, detail: str) -> ProtocolError:
        self.state = State.DRIFTED
        return ProtocolError(detail)


def _request(command: str, arguments: dict[str, Any]) -> bytes:
    message: dict[str, Any] = {"execute": command}
    if arguments:
        message["arguments"] = arguments
    return msgspec.json.encode(message) + b"\n"
