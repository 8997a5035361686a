"""What every test shares: the event loop it runs on, and the mark that its folder implies.

A test under tests/peers, tests/nodes or tests/web needs real peers, one under tests/soak or tests/lab is
long: the folder says so, so that the file need not. A single test elsewhere carries the mark itself.
"""

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import settings

from tests.support import limit, warden
from tests.support.loop import Loop

TESTS = Path(__file__).parent
MARK_OF_FOLDER = {"peers": "peers", "nodes": "peers", "web": "peers", "soak": "soak", "lab": "soak"}
BROKEN = "exact-failed"
AFTER_SECONDS = 60.0
"""That a process of pytest may live on after its last test and its summary."""

# How long an example takes says how busy the machine is. Speed is measured in bench/.
settings.register_profile("outofband", deadline=None)
settings.load_profile("outofband")

# Without the locals of each frame: those of a control plane are megabytes, and minutes to print.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """The loop the product runs on. Session-wide, so that fixtures of any scope may be coroutines."""
    return "asyncio", {"loop_factory": Loop}


def pytest_configure(config: pytest.Config) -> None:
    config.stash[limit.SEEN] = os.dup(2)
    warden.begin()


def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> bool:
    limit.begin(item, settings.timeout)
    return True


def pytest_timeout_cancel_timer(item: pytest.Item) -> bool:
    limit.end(item)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Generator[None, None, None]:
    yield
    if hasattr(session.config, "workerinput"):
        return  # a worker waits for the others, and ends with its controller
    limit.last(session.config, AFTER_SECONDS, int(session.exitstatus))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    if config.getvalue("dist") != "loadfile":
        return None
    from tests.support.scheduling import FileScheduling

    return FileScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not item.path.is_relative_to(TESTS):
            continue
        mark = MARK_OF_FOLDER.get(item.path.relative_to(TESTS).parts[0])
        if mark is not None:
            item.add_marker(mark)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say in the report that a test marked `exact` failed itself: then it must not be tried again. Where
    what it needs did not come up, nothing was lost, it never began.
    """
    report = yield
    if report.failed and report.when != "setup" and item.get_closest_marker("exact") is not None:
        report.user_properties.append((BROKEN, report.nodeid))
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """For scripts/tests.sh, in the cache that it reads."""
    reports = [*terminalreporter.stats.get("failed", ()), *terminalreporter.stats.get("error", ())]
    names = {
        value for each in reports for name, value in getattr(each, "user_properties", ()) if name == BROKEN
    }
    if (cache := getattr(config, "cache", None)) is not None:
        cache.set(f"outofband/{BROKEN}", sorted(names))
