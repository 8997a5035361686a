"""Blocking calls beside the loop."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from outofband.client import background
from tests.support.wait import promised

pytestmark = pytest.mark.anyio


async def test_it_returns_and_raises_like_the_call() -> None:
    assert await background.call(lambda first, second: first + second, 1, 2) == 3
    with pytest.raises(ZeroDivisionError):
        await background.call(lambda: 1 / 0)


async def test_the_loop_goes_on_meanwhile() -> None:
    release = threading.Event()
    waiting = asyncio.ensure_future(background.call(release.wait, 10))
    await asyncio.sleep(0)
    assert not waiting.done()
    release.set()
    assert await waiting


async def test_who_is_cancelled_does_not_wait() -> None:
    release, over = threading.Event(), threading.Event()

    def work() -> None:
        release.wait(10)
        over.set()

    waiting = asyncio.ensure_future(background.call(work))
    await asyncio.sleep(0.01)
    waiting.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert time.monotonic() - began < promised(1)
    release.set()
    assert over.wait(10), "the call itself runs to its end, unheard"


def test_an_answer_after_the_loop_is_closed_is_dropped() -> None:
    release = threading.Event()

    def work() -> None:
        release.wait(10)

    async def leave() -> None:
        waiting = asyncio.ensure_future(background.call(work))
        await asyncio.sleep(0.01)
        waiting.cancel()

    asyncio.run(leave())
    [thread] = [each for each in threading.enumerate() if each.name == "work"]
    assert thread.daemon
    release.set()
    thread.join(10)
    assert not thread.is_alive()


def test_what_must_not_be_torn_is_finished() -> None:
    threads: list[threading.Thread] = []

    def work() -> int:
        threads.append(threading.current_thread())
        return 7

    assert background.finish(work) == 7
    assert not threads[0].daemon, "the interpreter waits for it"
    with pytest.raises(ZeroDivisionError):
        background.finish(lambda: 1 // 0)
