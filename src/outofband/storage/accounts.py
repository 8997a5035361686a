"""An account with everything a request to it is decided by: whose it is, its keys, its rules."""

from __future__ import annotations

import base64
import ipaddress
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.store.blobs_accounts import StorageAccount
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.store.wrapping import STORAGE_ACCOUNTS

TYPE = "Microsoft.Storage/storageAccounts"
MANAGED_TYPE = "Outofband.Diagnostics/accounts"
"""Of accounts that this control plane keeps for itself: no client can see, change or delete one."""
SEALED = "signaturesOnly"
"""Property of an account of the control plane's own in which no role lets anybody read."""
KEY_NAMES = ("key1", "key2")
KEY_BYTES = 64
_TYPES = frozenset({TYPE.lower(), MANAGED_TYPE.lower()})


class AccountKey(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    value: str
    """Base64, as clients keep it."""
    created: str
    """ISO 8601."""

    def __repr__(self) -> str:
        return f"AccountKey(name={self.name!r})"

    @property
    def raw(self) -> bytes:
        return base64.b64decode(self.value)


class Account(msgspec.Struct, frozen=True, kw_only=True):
    uid: str
    name: str
    tenant: str
    rid: ResourceId
    keys: tuple[AccountKey, ...]
    properties: Mapping[str, Any]
    """Of the resource."""

    @property
    def managed(self) -> bool:
        """Kept by the control plane itself, not by somebody who uses it."""
        return self.rid.type.lower() == MANAGED_TYPE.lower()

    @property
    def sealed(self) -> bool:
        """Whether signatures alone open it."""
        return self.managed and self.properties.get(SEALED) is True

    @property
    def https_only(self) -> bool:
        return bool(self.properties.get("supportsHttpsTrafficOnly", True))

    @property
    def takes_keys(self) -> bool:
        return self.properties.get("allowSharedKeyAccess") is not False

    @property
    def may_be_public(self) -> bool:
        return bool(self.properties.get("allowBlobPublicAccess", False))

    @property
    def hierarchical(self) -> bool:
        return bool(self.properties.get("isHnsEnabled", False))

    def admits(self, address: str) -> bool:
        """Whether the account's network rules let this address in. Nobody comes in where public access is
        disabled: there are no private endpoints through which one could.
        """
        if self.properties.get("publicNetworkAccess", "Enabled") != "Enabled":
            return False
        rules = self.properties.get("networkAcls") or {}
        if rules.get("defaultAction", "Allow").lower() != "deny":
            return True
        try:
            here = ipaddress.ip_address(address)
        except ValueError:
            return False
        given = (*rules.get("ipRules", ()), *rules.get("ipv6Rules", ()))
        return any(here in network(rule["value"]) for rule in given)


class Accounts:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def named(self, tx: Tx, name: str) -> Account | None:
        """None when there is none of that name, in whatever tenant."""
        row = await self._store.storage_accounts.named(tx, name)
        resource = await self._store.resources.by_uid(tx, row.uid) if row is not None else None
        if row is None or resource is None or resource.type.lower() not in _TYPES:
            return None
        return self._account(row, resource)

    async def of(self, tx: Tx, resource: Resource) -> Account | None:
        row = await self._store.storage_accounts.get(tx, resource.uid)
        return self._account(row, resource) if row is not None else None

    async def create(self, tx: Tx, uid: str, name: str, tenant: str, now: datetime) -> bool:
        """Give a new resource its name and keys; False when the name is taken."""
        keys = tuple(new_key(each, now) for each in KEY_NAMES)
        row = StorageAccount(
            uid=uid,
            name=name,
            tenant_id=tenant,
            keys=self._sealed(keys, uid),
            wrap=self._store.vault.name,
            created=now,
        )
        return await self._store.storage_accounts.add(tx, row)

    async def renew_key(self, tx: Tx, resource: Resource, key: str, now: datetime) -> Account:
        """Make a new one in place of `key`. Raises Fault InvalidParameter for one that does not exist."""
        account = await self.of(tx, resource)
        if account is None or key not in KEY_NAMES:
            raise Fault("InvalidParameter", target="keyName", detail=f"it is one of {', '.join(KEY_NAMES)}")
        keys = tuple(new_key(key, now) if each.name == key else each for each in account.keys)
        sealed = self._sealed(keys, account.uid)
        await self._store.storage_accounts.set_keys(tx, account.uid, keys=sealed, wrap=self._store.vault.name)
        return msgspec.structs.replace(account, keys=keys)

    def _sealed(self, keys: tuple[AccountKey, ...], uid: str) -> bytes:
        return self._store.vault.seal(msgspec.json.encode(keys), STORAGE_ACCOUNTS.about(uid))

    def _account(self, row: StorageAccount, resource: Resource) -> Account:
        opened = self._store.vault.unseal(row.keys, STORAGE_ACCOUNTS.about(row.uid), row.wrap)
        return Account(
            uid=row.uid,
            name=row.name,
            tenant=row.tenant_id,
            rid=parse_id(resource.id),
            keys=msgspec.json.decode(opened, type=tuple[AccountKey, ...]),
            properties=resource.properties,
        )


def new_key(name: str, now: datetime) -> AccountKey:
    return AccountKey(
        name=name, value=base64.b64encode(os.urandom(KEY_BYTES)).decode(), created=clock.iso(now)
    )


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """A rule's value: an address or a CIDR. Raises Fault InvalidParameter."""
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        detail = f"'{text[:50]}' is neither an address nor a range of addresses"
        raise Fault("InvalidParameter", target="networkAcls.ipRules", detail=detail) from error
