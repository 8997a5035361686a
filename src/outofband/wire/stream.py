"""Console frames: one binary WebSocket message each, the same on agent-gateway and gateway-viewer.

The first byte is the kind; integers are big-endian. Because both hops carry the same frames the gateway
copies them without taking them apart (docs/protocol/console.md).

    0x01 DATA     offset:u64 bytes      guest output that starts at an absolute offset of the port's log
    0x02 GAP      from:u64 to:u64 why:u8   output that cannot be had any more; from == to: how much is unknown
    0x03 NOTICE   json                  something the viewer should know
    0x04 CLOSE    json                  why the session ends; the socket is closed after it
    0x05 ACK      offset:u64            input up to here was handed to the port
    0x10 INPUT    offset:u64 bytes      typed bytes, numbered from 0 within the session
    0x11 CONTROL  json                  a wish of the viewer
    0x12 PASTE    offset:u64 bytes      bytes of a paste, numbered from 0 within it
"""

from __future__ import annotations

import enum
import struct
from typing import Any

import msgspec

from outofband.core.errors import Fault, ProtocolError

MAX_PAYLOAD = 64 * 1024
"""Most bytes of output or input in one frame."""
MAX_FRAME = MAX_PAYLOAD + 1024
"""Largest legal WebSocket message on a console socket; a listener refuses more."""
MAX_OFFSET = 2**63 - 1
MAX_NESTED = 8
"""Depth of the values in `fields`: what can be read has to be tellable too."""
REPLAY_DEFAULT = 64 * 1024
"""Bytes of the past a newcomer is shown."""
REPLAY_LIMIT = 1024 * 1024

_DATA = struct.Struct(">BQ")
_GAP = struct.Struct(">BQQB")


class Kind(enum.IntEnum):
    DATA = 0x01
    GAP = 0x02
    NOTICE = 0x03
    CLOSE = 0x04
    ACK = 0x05
    INPUT = 0x10
    CONTROL = 0x11
    PASTE = 0x12


class GapReason(enum.IntEnum):
    TRIMMED = 1
    """Fell out of the ring before the viewer read it."""
    LOST = 2
    """Was never written: the disk was full."""


class Data(msgspec.Struct, frozen=True):
    offset: int
    payload: bytes


class Gap(msgspec.Struct, frozen=True):
    """Output `[start, end)` is not available. `start == end` means: lost here, nobody knows how much."""

    start: int
    end: int
    reason: GapReason


class Notice(msgspec.Struct, frozen=True, omit_defaults=True):
    """`what` is one of NOTICES; `fields` are plain values for the text a front end shows."""

    what: str
    fields: dict[str, Any] = {}


class Close(msgspec.Struct, frozen=True, omit_defaults=True):
    """`code` has a catalogue entry; `resumable`: attaching again from the next offset makes sense."""

    code: str
    fields: dict[str, Any] = {}
    resumable: bool = False


class Ack(msgspec.Struct, frozen=True):
    offset: int


class Input(msgspec.Struct, frozen=True):
    offset: int
    payload: bytes


class Paste(msgspec.Struct, frozen=True):
    """Of the paste that CONTROL `paste` began; the agent types it in its own time (wire/pasting.py)."""

    offset: int
    payload: bytes


class Control(msgspec.Struct, frozen=True, omit_defaults=True):
    """`verb` is one of CONTROLS."""

    verb: str
    fields: dict[str, Any] = {}


Frame = Data | Gap | Notice | Close | Ack | Input | Control | Paste

NOTICES = frozenset(
    {
        # session vm port mode writer; offset: first byte to come; live: end of the replay;
        # input: typed bytes already taken from this session; others: names of who was here before;
        # endLogin: the policy ends the login of who goes away; mayWrite: this session may come to type
        "attached",
        "writer",  # writer: name or null; mode: this session's mode now
        "power",  # power: running|stopped|..., the guest changed state
        "reset",  # the guest was reset; offset
        "alarm",  # what is wrong with the port, its log or its host: `alarm_of` reads it
        "joined",  # who
        "left",  # who
        # people: everybody attached, {session name mode since client}; asking: sessions that ask for the
        # keyboard, the longest first; kept: name of a writer whose line dropped, or null
        "people",
        # event: asked (seconds), declined, unanswered, withdrawn: who asks (session, who), of (the writer);
        # handed: to whom (session, who), by
        "keyboard",
        # what the console's policy does to a guest login: state ending or ended, who, session, how, observed
        "login",
        "paste",  # how far the viewer's paste is: `pasting.Progress`
    }
)
WISHES = frozenset({"write", "ask", "allow", "decline", "hand", "release"})
"""Of a viewer; `allow`, `decline` and `hand` name a session: fields {"session": str}."""
PASTE = "paste"
"""A verb of the viewer's, and what it may take: fields {"event": one of PASTE_EVENTS, "id", "size"}."""
PASTE_EVENTS = frozenset({"begin", "pause", "resume", "abort"})
CONTROLS = WISHES | {PASTE, "renew"}  # of the gateway: fields {"grant": str}

