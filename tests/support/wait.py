"""Waiting for what happens elsewhere: in another task, at a peer, in the store."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from outofband.core import clock

T = TypeVar("T")
WAIT = 60.0
"""Seconds until what should happen at once counts as not happening, on a machine with much to do."""

LONGEST = 300.0
"""Seconds that anything is waited for on the busiest machine: a test has more (`limit.py`), and its end would
say less.
"""


async def until(condition: Callable[[], Any], what: str = "", *, seconds: float = WAIT) -> Any:
    """Look often until `condition()`, awaited if need be, is true; its value. Fails loudly when it is not."""
    begin = clock.monotonic()
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        _in_time(begin, seconds, what or condition)
        await asyncio.sleep(0.005)


def until_now(condition: Callable[[], Any], what: str = "", *, seconds: float = WAIT) -> Any:
    """The same where there is no event loop; blocks."""
    begin = clock.monotonic()
    while not (value := condition()):
        _in_time(begin, seconds, what or condition)
        clock.pause(0.01)
    return value


def _in_time(begin: float, seconds: float, what: object) -> None:
    passed = clock.monotonic() - begin
    assert passed < seconds or passed < patience(seconds), f"not within {passed:.0f} s: {what}"


async def within(coming: Awaitable[T], told: Callable[[], str] = str, *, seconds: float = WAIT) -> T:
    """What `coming` comes to, a child's line or end for example. Where it has not come in time, see
    `patience`, the failure shows what the child `told`.
    """
    limit = patience(seconds)
    try:
        async with asyncio.timeout(limit):
            return await coming
    except TimeoutError:
        raise AssertionError(f"not within {limit:.0f} s: {coming}\n{told()[-4000:]}") from None


def promised(seconds: float) -> float:
    """A limit that is promised of a machine with nothing else to do: as it stands where there is nothing
    else, and longer by as much as programs wait for each other's processors here and now.
    """
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def patience(seconds: float) -> float:
    """The same for what only has to come at all."""
    return max(seconds, min(promised(seconds), LONGEST))
