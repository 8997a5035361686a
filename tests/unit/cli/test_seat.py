"""`oob console` in a real pseudo-terminal: what a person sees, and the terminal he gets back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
import termios
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from outofband.cli.seat_pager import pager
from outofband.client import background
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.wire import stream
from outofband.wire.grant import Mode
from tests.support.terminal import Terminal
from tests.support.wait import promised, until
from tests.unit.client.far import Far, Visit, refusal

pytestmark = [pytest.mark.anyio, pytest.mark.peers]
OOB = [sys.executable, "-m", "outofband.cli"]
LFLAG = 3


class Seat:
    """The person: expects and types, without keeping the far side's loop from turning."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal

    async def expect(self, pattern: bytes) -> bytes:
        return await background.call(self.terminal.expect, pattern)

    def send(self, keys: bytes) -> None:
        self.terminal.send(keys)

    async def ended(self) -> int:
        code = await background.call(self.terminal.wait)
        assert self.terminal.modes() == self.terminal.before, "the terminal was not given back"
        return code

    def cook(self) -> None:
        """What a shell does with the terminal of a job that was stopped."""
        termios.tcsetattr(self.terminal._theirs, termios.TCSANOW, self.terminal.before)

    def raw(self) -> bool:
        return not self.terminal.modes()[LFLAG] & termios.ICANON


@contextlib.asynccontextmanager
async def seated(far: Far, *arguments: str, **more: Any) -> AsyncIterator[Seat]:
    env = {"OOB_STATE": str(far.folder / "state")}
    with Terminal([*OOB, "console", "demo", *arguments], env, **more) as terminal:
        yield Seat(terminal)


async def quiet(visit: Visit) -> None:
    await visit.attached()
    await visit.gone()


async def test_attach_type_and_leave(far: Far) -> None:
    left: list[int | None] = []

    async def script(visit: Visit) -> None:
        await visit.attached(0, live=4)
        await visit.output(0, b"oldnew")
        assert await visit.read(3) == b"ls\r"
        await visit.output(6, b"files")
        left.append(await visit.gone())

    far.scripts.append(script)
    async with seated(far) as seat:
        shown = await seat.expect(rb"you have the keyboard")
        assert b"connecting to demo ... Ctrl-] opens a menu" in shown
        assert b"do not print\r\nsecrets" in await seat.expect(rb"you were here is\.")
        await seat.expect(rb"oldnew")
        assert seat.raw()
        seat.send(b"ls\r")
        await seat.expect(rb"files")
        seat.send(b"\x1d")
        await seat.expect(rb"q quit   Ctrl-\] send Ctrl-\]")
        seat.send(b"q")
        await seat.expect(rb"left\. A login you opened in the guest stays open")
        assert b"SAC logs out by itself" in await seat.expect(rb"TMOUT")
        assert await seat.ended() == 0
    await until(lambda: left == [1000])


async def test_keys_before_quit_arrive_and_those_after_it_do_not(far: Far) -> None:
    got: list[bytes] = []

    async def script(visit: Visit) -> None:
        await visit.attached()
        with contextlib.suppress(Exception):
            while True:
                frame = await visit.next()
                assert isinstance(frame, stream.Input)
                got.append(frame.payload)

    far.scripts.append(script)
    async with seated(far) as seat:
        await seat.expect(rb"you have the keyboard")
        seat.send(b"a\x1dqrm -rf /\r")
        assert await seat.ended() == 0
    await until(lambda: b"".join(got) == b"a")


async def test_hostile_output_and_its_reader(far: Far) -> None:
    evil = b"\x1b]52;c;ZXZpbA==\x07\x1b]0;title\x07\x1b[6n\x05\x1bZ"

    async def script(visit: Visit) -> None:
        await visit.attached(0, live=len(evil))
        await visit.output(0, evil)
        await visit.output(len(evil), b"<" + evil + b">")
        await visit.gone()

    far.scripts.append(script)
    async with seated(far) as seat:
        shown = await seat.expect(rb"<.*>")
        assert shown.count(b"\x1b[6n") == 1, "a query passes while it is live and the reader writes"
        assert b"<\x1b[6n>" in shown
        for bad in (b"\x1b]52", b"\x1b]0", b"\x05", b"\x1bZ"):
            assert bad not in shown
        seat.send(b"\x1dq")
        await seat.ended()


