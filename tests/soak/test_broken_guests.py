"""Every recipe of the corpus, made anew: it shows what it is there for, and little of it is missed."""

import pytest

from guests.broken.__main__ import record
from guests.broken.machine import NotSeen
from guests.broken.registry import RECIPES
from guests.packages import GuestError
from tests.corpus.measure import NEEDED, Case, Player, Result, judge, report
from tests.peers.guest import cache_folder

pytestmark = pytest.mark.soak


def test_all_guests_broken_anew() -> None:
    result, codes, failed = Result(), set[str](), list[str]()
    for name in sorted(RECIPES):
        try:
            recording, labelled = record(name, cache_folder() / "broken")
        except (NotSeen, GuestError) as problem:
            # The others take hours, and are worth their figures.
            failed.append(f"{name}: {problem}")
            continue
        codes |= {label.code for label in labelled.labels}
        judge(Case(name, recording, labelled), Player(name).play(recording), result)
        print(f"{name}: {len(recording.bytes)} bytes, {len(labelled.labels)} labels")
    print(report(result))
    assert failed == []
    assert len(codes) == 20
    assert result.overall.recall >= NEEDED, report(result)
    assert result.overall.precision >= NEEDED, report(result)
