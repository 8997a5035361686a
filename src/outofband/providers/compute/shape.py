"""A VM's properties: Azure's, plus ours under `outofband`, and what the row remembers for itself.

What Azure's clients send of hardware, storage, OS and network profile is kept and given back; what the host
runs is said by the `outofband` part, or worked out of those (`guests`).
"""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import parse_id
from outofband.providers.compute import guests, profiles
from outofband.providers.compute.guests import Guest
from outofband.store.resources import Resource
from outofband.wire.machine import MachineDefinition, PortDefinition
from outofband.wire.network.plan import Nic

TYPE = "Microsoft.Compute/virtualMachines"
SCALE_SETS = "Microsoft.Compute/virtualMachineScaleSets"
INSTANCES = f"{SCALE_SETS}/virtualMachines"
MACHINES = frozenset({TYPE.lower(), INSTANCES.lower()})
"""Keys of the types whose rows are machines on hosts: they have a console and a state of power."""
_WITH_SCREEN = frozenset({"qemu"})
PRIVATE = "_"
"""Key under which a row keeps what no client may see or set."""
PROFILES = (
    "hardwareProfile",
    "storageProfile",
    "osProfile",
    "networkProfile",
    "diagnosticsProfile",
    "securityProfile",
    "scheduledEventsProfile",
    "billingProfile",
    "applicationProfile",
    "additionalCapabilities",
    "availabilitySet",
    "virtualMachineScaleSet",
    "proximityPlacementGroup",
    "capacityReservation",
    "priority",
    "evictionPolicy",
    "licenseType",
    "extensionsTimeBudget",
    "platformFaultDomain",
)
PRIORITIES = ("Regular", "Low", "Spot")
EVICTION_POLICIES = ("Deallocate", "Delete")


class HostReference(msgspec.Struct, frozen=True, kw_only=True):
    id: str


