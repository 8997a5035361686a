"""Background tasks that cannot vanish: the loop itself keeps only a weak reference to a task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import structlog

log = structlog.get_logger(__name__)

T = TypeVar("T")


async def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end even when the caller is cancelled meanwhile; then the caller is."""
    task = asyncio.get_running_loop().create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while True:
        try:
            result = await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                raise
            cancelled = error
            if not task.done():
                continue
        except Exception:
            if cancelled is None:
                raise
        if cancelled is not None:
            raise cancelled
        return result


async def in_thread(work: Callable[..., T], *arguments: Any) -> T:
    """Run in a thread, to the end even when the caller is cancelled: the number of a file that is closed
    under a thread is soon that of another file, and its bytes would go there.
    """
    return await finish(asyncio.to_thread(work, *arguments))


class Tasks:
    """Tasks that live as long as their owner. A task that dies of an error is logged, never silent."""

    def __init__(self) -> None:
        self._alive: set[asyncio.Task[Any]] = set()

    def spawn(self, name: str, coro: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(coro, name=name)
        self._alive.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._alive.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task.failed", task=task.get_name(), exc_info=error)

    async def close(self) -> None:
        """Cancel every task and wait until each is really over."""
        alive = [task for task in self._alive if task is not asyncio.current_task()]
        for task in alive:
            task.cancel()
        await asyncio.gather(*alive, return_exceptions=True)
