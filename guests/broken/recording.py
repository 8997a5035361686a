"""A recording: what a guest printed on its serial port, in the pieces and at the times in which it came.

The file is one xz stream. Its first line is `outofband recording 1`; then come records with one header line:

    o MS LENGTH      LENGTH bytes follow that the guest printed, MS milliseconds after the start
    r MS             the guest was reset: what follows is its next boot
    s MS             the guest is off
    e MS             the recording ends; nothing more came until then
"""

from __future__ import annotations

import io
import lzma
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

HEAD: Final = b"outofband recording 1\n"
SUFFIX: Final = ".rec.xz"
JOINED_MS: Final = 10
"""A UART hands over byte by byte; pieces closer together than this are kept as one."""
PIECE_MAX: Final = 8192  # bytes
PRESET: Final = 9 | lzma.PRESET_EXTREME

PRINTED: Final = "o"
RESET: Final = "r"
STOPPED: Final = "s"
END: Final = "e"


class RecordingError(Exception):
    """A file that is no recording, or a damaged one."""


@dataclass(frozen=True)
class Event:
    """`kind` is one of the letters above; `at` milliseconds since the start."""

    kind: str
    at: int
    data: bytes = b""


@dataclass
class Recording:
    """Events in the order in which they happened."""

    events: list[Event] = field(default_factory=list)

    def printed(self, at: int, data: bytes) -> None:
        """Bytes from the guest; small pieces that come together are joined."""
        last = self.events[-1] if self.events else None
        if (
            last is not None
            and last.kind == PRINTED
            and at - last.at <= JOINED_MS
            and len(last.data) + len(data) <= PIECE_MAX
        ):
            self.events[-1] = Event(PRINTED, last.at, last.data + data)
        else:
            self.events.append(Event(PRINTED, at, data))

    def mark(self, kind: str, at: int) -> None:
        """Something other than bytes."""
        self.events.append(Event(kind, at))

    @property
    def bytes(self) -> bytes:
        """Everything printed."""
        return b"".join(event.data for event in self.events)

    @property
    def resets(self) -> list[int]:
        """The offsets in `bytes` at which a reset happened."""
        found, offset = [], 0
        for event in self.events:
            if event.kind == RESET:
                found.append(offset)
            offset += len(event.data)
        return found

    @property
    def milliseconds(self) -> int:
        """How long it is."""
        return self.events[-1].at if self.events else 0

    def save(self, path: Path) -> None:
        """Write it; equal recordings give equal files."""
        out = io.BytesIO()
        out.write(HEAD)
        for event in self.events:
            length = f" {len(event.data)}" if event.kind == PRINTED else ""
            out.write(f"{event.kind} {event.at}{length}\n".encode() + event.data)
        path.write_bytes(lzma.compress(out.getvalue(), preset=PRESET))


def load(path: Path) -> Recording:
    """Read one; RecordingError for a file that is none."""
    try:
        data = lzma.decompress(path.read_bytes())
    except lzma.LZMAError as damaged:
        raise RecordingError(f"{path.name}: {damaged}") from damaged
    if not data.startswith(HEAD):
        raise RecordingError(f"{path.name} is not a recording")
    return Recording(list(_events(path.name, data)))


def _events(name: str, data: bytes) -> Iterator[Event]:
    place = len(HEAD)
    while place < len(data):
        end = data.find(b"\n", place)
        fields = data[place:end].decode("ascii", "replace").split()
        place = end + 1
        try:
            kind, at = fields[0], int(fields[1])
            length = int(fields[2]) if kind == PRINTED else 0
        except (IndexError, ValueError):
            raise RecordingError(f"{name}: no record at byte {place}") from None
        yield Event(kind, at, data[place : place + length])
        place += length
