"""A hundred megabytes of healthy log, and nothing is told about it."""

import time

import pytest

from tests.corpus.healthy import Log
from tests.corpus.measure import Player

pytestmark = pytest.mark.soak
SIZE = 100 * 10**6


def test_a_hundred_megabytes_of_healthy_log_raise_no_alarm() -> None:
    player, size, lines, began = Player("soak"), 0, 0, time.process_time()
    for event in Log("soak").events(SIZE):
        size += len(event.data)
        lines += event.data.count(b"\n")
        player.take(event)
    told = player.end()
    spent = time.process_time() - began
    cost = spent / size * 1e9
    print(
        f"\nhealthy log: {size / 1e6:.0f} MB, {lines} lines, {len(told)} findings, {cost:.0f} ms CPU per MB"
    )
    assert not told, "\n".join(
        f"{each.finding.code} at {each.offset}: {each.finding.evidence}" for each in told[:20]
    )
