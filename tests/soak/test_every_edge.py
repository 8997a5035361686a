"""Every edge of every operation in the API's description: nothing is a fault of the server."""

from pathlib import Path

import pytest

from tests.support.fuzz import fuzz

pytestmark = pytest.mark.anyio


async def test_every_edge_of_everything(tmp_path: Path) -> None:
    words = ("--phases", "examples,coverage,fuzzing", "--max-examples", "10")
    assert await fuzz(tmp_path, *words, seconds=3600) > 5000