_JSON_KINDS: dict[int, type[Notice] | type[Close] | type[Control]] = {
    Kind.NOTICE: Notice,
    Kind.CLOSE: Close,
    Kind.CONTROL: Control,
}
_FROM_AGENT = frozenset({Kind.DATA, Kind.GAP, Kind.NOTICE, Kind.CLOSE, Kind.ACK})
_FROM_VIEWER = frozenset({Kind.INPUT, Kind.CONTROL, Kind.PASTE})


def data(offset: int, payload: bytes | memoryview) -> bytes:
    """The hot path: one DATA frame without an object in between."""
    return _DATA.pack(Kind.DATA, offset) + payload


def alarm_of(told: dict[str, Any]) -> Fault:
    """The fault of a notice `alarm`: the agent nests its fields, the gateway does not."""
    inner = told.get("fields")
    fields = inner if isinstance(inner, dict) else {name: told[name] for name in told if name != "code"}
    return Fault(str(told.get("code")), **fields)


def encode(frame: Frame) -> bytes:
    match frame:
        case Data(offset, payload):
            return data(offset, payload)
        case Input(offset, payload):
            return _DATA.pack(Kind.INPUT, offset) + payload
        case Paste(offset, payload):
            return _DATA.pack(Kind.PASTE, offset) + payload
        case Gap(start, end, reason):
            return _GAP.pack(Kind.GAP, start, end, reason)
        case Ack(offset):
            return _DATA.pack(Kind.ACK, offset)
        case Notice():
            return bytes([Kind.NOTICE]) + msgspec.json.encode(frame)
        case Close():
            return bytes([Kind.CLOSE]) + msgspec.json.encode(frame)
        case Control():
            return bytes([Kind.CONTROL]) + msgspec.json.encode(frame)


def decode(message: bytes) -> Frame:
    """Take a binary message apart. Raises ProtocolError when it is no legal frame."""
    if not message:
        raise ProtocolError("expected a frame, got an empty message")
    if len(message) > MAX_FRAME:
        raise ProtocolError(f"expected at most {MAX_FRAME} bytes, got {len(message)}")
    kind = message[0]
    try:
        if kind in (Kind.DATA, Kind.INPUT, Kind.ACK, Kind.PASTE):
            _, offset = _DATA.unpack_from(message)
            _check_offset(offset)
            if kind == Kind.ACK:
                _check_length(message, _DATA.size)
                return Ack(offset)
            payload = bytes(message[_DATA.size :])
            if kind == Kind.PASTE:
                return Paste(offset, payload)
            return Data(offset, payload) if kind == Kind.DATA else Input(offset, payload)
        if kind == Kind.GAP:
            _check_length(message, _GAP.size)
            _, start, end, reason = _GAP.unpack(message)
            _check_offset(end)
            if start > end:
                raise ProtocolError(f"expected a gap that runs forward, got {start}..{end}")
            return Gap(start, end, GapReason(reason))
        if model := _JSON_KINDS.get(kind):
            told = msgspec.json.decode(message[1:], type=model)
            _check_nested(told.fields)
            return told
    except (struct.error, ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise ProtocolError(f"frame of kind 0x{kind:02x} cannot be read: {error}") from error
    raise ProtocolError(f"expected a known frame kind, got 0x{kind:02x}")


def sent_by_agent(kind: int) -> bool:
    return kind in _FROM_AGENT


def sent_by_viewer(kind: int) -> bool:
    return kind in _FROM_VIEWER


def _check_offset(offset: int) -> None:
    if offset > MAX_OFFSET:
        raise ProtocolError(f"expected an offset below 2^63, got {offset}")


def _check_nested(fields: dict[str, Any]) -> None:
    level: list[Any] = [fields]
    for _ in range(MAX_NESTED):
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level = [value for values in inner for value in values if isinstance(value, dict | list)]
        if not level:
            return
    raise ProtocolError(f"expected fields of at most {MAX_NESTED} levels")


def _check_length(message: bytes, size: int) -> None:
    if len(message) != size:
        raise ProtocolError(f"expected {size} bytes, got {len(message)}")
