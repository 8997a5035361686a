"""What agents do by the right of their key, in the activity log: nobody else's request stands for it."""

from __future__ import annotations

import uuid
from datetime import datetime

from outofband.core.ids import parse_id
from outofband.core.principal import Principal, PrincipalKind
from outofband.store.agents import Agent
from outofband.store.store import Store
from outofband.store.tx import Tx

CONNECT = "Microsoft.HybridCompute/machines/connect/action"
REKEY = "Microsoft.HybridCompute/machines/rekey/action"


async def note(
    store: Store,
    tx: Tx,
    agent: Agent,
    action: str,
    now: datetime,
    *,
    address: str = "",
    failed: str = "",
) -> None:
    """One row, of the machine's own identity. `failed` is the code of a refusal."""
    await store.activity.add(
        tx,
        now=now,
        principal=Principal(
            tenant=agent.tenant_id,
            object_id=agent.id,
            app_id=agent.id,
            kind=PrincipalKind.SERVICE_PRINCIPAL,
            name=agent.name,
            expires=0.0,
        ),
        resource=parse_id(agent.resource_id),
        action=action,
        status="Failed" if failed else "Succeeded",
        sub_status=failed,
        correlation_id=str(uuid.uuid4()),
        client_address=address or None,
    )
