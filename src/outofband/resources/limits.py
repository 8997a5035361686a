"""How many requests one caller may make in one subscription; Azure's headers say how many are left.

Each node counts for itself. What leads a person to a console, and who follows an operation, is never refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from outofband.core.errors import Fault
from outofband.core.principal import Principal
from outofband.wire.arm.throttle import Allowance, Buckets, Kind

MAX_WAIT = 3600
"""Seconds a caller is told to wait at most."""
DEFAULT: Mapping[Kind, Allowance] = MappingProxyType(
    {
        Kind.READS: Allowance(1200, 100.0),
        Kind.WRITES: Allowance(400, 20.0),
        Kind.DELETES: Allowance(400, 20.0),
    }
)
"""Some four times what Azure allows: a portal's page asks for a few things every few seconds."""


class Limits:
    def __init__(self, allowances: Mapping[Kind, Allowance] = DEFAULT) -> None:
        self._buckets = {kind: Buckets(allowances[kind]) for kind in Kind}

    def take(self, principal: Principal, subscription: str | None, method: str, now: float) -> dict[str, str]:
        """Count one request at the monotonic time `now`; the header that says what is left.

        Without a subscription it counts for the tenant. Raises Fault SubscriptionRequestsThrottled.
        """
        kind = Kind.of(method)
        scope = (subscription or "").lower()
        taken = self._buckets[kind].take((principal.tenant, principal.object_id, scope), now)
        if taken is None:
            return {}
        if taken.wait is not None:
            raise Fault(
                "SubscriptionRequestsThrottled",
                kind=kind.value,
                scope=f"subscription '{subscription}'" if subscription else f"tenant '{principal.tenant}'",
                actor=principal.object_id,
                seconds=math.ceil(min(taken.wait, MAX_WAIT)),
            )
        level = "subscription" if subscription else "tenant"
        return {f"x-ms-ratelimit-remaining-{level}-{kind.value}": str(taken.remaining)}
