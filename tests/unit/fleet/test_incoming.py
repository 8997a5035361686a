"""What agents may say on their links, and what is too much."""

from __future__ import annotations

from typing import Any

import pytest

from outofband.fleet import incoming
from outofband.wire import link
from outofband.wire.machine import AgentReport
from tests.support.actors import AgentPeer
from tests.support.plane import VM, Plane
from tests.support.wait import until

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("message", [link.WantPlaces(["x" * 100_000]), link.Stored("x" * 100_000, "0")])
async def test_names_that_are_none_end_the_link(
    plane: Plane, agent: AgentPeer, message: link.AgentMessage
) -> None:
    asked: list[str] = []

    async def place(_: str, vm: str) -> link.Place:
        asked.append(vm)
        return link.Place(vm=vm)

    async def stored(_: str, vm: str, port: str) -> None:
        asked.append(vm)

    plane.fleet.incoming.on_places, plane.fleet.incoming.on_stored = place, stored
    await agent.connect()
    await agent.send(link.WantPlaces([VM]))
    await until(lambda: asked == [VM])
    # An answer repeats what was asked, thousands may wait for an agent that does not read.
    await agent.send(message)
    await until(lambda: not plane.fleet.connected(agent.identity.agent))
    assert asked == [VM]


async def test_what_is_too_much_of_a_beat_is_not_kept(plane: Plane, agent: AgentPeer) -> None:
    async def beat() -> Any:
        async with plane.store.read() as tx:
            row = await plane.store.agents.get(tx, agent.identity.agent)
        return row and row.beat

    await agent.connect()
    fit, much = {"himds": "running"}, {"himds": "x" * incoming.MAX_BEAT}
    await agent.send(link.Beat(AgentReport(services=fit, errors=[{"code": "C", "message": "m"}])))
    # The newest is what is written, some time later.
    await agent.send(link.Beat(AgentReport(services=much)))
    kept = await until(beat)
    assert kept["services"] == {"himds": "running"}
    assert kept["errors"] == [{"code": "C", "message": "m"}]
