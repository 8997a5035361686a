"""The QEMU command line of a machine: a pure function, so that what a guest may reach can be read and tested.

The guest gets a processor, memory, serial ports, a screen, a port for an agent inside it and, if its image
has one, a disk; a network of its own if its definition has a card. It gets no shared folder, and QEMU itself
gives up starting programs and regaining rights.
"""

from __future__ import annotations

from outofband.agent.config import Image
from outofband.agent.hypervisors.accelerator import CPU
from outofband.wire.guest_agent import PORT
from outofband.wire.machine import MachineDefinition

MONITOR_SOCKET = "qmp.sock"
GUEST_SOCKET = "guest.sock"
GUEST_CHARDEV = "guest"
NETDEV = "net0"
PID_FILE = "qemu.pid"
LOG_FILE = "qemu.log"
OVERLAY = "disk.qcow2"
MAX_PORTS = 4
"""A PC has four ISA serial ports."""

SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"


def command_line(
    definition: MachineDefinition, image: Image, accelerator: str, program: str = "qemu-system-x86_64"
) -> list[str]:
    """Arguments of QEMU, the program first. File names of the machine itself are relative to its directory.

    Relative, because the name of a unix socket ends at 108 bytes however deep the state directory lies.
    """
    command = [
        program,
        "-name", _escape(definition.name),
        "-uuid", definition.vm,
        "-nodefaults",
        "-no-user-config",
        "-sandbox", SANDBOX,
        # graphics=off sends the firmware's text to the first serial port; the screen stays.
        "-machine", "pc,graphics=off",
        "-accel", accelerator,
        "-cpu", CPU[accelerator],
        "-smp", str(definition.cpus),
        "-m", f"{definition.memory_mib}M",
        "-rtc", "base=utc",
        "-vga", "std",
        "-display", "none",
        # A guest that tells of its own panic is reported and goes on: its last words are on the console.
        "-device", "pvpanic",
        "-action", "panic=none",
        "-chardev", f"socket,id=qmp,path={MONITOR_SOCKET},server=on,wait=off",
        "-mon", "chardev=qmp,mode=control",
        # At a fixed place near the end of the bus, so that it moves none of the devices a guest knows by
        # theirs.
        "-device", "virtio-serial-pci,id=guestports,addr=0x1d,max_ports=2",
        "-chardev", f"socket,id={GUEST_CHARDEV},path={GUEST_SOCKET},server=on,wait=off",
        "-device", f"virtserialport,bus=guestports.0,chardev={GUEST_CHARDEV},name={PORT}",
        "-pidfile", PID_FILE,
        "-msg", "timestamp=on",
    ]  # fmt: skip
    command += _network(definition)
    for port in definition.ports:
        command += [
            "-chardev",
            # Typed at through a FIFO; printed to nowhere, which never blocks, and to the log.
            f"pipe,id={chardev(port.name)},path={file_name(port.name)},"
            f"logfile={file_name(port.name)}.log,logappend=on",
            "-serial",
            f"chardev:{chardev(port.name)}",
        ]
    if image.kernel is not None:
        command += ["-kernel", image.kernel]
        if image.initrd is not None:
            command += ["-initrd", image.initrd]
        if image.cmdline:
            command += ["-append", image.cmdline]
    if image.disk is not None:
        command += ["-drive", f"file={OVERLAY},format=qcow2,if=virtio,discard=unmap"]
    return command


def _network(definition: MachineDefinition) -> list[str]:
    """A network of the VM's own behind QEMU's user-mode stack, which hands out the one address there is.

    From outside nothing gets in but by forwards that the monitor is asked for; out it may go.
    """
    nic = definition.nic
    if nic is None:
        return ["-nic", "none"]
    return [
        "-netdev",
        f"user,id={NETDEV},ipv6=off,net={nic.network},host={nic.gateway},dns={nic.resolver},"
        f"dhcpstart={nic.address},hostname={_escape(definition.name)}",
        # Like the guest's ports at a fixed place, and without a program of its own to boot from.
        "-device",
        f"virtio-net-pci,id=nic0,netdev={NETDEV},mac={nic.mac},addr=0x1c,romfile=",
    ]


def chardev(port: str) -> str:
    """QEMU's id of a serial port's character device."""
    return f"ser{port}"


def file_name(port: str) -> str:
    """Name of a serial port's files in the machine's directory, without their endings."""
    return f"serial{port}"


def _escape(text: str) -> str:
    """Within a QEMU option a comma begins the next key; doubled it is a comma."""
    return text.replace(",", ",,")
