"""The failure detector on the corpus: what it finds, what it misses, what it makes up."""

import pytest

from tests.corpus.healthy import Log
from tests.corpus.measure import HELD_OUT, KNOWN, NEEDED, Player, measure, report

HEALTHY_SIZE = 5_000_000


@pytest.mark.parametrize("part", [KNOWN, HELD_OUT])
def test_the_detector_finds_what_recordings_show_and_nothing_else(part: str) -> None:
    result = measure(part)
    words = report(result)
    assert result.overall.recall >= NEEDED, words
    assert result.overall.precision >= NEEDED, words


def test_five_megabytes_of_healthy_log_raise_no_alarm() -> None:
    player, size = Player("check"), 0
    for event in Log("check").events(HEALTHY_SIZE):
        size += len(event.data)
        player.take(event)
    told = player.end()
    assert size >= HEALTHY_SIZE
    assert not told, "\n".join(f"{each.finding.code}: {each.finding.evidence}" for each in told[:20])
