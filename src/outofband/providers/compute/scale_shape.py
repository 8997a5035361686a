"""What a scale set's row holds: Azure's properties, and the model that its instances are made after.

The model is the guest and the profile of its VMs. It has a number that grows with every change; an instance
remembers the number of the model that it was made after, so it is known which lack the latest.
"""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.providers.compute import guests, profiles
from outofband.providers.compute.guests import Guest
from outofband.providers.compute.shape import PRIVATE, Private, check_spot
from outofband.store.resources import Resource

MAX_CAPACITY = 500
"""Instances of one scale set; all of them may change in one unit of work."""
_KEPT = (
    "overprovision",
    "singlePlacementGroup",
    "platformFaultDomainCount",
    "scaleInPolicy",
    "automaticRepairsPolicy",
    "additionalCapabilities",
    "doNotRunExtensionsOnOverprovisionedVMs",
    "zoneBalance",
)
_OF_INSTANCES = ("storageProfile", "diagnosticsProfile", "securityProfile", "scheduledEventsProfile")
_PLAIN = ("priority", "evictionPolicy", "licenseType")
_MODES = ("Manual", "Automatic", "Rolling")
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SUFFIX = 6
"""Letters of an instance's number in its computer name, as Azure has them."""


class HostReference(msgspec.Struct, frozen=True, kw_only=True):
    id: str


class UpgradePolicy(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    mode: str = "Manual"
    rolling_upgrade_policy: dict[str, Any] | None = None
    automatic_o_s_upgrade_policy: dict[str, Any] | None = msgspec.field(
        default=None, name="automaticOSUpgradePolicy"
    )


class ScaleInPolicy(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    rules: list[str] = []
    force_deletion: bool = False


class ScaleSetProperties(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The part of a PUT or PATCH body that is looked into. `host`: that all new instances run on."""

    upgrade_policy: UpgradePolicy | None = None
    virtual_machine_profile: dict[str, Any] | None = None
    orchestration_mode: str | None = None
    outofband: Guest | None = None
    host: HostReference | None = None
    overprovision: bool | None = None
    single_placement_group: bool | None = None
    platform_fault_domain_count: int | None = None
    scale_in_policy: ScaleInPolicy | None = None
    automatic_repairs_policy: dict[str, Any] | None = None
    additional_capabilities: dict[str, Any] | None = None
    do_not_run_extensions: bool | None = msgspec.field(
        default=None, name="doNotRunExtensionsOnOverprovisionedVMs"
    )
    zone_balance: bool | None = None

    def kept(self, before: dict[str, Any]) -> dict[str, Any]:
        """What is stored and read back, and means nothing here: given, else as before."""
        given = msgspec.to_builtins(self)
        found = {name: given[name] if given.get(name) is not None else before.get(name) for name in _KEPT}
        return {name: value for name, value in found.items() if value is not None}


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """What instances are made after."""

    guest: Guest
    profile: dict[str, Any]


class SetPrivate(msgspec.Struct, frozen=True, kw_only=True):
    """`model`: number of the latest; `next`: number of the next instance, none is used twice."""

    model: int = 1
    next: int = 0
    failure: dict[str, Any] | None = None


class Sku(msgspec.Struct, frozen=True, kw_only=True):
    name: str = ""
    tier: str = "Standard"
    capacity: int = 0

    def check(self) -> None:
        """Raises Fault InvalidParameter."""
        if not 0 <= self.capacity <= MAX_CAPACITY:
            raise Fault("InvalidParameter", target="sku.capacity", detail=f"0 to {MAX_CAPACITY}")


def sku_of(row: Resource) -> Sku:
    return msgspec.convert(row.envelope.get("sku", {}), Sku)


def wanted_sku(raw: dict[str, Any], before: Sku | None) -> Sku:
    """The SKU of a body over the one before. Raises Fault InvalidParameter."""
    given = raw.get("sku")
    if given is None:
        sku = before or Sku()
    elif not isinstance(given, dict):
        raise Fault("InvalidParameter", target="sku", detail="it must be an object")
    else:
        base = msgspec.to_builtins(before) if before is not None else {}
        known = {name: value for name, value in given.items() if value is not None}
        try:
            sku = msgspec.convert(base | known, Sku)
        except msgspec.ValidationError as error:
            raise Fault("InvalidParameter", target="sku", detail=str(error)) from error
    sku.check()
    return sku


def model_of(row: Resource) -> Model:
    return Model(
        guest=msgspec.convert(row.properties["outofband"], Guest),
        profile=row.properties.get("virtualMachineProfile", {}),
    )


def set_private(row: Resource) -> SetPrivate:
    return msgspec.convert(row.properties[PRIVATE], SetPrivate)


def with_set_private(row: Resource, **changes: Any) -> dict[str, Any]:
    """The row's properties with changed private parts."""
    private = msgspec.structs.replace(set_private(row), **changes)
    return row.properties | {PRIVATE: msgspec.to_builtins(private)}


def mode_of(row: Resource) -> str:
    """How instances come to the latest model: `manual`, `automatic` or `rolling`."""
    return str((row.properties.get("upgradePolicy") or {}).get("mode", "Manual")).lower()


def check_policy(policy: UpgradePolicy) -> None:
    """Raises Fault InvalidParameter."""
    if policy.mode.lower() not in (mode.lower() for mode in _MODES):
        known = ", ".join(_MODES)
        raise Fault("InvalidParameter", target="properties.upgradePolicy.mode", detail=f"one of {known}")


def check_profile(profile: dict[str, Any]) -> None:
    """Raises Fault InvalidParameter."""
    for name, value in profile.items():
        if name.endswith("Profile") and not isinstance(value, dict):
            target = f"properties.virtualMachineProfile.{name}"
            raise Fault("InvalidParameter", target=target, detail="it must be an object")
    profiles.check_size(profile)
    profiles.boot_diagnostics(profile)
    check_spot(profile)


def guest_for(wanted: ScaleSetProperties, sku: Sku, profile: dict[str, Any], before: Guest | None) -> Guest:
    """The guest that a body asks for; `profile` is checked. Raises Fault InvalidParameter, DriverUnknown."""
    guest = wanted.outofband or guests.from_profiles(
        sku.name or None, profile.get("storageProfile"), before, "sku.name"
    )
    guest.check()
    return guest


def instance_properties(
    model: Model, number: int, scale_set: str, host: str, private: Private
) -> dict[str, Any]:
    """Properties of a new instance's row, or of one that is brought to the model."""
    found = {name: model.profile[name] for name in (*_OF_INSTANCES, *_PLAIN) if name in model.profile}
    system = model.profile.get("osProfile") or {}
    prefix = system.get("computerNamePrefix") or scale_set
    rest = {name: value for name, value in system.items() if name != "computerNamePrefix"}
    found["osProfile"] = {**rest, "computerName": f"{prefix}{_letters(number)}"}
    network = model.profile.get("networkProfile") or {}
    if (cards := network.get("networkInterfaceConfigurations")) is not None:
        found["networkProfileConfiguration"] = {"networkInterfaceConfigurations": cards}
    return {
        **found,
        "host": {"id": host},
        "outofband": msgspec.to_builtins(model.guest),
        PRIVATE: msgspec.to_builtins(private),
    }


def _letters(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        text = _DIGITS[digit] + text
    return text.rjust(_SUFFIX, "0")
