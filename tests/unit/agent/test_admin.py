"""What the host's administrator is told when the agent is not there, or does not answer."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from outofband.agent import admin
from outofband.agent.admin import AdminSocket, AgentStatus
from outofband.agent.instance import run_path
from outofband.agent.link import LinkState, LinkStatus
from outofband.agent.state import save_identity
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.net import process
from tests.unit.agent.control_plane import Authority, identity


@pytest.fixture
def where(tmp_path: Path) -> StateDir:
    state = StateDir(tmp_path)
    save_identity(state, identity("https://control.test", Authority(tmp_path)))
    return state


def running(where: StateDir) -> None:
    process.announce(run_path(where), state=where.root, ready=True)


def answer() -> AgentStatus:
    return AgentStatus(running=True, agent="agent-1", name="host-1", arm="https://control.test", streams=3)


def test_no_identity(tmp_path: Path) -> None:
    with pytest.raises(Fault) as caught:
        admin.status(StateDir(tmp_path))
    assert caught.value.code == "AgentNotEnrolled"


def test_no_agent(where: StateDir) -> None:
    found = admin.status(where)
    assert (found.running, found.name, found.link) == (False, "host-1", "down")


def test_an_agent_that_does_not_answer(where: StateDir) -> None:
    running(where)
    with pytest.raises(Fault) as caught:
        admin.status(where)
    assert caught.value.code == "NotReady"


@pytest.mark.anyio
async def test_an_agent_that_answers(where: StateDir) -> None:
    running(where)
    (where.agent / admin.SOCKET).touch()  # what a killed agent leaves behind
    socket = AdminSocket(where, answer)
    await socket.open()
    assert stat.S_IMODE((where.agent / admin.SOCKET).stat().st_mode) == 0o600
    for _ in range(3):
        assert await asyncio.to_thread(admin.status, where) == answer()
    await socket.close()
    assert not (where.agent / admin.SOCKET).exists()


@pytest.mark.anyio
async def test_an_answer_that_is_none(where: StateDir, capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> AgentStatus:
        raise OSError("no")

    running(where)
    socket = AdminSocket(where, fails)
    await socket.open()
    with pytest.raises(Fault) as caught:
        await asyncio.to_thread(admin.status, where)
    assert caught.value.code == "NotReady"
    await socket.close()


def test_a_problem_of_the_link_is_told_in_words() -> None:
    up = LinkStatus(state=LinkState.LINKED, since="")
    assert admin.link_words(up) is None
    down = LinkStatus(
        state=LinkState.WAITING, since="", code="ControlPlaneUnreachable", fields={"url": "U", "detail": "D"}
    )
    assert admin.link_words(down) == "No answer from U: D."
