"""A gateway with one connected agent, and viewers for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from outofband.core.principal import Principal
from outofband.wire.console import Attached
from tests.support.actors import AgentPeer, HostKey, Viewer, viewer
from tests.support.plane import Plane
from tests.support.wait import until

Attach = Callable[..., Awaitable[Viewer]]


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with Plane(tmp_path) as running:
        yield running


@pytest.fixture
async def agent(plane: Plane) -> AsyncIterator[AgentPeer]:
    key = HostKey()
    answer = await plane.fleet.enrol(key.enrolment(await plane.token(), "host-1"))
    async with AgentPeer(key, answer, plane.client_context()) as peer:
        yield peer


@pytest.fixture
async def attach(plane: Plane, agent: AgentPeer) -> AsyncIterator[Attach]:
    """Connect, open a viewer, and wait until it is attached (unless `wait=False`)."""
    async with AsyncExitStack() as stack:

        async def do(
            *, who: Principal | None = None, wait: bool = True, again: Viewer | None = None, **options: Any
        ) -> Viewer:
            resume = None if again is None else again.connection.session
            connection = await plane.connect(agent.identity.agent, who=who, resume_session=resume)
            made = again or await stack.enter_async_context(viewer(plane.client_context(), **options))
            made.connection = connection
            seen = len(made.events)
            await made.open(connection.url, connection.ticket)
            if wait:
                await until(lambda: any(isinstance(event, Attached) for event in made.events[seen:]))
            return made

        yield do
