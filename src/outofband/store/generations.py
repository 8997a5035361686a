"""A count, kept with every user and program, of how often something was taken from it: a role, a secret, its
being switched on.

An access token has the count of the moment it was issued. One that differs is older than a loss, whatever the
clocks of the nodes say, and may have to be replaced (continuous access evaluation).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from outofband.store import tables
from outofband.store.tx import Tx


def taken(table: sa.Table) -> dict[str, Any]:
    """Values for an UPDATE of `users` or `service_principals` that takes something away."""
    return {"generation": table.c.generation + 1}


async def advance(tx: Tx, principals: Iterable[str] | sa.Select[Any]) -> None:
    """Something was taken from each of these users or programs, given by object id or by a SELECT of those.

    Called in the unit that takes it. Ids that belong to nobody are passed over.
    """
    wanted = principals if isinstance(principals, sa.Select) else [each.lower() for each in principals]
    for table in (tables.users, tables.service_principals):
        await tx.change(sa.update(table).where(table.c.object_id.in_(wanted)).values(taken(table)))