async def test_names_cannot_speak_to_the_terminal(far: Far) -> None:
    async def script(visit: Visit) -> None:
        await visit.attached(mode=Mode.OBSERVE, writer="eve\x1b]0;x\x07\x9b")
        await visit.gone()

    far.scripts.append(script)
    async with seated(far, "--observe") as seat:
        assert b"\x1b]0" not in await seat.expect(rb"watching demo; eve.*types")
        assert b"use SSH or RDP" in await seat.expect(rb"you were here is\.")
        seat.send(b"\x1dq")
        await seat.ended()


async def test_what_happens_is_told(far: Far) -> None:
    async def script(visit: Visit) -> None:
        await visit.attached()
        await visit.send(stream.Gap(0, 100, stream.GapReason.TRIMMED))
        await visit.send(stream.Gap(100, 100, stream.GapReason.LOST))
        await visit.send(stream.Notice("power", {"power": "stopped"}))
        await visit.send(stream.Notice("reset", {"offset": 100}))
        await visit.send(stream.Notice("joined", {"who": "bob"}))
        await visit.send(stream.Notice("left", {"who": "bob"}))
        await visit.send(stream.Notice("writer", {"writer": "bob", "mode": "observe"}))
        await visit.send(stream.Notice("writer", {"writer": None, "mode": "observe"}))
        await visit.send(stream.Notice("alarm", {"code": "SpoolDiskFull", "path": "/spool"}))
        held = {"code": "KeyboardHeld", "fields": {"vm": "demo", "by": "carol"}}
        await visit.send(stream.Notice("alarm", held))
        unserved = {"code": "PortUnavailable", "fields": {"vm": "demo", "detail": "nobody reads it"}}
        await visit.send(stream.Notice("alarm", unserved))
        await visit.send(stream.Notice("something new", {}))
        await visit.send(stream.Close("SessionEnded", {"detail": "so it is"}))

    far.scripts.append(script)
    async with seated(far) as seat:
        for words in (
            rb"100 bytes of output are missing here \(trimmed\)",
            rb"an unknown amount of output are missing here \(lost\)",
            rb"the VM is stopped",
            rb"the VM was reset",
            rb"bob is here too",
            rb"bob has left",
            rb"bob has the keyboard now",
            rb"nobody has the keyboard now",
            rb"no room to keep more console output in '/spool'",
            rb"carol types on the console of 'demo'",
            rb"oob \x1b\[0m [^\r]*nobody reads it",
            rb"error.*\(SessionEnded\).*so it is",
        ):
            await seat.expect(words)
        assert await seat.ended() == 7


async def test_taken_over(far: Far) -> None:
    async def script(visit: Visit) -> None:
        await visit.attached()
        await visit.send(stream.Close("TakenOver", {"by": "bob", "at": "2026-01-02T03:04:05Z"}))

    far.scripts.append(script)
    async with seated(far) as seat:
        told = await seat.expect(rb"set TMOUT")
        assert b"bob took over this console at 2026-01-0" in told
        assert b"NOT ended" in told
        assert b"SAC logs out by itself" in told
        assert b"05Z" not in told, "on a screen it is this machine's own time"
        assert await seat.ended() == 7