class ImportReference(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`vmId` of a machine that a host has and the control plane has no resource for."""

    vm_id: str


class VmProperties(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The part of a PUT or PATCH body that is looked into."""

    host: HostReference | None = None
    outofband: Guest | None = None
    adopt: ImportReference | None = msgspec.field(default=None, name="import")
    hardware_profile: dict[str, Any] | None = None
    storage_profile: dict[str, Any] | None = None
    os_profile: dict[str, Any] | None = None
    network_profile: dict[str, Any] | None = None
    diagnostics_profile: dict[str, Any] | None = None
    security_profile: dict[str, Any] | None = None
    scheduled_events_profile: dict[str, Any] | None = None
    billing_profile: dict[str, Any] | None = None
    application_profile: dict[str, Any] | None = None
    additional_capabilities: dict[str, Any] | None = None
    availability_set: dict[str, Any] | None = None
    virtual_machine_scale_set: dict[str, Any] | None = None
    proximity_placement_group: dict[str, Any] | None = None
    capacity_reservation: dict[str, Any] | None = None
    priority: str | None = None
    eviction_policy: str | None = None
    license_type: str | None = None
    extensions_time_budget: str | None = None
    platform_fault_domain: int | None = None

    def profiles(self, kept: dict[str, Any], *, merge: bool = False) -> dict[str, Any]:
        """The profiles to store: those given, else those kept; with `merge` the given parts over those kept.

        Raises Fault InvalidParameter.
        """
        given = msgspec.to_builtins(self)
        found = {}
        for name in PROFILES:
            value, before = given.get(name), kept.get(name)
            if value is not None and merge:
                value = profiles.merged(before, value)
            chosen = value if value is not None else before
            if chosen is not None:
                found[name] = profiles.without_secrets(chosen)
        profiles.check_size(found)
        profiles.boot_diagnostics(found)
        check_spot(found)
        return found

    @property
    def vm_size(self) -> str | None:
        """The size by name. Raises Fault InvalidParameter."""
        size = (self.hardware_profile or {}).get("vmSize")
        if size is not None and not isinstance(size, str):
            raise Fault("InvalidParameter", target="properties.hardwareProfile.vmSize", detail="a text")
        return size


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """A copy of the VM on a host that it left. `keep`: nobody carried its disk away, so it stays there;
    `epoch`: under which it was that host's.
    """

    agent: str
    keep: bool = False
    epoch: int = 0


class Unfinished(msgspec.Struct, frozen=True, kw_only=True):
    """A move that is past its switch and not seen to boot yet. What its host has to do first: take what
    arrived by `manifest`, begin anew without one, or with `returned` go on with what it still has.
    """

    id: str
    source: str
    manifest: str | None = None
    ends: dict[str, int] = {}
    returned: bool = False


class Private(msgspec.Struct, frozen=True, kw_only=True):
    """`agent`: of the host; `placed`: the host has made the VM; `failure`: why the last change failed;
    `ports`: serial ports; `model`: of a scale set, the number of the model that an instance is made after;
    `restart`: whether it ran when the change began that is under way; `closed`: its serial port is off;
    `end_login`: what its console does to a login that is left behind, None as its subscription's; `leaving`:
    the move by which it is to leave its host; `moving`: a move to its host that is not over; `left`: hosts
    that may still have a copy.
    """

    agent: str
    placed: bool = False
    deallocated: bool = False
    failure: dict[str, Any] | None = None
    ports: int = 1
    model: int | None = None
    restart: bool | None = None
    closed: bool = False
    end_login: bool | None = None
    leaving: str | None = None
    moving: Unfinished | None = None
    left: tuple[Left, ...] = ()


def guest_of(row: Resource) -> Guest:
    return msgspec.convert(row.properties["outofband"], Guest)


def private_of(row: Resource) -> Private:
    return msgspec.convert(row.properties[PRIVATE], Private)


def with_private(row: Resource, **changes: Any) -> dict[str, Any]:
    """The row's properties with changed private parts."""
    private = msgspec.structs.replace(private_of(row), **changes)
    return row.properties | {PRIVATE: msgspec.to_builtins(private)}


def machine_name(row: Resource) -> str:
    """The name of the VM on its host and in sentences; an instance has its scale set's in front."""
    chain = parse_id(row.id).chain
    return f"{chain[0][1]}_{row.name}" if len(chain) > 1 else row.name


def command_name(row: Resource) -> str:
    """The same as `oob` takes it: `web/0`."""
    chain = parse_id(row.id).chain
    return f"{chain[0][1]}/{row.name}" if len(chain) > 1 else row.name


def is_windows(row: Resource) -> bool:
    """Whether its operating system is Windows, as far as anybody said so."""
    storage = guests.with_system(row.properties.get("storageProfile"), row.properties.get("osProfile"))
    return str(storage["osDisk"]["osType"]).lower() == "windows"


def boot_diagnostics_on(row: Resource) -> bool:
    """On unless switched off: a console must not be missing when it is needed first."""
    try:
        return profiles.boot_diagnostics(row.properties).get("enabled") is not False
    except (Fault, AttributeError):
        # Settings that cannot be read end no console that is open; whoever opens one is told of them.
        return True


def storage_uri(row: Resource) -> str | None:
    """The storage account that its boot diagnostics go to; empty for managed storage, None when the settings
    cannot be read.
    """
    try:
        uri: Any = profiles.boot_diagnostics(row.properties).get("storageUri")
    except (Fault, AttributeError):
        return None
    if uri is not None and not isinstance(uri, str):
        return None
    return (uri or "").strip()


def console_switch(row: Resource) -> Fault | None:
    """What keeps everybody from the VM's console by somebody's choice; None when nothing does."""
    if not boot_diagnostics_on(row):
        return Fault("BootDiagnosticsDisabled", vm=command_name(row))
    if private_of(row).closed:
        return Fault("SerialPortDisabled", vm=command_name(row))
    return None


def ends_login(row: Resource, subscription: bool) -> bool:
    """Whether a login left behind on the console is ended; `subscription`: what holds where the VM says
    nothing of its own.
    """
    own = private_of(row).end_login
    return subscription if own is None else own


def has_screen(row: Resource) -> bool:
    """Whether there is a screen to take a picture of; the others are a serial port and nothing else."""
    return guest_of(row).driver in _WITH_SCREEN


def is_spot(row: Resource) -> bool:
    return str(row.properties.get("priority", "")).lower() in ("spot", "low")


def definition(row: Resource, nic: Nic | None = None) -> dict[str, Any]:
    """The machine's definition as its host gets it; `nic` is its card, for a host that gives cards."""
    guest = guest_of(row)
    machine = MachineDefinition(
        vm=row.uid,
        name=machine_name(row),
        driver=guest.driver,
        epoch=row.epoch,
        memory_mib=guest.memory_mib,
        cpus=guest.cpus,
        image=guest.image,
        program=guest.program,
        socket=guest.socket,
        ports=tuple(PortDefinition(name=str(number)) for number in range(private_of(row).ports)),
        nic=nic,
    )
    body: dict[str, Any] = msgspec.to_builtins(machine)
    if nic is None:
        # An older agent refuses a word that it does not know.
        del body["nic"]
    return body


def shown(row: Resource) -> dict[str, Any]:
    """Properties as a client sees them, without the instance view."""
    guest = guest_of(row)
    known = {name: value for name, value in row.properties.items() if name != PRIVATE}
    defaults: dict[str, Any] = {
        "vmId": row.uid,
        "timeCreated": clock.iso(row.created),
        "hardwareProfile": {"vmSize": guest.size},
        "storageProfile": {"imageReference": guests.reference(guest), "dataDisks": []} if guest.image else {},
        "osProfile": {"computerName": machine_name(row)},
        "networkProfile": {"networkInterfaces": []},
        "diagnosticsProfile": {"bootDiagnostics": {"enabled": True}},
    }
    found = defaults | known
    found["storageProfile"] = guests.with_system(found["storageProfile"], found["osProfile"])
    return found


def check_spot(properties: dict[str, Any]) -> None:
    """Raises Fault InvalidParameter for a priority or an eviction policy that there is not."""
    for name, words in (("priority", PRIORITIES), ("evictionPolicy", EVICTION_POLICIES)):
        given = properties.get(name)
        if given is not None and str(given).lower() not in (word.lower() for word in words):
            known = ", ".join(words)
            raise Fault("InvalidParameter", target=f"properties.{name}", detail=f"one of {known}")
