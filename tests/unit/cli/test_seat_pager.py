"""The log of a VM in a pager, beside an open `oob console`."""

from __future__ import annotations

import asyncio
import re
import signal
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from outofband.cli.seat_pager import pager
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.wire import stream
from tests.support.wait import promised, until
from tests.unit.cli.seats import quiet, seated
from tests.unit.client.far import Far, Visit, refusal

pytestmark = [pytest.mark.anyio, pytest.mark.peers]


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
