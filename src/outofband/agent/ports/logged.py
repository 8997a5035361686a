"""A port whose hypervisor (or terminal host) writes the spool itself, and is typed at through a FIFO.

Output is read from the spool only. Typing and printing have nothing to do with each other, so that nothing
done or left undone here ever holds up a guest.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from outofband.agent.ports import fifo
from outofband.agent.ports.hub import PortHub
from outofband.agent.ports.keys import Keys
from outofband.agent.ports.source import Listener
from outofband.agent.ports.spool import Spool
from outofband.core import clock

FAULT_SECONDS = 2.0
"""How long a port that somebody wants to type at may be out of reach before it is called a fault."""


class LoggedSource:
    """The port `name` in `directory`: its FIFO `name`.in, which a running guest has open to read.

    Each guest reads a FIFO of its own. What was typed while there was none, or what one left pending, never
    reaches the next.
    """

    writes_spool = False

    def __init__(self, hub: PortHub, directory: Path, name: str = "serial0") -> None:
        self.hub = hub
        self.fault: tuple[str, dict[str, object]] | None = None
        self._path = directory / fifo.in_name(name)
        self._keys = Keys(hub.loop, self._taken, self._hang_up)
        self._wanted = False
        self._failing_since = 0.0
        self._spool: Spool | None = None
        self._listener: Listener | None = None

    @property
    def connected(self) -> bool:
        return self._keys.fd >= 0

    @property
    def queued(self) -> int:
        return self._keys.queued

    @property
    def delivered(self) -> int:
        return self._keys.taken

    @property
    def settled(self) -> bool:
        return not self._keys.pending and not (self.connected and fifo.unread(self._keys.fd))

    def open(self, spool: Spool, listener: Listener) -> None:
        self._spool, self._listener = spool, listener

    def close(self) -> None:
        self._wanted = False
        self._keys.discard()
        self._hang_up()
        self._listener = None

    # --- output: only a wake-up, the bytes are in the spool ---

    def watch(self, watched: bool) -> None:
        """Nothing to do: watching is arming."""

    def arm(self) -> None:
        if self._spool is not None and self._listener is not None:
            self.hub.inotify.arm(self._spool.path, self._grown)

    def rest(self) -> bool:
        return False

    def _grown(self) -> None:
        if self._listener is not None:
            self._listener.grown()

    # --- input ---

    def want_input(self, wanted: bool) -> None:
        self._wanted = wanted
        if wanted:
            self._reach()
        else:
            self._failing_since = 0.0
            self._set_fault(None)

    def write(self, data: bytes) -> bool:
        # Looked at each time: a guest may have been stopped and started since the last key.
        self._reach()
        return self._keys.write(data)

    def discard(self) -> int:
        return self._keys.discard()

    def take_back(self) -> int:
        return fifo.drain(self._path) if self.connected else 0

    def _reach(self) -> None:
        """Have the FIFO of the guest that runs now open, if there is one."""
        if self.connected:
            if fifo.has_reader(self._keys.fd):
                return
            self._hang_up()
        if self._spool is None:
            return
        try:
            fd = fifo.open_writer(self._path)
        except OSError as error:
            self._not_there(error)
            return
        self._drop()
        self._keys.attach(fd)
        self._failing_since = 0.0
        self._set_fault(None)

    def _not_there(self, error: OSError) -> None:
        if not self._wanted:
            return
        now = clock.monotonic()
        self._failing_since = self._failing_since or now
        if now - self._failing_since >= FAULT_SECONDS:
            absent = error.errno in (errno.ENXIO, errno.ENOENT)
            self._set_fault("no running guest reads it" if absent else error.strerror or str(error))

    def _hang_up(self) -> None:
        if self.connected:
            fd = self._keys.fd
            self._keys.detach()
            os.close(fd)

    def _drop(self) -> None:
        """What is pending was meant for a guest that is gone."""
        if self._keys.pending and self._listener is not None:
            self._listener.undeliverable()

    def _taken(self) -> None:
        if self._listener is not None:
            self._listener.taken()

    def _set_fault(self, detail: str | None) -> None:
        fault: tuple[str, dict[str, object]] | None = None
        if detail is not None:
            fault = ("PortUnavailable", {"detail": detail})
        if fault != self.fault:
            self.fault = fault
            if self._listener is not None:
                self._listener.changed()

    def tick(self, now: float) -> None:
        if self._wanted:
            self._reach()
        elif self.connected and not (self._keys.pending and fifo.has_reader(self._keys.fd)):
            self._hang_up()
        if not self.connected:
            self._drop()
