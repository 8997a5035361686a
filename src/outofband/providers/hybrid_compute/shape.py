"""Bodies of Microsoft.HybridCompute/machines: what a creator may say. What only the agent knows is ignored in
them, for clients send back what they read.
"""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.fleet import keys

MACHINES = "Microsoft.HybridCompute/machines"
ENROL = f"{MACHINES}/write"
"""The right to bring a host into a resource group."""
SINCE = "2019-03-18"
VERSION = "2026-07-15"
MAX_KEPT = 16 * 1024
"""Bytes of what is kept of a body's properties."""
ASSIGNED = "SystemAssigned"


class LocationData(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Where it stands, in words of its owner."""

    name: str | None = None
    city: str | None = None
    district: str | None = None
    country_or_region: str | None = None


class MachineProperties(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """`client_public_key`: the raw 32 bytes of the Ed25519 key that its agent made, base64url without
    padding; required of a new machine.
    """

    client_public_key: str | None = None
    vm_id: str | None = None
    os_type: str | None = None
    location_data: LocationData | None = None
    os_profile: dict[str, Any] | None = None
    cloud_metadata: dict[str, Any] | None = None
    agent_upgrade: dict[str, Any] | None = None
    parent_cluster_resource_id: str | None = None
    private_link_scope_resource_id: str | None = None
    mssql_discovered: str | None = None
    identity_key_store: str | None = None


class MachineUpdateProperties(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    location_data: LocationData | None = None
    os_profile: dict[str, Any] | None = None
    cloud_metadata: dict[str, Any] | None = None
    agent_upgrade: dict[str, Any] | None = None
    parent_cluster_resource_id: str | None = None
    private_link_scope_resource_id: str | None = None
    identity_key_store: str | None = None


def kept(given: MachineProperties | MachineUpdateProperties, before: Any) -> dict[str, Any]:
    """What is kept of a machine's properties: what the body says, and what it does not speak of as it was.

    Raises Fault InvalidParameter.
    """
    said: dict[str, Any] = msgspec.to_builtins(given)
    said.pop("clientPublicKey", None)
    if (vm_id := said.get("vmId")) is not None:
        try:
            uuid.UUID(vm_id)
        except ValueError as error:
            raise Fault("InvalidParameter", target="properties.vmId", detail="it must be a GUID") from error
    if (os_type := said.get("osType")) is not None and os_type.lower() not in ("linux", "windows"):
        raise Fault("InvalidParameter", target="properties.osType", detail="it must be linux or windows")
    whole = {**(before or {}), **said}
    if len(msgspec.json.encode(whole)) > MAX_KEPT:
        raise Fault("InvalidParameter", target="properties", detail=f"at most {MAX_KEPT} bytes of JSON")
    return whole


def key_of(given: MachineProperties) -> str | None:
    """The key in the one spelling it has here. Raises Fault InvalidParameter."""
    key = given.client_public_key
    if key is None or keys.well_formed(key):
        return key
    detail = (
        "expected the 32 bytes of an Ed25519 public key in base64url without padding, as the agent of this "
        "control plane makes it; another agent's key (RSA, as PKCS#1) can do nothing here"
    )
    raise Fault("InvalidParameter", target="properties.clientPublicKey", detail=detail)


def require_identity(raw: dict[str, Any], *, new: bool) -> None:
    """A machine has the identity that comes with its key, and no other. Raises Fault InvalidParameter."""
    identity = raw.get("identity")
    if identity is None and not new:
        return
    word = identity.get("type") if isinstance(identity, dict) else None
    if word is None or not isinstance(word, str) or word.lower() != ASSIGNED.lower():
        detail = f"a machine has an identity of its own: give {{'type': '{ASSIGNED}'}}"
        raise Fault("InvalidParameter", target="identity.type", detail=detail)
