"""What a host runs for a VM, said in our words under `outofband` or worked out of Azure's profiles."""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.providers.compute import sizes
from outofband.providers.compute.sizes import MAX_CPUS, MAX_MEMORY_MIB, MIN_MEMORY_MIB

DRIVERS = ("qemu", "unix", "pty", "uart")
PUBLISHER = "outofband"
"""Of the images that hosts have: `outofband:NAME:default:latest` is the image NAME."""
SKU = "default"
VERSION = "1.0.0"


class Guest(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What the host runs: `image`, `program` and `socket` are names of the host's own configuration;
    with the driver `uart`, `socket` is that of a serial device.
    """

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
        wanted = {"qemu": "image", "unix": "socket", "pty": "program", "uart": "socket"}[self.driver]
        for kind in ("image", "socket", "program"):
            given = getattr(self, kind)
            if (given is not None) != (kind == wanted) or given == "":
                word = "is needed for" if kind == wanted else "has no meaning with"
                raise Fault(
                    "InvalidParameter",
                    target=f"properties.outofband.{kind}",
                    detail=f"it {word} the driver '{self.driver}'",
                )
        if not MIN_MEMORY_MIB <= self.memory_mib <= MAX_MEMORY_MIB:
            raise Fault(
                "InvalidParameter",
                target="properties.outofband.memoryMiB",
                detail=f"{MIN_MEMORY_MIB} to {MAX_MEMORY_MIB}",
            )
        if not 1 <= self.cpus <= MAX_CPUS:
            raise Fault("InvalidParameter", target="properties.outofband.cpus", detail=f"1 to {MAX_CPUS}")

    @property
    def size(self) -> str:
        """Its own name for its size."""
        return sizes.own_name(self.driver, self.cpus, self.memory_mib)


def from_profiles(
    vm_size: str | None, storage: dict[str, Any] | None, kept: Guest | None, target: str
) -> Guest:
    """The guest that Azure's words ask for, over what is there already.

    The size's name gives processors and memory, the offer of the image reference names the host's image.
    Raises Fault InvalidParameter; `target` is where the size stands.
    """
    guest = kept or Guest()
    if vm_size is not None and vm_size.lower() != guest.size.lower():
        size = sizes.find(vm_size, target)
        guest = msgspec.structs.replace(guest, cpus=size.cpus, memory_mib=size.memory_mib)
    image = image_of(storage)
    return msgspec.structs.replace(guest, image=image) if image is not None else guest


def image_of(storage: dict[str, Any] | None) -> str | None:
    """The name of the host's image that a storage profile refers to; None when it refers to none."""
    reference = (storage or {}).get("imageReference")
    if not isinstance(reference, dict):
        return None
    offer = reference.get("offer")
    if isinstance(offer, str) and offer:
        return offer
    # An image resource's id ends with the name.
    named = reference.get("id")
    return named.rpartition("/")[2] or None if isinstance(named, str) else None


def with_system(storage: dict[str, Any] | None, os_profile: dict[str, Any] | None) -> dict[str, Any]:
    """A storage profile that names the operating system, as Azure's always does.

    az takes a VM without it for Windows, and refuses what it does on Linux. It is what the client said of the
    disk, else what the operating system's own profile or the image's name tell, else Linux.
    """
    found = storage or {}
    is_windows = "windowsConfiguration" in (os_profile or {}) or "windows" in (image_of(found) or "").lower()
    made = "FromImage" if image_of(found) else "Attach"
    known = {"osType": "Windows" if is_windows else "Linux", "createOption": made}
    return {**found, "osDisk": {**known, **(found.get("osDisk") or {})}}


def reference(guest: Guest) -> dict[str, Any]:
    """The image reference of a guest that has an image, as `image_of` reads it."""
    return {
        "publisher": PUBLISHER,
        "offer": guest.image,
        "sku": SKU,
        "version": "latest",
        "exactVersion": VERSION,
    }
