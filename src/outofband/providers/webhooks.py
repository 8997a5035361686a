"""Outofband.Diagnostics/webhooks: who is told of the findings of a subscription's VMs.

The secret that signs is given, or made here and told once, in the answer to who had it made; no other answer
has it.
"""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.diagnostics.webhooks import Webhooks as Deliveries
from outofband.net.fetch import is_https, trusting
from outofband.providers.findings import NAMESPACE, SINCE
from outofband.resources.declaration import (
    Act,
    Delete,
    Draft,
    Item,
    Page,
    Place,
    Put,
    ResourceType,
    Written,
)
from outofband.resources.exchange import Answer, Call
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.store.webhooks import MAX_OF_SUBSCRIPTION, Webhook
from outofband.wire import webhook as wire
from outofband.wire.finding import Severity

KIND = "webhooks"
MAX_URL = 2048
MAX_AUTHORITIES = 64 * 1024


class WebhookProperties(msgspec.Struct, frozen=True, kw_only=True):
    """`url`: https. `severity`: the least that is told, `note`, `warning` (else) or `error`. `secret`:
    `whsec_` and base64 of 24 to 64 bytes; without it one is made, and kept by later changes. `authorities`:
    PEM, in place of the system's. What is not named stays as it is, but for the address.
    """

    url: str
    severity: str | None = None
    enabled: bool | None = None
    secret: str | None = None
    authorities: str | None = None


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """What the receiver did with an event that means nothing: its status, and why that does not count."""

    delivered: bool
    status: int | None
    trouble: str | None


class Webhooks:
    def __init__(self, store: Store, deliveries: Deliveries) -> None:
        self._store = store
        self._deliveries = deliveries

    def declare(self) -> ResourceType:
        return ResourceType(
            name=f"{NAMESPACE}/{KIND}",
            about="a webhook that is told of findings",
            many="webhooks",
            since=SINCE,
            source=self,
            places=frozenset({Place.SUBSCRIPTION}),
            lists=frozenset({Place.SUBSCRIPTION}),
            put=Put(
                plan=self._put,
                properties=WebhookProperties,
                example={"properties": {"url": "https://hooks.example/outofband", "severity": "error"}},
            ),
            delete=Delete(plan=self._delete),
            actions={
                "test": Act(
                    run=self._test,
                    about="Send a webhook an event that means nothing, and say what it did",
                    answer=Tested,
                )
            },
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        found = await self._store.webhooks.get(tx, rid.subscription or "", rid.name)
        return await self._item(tx, found) if found is not None else None

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        found = await self._store.webhooks.of(tx, call.rid.subscription or "")
        return Page(items=[await self._item(tx, each) for each in found])

    async def _put(self, call: Call, tx: Tx, draft: Draft, there: Item | None) -> Written:
        wanted: WebhookProperties = draft.properties
        before: Webhook | None = there.row if there is not None else None
        subscription = (call.rid.subscription or "").lower()
        if before is None:
            there_are = len(await self._store.webhooks.of(tx, subscription))
            if there_are >= MAX_OF_SUBSCRIPTION:
                detail = f"a subscription has at most {MAX_OF_SUBSCRIPTION} webhooks"
                raise Fault("OperationNotAllowed", detail=detail)
        _check(wanted)
        identity = before.id if before is not None else str(uuid.uuid4())
        made = None
        if before is not None and wanted.secret is None:
            secret, wrap = before.secret, before.wrap
        else:
            made = self._deliveries.make_secret() if wanted.secret is None else None
            secret, wrap = self._deliveries.seal(identity, wanted.secret or made or "")
        webhook = Webhook(
            id=identity,
            subscription_id=subscription,
            name=before.name if before is not None else call.rid.name,
            url=wanted.url,
            severity=(wanted.severity or (before.severity if before else Severity.WARNING.value)).lower(),
            enabled=wanted.enabled if wanted.enabled is not None else (before.enabled if before else True),
            authorities=_authorities(wanted, before),
            secret=secret,
            wrap=wrap,
            created=before.created if before is not None else call.now,
            changed=call.now,
            changed_by=call.by,
            delivered=before.delivered if before is not None else 0,
            failed=before.failed if before is not None else 0,
            tried=before.tried if before is not None else None,
            status=before.status if before is not None else None,
            trouble=before.trouble if before is not None else None,
        )
        await self._store.webhooks.put(tx, webhook)
        item = await self._item(tx, webhook)
        if made is not None:
            item.body["properties"]["secret"] = made
        return Written(item=item, created=before is None)

    async def _delete(self, call: Call, tx: Tx, there: Item) -> Any:
        await self._store.webhooks.remove(tx, there.row.id)

    async def _test(self, call: Call, item: Item, body: Any) -> Answer:
        attempt = await self._deliveries.test(item.row)
        told = Tested(delivered=attempt.trouble is None, status=attempt.status, trouble=attempt.trouble)
        return Answer(body=told, noted={"delivered": told.delivered})

    async def _item(self, tx: Tx, webhook: Webhook) -> Item:
        rid = ResourceId(
            subscription=webhook.subscription_id, namespace=NAMESPACE, chain=((KIND, webhook.name),)
        )
        waiting = await self._store.webhooks.waiting(tx, [webhook.id])
        state: dict[str, Any] = {
            "waiting": waiting.get(webhook.id, 0),
            "delivered": webhook.delivered,
            "failed": webhook.failed,
        }
        if webhook.tried is not None:
            state["last"] = clock.iso(webhook.tried)
            state["status"] = webhook.status
            state["trouble"] = webhook.trouble
        properties: dict[str, Any] = {
            "url": webhook.url,
            "severity": webhook.severity,
            "enabled": webhook.enabled,
            "deliveries": state,
        }
        if webhook.authorities is not None:
            properties["authorities"] = webhook.authorities
        body = {
            "id": str(rid),
            "name": webhook.name,
            "type": f"{NAMESPACE}/{KIND}",
            "properties": properties,
        }
        return Item(rid=rid, body=body, row=webhook)


def _check(wanted: WebhookProperties) -> None:
    """Raises Fault InvalidParameter."""

    def wrong(name: str, detail: str) -> Fault:
        return Fault("InvalidParameter", target=f"properties.{name}", detail=detail)

    if not is_https(wanted.url) or len(wanted.url) > MAX_URL or "#" in wanted.url:
        raise wrong("url", "it has to begin with https://, without a name or a mark '#' in it")
    if wanted.severity is not None and wanted.severity.lower() not in set(Severity):
        raise wrong("severity", f"it is one of {', '.join(Severity)}")
    if wanted.secret is not None:
        try:
            wire.key_of(wanted.secret)
        except ValueError as error:
            raise wrong("secret", str(error)) from error
    if wanted.authorities:
        try:
            if len(wanted.authorities) > MAX_AUTHORITIES:
                raise ValueError(f"more than {MAX_AUTHORITIES} characters")
            trusting(wanted.authorities)
        except ValueError as error:
            raise wrong("authorities", str(error)) from error


def _authorities(wanted: WebhookProperties, before: Webhook | None) -> str | None:
    """An empty text takes them away."""
    if wanted.authorities is None:
        return before.authorities if before is not None else None
    return wanted.authorities or None
