"""Tells webhooks of findings: an outbox that outlives everything, and a task that empties it.

Nobody waits for a receiver. An event is written within the unit that keeps its finding; each webhook gets its
events one after the other, each until it was taken or is given up. A crash in between sends one twice, with
the same id.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec
import structlog

from outofband.catalogue import explain
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.diagnostics.watched import Watched
from outofband.net.backoff import Backoff
from outofband.net.destinations import allowed_address
from outofband.net.fetch import FetchFailed, fetch, trusting
from outofband.net.forwarded import Network
from outofband.net.proxies import proxy_for
from outofband.net.tasks import Tasks
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.store.webhooks import TOPIC, Delivery, Webhook
from outofband.store.wrapping import WEBHOOKS
from outofband.wire import webhook as wire
from outofband.wire.finding import Finding, Severity

AT_ONCE = 16
"""Requests on their way at the same time, one for each webhook at most."""
LEASE = timedelta(seconds=60)
"""After so long an attempt that nobody settled is made again: more than a request may take."""
FIRST_SECONDS, LONGEST_SECONDS = 2.0, 300.0
"""Between two attempts; twice as long each time."""
GIVEN_UP = timedelta(hours=24)
"""So old an event is not tried again."""
REFUSALS = 8
"""Attempts that a receiver may refuse (4xx) before an event is given up: it will not want it later either."""
_PASSING = frozenset({408, 425, 429})
_GONE = 410
_RANK = {severity: rank for rank, severity in enumerate((Severity.NOTE, Severity.WARNING, Severity.ERROR))}
TEST_KIND = "outofband.webhook.test"

log = structlog.get_logger(__name__)


class Attempt(msgspec.Struct, frozen=True):
    """What a receiver did: its status, or in words of ours why there is none, or why it does not count."""

    status: int | None
    trouble: str | None


class Webhooks:
    """`networks`: beside public addresses, those that the operator lets webhooks reach."""

    def __init__(self, store: Store, networks: Sequence[Network] = ()) -> None:
        self._store = store
        self._networks = tuple(networks)
        self._busy: set[str] = set()
        self._tasks = Tasks()
        self.counted: Counter[tuple[str, str]] = Counter()
        """Attempts of this process, by subscription and outcome."""

    # --- secrets ---

    def make_secret(self) -> str:
        return wire.secret_of(os.urandom(32))

    def seal(self, webhook: str, secret: str) -> tuple[bytes, str]:
        """For the columns `secret` and `wrap` of the row with that id."""
        vault = self._store.vault
        return vault.seal(wire.key_of(secret), WEBHOOKS.about(webhook)), vault.name

    # --- what is told ---

    async def tell(self, tx: Tx, watched: Watched, finding: Finding, now: datetime) -> None:
        """Have a finding that opened or ended told to the webhooks of its VM's subscription."""
        row = watched.row
        for webhook in await self._store.webhooks.of(tx, row.subscription_id):
            if webhook.enabled and _RANK[finding.severity] >= _RANK[Severity(webhook.severity)]:
                event = str(uuid.uuid4())
                dropped = await self._store.webhooks.enqueue(
                    tx, webhook.id, event=event, body=_body(event, watched, finding, now), now=now
                )
                if dropped:
                    log.warning("webhook.overflow", webhook=webhook.id, dropped=dropped)

    async def test(self, webhook: Webhook) -> Attempt:
        """Send an event that means nothing, now, once, past whatever waits."""
        event, now = str(uuid.uuid4()), clock.now()
        place = f"/subscriptions/{webhook.subscription_id}"
        body = wire.event(
            id=event, kind=TEST_KIND, source=place, subject=webhook.name, time=clock.iso(now), data={}
        )
        return await self._attempt(webhook, event, body)

    # --- the way there ---

    async def run(self) -> None:
        """Empty the outbox until cancelled."""
        try:
            with self._store.bell.listen(TOPIC) as ear:
                while True:
                    try:
                        await self._begin()
                    except Fault as fault:
                        log.warning("webhooks.put_off", code=fault.code)
                    except Exception:
                        log.exception("webhooks.failed")
                    await ear.wait()
        finally:
            await self._tasks.close()

    async def _begin(self) -> None:
        room = AT_ONCE - len(self._busy)
        if room <= 0:
            return
        async with self._store.read() as tx:
            due = await self._store.webhooks.due(tx, clock.now(), AT_ONCE + len(self._busy))
        for delivery in [each for each in due if each.webhook_id not in self._busy][:room]:
            self._busy.add(delivery.webhook_id)
            self._tasks.spawn(f"webhook:{delivery.webhook_id}", self._deliver(delivery))

    async def _deliver(self, delivery: Delivery) -> None:
        store = self._store
        try:
            async with store.write() as tx:
                webhook = await store.webhooks.by_id(tx, delivery.webhook_id)
                if webhook is None or not await store.webhooks.claim(tx, delivery, clock.now() + LEASE):
                    return
            attempt = await self._attempt(webhook, delivery.event, delivery.body.encode())
            now = clock.now()
            again = _again(delivery, attempt, now)
            outcome = "delivered" if attempt.trouble is None else ("retried" if again else "failed")
            self.counted[webhook.subscription_id, outcome] += 1
            if attempt.trouble is not None:
                log.warning(
                    "webhook." + outcome, webhook=webhook.id, status=attempt.status, why=attempt.trouble
                )
            async with store.write() as tx:
                await store.webhooks.settle(
                    tx, delivery, now=now, status=attempt.status, trouble=attempt.trouble, again=again
                )
        except Fault as fault:
            # The claim runs out, and the next attempt is somebody's.
            log.warning("webhook.put_off", webhook=delivery.webhook_id, code=fault.code)
        finally:
            self._busy.discard(delivery.webhook_id)
            # There may be a next one for it by now.
            store.bell.ring(TOPIC)

    async def _attempt(self, webhook: Webhook, event: str, body: bytes) -> Attempt:
        try:
            key = self._store.vault.unseal(webhook.secret, WEBHOOKS.about(webhook.id), webhook.wrap)
        except Fault as fault:
            return Attempt(None, explain(fault).message)
        headers = wire.headers(key, event, int(clock.wall()), body)
        try:
            address = None
            if proxy_for(webhook.url) is None:
                parts = urlsplit(webhook.url)
                address = await allowed_address(parts.hostname or "", parts.port or 443, self._networks)
            # A system's authorities are a hundred certificates, and consoles are served beside this.
            context = await asyncio.to_thread(trusting, webhook.authorities)
            answer = await fetch(webhook.url, context, body=body, headers=headers, address=address)
        except (FetchFailed, ValueError) as error:
            return Attempt(None, str(error))
        if 200 <= answer.status < 300:
            return Attempt(answer.status, None)
        return Attempt(answer.status, f"it answered with HTTP status {answer.status}")


