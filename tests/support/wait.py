"""Waiting for what happens elsewhere: in another task, at a peer, in the store."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from outofband.core import clock

WAIT = 30.0
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
