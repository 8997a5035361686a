"""Findings as rows: one for an id, a bounded number a VM, none that outlives its VM for long."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest

from outofband.core.ids import parse_id
from outofband.store import findings
from outofband.store.findings import topic
from outofband.store.store import Store
from outofband.wire.finding import Evidence, Finding, Severity, finding_id
from tests.unit.store.conftest import SUBSCRIPTION, TENANT

pytestmark = pytest.mark.anyio
VM = "aaaaaaaa-0000-4000-8000-00000000000a"


def found(offset: int = 40, code: str = "KernelPanic", **changes: object) -> Finding:
    plain = Finding(
        id=finding_id(code, "0", offset),
        code=code,
        severity=Severity.ERROR,
        port="0",
        boot=1,
        offset=offset,
        first=1000.123456,
        last=1000.5 + offset,
        fields={"reason": "no \U0001f600 init"},
        evidence=(Evidence(offset=offset, at=1000.25, text="Kernel panic"),),
    )
    return msgspec.structs.replace(plain, **changes)


async def test_one_row_for_an_id(store: Store, now: datetime) -> None:
    with store.bell.listen(topic(VM)) as ear:
        async with store.write() as tx:
            assert await store.findings.keep(tx, VM.upper(), found(), now) == (True, True)
        assert await ear.wait(1.0)
    async with store.write() as tx:
        assert await store.findings.keep(tx, VM, found(), now) == (False, False), "said twice"
        more = found(count=2, last=1100.0000004)
        assert await store.findings.keep(tx, VM, more, now) == (True, False)
        assert await store.findings.keep(tx, VM, more, now) == (False, False), "a row knows microseconds"
        assert await store.findings.keep(tx, VM, found(), now) == (False, False), "older words come late"
        over = msgspec.structs.replace(more, ended=1200.0)
        assert await store.findings.keep(tx, VM, over, now) == (True, True)
    async with store.read() as tx:
        (row,) = await store.findings.of_vm(tx, VM)
    assert row.finding == msgspec.structs.replace(over, last=1100.0)
    assert not row.is_open


async def test_the_open_ones_come_first_and_stay_longest(store: Store, now: datetime) -> None:
    async with store.write() as tx:
        for n in range(findings.MAX_OF_VM + 20):
            ended = None if n < 5 else 5000.0
            await store.findings.keep(tx, VM, found(n, ended=ended), now)
        rows = await store.findings.of_vm(tx, VM)
    assert len(rows) == findings.MAX_OF_VM
    assert [row.offset for row in rows[:5]] == [4, 3, 2, 1, 0]
    assert all(row.is_open for row in rows[:5]) and not any(row.is_open for row in rows[5:])


async def test_open_ones_of_many(populated: Store, now: datetime) -> None:
    store = populated
    place = parse_id(f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g/providers/A.B/vms/v")
    async with store.write() as tx:
        row, _ = await store.resources.put(tx, place, now=now, by="t", uid=VM)
        for n, code in enumerate(["KernelPanic", "KernelPanic", "DiskFull"]):
            await store.findings.keep(tx, VM, found(n, code), now)
        await store.findings.keep(tx, VM, found(9, ended=2.0), now)
        await store.findings.keep(tx, "no-vm", found(), now)
        assert await store.findings.open_vms(tx, TENANT) == {VM: {"KernelPanic": 2, "DiskFull": 1}}
        several = await store.findings.open_of(tx, [VM, "other", "no-vm"])
        assert {vm: len(rows) for vm, rows in several.items()} == {VM: 3, "no-vm": 1}
        assert await store.findings.prune(tx, now - timedelta(days=1)) == 1, "of a VM that is no more"
        assert await store.findings.prune(tx, now + timedelta(days=1)) == 1, "what ended long ago"
        assert len(await store.findings.of_vm(tx, row.uid)) == 3
