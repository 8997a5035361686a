"""Whether a VM's boot diagnostics have a place to be: asked of that place when a console is opened.

Managed storage is always there. A storage account of the customer's own is one that `storageUri` names; with
that, a console opens only while the account can be used, or opens with a warning where the policy of the
subscription says so.
"""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import structlog

from outofband.access.authorizer import Authorizer
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.principal import Principal
from outofband.providers.compute import shape as vm
from outofband.providers.compute.profiles import boot_diagnostics
from outofband.storage.accounts import Account
from outofband.storage.service import Answered, Storage
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.wire.storage import sas
from outofband.wire.storage.sas import Sas

log = structlog.get_logger(__name__)

PROBE_SECONDS = 5.0
"""How long a person waits for the account, in all."""
READ = "Microsoft.Storage/storageAccounts/read"
KEYS = "Microsoft.Storage/storageAccounts/listKeys/action"
WRITE = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write"
"""A data action. Either this or KEYS lets somebody write into an account."""
_OURS = "BootDiagnostics"
_PROBE = "outofband-console-probe"
_CONTENT = b"A console was opened.\n"
_VERSION = "2022-11-02"
_SIGNED = timedelta(minutes=5)
_NAMED = re.compile(r"^([a-z0-9]{3,24})\.blob\.[a-z0-9.-]+\Z")
_STYLED = re.compile(r"^/blob/([a-z0-9]{3,24})/?\Z")
_MAX_SHOWN = 200


class Diagnostics:
    def __init__(self, store: Store, authorizer: Authorizer, storage: Storage) -> None:
        self._store = store
        self._authorizer = authorizer
        self._storage = storage

    async def trouble(self, principal: Principal, row: Resource, *, types: bool) -> Fault | None:
        """What is wrong with the place of the VM's boot diagnostics; None when nothing is.

        `types`: the caller may type. Who only watches needs no rights on the account: he puts nothing there.
        Raises Fault when the store cannot be asked.
        """
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._check(principal, row, types)
        except TimeoutError:
            detail = f"no answer within {PROBE_SECONDS:.0f} s"
            return Fault("BootDiagnosticsStorageBusy", vm=vm.machine_name(row), detail=detail)
        except Fault as fault:
            if not fault.code.startswith(_OURS):
                raise
            return fault
        return None

    async def _check(self, principal: Principal, row: Resource, types: bool) -> None:
        """Raises Fault."""
        name = vm.machine_name(row)
        uri = _uri(row)
        if not uri:
            return
        account_name = account_of(uri, name)
        async with self._store.read() as tx:
            account = await self._storage.accounts.named(tx, account_name)
            # Tenants are walls: an account of another one is none.
            if account is None or account.tenant != principal.tenant:
                raise Fault("BootDiagnosticsAccountNotFound", vm=name, account=account_name)
            rights = await self._authorizer.rights(principal, tx)
        who = {"vm": name, "account": account_name, "name": principal.name}
        if types and not rights.allow(READ, account.rid):
            raise Fault("BootDiagnosticsAccountUndetermined", **who, action=READ)
        if types and not (rights.allow(KEYS, account.rid) or rights.allow(WRITE, account.rid, data=True)):
            raise Fault("BootDiagnosticsWriteDenied", **who, action=KEYS, scope=str(account.rid))
        await self._probe(row, account, writes=types)

    async def _probe(self, row: Resource, account: Account, *, writes: bool) -> None:
        """Use the account as boot diagnostics do: look at it, write into it. `writes`: the caller may; for
        nobody else anything is put there. Raises Fault.
        """
        name = vm.machine_name(row)
        about = await self._ask(account, "GET", "/", {"restype": "account", "comp": "properties"})
        self._require(name, account, about)
        if about.headers.get("x-ms-is-hns-enabled") == "true":
            raise Fault("BootDiagnosticsHierarchical", vm=name, account=account.name)
        if not writes:
            return
        container = f"/{container_of(row)}"
        made = await self._ask(account, "PUT", container, {"restype": "container"})
        if made.code != "ContainerAlreadyExists":
            self._require(name, account, made)
        # Each console that is opened has a blob of its own here: two at a time must not meet.
        blob = f"{container}/{_PROBE}-{clock.now():%Y%m%dT%H%M%S%f}"
        written = await self._ask(account, "PUT", blob, {}, {"x-ms-blob-type": "BlockBlob"}, _CONTENT)
        self._require(name, account, written)
        await self._ask(account, "DELETE", blob, {})

    def _require(self, name: str, account: Account, answered: Answered) -> None:
        """Raises Fault for an answer that is a refusal."""
        if answered.status < 400:
            return
        told = {"vm": name, "account": account.name, "detail": answered.code or str(answered.status)}
        log.info("diagnostics.refused", **told)
        if answered.status == 403:
            raise Fault("BootDiagnosticsForbidden", **told)
        if answered.code in ("StorageResourceNotFound", "ResourceNotFound"):
            raise Fault("BootDiagnosticsAccountNotFound", vm=name, account=account.name)
        raise Fault("BootDiagnosticsStorageBusy", vm=name, detail=f"'{account.name}' said {told['detail']}")

    async def _ask(
        self,
        account: Account,
        method: str,
        path: str,
        query: dict[str, str],
        headers: dict[str, str] | None = None,
        body: bytes = b"",
    ) -> Answered:
        assert self._storage.ask is not None, "the edge is made before it is reached"
        now = clock.now()
        signed = Sas(
            sv=_VERSION,
            ss="b",
            srt="sco",
            sp="rwdlac",
            st=sas.written(now - _SIGNED),
            se=sas.written(now + _SIGNED),
            spr="https",
            sig="",
        ).signed(account.name, "", account.keys[0].raw)
        text = urlencode([*query.items(), *signed.query()])
        sent = {"x-ms-version": _VERSION, **(headers or {})}
        return await self._storage.ask(method, account.name, path, text, sent, body)