async def test_the_menu_acts(far: Far) -> None:
    async def act(request: Request) -> Response:
        return JSONResponse({"properties": {"output": {"observed": f"seen {request.url.path[-5:]}"}}})

    far.scripts.append(quiet)
    async with seated(far) as seat:
        await seat.expect(rb"you have the keyboard")
        far.answers += [act, act, act, refusal(Fault("GuestPanicked", vm="demo"))]
        seat.send(b"\x1dny")
        await seat.expect(rb"nmi: seen 0/nmi")
        seat.send(b"\x1dsH")
        await seat.expect(rb"SysRq: press its key")
        await seat.expect(rb"sysrq: seen sysrq")
        seat.send(b"\x1dr")
        await seat.expect(rb"is lost\. y/N")
        seat.send(b"n\x1dry")
        await seat.expect(rb"reset: seen reset")
        seat.send(b"\x1dny")
        await seat.expect(rb"nmi failed: The guest told its hypervisor")
        seat.send(b"\x1di")
        await seat.expect(rb"demo port 0, at byte 0: attached, write")
        seat.send(b"\x1dq")
        assert await seat.ended() == 0
    asked = [(path.rpartition("/")[2], body) for _, path, body in far.asked[1:]]
    assert asked == [("nmi", None), ("sysrq", {"key": "h"}), ("reset", None), ("nmi", None)]


async def test_an_action_that_hangs_does_not_keep_anybody(far: Far) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def hang(request: Request) -> Response:
        asked.set()
        await answer.wait()
        return JSONResponse({})

    far.scripts.append(quiet)
    async with seated(far) as seat:
        await seat.expect(rb"you have the keyboard")
        far.answers.append(hang)
        seat.send(b"\x1dny")
        await asked.wait()
        began = clock.monotonic()
        seat.send(b"\x1dq")
        assert await seat.ended() == 0
        assert clock.monotonic() - began < promised(3)
        answer.set()


async def test_a_lost_line_comes_back(far: Far) -> None:
    async def broken(visit: Visit) -> None:
        await visit.attached()
        await visit.output(0, b"one ")
        await visit.read(1)
        visit.cut()

    async def whole(visit: Visit) -> None:
        await visit.attached(visit.first.resume or 0)
        await visit.output(4, b"two")
        await visit.gone()

    far.scripts += [broken, whole]
    async with seated(far) as seat:
        await seat.expect(rb"one ")
        far.answers.append(refusal(Fault("VmNotRunning", vm="demo", power="stopped")))
        seat.send(b"x")
        await seat.expect(rb"connection lost: .*was cut.*Coming back by itself")
        await seat.expect(rb"connection lost: The VM 'demo' is in state 'stopped'")
        await seat.expect(rb"connected again")
        await seat.expect(rb"two")
        seat.send(b"\x1dq")
        assert await seat.ended() == 0


async def test_a_refusal_prints_code_and_remedy(far: Far) -> None:
    far.answers.append(refusal(Fault("VmNotRunning", vm="demo", power="stopped")))
    async with seated(far) as seat:
        await seat.expect(rb"error.*\(VmNotRunning\)")
        await seat.expect(rb"remedy:.*oob vm start demo")
        assert await seat.ended() == 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_a_signal_gives_the_terminal_back(far: Far, number: signal.Signals) -> None:
    left: list[int | None] = []

    async def script(visit: Visit) -> None:
        await visit.attached()
        left.append(await visit.gone())

    far.scripts.append(script)
    async with seated(far) as seat:
        await seat.expect(rb"you have the keyboard")
        seat.terminal.process.send_signal(number)
        assert await seat.ended() == 128 + number
    await until(lambda: left == [1000])


async def test_a_signal_while_it_connects(far: Far) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def hang(request: Request) -> Response:
        asked.set()
        await answer.wait()
        return JSONResponse({})

    far.answers.append(hang)
    async with seated(far) as seat:
        await asked.wait()
        began = clock.monotonic()
        seat.terminal.process.send_signal(signal.SIGTERM)
        assert await seat.ended() == 143
        assert clock.monotonic() - began < promised(3)
        answer.set()


async def test_a_terminal_that_takes_nothing_does_not_keep_anybody(far: Far) -> None:
    async def flood(visit: Visit) -> None:
        await visit.attached()
        offset = 0
        while True:
            await visit.output(offset, b"x" * 32768)
            offset += 32768

    far.scripts.append(flood)
    async with seated(far) as seat:
        await seat.expect(rb"xxxx")
        seat.terminal.reading.clear()
        await asyncio.sleep(0.3)
        began = clock.monotonic()
        seat.send(b"\x1dq")
        assert await seat.ended() == 0
        assert clock.monotonic() - began < promised(6)
        seat.terminal.reading.set()


