"""Findings: failures that hosts recognised in what their VMs printed, one row each, a bounded number a VM."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from outofband.store.findings_tables import findings as table
from outofband.store.tables import resources, subscriptions
from outofband.store.tx import Tx, columns
from outofband.wire.finding import Evidence, Finding, Severity, is_newer

MAX_OF_VM = 200
"""Kept of one VM; what ended first goes first, what is open last."""
_AT_ONCE = 500


class StoredFinding(msgspec.Struct, frozen=True, kw_only=True):
    """As `wire.finding.Finding`, of the VM with the uid `vm`; `kept` and `changed` by our clock."""

    vm: str
    id: str
    code: str
    severity: str
    port: str
    boot: int
    offset: int
    first: datetime
    last: datetime
    count: int
    fields: dict[str, str]
    evidence: list[Evidence]
    ended: datetime | None
    kept: datetime
    changed: datetime

    @property
    def is_open(self) -> bool:
        return self.ended is None

    @property
    def finding(self) -> Finding:
        return Finding(
            id=self.id,
            code=self.code,
            severity=Severity(self.severity),
            port=self.port,
            boot=self.boot,
            offset=self.offset,
            first=self.first.timestamp(),
            last=self.last.timestamp(),
            count=self.count,
            fields=self.fields,
            evidence=tuple(self.evidence),
            ended=self.ended.timestamp() if self.ended is not None else None,
        )


class Findings:
    async def keep(self, tx: Tx, vm: str, finding: Finding, now: datetime) -> tuple[bool, bool]:
        """Put a finding in, or what is newer in the place of what is known. Whether anything changed, and
        whether it opened or ended by that. Rings `topic(vm)` when something did.
        """
        vm = vm.lower()
        there = await self.get(tx, vm, finding.id)
        values = _values(finding) | {"changed": now}
        if there is None:
            await tx.change(sa.insert(table).values(vm=vm, kept=now, **values))
            await self._make_room(tx, vm)
        elif is_newer(_rounded(finding), there.finding):
            mine = sa.and_(table.c.vm == vm, table.c.id == finding.id)
            await tx.change(sa.update(table).where(mine).values(values))
        else:
            return False, False
        tx.ring(topic(vm))
        return True, there is None or there.is_open != (finding.ended is None)

    async def get(self, tx: Tx, vm: str, finding_id: str) -> StoredFinding | None:
        mine = sa.and_(table.c.vm == vm.lower(), table.c.id == finding_id)
        return await tx.row(StoredFinding, columns(table, StoredFinding).where(mine))

    async def of_vm(self, tx: Tx, vm: str) -> list[StoredFinding]:
        """Open ones first, then those that were heard of last."""
        query = columns(table, StoredFinding).where(table.c.vm == vm.lower())
        return await tx.rows(StoredFinding, query.order_by(*_ORDER))

    async def open_of(self, tx: Tx, vms: Sequence[str]) -> dict[str, list[StoredFinding]]:
        """The open ones of many VMs (uids), by VM."""
        found: dict[str, list[StoredFinding]] = defaultdict(list)
        for start in range(0, len(vms), _AT_ONCE):
            chunk = [vm.lower() for vm in vms[start : start + _AT_ONCE]]
            mine = sa.and_(table.c.ended.is_(None), table.c.vm.in_(chunk))
            query = columns(table, StoredFinding).where(mine).order_by(*_ORDER)
            for each in await tx.rows(StoredFinding, query):
                found[each.vm].append(each)
        return found

    async def open_in(
        self, tx: Tx, subscription: str, after: str | None, limit: int
    ) -> tuple[list[StoredFinding], str | None]:
        """The open ones of a subscription's VMs, by VM, and where the next page goes on."""
        there = sa.and_(resources.c.uid == table.c.vm, resources.c.subscription_id == subscription.lower())
        query = columns(table, StoredFinding).join(resources, there).where(table.c.ended.is_(None))
        if after is not None:
            vm, _, finding = after.partition("/")
            query = query.where(sa.or_(table.c.vm > vm, sa.and_(table.c.vm == vm, table.c.id > finding)))
        found = await tx.rows(StoredFinding, query.order_by(table.c.vm, table.c.id).limit(limit + 1))
        if len(found) <= limit:
            return found, None
        last = found[limit - 1]
        return found[:limit], f"{last.vm}/{last.id}"

    async def open_vms(self, tx: Tx, tenant: str) -> dict[str, dict[str, int]]:
        """How many are open of each VM (uid) that the tenant still has, by code."""
        places = sa.select(subscriptions.c.id).where(subscriptions.c.tenant_id == tenant)
        there = sa.and_(resources.c.uid == table.c.vm, resources.c.subscription_id.in_(places))
        query = (
            sa.select(table.c.vm, table.c.code, sa.func.count())
            .join(resources, there)
            .where(table.c.ended.is_(None))
            .group_by(table.c.vm, table.c.code)
        )
        found: dict[str, dict[str, int]] = defaultdict(dict)
        for row in await tx.fetch(query):
            vm, code, count = tuple(row)
            found[vm][code] = int(count)
        return found

    async def prune(self, tx: Tx, before: datetime) -> int:
        """Forget those that ended and were not heard of since, and all of VMs that are no more."""
        old = sa.and_(table.c.ended.is_not(None), table.c.changed < before)
        gone = table.c.vm.not_in(sa.select(resources.c.uid))
        return await tx.change(sa.delete(table).where(sa.or_(old, gone)))

    async def _make_room(self, tx: Tx, vm: str) -> None:
        query = sa.select(table.c.id).where(table.c.vm == vm).order_by(*_ORDER).offset(MAX_OF_VM)
        doomed = [row[0] for row in await tx.fetch(query)]
        if doomed:
            await tx.change(sa.delete(table).where(table.c.vm == vm, table.c.id.in_(doomed)))


_ORDER: Iterable[Any] = (
    sa.case((table.c.ended.is_(None), 0), else_=1),
    table.c.last.desc(),
    table.c.id,
)


def topic(vm: str) -> str:
    """The bell topic that rings when a finding of a VM (uid) is kept, changes or ends."""
    return f"findings:{vm.lower()}"


def _values(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "code": finding.code,
        "severity": finding.severity.value,
        "port": finding.port,
        "boot": finding.boot,
        "offset": finding.offset,
        "first": _moment(finding.first),
        "last": _moment(finding.last),
        "count": finding.count,
        "fields": finding.fields,
        "evidence": [msgspec.to_builtins(each) for each in finding.evidence],
        "ended": _moment(finding.ended) if finding.ended is not None else None,
    }


def _rounded(finding: Finding) -> Finding:
    """With the time of its last word as a row gives it back."""
    return msgspec.structs.replace(finding, last=_moment(finding.last).timestamp())


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