def container_of(row: Resource) -> str:
    """The container of a VM's boot diagnostics, named as Azure does it."""
    short = re.sub(r"[^a-z0-9]", "", vm.machine_name(row).lower())[:9]
    return f"bootdiagnostics-{short or 'vm'}-{row.uid.lower()}"


def account_of(uri: str, name: str) -> str:
    """The account that a `storageUri` names, by host or as the path style has it.

    Raises Fault BootDiagnosticsUriInvalid.
    """

    def wrong(detail: str) -> Fault:
        return Fault("BootDiagnosticsUriInvalid", vm=name, uri=_shown(uri), detail=detail)

    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise wrong("it is no address") from error
    if parts.scheme != "https":
        raise wrong(
            f"it begins with '{parts.scheme}://', not with 'https://'" if parts.scheme else "no https://"
        )
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise wrong("it is the account's address alone, without a signature or a name in it")
    if (named := _NAMED.match(host)) and parts.path in ("", "/"):
        return named[1]
    if styled := _STYLED.match(parts.path):
        return styled[1]
    raise wrong("it is not the address of a storage account's blobs")


def _uri(row: Resource) -> str:
    """Raises Fault BootDiagnosticsUnreadable."""
    try:
        uri: Any = boot_diagnostics(row.properties).get("storageUri")
    except (Fault, AttributeError) as error:
        raise Fault("BootDiagnosticsUnreadable", vm=vm.machine_name(row)) from error
    if uri is not None and not isinstance(uri, str):
        raise Fault("BootDiagnosticsUnreadable", vm=vm.machine_name(row))
    return (uri or "").strip()


def _shown(uri: str) -> str:
    """An address without what may be a secret in it: neither query nor user."""
    bare = uri.partition("?")[0].partition("#")[0]
    scheme, mark, rest = bare.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"[:_MAX_SHOWN]
