"""`oob console --observe` without a terminal: the guest's bytes, and nothing of ours among them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import Any

import pytest

from outofband.client import background
from outofband.wire import stream
from outofband.wire.grant import Mode
from tests.support.terminal import Terminal
from tests.unit.client.far import WAIT, Far, Visit

pytestmark = [pytest.mark.anyio, pytest.mark.peers]
OOB = [sys.executable, "-m", "outofband.cli"]
EVIL = b"\x1b]52;c;ZXZpbA==\x07\x1b[c\x05"


async def follow(far: Far, *more: str, stdout: Any = subprocess.PIPE) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *OOB,
        "console",
        "demo",
        *more,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, "OOB_STATE": str(far.folder / "state")},
    )


async def test_bytes_are_passed_on_as_they_are(far: Far) -> None:
    async def broken(visit: Visit) -> None:
        assert visit.first.mode is Mode.OBSERVE
        await visit.attached(mode=Mode.OBSERVE)
        await visit.output(0, b"one" + EVIL)
        visit.cut()

    async def whole(visit: Visit) -> None:
        start = visit.first.resume or 0
        await visit.attached(start, mode=Mode.OBSERVE)
        await visit.output(start, b"two")
        await visit.send(stream.Gap(start + 3, start + 13, stream.GapReason.TRIMMED))
        await visit.send(stream.Notice("power", {"power": "stopped"}))
        await visit.send(stream.Close("SessionEnded", {"detail": "over"}))

    far.scripts += [broken, whole]
    child = await follow(far, "--observe")
    out, err = await asyncio.wait_for(child.communicate(), WAIT)
    assert child.returncode == 7
    assert out in (b"one" + EVIL + b"two", b"onetwo"), "a cut line may lose what was on its way"
    said = err.decode()
    assert "Coming back by itself" in said
    assert "10 bytes of output are missing at byte" in said
    assert "error (SessionEnded)" in said


async def test_quiet_says_nothing_beside_the_error(far: Far) -> None:
    async def over(visit: Visit) -> None:
        await visit.attached(mode=Mode.OBSERVE)
        await visit.send(stream.Gap(0, 10, stream.GapReason.TRIMMED))
        await visit.send(stream.Close("SessionEnded", {"detail": "over"}))

    far.scripts.append(over)
    child = await follow(far, "--observe", "-q", "-o", "json")
    out, err = await asyncio.wait_for(child.communicate(), WAIT)
    assert (child.returncode, out) == (7, b"")
    assert err.startswith(b'{"error":{"code":"SessionEnded"')


async def test_a_reader_that_goes_ends_it(far: Far) -> None:
    async def flood(visit: Visit) -> None:
        await visit.attached(mode=Mode.OBSERVE)
        offset = 0
        while True:
            await visit.output(offset, b"x" * 8192)
            offset += 8192

    far.scripts.append(flood)
    read, write = os.pipe()
    child = await follow(far, "--observe", stdout=write)
    os.close(write)
    assert await background.call(os.read, read, 1) == b"x"
    os.close(read)
    _, err = await asyncio.wait_for(child.communicate(), WAIT)
    assert (child.returncode, err) == (0, b"")


async def test_a_terminal_as_the_only_reader_is_protected(far: Far) -> None:
    async def script(visit: Visit) -> None:
        await visit.attached(mode=Mode.OBSERVE)
        await visit.output(0, b"<" + EVIL + b">")
        await visit.gone()

    far.scripts.append(script)
    command = ["sh", "-c", '"$@" </dev/null', "sh", *OOB, "console", "demo", "--observe"]
    with Terminal(command, {"OOB_STATE": str(far.folder / "state")}) as terminal:
        assert await background.call(terminal.expect, rb"<.*>") == b"<>"


async def test_without_a_terminal_nobody_types(far: Far) -> None:
    child = await follow(far)
    _, err = await asyncio.wait_for(child.communicate(), WAIT)
    assert child.returncode == 2
    assert b"(NotATerminal)" in err
    assert b"--observe" in err
    assert far.asked == []
