"""Where the boot diagnostics of a VM are kept, and who may put something there.

A container per VM, named as Azure does it, in the account that the VM's `storageUri` names, or else in one
that the control plane keeps for the VM's subscription. An agent is given a signature for exactly the
container of a VM of its own, for minutes; a person gets one for exactly one blob.
"""

from __future__ import annotations

import re
import secrets
import uuid
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode, urlsplit

import msgspec
import structlog

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import parse_id
from outofband.diagnostics.watched import Watched, Watcher
from outofband.storage.accounts import MANAGED_TYPE, Account
from outofband.storage.rows import new_etag
from outofband.storage.service import Storage
from outofband.store.blobs_containers import Container
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire import link, segments
from outofband.wire.storage import sas
from outofband.wire.storage.sas import Sas

AGENT_SECONDS = 900.0
"""How long an agent may use a signature; it asks for the next one before."""
ASK_AGAIN_SECONDS = 30.0
"""After which an agent asks again where it was told that there is no place."""
MAX_HANDED = 20_000
SKEW = timedelta(minutes=5)
"""How far clocks may differ."""
VERSION = "2022-11-02"
LOG_SUFFIX = ".serialconsole.log"
SHOT_SUFFIX = ".screenshot.png"
_OURS = "system:boot-diagnostics"
_NAMED = re.compile(r"^([a-z0-9]{3,24})\.blob\.[a-z0-9.-]+\Z")
_STYLED = re.compile(r"^/blob/([a-z0-9]{3,24})/?\Z")
_CONTAINER = re.compile(r"^bootdiagnostics-[a-z0-9]{1,9}-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\Z")
_MAX_SHOWN = 200
_SQUATTED = 8
"""Names tried for an account until one is free."""

log = structlog.get_logger(__name__)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The place of a VM's boot diagnostics. The container may not be there yet."""

    watched: Watched
    account: Account
    container: str

    @property
    def log_blob(self) -> str:
        return f"{self.watched.machine}.{self.watched.row.uid}{LOG_SUFFIX}"

    @property
    def screenshot_blob(self) -> str:
        return f"{self.watched.machine}.{self.watched.row.uid}{SHOT_SUFFIX}"


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """To whom, and by which settings of the VM."""

    agent: str
    on: bool
    uri: str | None


