"""Sizes of VMs: some of Azure's by their names, and any other as `qemu-2cpu-512mib`.

A size says how many processors and how much memory a guest gets, nothing else. The figures are of Azure's
public list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.fleet.hosts import HostView

MAX_MEMORY_MIB = 1024 * 1024
MIN_MEMORY_MIB = 16
MAX_CPUS = 255
_MAX_NAMED = 12
_OWN = re.compile(r"(?:qemu|unix|pty)-(\d{1,3})cpu-(\d{1,7})mib", re.IGNORECASE)


class Size(msgspec.Struct, frozen=True):
    """`family` is Azure's word for the row of sizes that it belongs to."""

    name: str
    cpus: int
    memory_mib: int
    family: str = ""


NAMED = (
    Size("Standard_B1ls", 1, 512, "standardBSFamily"),
    Size("Standard_B1s", 1, 1024, "standardBSFamily"),
    Size("Standard_B1ms", 1, 2048, "standardBSFamily"),
    Size("Standard_B2s", 2, 4096, "standardBSFamily"),
    Size("Standard_B2ms", 2, 8192, "standardBSFamily"),
    Size("Standard_B4ms", 4, 16384, "standardBSFamily"),
    Size("Standard_B8ms", 8, 32768, "standardBSFamily"),
    Size("Standard_A1_v2", 1, 2048, "standardAv2Family"),
    Size("Standard_A2_v2", 2, 4096, "standardAv2Family"),
    Size("Standard_A4_v2", 4, 8192, "standardAv2Family"),
    Size("Standard_D1_v2", 1, 3584, "standardDv2Family"),
    Size("Standard_D2_v2", 2, 7168, "standardDv2Family"),
    Size("Standard_DS1_v2", 1, 3584, "standardDSv2Family"),
    Size("Standard_DS2_v2", 2, 7168, "standardDSv2Family"),
    Size("Standard_DS3_v2", 4, 14336, "standardDSv2Family"),
    Size("Standard_D2s_v3", 2, 8192, "standardDSv3Family"),
    Size("Standard_D4s_v3", 4, 16384, "standardDSv3Family"),
    Size("Standard_D8s_v3", 8, 32768, "standardDSv3Family"),
    Size("Standard_D2s_v5", 2, 8192, "standardDSv5Family"),
    Size("Standard_D4s_v5", 4, 16384, "standardDSv5Family"),
    Size("Standard_D8s_v5", 8, 32768, "standardDSv5Family"),
    Size("Standard_E2s_v3", 2, 16384, "standardESv3Family"),
    Size("Standard_E4s_v3", 4, 32768, "standardESv3Family"),
    Size("Standard_F2s_v2", 2, 4096, "standardFSv2Family"),
    Size("Standard_F4s_v2", 4, 8192, "standardFSv2Family"),
    Size("Standard_F8s_v2", 8, 16384, "standardFSv2Family"),
)
_BY_NAME = {size.name.lower(): size for size in NAMED}


def find(name: str, target: str = "properties.hardwareProfile.vmSize") -> Size:
    """The size of that name, without case. Raises Fault InvalidParameter."""
    if (known := _BY_NAME.get(name.lower())) is not None:
        return known
    own = _OWN.fullmatch(name)
    if own is not None:
        cpus, memory = int(own[1]), int(own[2])
        if 1 <= cpus <= MAX_CPUS and MIN_MEMORY_MIB <= memory <= MAX_MEMORY_MIB:
            return Size(name, cpus, memory)
    shown = ", ".join(size.name for size in NAMED[:_MAX_NAMED])
    detail = f"'{name[:60]}' is no size that is known here; known are {shown}, ... and 'qemu-2cpu-512mib'"
    raise Fault("InvalidParameter", target=target, detail=detail)


def own_name(driver: str, cpus: int, memory_mib: int) -> str:
    """The name of any size at all; `find` knows it again."""
    return f"{driver}-{cpus}cpu-{memory_mib}mib"


def fitting(hosts: Iterable[HostView]) -> list[Size]:
    """The named sizes that at least one of the hosts is large enough for."""
    rooms = [(host.report.cpus, host.report.memory_mib) for host in hosts if host.report is not None]
    return [
        size
        for size in NAMED
        if any(size.cpus <= cpus and size.memory_mib <= memory for cpus, memory in rooms)
    ]


def body(size: Size) -> dict[str, Any]:
    """As Azure's `VirtualMachineSize`. Disks are as large as the image that they lie over."""
    return {
        "name": size.name,
        "numberOfCores": size.cpus,
        "memoryInMB": size.memory_mib,
        "osDiskSizeInMB": 0,
        "resourceDiskSizeInMB": 0,
        "maxDataDiskCount": 0,
    }
