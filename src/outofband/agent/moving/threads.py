"""Work on files in a thread, to its end even where nobody wants it any more.

A thread cannot be stopped. One that still writes by the number of a file that was closed meanwhile would
write to whatever was opened next, and one that still fills a folder would bring back what was removed.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def to_end(call: Callable[..., T], *arguments: object) -> T:
    """As `asyncio.to_thread`, but when it is cancelled it ends after the call has."""
    work = asyncio.get_running_loop().run_in_executor(None, functools.partial(call, *arguments))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        while not work.done():
            try:
                await asyncio.wait({work})
            except asyncio.CancelledError:
                continue
        work.exception()
        raise
