"""What Prometheus is told of findings and webhooks: of one tenant, and without names of anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from outofband.diagnostics.findings import Findings
from outofband.diagnostics.watched import Watcher
from outofband.diagnostics.webhooks import Webhooks
from outofband.store.store import Store
from outofband.wire.exposition import Kind, Metric


class Measures:
    def __init__(self, store: Store, watched: Watcher, findings: Findings, webhooks: Webhooks) -> None:
        self._store = store
        self._watched = watched
        self._findings = findings
        self._webhooks = webhooks

    async def of(self, tenant: str) -> list[Metric]:
        """What holds now is the same at every node; what is counted is counted since this one began."""
        async with self._store.read() as tx:
            places = {each.id for each in await self._store.directory.subscriptions(tx, tenant)}
            found = await self._store.findings.open_vms(tx, tenant)
            opened: Counter[str] = Counter()
            for vm, codes in found.items():
                row = await self._store.resources.by_uid(tx, vm)
                watched = self._watched(row) if row is not None else None
                if watched is not None and watched.on:
                    opened.update(codes)
            waiting = 0
            for place in sorted(places):
                hooks = [each.id for each in await self._store.webhooks.of(tx, place)]
                waiting += sum((await self._store.webhooks.waiting(tx, hooks)).values()) if hooks else 0
        return [
            _metric("oob_findings_open", Kind.GAUGE, "Findings that hold now.", "code", opened),
            _metric(
                "oob_findings_total",
                Kind.COUNTER,
                "Findings that opened, kept by this node.",
                "code",
                _within(self._findings.counted, places),
            ),
            _metric(
                "oob_webhook_deliveries_total",
                Kind.COUNTER,
                "Attempts to deliver an event: delivered, to be retried, or failed for good.",
                "outcome",
                _within(self._webhooks.counted, places),
            ),
            Metric("oob_webhook_waiting", Kind.GAUGE, "Events that wait for a webhook.", [({}, waiting)]),
        ]


def _within(counted: Counter[tuple[str, str]], places: Collection[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for (place, word), count in counted.items():
        if place in places:
            found[word] += count
    return found


def _metric(name: str, kind: Kind, about: str, label: str, counts: Counter[str]) -> Metric:
    return Metric(name, kind, about, [({label: word}, count) for word, count in sorted(counts.items())])
