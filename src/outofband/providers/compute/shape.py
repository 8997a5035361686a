"""A VM's properties: Azure's, plus ours under `outofband`, and what the row remembers for itself.

What Azure's clients send of hardware, storage, OS and network profile is kept and given back; what the host
runs is said by the `outofband` part.
"""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.store.resources import Resource
from outofband.wire.machine import MachineDefinition

TYPE = "Microsoft.Compute/virtualMachines"
DRIVERS = ("qemu", "unix", "pty")
_WITH_SCREEN = frozenset({"qemu"})
MAX_MEMORY_MIB = 1024 * 1024
MAX_CPUS = 255
MAX_PROFILES = 64 * 1024
"""Bytes of all profiles of one VM together."""
PRIVATE = "_"
"""Key under which a row keeps what no client may see or set."""
_PROFILES = ("hardwareProfile", "storageProfile", "osProfile", "networkProfile", "diagnosticsProfile")
_SECRETS = frozenset({"adminPassword", "customData", "secrets"})


class HostReference(msgspec.Struct, frozen=True, kw_only=True):
    id: str


class Guest(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What the host runs: `image`, `program` and `socket` are names of the host's own configuration."""

    driver: str = "qemu"
    image: str | None = None
    program: str | None = None
    socket: str | None = None
    memory_mib: int = msgspec.field(default=256, name="memoryMiB")
    cpus: int = 1

    def check(self) -> None:
        """Raises Fault InvalidParameter or DriverUnknown."""
        if self.driver not in DRIVERS:
            raise Fault("DriverUnknown", driver=self.driver[:40])
        wanted = {"qemu": "image", "unix": "socket", "pty": "program"}[self.driver]
        for kind in ("image", "socket", "program"):
            given = getattr(self, kind)
            if (given is not None) != (kind == wanted) or given == "":
                word = "is needed for" if kind == wanted else "has no meaning with"
                raise Fault(
                    "InvalidParameter",
                    target=f"properties.outofband.{kind}",
                    detail=f"it {word} the driver '{self.driver}'",
                )
        if not 16 <= self.memory_mib <= MAX_MEMORY_MIB:
            raise Fault(
                "InvalidParameter", target="properties.outofband.memoryMiB", detail=f"16 to {MAX_MEMORY_MIB}"
            )
        if not 1 <= self.cpus <= MAX_CPUS:
            raise Fault("InvalidParameter", target="properties.outofband.cpus", detail=f"1 to {MAX_CPUS}")


class VmProperties(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The part of a PUT or PATCH body that is looked into."""

    host: HostReference | None = None
    outofband: Guest | None = None
    hardware_profile: dict[str, Any] | None = None
    storage_profile: dict[str, Any] | None = None
    os_profile: dict[str, Any] | None = None
    network_profile: dict[str, Any] | None = None
    diagnostics_profile: dict[str, Any] | None = None

    def profiles(self, kept: dict[str, Any]) -> dict[str, Any]:
        """The profiles to store: those given, else those kept. Raises Fault InvalidParameter."""
        given = msgspec.to_builtins(self)
        chosen = {name: given.get(name) or kept.get(name) for name in _PROFILES}
        found = {name: _without_secrets(value) for name, value in chosen.items() if value is not None}
        if len(msgspec.json.encode(found)) > MAX_PROFILES:
            raise Fault("InvalidParameter", target="properties", detail=f"over {MAX_PROFILES} bytes")
        _boot_diagnostics(found)
        return found


class Private(msgspec.Struct, frozen=True, kw_only=True):
    """`agent`: of the host; `placed`: the host has made the VM; `failure`: why the last change failed."""

    agent: str
    placed: bool = False
    deallocated: bool = False
    failure: dict[str, Any] | None = None


def guest_of(row: Resource) -> Guest:
    return msgspec.convert(row.properties["outofband"], Guest)


def private_of(row: Resource) -> Private:
    return msgspec.convert(row.properties[PRIVATE], Private)


def with_private(row: Resource, **changes: Any) -> dict[str, Any]:
    """The row's properties with changed private parts."""
    private = msgspec.structs.replace(private_of(row), **changes)
    return row.properties | {PRIVATE: msgspec.to_builtins(private)}


def boot_diagnostics_on(row: Resource) -> bool:
    """On unless switched off: a console must not be missing when it is needed first."""
    return _boot_diagnostics(row.properties).get("enabled") is not False


def has_screen(row: Resource) -> bool:
    """Whether there is a screen to take a picture of; the others are a serial port and nothing else."""
    return guest_of(row).driver in _WITH_SCREEN


def definition(row: Resource) -> dict[str, Any]:
    """The machine's definition as its host gets it."""
    guest = guest_of(row)
    machine = MachineDefinition(
        vm=row.uid,
        name=row.name,
        driver=guest.driver,
        epoch=row.epoch,
        memory_mib=guest.memory_mib,
        cpus=guest.cpus,
        image=guest.image,
        program=guest.program,
        socket=guest.socket,
    )
    body: dict[str, Any] = msgspec.to_builtins(machine)
    return body


def shown(row: Resource) -> dict[str, Any]:
    """Properties as a client sees them, without the instance view."""
    guest = guest_of(row)
    known = {name: value for name, value in row.properties.items() if name != PRIVATE}
    defaults: dict[str, Any] = {
        "vmId": row.uid,
        "timeCreated": clock.iso(row.created),
        "hardwareProfile": {"vmSize": f"{guest.driver}-{guest.cpus}cpu-{guest.memory_mib}mib"},
        "storageProfile": {"imageReference": {"offer": guest.image}, "dataDisks": []} if guest.image else {},
        "osProfile": {"computerName": row.name},
        "networkProfile": {"networkInterfaces": []},
        "diagnosticsProfile": {"bootDiagnostics": {"enabled": True}},
    }
    return defaults | known


def _boot_diagnostics(properties: dict[str, Any]) -> dict[str, Any]:
    found = (properties.get("diagnosticsProfile") or {}).get("bootDiagnostics") or {}
    if not isinstance(found, dict) or not isinstance(found.get("enabled"), bool | None):
        target = "properties.diagnosticsProfile.bootDiagnostics"
        raise Fault("InvalidParameter", target=target, detail="'enabled' is true or false")
    return found


def _without_secrets(profile: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in profile.items() if name not in _SECRETS}
