"""What a test that never ends leaves behind: where every thread and every task stood, then its worker ends.

pytest-timeout prints the threads alone, and where a worker of pytest-xdist prints, which nobody sees.
"""

from __future__ import annotations

import asyncio
import io
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from tests.support.loop import Loop

INNERMOST = 12
"""Frames of a thread that are told; those further out are pytest's own."""

SEEN = pytest.StashKey[int]()
"""A descriptor of the standard error that pytest itself was started with."""
_TIMER = pytest.StashKey[threading.Timer]()


def begin(item: pytest.Item, seconds: float) -> None:
    timer = threading.Timer(seconds, _end, (item.nodeid, seconds, item.config.stash[SEEN]))
    timer.daemon = True
    timer.start()
    item.stash[_TIMER] = timer


def end(item: pytest.Item) -> None:
    if (timer := item.stash.get(_TIMER, None)) is not None:
        timer.cancel()


def last(config: pytest.Config, seconds: float, status: int) -> None:
    """All tests are done, and what they came to is `status`: a thread that is left keeps no process alive."""
    timer = threading.Timer(seconds, _end, ("What a test began", seconds, config.stash[SEEN], status))
    timer.daemon = True
    timer.start()


def stood(name: str, seconds: float) -> str:
    """Every thread's stack but this one's, and every task's of the tests' loops."""
    told = io.StringIO()
    print(f"\n{name} has not ended in {seconds:g} s.", file=told)
    names = {each.ident: each.name for each in threading.enumerate()}
    for ident, frame in sys._current_frames().items():
        if ident != threading.get_ident():
            print(f"\nThread {names.get(ident, ident)}:", file=told)
            traceback.print_stack(frame, INNERMOST, file=told)
    for loop in list(Loop.known):
        for task in asyncio.all_tasks(loop):
            print(f"\nTask {task.get_name()}:", file=told)
            told.writelines(traceback.StackSummary.extract(_awaited(task.get_coro())).format())
    return told.getvalue()


def _awaited(coroutine: Any) -> Iterator[tuple[FrameType, int]]:
    """From a task's own coroutine inwards to what it waits for; `Task.get_stack` knows the first alone."""
    while (frame := getattr(coroutine, "cr_frame", None)) is not None:
        yield frame, frame.f_lineno
        coroutine = coroutine.cr_await


def _end(name: str, seconds: float, seen: int, status: int = 1) -> None:
    try:
        os.write(seen, stood(name, seconds).encode())
    finally:
        os._exit(status)
