"""Recipes still make what the labels of the corpus say: real guests broken anew, the quick ones of them."""

from pathlib import Path

import pytest

from guests.broken.__main__ import record
from tests.corpus.measure import Case, Player, Result, judge, report
from tests.peers.guest import cache_folder

pytestmark = pytest.mark.peers


@pytest.fixture
def house() -> Path:
    return cache_folder() / "broken"


@pytest.mark.parametrize("name", ["panic-init-ends", "grub-nothing", "bios-empty-cd"])
def test_a_guest_broken_anew_shows_it_and_the_detector_says_so(name: str, house: Path) -> None:
    recording, labelled = record(name, house)
    assert labelled.labels
    result = Result()
    judge(Case(name, recording, labelled), Player(name).play(recording), result)
    assert not result.problems, report(result)
