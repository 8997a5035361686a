"""Conversations and byte strings that hold the portal's port of the console protocol to `wire/`.

`python -m tests.support.console_vectors` writes them beside this file, as JSON; a unit test of each language
fails when either side has changed without the other. All bytes are in hexadecimal.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from outofband.core.errors import ProtocolError
from outofband.wire import stream
from outofband.wire.console import ClientSession, Event, Output, Phase
from outofband.wire.grant import Mode
from outofband.wire.screen import Hygiene, Reader
from outofband.wire.stream import Ack, Close, Control, Data, Frame, Gap, GapReason, Input, Notice

FILE = Path(__file__).with_suffix(".json")
SEED = 2026
CONVERSATIONS = 16
STEPS = 24

FRAMES: list[Frame] = [
    Data(0, b""),
    Data(1, b"login: "),
    Data(2**32 + 5, b"\x00\xff"),
    Data(2**53 - 1, b"z"),
    Gap(0, 4096, GapReason.TRIMMED),
    Gap(77, 77, GapReason.LOST),
    Notice("joined", {"who": "bert"}),
    Notice("reset"),
    Close("TakenOver", {"by": "bert", "at": "2026-11-25T03:00:00Z"}),
    Close("AgentOffline", {"host": "h1"}, resumable=True),
    Ack(12),
    Input(0, b"ls\r"),
    Input(2**40, b"\x1d"),
    Control("write"),
    Control("release", {"why": "é"}),
]
BROKEN = [
    b"",
    b"\x99",
    b"\x01\x00",
    b"\x01" + b"\xff" * 8 + b"x",
    stream.encode(Ack(1)) + b"x",
    stream.encode(Gap(9, 9, GapReason.LOST))[:-1] + b"\x07",
    stream.encode(Gap(0, 1, GapReason.LOST))[:1] + (2).to_bytes(8) + (1).to_bytes(8) + b"\x01",
    b"\x03{}",
    b"\x03not json",
    b'\x03{"what": 1}',
    b'\x04{"code": "X", "resumable": "yes"}',
    b'\x03{"what": "reset", "fields": null}',
    b"\x03\xff\xfe",
]
PRINTED = [
    b"plain \x07\x08\r\n\t",
    "é – ✓ 漢字 😀 ".encode(),
    b"\x1b[1;31mred\x1b[0m\x1b[?1049h\x1b[2J\x1b[s\x1b[u\x1b[!p\x1b[1;24r",
    b"\x1b[c\x1b[>c\x1b[=c\x1b[6n\x1b[5n\x1b[?6n\x1b[>6n\x1b[?25$p\x1b[4$p\x1b[>q\x1b[?u\x1b[>1u\x1b[?4m\x1b[0x",
    b"\x1b]52;c;ZXZpbA==\x07\x1b]0;title\x1b\\\x1b]10;?\x07\x1b[21t\x1b[18t\x05\x1bZ\x1b[5i\x1b[1;1;1;1;1;1*y",
    b"\x1bP$qm\x1b\\\x1b_Ga=q;AAAA\x1b\\\x1b^private\x1b\\\x1bXstring\x1b\\\x1b]0;cut off\nnext line",
    "\u009d52;c;?\u009c\u009b6n\u009b1m".encode(),
    b"\x9b6n\x9dx\x07caf\xe9!\xf0\x9b6n\xff\xc2",
    b"\x1b[6\r\nn\x1b[6\x7fn\x1b[6\x1b[6n\x1b[3\x18n\x1b(0lqk\x1b(B\x1bc\x1b7\x1b8\x1b\\",
    b"\x1b[" + b"1;" * 200 + b"m",
    b"\x1b]0;" + b"x" * 300 + b"\x1b[31mstill\x07",
]


def build() -> dict[str, Any]:
    """Everything in the file."""
    return {
        "frames": [{"hex": stream.encode(frame).hex(), "frame": _frame(frame)} for frame in FRAMES],
        "broken": [message.hex() for message in BROKEN],
        "hygiene": _hygiene(),
        "conversations": [_Script(number).run() for number in range(CONVERSATIONS)],
    }


def text() -> str:
    """The file: one vector a line, so that a change shows as what it is."""
    parts = []
    for name, vectors in build().items():
        lines = ",\n".join("  " + json.dumps(vector) for vector in vectors)
        parts.append(f' "{name}": [\n{lines}\n ]')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _frame(frame: Frame) -> dict[str, Any]:
    plain = msgspec.structs.asdict(frame)
    if "payload" in plain:
        plain["payload"] = plain["payload"].hex()
    if "reason" in plain:
        plain["reason"] = plain["reason"].name.lower()
    return {"kind": type(frame).__name__.lower(), **plain}


def _hygiene() -> list[dict[str, Any]]:
    """Each text whole and in random cuts, for both kinds of readers; then all of them in one stream."""
    dice = random.Random(SEED)
    vectors = []
    for printed in [*PRINTED, b"".join(PRINTED)]:
        for reader in Reader:
            for cuts in (0, 5):
                marks = sorted(dice.randrange(len(printed)) for _ in range(cuts))
                pieces = [printed[a:b] for a, b in zip([0, *marks], [*marks, len(printed)], strict=True)]
                hygiene = Hygiene(reader)
                cleaned = [hygiene.clean(piece).hex() for piece in pieces]
                vectors.append(
                    {"reader": reader.value, "chunks": [piece.hex() for piece in pieces], "clean": cleaned}
                )
    return vectors


class _Script:
    """One conversation: random steps from a seed, each with what the session made of it."""

    def __init__(self, number: int) -> None:
        self._dice = random.Random(f"{SEED}/{number}")
        self._mode = self._dice.choice(list(Mode))
        self._session = ClientSession(mode=self._mode, client="portal")
        self._now = 0.0
        self._printed = self._dice.randrange(100)
        self._steps: list[dict[str, Any]] = []

    def run(self) -> dict[str, Any]:
        steps: list[Callable[[], None]] = [
            self._open, self._attached, self._print, self._print, self._type, self._type, self._confirm,
            self._gap, self._tell, self._ask, self._lose, self._close,
        ]  # fmt: skip
        self._open()
        self._attached()
        for _ in range(STEPS):
            self._now += self._dice.choice([0.5, 2.0, 11.0])
            self._dice.choice(steps)()
            if self._session.phase is Phase.ENDED:
                self._print()
                break
        return {"mode": self._mode.value, "steps": self._steps}

    def _note(self, do: str, attempt: Callable[[], dict[str, Any]], **given: Any) -> None:
        try:
            result = attempt()
        except ProtocolError:
            result = {"error": True}
        session = self._session
        state = [session.phase.value, session.mode.value, session.next_offset, session.room]
        self._steps.append({"do": do, "now": self._now, **given, **result, "state": state})

    def _open(self) -> None:
        self._note("open", lambda: {"first": json.loads(self._session.open("ticket"))})

    def _receive(self, frame: Frame) -> None:
        message = stream.encode(frame)

        def attempt() -> dict[str, Any]:
            return {"events": [_event(event) for event in self._session.receive(message, self._now)]}

        self._note("receive", attempt, message=message.hex())
        self._outgoing()

    def _outgoing(self) -> None:
        if frames := self._session.outgoing():
            self._note("outgoing", lambda: {"frames": [frame.hex() for frame in frames]})

    def _attached(self) -> None:
        dice = self._dice
        offset = self._session.next_offset if self._session.next_offset is not None else self._printed
        fields = {
            "mode": dice.choice(["write", "write", "observe"]),
            "offset": offset,
            "live": offset + dice.randrange(12),
            "input": self._count(),
            "writer": "bert",
        }
        self._printed = offset
        if dice.random() < 0.1:
            del fields[dice.choice(sorted(fields))]
        self._receive(Notice("attached", fields))

    def _print(self) -> None:
        offset = max(0, self._printed + self._dice.choice([0, 0, 0, -3, 4]))
        payload = bytes(self._dice.randrange(97, 123) for _ in range(self._dice.randrange(9)))
        self._printed = max(self._printed, offset + len(payload))
        self._receive(Data(offset, payload))

    def _type(self) -> None:
        keys = bytes(self._dice.randrange(97, 123) for _ in range(self._dice.randrange(1, 7)))
        self._note("type", lambda: {"taken": self._session.type(keys)}, keys=keys.hex())
        if self._dice.random() < 0.5:
            self._outgoing()

    def _confirm(self) -> None:
        self._receive(Ack(self._count()))

    def _count(self) -> int:
        """Typed bytes as the agent may count them: mostly between what is confirmed and what was typed."""
        confirmed, waiting = self._session._confirmed, len(self._session._unconfirmed)
        return max(0, confirmed + self._dice.randrange(-1, waiting + 3))

    def _gap(self) -> None:
        start = max(0, self._printed + self._dice.choice([-2, 0, 0, 3]))
        end = start + self._dice.choice([0, 0, 5, 40])
        self._printed = max(self._printed, end)
        self._receive(Gap(start, end, self._dice.choice(list(GapReason))))

    def _tell(self) -> None:
        told: list[Frame] = [
            Notice("alarm", {"code": "AgentOffline", "host": "h1"}),
            Notice("alarm", {"code": "SpoolDiskFull", "fields": {"vm": "demo"}}),
            Notice("writer", {"writer": "bert", "mode": "observe"}),
            Notice("writer", {"writer": "anna", "mode": "write"}),
            Notice("writer", {"writer": "anna", "mode": "king"}),
            Notice("joined", {"who": "bert"}),
            Input(0, b"x"),
        ]
        self._receive(self._dice.choice(told))

    def _ask(self) -> None:
        verb = self._dice.choice(["write", "release"])

        def attempt() -> dict[str, Any]:
            self._session.ask(verb)
            return {}

        self._note("ask", attempt, verb=verb)

    def _lose(self) -> None:
        def attempt() -> dict[str, Any]:
            self._session.lost(self._now)
            return {}

        self._note("lost", attempt)
        self._open()

    def _close(self) -> None:
        if self._dice.random() < 0.1:
            self._receive(Close("TakenOver", {"by": "bert"}))
        else:
            self._receive(Close("AgentOffline", {}, resumable=True))
            self._open()


def _event(event: Event) -> dict[str, Any]:
    name = type(event).__name__
    plain = msgspec.to_builtins(event, builtin_types=(bytes,))
    if isinstance(event, Output):
        plain["payload"] = event.payload.hex()
    if "reason" in plain:
        plain["reason"] = GapReason(plain["reason"]).name.lower()
    return {"kind": name[0].lower() + name[1:], **plain}


if __name__ == "__main__":
    FILE.write_text(text())
