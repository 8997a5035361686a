"""Waiting for what happens elsewhere: in another task, at a peer, in the store."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Callable
from typing import Any

from outofband.core import clock

WAIT = 60.0
"""Seconds until what should happen at once counts as not happening, on a machine with much to do."""


async def until(condition: Callable[[], Any], what: str = "", *, seconds: float = WAIT) -> Any:
    """Look often until `condition()`, awaited if need be, is true; its value. Fails loudly when it is not."""
    end = clock.monotonic() + seconds
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        assert clock.monotonic() < end, f"not within {seconds} s: {what or condition}"
        await asyncio.sleep(0.005)


def until_now(condition: Callable[[], Any], what: str = "", *, seconds: float = WAIT) -> Any:
    """The same where there is no event loop; blocks."""
    end = clock.monotonic() + seconds
    while not (value := condition()):
        assert clock.monotonic() < end, f"not within {seconds} s: {what or condition}"
        clock.pause(0.01)
    return value


def promised(seconds: float) -> float:
    """A limit that is promised of a machine with nothing else to do: as it stands where there is nothing
    else, and longer by as much as programs wait for each other's processors here and now.
    """
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
