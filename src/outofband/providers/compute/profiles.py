"""What Azure's clients send beside what a host needs: kept and given back, save what nobody may read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id

MAX_PROFILES = 64 * 1024
"""Bytes of all profiles of one resource together."""
MAX_ZONES = 3
NIC = "Microsoft.Network/networkInterfaces"
_SECRETS = frozenset(
    name.lower()
    for name in (
        "adminPassword",
        "customData",
        "userData",
        "protectedSettings",
        "protectedSettingsFromKeyVault",
        "additionalUnattendContent",
        "secrets",
    )
)
_ENVELOPE = ("identity", "zones", "plan", "extendedLocation")
_ASSIGNED = frozenset({"principalId", "tenantId", "clientId"})
_IDENTITIES = frozenset({"none", "systemassigned", "userassigned", "systemassigned, userassigned"})


def without_secrets(value: Any) -> Any:
    """`value` without what Azure calls write-only, at any depth."""
    if isinstance(value, Mapping):
        return {
            name: without_secrets(each) for name, each in value.items() if str(name).lower() not in _SECRETS
        }
    if isinstance(value, list):
        return [without_secrets(each) for each in value]
    return value


def merged(old: Any, new: Any) -> Any:
    """RFC 7396: a PATCH names what changes; null takes away, a list is replaced."""
    if not isinstance(new, Mapping):
        return new
    base = dict(old) if isinstance(old, Mapping) else {}
    for name, value in new.items():
        if value is None:
            base.pop(name, None)
        else:
            base[name] = merged(base.get(name), value)
    return base


def check_size(profiles: Mapping[str, Any]) -> None:
    """Raises Fault InvalidParameter."""
    if len(msgspec.json.encode(profiles)) > MAX_PROFILES:
        raise Fault("InvalidParameter", target="properties", detail=f"over {MAX_PROFILES} bytes")


def envelope(raw: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """Members beside `properties`: those given, else those kept. Raises Fault InvalidParameter."""
    found = {name: raw[name] if name in raw else kept.get(name) for name in _ENVELOPE}
    zones = found["zones"]
    if zones is not None:
        texts = isinstance(zones, list) and all(isinstance(zone, str) for zone in zones)
        if not texts or len(zones) > MAX_ZONES:
            raise Fault("InvalidParameter", target="zones", detail=f"a list of {MAX_ZONES} texts at most")
    for name in ("identity", "plan", "extendedLocation"):
        if found[name] is not None and not isinstance(found[name], dict):
            raise Fault("InvalidParameter", target=name, detail="it must be an object")
    if (identity := found["identity"]) is not None:
        found["identity"] = _identity(identity)
    return {name: value for name, value in found.items() if value is not None}


def _identity(given: dict[str, Any]) -> dict[str, Any]:
    kind = str(given.get("type", "None"))
    if kind.lower() not in _IDENTITIES:
        raise Fault("InvalidParameter", target="identity.type", detail=f"'{kind[:40]}' is unknown")
    users = given.get("userAssignedIdentities")
    if users is not None and not isinstance(users, dict):
        raise Fault("InvalidParameter", target="identity.userAssignedIdentities", detail="an object of ids")
    kept = {name: value for name, value in given.items() if name not in _ASSIGNED}
    if users is not None:
        kept["userAssignedIdentities"] = {each: {} for each in users}
    return kept


def nics(network: Mapping[str, Any] | None, subscription: str) -> Iterator[ResourceId]:
    """The interfaces that a network profile refers to. Raises Fault InvalidParameter."""
    listed = (network or {}).get("networkInterfaces") or []
    target = "properties.networkProfile.networkInterfaces"
    if not isinstance(listed, list):
        raise Fault("InvalidParameter", target=target, detail="it must be a list")
    for each in listed:
        text = each.get("id") if isinstance(each, dict) else None
        if not isinstance(text, str):
            raise Fault("InvalidParameter", target=target, detail="each has the 'id' of an interface")
        rid = parse_id(text)
        if rid.type.lower() != NIC.lower() or (rid.subscription or "").lower() != subscription.lower():
            raise Fault(
                "InvalidParameter", target=target, detail=f"each is of type {NIC} in the VM's subscription"
            )
        yield rid


def boot_diagnostics(properties: Mapping[str, Any]) -> dict[str, Any]:
    """`diagnosticsProfile.bootDiagnostics`, or nothing. Raises Fault InvalidParameter."""
    found = (properties.get("diagnosticsProfile") or {}).get("bootDiagnostics") or {}
    if not isinstance(found, dict) or not isinstance(found.get("enabled"), bool | None):
        target = "properties.diagnosticsProfile.bootDiagnostics"
        raise Fault("InvalidParameter", target=target, detail="'enabled' is true or false")
    return found
