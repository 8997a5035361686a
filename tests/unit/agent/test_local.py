"""The agent's local socket: who is answered, and how each way of not being answered is told apart."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from outofband.agent import admin, local
from outofband.agent.admin import AdminSocket
from outofband.agent.halfway import Operation
from outofband.agent.instance import run_path
from outofband.agent.link import LinkState, LinkStatus
from outofband.agent.local import AgentStatus
from outofband.agent.state import save_identity
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.net import process
from tests.support.wait import WAIT
from tests.unit.agent.control_plane import Authority, identity


@pytest.fixture
def where(tmp_path: Path) -> StateDir:
    state = StateDir(tmp_path)
    save_identity(state, identity("https://control.test", Authority(tmp_path)))
    return state


def refused(ask: Callable[[], object]) -> Fault:
    with pytest.raises(Fault) as caught:
        ask()
    return caught.value


@contextmanager
def listening(where: StateDir, serve: Callable[[socket.socket], None]) -> Iterator[None]:
    """Something on the socket that does with one connection what it likes."""
    door = socket.socket(socket.AF_UNIX)
    with local.reachable(where.agent) as path:
        door.bind(path)
    door.listen()
    door.settimeout(WAIT)  # for nobody may come, where a test fails first

    def once() -> None:
        with door.accept()[0] as peer:
            serve(peer)

    thread = threading.Thread(target=once, daemon=True)
    thread.start()
    with door:
        yield
        thread.join()


def test_neither_an_agent_nor_an_identity(tmp_path: Path) -> None:
    assert refused(lambda: local.look(StateDir(tmp_path))).code == "AgentNotEnrolled"
    assert refused(lambda: local.status(StateDir(tmp_path))).code == "AgentServiceDown"


def test_an_identity_without_an_agent(where: StateDir) -> None:
    found = local.look(where)
    assert (found.running, found.connected, found.name, found.link) == (False, True, "host-1", "down")
    assert refused(lambda: local.key(where)).code == "AgentServiceDown"


def test_a_socket_that_a_killed_agent_left(where: StateDir) -> None:
    with socket.socket(socket.AF_UNIX) as door, local.reachable(where.agent) as path:
        door.bind(path)
    assert refused(lambda: local.status(where)).code == "AgentServiceDown"


def test_an_agent_that_hangs(where: StateDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "WORK_SECONDS", 0.2)
    gone = threading.Event()
    with listening(where, lambda peer: gone.wait(10) and None):
        fault = refused(lambda: local._ask(where, local.Status(), AgentStatus, 0.2))
        gone.set()
    assert (fault.code, fault.fields["path"]) == ("AgentServiceSilent", str(where.agent / local.SOCKET))


@pytest.mark.parametrize("answer", [b"", b"hello\n", b'{"value":', b"{}", b'{"value":{"running":1}}', b"[]"])
def test_what_is_no_answer(where: StateDir, answer: bytes) -> None:
    def serve(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(answer)

    with listening(where, serve):
        assert refused(lambda: local.status(where)).code == "AgentServiceGarbled"


class Desk:
    """Answers with what it was asked."""

    def __init__(self) -> None:
        self.asked: list[local.Question] = []

    async def answer(self, question: local.Question) -> object:
        self.asked.append(question)
        match question:
            case local.Status():
                return AgentStatus(running=True, agent="agent-1", name="host-1", arm="https://control.test")
            case local.Begin(Operation.DISCONNECT):
                raise Fault("AgentNotEnrolled", path="p")
            case local.Release():
                return None
        raise OSError("no")


@pytest.mark.anyio
async def test_an_agent_that_answers(where: StateDir) -> None:
    process.announce(run_path(where), state=where.root, ready=True)
    (where.agent / local.SOCKET).touch()  # what a killed agent leaves behind
    desk = Desk()
    door = AdminSocket(where, desk.answer)
    await door.open()
    assert stat.S_IMODE((where.agent / local.SOCKET).stat().st_mode) == 0o600
    for _ in range(3):
        assert (await asyncio.to_thread(local.look, where)).name == "host-1"
    await asyncio.to_thread(local.release, where)
    with pytest.raises(Fault, match="AgentNotEnrolled"):
        await asyncio.to_thread(local.begin, where, "disconnect", "/m", "c")
    assert desk.asked[-1] == local.Begin(Operation.DISCONNECT, "/m", "c")
    # A defect ends neither the agent nor the program that asked.
    with pytest.raises(Fault, match="InternalError"):
        await asyncio.to_thread(local.key, where)
    with pytest.raises(Fault, match="InternalError"):
        await asyncio.to_thread(local.enrol, where, server="s", token="secret")
    assert "secret" not in repr(desk.asked)
    for text in (b"\n", b'{"ask":"dance"}\n', b"x" * (local.MAX_QUESTION + 100)):
        answer = await asyncio.to_thread(local._converse, where.agent, text, 10.0)
        assert b'"code":"InvalidParameter"' in answer
    await door.close()
    assert not (where.agent / local.SOCKET).exists()


ASK = """
import os, sys
from pathlib import Path
from outofband.agent import local
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    local.status(StateDir(Path(sys.argv[1])))
except Fault as fault:
    print(fault.code)
"""


@pytest.mark.anyio
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
async def test_another_user_is_not_answered(where: StateDir) -> None:
    """Neither past the folder's mode, nor when that was opened for all."""
    desk = Desk()
    door = AdminSocket(where, desk.answer)
    await door.open()

    async def ask() -> str:
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", ASK, str(where.root)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return f"{done.stdout}{done.stderr[-300:]}".strip()

    for folder in (where.root, *where.root.parents):
        if folder.stat().st_mode & 0o001 == 0:
            folder.chmod(folder.stat().st_mode | 0o055)
    try:
        where.agent.chmod(0o700)
        assert await ask() == "AgentServiceDenied"
        where.agent.chmod(0o755)
        (where.agent / local.SOCKET).chmod(0o666)
        assert await ask() == "AgentServiceDenied"
        assert desk.asked == []
    finally:
        await door.close()


@pytest.mark.anyio
async def test_whose_question_comes_with_the_refusal_hears_it_whole(
    where: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = AdminSocket(where, Desk().answer)
    await door.open()
    with socket.socket(socket.AF_UNIX) as asking:

        def somebody(writer: asyncio.StreamWriter) -> int:
            asking.sendall(b'{"ask":"status"}\n')
            return 65534

        monkeypatch.setattr(admin, "_asking", somebody)
        asking.settimeout(10.0)
        asking.connect(str(where.agent / local.SOCKET))

        def heard() -> bytes:
            return b"".join(iter(lambda: asking.recv(4096), b""))

        assert b'"AgentServiceDenied"' in await asyncio.to_thread(heard)
    await door.close()


def test_a_problem_of_the_link_is_told_in_words() -> None:
    up = LinkStatus(state=LinkState.LINKED, since="")
    assert admin.link_words(up) is None
    down = LinkStatus(
        state=LinkState.WAITING, since="", code="ControlPlaneUnreachable", fields={"url": "U", "detail": "D"}
    )
    assert admin.link_words(down) == "No answer from U: D."