async def test_after_a_stop_the_terminal_is_raw_again(far: Far) -> None:
    far.scripts.append(quiet)
    async with seated(far) as seat:
        await seat.expect(rb"you have the keyboard")
        pid = seat.terminal.process.pid
        os.kill(pid, signal.SIGSTOP)
        await until(lambda: _state(pid) == "T")
        seat.cook()
        assert not seat.raw()
        os.kill(pid, signal.SIGCONT)
        await until(seat.raw)
        seat.send(b"\x1dq")
        assert await seat.ended() == 0


async def test_garbage_from_the_other_side_gives_the_terminal_back(far: Far) -> None:
    async def garbage(visit: Visit) -> None:
        await visit.attached()
        await visit.socket.send(b"\xff")
        await visit.gone()

    far.scripts.append(garbage)
    async with seated(far) as seat:
        await seat.expect(rb"ProtocolViolated")
        assert await seat.ended() == 6


async def test_another_key_for_the_menu(far: Far) -> None:
    heard: list[bytes] = []

    async def script(visit: Visit) -> None:
        await visit.attached()
        heard.append(await visit.read(1))
        await visit.output(0, b"$")
        await visit.gone()

    far.scripts.append(script)
    async with seated(far, "--escape", "^a") as seat:
        await seat.expect(rb"Ctrl-A opens a menu")
        await seat.expect(rb"you have the keyboard")
        seat.send(b"\x1d")
        await seat.expect(rb"\$")
        assert heard == [b"\x1d"]
        seat.send(b"\x01q")
        assert await seat.ended() == 0


def _state(pid: int) -> str:
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


async def test_keys_are_what_the_port_reads(far: Far) -> None:
    """Typed in a real terminal, one byte at a time where that could matter, and measured at the far side."""
    got: list[bytes] = []

    async def script(visit: Visit) -> None:
        await visit.attached(0, live=0)
        printed = 0
        for output, size in ((b"demo login: ", 8), (b"\r\nSAC>", 11), (b"cmd\r\n\r\nC:\\>", 18)):
            await visit.output(printed, output)
            printed += len(output)
            got.append(await visit.read(size))
        got[:] = [got[2][:8], got[2][8:11], got[2][11:]]
        await visit.gone()

    far.scripts.append(script)
    async with seated(far) as seat:
        await seat.expect(rb"demo login: ")
        for byte in b"\x1b[19~":
            seat.send(bytes([byte]))
        seat.send(b"\x1b[H")
        await seat.expect(rb"SAC>")
        seat.send(b"\x1b[A\x1b[3~c\x7f")
        await seat.expect(rb"SAC's prompt knows no arrow")
        seat.send(b"\x1b")
        await seat.expect(rb"C:\\>")
        seat.send(b"\x1b[19~\x1b[H\x1b[A")
        await until(lambda: len(got) == 3)
        seat.send(b"\x1dq")
        assert await seat.ended() == 0
    assert got == [b"\x1b[19~\x1b[H", b"c\x08\x1b", b"\x1b8\x1bh\x1b[A"]


async def test_one_key_tells_a_shell_the_size(far: Far) -> None:
    told: list[bytes] = []

    async def script(visit: Visit) -> None:
        await visit.attached()
        await visit.output(0, b"demo@demo:~$ ")
        told.append(await visit.read(len(b"stty rows 40 cols 132\r")))
        await visit.gone()

    far.scripts.append(script)
    async with seated(far, size=(40, 132)) as seat:
        await seat.expect(rb"demo:~\$ ")
        seat.send(b"\x1dz")
        await until(lambda: told)
        seat.send(b"\x1dq")
        assert await seat.ended() == 0
    assert told == [b"stty rows 40 cols 132\r"]


