"""Nothing that the API's description allows, or forbids, is a fault of the server."""

from pathlib import Path

import pytest

from tests.support.fuzz import fuzz

pytestmark = pytest.mark.anyio


async def test_every_operation_a_few_times(tmp_path: Path) -> None:
    assert await fuzz(tmp_path, "--phases", "examples,fuzzing", "--max-examples", "2", seconds=600) > 300


async def test_every_edge_of_what_all_providers_share(tmp_path: Path) -> None:
    tags = ("Microsoft.Resources", "Microsoft.Authorization", "Microsoft.SerialConsole", "Operations")
    chosen = [word for tag in tags for word in ("--include-tag", tag)]
    assert await fuzz(tmp_path, "--phases", "coverage", *chosen, seconds=600) > 300
