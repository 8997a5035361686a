"""What is known of the machine an agent runs on: read from /etc, /proc and /sys, and asked of the kernel.

Everything may be missing (in a container there is no firmware), and nothing here raises: what cannot be read
is empty. Nothing is looked up in the network. The functions below `read` are pure.
"""

from __future__ import annotations

import contextlib
import ipaddress
import platform
import shlex
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from outofband.agent import hardware
from outofband.wire.machine import MachineFacts

MAX_TEXT = 256
MAX_ITEMS = 64
"""Interfaces, and disks, that are told of."""
MAX_DUMP = 1024 * 1024
SECTOR = 512
"""What /sys/block/*/size counts in, whatever the disk's own sectors are."""
_DISKS_OF_NOBODY = ("loop", "ram", "zram", "sr", "fd", "dm-", "md", "nbd")
_UNTOLD = frozenset({"", "none", "not specified", "to be filled by o.e.m.", "default string", "0", "unknown"})
_AZURE_TAG = "7783-7084-3265-9085-8269-3286-77"
"""What Azure's firmware writes as the chassis' asset tag, on every VM."""
_RTM_NEWADDR, _RTM_GETADDR = 20, 22
_NLM_F_REQUEST_DUMP = 0x301
_NLMSG_DONE, _NLMSG_ERROR = 3, 2
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_FAMILIES = {socket.AF_INET: 4, socket.AF_INET6: 16}


def read(root: Path = Path("/")) -> MachineFacts:
    """`root` is where the machine's files are; its addresses are this host's."""
    release = os_release(_text(root / "etc/os-release") or _text(root / "usr/lib/os-release"))
    dmi = {
        name: told(_text(root / "sys/class/dmi/id" / name))
        for name in ("sys_vendor", "product_name", "product_serial", "chassis_asset_tag", "bios_vendor")
    }
    hosts, resolver = _text(root / "etc/hosts"), _text(root / "etc/resolv.conf")
    name = full_name(_text(root / "etc/hostname").strip() or platform.node(), hosts, resolver)
    return MachineFacts(
        os_name=release.get("NAME", platform.system()),
        os_version=release.get("VERSION_ID", ""),
        os_sku=release.get("PRETTY_NAME", ""),
        fqdn=name,
        domain=name.partition(".")[2],
        uuid=hardware.read(root).uuid,
        manufacturer=dmi["sys_vendor"],
        model=dmi["product_name"],
        serial=dmi["product_serial"],
        processor=processor(_text(root / "proc/cpuinfo")),
        cloud=provider(dmi["sys_vendor"], dmi["product_name"], dmi["chassis_asset_tag"], dmi["bios_vendor"]),
        networks=_networks(root),
        disks=_disks(root),
    )


def os_release(text: str) -> dict[str, str]:
    """os-release(5): a line each, quoted as a shell quotes."""
    found = {}
    for line in text.splitlines():
        name, is_one, value = line.strip().partition("=")
        if not is_one or name.startswith("#"):
            continue
        try:
            found[name] = " ".join(shlex.split(value))[:MAX_TEXT]
        except ValueError:
            continue
    return found


def told(text: str) -> str:
    """What firmware says of itself; empty for what its maker did not fill in."""
    words = " ".join(text.split())[:MAX_TEXT]
    return "" if words.lower() in _UNTOLD else words


def provider(vendor: str, product: str, tag: str = "", bios: str = "") -> str:
    """The cloud that a machine runs in, by what its firmware says; empty for none that is known."""
    words = f"{vendor} {product} {bios}".lower()
    if tag == _AZURE_TAG:
        return "Azure"
    for mark, name in (
        ("amazon", "AWS"),
        ("google", "GCP"),
        ("alibaba", "Alibaba"),
        ("digitalocean", "DigitalOcean"),
        ("hetzner", "Hetzner"),
        ("openstack", "OpenStack"),
    ):
        if mark in words:
            return name
    return "Oracle" if tag.lower() == "oraclecloud.com" else ""


