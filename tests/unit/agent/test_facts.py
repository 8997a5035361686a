"""What an agent says of its machine, from texts as systems and firmware have them."""

from __future__ import annotations

import ipaddress
import json
import shutil
import socket
import struct
import subprocess
from pathlib import Path

import pytest

from outofband.agent import facts, hardware
from outofband.agent.hardware import Fingerprints, Hardware
from outofband.core.errors import Fault

UBUNTU = """\
PRETTY_NAME="Ubuntu 22.04.4 LTS"
NAME="Ubuntu"
VERSION_ID="22.04"
# a comment
VERSION='22.04.4 LTS (Jammy \\'x'
ODD=\\"unfinished"
"""
CPU = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R)  Xeon(R) CPU\nflags\t: fpu\n"
ARM = "processor\t: 0\nBogoMIPS\t: 50.00\nCPU part\t: 0xd0c\n"
POWER = "processor\t: 0\ncpu\t\t: POWER9 (architected), altivec supported\n"
UUID = "4c4c4544-0035-5910-8052-b4c04f4e3132"


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_a_whole_machine(tmp_path: Path) -> None:
    dmi = "sys/class/dmi/id/"
    write(
        tmp_path,
        {
            "etc/os-release": UBUNTU,
            "etc/hostname": "web-1\n",
            "etc/hosts": "127.0.0.1 localhost\n10.0.0.4 web-1.example.org web-1 # mine\n",
            "proc/cpuinfo": CPU,
            f"{dmi}sys_vendor": "Amazon EC2\n",
            f"{dmi}product_name": "m5.large\n",
            f"{dmi}product_serial": "To Be Filled By O.E.M.\n",
            f"{dmi}product_uuid": UUID.upper() + "\n",
            "sys/block/nvme0n1/size": "20971520\n",
            "sys/block/nvme0n1/queue/rotational": "0\n",
            "sys/block/sda/size": "2048\n",
            "sys/block/sda/queue/rotational": "1\n",
            "sys/block/loop0/size": "2048\n",
            "sys/block/sdb/size": "0\n",
        },
    )
    found = facts.read(tmp_path)
    assert (found.os_name, found.os_version, found.os_sku) == ("Ubuntu", "22.04", "Ubuntu 22.04.4 LTS")
    assert (found.fqdn, found.domain, found.uuid) == ("web-1.example.org", "example.org", UUID)
    assert (found.manufacturer, found.model, found.serial) == ("Amazon EC2", "m5.large", "")
    assert (found.processor, found.cloud) == ("Intel(R) Xeon(R) CPU", "AWS")
    assert found.disks == [
        {"name": "nvme0n1", "sizeBytes": 10 * 1024**3, "type": "SSD"},
        {"name": "sda", "sizeBytes": 1024**2, "type": "HDD"},
    ]
    assert found.networks == []


def test_a_machine_that_tells_nothing(tmp_path: Path) -> None:
    found = facts.read(tmp_path)
    assert (found.uuid, found.manufacturer, found.cloud, found.disks) == ("", "", "", [])
    assert found.fqdn and found.os_name


def test_what_cannot_be_quoted_is_left_out() -> None:
    found = facts.os_release(UBUNTU)
    assert found["NAME"] == "Ubuntu" and "ODD" not in found and "VERSION" not in found


@pytest.mark.parametrize(("text", "name"), [(CPU, "Intel(R) Xeon(R) CPU"), (ARM, ""), ("", "")])
def test_processors(text: str, name: str) -> None:
    assert facts.processor(text) == name
    assert facts.processor(POWER).startswith("POWER9")


@pytest.mark.parametrize(
    ("firmware", "name"),
    [
        (("Amazon EC2", "t3.micro"), "AWS"),
        (("Xen", "HVM domU", "", "Amazon EC2"), "AWS"),
        (("Google", "Google Compute Engine"), "GCP"),
        (("Microsoft Corporation", "Virtual Machine", "7783-7084-3265-9085-8269-3286-77"), "Azure"),
        (("Microsoft Corporation", "Virtual Machine", "5226-1180"), ""),
        (("QEMU", "Standard PC", "OracleCloud.com"), "Oracle"),
        (("OpenStack Foundation", "OpenStack Nova"), "OpenStack"),
        (("Dell Inc.", "PowerEdge R640"), ""),
    ],
)
def test_clouds_by_their_firmware(firmware: tuple[str, ...], name: str) -> None:
    assert facts.provider(*firmware) == name


