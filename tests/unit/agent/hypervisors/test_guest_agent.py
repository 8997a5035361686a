"""The way into a guest, with an imitated agent at the other end of the socket: it answers, hangs, or lies."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from outofband.agent.hypervisors import guest_agent as module
from outofband.agent.hypervisors.guest_agent import GuestAgent
from outofband.core.errors import Fault
from outofband.wire.guest_agent import MAX_LINE

pytestmark = pytest.mark.anyio


class Guest:
    """`answers` has what is returned for a command: a value, an error, or a function of the arguments."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.open: bool | None = True
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, Any] = {"guest-ping": {}}
        self.raw: bytes | None = None
        self.mute = False
        self.ears = asyncio.Event()
        self.ears.set()
        self.talking = 0
        self.most = 0

    async def listens(self) -> bool | None:
        return self.open

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.talking += 1
        self.most = max(self.most, self.talking)
        with contextlib.suppress(ConnectionError):
            await self._answer(reader, writer)
        self.talking -= 1
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            await self.ears.wait()
            if self.mute:
                continue
            asked = json.loads(line.lstrip(b"\xff"))
            command, arguments = asked["execute"], asked.get("arguments", {})
            if command == "guest-sync-delimited":
                writer.write(b'{"return": "of another"}\n\xff' + _line({"return": arguments["id"]}))
                continue
            self.asked.append((command, arguments))
            if self.raw is not None:
                writer.write(self.raw)
                continue
            answer = self.answers.get(command, {"error": {"class": "CommandNotFound", "desc": "no"}})
            answer = answer(arguments) if callable(answer) else answer
            writer.write(
                _line(answer if isinstance(answer, dict) and "error" in answer else {"return": answer})
            )


