"""A line that is far, and bad: a TCP relay in a thread that delays, stalls, and cuts at random.

What a lossy network does to TCP is just that: everything comes later, sometimes nothing for seconds, and
sometimes the connection is gone. (A kernel's netem would do it a floor lower; not every kernel has it.)
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import threading

_CHUNK = 16 * 1024
_RESET = struct.pack("ii", 1, 0)
_IN_FLIGHT = 64
"""Chunks on the way; a sender waits when there are more, as for TCP's window."""


class BadLine:
    """Relays `port` to a port of this machine, until `close`.

    `delay` in seconds, one way; each chunk stalls the line with the probability `stall`, for up to
    `stall_seconds`; a connection is reset after a time around `life` seconds.
    """

    def __init__(
        self,
        target: int,
        *,
        delay: float = 0.075,
        stall: float = 0.02,
        stall_seconds: float = 2.0,
        life: float = 20.0,
        seed: int = 7,
    ) -> None:
        self._target = target
        self._delay, self._stall, self._stall_seconds, self._life = delay, stall, stall_seconds, life
        self._dice = random.Random(seed)
        self.cuts = self.stalls = self.connections = 0
        self.port = 0
        self._up = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._up.wait(30)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(30)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._over = asyncio.Event()
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._up.set()
        await self._over.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for each in others:
            each.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _relay(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        try:
            far, forth = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            back.transport.abort()
            return
        self.connections += 1
        try:
            with contextlib.suppress(TimeoutError, OSError, ExceptionGroup):
                async with asyncio.timeout(self._life * self._dice.uniform(0.3, 1.7)):
                    async with asyncio.TaskGroup() as group:
                        group.create_task(self._pump(near, forth))
                        group.create_task(self._pump(far, back))
                    return
            self.cuts += 1
        finally:
            for writer in (back, forth):
                with contextlib.suppress(OSError):
                    sock: socket.socket | None = writer.get_extra_info("socket")
                    if sock is not None:
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                writer.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """What comes in leaves `delay` later; the line's order is kept, so a stall holds all behind it."""
        way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_IN_FLIGHT)
        loop = asyncio.get_running_loop()

        async def arrive() -> None:
            while True:
                due, chunk = await way.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                if self._dice.random() < self._stall:
                    self.stalls += 1
                    await asyncio.sleep(self._dice.uniform(0.2, self._stall_seconds))
                if not chunk:
                    sink.write_eof() if sink.can_write_eof() else sink.close()
                    return
                sink.write(chunk)
                await sink.drain()

        async with asyncio.TaskGroup() as group:
            group.create_task(arrive())
            while chunk := await source.read(_CHUNK):
                await way.put((loop.time() + self._delay, chunk))
            await way.put((loop.time() + self._delay, b""))
