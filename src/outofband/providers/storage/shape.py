"""What an account is told and tells, in Azure's shape."""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.storage.accounts import network
from outofband.storage.service import Storage
from outofband.store.resources import Resource

NAMESPACE = "Microsoft.Storage"
SINCE = "2015-06-15"
VERSION = "2023-05-01"
KINDS = ("StorageV2", "BlobStorage", "BlockBlobStorage", "Storage")
SKUS = {
    "Standard_LRS": "Standard",
    "Standard_GRS": "Standard",
    "Standard_RAGRS": "Standard",
    "Standard_ZRS": "Standard",
    "Standard_GZRS": "Standard",
    "Standard_RAGZRS": "Standard",
    "Premium_LRS": "Premium",
    "Premium_ZRS": "Premium",
}
"""Names with their tiers. How often something is kept is decided by what the blobs' store is on."""
_TLS = ("TLS1_0", "TLS1_1", "TLS1_2")
_TIERS = ("Hot", "Cool", "Cold")
_FIXED = ("isHnsEnabled",)
"""Properties that an account keeps from its beginning to its end."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    value: str
    action: str = "Allow"


class NetworkRules(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    bypass: str = "AzureServices"
    default_action: str | None = None
    """None: as it was; `Allow` for a new account."""
    ip_rules: tuple[Rule, ...] = ()
    ipv6_rules: tuple[Rule, ...] | msgspec.UnsetType = msgspec.UNSET
    virtual_network_rules: tuple[dict[str, Any], ...] = ()


class AccountProperties(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Those that decide something here, None where the body has none. Others are accepted and forgotten."""

    access_tier: str | None = None
    supports_https_traffic_only: bool | None = None
    is_hns_enabled: bool | None = None
    allow_blob_public_access: bool | None = None
    allow_shared_key_access: bool | None = None
    default_to_oauth_authentication: bool | None = msgspec.field(
        default=None, name="defaultToOAuthAuthentication"
    )
    minimum_tls_version: str | None = None
    public_network_access: str | None = None
    network_acls: NetworkRules | None = None

    def merged(self, before: dict[str, Any]) -> dict[str, Any]:
        """Over what the account had, or over the defaults of a new one. Raises Fault InvalidParameter or
        PropertyChangeNotAllowed.
        """
        given = {name: value for name, value in msgspec.to_builtins(self).items() if value is not None}
        for name in _FIXED:
            if before and name in given and given[name] != before.get(name, False):
                raise Fault("PropertyChangeNotAllowed", property=name)
        found: dict[str, Any] = {
            "supportsHttpsTrafficOnly": True,
            "isHnsEnabled": False,
            "allowBlobPublicAccess": False,
            "minimumTlsVersion": "TLS1_2",
            "accessTier": "Hot",
            "networkAcls": msgspec.to_builtins(NetworkRules(default_action="Allow")),
        }
        found |= before
        if (rules := given.get("networkAcls")) is not None and rules["defaultAction"] is None:
            # Who changes the rules alone must not open the account to everybody by it.
            rules["defaultAction"] = found["networkAcls"]["defaultAction"]
        found |= given
        _check(found)
        return found


def _check(found: dict[str, Any]) -> None:
    _one_of("accessTier", found["accessTier"], _TIERS)
    if found["minimumTlsVersion"] not in _TLS:
        detail = f"one of {', '.join(_TLS)}: a higher one cannot be enforced for a single account here"
        raise Fault("InvalidParameter", target="minimumTlsVersion", detail=detail)
    if found.get("publicNetworkAccess", "Enabled") not in ("Enabled", "Disabled"):
        raise Fault("InvalidParameter", target="publicNetworkAccess", detail="Enabled or Disabled")
    rules = found["networkAcls"]
    _one_of("networkAcls.defaultAction", rules["defaultAction"], ("Allow", "Deny"))
    if rules["virtualNetworkRules"]:
        detail = "rules for virtual networks are not offered: name the addresses in ipRules"
        raise Fault("InvalidParameter", target="networkAcls.virtualNetworkRules", detail=detail)
    for name in ("ipRules", "ipv6Rules"):
        for rule in rules.get(name, ()):
            # A rule that denies would be taken for one that allows.
            _one_of(f"networkAcls.{name}", rule["action"], ("Allow",))
            network(rule["value"])


def sku(raw: Any, before: dict[str, Any] | None) -> dict[str, str]:
    """Raises Fault InvalidParameter."""
    name = raw.get("name") if isinstance(raw, dict) else None
    if name is None and before is not None:
        return dict(before)
    tier = SKUS.get(name) if isinstance(name, str) else None
    if tier is None:
        raise Fault("InvalidParameter", target="sku.name", detail=f"one of {', '.join(SKUS)}")
    return {"name": str(name), "tier": tier}


def kind(raw: Any, before: str | None) -> str:
    """Raises Fault InvalidParameter or PropertyChangeNotAllowed."""
    chosen = raw if raw is not None else (before or KINDS[0])
    _one_of("kind", chosen, KINDS)
    if before is not None and chosen != before:
        raise Fault("PropertyChangeNotAllowed", property="kind")
    return str(chosen)


def shown(row: Resource, storage: Storage) -> dict[str, Any]:
    created = row.created.strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
    service = {"enabled": True, "keyType": "Account", "lastEnabledTime": created}
    return {
        **row.properties,
        "creationTime": created,
        "primaryEndpoints": {"blob": storage.blob_endpoint(row.name)},
        "primaryLocation": row.location,
        "statusOfPrimary": "available",
        "keyCreationTime": {"key1": created, "key2": created},
        "privateEndpointConnections": [],
        "encryption": {"keySource": "Microsoft.Storage", "services": {"blob": service}},
    }


def _one_of(target: str, given: Any, allowed: tuple[str, ...]) -> None:
    if given not in allowed:
        raise Fault("InvalidParameter", target=target, detail=f"one of {', '.join(allowed)}")
