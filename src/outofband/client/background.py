"""Blocking calls in threads of their own, for callers that may go before the answer comes.

`call` is for an event loop: its threads are daemons, so who no longer wants the answer just goes. A thread of
the loop's executor would be waited for, by the loop and once more at the interpreter's end: a person who
leaves a console while it connects would sit in front of a dead terminal until a time-out.

`finish` is the opposite: what must not be torn is done to its end, whatever becomes of who asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def call(function: Callable[..., T], *arguments: object) -> T:
    """What `function` returns or raises. When the caller is cancelled the call runs on, unheard."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: Exception | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        result, raised = None, None
        try:
            result = function(*arguments)
        except Exception as error:
            raised = error
        # The loop may be closed when a call that nobody waits for comes back.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result, raised)

    threading.Thread(target=work, name=getattr(function, "__name__", "call"), daemon=True).start()
    return await answer


def finish(function: Callable[[], T]) -> T:
    """What `function` returns or raises. An interruption of the caller does not reach it, and the interpreter
    waits for it before it ends. It has to have a time limit of its own.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(function())
        except BaseException as error:
            errors.append(error)
        finally:
            done.set()

    done = threading.Event()
    threading.Thread(target=work, name=getattr(function, "__name__", "finish"), daemon=False).start()
    # Not `join`: an interrupted one of Python 3.11 takes the thread for ended, and nobody waits for it.
    done.wait()
    if errors:
        raise errors[0]
    return results[0]
