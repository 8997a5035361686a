"""Outofband.Diagnostics/findings: failures that were recognised in what a VM printed, as extensions of it.

Under a VM all that are kept, the open ones first and the worst of them before all; under a subscription the
open ones of all its VMs. A namespace of our own: Azure has no such thing. The evidence is a part of the log,
for those who may read that.
"""

from __future__ import annotations

from outofband.access.authorizer import Authorizer, Rights
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.diagnostics.places import Places
from outofband.providers.compute import finding_views
from outofband.providers.compute import shape as vm
from outofband.providers.compute.boot_data import admit
from outofband.providers.serial_console.reading import READ_DIAGNOSTICS
from outofband.resources.declaration import Item, Option, Page, Place, ResourceType
from outofband.resources.exchange import Call
from outofband.resources.lookup import missing
from outofband.resources.registry import refuse_classic
from outofband.store.findings import StoredFinding
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx

NAMESPACE = "Outofband.Diagnostics"
SINCE = "2026-11-01"
KIND = "findings"
_LOG = "Microsoft.SerialConsole/serialPorts/log/action"


class Findings:
    def __init__(self, store: Store, authorizer: Authorizer, places: Places) -> None:
        self._store = store
        self._authorizer = authorizer
        self._places = places

    def declare(self) -> ResourceType:
        return ResourceType(
            name=f"{NAMESPACE}/{KIND}",
            about="a failure recognised in what a VM printed",
            many="findings",
            since=SINCE,
            source=self,
            places=frozenset({Place.RESOURCE}),
            lists=frozenset({Place.SUBSCRIPTION, Place.RESOURCE}),
            extends=vm.TYPE,
            urgent=frozenset({"GET"}),
            # Whoever may read the whole log may read what was found in it.
            also_read=(READ_DIAGNOSTICS, _LOG),
            options=(Option(name="open", about="Of a VM's list: only those that hold now", flag=True),),
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        row = await self._vm(tx, rid.parent)
        found = await self._store.findings.get(tx, row.uid, rid.name) if vm.boot_diagnostics_on(row) else None
        if found is None:
            return None
        rights = await self._authorizer.rights(call.principal, tx)
        whole = await self._reads_log(call, tx, row, rights)
        return _item(row, found, call.request.locale, whole=whole)

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        if call.rid.chain:
            return await self._of_vm(call, tx)
        found, following = await self._store.findings.open_in(tx, call.rid.subscription or "", after, limit)
        rights = await self._authorizer.rights(call.principal, tx)
        rows: dict[str, tuple[Resource, bool]] = {}
        for uid in {each.vm for each in found}:
            row = await self._store.resources.by_uid(tx, uid)
            if row is not None and vm.boot_diagnostics_on(row):
                rows[uid] = row, await self._reads_log(call, tx, row, rights)
        items = [
            _item(rows[each.vm][0], each, call.request.locale, whole=rows[each.vm][1])
            for each in found
            if each.vm in rows
        ]
        return Page(items=items, after=following)

    async def _of_vm(self, call: Call, tx: Tx) -> Page:
        row = await self._vm(tx, call.rid)
        if not vm.boot_diagnostics_on(row):
            return Page(items=[])
        found = await self._store.findings.of_vm(tx, row.uid)
        told = finding_views.worst_first([each for each in found if each.is_open])
        if not call.request.flag("open"):
            told += [each for each in found if not each.is_open]
        rights = await self._authorizer.rights(call.principal, tx)
        whole = await self._reads_log(call, tx, row, rights)
        return Page(items=[_item(row, each, call.request.locale, whole=whole) for each in told])

    async def _reads_log(self, call: Call, tx: Tx, row: Resource, rights: Rights) -> bool:
        """Whether the caller may read all of the VM's log, and with that the lines that a finding shows."""
        port = parse_id(row.id).extension("Microsoft.SerialConsole", "serialPorts", "0")
        if not (rights.allow(READ_DIAGNOSTICS, port) or rights.allow(_LOG, port)):
            return False
        try:
            await admit(self._authorizer, self._places, call, tx, row)
        except Fault as fault:
            if not fault.code.startswith("BootDiagnostics"):
                raise
            return False
        return True

    async def _vm(self, tx: Tx, rid: ResourceId | None) -> Resource:
        if rid is None or rid.type.lower() not in vm.MACHINES:
            refuse_classic(rid.type if rid is not None else "")
            raise Fault("InvalidResourceType", type=KIND, namespace=NAMESPACE)
        row = await self._store.resources.get(tx, rid)
        if row is None:
            raise await missing(self._store, tx, rid)
        return row


def _item(row: Resource, finding: StoredFinding, locale: str, *, whole: bool) -> Item:
    """`whole`: with its evidence."""
    rid = parse_id(row.id).extension(NAMESPACE, KIND, finding.id)
    said = finding_views.words(finding, locale)
    properties = finding_views.shown(finding, locale) | {
        "open": finding.is_open,
        "cause": said.cause,
        "remedy": said.remedy,
        "fields": finding.fields,
        "vmId": row.uid,
    }
    del properties["id"]
    if whole:
        properties["evidence"] = [
            {"offset": each.offset, "at": finding_views.moment(each.at), "text": each.text}
            for each in finding.evidence
        ]
    body = {
        "id": str(rid),
        "name": finding.id,
        "type": f"{NAMESPACE}/{KIND}",
        "properties": properties,
    }
    return Item(rid=rid, body=body, row=row)
