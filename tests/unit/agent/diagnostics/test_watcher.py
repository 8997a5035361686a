"""The logs of all ports, looked through once each, whatever happens to the agent meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from outofband.agent.diagnostics import cursor as cursors
from outofband.agent.diagnostics.cursor import Cursor
from outofband.agent.diagnostics.untold import MAX_OF_ONE, MAX_UNTOLD, Untold
from outofband.agent.diagnostics.watcher import Watcher
from outofband.agent.machines.registry import Machines
from outofband.agent.ports.broker import PortBroker
from outofband.agent.ports.hub import PortHub
from outofband.agent.ports.logged import LoggedSource
from outofband.agent.ports.spool import Spool
from outofband.core import clock
from outofband.wire.machine import MachineDefinition
from tests.support.wait import until
from tests.unit.agent.diagnostics.peers import Detector
from tests.unit.agent.ports.peers import LoggedPort

pytestmark = pytest.mark.anyio
VM = "7a7d3c05-1c11-4f0c-8f5e-3f4f3d1d2c10"


@pytest.fixture(autouse=True)
def nothing_seen() -> Iterator[None]:
    Detector.seen.clear()
    yield
    Detector.seen.clear()


@pytest.fixture
async def hub() -> AsyncIterator[PortHub]:
    hub = PortHub()
    yield hub
    hub.close()


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[LoggedPort]:
    port = LoggedPort(tmp_path)
    yield port
    port.close()


@pytest.fixture
async def broker(hub: PortHub, port: LoggedPort) -> AsyncIterator[PortBroker]:
    spool = Spool(port.directory / "serial0.log", ring=16 * 1024 * 1024, reserve=256 * 1024)
    broker = PortBroker(VM, "0", spool, LoggedSource(hub, port.directory))
    await broker.open()
    yield broker
    await broker.close()


class Life:
    """An agent's life at one port, from its beginning to when nobody hears of it any more."""

    def __init__(self, broker: PortBroker) -> None:
        self.untold = Untold()
        self.behind: list[Cursor] = []
        self.cursor = Cursor(VM, broker, Detector, self.untold, self.behind.append)

    def look(self, at: float | None = None) -> None:
        self.cursor.tick(clock.monotonic(), int(at * 1e9) if at is not None else clock.wall_ns())
        while self.behind:
            if not self.behind[0].read(clock.wall()):
                self.behind.pop().late = False

    @property
    def ids(self) -> list[str]:
        found = self.untold.next()
        return [told.finding.id for told in found.found] if found is not None else []


def shown() -> bytes:
    """All bytes that detectors were shown, in their order, those that came again once."""
    pieces: dict[int, bytes] = {each[0]: each[1] for each in Detector.seen if isinstance(each[0], int)}
    return b"".join(piece for _, piece in sorted(pieces.items()))


async def test_every_byte_is_seen_once_with_starts_at_their_places(
    broker: PortBroker, port: LoggedPort
) -> None:
    life = Life(broker)
    await port.print(b"one PANIC\n")
    broker.spool.reset(1)
    await port.print(b"two\n")
    broker.spool.reset(2)
    broker.spool.reset(3)
    life.look(at=5000.0)
    assert Detector.seen == [
        (0, b"one PANIC\n", Detector.seen[0][2]),
        ("reset", 10, 1),
        (10, b"two\n", Detector.seen[2][2]),
        ("reset", 14, 2),
        ("reset", 14, 3),
    ]
    await port.print(b"three")
    life.look(at=6000.0)
    life.look(at=7000.0)
    assert Detector.seen[5:] == [(14, b"three", 6000.0)]
    assert life.ids == ["GuestPanicked-0-4"]


async def test_a_killed_agent_misses_nothing_and_tells_nothing_twice(
    broker: PortBroker, port: LoggedPort
) -> None:
    first = Life(broker)
    await port.print(b"PANIC one\n")
    first.look()
    assert first.ids == ["GuestPanicked-0-0"]
    await port.print(b"not written down yet\n")
    first.look()
    # It is killed here, and its link with it: what it told was not answered.
    await port.print(b"PANIC two\n")
    second = Life(broker)
    second.look()
    assert second.ids == ["GuestPanicked-0-0", "GuestPanicked-0-31"]
    second.untold.kept(1)
    second.cursor.touch()
    second.cursor.save()
    third = Life(broker)
    third.look()
    assert third.ids == []
    assert shown() == b"PANIC one\nnot written down yet\nPANIC two\n"


async def test_what_came_while_nobody_looked_has_the_time_of_the_log(
    broker: PortBroker, port: LoggedPort
) -> None:
    await port.print(b"PANIC early\n")
    broker.spool.look(clock.monotonic())
    (_, seen_at) = broker.spool.index.marks(0, 100)[-1]
    life = Life(broker)
    life.look(at=seen_at + 3600)
    (found,) = life.untold.of(VM, "0")
    assert found.first == pytest.approx(seen_at, abs=0.001)
    await port.print(b"PANIC now\n")
    life.look(at=seen_at + 7200)
    assert life.untold.of(VM, "0")[1].first == pytest.approx(seen_at + 7200)


async def test_a_log_that_nobody_looked_at_begins_with_the_guests_last_start(
    broker: PortBroker, port: LoggedPort
) -> None:
    await port.print(b"PANIC of long ago\n")
    broker.spool.reset(7)
    await port.print(b"PANIC of before\n")
    broker.spool.reset(8)
    await port.print(b"fine\n")
    life = Life(broker)
    life.look()
    assert life.ids == []
    assert [each[:2] for each in Detector.seen] == [("reset", 34), (34, b"fine\n")]


