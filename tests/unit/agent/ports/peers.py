"""Real peers for a broker: a serial port as a hypervisor offers it, a viewer that keeps what it is sent."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from outofband.agent.ports import fifo
from outofband.agent.ports.attachment import Attachment
from outofband.agent.ports.broker import PortBroker
from outofband.core import clock
from outofband.wire import stream
from outofband.wire.grant import Grant, Mode
from outofband.wire.stream import Close, Data, Gap, GapReason, Notice

DEADLINE = 5.0


class LoggedPort:
    """Does what QEMU's `-chardev pipe,path=P,logfile=P.log,logappend=on` does, with a real FIFO and log.

    Write errors of the log are ignored, as there.
    """

    def __init__(self, directory: Path, name: str = "serial0") -> None:
        self.directory = directory
        self.name = name
        self.log = os.open(directory / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.keys = -1
        self.typed = bytearray()
        self.start()

    def start(self) -> None:
        """Another guest: a FIFO of its own, nothing typed yet."""
        self.typed.clear()
        fifo.prepare(self.directory, self.name)
        self.keys = os.open(self.directory / f"{self.name}.in", os.O_RDWR | os.O_NONBLOCK)
        self.listen()

    def listen(self, on: bool = True) -> None:
        """Whether the guest reads what is typed."""
        loop = asyncio.get_running_loop()
        if on:
            loop.add_reader(self.keys, self._read)
        else:
            loop.remove_reader(self.keys)

    def _read(self) -> None:
        self.typed += os.read(self.keys, 65536)

    def stop(self) -> None:
        """The guest is gone, its FIFO lies about."""
        if self.keys >= 0:
            self.listen(False)
            os.close(self.keys)
            self.keys = -1

    async def print(self, data: bytes) -> None:
        try:
            os.write(self.log, data)
        except OSError:
            pass

    def close(self) -> None:
        self.stop()
        os.close(self.log)


class RecordingViewer:
    """Keeps every frame. `room` is how many frames it takes before it is congested; None: any number."""

    def __init__(self, room: int | None = None) -> None:
        self.frames: list[stream.Frame] = []
        self.closed: Close | None = None
        self.room = room
        self.attachment: Attachment | None = None
        self.sent = 0

    def send(self, frame: bytes) -> bool:
        assert self.closed is None, "a frame after the close"
        self.sent += 1
        self.frames.append(stream.decode(frame))
        if self.room is not None:
            self.room -= 1
            return self.room > 0
        return True

    def close(self, close: Close) -> None:
        assert self.closed is None, "closed twice"
        self.closed = close

    @property
    def output(self) -> bytes:
        """What was printed, checked to be one run without holes but those that a GAP explains."""
        parts: list[bytes] = []
        expected: int | None = None
        for frame in self.frames:
            match frame:
                case Notice("attached", fields):
                    expected = fields["offset"]
                case Data(offset, payload):
                    assert offset == expected, f"expected output from {expected}, got {offset}"
                    expected = offset + len(payload)
                    parts.append(payload)
                case Gap(start, end, _):
                    assert start == expected, f"expected a gap at {expected}, got {start}"
                    expected = end
        return b"".join(parts)

    def notices(self, what: str) -> list[dict[str, object]]:
        return [frame.fields for frame in self.frames if isinstance(frame, Notice) and frame.what == what]

    @property
    def gaps(self) -> list[tuple[int, int, GapReason]]:
        return [(gap.start, gap.end, gap.reason) for gap in self.frames if isinstance(gap, Gap)]

    @property
    def acked(self) -> int:
        acks = [frame.offset for frame in self.frames if isinstance(frame, stream.Ack)]
        assert acks == sorted(acks), "acknowledged backwards"
        return acks[-1] if acks else 0


def grant(session: str = "s1", *, mode: Mode = Mode.WRITE, **more: object) -> Grant:
    claims: dict[str, object] = {
        "agent": "a",
        "session": session,
        "vm": "vm",
        "port": "0",
        "principal": "p",
        "name": f"user-{session}",
        "exp": clock.wall() + 600,
        "mode": mode,
    }
    return Grant(**(claims | more))  # type: ignore[arg-type]


def attach(broker: PortBroker, viewer: RecordingViewer, right: Grant | None = None) -> Attachment:
    viewer.attachment = broker.attach(viewer, right or grant())
    return viewer.attachment


def typed(offset: int, data: bytes) -> bytes:
    return stream.encode(stream.Input(offset, data))
