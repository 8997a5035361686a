"""What is wrong with VMs by what they printed: in their instance views, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from outofband.catalogue import Explained, explain
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.locale import DEFAULT
from outofband.providers.compute.shape import boot_diagnostics_on
from outofband.resources.declaration import Item
from outofband.store.findings import StoredFinding
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.finding import Severity

_LEVELS = {Severity.ERROR: "Error", Severity.WARNING: "Warning", Severity.NOTE: "Info"}
_ORDER = {severity: number for number, severity in enumerate(_LEVELS)}


def words(finding: StoredFinding, locale: str = DEFAULT) -> Explained:
    """What the catalogue says of a finding."""
    return explain(Fault(finding.code, **finding.fields), locale)


def shown(finding: StoredFinding, locale: str = DEFAULT) -> dict[str, Any]:
    """A finding without its evidence, which is a part of the log."""
    said = words(finding, locale)
    told: dict[str, Any] = {
        "id": finding.id,
        "code": finding.code,
        "severity": finding.severity,
        "title": said.title,
        "message": said.message,
        "port": finding.port,
        "boot": finding.boot,
        "offset": finding.offset,
        "first": clock.iso(finding.first),
        "last": clock.iso(finding.last),
        "count": finding.count,
    }
    if finding.ended is not None:
        told["ended"] = clock.iso(finding.ended)
    return told


def moment(seconds: float) -> str:
    """A time by the host's clock, as the API writes it."""
    return clock.iso(datetime.fromtimestamp(seconds, UTC))


async def with_findings(store: Store, tx: Tx, items: Sequence[Item], locale: str = DEFAULT) -> list[Item]:
    """VMs with their instance views, and in those what is open."""
    rows = [item.row for item in items if boot_diagnostics_on(item.row)]
    found = await store.findings.open_of(tx, [row.uid for row in rows]) if rows else {}
    return [_with(item, found[item.row.uid], locale) if item.row.uid in found else item for item in items]


async def findings_of(store: Store, tx: Tx, row: Resource) -> list[StoredFinding]:
    """What is open of one VM, the worst first."""
    if not boot_diagnostics_on(row):
        return []
    found = await store.findings.open_of(tx, [row.uid])
    return worst_first(found.get(row.uid, ()))


def add(view: dict[str, Any], findings: Sequence[StoredFinding], locale: str = DEFAULT) -> dict[str, Any]:
    """An instance view with what is open: a status each, after those that clients count on, and ours."""
    told = [shown(each, locale) for each in findings]
    statuses = [*view["statuses"], *(_status(each) for each in told)]
    return view | {"statuses": statuses, "outofband": view["outofband"] | {"findings": told}}


def _with(item: Item, findings: Sequence[StoredFinding], locale: str) -> Item:
    properties = item.body["properties"]
    view = add(properties["instanceView"], worst_first(findings), locale)
    return msgspec.structs.replace(item, body=item.body | {"properties": properties | {"instanceView": view}})


def worst_first(findings: Sequence[StoredFinding]) -> list[StoredFinding]:
    return sorted(findings, key=_rank)


def _rank(finding: StoredFinding) -> tuple[int, float]:
    return _ORDER[Severity(finding.severity)], -finding.last.timestamp()


def _status(told: dict[str, Any]) -> dict[str, Any]:
    return {
        "code": f"Finding/{told['code']}",
        "level": _LEVELS[told["severity"]],
        "displayStatus": told["title"],
        "message": told["message"],
        "time": told["last"],
    }