def processor(text: str) -> str:
    """The first processor of /proc/cpuinfo, whatever its architecture calls it."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, is_one, value = line.partition(":")
        if is_one:
            fields.setdefault(name.strip().lower(), " ".join(value.split())[:MAX_TEXT])
    names = ("model name", "cpu model", "cpu", "hardware", "processor")
    return next((fields[each] for each in names if fields.get(each, "").strip("0")), "")


def full_name(host: str, hosts: str, resolver: str) -> str:
    """A host's full name by its own files: hosts(5) first, then the resolver's own domain."""
    if "." in host or not host:
        return host
    for line in hosts.splitlines():
        words = line.partition("#")[0].split()[1:]
        if host in words:
            found = next((each for each in words if each.startswith(f"{host}.")), None)
            if found is not None and not found.endswith(".localdomain"):
                return found
    for line in resolver.splitlines():
        match line.partition("#")[0].split():
            case ["domain", domain]:
                return f"{host}.{domain.strip('.')}"
    return host


def addresses(dump: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    """Of a netlink answer to RTM_GETADDR: the interface's number and {address, version, prefix}."""
    for kind, body in _messages(dump):
        if kind != _RTM_NEWADDR or len(body) < 8:
            continue
        family, length, _, _, index = struct.unpack_from("=BBBBI", body)
        fields = dict(_attributes(body[8:]))
        raw = fields.get(_IFA_LOCAL, fields.get(_IFA_ADDRESS, b""))
        if len(raw) != _FAMILIES.get(family) or length > len(raw) * 8:
            continue
        found = ipaddress.ip_interface((raw, length))
        yield (
            index,
            {"address": str(found.ip), "version": f"IPv{found.version}", "prefix": str(found.network)},
        )


def _messages(dump: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and body of each, netlink(7); the one that says that it is the end is the last."""
    at = 0
    while at + 16 <= len(dump):
        length, kind = struct.unpack_from("=IH", dump, at)
        if length < 16 or at + length > len(dump):
            return
        yield kind, dump[at + 16 : at + length]
        if kind in (_NLMSG_DONE, _NLMSG_ERROR):
            return
        at += (length + 3) & ~3


def _attributes(text: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(text):
        length, kind = struct.unpack_from("=HH", text, at)
        if length < 4:
            return
        yield kind & 0x3FFF, text[at + 4 : at + length]
        at += (length + 3) & ~3


def _networks(root: Path) -> list[dict[str, Any]]:
    """Every interface but the loopback, with its addresses."""
    by_index: dict[int, list[dict[str, Any]]] = {}
    for number, found in addresses(_dump()):
        by_index.setdefault(number, []).append(found)
    networks = []
    for folder in _folders(root / "sys/class/net"):
        mac, index = _text(folder / "address").strip(), _text(folder / "ifindex").strip()
        if _text(folder / "type").strip() == "772" or not index.isdecimal():
            continue
        mine = by_index.get(int(index), [])
        networks.append({"id": folder.name, "macAddress": mac, "ipAddresses": mine[:MAX_ITEMS]})
    return networks[:MAX_ITEMS]


def _dump() -> bytes:
    """The kernel's list of addresses; nothing where it gives none."""
    found = bytearray()
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asking,
    ):
        asking.settimeout(1.0)
        asking.sendto(struct.pack("=IHHIIB3x", 20, _RTM_GETADDR, _NLM_F_REQUEST_DUMP, 1, 0, 0), (0, 0))
        while len(found) < MAX_DUMP and (piece := asking.recv(65536)):
            found += piece
            if any(kind in (_NLMSG_DONE, _NLMSG_ERROR) for kind, _ in _messages(piece)):
                break
    return bytes(found)


def _disks(root: Path) -> list[dict[str, Any]]:
    disks = []
    for folder in _folders(root / "sys/block"):
        size = _text(folder / "size").strip()
        if folder.name.startswith(_DISKS_OF_NOBODY) or not size.isdecimal() or size == "0":
            continue
        spins = _text(folder / "queue/rotational").strip() == "1"
        disks.append(
            {"name": folder.name, "sizeBytes": int(size) * SECTOR, "type": "HDD" if spins else "SSD"}
        )
    return disks[:MAX_ITEMS]


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(65536).decode("utf-8", errors="replace")
    except OSError:
        return ""
