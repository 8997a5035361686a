"""An account's keys, and signatures made with them, as actions on the account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from outofband.core.errors import Fault
from outofband.resources.declaration import Act, Item
from outofband.resources.exchange import Answer, Call
from outofband.storage.accounts import KEY_NAMES, TYPE, Account
from outofband.storage.service import Storage
from outofband.store.store import Store
from outofband.wire.storage import sas
from outofband.wire.storage.sas import Sas

SAS_VERSION = "2015-04-05"
"""The version that Azure's own resource manager signs with."""


class Key(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    key_name: str
    value: str
    permissions: str = "FULL"
    creation_time: str


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    keys: list[Key]


class Regenerate(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    key_name: str


class AccountSas(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    signed_services: str
    signed_resource_types: str
    signed_permission: str
    signed_expiry: str
    signed_start: str = ""
    signed_ip: str = msgspec.field(default="", name="signedIp")
    signed_protocol: str = ""
    key_to_sign: str = KEY_NAMES[0]


class ServiceSas(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    canonicalized_resource: str
    signed_resource: str = "b"
    signed_permission: str = ""
    signed_expiry: str = ""
    signed_start: str = ""
    signed_ip: str = msgspec.field(default="", name="signedIp")
    signed_protocol: str = ""
    signed_identifier: str = ""
    key_to_sign: str = KEY_NAMES[0]
    rscc: str = ""
    rscd: str = ""
    rsce: str = ""
    rscl: str = ""
    rsct: str = ""


class AccountToken(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    account_sas_token: str


class ServiceToken(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    service_sas_token: str


class KeyActions:
    def __init__(self, store: Store, storage: Storage) -> None:
        self._store = store
        self._storage = storage

    def actions(self) -> Mapping[str, Act]:
        return {
            "listKeys": Act(run=self._list, about="Read the keys of a storage account", answer=Keys),
            "regenerateKey": Act(
                run=self._regenerate,
                about="Make a new key in place of one; what was signed with the old one is refused at once",
                body=Regenerate,
                answer=Keys,
            ),
            "listAccountSas": Act(
                run=self._account_sas,
                about="Sign a shared access signature for a whole account",
                body=AccountSas,
                answer=AccountToken,
            ),
            "listServiceSas": Act(
                run=self._service_sas,
                about="Sign a shared access signature for a container or a blob",
                body=ServiceSas,
                answer=ServiceToken,
            ),
        }

    async def _list(self, call: Call, item: Item, body: Any) -> Answer:
        return Answer(body=_keys(await self._account(item)))

    async def _regenerate(self, call: Call, item: Item, body: Regenerate) -> Answer:
        async with self._store.write() as tx:
            account = await self._storage.accounts.renew_key(tx, item.row, body.key_name, call.now)
        return Answer(body=_keys(account))

    async def _account_sas(self, call: Call, item: Item, body: AccountSas) -> Answer:
        account = await self._account(item)
        made = Sas(
            sv=SAS_VERSION,
            sig="",
            ss=body.signed_services,
            srt=body.signed_resource_types,
            sp=body.signed_permission,
            st=_time("signedStart", body.signed_start),
            se=_time("signedExpiry", body.signed_expiry),
            sip=body.signed_ip,
            spr=body.signed_protocol,
        )
        return Answer(body={"accountSasToken": _token(account, made, "", body.key_to_sign)})

    async def _service_sas(self, call: Call, item: Item, body: ServiceSas) -> Answer:
        account = await self._account(item)
        prefix = f"/blob/{account.name}"
        if not body.canonicalized_resource.startswith(f"{prefix}/"):
            detail = f"it begins with {prefix}/"
            raise Fault("InvalidParameter", target="canonicalizedResource", detail=detail)
        if body.signed_resource not in ("b", "c"):
            raise Fault("InvalidParameter", target="signedResource", detail="b for a blob, c for a container")
        if not body.signed_identifier and not (body.signed_permission and body.signed_expiry):
            detail = "it is needed, as is signedExpiry, unless a stored access policy is named"
            raise Fault("InvalidParameter", target="signedPermission", detail=detail)
        made = Sas(
            sv=SAS_VERSION,
            sig="",
            sr=body.signed_resource,
            sp=body.signed_permission,
            st=_time("signedStart", body.signed_start),
            se=_time("signedExpiry", body.signed_expiry),
            sip=body.signed_ip,
            spr=body.signed_protocol,
            si=body.signed_identifier,
            rscc=body.rscc,
            rscd=body.rscd,
            rsce=body.rsce,
            rscl=body.rscl,
            rsct=body.rsct,
        )
        path = body.canonicalized_resource.removeprefix(prefix)
        return Answer(body={"serviceSasToken": _token(account, made, path, body.key_to_sign)})

    async def _account(self, item: Item) -> Account:
        async with self._store.read() as tx:
            found = await self._storage.accounts.of(tx, item.row)
        if found is None:
            raise Fault("ResourceNotFound", resource=f"{TYPE}/{item.rid.name}", group=item.rid.group or "")
        return found


def _keys(account: Account) -> dict[str, Any]:
    keys = [Key(key_name=each.name, value=each.value, creation_time=each.created) for each in account.keys]
    found: dict[str, Any] = msgspec.to_builtins(Keys(keys=keys))
    return found


def _time(target: str, given: str) -> str:
    """The form that is signed. Raises Fault InvalidParameter."""
    if not given:
        return ""
    moment = sas.moment(given)
    if moment is None:
        raise Fault("InvalidParameter", target=target, detail="a time in UTC, such as 2030-01-31T12:00:00Z")
    return sas.written(moment)


def _token(account: Account, made: Sas, path: str, name: str) -> str:
    """Raises Fault InvalidParameter."""
    if (field := sas.unclean(made)) is not None or any(ord(each) < 32 for each in path):
        detail = "control characters are not allowed"
        raise Fault("InvalidParameter", target=field or "canonicalizedResource", detail=detail)
    key = next((each for each in account.keys if each.name == name), None)
    if key is None:
        raise Fault("InvalidParameter", target="keyToSign", detail=f"one of {', '.join(KEY_NAMES)}")
    # A space as %20: the service takes a plus sign for one.
    return urlencode(made.signed(account.name, path, key.raw).query(), quote_via=quote)
