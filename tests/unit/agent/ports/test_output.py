"""Output on its way out: replay, what comes later, slow viewers, and those who wait for a word of it."""

from __future__ import annotations

import asyncio

import pytest

from outofband.agent.ports.broker import PortBroker
from outofband.wire import stream
from outofband.wire.grant import Mode
from outofband.wire.stream import GapReason
from tests.support.wait import promised, until
from tests.unit.agent.ports.peers import LoggedPort, RecordingViewer, attach, grant

pytestmark = pytest.mark.anyio


async def test_replay_then_live(broker: PortBroker, port: LoggedPort) -> None:
    await port.print(b"boot\n")
    viewer = RecordingViewer()
    attach(broker, viewer)
    await until(lambda: viewer.output == b"boot\n")
    await port.print(b"login: ")
    await until(lambda: viewer.output == b"boot\nlogin: ")
    [welcome] = viewer.notices("attached")
    assert welcome == {
        "session": "s1",
        "vm": "vm",
        "port": "0",
        "mode": "write",
        "offset": 0,
        "live": 5,
        "writer": "user-s1",
        "input": 0,
        "others": [],
        "endLogin": False,
        "mayWrite": True,
    }


async def test_replay_is_cut_to_what_was_asked_for(broker: PortBroker, port: LoggedPort) -> None:
    await port.print(b"0123456789")
    viewer = RecordingViewer()
    attach(broker, viewer, grant(replay=4))
    await until(lambda: viewer.output == b"6789")


async def test_a_viewer_that_never_reads_hurts_nobody(broker: PortBroker, port: LoggedPort) -> None:
    stuck, well = RecordingViewer(room=1), RecordingViewer()
    attach(broker, stuck, grant("stuck", mode=Mode.OBSERVE))
    attach(broker, well, grant("well"))
    printed = b"".join(b"%07d\n" % number for number in range(400_000))
    for at in range(0, len(printed), 50_000):
        await port.print(printed[at : at + 50_000])
        await asyncio.sleep(0)
    await until(lambda: len(well.output) + sum(end - start for start, end, _ in well.gaps) == len(printed))
    assert stuck.sent == 1
    assert stuck.attachment is not None
    stuck.room = None
    # Upkeep punches what is older than the ring; the one who slept is told.
    await until(lambda: broker.spool.start > 0)
    stuck.attachment.resume()
    await until(lambda: stuck.attachment and stuck.attachment.next == len(printed))
    assert stuck.gaps[0] == (0, stuck.gaps[0][1], GapReason.TRIMMED)
    assert printed.endswith(stuck.output)


async def test_wait_for_gives_the_line(broker: PortBroker, port: LoggedPort) -> None:
    await port.print(b"NMI received long ago\n")
    since = broker.report().end

    async def later() -> None:
        await asyncio.sleep(0.05)
        await port.print(b"Uhhuh. NMI rec")
        await asyncio.sleep(0.05)
        await port.print(b"eived for unknown reason 21\r\nnext")

    async with asyncio.TaskGroup() as group:
        found = group.create_task(broker.output.wait_for(b"NMI received", since, 30))
        group.create_task(later())
    assert found.result() == b"Uhhuh. NMI received for unknown reason 21"
    assert await broker.output.wait_for(b"never", since, 0.05) is None


async def test_one_who_catches_up_takes_no_wake_up_from_the_others(
    broker: PortBroker, port: LoggedPort
) -> None:
    slow, live = RecordingViewer(room=1), RecordingViewer()
    attachment = attach(broker, slow, grant("slow", mode=Mode.OBSERVE))
    attach(broker, live, grant("live", mode=Mode.OBSERVE))
    for number in range(20):
        await port.print(b"%02d" % number)
        slow.room = 3
        attachment.resume()
        end = 2 * (number + 1)
        await until(lambda end=end: len(live.output) == end, seconds=promised(0.9))


async def test_two_viewers_at_one_place_share_one_frame(broker: PortBroker, port: LoggedPort) -> None:
    frames: list[bytes] = []

    class Keeping(RecordingViewer):
        def send(self, frame: bytes) -> bool:
            frames.append(frame)
            return super().send(frame)

    first, second = Keeping(), Keeping()
    attach(broker, first, grant("first", mode=Mode.OBSERVE))
    attach(broker, second, grant("second", mode=Mode.OBSERVE))
    await asyncio.sleep(0)
    await port.print(b"shared")
    await until(lambda: second.output == b"shared")
    data = [frame for frame in frames if frame[0] == stream.Kind.DATA]
    assert len(data) == 2
    assert data[0] is data[1]
