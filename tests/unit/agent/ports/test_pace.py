"""When output goes out: at once for a person, in batches for a flood."""

from __future__ import annotations

import asyncio

import pytest

from outofband.agent.ports.pace import BATCH_SECONDS, BULK, EAGER_FLUSHES, EAGER_SECONDS, REST_BYTES, Pace
from outofband.core import clock
from tests.support.wait import until

pytestmark = pytest.mark.anyio


class Log:
    """Grows when told; every flush takes what is there."""

    def __init__(self) -> None:
        self.waiting = 0
        self.bytes = 1
        """Of each growth."""
        self.flushes: list[float] = []
        self.pace = Pace(asyncio.get_running_loop(), self.flush)

    def flush(self) -> bool:
        self.flushes.append(clock.monotonic())
        found, self.waiting = self.waiting, 0
        self.pace.seen += found * self.bytes
        return found > 0

    def grow(self) -> None:
        self.waiting += 1
        self.pace.grown()


async def test_a_quiet_port_is_flushed_at_once() -> None:
    log = Log()
    log.grow()
    assert len(log.flushes) == 1


async def test_a_flood_is_batched() -> None:
    log = Log()
    began = clock.monotonic()
    while clock.monotonic() - began < 0.3:
        log.grow()
        await asyncio.sleep(0)
    assert 3 <= len(log.flushes) <= 0.3 / BATCH_SECONDS + 2
    log.pace.cancel()


async def test_after_a_flood_it_looks_once_more_and_rests() -> None:
    log = Log()
    log.grow()
    log.grow()
    await until(lambda: log.waiting == 0)
    await until(lambda: log.pace._timer is None)
    assert len(log.flushes) == 3


async def test_a_key_ends_the_waiting_for_a_batch() -> None:
    log = Log()
    log.grow()
    log.grow()
    log.pace.typed()
    assert log.pace.eager
    typed = clock.monotonic()
    await until(lambda: len(log.flushes) == 2)
    assert log.flushes[1] - typed < BATCH_SECONDS or log.flushes[1] - log.flushes[0] >= EAGER_SECONDS


async def test_echoes_are_gathered_a_little_and_what_follows_waits() -> None:
    log = Log()
    log.pace.typed()
    while len(log.flushes) < EAGER_FLUSHES:
        log.grow()
        await asyncio.sleep(0)
    assert log.flushes[-1] - log.flushes[0] >= (EAGER_FLUSHES - 1) * EAGER_SECONDS / 2
    assert not log.pace.eager
    log.grow()
    await until(lambda: log.waiting == 0)
    assert log.flushes[-1] - log.flushes[-2] >= BATCH_SECONDS / 2
    log.pace.typed()
    assert log.pace.eager
    log.pace.cancel()


async def test_much_at_once_waits_for_no_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    ring = Pace._ring

    def noted(pace: Pace, wait: float, *, urgent: bool) -> None:
        waits.append(wait)
        ring(pace, wait, urgent=urgent)

    monkeypatch.setattr(Pace, "_ring", noted)
    log = Log()
    log.grow()
    assert waits == [BATCH_SECONDS]
    log.bytes = BULK
    log.waiting = 2
    await until(lambda: len(log.flushes) >= 2)
    assert waits[:2] == [BATCH_SECONDS, EAGER_SECONDS]
    log.pace.cancel()


async def test_a_busy_log_rests_where_its_source_tells_by_itself() -> None:
    asked: list[bool] = []

    def rest() -> bool:
        asked.append(True)
        return True

    log = Log()
    log.pace = Pace(asyncio.get_running_loop(), log.flush, rest)
    log.grow()
    assert not asked, "one line does not make it busy"
    assert log.pace._timer is not None
    log.grow()
    await until(lambda: log.pace.resting)
    assert log.pace._timer is None, "nobody looks in between"
    assert not log.pace.overslept(clock.monotonic())
    assert log.pace.overslept(clock.monotonic() + 1)
    log.pace.resting = False
    log.bytes = REST_BYTES + 1
    log.grow()
    await until(lambda: log.waiting == 0)
    assert not log.pace.resting, "much does not rest"
    log.pace.cancel()
