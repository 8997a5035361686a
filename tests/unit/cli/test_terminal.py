"""The raw terminal and the screen behind it, on real terminals and pipes."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator

import pytest

from outofband.cli.terminal import MAX_HELD, MAX_QUEUED, MAX_WORDS, RawTerminal, Screen
from outofband.core.errors import Fault
from outofband.wire.screen import RESTORE
from tests.support.wait import promised, until

LFLAG = 3
CHILD = """
import os, signal, sys
from outofband.cli.terminal import RawTerminal
def go():
    with RawTerminal():
        os.write(1, b"raw")
        {}
go()
"""


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    yield ours, theirs
    for handle in (ours, theirs):
        os.close(handle)


def everything(handle: int) -> bytes:
    got = b""
    while select.select([handle], [], [], 0.05)[0]:
        got += os.read(handle, 65536)
    return got


def raw(handle: int) -> bool:
    return not termios.tcgetattr(handle)[LFLAG] & termios.ICANON


def test_it_is_raw_inside_and_as_before_afterwards(terminal: tuple[int, int]) -> None:
    ours, theirs = terminal
    before = termios.tcgetattr(theirs)
    with RawTerminal(theirs, theirs) as held:
        assert raw(theirs)
        termios.tcsetattr(theirs, termios.TCSANOW, before)
        held.again()
        assert raw(theirs)
        os.write(ours, b"rm -rf /\r")
    assert termios.tcgetattr(theirs) == before
    assert RESTORE in everything(ours)
    os.set_blocking(theirs, False)
    with pytest.raises(BlockingIOError):
        os.read(theirs, 100)  # what was typed for the guest is not left for the shell
    held.restore()
    assert everything(ours) == b"", "once is enough"


@pytest.mark.parametrize(
    "end", ["raise ValueError('x')", "sys.exit(3)", "raise KeyboardInterrupt", "os.kill(os.getpid(), 2)"]
)
def test_it_is_given_back_however_the_program_ends(terminal: tuple[int, int], end: str) -> None:
    ours, theirs = terminal
    before = termios.tcgetattr(theirs)
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD.format(end)], stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL
    )
    assert child.wait(20) != 0
    assert termios.tcgetattr(theirs) == before
    shown = everything(ours)
    assert shown.startswith(b"raw")
    assert RESTORE in shown


def test_an_exit_in_the_middle_gives_it_back(terminal: tuple[int, int]) -> None:
    """Without leaving the context: `sys.exit` in a thread's place is not caught by it, atexit is."""
    _, theirs = terminal
    before = termios.tcgetattr(theirs)
    code = "from outofband.cli.terminal import RawTerminal\nheld = RawTerminal(); held.__enter__()\n"
    subprocess.run([sys.executable, "-c", code], stdin=theirs, stdout=theirs, check=True, timeout=20)
    assert termios.tcgetattr(theirs) == before


def test_what_is_no_terminal_is_refused() -> None:
    with open(os.devnull) as null, pytest.raises(Fault, match="NotATerminal"):
        RawTerminal(null.fileno(), null.fileno()).__enter__()


def test_giving_back_a_stopped_terminal_does_not_block(terminal: tuple[int, int]) -> None:
    _, theirs = terminal
    before = termios.tcgetattr(theirs)
    with RawTerminal(theirs, theirs):
        os.set_blocking(theirs, False)
        with pytest.raises(BlockingIOError):
            while True:
                os.write(theirs, b"x" * 4096)
        os.set_blocking(theirs, True)
        began = time.monotonic()
    assert time.monotonic() - began < promised(1)
    assert termios.tcgetattr(theirs) == before


@pytest.mark.anyio
async def test_keys_and_the_end_of_the_terminal_are_heard() -> None:
    ours, theirs = pty.openpty()
    heard: list[bytes] = []
    try:
        with RawTerminal(theirs, theirs) as held:
            held.listen(heard.append)
            os.write(ours, b"abc")
            await until(lambda: heard == [b"abc"])
            os.close(ours)
            await until(lambda: heard == [b"abc", b""])
            held.deafen()
    finally:
        os.close(theirs)


@pytest.mark.anyio
async def test_a_screen_writes_in_order_and_says_when_it_is_done() -> None:
    read, write = os.pipe()
    screen = Screen(write)
    for number in range(100):
        await screen.write(b"%d " % number)
    await screen.close(5)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        assert file.read() == b"".join(b"%d " % number for number in range(100))


