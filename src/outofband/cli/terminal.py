"""The person's terminal in raw mode: given back as it was, whatever happens; a slow one blocks nobody."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import queue
import select
import termios
import threading
import tty
from collections.abc import Callable
from types import TracebackType

from outofband.core.errors import Fault
from outofband.wire.screen import RESTORE

READ_SIZE = 4096
MAX_QUEUED = 256 * 1024
"""Output waiting for a slow terminal; beyond it the console itself is read more slowly."""
MAX_HELD = 4 * 1024 * 1024
"""The same while another program has the terminal."""
MAX_WORDS = 16 * 1024
"""How much more than that our own words may add; then they are left out."""


class RawTerminal:
    """Standard input and output as one raw terminal; a context manager."""

    def __init__(self, source: int = 0, sink: int = 1) -> None:
        self._source, self._sink = source, sink
        self._typing = source
        self._blocking = True
        self._before: list[object] | None = None
        self._handle: Callable[[bytes], None] | None = None
        self._lent = False

    def __enter__(self) -> RawTerminal:
        try:
            self._before = termios.tcgetattr(self._source)
            atexit.register(self.restore)
            tty.setraw(self._source)
            self._typing = self._reopened()
            self._blocking = os.get_blocking(self._source)
        except termios.error as error:
            self._forget()
            raise Fault("NotATerminal") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.restore()

    def again(self) -> None:
        """Raw once more: after a stop and a continue the shell has set its own modes."""
        if self._before is not None and not self._lent:
            with contextlib.suppress(termios.error):
                tty.setraw(self._source, termios.TCSANOW)

    def lend(self) -> None:
        """Another program has it, in the modes it had before, until `take_back`."""
        self._lent = True
        asyncio.get_running_loop().remove_reader(self._typing)
        if self._before is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._source, termios.TCSANOW, self._before)  # type: ignore[arg-type]

    def take_back(self) -> None:
        """Raw and listened to again. Keys that were meant for the other program are forgotten."""
        self._lent = False
        if self._before is not None:
            with contextlib.suppress(termios.error):
                termios.tcflush(self._source, termios.TCIFLUSH)
            self.again()
        if self._handle is not None:
            self.listen(self._handle)

    def restore(self) -> None:
        """Give the terminal back. Harmless when called twice; never blocks."""
        if self._before is None:
            return
        before = self._forget()
        with contextlib.suppress(termios.error):
            # Keys that were meant for the guest must not be read as a command by the shell that comes next.
            termios.tcflush(self._source, termios.TCIFLUSH)
            termios.tcsetattr(self._source, termios.TCSANOW, before)  # type: ignore[arg-type]
        with contextlib.suppress(OSError):
            os.set_blocking(self._source, self._blocking)
        with contextlib.suppress(OSError):
            # A terminal that takes nothing is not waited for: what it shows is somebody else's matter by now.
            if select.select([], [self._sink], [], 0)[1]:
                os.write(self._sink, RESTORE + b"\r\n")

    def listen(self, handle: Callable[[bytes], None]) -> None:
        """Call `handle` with what is typed; with b"" once the terminal is gone."""
        loop = asyncio.get_running_loop()
        self._handle = handle

        def ready() -> None:
            try:
                typed = os.read(self._typing, READ_SIZE)
            except BlockingIOError:
                return
            except OSError:
                typed = b""
            if not typed:
                loop.remove_reader(self._typing)
            handle(typed)

        loop.add_reader(self._typing, ready)

    def deafen(self) -> None:
        self._handle = None
        asyncio.get_running_loop().remove_reader(self._typing)
        if self._typing != self._source:
            os.close(self._typing)
            self._typing = self._source

    def _reopened(self) -> int:
        """The same terminal, opened once more.

        The loop reads without blocking, and that flag belongs to what the shell opened and shares with us: a
        `cat` after us would fail on it. Where the terminal cannot be opened again (it may be another user's),
        `restore` puts the flag back.
        """
        try:
            return os.open(os.ttyname(self._source), os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            return self._source

    def _forget(self) -> list[object] | None:
        atexit.unregister(self.restore)
        before, self._before = self._before, None
        return before


class Screen:
    """Writes to the terminal from a thread of its own.

    A terminal that is stopped (a hung window, a stalled line) blocks this thread only; and as the thread is a
    daemon, it does not keep the program from ending either.
    """

    def __init__(self, sink: int = 1) -> None:
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._waiting = 0
        self._held: list[bytes] | None = None
        self._held_size = 0
        self._room = asyncio.Event()
        self._room.set()
        self.gone = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        threading.Thread(target=self._work, name="screen", daemon=True).start()

    async def write(self, payload: bytes) -> None:
        """Queue output; waits while too much is queued already."""
        await self._room.wait()
        self._put(payload)

    def say(self, payload: bytes) -> None:
        """Queue a word of ours at once; it is left out when the terminal is far behind."""
        most = MAX_QUEUED if self._held is None else MAX_HELD
        if max(self._waiting, self._held_size) < most + MAX_WORDS:
            self._put(payload)

    def hold(self) -> None:
        """Keep what comes from now on back until `release`: another program has the terminal."""
        if self._held is None:
            self._held, self._held_size = [], 0
            self._room.set()

    async def drained(self, seconds: float) -> None:
        """Wait until what came before is on the screen, but not longer than `seconds`."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), seconds)

    def release(self, first: bytes) -> None:
        """The terminal is ours again: `first`, and then what was held back."""
        held, self._held, self._held_size = self._held or [], None, 0
        self._room.set()
        for payload in (first, *held):
            self._put(payload)

    async def close(self, seconds: float) -> None:
        """Wait until everything is on the screen, but not longer than `seconds`; nothing is written after."""
        await self.drained(seconds)
        self.gone.set()
        self._queue.put(None)

    def _put(self, payload: bytes) -> None:
        if payload and self._held is not None:
            self._held.append(payload)
            self._held_size += len(payload)
            if self._held_size >= MAX_HELD:
                self._room.clear()
        elif payload and not self.gone.is_set():
            self._waiting += len(payload)
            self._empty.clear()
            if self._waiting >= MAX_QUEUED:
                self._room.clear()
            self._queue.put(payload)

    def _work(self) -> None:
        while (payload := self._queue.get()) is not None:
            try:
                self._write_all(payload)
            except OSError:
                self._tell(self._lost)
                return
            self._tell(self._written, len(payload))

    def _write_all(self, payload: bytes) -> None:
        view = memoryview(payload)
        while view and not self.gone.is_set():
            try:
                view = view[os.write(self._sink, view) :]
            except BlockingIOError:
                # Some program before us left the terminal, which we share with it, without blocking.
                select.select([], [self._sink], [])

    def _tell(self, call: Callable[..., None], *arguments: object) -> None:
        # The loop may be closed already when the last bytes come out.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *arguments)

    def _written(self, count: int) -> None:
        self._waiting -= count
        if self._waiting < MAX_QUEUED and self._held is None:
            self._room.set()
        if self._waiting == 0:
            self._empty.set()

    def _lost(self) -> None:
        self.gone.set()
        self._room.set()
        self._empty.set()
