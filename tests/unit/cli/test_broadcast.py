"""`oob broadcast` against a far side: who is left out, what is typed, what each is said to have answered."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any, NamedTuple

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from outofband.core.errors import Fault
from outofband.wire import stream
from outofband.wire.grant import Mode
from tests.support.terminal import Terminal
from tests.support.wait import until
from tests.unit.client.far import Far, Script, Visit, refusal

pytestmark = [pytest.mark.anyio, pytest.mark.peers]
OOB = [sys.executable, "-m", "outofband.cli"]
PROMPT = b"demo@demo:~$ "


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def told(self) -> Any:
        return json.loads(self.out)["consoles"]

    @property
    def error(self) -> str:
        return str(json.loads(self.err.splitlines()[-1])["error"]["code"])


async def oob(far: Far, *arguments: str, said: bytes = b"") -> Done:
    child = await asyncio.create_subprocess_exec(
        *OOB,
        "broadcast",
        "--at-once",
        "1",
        *arguments,
        env={**os.environ, "OOB_STATE": str(far.folder / "state")},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(child.communicate(said), 60)
    assert child.returncode is not None
    return Done(child.returncode, out.decode(), err.decode())


async def shown(visit: Visit, state: str, printed: bytes, **more: Any) -> None:
    assert visit.first.mode is Mode.OBSERVE, "nobody's keyboard is taken by a look"
    assert visit.first.takes == ("state",)
    await visit.attached(0, live=len(printed), mode=Mode.OBSERVE, **more)
    await visit.send(stream.Notice("state", {"state": state}))
    await visit.output(0, printed)


def looked(state: str, printed: bytes, **more: Any) -> Script:
    async def script(visit: Visit) -> None:
        await shown(visit, state, printed, **more)
        await visit.gone()

    return script


def typed(into: list[bytes], *answers: tuple[bytes, bytes]) -> Script:
    """At a shell: what is typed, and what the guest prints then, again and again."""

    async def script(visit: Visit) -> None:
        await shown(visit, "shell", PROMPT)
        assert await visit.next() == stream.Control("ask", {})
        await visit.send(stream.Notice("writer", {"writer": "me", "mode": "write"}))
        at, size = len(PROMPT), 0
        for keys, printed in answers:
            size += len(keys)
            into.append((await visit.read(size))[-len(keys) :])
            await visit.output(at, printed)
            at += len(printed)
        await visit.gone()

    return script


async def test_one_is_left_out_and_the_other_answers(far: Far) -> None:
    into: list[bytes] = []
    far.scripts += [looked("login", b"demo login: "), looked("shell", PROMPT)]
    far.scripts.append(typed(into, (b"uname\r", b"uname\r\nLinux\r\n" + PROMPT)))
    done = await oob(far, "web1", "web2", "--line", "uname", "--yes", "-o", "json")
    assert (done.code, done.error) == (1, "BroadcastIncomplete")
    out, right = done.told
    assert (out["vm"], out["obstacle"], out["typed"]) == ("web1", {"kind": "otherState", "about": "login"}, 0)
    assert (right["vm"], right["outcome"], right["output"]) == ("web2", "done", ["Linux"])
    assert (right["right"], right["echoed"], right["line"]) == (True, True, PROMPT.decode().rstrip())
    assert into == [b"uname\r"]
    assert [path.split("/")[-6] for _, path, _ in far.asked] == ["web1", "web2", "web2"]


async def test_all_right_is_exit_code_0_and_is_told(far: Far) -> None:
    into: list[bytes] = []
    far.scripts += [looked("shell", PROMPT)]
    answer = (b"cd /\r", b"cd /\r\ndemo@demo:/$ "), (b"ls\r", b"ls\r\nbin\r\ndemo@demo:/$ ")
    far.scripts.append(typed(into, *answer))
    done = await oob(far, "web1", "WEB1", "--file", "-", "--yes", said=b"cd /\nls\n")
    assert (done.code, into) == (0, [b"cd /\r", b"ls\r"])
    assert "web1  shell         demo@demo:~$   ready" in done.out
    assert "web1: done\n  bin\n" in done.out


async def test_the_status_counts(far: Far) -> None:
    async def shell(visit: Visit) -> None:
        await shown(visit, "shell", PROMPT)
        await visit.next()
        await visit.send(stream.Notice("writer", {"writer": "me", "mode": "write"}))
        await visit.read(6)
        first = b"false\r\n" + PROMPT
        await visit.output(len(PROMPT), first)
        line = await visit.read(6 + len("echo o''ob0123456789=$?\r"))
        tag = line[6:].decode().split()[1].replace("''", "").removesuffix("=$?")
        await visit.output(len(PROMPT) + len(first), line[6:] + f"\n{tag}=1\r\n".encode() + PROMPT)
        await visit.gone()

    far.scripts += [looked("shell", PROMPT), shell]
    done = await oob(far, "web1", "--line", "false", "--status", "--yes", "-o", "json")
    assert (done.code, done.error) == (1, "BroadcastIncomplete")
    [told] = done.told
    assert (told["outcome"], told["status"], told["right"], told["output"]) == ("done", 1, False, [])


@pytest.mark.parametrize(
    ("state", "printed", "more", "kind"),
    [
        ("shell", PROMPT, {"writer": "bob"}, "othersType"),
        ("shell", PROMPT + b"rm -r", {}, "noPrompt"),
        ("shell", b"top - 10:00\r\n", {}, "noPrompt"),
        ("grub", b"grub> ", {}, "otherState"),
    ],
)
async def test_nothing_left(far: Far, state: str, printed: bytes, more: Any, kind: str) -> None:
    far.scripts.append(looked(state, printed, **more))
    done = await oob(far, "web1", "--line", "ls", "--yes", "-o", "json")
    assert (done.code, done.error, done.told[0]["obstacle"]["kind"]) == (5, "BroadcastNothingLeft", kind)
    assert not far.scripts


async def test_who_began_to_type_since_the_check_is_not_disturbed(far: Far) -> None:
    async def now_bob(visit: Visit) -> None:
        await shown(visit, "shell", PROMPT)
        assert await visit.next() == stream.Control("ask", {})
        await visit.send(stream.Notice("writer", {"writer": "bob", "mode": "observe"}))
        assert await visit.next() == stream.Control("release", {})
        await visit.gone()
        assert visit.typed == b""

    far.scripts += [looked("shell", PROMPT), now_bob]
    done = await oob(far, "web1", "--line", "ls", "--yes", "-o", "json")
    assert (done.code, done.told[0]["obstacle"]) == (5, {"kind": "othersType", "about": "bob"})


async def test_what_is_away_and_what_does_not_come_back(far: Far) -> None:
    into: list[bytes] = []
    far.answers.append(refusal(Fault("VmNotRunning", vm="web1", power="stopped")))
    far.scripts += [looked("shell", PROMPT), typed(into, (b"sleep 9\r", b"sleep 9\r\n"))]
    done = await oob(far, "web1", "web2", "--line", "sleep 9", "--wait", "1", "--yes")
    assert done.code == 1
    assert "is in state 'stopped'" in done.out
    assert "web2: echoed, no prompt within the time" in done.out
    assert "left out: web1; not right after typing: web2" in done.err


async def test_chosen_by_tag_and_only_checked(far: Far) -> None:
    async def machines(request: Request) -> Response:
        found = [{"name": "a", "tags": {"Role": "web"}}, {"name": "b", "tags": {"role": "db"}}, {"name": "c"}]
        return JSONResponse({"value": found})

    far.answers += [machines]
    far.scripts.append(looked("shell", PROMPT))
    done = await oob(far, "--tag", "role=web", "--check", "-o", "json")
    assert (done.code, [each["vm"] for each in done.told], done.err) == (0, ["a"], "")
    far.answers += [machines]
    done = await oob(far, "--tag", "role=mail", "--check", "-o", "json")
    assert (done.code, done.error) == (3, "BroadcastNobody")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["web1", "--line", "ls"], "BroadcastNotConfirmed"),
        (["web1"], "UsageInvalid"),
        (["--line", "ls", "--yes"], "UsageInvalid"),
        (["web1", "--line", "a\tb", "--yes"], "UsageInvalid"),
        (["web1", "--line", "x" * 78, "--shows", "sac", "--yes"], "UsageInvalid"),
        (["web1", "--line", "x", "--shows", "sac", "--status", "--yes"], "UsageInvalid"),
        (["web1", "--line", "x", "--check"], "UsageInvalid"),
        (["web1", "--file", "/nowhere", "--yes"], "UsageInvalid"),
    ],
)
async def test_what_is_refused_before_anything(far: Far, words: list[str], code: str) -> None:
    done = await oob(far, *words, "-o", "json")
    assert (done.code, done.error, far.asked) == (2, code, [])


async def test_a_person_is_asked_and_may_say_no(far: Far) -> None:
    far.scripts.append(looked("shell", PROMPT))
    command = [*OOB, "broadcast", "web1", "--line", "reboot"]
    with Terminal(command, {"OOB_STATE": str(far.folder / "state")}) as person:
        await asyncio.to_thread(
            person.expect, rb"1 line, at 1 of 1 consoles:\r\n  reboot\r\nType that\? \[y/N\]"
        )
        person.send(b"n\r")
        assert await asyncio.to_thread(person.wait) == 130


async def test_an_interruption_ends_it(far: Far) -> None:
    into: list[bytes] = []
    far.scripts += [looked("shell", PROMPT), typed(into, (b"sleep 99\r", b"sleep 99\r\n"))]
    command = [*OOB, "broadcast", "web1", "--line", "sleep 99", "--yes"]
    with Terminal(command, {"OOB_STATE": str(far.folder / "state")}) as person:
        await until(lambda: into)
        await asyncio.to_thread(person.interrupt)
        assert await asyncio.to_thread(person.wait) == 130
        assert b"Traceback" not in person.seen
