"""A guest that floods at full speed, three viewers of three kinds, one of which stops reading.

What they were shown is compared with what QEMU wrote into the port's log, byte for byte. The log is read
while it grows, for its old blocks are given up meanwhile.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from guests.build import Guest
from outofband.core.paths import StateDir
from outofband.net import tls
from outofband.wire.console import Attached, Missing, Output, Phase
from outofband.wire.grant import Mode
from tests.peers.az import Clients
from tests.peers.house import House
from tests.peers.house import until as sync_until
from tests.peers.test_azure_console import Extension
from tests.peers.test_nothing_is_lost import Watcher, memory, run_in_guest
from tests.support.actors import Viewer, viewer
from tests.support.process import Api
from tests.support.wait import until

pytestmark = [pytest.mark.anyio, pytest.mark.exact, pytest.mark.soak]

CONNECT = "/providers/Microsoft.SerialConsole/serialPorts/0/connect"
LINES = 60_000
FIRST = b"line 00000001 "
RING_MIB = 1
SECONDS = 300.0
MORE = 32 * 1024
"""KiB that a process may grow by while one viewer does not read: far less than what is printed meanwhile."""
OURS = re.compile(r"\r\n\x1b\[0;7m oob \x1b\[0m ([^\r\n]*)\r\n")
TOLD = re.compile(r"(\d+) bytes of output are missing")


class Record:
    """All that QEMU writes into a log from now on, read as it grows."""

    def __init__(self, log: Path) -> None:
        self._log = log.open("rb", buffering=0)
        self.start = self._log.seek(0, 2)
        self.seen = bytearray()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._over.wait(0.005):
            while piece := self._log.read(1 << 20):
                self.seen += piece

    @property
    def end(self) -> int:
        """Offset up to which it was read."""
        return self.start + len(self.seen)

    def of(self, start: int, end: int) -> bytes:
        """The bytes between two offsets of the log."""
        return bytes(self.seen[start - self.start : end - self.start])

    def find(self, text: bytes) -> int:
        """Offset of the last place where it stands."""
        at = self.seen.rfind(text)
        assert at >= 0, text
        return self.start + at

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._log.close()


@pytest.fixture(scope="module")
def house(demo_guest: Guest) -> Iterator[House]:
    """A house whose ports keep a history that is shorter than what is printed here."""
    made = House(demo_guest)
    try:
        made.up()
        made.kill("agent")
        settings = made.root / "agent" / "agent.toml"
        settings.write_text(settings.read_text().replace("# ring_mib = 16", f"ring_mib = {RING_MIB}"))
        made.up()
        yield made
    finally:
        made.close()


@pytest.fixture
async def record(house: House) -> AsyncIterator[Record]:
    [log] = (house.root / "agent" / "machines").glob("*/serial0.log")
    made = Record(log)
    yield made
    await asyncio.to_thread(made.close)


class RawViewer:
    """Our own protocol by hand, as an observer who wants nothing of the past."""

    def __init__(self, house: House, stack: AsyncExitStack) -> None:
        self._context = tls.client_context(StateDir(house.root).trust)
        self._api = Api(house.profile(), self._context)
        stack.callback(self._api.http.close)
        self._stack = stack
        self._session: str | None = None
        self.seat: Viewer

    async def attach(self) -> Viewer:
        """Open a socket, the first one or the next of the same session."""
        if self._session is None:
            self.seat = await self._stack.enter_async_context(
                viewer(self._context, mode=Mode.OBSERVE, replay=0)
            )
        vm = f"{self._api.group}/providers/Microsoft.Compute/virtualMachines/demo"
        body = {"session": self._session} if self._session else {}
        opened = (await asyncio.to_thread(self._api.call, "POST", vm + CONNECT, body))["outofband"]
        self._session = opened["session"]
        seen = len(self.seat.events)
        await self.seat.open(opened["url"], opened["ticket"])
        await until(lambda: any(isinstance(event, Attached) for event in self.seat.events[seen:]))
        return self.seat

    async def shows(self, text: bytes) -> None:
        """Wait for it. Who was cut off, for a line that takes nothing for 45 s counts as dead, comes back."""
        while text not in self.seat.output:
            await until(
                lambda: text in self.seat.output or self.seat.session.phase is Phase.LOST,
                f"{text!r} is shown",
                seconds=SECONDS,
            )
            if text not in self.seat.output:
                await self.attach()


async def test_one_of_three_viewers_stops_reading_while_the_guest_floods(
    house: House, azure: Clients, record: Record
) -> None:
    async with AsyncExitStack() as stack:
        raw = RawViewer(house, stack)
        stalled = await raw.attach()
        watcher = Watcher(house)
        stack.callback(watcher.close)
        client = stack.enter_context(Extension(azure, "1.0"))
        client.do("connect")
        await asyncio.to_thread(client.expect, "connected to demo")
        await asyncio.to_thread(sync_until, "all are attached", lambda: viewers(house) == 3)
        before = {service: memory(house.pid(service)) for service in ("agent", "control")}
        assert stalled.socket is not None
        stalled.socket.transport.pause_reading()

        # With the record's own end as the only clock: a guest that waits for anybody would not get there.
        await asyncio.to_thread(run_in_guest, house, b"numbers %d; echo over-$((1+1))" % LINES)
        most = dict(before)

        def over() -> bool:
            for service, before_now in most.items():
                most[service] = max(before_now, memory(house.pid(service)))
            return b"\nover-2" in record.seen

        await until(over, "the guest has printed it all", seconds=SECONDS)
        for service, resident in before.items():
            assert most[service] < resident + MORE, f"{service}: {resident} KiB became {most[service]}"
        printed = record.of(record.find(FIRST), record.find(b"over-2"))
        assert len(printed) >= LINES * 80 and b"\0" not in printed, "it was read before it was given up"

        await until(lambda: b"over-2" in watcher.seen, "oob console is up to date", seconds=SECONDS)
        await until(lambda: "over-2" in client.shown, "Azure's client is up to date", seconds=SECONDS)
        check_pieces(record, pieces_of_watcher(record, watcher))
        check_pieces(record, pieces_of_client(record, client.shown))

        assert b"over-2" not in stalled.output
        stalled.socket.transport.resume_reading()
        await raw.shows(b"over-2")
        gaps = [event for event in stalled.events if isinstance(event, Missing)]
        assert sum(gap.count or 0 for gap in gaps) > 1024 * 1024, "it missed more than waits on the way"
        check_events(record, stalled.events)
        assert stalled.ended is None


def viewers(house: House) -> int:
    found = house.json("agent", "status")
    return max(port["viewers"] for machine in found["machines"] for port in machine["ports"])


def check_events(record: Record, events: list[Any]) -> None:
    """Every byte is where the log has it, and between two pieces nothing is missing but what was told."""
    at: int | None = None
    for event in events:
        if isinstance(event, Missing):
            assert event.count is not None
            assert at is None or event.start == at
            at = event.start + event.count
        elif isinstance(event, Output):
            assert at is None or event.offset == at
            at = event.offset + len(event.payload)
            assert record.of(event.offset, at) == event.payload


def check_pieces(record: Record, pieces: list[tuple[int, bytes]]) -> None:
    """The same for (bytes that are missing before it, text) from the flood's first line on."""
    at = record.find(FIRST)
    end = record.find(b"over-2")
    for missing, text in pieces:
        at += missing
        assert record.of(at, at + len(text)) == text, f"not what the log has at {at}"
        at += len(text)
    assert at >= end


