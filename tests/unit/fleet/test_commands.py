"""Commands: idempotent by key, sent again after every welcome, answered across restarts."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

from outofband.core.errors import Fault
from outofband.fleet import fleet
from outofband.store import tables
from outofband.wire import link
from outofband.wire.machine import Verb
from tests.support.actors import AgentPeer, HostKey
from tests.support.plane import VM, Plane
from tests.support.wait import promised, until

pytestmark = pytest.mark.anyio


def done(command: link.Command) -> link.Result:
    return link.Result(command.key, True, observed=f"{command.verb} was seen", data={"epoch": command.epoch})


async def test_a_command_is_answered_by_what_was_seen(plane: Plane, agent: AgentPeer) -> None:
    agent.answer = done
    await agent.connect()
    result = await plane.fleet.command(agent.identity.agent, "vm.start", VM, {"a": 1}, key="k1", epoch=3)
    assert result == link.Result("k1", True, observed="vm.start was seen", data={"epoch": 3})
    assert agent.commands == [link.Command("k1", "vm.start", VM, {"a": 1}, 3)]


async def test_a_repeat_gets_the_first_answer_and_asks_nobody(plane: Plane, agent: AgentPeer) -> None:
    agent.answer = done
    await agent.connect()
    first = await plane.fleet.command(agent.identity.agent, "vm.start", VM, key="k1")
    await agent.kill()
    assert await plane.fleet.command(agent.identity.agent, "vm.start", VM, key="k1") == first
    assert len(agent.commands) == 1


async def test_a_failure_is_raised_with_its_fields(plane: Plane, agent: AgentPeer) -> None:
    agent.answer = lambda c: link.Result(c.key, False, code="VmStartFailed", fields={"detail": "no disk"})
    await agent.connect()
    with pytest.raises(Fault) as failed:
        await plane.fleet.command(agent.identity.agent, "vm.start", VM, key="k1")
    assert (failed.value.code, failed.value.fields) == ("VmStartFailed", {"detail": "no disk"})


async def test_an_agent_without_a_link_is_said_to_be_offline(plane: Plane, agent: AgentPeer) -> None:
    with pytest.raises(Fault) as offline:
        await plane.fleet.command(agent.identity.agent, "vm.start", VM, key="k1")
    assert offline.value.code == "AgentOffline"
    assert offline.value.fields["host"] == "host-1"


async def test_a_silent_agent_runs_into_the_time_limit(plane: Plane, agent: AgentPeer) -> None:
    await agent.connect()
    with pytest.raises(Fault) as late:
        await plane.fleet.command(agent.identity.agent, "vm.start", VM, key="k1", timeout=0.2)
    assert late.value.code == "AgentTimeout"


async def test_an_agent_that_is_removed_meanwhile_ends_the_wait(plane: Plane, agent: AgentPeer) -> None:
    await agent.connect()
    waiting = asyncio.ensure_future(plane.fleet.command(agent.identity.agent, "vm.start", VM, key="k1"))
    await until(lambda: agent.commands)
    await plane.fleet.remove(agent.identity.agent)
    with pytest.raises(Fault, match="HostGone"):
        async with asyncio.timeout(promised(2.0)):
            await waiting


async def test_a_command_waits_for_its_agent(plane: Plane, agent: AgentPeer) -> None:
    agent.answer = done
    asked = asyncio.get_running_loop().create_task(
        plane.fleet.command(agent.identity.agent, "vm.start", VM, key="k1", require_online=False)
    )
    await asyncio.sleep(0)
    await agent.connect()
    assert (await asked).succeeded


async def test_what_is_unanswered_is_sent_again_after_a_welcome(plane: Plane, agent: AgentPeer) -> None:
    await agent.connect()
    asked = asyncio.get_running_loop().create_task(
        plane.fleet.command(agent.identity.agent, "vm.start", VM, key="k1")
    )
    await until(lambda: agent.commands)
    await agent.kill()
    agent.answer = done
    await agent.connect()
    assert (await asked).succeeded
    assert [command.key for command in agent.commands] == ["k1", "k1"]


async def test_an_answer_survives_the_control_plane(plane: Plane, agent: AgentPeer) -> None:
    await agent.connect()
    asked = asyncio.get_running_loop().create_task(
        plane.fleet.command(agent.identity.agent, "vm.start", VM, key="k1")
    )
    await until(lambda: agent.commands)
    asked.cancel()
    await agent.kill()
    await plane.stop()
    await plane.start()
    agent.answer = done
    await agent.connect()
    assert (await plane.fleet.command(agent.identity.agent, "vm.start", VM, key="k1")).succeeded


async def test_a_command_that_ran_out_of_time_is_sent_when_it_is_asked_for_again(
    plane: Plane, agent: AgentPeer
) -> None:
    who = agent.identity.agent
    with pytest.raises(Fault, match="AgentTimeout"):
        await plane.fleet.command(who, "vm.start", VM, key="old", timeout=0.05, require_online=False)
    agent.answer = done
    await agent.connect()
    await plane.fleet.command(who, "vm.stop", VM, key="new")
    assert [command.key for command in agent.commands] == ["new"]
    assert (await plane.fleet.command(who, "vm.start", VM, key="old")).succeeded


async def test_only_the_agent_that_was_asked_can_answer(plane: Plane, agent: AgentPeer) -> None:
    other_key = HostKey()
    answer = await plane.fleet.enrol(other_key.enrolment(await plane.token(), "host-2"))
    await agent.connect()
    asked = asyncio.get_running_loop().create_task(
        plane.fleet.command(agent.identity.agent, "vm.start", VM, key="k1", timeout=5)
    )
    await until(lambda: agent.commands)
    async with AgentPeer(other_key, answer, plane.client_context()) as other:
        await other.send(link.Result("k1", True, observed="a lie"))
        await other.send(link.VmGone(VM))
        await agent.send(link.Result("k1", True, observed="the truth"))
        assert (await asked).observed == "the truth"


async def test_commands_are_sent_in_the_order_they_were_given(plane: Plane, agent: AgentPeer) -> None:
    agent.answer = done
    await agent.connect()
    for number in range(20):
        await plane.fleet.command(agent.identity.agent, "vm.nmi", VM, key=f"k{number}")
    assert [command.key for command in agent.commands] == [f"k{number}" for number in range(20)]


async def test_a_question_is_answered_and_kept_nowhere(plane: Plane, agent: AgentPeer) -> None:
    agent.answer = done
    await agent.connect()
    result = await plane.fleet.ask(agent.identity.agent, Verb.TAIL, VM, {"lines": 2}, epoch=3)
    assert (result.observed, result.data) == ("vm.tail was seen", {"epoch": 3})
    (command,) = agent.commands
    assert (command.verb, command.vm, command.args) == ("vm.tail", VM, {"lines": 2})
    async with plane.store.read() as tx:
        assert await plane.store.outbox.get(tx, command.key) is None


async def test_a_question_through_another_node_is_kept_nowhere_either(
    plane: Plane, agent: AgentPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.answer = lambda command: link.Result(command.key, True, data={"text": "secret"})
    await agent.connect()
    # As where the link is another node's: only the outbox reaches the agent.
    monkeypatch.setattr(plane.fleet._hosts, "link", lambda _: None)
    result = await plane.fleet.ask(agent.identity.agent, Verb.TAIL, VM, epoch=3)
    assert result.data == {"text": "secret"}
    async with plane.store.read() as tx:
        assert "secret" not in str(await tx.fetch(sa.select(tables.commands)))
    # What comes after it goes to the agent all the same.
    assert (await plane.fleet.ask(agent.identity.agent, Verb.TAIL, VM, epoch=3)).succeeded


async def test_a_question_that_is_refused_or_not_answered(plane: Plane, agent: AgentPeer) -> None:
    async def code(seconds: float = 20.0) -> str:
        with pytest.raises(Fault) as failed:
            await plane.fleet.ask(agent.identity.agent, Verb.TAIL, VM, epoch=1, timeout=seconds)
        return failed.value.code

    assert await code() == "AgentOffline"
    agent.answer = lambda c: link.Result(c.key, False, code="VmUnknownToHost", fields={"vm": VM})
    await agent.connect()
    assert await code() == "VmUnknownToHost"
    agent.answer = lambda _: None
    assert await code(0.1) == "AgentTimeout"
    # Its own late answer is not taken for that of another question.
    await agent.send(link.Result(agent.commands[-1].key, True, observed="late"))
    asked = asyncio.get_running_loop().create_task(code())
    await until(lambda: len(agent.commands) == 3)
    await agent.kill()
    assert await asked == "AgentOffline"


async def test_questions_are_bounded(plane: Plane, agent: AgentPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outofband.fleet.commands.MAX_QUESTIONS", 0)
    await agent.connect()
    with pytest.raises(Fault) as failed:
        await plane.fleet.ask(agent.identity.agent, Verb.TAIL, VM, epoch=1)
    assert failed.value.code == "TooManyRequests"


async def test_a_command_whose_ring_was_lost_is_sent_all_the_same(
    plane: Plane, agent: AgentPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.answer = done
    await agent.connect()
    with monkeypatch.context() as broken:
        broken.setattr(plane.store.bell, "ring_here", lambda _: None)
        row = await plane.fleet._commands.put(
            agent.identity.agent, "vm.start", VM, {}, key="k1", epoch=1, seconds=60
        )
    [link] = plane.fleet.switchboard.links
    assert link.sent_up_to < row.sequence
    monkeypatch.setattr(fleet, "REREAD_SECONDS", 0.0)
    await until(lambda: agent.commands)
    assert [each.key for each in agent.commands] == ["k1"]