async def test_the_size_is_told_after_each_login_where_that_was_asked_for(far: Far) -> None:
    told: list[bytes] = []
    words = b"stty rows 40 cols 132\r"

    async def script(visit: Visit) -> None:
        before = b"demo login: demo\r\n$ "
        await visit.attached(0, live=len(before))
        await visit.output(0, before)
        at = len(before)
        for printed in (b"exit\r\ndemo login: ", b"demo\r\nPassword: ", b"\r\ndemo@demo:~$ "):
            await visit.output(at, printed)
            at += len(printed)
        told.append(await visit.read(len(words)))
        await visit.output(at, b"ls\r\ndemo@demo:~$ seen")
        await visit.gone()
        told.append(bytes(visit.typed))

    far.scripts.append(script)
    async with seated(far, "--tell-size", size=(40, 132)) as seat:
        await seat.expect(rb"seen")
        seat.send(b"\x1dq")
        assert await seat.ended() == 0
    await until(lambda: len(told) == 2)
    assert told == [words, words]


async def test_without_a_shell_the_guest_is_boxed(far: Far) -> None:
    async def script(visit: Visit) -> None:
        await visit.attached()
        await visit.output(0, b"Press any key ")
        assert await visit.read(1) == b"x"
        await visit.output(14, b"w" * 81)
        assert await visit.read(2) == b"xy"
        await visit.output(95, b"w" * 81)
        await visit.gone()

    far.scripts.append(script)
    async with seated(far, size=(40, 132)) as seat:
        await seat.expect(rb"Press any key ")
        seat.send(b"\x1dz")
        shown = await seat.expect(rb"(?s)no shell.*Press any key ")
        assert b"\x1b[1;25r\x1b[26;1H\x1b[K-- 80 x 25 -- Ctrl-] z: the whole terminal again --" in shown
        assert b"no shell's prompt waits here" in shown.replace(b"\r\n", b"")
        seat.send(b"x")
        await seat.expect(rb"w\r\nw+")
        seat.terminal.resize(24, 80)
        assert b"\x1b[r" in await seat.expect(rb"too small for 80 x 25 now")
        seat.send(b"\x1dz")
        await seat.expect(rb"this terminal \(80 x 24\) is smaller")
        seat.terminal.resize(40, 132)
        seat.send(b"\x1dz")
        await seat.expect(rb"Ctrl-L does it")
        seat.send(b"\x1dz")
        await seat.expect(rb"has the whole terminal again")
        seat.send(b"y")
        await seat.expect(rb"w{81}")
        seat.send(b"\x1dq")
        assert await seat.ended() == 0


PAGE = {
    "lines": [{"offset": 0, "text": "an earlier line", "at": "2026-01-02T03:04:05Z"}],
    "from": 0,
    "next": 16,
    "end": 16,
    "start": 0,
    "more": False,
    "live": True,
    "boots": [],
    "gaps": [],
    "records": [{"before": 1, "at": "2026-01-02T03:04:06Z", "text": "ada left"}],
}
PAGER = """#!/bin/sh
cat
printf 'pager-is-open\\n'
read answer < /dev/tty
printf "read:$answer\\n"
"""


@pytest.fixture
def own_pager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "pager"
    program.write_text(PAGER)
    program.chmod(0o700)
    monkeypatch.setenv("PAGER", str(program))


@pytest.mark.usefixtures("own_pager")
async def test_the_log_in_a_pager_and_back_with_nothing_lost(far: Far) -> None:
    opened, go_on = asyncio.Event(), asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.attached()
        await visit.output(0, b"\x1b[?1h$ ")
        await opened.wait()
        await visit.output(7, b"<while it was open\x1b[6n>")
        go_on.set()
        assert await visit.read(1) == b"k"
        await visit.output(31, b"<and after>")
        await visit.gone()

    far.scripts.append(script)
    async with seated(far) as seat:
        await seat.expect(rb"\$ ")
        far.answers.append(JSONResponse(PAGE))
        seat.send(b"\x1dl")
        shown = await seat.expect(rb"pager-is-open")
        assert not seat.raw(), "the pager has the terminal as a program of the shell's has it"
        assert re.search(rb"  2026-01-02 \d\d:04:05 an earlier line\r\n\* 2026-01-02\S* ada left", shown)
        opened.set()
        await go_on.wait()
        seat.terminal.process.send_signal(signal.SIGINT)
        seat.send(b"done\n")
        shown = await seat.expect(rb"<while it was open>")
        assert b"read:done" in shown
        assert b"\x1b[?2004h\x1b[?1h" in shown, "modes of the guest's program are set again"
        await until(seat.raw)
        seat.send(b"k")
        await seat.expect(rb"<and after>")
        seat.send(b"\x1dq")
        assert await seat.ended() == 0
    assert far.asked[1][1].endswith("/log")
    assert far.asked[1][2] == {"from": 0, "lines": 2000}


