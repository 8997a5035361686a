"""A host with a state directory of its own, and what its machines talk to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from outofband.agent.machines.registry import Machines
from outofband.core.paths import StateDir
from tests.unit.agent.machines.peers import SerialServer

CONFIG = """\
[images.none]
kernel = "no-such-kernel"
[sockets.router]
path = "{socket}"
[programs.cat]
command = ["cat"]
[programs.greet]
command = ["sh", "-c", "echo hello $WHO; exit 3"]
env = {{ WHO = "world" }}
[programs.missing]
command = ["/no/such/program"]
[programs.stubborn]
command = ["sh", "-c", "trap '' HUP TERM; echo deaf; while :; do sleep 1; done"]
[limits]
ring_mib = 1
reserve_mib = 1
"""


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    return StateDir(tmp_path / "state")


@pytest.fixture
def configure(state: StateDir, tmp_path: Path) -> Callable[[str], None]:
    """Write agent.toml; the text is added to what every test has."""

    def write(more: str = "") -> None:
        state.agent.mkdir(parents=True, exist_ok=True)
        text = CONFIG.format(socket=tmp_path / "router.sock") + more
        (state.agent / "agent.toml").write_text(text)

    write()
    return write


@pytest.fixture
async def machines(state: StateDir, configure: Callable[[str], None]) -> AsyncIterator[Machines]:
    machines = Machines(state, name="host1")
    await machines.load()
    yield machines
    for report in machines.reports():
        await machines.delete(report.vm)
    await machines.close()


@pytest.fixture
async def router(tmp_path: Path) -> AsyncIterator[SerialServer]:
    """The machine behind the socket that the host calls `router`."""
    server = SerialServer(tmp_path / "router.sock")
    await server.listen()
    yield server
    await server.close()
