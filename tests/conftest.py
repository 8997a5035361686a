"""What every test shares: the event loop it runs on, and the mark that its folder implies.

A test under tests/peers, tests/nodes or tests/web needs real peers, one under tests/soak is long: the folder
says so, so that the file need not. A single test elsewhere carries the mark itself.
"""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
MARK_OF_FOLDER = {"peers": "peers", "nodes": "peers", "web": "peers", "soak": "soak"}


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The loop the product runs on. Session-wide, so that fixtures of any scope may be coroutines."""
    return "asyncio", {"use_uvloop": True}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not item.path.is_relative_to(TESTS):
            continue
        mark = MARK_OF_FOLDER.get(item.path.relative_to(TESTS).parts[0])
        if mark is not None:
            item.add_marker(mark)