async def test_a_flood_is_read_in_pieces_and_passed_over_when_it_is_too_much(
    broker: PortBroker, port: LoggedPort
) -> None:
    life = Life(broker)
    await port.print(b"x" * (3 * cursors.PIECE))
    life.cursor.tick(1.0, 1)
    assert life.behind and life.cursor.late
    assert len(shown()) == cursors.LOOK, "a look leaves the rest for later"
    life.look()
    assert len(shown()) == 3 * cursors.PIECE
    await port.print(b"y" * (cursors.LONGEST_LAG + 1000) + b"PANIC")
    life.look()
    assert life.ids == [f"GuestPanicked-0-{3 * cursors.PIECE + cursors.LONGEST_LAG + 1000}"]
    assert len(shown()) == 3 * cursors.PIECE + cursors.CAUGHT_UP


async def test_bytes_that_no_detector_bears_are_passed_over(broker: PortBroker, port: LoggedPort) -> None:
    life = Life(broker)
    await port.print(b"POISON")
    life.look()
    await port.print(b"PANIC")
    life.look()
    life.look()
    assert life.ids == ["GuestPanicked-0-6"]
    assert len(Detector.seen) == 2


async def test_a_guest_that_is_off_is_told_once_and_timers_ring(broker: PortBroker, port: LoggedPort) -> None:
    life = Life(broker)
    await port.print(b"TIMER")
    life.look(at=100.0)
    assert life.ids == ["GuestPaused-0-5"]
    life.cursor.powered_off = True
    life.look()
    life.look()
    again = Life(broker)
    again.cursor.powered_off = True
    again.look()
    assert Detector.seen.count(("stopped",)) == 1
    broker.spool.reset(1)
    again.cursor.powered_off = False
    again.look()
    again.cursor.powered_off = True
    again.look()
    assert Detector.seen.count(("stopped",)) == 2


async def test_no_timer_rings_before_all_that_is_there_was_read(broker: PortBroker, port: LoggedPort) -> None:
    life = Life(broker)
    await port.print(b"TIMER" + b"x" * cursors.PIECE)
    life.cursor.tick(1.0, 200 * 10**9)
    life.cursor.tick(2.0, 300 * 10**9)
    assert life.cursor.late and ("tick",) not in Detector.seen
    life.look()
    life.look()
    assert ("tick",) in Detector.seen


async def test_what_cannot_be_read_back_is_looked_at_anew(broker: PortBroker, port: LoggedPort) -> None:
    await port.print(b"PANIC")
    path = broker.spool.path.with_suffix(".found")
    Life(broker).look()
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(path.read_bytes()[:-3])
    life = Life(broker)
    life.look()
    assert life.ids == ["GuestPanicked-0-0"]


async def test_machines_come_and_go(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    watcher = Watcher(machines, Detector)
    news: list[int] = []
    watcher.untold.on_news = lambda: news.append(1)
    watcher.open()
    await machines.create(MachineDefinition(vm=VM, name="terminal", driver="pty", program="cat"))
    await machines.perform("vm.start", VM, {}, 1)
    await machines.port(VM, "0").inject(b"PANIC\n")
    await until(lambda: len(watcher.untold), "it was found")
    assert news
    await machines.perform("vm.stop", VM, {"graceful": False}, 1)
    await until(lambda: ("stopped",) in Detector.seen, "the end was seen")
    await machines.delete(VM)
    assert len(watcher.untold) == 0
    watcher.close()


def test_one_message_at_a_time_the_newest_word_of_each() -> None:
    untold, made = Untold(), Detector("0")
    kept: list[tuple[str, str]] = []
    untold.on_kept = lambda vm, port: kept.append((vm, port))
    assert untold.next() is None
    for n in range(40):
        untold.put("a", made.finding(n, 1.0))
    first = untold.next()
    assert first is not None and len(first.found) == 32
    assert untold.next() is None, "one is without its answer"
    untold.put("a", made.finding(0, 2.0))
    untold.kept(first.number + 1)
    assert untold.next() is None, "that was not its answer"
    untold.kept(first.number)
    assert len(kept) == 31
    second = untold.next()
    assert second is not None
    assert [told.finding.offset for told in second.found] == [0, *range(32, 40)]
    assert second.found[0].finding.last == 2.0
    untold.restart()
    third = untold.next()
    assert third is not None and third.found == second.found and third.number != second.number
    untold.kept(second.number)
    assert untold.next() is None, "an answer of an earlier link counts no more"
    untold.forget("a")
    assert len(untold) == 0


def test_a_guest_that_prints_failures_without_end_drives_out_its_own_alone() -> None:
    untold, made = Untold(), Detector("0")
    untold.put("quiet", made.finding(1, 1.0))
    for n in range(MAX_UNTOLD + 10):
        untold.put("loud", made.finding(n, 1.0))
    assert len(untold) == MAX_OF_ONE + 1
    assert len(untold.of("quiet", "0")) == 1
    assert untold.of("loud", "0")[-1].offset == MAX_UNTOLD + 9, "the newest stay"
    first = untold.next()
    assert first is not None
    untold.kept(first.number)
    assert len(untold) == MAX_OF_ONE + 1 - len(first.found)
    untold.forget("loud")
    untold.put("loud", made.finding(1, 1.0))
    assert len(untold) == 1