def pieces_of_watcher(record: Record, watcher: Watcher) -> list[tuple[int, bytes]]:
    """`oob console --observe` tells of a gap on its standard error, with the offset where it is."""
    assert watcher.process.stderr is not None
    text = bytes(watcher.seen)
    text = text[text.rindex(FIRST) : text.rindex(b"over-2")]
    watcher.process.terminate()
    told = watcher.process.stderr.read().decode()
    pieces, at = [], record.find(FIRST)
    missing = 0
    for found in re.finditer(r"(\d+) bytes of output are missing at byte (\d+)", told):
        count, start = int(found[1]), int(found[2])
        piece, text = text[: start - at], text[start - at :]
        pieces.append((missing, piece))
        at, missing = start + count, count
    return [*pieces, (missing, text)]


def pieces_of_client(record: Record, shown: str) -> list[tuple[int, bytes]]:
    """Azure's protocol tells of it between the guest's own words."""
    text = shown[shown.rindex(FIRST.decode()) : shown.rindex("over-2")]
    parts = OURS.split(text)
    pieces, missing = [], 0
    for number in range(0, len(parts), 2):
        pieces.append((missing, parts[number].encode()))
        told = TOLD.match(parts[number + 1]) if number + 1 < len(parts) else None
        missing = int(told[1]) if told else 0
    return pieces
