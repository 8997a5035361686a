"""Whether a VM's boot diagnostics have a place to be: asked of that place when a console is opened.

Managed storage is always there. A storage account of the customer's own is one that `storageUri` names; with
that, a console opens only while the account can be used, or opens with a warning where the policy of the
subscription says so.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from urllib.parse import urlencode

import structlog

from outofband.access.authorizer import Authorizer
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.principal import Principal
from outofband.diagnostics.places import account_of, container_of
from outofband.providers.compute import shape as vm
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
        uri = vm.storage_uri(row)
        if uri is None:
            raise Fault("BootDiagnosticsUnreadable", vm=name)
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
        container = f"/{container_of(name, row.uid)}"
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
