"""A full disk under a port that is being written: what the writer loses is told, never silent.

The writer is a process of its own that does what a hypervisor does: append to the log, ignore every error.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from outofband.agent.ports.broker import PortBroker
from outofband.agent.ports.captured import CapturedSource
from outofband.agent.ports.hub import PortHub
from outofband.agent.ports.logged import LoggedSource
from outofband.agent.ports.spool import Spool
from outofband.wire.grant import Mode
from outofband.wire.stream import Data, Gap, GapReason
from tests.support.wait import until
from tests.unit.agent.ports.peers import RecordingViewer, attach, grant

pytestmark = [pytest.mark.anyio, pytest.mark.exact]

MIB = 1024 * 1024
LINE = 10
WRITER = """
import os, sys, time
log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
number, pause = int(sys.argv[2]), float(sys.argv[3])
last = int(sys.argv[4]) if sys.argv[4:] else 10**9
while number < last:
    line = b"%09d\\n" % number
    while line:
        try:
            line = line[os.write(log, line):]
        except OSError:
            break
    number += 1
    if pause and number % 100 == 0:
        time.sleep(pause)
"""


@pytest.fixture(params=["tmpfs", "ext4"])
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    if request.param == "tmpfs":
        run("mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", str(place))
    else:
        image = tmp_path / "image"
        with image.open("wb") as file:
            file.truncate(8 * MIB)
        run("mkfs.ext4", "-q", "-b", "4096", "-O", "^has_journal", str(image))
        run("mount", "-o", "loop", str(image), str(place))
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        detail = getattr(error, "stderr", "") or str(error)
        pytest.skip(f"a small file system cannot be made here: {detail.strip()}")


@pytest.fixture
async def hub() -> AsyncIterator[PortHub]:
    hub = PortHub()
    yield hub
    hub.close()


@contextlib.contextmanager
def writing(log: Path, first: int = 0, pause: float = 0.001) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", WRITER, log, str(first), str(pause)])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def fill(disk: Path, leave: int = 0) -> Path:
    """Another program takes the rest of the disk."""
    filler = disk / "filler"
    with filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    if leave:
        os.truncate(filler, filler.stat().st_size - leave)
    return filler


def runs(viewer: RecordingViewer) -> list[bytes]:
    """Output between gaps: what is in one run was printed without a byte missing."""
    found = [b""]
    for frame in viewer.frames:
        if isinstance(frame, Data):
            found[-1] += frame.payload
        elif isinstance(frame, Gap):
            found.append(b"")
    return found


def check_runs(viewer: RecordingViewer) -> int:
    """Every run holds consecutive numbers; returns how many lines are missing between the runs."""
    missing, last = 0, None
    for run in runs(viewer):
        lines = [int(line) for line in run.split(b"\n")[1:-1] if len(line) == LINE - 1]
        for before, after in itertools.pairwise(lines):
            assert after == before + 1, f"silent loss between {before} and {after}"
        if lines and last is not None:
            missing += lines[0] - last - 1
        last = lines[-1] if lines else last
    return missing


def burst(log: Path, first: int, count: int) -> None:
    """Print without anybody looking: the agent's loop stands still meanwhile."""
    subprocess.run([sys.executable, "-c", WRITER, log, str(first), "0", str(first + count)], check=True)


async def test_a_loss_while_watched_is_told(hub: PortHub, small_disk: Path) -> None:
    log = small_disk / "serial0.log"
    spool = Spool(log, ring=MIB, reserve=64 * 1024)
    broker = PortBroker("vm", "0", spool, LoggedSource(hub, small_disk))
    await broker.open()
    viewer, stuck = RecordingViewer(), RecordingViewer(room=1)
    attach(broker, viewer, grant(mode=Mode.OBSERVE))
    attach(broker, stuck, grant("stuck", mode=Mode.OBSERVE))
    burst(log, 0, 5_000)
    await until(lambda: len(viewer.output) == 5_000 * LINE)
    filler = fill(small_disk)
    burst(log, 5_000, 20_000)
    await until(lambda: viewer.gaps, "a gap")
    filler.unlink()
    await until(lambda: broker.report().alarm is None, "the alarm ends")
    burst(log, 25_000, 5_000)
    await until(lambda: viewer.output.endswith(b"%09d\n" % 29_999), "output goes on")
    assert GapReason.LOST in {reason for _, _, reason in viewer.gaps}
    assert {notice["code"] for notice in viewer.notices("alarm")} == {"SpoolDiskFull"}
    assert check_runs(viewer) > 10_000

    # One who was not reading meanwhile learns the same from the log.
    stuck.room = None
    assert stuck.attachment is not None
    stuck.attachment.resume()
    await until(lambda: stuck.attachment and stuck.attachment.next == broker.report().end)
    assert check_runs(stuck) == check_runs(viewer)
    await broker.close()


