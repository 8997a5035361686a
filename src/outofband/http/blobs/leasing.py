"""The five actions on a lease, for containers and blobs alike."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.http.blobs.exchange import Reply
from outofband.wire.storage import leases
from outofband.wire.storage.asked import Asked
from outofband.wire.storage.leases import Lease

_ID = "x-ms-lease-id"
_PROPOSED = "x-ms-proposed-lease-id"


def perform(asked: Asked, lease: Lease | None, now: datetime) -> tuple[Lease | None, Reply]:
    """The lease from now on, and what is answered besides entity tag and time."""
    action = (asked.header("x-ms-lease-action") or "").lower()
    match action:
        case "acquire":
            proposed = asked.header(_PROPOSED)
            id = leases.lease_id(proposed, _PROPOSED) if proposed else str(uuid.uuid4())
            lease = leases.acquire(lease, id=id, seconds=_seconds(asked), now=now)
            return lease, Reply(status=201, headers={_ID: lease.id})
        case "renew":
            lease = leases.renew(lease, _given(asked), now)
            return lease, Reply(headers={_ID: lease.id})
        case "change":
            proposed_id = leases.lease_id(asked.header(_PROPOSED), _PROPOSED)
            lease = leases.change(lease, _given(asked), proposed_id, now)
            return lease, Reply(headers={_ID: lease.id})
        case "release":
            leases.release(lease, _given(asked))
            return None, Reply()
        case "break":
            lease, seconds = leases.broken(lease, asked.number("x-ms-lease-break-period"), now)
            return lease, Reply(status=202, headers={"x-ms-lease-time": str(seconds)})
    raise Fault("InvalidHeaderValue", name="x-ms-lease-action", value=action[:80])


def kept(lease: Lease | None) -> dict[str, Any] | None:
    """As a row has it."""
    found: dict[str, Any] | None = msgspec.to_builtins(lease)
    return found


def _given(asked: Asked) -> str:
    return leases.lease_id(asked.header(_ID), _ID)


def _seconds(asked: Asked) -> int:
    given = asked.header("x-ms-lease-duration")
    if given is None:
        raise Fault("MissingRequiredHeader", name="x-ms-lease-duration")
    try:
        return int(given)
    except ValueError:
        raise Fault("InvalidHeaderValue", name="x-ms-lease-duration", value=given[:80]) from None
