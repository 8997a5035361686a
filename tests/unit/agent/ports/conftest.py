"""A hub and a port as a hypervisor offers it, for the tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outofband.agent.ports.broker import PortBroker
from outofband.agent.ports.hub import PortHub
from outofband.agent.ports.logged import LoggedSource
from outofband.agent.ports.spool import Spool
from tests.unit.agent.ports.peers import LoggedPort


@pytest.fixture
async def hub(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PortHub]:
    """With a look ten times as often as usual, so that nobody waits for it."""
    monkeypatch.setattr("outofband.agent.ports.hub.LOOK_SECONDS", 0.1)
    hub = PortHub()
    yield hub
    hub.close()


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[LoggedPort]:
    port = LoggedPort(tmp_path)
    yield port
    port.close()


@pytest.fixture
async def broker(hub: PortHub, port: LoggedPort) -> AsyncIterator[PortBroker]:
    spool = Spool(port.directory / "serial0.log", ring=1024 * 1024, reserve=256 * 1024)
    broker = PortBroker("vm", "0", spool, LoggedSource(hub, port.directory))
    await broker.open()
    yield broker
    await broker.close()
