"""Hygiene of guest output on its way to a terminal: what a guest prints is hostile input (D13).

A terminal answers some sequences by "typing" the answer, and a console would carry that answer into the
guest, or into the shell of whoever replays an old log. So: a query passes only while the reader is the live
writer; titles, clipboard (OSC 52), answerback, printing, device control strings and checks of what the screen
shows never pass.

Sequences are those of ECMA-48 and xterm's control sequence list. Bytes come in any cut; the filter holds an
unfinished sequence back until it is whole, at most MAX_SEQUENCE bytes.
"""

from __future__ import annotations

import enum
import re

MAX_SEQUENCE = 256
"""A CSI longer than this is nobody's honest request and is dropped."""

RESTORE = (
    b"\x1b7\x1b[?1049l\x1b7\x1b[r\x1b8\x1b[!p"
    b"\x1b[?9l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?2004l"
    b"\x1b[?1l\x1b>\x1b[4l\x1b[?7h\x1b[?25h\x1b(B\x0f\x1b[0m"
)
"""Brings a terminal back from the modes the guest left: main screen, whole-screen margins, soft reset; no
mouse, focus or paste reports; plain keys, inserting off, wrapping, visible cursor, ASCII, plain colours.

Leaving the alternate screen restores a saved cursor even where it was never entered, and new margins move it
to the corner: so it is saved before each.
"""

_PLAIN = re.compile(
    rb"(?:[\x00-\x04\x06-\x1a\x1c-\x7f]+|\xc2[\xa0-\xbf]|[\xc3-\xdf][\x80-\xbf]"
    rb"|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})+"
)
_UNFINISHED_UTF8 = re.compile(rb"(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z")
_REPLACEMENT = "\ufffd".encode()

_ESC, _ENQ, _CAN, _SUB, _BEL, _LF, _DEL = 0x1B, 0x05, 0x18, 0x1A, 0x07, 0x0A, 0x7F
_STRING_OPENERS = b"PX]^_"
_C1_AS_ESC = {0x80 + offset: 0x40 + offset for offset in range(0x20)}

_HARMFUL_FINALS = frozenset(b"tiyxz{|w")
"""Window reports and titles (t), printing (i), checksum of the screen (y), reports nobody needs here."""


class Reader(enum.Enum):
    """Who looks at the output, now."""

    LIVE_WRITER = "live-writer"
    """His terminal's answers reach the guest that asked: queries pass."""
    BYSTANDER = "bystander"
    """An observer, or anybody during the replay of the past: nothing that would be answered passes."""


class _At(enum.Enum):
    GROUND = 0
    ESCAPE = 1
    CSI = 2
    STRING = 3
    STRING_ESCAPE = 4


class Hygiene:
    """A filter for one viewer's stream. Set `reader` before each chunk it applies to."""

    def __init__(self, reader: Reader = Reader.BYSTANDER) -> None:
        self.reader = reader
        self._at = _At.GROUND
        self._held = bytearray()

    def clean(self, chunk: bytes) -> bytes:
        """The part of `chunk` (and of what was held back) that is safe to show now."""
        out = bytearray()
        if self._at is _At.GROUND and self._held:
            chunk = bytes(self._held) + chunk
            self._held.clear()
        position = 0
        while position < len(chunk):
            if self._at is _At.GROUND:
                position = self._ground(chunk, position, out)
            else:
                self._sequence(chunk[position], out)
                position += 1
        return bytes(out)

    def _ground(self, chunk: bytes, position: int, out: bytearray) -> int:
        if plain := _PLAIN.match(chunk, position):
            out += plain.group()
            position = plain.end()
            if position == len(chunk):
                return position
        byte = chunk[position]
        if byte == _ESC:
            self._begin(b"\x1b", _At.ESCAPE)
        elif byte == 0xC2 and position + 1 < len(chunk) and 0x80 <= chunk[position + 1] <= 0x9F:
            # A C1 control in UTF-8 means what ESC and the letter 0x40 below it mean.
            self._begin(b"\x1b", _At.ESCAPE)
            self._sequence(_C1_AS_ESC[chunk[position + 1]], out)
            return position + 2
        elif _UNFINISHED_UTF8.match(chunk, position):
            self._held += chunk[position:]
            return len(chunk)
        elif byte >= 0xA0:
            out += _REPLACEMENT
        # What is left is answerback (ENQ) and C1 as a bare byte: both are dropped.
        return position + 1

    def _begin(self, held: bytes, at: _At) -> None:
        self._held[:] = held
        self._at = at

    def _end(self) -> None:
        self._held.clear()
        self._at = _At.GROUND

    def _sequence(self, byte: int, out: bytearray) -> None:
        if self._at in (_At.STRING, _At.STRING_ESCAPE):
            self._string(byte, out)
        elif byte == _ESC:
            self._begin(b"\x1b", _At.ESCAPE)
        elif byte in (_CAN, _SUB):
            self._end()
        elif byte < 0x20:
            # A terminal obeys a control character in the middle of a sequence and goes on with the sequence.
            if byte != _ENQ:
                out.append(byte)
        elif byte >= 0x80:
            self._end()
            if byte >= 0xA0:
                out += _REPLACEMENT
        elif byte != _DEL:
            self._held.append(byte)
            if len(self._held) > MAX_SEQUENCE:
                self._end()
            elif self._at is _At.ESCAPE:
                self._escape(byte, out)
            elif 0x40 <= byte <= 0x7E:
                if self._judge():
                    out += self._held
                self._end()

    def _escape(self, byte: int, out: bytearray) -> None:
        if len(self._held) == 2:
            if byte == ord("["):
                self._at = _At.CSI
                return
            if byte in _STRING_OPENERS:
                self._at = _At.STRING
                self._held.clear()
                return
        if byte >= 0x30:
            # ESC Z asks for the terminal's identity as CSI c does; ESC \ alone ends a string that is gone.
            if bytes(self._held) not in (b"\x1bZ", b"\x1b\\"):
                out += self._held
            self._end()

    def _string(self, byte: int, out: bytearray) -> None:
        """Inside OSC, DCS, SOS, PM or APC: everything is dropped until the string ends.

        A line feed ends it too. The terminal never saw the opener, so what follows is mere text to it, and a
        stray opener in a dump of binary data does not blank the console for good.
        """
        if self._at is _At.STRING_ESCAPE:
            if byte == ord("\\"):
                self._end()
            else:
                self._begin(b"\x1b", _At.ESCAPE)
                self._sequence(byte, out)
        elif byte == _ESC:
            self._at = _At.STRING_ESCAPE
        elif byte in (_BEL, _CAN, _SUB) or (byte == 0x9C and self._held == b"\xc2"):
            self._end()
        elif byte == _LF:
            self._end()
            out.append(byte)
        else:
            self._held[:] = bytes([byte])

    def _judge(self) -> bool:
        """May the CSI in `_held` be shown?"""
        final = self._held[-1]
        body = bytes(self._held[2:-1])
        prefix = body[:1] if body[:1] in (b"<", b"=", b">", b"?") else b""
        intermediate = body[-1:] if body[-1:] and 0x20 <= body[-1] <= 0x2F else b""
        live = self.reader is Reader.LIVE_WRITER
        if final == ord("c") or (final == ord("n") and prefix in (b"", b"?")):
            return live
        if final == ord("p"):
            return live or intermediate != b"$"
        if final == ord("q") and prefix == b">":
            return False
        if final == ord("m") and prefix == b"?":
            return False
        if final == ord("u"):
            # Bare, it restores the cursor; with a prefix it asks for the keyboard protocol.
            return not prefix and not intermediate
        return final not in _HARMFUL_FINALS