async def test_many_losses_in_a_row(hub: PortHub, small_disk: Path) -> None:
    """Now and then there is a little room, then none again."""
    log = small_disk / "serial0.log"
    spool = Spool(log, ring=MIB, reserve=64 * 1024)
    broker = PortBroker("vm", "0", spool, LoggedSource(hub, small_disk))
    await broker.open()
    viewer = RecordingViewer()
    attach(broker, viewer, grant(mode=Mode.OBSERVE))
    first = 0
    for _ in range(6):
        filler = fill(small_disk)
        for _ in range(3):
            burst(log, first, 3_000)
            os.truncate(filler, max(0, filler.stat().st_size - 9_000))
            burst(log, first + 3_000, 1_500)
            fill(small_disk)
            first += 4_500
        end = log.stat().st_size
        await until(lambda end=end: viewer.attachment and viewer.attachment.next == end)
    filler.unlink()
    await until(lambda: broker.report().alarm is None, "the alarm ends")
    burst(log, first, 1_000)
    await until(lambda: viewer.output.endswith(b"%09d\n" % (first + 999)), "output goes on")
    assert check_runs(viewer) > 0
    await broker.close()


async def test_own_history_is_given_up_before_anything_is_lost(hub: PortHub, small_disk: Path) -> None:
    log = small_disk / "serial0.log"
    spool = Spool(log, ring=6 * MIB, reserve=512 * 1024)
    broker = PortBroker("vm", "0", spool, LoggedSource(hub, small_disk))
    await broker.open()
    viewer = RecordingViewer()
    attach(broker, viewer, grant(mode=Mode.OBSERVE))
    filler = small_disk / "filler"
    for number in range(30):
        # Never more in one go than the reserve that every look leaves.
        burst(log, number * 20_000, 20_000)
        end = log.stat().st_size
        await until(lambda end=end: viewer.attachment and viewer.attachment.next == end)
        if number == 8:
            fill(small_disk)
    assert filler.stat().st_size > 4 * MIB
    assert broker.report().start > 0
    assert viewer.gaps == []
    assert check_runs(viewer) == 0
    await broker.close()


async def test_a_loss_while_the_agent_is_away_is_told(hub: PortHub, small_disk: Path) -> None:
    log = small_disk / "serial0.log"

    def agent() -> PortBroker:
        return PortBroker("vm", "0", Spool(log, ring=MIB, reserve=64 * 1024), LoggedSource(hub, small_disk))

    broker = agent()
    await broker.open()
    await broker.close()
    fill(small_disk)
    with writing(log):
        await until(lambda: log.stat().st_size >= 64 * 1024, "the reserve is used up")
        await asyncio.sleep(0.2)
        broker = agent()
        await broker.open()
        viewer = RecordingViewer()
        attach(broker, viewer, grant(replay=MIB))
        await until(lambda: viewer.gaps, "the gap")
        (small_disk / "filler").unlink()
        await until(lambda: len(viewer.output) > 100_000, "output goes on")
    assert check_runs(viewer) > 0
    await broker.close()
    # Also for an agent that comes later, when there is room again.
    broker = agent()
    await broker.open()
    late = RecordingViewer()
    attach(broker, late, grant(replay=MIB))
    await until(lambda: len(late.output) >= 100_000)
    assert late.gaps == viewer.gaps
    await broker.close()


async def test_a_captured_port_knows_its_loss_to_the_byte(hub: PortHub, small_disk: Path) -> None:
    path = small_disk / "guest.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        spool = Spool(small_disk / "serial0.log", ring=MIB, reserve=0)
        broker = PortBroker("vm", "0", spool, CapturedSource(hub, path))
        await broker.open()
        guest, _ = listener.accept()
    viewer = RecordingViewer()
    attach(broker, viewer)
    guest.send(b"before ")
    await until(lambda: viewer.output == b"before ")
    filler = fill(small_disk)

    def accounted() -> int:
        return len(viewer.output) + sum(gap.bytes for gap in spool.lost)

    # What is left of the block that was begun still fits.
    for _ in range(10):
        guest.send(bytes(4096))
    await until(lambda: broker.report().alarm == "SpoolDiskFull")
    await until(lambda: accounted() == 7 + 40960)
    filler.unlink()
    guest.send(b" after")
    await until(lambda: viewer.output.endswith(b" after"))
    assert accounted() == 7 + 40960 + 6
    assert [(start, end) for start, end, _ in viewer.gaps] == [(gap.start, gap.end) for gap in spool.lost]
    await until(lambda: broker.report().alarm is None)
    guest.close()
    await broker.close()
