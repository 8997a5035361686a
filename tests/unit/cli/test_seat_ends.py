"""The terminal that a person gets back from `oob console`, however it ends."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from outofband.core import clock
from tests.support.wait import promised, until
from tests.unit.cli.seats import quiet, seated
from tests.unit.client.far import Far, Visit

pytestmark = [pytest.mark.anyio, pytest.mark.peers]


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


def _state(pid: int) -> str:
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]
