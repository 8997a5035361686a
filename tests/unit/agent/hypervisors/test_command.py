"""The QEMU command line: what a guest gets, and above all what it does not get."""

from __future__ import annotations

import itertools

import pytest

from outofband.agent.config import Image
from outofband.agent.hypervisors.command import command_line
from outofband.wire.machine import MachineDefinition, PortDefinition

VM = "0b1f3a52-6c1d-4c55-9d6a-0f5b0c2f7e11"
KERNEL = Image(kernel="/srv/k,1", initrd="/srv/i", cmdline="console=ttyS0 quiet")


def definition(**fields: object) -> MachineDefinition:
    return MachineDefinition(**{"vm": VM, "name": "demo", "driver": "qemu", "image": "x"} | fields)  # type: ignore[arg-type]


def values(command: list[str], flag: str) -> list[str]:
    return [value for word, value in itertools.pairwise(command) if word == flag]


def test_the_machine_is_named_and_sized_as_defined() -> None:
    command = command_line(definition(memory_mib=512, cpus=3), KERNEL, "tcg", "/usr/bin/qemu")
    assert command[0] == "/usr/bin/qemu"
    assert values(command, "-uuid") == [VM]
    assert values(command, "-name") == ["demo"]
    assert values(command, "-m") == ["512M"]
    assert values(command, "-smp") == ["3"]


@pytest.mark.parametrize(("accelerator", "cpu"), [("tcg", "max"), ("kvm", "host")])
def test_the_processor_model_fits_the_accelerator(accelerator: str, cpu: str) -> None:
    command = command_line(definition(), KERNEL, accelerator)
    assert values(command, "-accel") == [accelerator]
    assert values(command, "-cpu") == [cpu]


def test_nothing_leads_from_the_guest_to_the_host() -> None:
    command = command_line(definition(), KERNEL, "tcg")
    assert "-nodefaults" in command
    assert "-no-user-config" in command
    assert values(command, "-nic") == ["none"]
    assert values(command, "-display") == ["none"]
    sandbox = values(command, "-sandbox")[0].split(",")
    assert sandbox[0] == "on"
    assert {"spawn=deny", "elevateprivileges=deny"} <= set(sandbox)
    assert not {"-netdev", "-virtfs", "-fsdev", "-vnc", "-net", "-gdb", "-s"} & set(command)


def test_a_guest_agent_has_a_port_that_moves_no_other_device() -> None:
    command = command_line(definition(), Image(disk="/srv/d"), "tcg")
    devices = values(command, "-device")
    assert "virtserialport,bus=guestports.0,chardev=guest,name=org.qemu.guest_agent.0" in devices
    assert "addr=0x1d" in next(each for each in devices if each.startswith("virtio-serial-pci"))
    assert "socket,id=guest,path=guest.sock,server=on,wait=off" in values(command, "-chardev")


def test_the_serial_port_logs_itself_and_never_waits_for_anybody() -> None:
    command = command_line(definition(), KERNEL, "tcg")
    port = next(value for value in values(command, "-chardev") if "id=ser0" in value)
    assert port == "pipe,id=ser0,path=serial0,logfile=serial0.log,logappend=on"
    assert values(command, "-serial") == ["chardev:ser0"]


def test_names_of_sockets_are_relative_because_they_must_be_short() -> None:
    command = command_line(definition(), KERNEL, "tcg")
    paths = [word for chardev in values(command, "-chardev") for word in chardev.split(",")]
    sockets = {"path=qmp.sock", "path=guest.sock", "path=serial0"}
    assert {word for word in paths if word.startswith("path=")} == sockets
    assert values(command, "-pidfile") == ["qemu.pid"]


def test_every_port_has_a_device_of_its_own() -> None:
    ports = tuple(PortDefinition(name=str(number)) for number in range(3))
    command = command_line(definition(ports=ports), KERNEL, "tcg")
    assert values(command, "-serial") == ["chardev:ser0", "chardev:ser1", "chardev:ser2"]


def test_a_kernel_is_booted_with_its_initrd_and_words() -> None:
    command = command_line(definition(), KERNEL, "tcg")
    assert values(command, "-kernel") == ["/srv/k,1"]
    assert values(command, "-initrd") == ["/srv/i"]
    assert values(command, "-append") == ["console=ttyS0 quiet"]
    assert not values(command, "-drive")


def test_a_disk_image_is_only_ever_seen_through_the_machines_own_overlay() -> None:
    command = command_line(definition(), Image(disk="/srv/debian.qcow2"), "tcg")
    assert values(command, "-drive") == ["file=disk.qcow2,format=qcow2,if=virtio,discard=unmap"]
    assert not any("debian" in word for word in command)
    assert "-kernel" not in command


def test_a_comma_in_a_name_begins_no_new_option() -> None:
    command = command_line(definition(name="a,debug-threads=on"), KERNEL, "tcg")
    assert values(command, "-name") == ["a,,debug-threads=on"]
