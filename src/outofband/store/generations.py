"""A count, kept with every program, of how often something was taken from it that tokens stood for: a secret,
a certificate, its being switched on. People have sessions for that.

An access token has the count of the moment it was issued. One that is below the `floor` is over, whatever
the clocks of the nodes say: it was issued before the program was switched off. Between floor and count a
secret or certificate was taken back, and it is looked up whether it was the token's.

Roles are not counted: they are read with every request, so that no token is ever older than their loss.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from outofband.store import tables
from outofband.store.tx import Tx


def ended() -> dict[str, Any]:
    """Values for an UPDATE of `service_principals` that ends every token there is."""
    following = tables.service_principals.c.generation + 1
    return {"generation": following, "floor": following}


async def advance(tx: Tx, programs: Iterable[str] | sa.Select[Any]) -> None:
    """A secret or certificate was taken from these programs, given by object id or by a SELECT of those.

    Called in the unit that takes it. Ids that belong to nobody are passed over.
    """
    wanted = programs if isinstance(programs, sa.Select) else [each.lower() for each in programs]
    table = tables.service_principals
    taken = sa.update(table).where(table.c.object_id.in_(wanted)).values(generation=table.c.generation + 1)
    await tx.change(taken)
