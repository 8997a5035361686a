"""Recordings of broken guests printed once more, on ports that an agent watches: how soon it knows."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from guests.broken.recording import PRINTED, RESET
from outofband.agent.diagnostics.cursor import Cursor
from outofband.agent.diagnostics.untold import Untold
from outofband.agent.ports.broker import PortBroker
from outofband.agent.ports.hub import PortHub
from outofband.agent.ports.logged import LoggedSource
from outofband.agent.ports.spool import Spool
from outofband.core import clock
from outofband.wire.detect import Detector
from tests.corpus.measure import KNOWN, Case, cases
from tests.unit.agent.ports.peers import LoggedPort

pytestmark = pytest.mark.anyio

VM = "7a7d3c05-1c11-4f0c-8f5e-3f4f3d1d2c10"
PROMISED_S = 5.0
"""From byte to finding, for 95 of 100."""
GIVEN_UP_S = 20.0
SEEN = 0.85
"""Of the replays: what led there is printed at once, so a kernel's clock may be far ahead of the host's."""
WITH_TIME = {"LoginPromptMissing", "SacDisabled", "RebootLoop"}
"""Nothing that is printed decides these: it is that nothing more came, or that it came again."""


async def delay(case: Case, hub: PortHub, folder: Path) -> float | None:
    """Seconds from when the decisive byte was in the log of the port to when the agent has the finding.

    None when it never has it, which is counted elsewhere.
    """
    label = next(each for each in case.labelled.labels if not each.open and each.code not in WITH_TIME)
    folder.mkdir()
    port = LoggedPort(folder)
    spool = Spool(folder / "serial0.log", ring=16 * 1024 * 1024, reserve=256 * 1024)
    broker = PortBroker(VM, "0", spool, LoggedSource(hub, folder))
    await broker.open()
    untold, draw = Untold(), random.Random(case.name)
    late: list[Cursor] = []

    def behind(cursor: Cursor) -> None:
        late.append(cursor)

    cursor = Cursor(VM, broker, Detector, untold, behind)
    hub.add(cursor)

    def known() -> bool:
        while late:
            if not late[0].read(clock.wall()):
                late.pop().late = False
        return any(finding.code == label.code for finding in untold.of(VM, "0"))

    try:
        offset, boot, decided, shown = 0, 1, 0.0, 0
        spool.reset(boot)
        for event in case.recording.events:
            if event.kind == RESET:
                boot += 1
                spool.reset(boot)
            if event.kind != PRINTED:
                continue
            if offset + len(event.data) > label.offset:
                # The looks of the agent and the bytes of the guest know nothing of each other.
                pause = draw.uniform(0.5, 1.5) if not shown else min(2.0, (event.at - shown) / 1000)
                await asyncio.sleep(pause)
                shown = event.at
            await port.print(event.data)
            offset += len(event.data)
            if not decided and offset >= label.ends:
                decided = clock.monotonic()
            if decided and known():
                break
        while not known():
            if clock.monotonic() - decided > GIVEN_UP_S:
                return None
            await asyncio.sleep(0.01)
        return clock.monotonic() - decided
    finally:
        hub.remove(cursor)
        await broker.close()
        port.close()


async def test_the_agent_has_a_finding_soon_after_the_byte(tmp_path: Path) -> None:
    hub = PortHub()
    shown = [
        case
        for case in cases(KNOWN)
        if {each.code for each in case.labelled.labels if not each.open} - WITH_TIME
    ]
    try:
        told = await asyncio.gather(*(delay(case, hub, tmp_path / case.name) for case in shown))
    finally:
        hub.close()
    delays = sorted(each for each in told if each is not None)
    assert len(delays) >= SEEN * len(told)
    middle, most = delays[len(delays) // 2], delays[int(0.95 * (len(delays) - 1))]
    print(
        f"\nbyte to finding in the agent: {len(delays)} recordings, median {middle:.2f} s, p95 {most:.2f} s"
    )
    assert most <= PROMISED_S, delays
