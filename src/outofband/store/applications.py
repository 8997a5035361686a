"""Applications: what a program is in its own tenant, whether or not it may sign in there."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from outofband.core.errors import Fault
from outofband.store.directory_tables import applications
from outofband.store.tx import Tx, columns


class Application(msgspec.Struct, frozen=True, kw_only=True):
    object_id: str
    app_id: str
    """What a client signs in with, the same as of its service principal."""
    tenant_id: str
    name: str
    manifest: dict[str, Any]
    """What clients keep with it, by Microsoft Graph's names; nothing here acts on it."""
    created: datetime


class Applications:
    async def add(self, tx: Tx, application: Application) -> None:
        values = msgspec.structs.asdict(application)
        if not await tx.change(tx.insert(applications).values(values).on_conflict_do_nothing()):
            raise Fault("ApplicationExists", app_id=application.app_id)

    async def get(self, tx: Tx, object_id: str) -> Application | None:
        found = columns(applications, Application).where(applications.c.object_id == object_id.lower())
        return await tx.row(Application, found)

    async def by_app(self, tx: Tx, app_id: str) -> Application | None:
        found = columns(applications, Application).where(applications.c.app_id == app_id.lower())
        return await tx.row(Application, found)

    async def of_tenant(self, tx: Tx, tenant_id: str) -> list[Application]:
        """By object id."""
        query = columns(applications, Application).where(applications.c.tenant_id == tenant_id.lower())
        return await tx.rows(Application, query.order_by(applications.c.object_id))

    async def change(
        self, tx: Tx, object_id: str, *, name: str | None = None, manifest: dict[str, Any] | None = None
    ) -> bool:
        given: dict[str, Any] = {"name": name, "manifest": manifest}
        values = {key: value for key, value in given.items() if value is not None}
        if not values:
            return await self.get(tx, object_id) is not None
        mine = applications.c.object_id == object_id.lower()
        return await tx.change(sa.update(applications).where(mine).values(values)) > 0

    async def remove(self, tx: Tx, object_id: str) -> bool:
        """Delete with every secret and certificate of it and of its service principal, which is the caller's
        to remove first.
        """
        gone = sa.delete(applications).where(applications.c.object_id == object_id.lower())
        return await tx.change(gone) > 0
