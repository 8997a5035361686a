"""Microsoft.Insights: the activity log, read with the `$filter` that Azure's clients send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.resources.declaration import Item, Option, Page, Place, ResourceType
from outofband.resources.exchange import Call
from outofband.resources.lookup import above
from outofband.store.activity import ActivityEntry
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.arm.filters import Condition, parse

SINCE = "2014-04-01"
VERSION = "2015-04-01"
DEFAULT_SPAN = timedelta(days=90)
ADMINISTRATIVE = "Administrative"
_TEXTS = {
    "caller": "caller",
    "status": "status",
    "operations": "action",
    "operationname": "action",
    "resourcetype": "resource_type",
    "levels": "level",
    "level": "level",
}
"""Names in a filter, and the columns they are about."""
_LISTS = frozenset({"levels", "operations"})
"""Those that may name several, with commas."""


class _Query(msgspec.Struct, kw_only=True):
    since: datetime
    until: datetime | None = None
    group: str | None = None
    resource: str | None = None
    provider: str | None = None
    correlation_id: str | None = None
    nothing: bool = False
    """The filter asks for what this log never has."""
    equal: dict[str, list[str]] = {}


class ActivityLog:
    """`GET /subscriptions/{s}/providers/Microsoft.Insights/eventtypes/management/values`, newest first.

    Without a subscription it is the tenant's own log: sign-ins, people, and who may do what everywhere. Under
    a group or a resource it is theirs alone: the caller's right to read was asked for there.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def declare(self) -> ResourceType:
        return ResourceType(
            name="Microsoft.Insights/eventtypes/values",
            about="an event of the activity log",
            many="events of the activity log",
            since=SINCE,
            version=VERSION,
            source=self,
            places=frozenset(),
            lists=frozenset({Place.RESOURCE}),
            fixed={"eventtypes": "management"},
            options=(Option(name="$select", about="Names of properties, with commas: only these are told"),),
            filters="`eventTimestamp ge '2026-01-31T00:00:00Z'` (also `le`), `resourceGroupName eq 'NAME'`, "
            "`resourceUri eq 'ID'` (with all that is below it), `resourceProvider eq 'Microsoft.Compute'`, "
            "`correlationId eq 'ID'`, `caller eq 'NAME'`, `status eq 'Failed'`, `levels eq 'Error,Warning'`, "
            "`operations eq 'ACTION'`, `category eq 'Administrative'`; joined by `and`",
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        return None

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        query = _Query(since=call.now - DEFAULT_SPAN)
        subscription = call.rid.subscription
        for condition in parse(call.request.parameter("$filter")):
            _narrow(query, condition)
        wanted = _selected(call.request.parameter("$select"))
        if query.nothing:
            return Page(items=[])
        page = await self._store.activity.page(
            tx,
            tenant=None if subscription else call.principal.tenant,
            subscription=subscription,
            group=query.group,
            resource=query.resource,
            within=above(call.rid) if call.rid.group else None,
            correlation_id=query.correlation_id,
            since=query.since,
            until=query.until,
            equal=query.equal,
            provider=query.provider,
            after=after,
            limit=limit,
        )
        return Page(items=[_event(entry, wanted) for entry in page.items], after=page.after)


class EventCategories:
    """Which `category` an event of the log may have."""

    def declare(self) -> ResourceType:
        return ResourceType(
            name="Microsoft.Insights/eventcategories",
            about="a category of the activity log",
            many="categories of the activity log",
            since=SINCE,
            version=VERSION,
            source=self,
            places=frozenset(),
            lists=frozenset({Place.TENANT}),
            open_list=True,
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        return None

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        return Page(items=[Item(rid=ResourceId(), body=_word(ADMINISTRATIVE))])


def _narrow(query: _Query, condition: Condition) -> None:
    match condition.name, condition.operator:
        case "eventtimestamp", ("ge" | "gt"):
            query.since = _moment(condition)
        case "eventtimestamp", ("le" | "lt"):
            query.until = _moment(condition)
        case "resourcegroupname", "eq":
            query.group = condition.value
        case (("resourceuri" | "resourceid"), "eq"):
            query.resource = condition.value
        case "correlationid", "eq":
            query.correlation_id = condition.value
        case "resourceprovider", "eq":
            query.provider = condition.value
        case "category", "eq":
            query.nothing = query.nothing or condition.value.lower() != ADMINISTRATIVE.lower()
        case "eventchannels", "eq":
            pass
        case name, "eq" if name in _TEXTS:
            texts = condition.value.split(",") if name in _LISTS else [condition.value]
            query.equal = {**query.equal, _TEXTS[name]: [each.strip() for each in texts]}
        case _:
            detail = f"'{condition.name}' with '{condition.operator}' is not supported here"
            raise Fault("InvalidParameter", target="$filter", detail=detail)


def _moment(condition: Condition) -> datetime:
    try:
        found = clock.parse_iso(condition.value)
    except ValueError as error:
        raise Fault("InvalidParameter", target="$filter", detail="a time is not ISO 8601") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _selected(given: str | None) -> frozenset[str] | None:
    """Names in lower case; None: all."""
    names = frozenset(each.strip().lower() for each in (given or "").split(",") if each.strip())
    return names or None


def _event(entry: ActivityEntry, wanted: frozenset[str] | None) -> Item:
    rid = ResourceId(subscription=entry.subscription_id)
    where = entry.resource_id
    body: dict[str, Any] = {
        "id": f"{where}/events/{entry.id}/ticks/{entry.sequence}",
        "eventDataId": entry.id,
        "correlationId": entry.correlation_id,
        "operationId": entry.operation_id,
        "operationName": _word(entry.action),
        "eventName": _word("EndRequest" if entry.status in ("Succeeded", "Failed") else "BeginRequest"),
        "category": _word(ADMINISTRATIVE),
        "status": _word(entry.status),
        "subStatus": _word(entry.sub_status),
        "level": entry.level,
        "channels": "Operation",
        "description": "",
        "caller": entry.caller,
        "claims": {"oid": entry.object_id, "appid": entry.app_id},
        "authorization": {"action": entry.action, "role": entry.role or "", "scope": entry.scope},
        "eventTimestamp": clock.iso(entry.at),
        "submissionTimestamp": clock.iso(entry.at),
        "resourceId": where,
        "resourceType": _word(entry.resource_type),
        "resourceProviderName": _word(entry.resource_type.partition("/")[0]),
        "resourceGroupName": _group(where),
        "subscriptionId": entry.subscription_id,
        "tenantId": entry.tenant_id,
        "httpRequest": {
            "clientRequestId": entry.properties.get("requestId", ""),
            "clientIpAddress": entry.client_address or "",
            "method": entry.method or "",
        },
        "properties": {name: _text(value) for name, value in entry.properties.items()},
    }
    if wanted is not None:
        body = {name: value for name, value in body.items() if name.lower() in wanted}
    return Item(rid=rid, body=body)


def _text(value: Any) -> str:
    """Azure's clients take texts only."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _word(text: str) -> dict[str, str]:
    return {"value": text, "localizedValue": text}


def _group(resource: str) -> str:
    parts = resource.split("/")
    return parts[4] if len(parts) > 4 and parts[3].lower() == "resourcegroups" else ""
