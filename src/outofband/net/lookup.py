"""Names to addresses, by the system's own resolver, without ever being held up by it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading

MAX_LOOK_UPS = 8
"""Under way at the same time."""
_under_way = threading.BoundedSemaphore(MAX_LOOK_UPS)


class TooManyLookUps(OSError):
    pass


async def look_up(host: str, port: int) -> list[str]:
    """Addresses of a name, in a thread of its own: one whose server is silent cannot be stopped, and the few
    threads that a loop looks names up with are for everybody. Raises OSError (socket.gaierror is one),
    UnicodeError or TooManyLookUps.
    """
    if not _under_way.acquire(blocking=False):
        raise TooManyLookUps("too many names are being looked up")
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def settle(found: list[str], error: Exception | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(found)

    def work() -> None:
        found: list[str] = []
        trouble: Exception | None = None
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = [str(sockaddr[0]) for *_, sockaddr in rows]
        except (OSError, UnicodeError) as error:
            trouble = error
        finally:
            _under_way.release()
        with contextlib.suppress(RuntimeError):
            # The loop may be over by now.
            loop.call_soon_threadsafe(settle, found, trouble)

    threading.Thread(target=work, name="look-up", daemon=True).start()
    return await answer