def _line(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


@pytest.fixture
async def guest(tmp_path: Path) -> AsyncIterator[Guest]:
    made = Guest(tmp_path)
    async with await asyncio.start_unix_server(made.serve, tmp_path / "guest.sock", limit=MAX_LINE):
        yield made


@pytest.fixture
def agent(tmp_path: Path, guest: Guest) -> GuestAgent:
    return GuestAgent("demo", tmp_path, "guest.sock", guest.listens)


async def refused(code: str, act: Callable[[], Any]) -> dict[str, Any]:
    with pytest.raises(Fault) as caught:
        await act()
    assert caught.value.code == code, caught.value
    return caught.value.fields


async def test_a_conversation_begins_in_step(agent: GuestAgent, guest: Guest) -> None:
    for _ in range(2):
        async with agent.talk() as talk:
            await talk.ping()
    assert [command for command, _ in guest.asked] == ["guest-ping", "guest-ping"]


async def test_conversations_take_turns(agent: GuestAgent, guest: Guest) -> None:
    async def once() -> None:
        async with agent.talk() as talk:
            await talk.ping()
            await asyncio.sleep(0)

    await asyncio.gather(*(once() for _ in range(8)))
    assert guest.most == 1


async def test_nobody_there_and_nobody_answering(
    agent: GuestAgent, guest: Guest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def talk() -> None:
        async with agent.talk():
            pass

    guest.open = False
    await refused("GuestAgentAbsent", talk)
    guest.open, guest.mute = True, True
    monkeypatch.setattr(module, "SYNC_SECONDS", 0.05)
    assert (await refused("GuestAgentSilent", talk))["vm"] == "demo"
    guest.open = None
    await refused("GuestAgentSilent", talk)
    other = GuestAgent("old", tmp_path, "no.sock", guest.listens)
    with pytest.raises(Fault, match="GuestChannelMissing"):
        async with other.talk():
            pass


async def test_an_agent_that_goes_while_it_is_asked(agent: GuestAgent, guest: Guest) -> None:
    async with agent.talk() as talk:
        guest.mute, guest.open = True, False
        await refused("GuestAgentAbsent", lambda: talk.call("guest-ping", timeout=0.05))


async def test_refusals_in_the_agents_words(agent: GuestAgent, guest: Guest) -> None:
    guest.answers["guest-exec"] = {"error": {"class": "GenericError", "desc": "no such program"}}
    disabled = "Command guest-file-open has been disabled: the command is not allowed"
    guest.answers["guest-file-open"] = {"error": {"class": "CommandNotFound", "desc": disabled}}
    async with agent.talk() as talk:
        fields = await refused("GuestAgentRefused", lambda: talk.run("/x", [], seconds=5))
        assert fields["detail"] == "no such program"
        await refused("GuestCommandDisabled", lambda: talk.read("/etc/hostname", 10))
        await refused("GuestCommandDisabled", lambda: talk.call("guest-dance"))
        await talk.ping()


@pytest.mark.parametrize(
    "raw", [b"nonsense\n", b'{"return": []}\n', b'{"return": {"pid": "x"}}\n', b"x" * (2 * MAX_LINE) + b"\n"]
)
async def test_a_guest_that_lies_is_found_out(agent: GuestAgent, guest: Guest, raw: bytes) -> None:
    guest.raw = raw
    async with agent.talk() as talk:
        await refused("GuestAgentBroken", lambda: talk.start("/bin/sh", [], capture=False))


async def test_a_program_is_watched_to_its_end(agent: GuestAgent, guest: Guest) -> None:
    left = iter([{"exited": False}, {"exited": False}])
    end = {
        "exited": True,
        "exitcode": 3,
        "out-data": base64.b64encode(b"much").decode(),
        "out-truncated": True,
    }
    guest.answers["guest-exec"] = {"pid": 5}
    guest.answers["guest-exec-status"] = lambda _: next(left, end)
    async with agent.talk() as talk:
        ended = await talk.run("/bin/sh", ["-c", "x"], b"in\xff", seconds=30)
    assert (ended.status, ended.signal, ended.out, ended.truncated) == (3, None, b"much", True)
    asked = guest.asked[0][1]
    assert base64.b64decode(asked["input-data"]) == b"in\xff"
    assert asked["arg"] == ["-c", "x"]


async def test_a_password_is_not_sent_as_it_is(agent: GuestAgent, guest: Guest) -> None:
    guest.answers["guest-set-user-password"] = {}
    async with agent.talk() as talk:
        await talk.set_password("bob", "caf\u00e9")
    assert guest.asked == [
        ("guest-set-user-password", {"username": "bob", "password": "Y2Fmw6k=", "crypted": False})
    ]


async def test_a_file_that_ends_under_the_reader_is_closed(agent: GuestAgent, guest: Guest) -> None:
    gone = {"error": {"class": "GenericError", "desc": "failed to read file: No such process"}}
    guest.answers |= {"guest-file-open": 1000, "guest-file-read": gone, "guest-file-close": {}}
    async with agent.talk() as talk:
        assert await talk.read("/proc/7/stat", 100) is None
    assert guest.asked[-1] == ("guest-file-close", {"handle": 1000})


async def test_a_file_without_progress_has_an_end(agent: GuestAgent, guest: Guest) -> None:
    stuck = {"count": 5, "buf-b64": "", "eof": False}
    guest.answers |= {"guest-file-open": 1000, "guest-file-read": stuck, "guest-file-close": {}}
    async with asyncio.timeout(30), agent.talk() as talk:
        assert await talk.read("/etc/hostname", 100) == b""


async def test_a_guest_that_is_always_a_little_late_keeps_nobody(
    agent: GuestAgent, guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop = {"count": 1, "buf-b64": "YQ==", "eof": False}
    guest.answers |= {"guest-file-open": 1000, "guest-file-read": drop, "guest-file-close": {}}
    monkeypatch.setattr(module, "TALK_SECONDS", 0.3)

    async def read() -> None:
        async with agent.talk() as talk:
            await talk.read("/etc/hostname", 10**9)

    async with asyncio.timeout(30):
        await refused("GuestAgentSilent", read)


async def test_a_guest_that_falls_silent_at_the_end_of_a_file_is_no_ready_one(
    agent: GuestAgent, guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def last(_: dict[str, Any]) -> dict[str, Any]:
        guest.mute = True
        return {"count": 1, "buf-b64": "YQ==", "eof": True}

    guest.answers |= {"guest-file-open": 1000, "guest-file-read": last}
    monkeypatch.setattr(module, "TALK_SECONDS", 0.5)

    async def two() -> None:
        async with agent.talk() as talk:
            await talk.read("/etc/hostname", 100)
            await talk.read("/etc/hosts", 100)

    async with asyncio.timeout(30):
        await refused("GuestAgentSilent", two)


async def test_a_guest_that_does_not_read_keeps_no_turn(agent: GuestAgent, guest: Guest) -> None:
    async def much() -> None:
        async with agent.talk() as talk:
            guest.ears.clear()
            await talk.call("guest-exec", timeout=0.1, arg=["x" * 1_000_000])

    async with asyncio.timeout(30):
        await refused("GuestAgentSilent", much)
        guest.ears.set()
        async with agent.talk() as talk:
            await talk.ping()
