"""A port that is an existing serial on a unix socket: the agent reads it and writes the spool itself.

While nobody watches, or whoever watches can wait for a batch, the port is read in sweeps with all others;
otherwise the moment something comes. Nothing of a person's speed happens in here per chunk but one read and
one write.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from outofband.agent.ports.hub import PortHub
from outofband.agent.ports.line import SCRATCH_BYTES, Line, scratch, scratch_view
from outofband.agent.ports.pace import REST_BYTES
from outofband.agent.ports.source import Listener
from outofband.agent.ports.spool import Spool
from outofband.core import clock
from outofband.net.backoff import Backoff

TURN_BYTES = 1024 * 1024
"""Most that is read from one port before the others have their turn."""
SMALL_BYTES = 64
"""What comes in smaller pieces is read as it comes: a socket takes some 280 of them, whatever their size."""
RESTLESS_SECONDS = 60.0
"""How long a port does not rest after a sweep turned out to be too slow for it."""


class CapturedSource:
    """The port behind the listening unix socket `path`, which some other program owns."""

    writes_spool = True

    __slots__ = (
        "_backoff",
        "_line",
        "_listener",
        "_path",
        "_reads",
        "_rest_from",
        "_resting",
        "_retry",
        "_said",
        "_spool",
        "_watched",
        "fault",
        "hub",
    )

    def __init__(self, hub: PortHub, path: Path) -> None:
        self.hub = hub
        self.fault: tuple[str, dict[str, object]] | None = None
        self._path = path
        self._line = Line(hub.loop, on_readable=self._read_now, on_lost=self._lost, on_taken=self._taken)
        self._backoff = Backoff(first=0.1, limit=5.0)
        self._retry: asyncio.TimerHandle | None = None
        self._watched = False
        self._resting = False
        """Watched by somebody who can wait: the sweep reads it and tells."""
        self._rest_from = 0.0
        """Monotonic seconds: not before."""
        self._reads = self._said = 0
        """As things came, since it was asked to rest the last time: how often, and bytes."""
        self._spool: Spool | None = None
        self._listener: Listener | None = None

    @property
    def connected(self) -> bool:
        return self._line.sock is not None

    @property
    def queued(self) -> int:
        return self._line.keys.queued

    @property
    def delivered(self) -> int:
        return self._line.keys.taken

    @property
    def settled(self) -> bool:
        return not self._line.keys.pending

    def open(self, spool: Spool, listener: Listener) -> None:
        self._spool, self._listener = spool, listener
        spool.foreign = False
        self._dial()

    def close(self) -> None:
        self._listener = None
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._line.sock is not None:
            # What the port has said already is worth keeping.
            self._read()
        self._hang_up()
        self._line.keys.discard()
        self._spool = None

    # --- the connection ---

    def _dial(self) -> None:
        self._retry = None
        try:
            self._line.open(self._path)
        except OSError as error:
            self._set_fault(error.strerror or str(error))
            self._dial_later()
            return
        if self._line.sock is None:
            return
        self._backoff.reset()
        self.fault = None
        if self._watched:
            self._line.watch(True)
        else:
            self.hub.sweep.add(self._line.sock.fileno(), self._read)
        if self._listener is not None:
            self._listener.changed()

    def _dial_later(self) -> None:
        if self._listener is not None and self._retry is None:
            self._retry = self.hub.loop.call_later(self._backoff.next(), self._dial)

    def _hang_up(self) -> None:
        self._resting = False
        if self._line.sock is not None:
            self.hub.sweep.remove(self._line.sock.fileno())
            self._line.close()

    def _lost(self) -> None:
        self._hang_up()
        self._set_fault("the other side closed its socket")
        self._dial_later()

    def _set_fault(self, detail: str) -> None:
        before, self.fault = self.fault, ("PortUnavailable", {"detail": detail})
        if before != self.fault and self._listener is not None:
            self._listener.changed()

    # --- output ---

    def watch(self, watched: bool) -> None:
        if watched == self._watched:
            return
        self._watched = watched
        sock = self._line.sock
        if sock is None:
            return
        if watched:
            self.hub.sweep.remove(sock.fileno())
            self._line.watch(True)
            # What waits since the last sweep belongs before anything new, and whoever watches is told of it.
            self._read_now()
        else:
            if self._resting:
                self.hub.sweep.remove(sock.fileno())
                self._resting = False
            self._line.watch(False)
            self.hub.sweep.add(sock.fileno(), self._read)

    def arm(self) -> None:
        """Whoever reads the port tells of it; here, that it is read as things come."""
        if self._resting and self._line.sock is not None:
            self._resting = False
            self.hub.sweep.remove(self._line.sock.fileno())
            # What waits already is readable at once.
            self._line.watch(True)

    def rest(self) -> bool:
        small = self._said < SMALL_BYTES * self._reads
        self._reads = self._said = 0
        sock = self._line.sock
        if self._resting or not self._watched or sock is None:
            return self._resting
        if small or clock.monotonic() < self._rest_from:
            return False
        self._line.watch(False)
        self.hub.sweep.add(sock.fileno(), self._read_resting, too_slow=self._too_slow)
        self._resting = True
        return True

    def _too_slow(self) -> None:
        self._rest_from = clock.monotonic() + RESTLESS_SECONDS
        self.arm()

    def _read(self) -> int:
        """Read what is there into the spool; how many bytes."""
        spool = self._spool
        total = 0
        while spool is not None and (sock := self._line.sock) is not None:
            try:
                count = sock.recv_into(scratch)
            except BlockingIOError:
                break
            except OSError:
                count = 0
            if not count:
                self._lost()
                break
            spool.append(scratch_view[:count])
            total += count
            if count < SCRATCH_BYTES or total >= TURN_BYTES:
                break
        return total

    def _read_resting(self) -> int:
        count = self._read()
        if count >= REST_BYTES:
            self.arm()
        if self._listener is not None:
            self._listener.grown()
        return count

    def _read_now(self) -> None:
        self._said += self._read()
        self._reads += 1
        if self._listener is not None:
            self._listener.grown()

    # --- input ---

    def want_input(self, wanted: bool) -> None:
        """Nothing to do: the socket is connected for the output anyway."""

    def write(self, data: bytes) -> bool:
        return self._line.keys.write(data)

    def discard(self) -> int:
        return self._line.keys.discard()

    def take_back(self) -> int:
        # What a line was given is on its way.
        return 0

    def _taken(self) -> None:
        if self._listener is not None:
            self._listener.taken()

    def tick(self, now: float) -> None:
        """Nothing to do: losing the connection is noticed by reading."""
