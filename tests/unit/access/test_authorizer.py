"""Rights from the store: given, used, revoked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from outofband.access.authorizer import Authorizer
from outofband.access.roles import CONTRIBUTOR
from outofband.core.errors import Fault
from outofband.core.principal import Principal, PrincipalKind
from outofband.store.assignments import Assignment
from tests.support.database import open_store

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 3, 4, tzinfo=UTC)
SCOPE = "/subscriptions/S"
VM = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v"
START = "Microsoft.Compute/virtualMachines/start/action"
ANN = Principal(tenant="t", object_id="P1", app_id="a", kind=PrincipalKind.USER, name="ann", expires=0.0)


async def test_a_revoked_role_is_gone_at_the_next_request(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    authorizer = Authorizer(store)
    with pytest.raises(Fault, match="AuthorizationFailed") as caught:
        await authorizer.require(ANN, START, VM)
    assert caught.value.fields == {"name": "ann", "object_id": "P1", "action": START, "scope": VM}
    row = Assignment(
        tenant_id="t",
        name="n",
        scope=SCOPE,
        role_id=CONTRIBUTOR,
        principal_id="P1",
        principal_type="User",
        created=NOW,
        created_by="x",
    )
    async with store.write() as tx:
        await store.assignments.add(tx, row)
        # Decided inside the unit that changes it, and before anyone else can see it.
        await authorizer.require(ANN, START, VM, tx)
        with pytest.raises(Fault):
            await authorizer.require(ANN, START, VM)
    rights = await authorizer.rights(ANN)
    assert rights.allow(START, VM) and not rights.allow("Microsoft.Authorization/x/write", VM)
    assert rights.allow_below("Microsoft.Resources/subscriptions/read", "/subscriptions/s")
    async with store.write() as tx:
        await store.assignments.remove(tx, "t", SCOPE, "n")
    with pytest.raises(Fault, match="AuthorizationFailed"):
        await authorizer.require(ANN, START, VM)
    await store.close()
