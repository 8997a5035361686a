"""Keeps what agents recognised: once each, of their own VMs, where boot diagnostics are on.

The agent knows nothing of that switch: it looks at every log, and what it says of a VM whose boot diagnostics
are off is not kept (ADR 43). Nothing of a finding is believed that was not looked at here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import structlog

from outofband.catalogue import codes
from outofband.core import clock
from outofband.diagnostics.watched import Watched, Watcher
from outofband.diagnostics.webhooks import Webhooks
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.finding import Finding, cleaned
from outofband.wire.link import Told

log = structlog.get_logger(__name__)


class Findings:
    def __init__(self, store: Store, watched: Watcher, webhooks: Webhooks) -> None:
        self._store = store
        self._watched = watched
        self._webhooks = webhooks
        self.counted: Counter[tuple[str, str]] = Counter()
        """Those that opened since this process began, by subscription and code."""

    async def take(self, agent: str, told: Sequence[Told]) -> None:
        """Keep what an agent said; on disk when this returns, but for what is refused, which is only logged.

        Raises Fault when the store cannot be written.
        """
        good = [(each.vm.lower(), finding) for each in told if (finding := _checked(agent, each))]
        if not good:
            return

        opened: list[tuple[str, str]] = []

        async def work(tx: Tx) -> None:
            opened.clear()
            vms = {vm: await self._vm(tx, agent, vm) for vm in {vm for vm, _ in good}}
            for vm, finding in good:
                watched = vms[vm]
                if watched is None:
                    continue
                if not watched.on:
                    await self._end(tx, watched, finding)
                elif await self._keep(tx, watched, finding) and finding.ended is None:
                    opened.append((watched.row.subscription_id, finding.code))

        await self._store.transact(work)
        self.counted.update(opened)

    async def _vm(self, tx: Tx, agent: str, vm: str) -> Watched | None:
        """A VM that `agent` may tell of; None when there is none."""
        row = await self._store.resources.by_uid(tx, vm)
        watched = self._watched(row) if row is not None else None
        if watched is None or watched.agent != agent:
            log.warning("finding.refused", agent=agent, vm=vm[:64], why="it is no VM of this host")
            return None
        return watched

    async def _end(self, tx: Tx, watched: Watched, finding: Finding) -> None:
        """What opened before the switch went off may end meanwhile; an agent says it once. Else it stood open
        for ever when the switch is on again.
        """
        vm = watched.row.uid
        if finding.ended is not None and await self._store.findings.get(tx, vm, finding.id) is not None:
            await self._store.findings.keep(tx, vm, finding, clock.now())

    async def _keep(self, tx: Tx, watched: Watched, finding: Finding) -> bool:
        """Whether it opened or ended by this."""
        vm, now = watched.row.uid, clock.now()
        changed, turned = await self._store.findings.keep(tx, vm, finding, now)
        if not (changed and turned):
            return False
        over = finding.ended is not None
        log.info("finding.ended" if over else "finding.open", vm=vm, code=finding.code, id=finding.id)
        await self._webhooks.tell(tx, watched, finding, now)
        return True


def _checked(agent: str, told: Told) -> Finding | None:
    finding = cleaned(told.finding)
    if finding is None or finding.code not in codes():
        log.warning("finding.refused", agent=agent, vm=told.vm[:64], why="it cannot be one")
        return None
    return finding