async def test_no_log_and_no_pager_are_told(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", "/nowhere/pager")
    far.scripts.append(quiet)
    async with seated(far) as seat:
        await seat.expect(rb"you have the keyboard")
        far.answers.append(refusal(Fault("AgentOffline", host="h1")))
        seat.send(b"\x1dp")
        await seat.expect(rb"no log: The agent of host")
        far.answers.append(JSONResponse(PAGE))
        seat.send(b"\x1dl")
        await seat.expect(rb"/nowhere/pager: No such file")
        seat.send(b"\x1dq")
        assert await seat.ended() == 0
    assert far.asked[1][2] == {"boot": -1, "lines": 2000}


@pytest.mark.parametrize(
    ("chosen", "command"),
    [
        ("", "less -R -+F +G"),
        ("less -S", "less -S -R -+F +G"),
        ("/usr/bin/most -w", "/usr/bin/most -w"),
    ],
)
async def test_which_pager(chosen: str, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    assert pager({"PAGER": chosen}, at_end=True) == command.split()
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert pager({}, at_end=True) is None


async def test_a_log_that_hangs_does_not_keep_anybody(far: Far) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()
    left: list[bytes] = []

    async def hang(request: Request) -> Response:
        asked.set()
        await answer.wait()
        return JSONResponse(PAGE)

    async def script(visit: Visit) -> None:
        await visit.attached()
        await visit.gone()
        left.append(bytes(visit.typed))

    far.scripts.append(script)
    async with seated(far) as seat:
        await seat.expect(rb"you have the keyboard")
        far.answers.append(hang)
        seat.send(b"\x1dl")
        await asked.wait()
        began = clock.monotonic()
        seat.send(b"q")
        seat.send(b"\x1d")
        await seat.expect(rb"(?s)fetching.*y/d answer who asks")
        seat.send(b"q")
        assert await seat.ended() == 0
        assert clock.monotonic() - began < promised(3)
        answer.set()
    await until(lambda: left == [b""])


@pytest.mark.usefixtures("own_pager")
async def test_a_console_that_ends_behind_the_pager(far: Far) -> None:
    opened = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.attached()
        await opened.wait()
        await visit.output(0, b"<the last word>")
        await visit.send(stream.Close("TakenOver", {"by": "bob", "at": "2026-01-02T03:04:05Z"}))

    far.scripts.append(script)
    async with seated(far) as seat:
        await seat.expect(rb"you have the keyboard")
        far.answers.append(JSONResponse(PAGE))
        seat.send(b"\x1dl")
        await seat.expect(rb"pager-is-open")
        opened.set()
        await asyncio.sleep(0.5)
        assert seat.terminal.process.poll() is None, "the pager is read to its end"
        seat.send(b"done\n")
        assert b"read:done" in await seat.expect(rb"<the last word>")
        await seat.expect(rb"bob took over")
        assert await seat.ended() == 7


@pytest.mark.usefixtures("own_pager")
async def test_a_signal_ends_the_pager_too(far: Far) -> None:
    far.scripts.append(quiet)
    async with seated(far) as seat:
        await seat.expect(rb"you have the keyboard")
        far.answers.append(JSONResponse(PAGE))
        seat.send(b"\x1dl")
        await seat.expect(rb"pager-is-open")
        seat.terminal.process.send_signal(signal.SIGTERM)
        assert await seat.ended() == 143