@pytest.mark.parametrize(
    ("host", "hosts", "resolver", "name"),
    [
        ("web.example.org", "", "", "web.example.org"),
        ("web", "10.0.0.1 other.example.org other\n", "", "web"),
        ("web", "::1 web.localdomain web\n", "domain lab.example.\n", "web.lab.example"),
        ("web", "", "search a.example b.example\n", "web"),
        ("web", "# 10.0.0.1 web.example.org web\n", "# domain x\n", "web"),
        ("", "", "domain x", ""),
    ],
)
def test_full_names(host: str, hosts: str, resolver: str, name: str) -> None:
    assert facts.full_name(host, hosts, resolver) == name


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body


def address(family: int, prefix: int, index: int, *attributes: bytes) -> bytes:
    return message(20, struct.pack("=BBBBI", family, prefix, 0, 0, index) + b"".join(attributes))


def test_addresses_of_the_kernel() -> None:
    four, six = ipaddress.ip_address("192.0.2.7").packed, ipaddress.ip_address("2001:db8::7").packed
    peer = ipaddress.ip_address("192.0.2.8").packed
    dump = (
        address(socket.AF_INET, 24, 2, attribute(1, peer), attribute(2, four), attribute(3, b"eth0\0"))
        + address(socket.AF_INET6, 64, 3, attribute(1, six))
        + address(socket.AF_INET, 24, 4, attribute(1, b"\1\2"))
        + address(socket.AF_INET, 77, 4, attribute(1, four))
        + address(socket.AF_UNIX, 24, 4, attribute(1, four))
        + message(3, b"\0\0\0\0")
        + address(socket.AF_INET, 24, 5, attribute(1, four))
    )
    assert list(facts.addresses(dump)) == [
        (2, {"address": "192.0.2.7", "version": "IPv4", "prefix": "192.0.2.0/24"}),
        (3, {"address": "2001:db8::7", "version": "IPv6", "prefix": "2001:db8::/64"}),
    ]
    for end in range(len(dump)):
        list(facts.addresses(dump[:end]))
    list(facts.addresses(b"\0" * 64))


@pytest.mark.skipif(shutil.which("ip") is None, reason="needs ip")
def test_this_hosts_addresses() -> None:
    """As iproute2 tells them."""
    told = json.loads(subprocess.check_output(["ip", "-j", "addr"]))
    theirs = {
        (each["ifname"], address["local"])
        for each in told
        if each["link_type"] != "loopback"
        for address in each["addr_info"]
    }
    ours = {(each["id"], one["address"]) for each in facts.read().networks for one in each["ipAddresses"]}
    assert ours == theirs


def test_which_machine_this_is(tmp_path: Path) -> None:
    assert hardware.read(tmp_path) == Hardware()
    assert hardware.fingerprints("key", Hardware()) == Fingerprints()
    write(tmp_path, {"var/lib/dbus/machine-id": "ABC\n", "run/azcmagent/product_uuid": UUID})
    assert hardware.read(tmp_path) == Hardware("abc", UUID)
    write(tmp_path, {"etc/machine-id": "uninitialized\n"})
    assert hardware.read(tmp_path).machine_id == ""
    for nobodys in ("0" * 8 + "-0000" * 3 + "-" + "0" * 12, "Not Settable", "", "x" * 36):
        write(tmp_path, {"run/azcmagent/product_uuid": nobodys})
        assert hardware.read(tmp_path).uuid == ""


def test_a_copy_is_told_from_a_machine_that_another_user_looks_at() -> None:
    def of(machine_id: str, uuid: str, key: str = "key") -> Fingerprints:
        return hardware.fingerprints(key, Hardware(machine_id, uuid))

    whole, partial = of("a", UUID), of("a", "")
    assert hardware.recognised("m", Fingerprints(), whole) == whole.whole
    for now in (whole, partial, Fingerprints()):
        assert hardware.recognised("m", whole, now) == whole.whole
    assert hardware.recognised("m", partial, whole) == partial.whole
    other = UUID.replace("4", "5")
    for remembered, now in ((whole, of("a", other)), (whole, of("b", UUID)), (partial, of("b", ""))):
        with pytest.raises(Fault, match="AgentCloned"):
            hardware.recognised("m", remembered, now)
    assert of("a", UUID, "another key").whole != whole.whole
