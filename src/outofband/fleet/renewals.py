"""Certificates over links: on an agent's wish, and unasked when it should have asked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import structlog

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.fleet.credentials import Credentials, due
from outofband.fleet.links import Link
from outofband.store.agents import Agent
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.link import Renewed

log = structlog.get_logger(__name__)

RENEW_SECONDS = 60.0
"""Between two certificates for one link."""
MAX_OFFERED = 20
"""Certificates made unasked at a time: a fleet that enrolled on one day is not renewed in one moment."""


class Renewals:
    def __init__(self, store: Store, credentials: Credentials) -> None:
        self._store, self._credentials = store, credentials

    async def answer(self, link: Link) -> None:
        """Send a certificate on a link, or why there is none."""
        now = clock.monotonic()
        if link.renewed_at is not None and now - link.renewed_at < RENEW_SECONDS:
            wait = round(RENEW_SECONDS - (now - link.renewed_at)) + 1
            link.send(Renewed(code="TooManyRequests", fields={"seconds": wait}))
            return
        link.renewed_at = now
        try:
            answer = Renewed(await self._certify(link))
        except Fault as fault:
            log.error("agent.not_renewed", agent=link.agent, code=fault.code)
            answer = Renewed(code=fault.code, fields=fault.fields)
        if link.is_open:
            link.send(answer)

    async def offer(self, links: Iterable[Link]) -> None:
        """Send certificates to agents that should have asked for one by now."""
        now = clock.now()
        late = [each for each in links if each.is_open and each.takes_renewals and _due(each.row, now)]
        for link in late[:MAX_OFFERED]:
            if link.is_open:
                await self.answer(link)

    async def _certify(self, link: Link) -> str:
        """Raises Fault when there can be none."""
        row = link.row
        assert row is not None

        async def renew(tx: Tx) -> Agent:
            there = await self._store.agents.get(tx, row.id)
            if there is None or there.revoked is not None or there.public_key != row.public_key:
                raise Fault("AgentUnknown", agent=row.id)
            return await self._credentials.renew(tx, there, clock.now())

        link.row = renewed = await self._store.transact(renew)
        log.info("agent.renewed", agent=row.id, name=row.name, ends=clock.iso(renewed.certificate_expires))
        return renewed.certificate or ""


def _due(row: Agent | None, now: datetime) -> bool:
    return row is not None and due(row, now)