def _again(delivery: Delivery, attempt: Attempt, now: datetime) -> datetime | None:
    """When to try once more; None when it is over, one way or the other. `delivery` as it was before."""
    if attempt.trouble is None or attempt.status == _GONE or now - delivery.created >= GIVEN_UP:
        return None
    refused = attempt.status is not None and 400 <= attempt.status < 500 and attempt.status not in _PASSING
    if refused and delivery.attempts + 1 >= REFUSALS:
        return None
    return now + timedelta(seconds=_wait(delivery.attempts))


def _wait(attempts: int) -> float:
    backoff = Backoff(first=FIRST_SECONDS, limit=LONGEST_SECONDS)
    for _ in range(min(attempts, 32)):
        backoff.next()
    return backoff.next()


def _body(event: str, watched: Watched, finding: Finding, now: datetime) -> bytes:
    """Without evidence: the lines of the log stay where rights are asked for."""
    said = explain(Fault(finding.code, **finding.fields))
    row, over = watched.row, finding.ended is not None
    told: dict[str, Any] = msgspec.to_builtins(finding)
    del told["evidence"]
    for name in ("first", "last", "ended"):
        told[name] = _moment(told[name])
    words = {"title": said.title, "message": said.message, "cause": said.cause, "remedy": said.remedy}
    return wire.event(
        id=event,
        kind="outofband.finding.ended" if over else "outofband.finding.opened",
        source=row.id,
        subject=finding.id,
        time=clock.iso(now),
        data={"vm": {"id": row.id, "name": watched.name, "vmId": row.uid}, "finding": told | words},
    )


def _moment(seconds: float | None) -> str | None:
    return clock.iso(datetime.fromtimestamp(seconds, clock.now().tzinfo)) if seconds is not None else None
