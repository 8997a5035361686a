"""Sessions ended from above: both sides are told, at once."""

from __future__ import annotations

import asyncio

import pytest

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.wire import stream
from outofband.wire.console import Ended
from outofband.wire.grant import Mode
from tests.support.actors import AgentPeer, Viewer
from tests.support.plane import SUBSCRIPTION, VM, VM_ID, Plane, person
from tests.support.wait import promised, until
from tests.unit.consoles.conftest import Attach

pytestmark = pytest.mark.anyio


async def end_of(there: Viewer) -> Ended:
    await until(lambda: there.ended)
    assert there.ended is not None
    return there.ended


@pytest.mark.parametrize(
    "condition",
    [
        {"subscription": SUBSCRIPTION.upper()},
        {"vm": VM_ID.upper()},
        {"vm": VM},
        {"principal": person().object_id},
        {"subscription": SUBSCRIPTION, "vm": VM},
    ],
)
async def test_what_matches_is_ended_and_both_sides_are_told(
    plane: Plane, agent: AgentPeer, attach: Attach, condition: dict[str, str]
) -> None:
    there = await attach()
    started = clock.monotonic()
    code = "ConsoleDisabledForSubscription"
    assert await plane.sessions.end_where(**condition, code=code, subscription_name="S") == 1
    ended = await end_of(there)
    assert (ended.code, ended.resumable) == (code, False)
    await until(lambda: agent.ends)
    assert (agent.ends[0].session, agent.ends[0].code) == (there.connection.session, code)
    await until(lambda: agent.carriers[0].closed == 1000)
    assert clock.monotonic() - started < promised(2.0)


async def test_what_does_not_match_goes_on(plane: Plane, agent: AgentPeer, attach: Attach) -> None:
    there = await attach()
    other = "99999999-9999-4999-8999-999999999999"
    assert await plane.sessions.end_where(subscription=other, code="SessionEnded") == 0
    assert await plane.sessions.end_where(subscription=SUBSCRIPTION, vm=other, code="SessionEnded") == 0
    with pytest.raises(ValueError, match="at least one"):
        await plane.sessions.end_where(code="SessionEnded")
    agent.grow(b"alive")
    await until(lambda: there.output == b"alive")


async def test_one_persons_sessions_end_and_anothers_go_on(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    alice, bob = await attach(), await attach(who=person("bob"))
    assert (
        await plane.sessions.end_where(principal=person("bob").object_id, code="AccessRevoked", action="a")
        == 1
    )
    assert (await end_of(bob)).code == "AccessRevoked"
    assert alice.ended is None


async def test_a_right_that_is_taken_away_ends_the_session(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    there = await attach()
    plane.permissions.refusal = Fault(
        "AccessRevoked", action="Microsoft.SerialConsole/serialPorts/connect/action"
    )
    ended = await end_of(there)
    assert (ended.code, ended.resumable) == ("AccessRevoked", False)
    assert ended.fields["action"].endswith("connect/action")
    await until(lambda: agent.ends)


async def test_a_right_to_write_that_is_taken_away_is_told_to_the_agent(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    there = await attach()
    plane.permissions.granted = frozenset({Mode.OBSERVE})
    await until(lambda: [f for f in agent.carriers[0].frames if isinstance(f, stream.Control)])
    assert there.ended is None


async def test_a_store_that_is_away_for_a_moment_ends_nothing(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    there = await attach()
    plane.permissions.refusal = Fault("StoreBusy")
    asked = plane.permissions.asked
    await until(lambda: plane.permissions.asked > asked + 2)
    agent.grow(b"still here")
    await until(lambda: there.output == b"still here")
    assert there.ended is None


async def test_the_agents_goodbye_frees_its_session(plane: Plane, agent: AgentPeer, attach: Attach) -> None:
    there = await attach()
    await agent.carriers[0].send(stream.Close("PortUnavailable", {"detail": "gone"}))
    assert (await end_of(there)).code == "PortUnavailable"
    await until(lambda: not plane.sessions.live)


async def test_words_of_a_host_that_cannot_be_told_end_the_session_all_the_same(
    plane: Plane, agent: AgentPeer, attach: Attach
) -> None:
    """Nested just so deep that they can be read: whoever has such a host must not fill the table."""
    for depth in range(925, 960):
        there = await attach()
        session = there.connection.session
        carrier = agent.carriers[-1]
        nested = b"[" * depth + b"]" * depth
        await carrier.socket.send(b'\x04{"code":"TakenOver","fields":{"by":' + nested + b"}}")
        await until(lambda carrier=carrier: carrier.closed)
        await there.drop()
        await until(lambda session=session: session not in plane.sessions._live)


async def test_a_session_that_breaks_while_it_ends_leaves_no_trace(
    plane: Plane, agent: AgentPeer, attach: Attach, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a place that is taken for ever, nor somebody who waits for its end."""
    there = await attach()
    session = plane.sessions._live[there.connection.session]

    def broken(close: stream.Close) -> None:
        raise ValueError("a defect")

    monkeypatch.setattr(session.viewer, "tell_and_finish", broken)
    assert await plane.sessions.end_where(vm=VM, code="SessionEnded", detail="test") == 1
    await until(lambda: not plane.sessions._live)
    await asyncio.wait_for(session.replace(), 5)

    async def noted() -> bool:
        async with plane.store.read() as tx:
            row = await plane.store.sessions.get(tx, there.connection.session)
        return row is not None and row.reason == "InternalError"

    await until(noted)
