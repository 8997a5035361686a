"""The driver of machines that stand at the other end of a serial cable: all there is of them is that line."""

from __future__ import annotations

from outofband.agent.hypervisors.driver import Report
from outofband.agent.hypervisors.unix import UnixDriver
from outofband.agent.ports.uart import UartSource
from outofband.core.errors import Fault
from outofband.wire.machine import Verb


class UartDriver(UnixDriver):
    """Such a machine counts as running while its device is there. A BREAK is a matter of the line itself."""

    name = "uart"
    verbs = frozenset({Verb.SYSRQ})
    absent = "its serial device is not there"

    def __init__(self, source: UartSource, report: Report) -> None:
        super().__init__(source, report)
        self._uart = source

    async def send_break(self) -> None:
        try:
            await self._uart.send_break()
        except OSError as error:
            raise Fault("HypervisorUnreachable", detail=error.strerror or str(error)) from error
