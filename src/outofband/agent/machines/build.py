"""From a definition to its parts: a broker for each serial port, and the driver of its hypervisor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from outofband.agent.hypervisors.command import file_name
from outofband.agent.hypervisors.driver import Driver, Report
from outofband.agent.hypervisors.pty import PtyDriver
from outofband.agent.hypervisors.qemu import QemuDriver
from outofband.agent.hypervisors.shell import ShellDriver
from outofband.agent.hypervisors.uart import UartDriver
from outofband.agent.hypervisors.unix import UnixDriver
from outofband.agent.machines.host import Host
from outofband.agent.ports.broker import PortBroker
from outofband.agent.ports.captured import CapturedSource
from outofband.agent.ports.logged import LoggedSource
from outofband.agent.ports.source import Source
from outofband.agent.ports.spool import Spool
from outofband.agent.ports.uart import UartSource
from outofband.core.errors import Fault
from outofband.wire.arbiter import RESERVE_SECONDS
from outofband.wire.machine import MachineDefinition

if TYPE_CHECKING:
    from outofband.agent.machines.machine import Machine


CONSOLE_LINGER = RESERVE_SECONDS
"""How long the program on a server's own console waits for somebody whose line dropped."""


def make_ports(
    host: Host, definition: MachineDefinition, changed: Callable[[], None]
) -> dict[str, PortBroker]:
    """Brokers by port name, not open yet. Raises Fault ImageNotFound for a socket or a device the host does
    not have.
    """
    directory = host.directory(definition.vm)
    own = host.is_own(definition.vm)
    ports = {}
    for port in definition.ports:
        source: Source
        if definition.driver == "unix":
            source = CapturedSource(host.hub, Path(host.config.socket(definition.socket, host.name).path))
        elif definition.driver == "uart":
            source = UartSource(host.hub, *host.uart(definition))
        else:
            source = LoggedSource(host.hub, directory, file_name(port.name))
        ports[port.name] = PortBroker(
            definition.vm,
            port.name,
            Spool(directory / f"{file_name(port.name)}.log", host.ring, host.reserve),
            source,
            monitor=host.config.policy.monitor or (own and host.config.console.read_only),
            on_change=changed,
        )
    return ports


def make_driver(machine: Machine, report: Report) -> Driver:
    """The driver reads the machine's definition each time it starts it. Raises Fault DriverUnknown."""
    host, definition, directory = machine.host, machine.definition, machine.directory
    if definition.driver == "qemu":
        return QemuDriver(
            definition,
            directory,
            report,
            command=lambda: host.command(machine.definition),
            disk=lambda: host.disk(machine.definition),
        )
    if definition.driver == "unix":
        return UnixDriver(machine.console.source, report)
    if definition.driver == "uart":
        source = machine.console.source
        assert isinstance(source, UartSource), "make_ports gives no other for this driver"
        return UartDriver(source, report)
    if definition.driver == "shell" and host.is_own(definition.vm):
        return ShellDriver(directory, machine.console, host.config.console, linger=CONSOLE_LINGER)
    if definition.driver == "pty":
        return PtyDriver(
            directory,
            machine.console.port,
            report,
            program=lambda: host.config.program(machine.definition.program, host.name),
        )
    raise Fault("DriverUnknown", driver=definition.driver)
