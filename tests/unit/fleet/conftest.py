"""A control plane's link port, and a way to enrol agents at it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.actors import AgentPeer, HostKey
from tests.support.plane import Plane


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with Plane(tmp_path) as running:
        yield running


@pytest.fixture
async def agent(plane: Plane) -> AsyncIterator[AgentPeer]:
    """Enrolled, not connected yet."""
    key = HostKey()
    answer = await plane.fleet.enrol(key.enrolment(await plane.token(), "host-1"))
    peer = AgentPeer(key, answer, plane.client_context())
    yield peer
    await peer.kill()