class Places:
    def __init__(self, store: Store, storage: Storage, watcher: Watcher) -> None:
        self._store = store
        self._storage = storage
        self._watcher = watcher
        self.handed: dict[str, Handed] = {}
        """By VM (uuid), what its agent was told last by this node, for as long as that is good."""

    async def find(self, tx: Tx, row: Resource) -> Found | None:
        """The place of a VM; None while managed storage has none for its subscription, or for no VM.

        Raises Fault BootDiagnosticsUnreadable, BootDiagnosticsUriInvalid or BootDiagnosticsAccountNotFound.
        """
        watched = self._watcher(row)
        if watched is None:
            return None
        if watched.uri is None:
            raise Fault("BootDiagnosticsUnreadable", vm=watched.machine)
        if not watched.uri:
            account = await self._managed(tx, row.subscription_id)
            return self._at(watched, account) if account is not None else None
        name = account_of(watched.uri, watched.machine)
        account = await self._storage.accounts.named(tx, name)
        subscription = await self._store.directory.require_subscription(tx, row.subscription_id)
        # Tenants are walls: an account of another one is none. Nor is one that is not theirs.
        if account is None or account.managed or account.tenant != subscription.tenant_id:
            raise Fault("BootDiagnosticsAccountNotFound", vm=watched.machine, account=name)
        return self._at(watched, account)

    async def ensure(self, row: Resource) -> Found | None:
        """The place of a VM, with its container, made if they are not there yet. Raises as `find`, and Fault
        BootDiagnosticsHierarchical or BootDiagnosticsForbidden for an account that cannot be used.
        """
        async with self._store.read() as tx:
            found = await self.find(tx, row)
            there = found is not None and await self._container(tx, found) is not None
        if found is None or not there:
            async with self._store.write() as tx:
                watched = self._watcher(row)
                if watched is None:
                    return None
                if not watched.uri:
                    await self._make_managed(tx, row.subscription_id)
                found = await self.find(tx, row)
                assert found is not None, "the account was just made"
                check_usable(found)
                await self._make_container(tx, found)
        check_usable(found)
        return found

    async def hand_out(self, agent: str, vm: str) -> link.Place:
        """What an agent is told of the VM (uuid). Raises nothing."""
        known = self.handed.get(vm)
        if known is not None and known.agent == agent:
            # Only its own: another one's question takes nothing from the agent that the VM has.
            del self.handed[vm]
        try:
            return await self._hand_out(agent, vm)
        except Fault as fault:
            log.info("diagnostics.no_place", agent=agent, vm=vm, code=fault.code)
            fields = {name: value for name, value in fault.fields.items() if isinstance(value, str | int)}
            return refused(vm, fault.code, fields)
        except Exception:
            log.exception("diagnostics.place_broke", agent=agent, vm=vm)
            return refused(vm, "InternalError", {})

    async def _hand_out(self, agent: str, vm: str) -> link.Place:
        async with self._store.read() as tx:
            row = await self._store.resources.by_uid(tx, vm)
        watched = self._watcher(row) if row is not None else None
        if row is None or watched is None or watched.agent != agent:
            # Whose it is instead, an agent has no need to know.
            raise Fault("VmUnknownToHost", vm=vm)
        if len(self.handed) >= MAX_HANDED and vm not in self.handed:
            del self.handed[next(iter(self.handed))]
        self.handed[vm] = Handed(agent=agent, on=watched.on, uri=watched.uri)
        if not watched.on:
            raise Fault("BootDiagnosticsDisabled", vm=watched.name)
        found = await self.ensure(row)
        assert found is not None, "it is a VM"
        async with self._store.read() as tx:
            ends = await self._ends(tx, found)
        now = clock.now()
        signed = Sas(
            sv=VERSION,
            sr="c",
            sp="cw",
            st=sas.written(now - SKEW),
            se=sas.written(now + timedelta(seconds=AGENT_SECONDS)),
            spr="https",
            sig="",
        ).signed(found.account.name, f"/{found.container}", found.account.keys[0].raw)
        return link.Place(
            vm=vm,
            account=found.account.name,
            container=found.container,
            query=urlencode(signed.query()),
            seconds=AGENT_SECONDS,
            ends=ends,
            screenshot=found.screenshot_blob,
        )

    def sas_url(self, found: Found, blob: str, life: timedelta, now: datetime) -> str:
        """The address of one blob that can be read with it, and nothing else, for `life`."""
        signed = Sas(
            sv=VERSION,
            sr="b",
            sp="r",
            st=sas.written(now - SKEW),
            se=sas.written(now + life),
            spr="https",
            sig="",
        ).signed(found.account.name, f"/{found.container}/{blob}", found.account.keys[0].raw)
        base = self._storage.blob_endpoint(found.account.name)
        return f"{base}{found.container}/{quote(blob)}?{urlencode(signed.query())}"

    async def container(self, tx: Tx, found: Found) -> Container | None:
        return await self._container(tx, found)

    async def ends(self, tx: Tx, row: Resource) -> dict[str, int]:
        """By port, where what is stored of the VM's log ends; nothing where its place cannot be told."""
        try:
            found = await self.find(tx, row)
        except Fault:
            return {}
        return await self._ends(tx, found) if found is not None else {}

    async def _ends(self, tx: Tx, found: Found) -> dict[str, int]:
        container = await self._container(tx, found)
        if container is None:
            return {}
        ends: dict[str, int] = {}
        for name, length in await self._store.blobs.lengths(tx, container.id, prefix=segments.PREFIX):
            if (segment := segments.parse(name)) is not None:
                port, start = segment
                ends[port] = max(ends.get(port, 0), start + length)
        return ends

    async def _container(self, tx: Tx, found: Found) -> Container | None:
        return await self._store.containers.get(tx, found.account.uid, found.container)

    async def _managed(self, tx: Tx, subscription: str) -> Account | None:
        row = await self._store.resources.get(tx, managed_id(subscription))
        return await self._storage.accounts.of(tx, row) if row is not None else None

    async def _make_managed(self, tx: Tx, subscription: str) -> None:
        if await self._managed(tx, subscription) is not None:
            return
        owner = await self._store.directory.require_subscription(tx, subscription)
        now = clock.now()
        row, _ = await self._store.resources.put(
            tx,
            parse_id(managed_id(subscription)),
            now=now,
            by=_OURS,
            properties={"supportsHttpsTrafficOnly": True, "allowBlobPublicAccess": False},
        )
        for _ in range(_SQUATTED):
            name = f"oobdiag{secrets.token_hex(8)}"
            if await self._storage.accounts.create(tx, row.uid, name, owner.tenant_id, now):
                log.info("diagnostics.account_made", subscription=subscription, account=name)
                return
        raise Fault("InternalError")

    async def _make_container(self, tx: Tx, found: Found) -> None:
        now = clock.now()
        row = Container(
            id=uuid.uuid4().hex,
            account=found.account.uid,
            name=found.container,
            public="",
            metadata={"vm": found.watched.machine, "vmid": found.watched.row.uid},
            policies=[],
            lease=None,
            etag=new_etag(),
            created=now,
            modified=now,
        )
        await self._store.containers.add(tx, row)

    def _at(self, watched: Watched, account: Account) -> Found:
        return Found(
            watched=watched, account=account, container=container_of(watched.machine, watched.row.uid)
        )


def check_usable(found: Found) -> None:
    """Raises Fault for an account of somebody's own that boot diagnostics cannot go to."""
    account, name = found.account, found.watched.machine
    if account.hierarchical:
        raise Fault("BootDiagnosticsHierarchical", vm=name, account=account.name)
    if not account.takes_keys:
        raise Fault(
            "BootDiagnosticsForbidden",
            vm=name,
            account=account.name,
            detail="KeyBasedAuthenticationNotPermitted",
        )


def refused(vm: str, code: str, fields: dict[str, str | int]) -> link.Place:
    return link.Place(vm=vm, code=code, fields=fields, seconds=ASK_AGAIN_SECONDS)


def managed_id(subscription: str) -> str:
    return f"/subscriptions/{subscription}/providers/{MANAGED_TYPE}/default"


def container_of(machine: str, uid: str) -> str:
    """The container of a VM's boot diagnostics, named as Azure does it."""
    short = re.sub(r"[^a-z0-9]", "", machine.lower())[:9]
    return f"bootdiagnostics-{short or 'vm'}-{uid.lower()}"


def vm_of(container: str) -> str | None:
    """The uuid of the VM whose boot diagnostics a container has; None for what is another container."""
    found = _CONTAINER.match(container)
    return found[1] if found is not None else None


def account_of(uri: str, machine: str) -> str:
    """The account that a `storageUri` names, by host or as the path style has it.

    Raises Fault BootDiagnosticsUriInvalid.
    """

    def wrong(detail: str) -> Fault:
        return Fault("BootDiagnosticsUriInvalid", vm=machine, uri=_shown(uri), detail=detail)

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


def _shown(uri: str) -> str:
    """An address without what may be a secret in it: neither query nor user."""
    bare = uri.partition("?")[0].partition("#")[0]
    scheme, mark, rest = bare.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"[:_MAX_SHOWN]