@pytest.mark.anyio
async def test_a_reader_that_stops_holds_up_only_who_writes_more_than_fits() -> None:
    read, write = os.pipe()
    screen = Screen(write)
    await screen.write(b"x" * MAX_QUEUED)  # fills the pipe, the thread and the queue
    waiting = asyncio.ensure_future(screen.write(b"y"))
    for _ in range(20):
        screen.say(b"z" * 1024)  # bounded, and never waits
    await asyncio.sleep(0.05)
    assert not waiting.done(), "the console is read more slowly now; the loop turns"
    got = bytearray()

    async def drain() -> None:
        os.set_blocking(read, False)
        while True:
            try:
                got.extend(os.read(read, 65536))
            except BlockingIOError:
                await asyncio.sleep(0.005)

    draining = asyncio.ensure_future(drain())
    await waiting
    await screen.close(5)
    await until(lambda: got.endswith(b"y"))
    draining.cancel()
    assert MAX_WORDS >= got.count(b"z") >= MAX_WORDS - 1024
    os.close(write)
    os.close(read)


@pytest.mark.anyio
async def test_closing_a_stuck_screen_takes_its_time_and_no_longer() -> None:
    read, write = os.pipe()
    screen = Screen(write)
    await screen.write(b"x" * 200_000)
    began = time.monotonic()
    await screen.close(0.1)
    # The loop's timers may fire a little early.
    assert 0.09 <= time.monotonic() - began < promised(1)
    await screen.write(b"never")
    os.close(read)  # frees the thread
    os.close(write)


@pytest.mark.anyio
async def test_a_reader_that_goes_is_noticed() -> None:
    read, write = os.pipe()
    screen = Screen(write)
    os.close(read)
    await screen.write(b"x")
    async with asyncio.timeout(30):
        await screen.gone.wait()
    await screen.write(b"x" * (2 * MAX_QUEUED))
    await screen.write(b"x")  # waits for nobody
    os.close(write)


@pytest.mark.anyio
async def test_a_sink_that_others_made_non_blocking_loses_nothing() -> None:
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETFL, fcntl.fcntl(write, fcntl.F_GETFL) | os.O_NONBLOCK)
    screen = Screen(write)
    await screen.write(b"x" * 200_000)
    await asyncio.sleep(0.05)
    got = 0
    while got < 200_000:
        got += len(os.read(read, 65536))
        await asyncio.sleep(0)
    await screen.close(5)
    os.close(write)
    os.close(read)


def test_lent_it_is_as_before_and_not_listened_to(terminal: tuple[int, int]) -> None:
    ours, theirs = terminal
    heard: list[bytes] = []

    async def go() -> None:
        with RawTerminal(theirs, theirs) as held:
            held.listen(heard.append)
            held.lend()
            assert not raw(theirs)
            held.again()
            assert not raw(theirs), "a continued job does not disturb who has it"
            os.write(ours, b"for the pager\n")
            await asyncio.sleep(0.05)
            held.take_back()
            assert raw(theirs)
            os.write(ours, b"x")
            await until(lambda: heard)
            held.deafen()

    asyncio.run(go())
    assert heard == [b"x"]


async def held_back(handle: int, ours: int) -> None:
    screen = Screen(handle)
    await screen.write(b"before ")
    screen.hold()
    await screen.drained(5)
    await screen.write(b"guest ")
    screen.say(b"word ")
    assert await asyncio.to_thread(everything, ours) == b"before "
    screen.release(b"again ")
    await screen.write(b"after")
    await screen.close(5)
    assert await asyncio.to_thread(everything, ours) == b"again guest word after"


def test_what_is_held_back_comes_in_its_order(terminal: tuple[int, int]) -> None:
    ours, theirs = terminal
    with RawTerminal(theirs, theirs):
        asyncio.run(held_back(theirs, ours))


async def flooded(handle: int) -> bool:
    screen = Screen(handle)
    screen.hold()
    for _ in range(MAX_HELD // 65536):
        await screen.write(b"x" * 65536)
    waits = False
    try:
        await asyncio.wait_for(screen.write(b"x"), 0.1)
    except TimeoutError:
        waits = True
    await screen.close(0.1)
    return waits


def test_a_flood_behind_another_program_is_read_more_slowly(terminal: tuple[int, int]) -> None:
    assert asyncio.run(flooded(terminal[1]))
