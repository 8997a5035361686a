"""What a subscription wants of its serial consoles: off (row S5), logins ended. Without a row: neither."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from outofband.store import tables
from outofband.store.tx import Tx


class ConsoleSettings:
    async def disabled(self, tx: Tx, subscription_id: str) -> bool:
        table = tables.console_settings
        query = sa.select(table.c.disabled).where(table.c.subscription_id == subscription_id.lower())
        return bool(await tx.value(query))

    async def end_login(self, tx: Tx, subscription_id: str) -> bool:
        """Whether logins left behind on consoles are ended, where a VM says nothing else."""
        table = tables.console_settings
        query = sa.select(table.c.end_login).where(table.c.subscription_id == subscription_id.lower())
        return bool(await tx.value(query))

    async def set_end_login(
        self, tx: Tx, subscription_id: str, end_login: bool, *, by: str, now: datetime
    ) -> None:
        """Change that; gateways ask again within two seconds."""
        await self._set(tx, subscription_id, end_login=end_login, changed=now, changed_by=by)

    async def storage_warns(self, tx: Tx, subscription_id: str) -> bool:
        """Whether a console opens with a warning when its diagnostics' storage account cannot be used."""
        table = tables.console_settings
        query = sa.select(table.c.storage_warns).where(table.c.subscription_id == subscription_id.lower())
        return bool(await tx.value(query))

    async def set_storage_warns(
        self, tx: Tx, subscription_id: str, warns: bool, *, by: str, now: datetime
    ) -> None:
        await self._set(tx, subscription_id, storage_warns=warns, changed=now, changed_by=by)

    async def _set(self, tx: Tx, subscription_id: str, **values: Any) -> None:
        """Change these in the subscription's row, which is made where there is none."""
        statement = tx.insert(tables.console_settings).values(
            subscription_id=subscription_id.lower(), disabled=False, **values
        )
        await tx.change(statement.on_conflict_do_update(index_elements=["subscription_id"], set_=values))

    async def set_disabled(
        self, tx: Tx, subscription_id: str, disabled: bool, *, by: str, now: datetime
    ) -> None:
        """Switch off or on; whoever holds open sessions hears `topic` and ends them."""
        values = {"disabled": disabled, "changed": now, "changed_by": by}
        statement = tx.insert(tables.console_settings).values(
            subscription_id=subscription_id.lower(), **values
        )
        await tx.change(statement.on_conflict_do_update(index_elements=["subscription_id"], set_=values))
        tx.ring(topic(subscription_id))


def topic(subscription_id: str) -> str:
    """The bell topic that rings when the consoles of a subscription are switched."""
    return f"consoles:{subscription_id.lower()}"
