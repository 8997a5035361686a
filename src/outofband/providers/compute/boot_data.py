"""`POST .../retrieveBootDiagnosticsData`: the way to a VM's log and picture, also when its host is dead.

Each address is good for one blob, for a while, and needs nothing else: who has it can read.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from outofband.access.authorizer import Authorizer
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.diagnostics.places import Found, Places
from outofband.providers.compute import shape as vm
from outofband.resources.declaration import Act, Item, Option
from outofband.resources.exchange import Answer, Call
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx

READ = "Microsoft.Storage/storageAccounts/read"
MINUTES = "sasUriExpirationTimeInMinutes"
LONGEST, USUAL = 1440, 120
_NO_ACCOUNT = frozenset({"BootDiagnosticsAccountNotFound", "BootDiagnosticsUriInvalid"})


class BootDiagnosticsData(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Addresses of the screen's picture (PNG) and of the serial log, each with its signature."""

    console_screenshot_blob_uri: str
    serial_console_log_blob_uri: str


class BootData:
    def __init__(self, store: Store, authorizer: Authorizer, places: Places) -> None:
        self._store = store
        self._authorizer = authorizer
        self._places = places

    def declare(self) -> Act:
        return Act(
            run=self._run,
            about="Get addresses from which a VM's boot log and picture can be read for a while",
            answer=BootDiagnosticsData,
            options=(Option(name=MINUTES, about=f"Minutes until they expire, 1 to {LONGEST}; else {USUAL}"),),
        )

    async def _run(self, call: Call, item: Item, body: Any) -> Answer:
        row: Resource = item.row
        life = timedelta(minutes=_minutes(call.request.parameter(MINUTES)))
        if not vm.boot_diagnostics_on(row):
            raise Fault("BootDiagnosticsDisabled", vm=vm.command_name(row))
        async with self._store.read() as tx:
            there = await self._places.find(tx, row)
        if there is not None:
            # Before anything is made in it.
            await check_reader(self._authorizer, call, there)
        found = await self._places.ensure(row)
        assert found is not None, "it is a VM"
        now = clock.now()
        told = BootDiagnosticsData(
            console_screenshot_blob_uri=self._places.sas_url(found, found.screenshot_blob, life, now),
            serial_console_log_blob_uri=self._places.sas_url(found, found.log_blob, life, now),
        )
        noted = {"expires": clock.iso(now + life), "account": found.account.name}
        return Answer(body=told, headers={"Cache-Control": "no-store"}, noted=noted)


async def admit(authorizer: Authorizer, places: Places, call: Call, tx: Tx, row: Resource) -> None:
    """Wherever a log is read, at its host too, the rules of the account that it is kept in hold. Raises Fault
    BootDiagnostics* where that keeps the caller out. An account that is not there has no rules.
    """
    if not vm.storage_uri(row) or not vm.boot_diagnostics_on(row):
        # Managed, or nothing to be read at all, which is said elsewhere.
        return
    try:
        found = await places.find(tx, row)
    except Fault as fault:
        if fault.code in _NO_ACCOUNT:
            return
        raise
    if found is not None:
        await check_reader(authorizer, call, found, tx)


async def check_reader(authorizer: Authorizer, call: Call, found: Found, tx: Tx | None = None) -> None:
    """Somebody's own account has rules of its own: who may see it, and from where. Raises Fault."""
    account, name = found.account, found.watched.machine
    if account.managed:
        return
    rights = await authorizer.rights(call.principal, tx)
    if not rights.allow(READ, account.rid):
        who = call.principal.name
        raise Fault(
            "BootDiagnosticsAccountUndetermined", vm=name, account=account.name, name=who, action=READ
        )
    if not account.admits(call.request.address or ""):
        detail = "AuthorizationFailure"
        raise Fault("BootDiagnosticsForbidden", vm=name, account=account.name, detail=detail)


def _minutes(given: str | None) -> int:
    """Raises Fault InvalidParameter."""
    if given is None or not given.strip():
        return USUAL
    wanted = int(given) if given.isascii() and given.isdecimal() and len(given) < 6 else 0
    if not 1 <= wanted <= LONGEST:
        raise Fault("InvalidParameter", target=MINUTES, detail=f"a whole number from 1 to {LONGEST}")
    return wanted
