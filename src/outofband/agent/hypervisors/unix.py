"""The driver of machines that something else runs: all there is of them is a serial port on a unix socket."""

from __future__ import annotations

from typing import Protocol

from outofband.agent.hypervisors.driver import Happening, Report, not_supported
from outofband.agent.hypervisors.picture import Picture
from outofband.wire.machine import Power, Verb


class Connectable(Protocol):
    @property
    def connected(self) -> bool: ...


class UnixDriver:
    """Such a machine counts as running while its socket is connected."""

    name = "unix"
    verbs: frozenset[Verb] = frozenset()
    absent = "nobody listens on its socket"
    output_seconds = 0.0
    pid: int | None = None
    guest = None

    def __init__(self, source: Connectable, report: Report) -> None:
        self._source = source
        self._report = report
        self._connected = False

    async def adopt(self) -> Power:
        self._connected = self._source.connected
        return Power.RUNNING if self._connected else Power.STOPPED

    def port_changed(self) -> None:
        if self._source.connected is self._connected:
            return
        self._connected = self._source.connected
        if self._connected:
            self._report(Happening.BACK, {})
        else:
            fields = {"reason": "disconnected", "detail": self.absent, "clean": True}
            self._report(Happening.ENDED, fields)

    async def start(self) -> str:
        raise not_supported(self.name, Verb.START)

    async def shut_down(self) -> None:
        raise not_supported(self.name, Verb.STOP)

    async def kill(self) -> None:
        """Nothing of ours runs."""

    async def wait_end(self, timeout: float) -> bool:
        return not self._connected

    async def reset(self) -> None:
        raise not_supported(self.name, Verb.RESET)

    async def nmi(self) -> None:
        raise not_supported(self.name, Verb.NMI)

    async def ctrl_alt_del(self) -> None:
        raise not_supported(self.name, Verb.CTRL_ALT_DEL)

    async def send_break(self) -> None:
        raise not_supported(self.name, Verb.SYSRQ)

    async def screenshot(self, *, wake: bool) -> Picture:
        raise not_supported(self.name, Verb.SCREENSHOT)

    async def close(self) -> None:
        pass
