"""Providers that the people of a tenant may sign in through, as an administrator registered them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from outofband.core.errors import Fault
from outofband.store.device_codes import DeviceState
from outofband.store.external_tables import external_identities, identity_providers
from outofband.store.sign_in_tables import device_codes, sign_in_sessions, sign_in_steps
from outofband.store.tx import Tx, columns


class IdentityProvider(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    tenant_id: str
    name: str
    """On the button; unique in the tenant, whatever its case."""
    issuer: str
    client_id: str
    secret: bytes | None
    """Sealed about the id (`wrapping.PROVIDERS`); None: a public client."""
    wrap: str
    settings: dict[str, Any]
    """As `identity.external.settings.Settings`."""
    disabled: bool
    created: datetime
    changed: datetime
    changed_by: str

    def __repr__(self) -> str:
        return f"IdentityProvider({self.name!r}, {self.id!r})"


class IdentityProviders:
    async def add(self, tx: Tx, provider: IdentityProvider) -> None:
        """Raises Fault ProviderExists when another one of the tenant has the name."""
        values = msgspec.structs.asdict(provider) | {"name_key": provider.name.lower()}
        if not await tx.change(tx.insert(identity_providers).values(values).on_conflict_do_nothing()):
            raise Fault("ProviderExists", name=provider.name)

    async def get(self, tx: Tx, provider_id: str) -> IdentityProvider | None:
        table = identity_providers
        mine = table.c.id == provider_id.lower()
        return await tx.row(IdentityProvider, columns(table, IdentityProvider).where(mine))

    async def named(self, tx: Tx, tenant_id: str, name: str) -> IdentityProvider | None:
        table = identity_providers
        mine = sa.and_(table.c.tenant_id == tenant_id.lower(), table.c.name_key == name.lower())
        return await tx.row(IdentityProvider, columns(table, IdentityProvider).where(mine))

    async def of_tenant(self, tx: Tx, tenant_id: str) -> list[IdentityProvider]:
        """By name."""
        table = identity_providers
        query = columns(table, IdentityProvider).where(table.c.tenant_id == tenant_id.lower())
        return await tx.rows(IdentityProvider, query.order_by(table.c.name_key))

    async def change(self, tx: Tx, provider: IdentityProvider) -> None:
        """Write all of it anew. Raises Fault ProviderExists as `add`."""
        other = await self.named(tx, provider.tenant_id, provider.name)
        if other is not None and other.id != provider.id:
            raise Fault("ProviderExists", name=provider.name)
        values = msgspec.structs.asdict(provider) | {"name_key": provider.name.lower()}
        mine = identity_providers.c.id == provider.id
        await tx.change(sa.update(identity_providers).where(mine).values(values))

    async def remove(self, tx: Tx, provider_id: str) -> bool:
        """With its identities and sign-ins. Memberships that it gave are the caller's to take away first."""
        mine = identity_providers.c.id == provider_id.lower()
        return await tx.change(sa.delete(identity_providers).where(mine)) > 0

    async def end_sessions(
        self,
        tx: Tx,
        provider_id: str,
        word: str,
        reason: str,
        now: datetime,
        *,
        of: str | None = None,
        keep: str | None = None,
    ) -> int:
        """End the sessions of everybody who is linked there, or of the user `of`, that were proved with
        `word` (of `SignInSession.methods`), but `keep` and what lives in it; how many. What was to become
        one, a device's code that was allowed or half a sign-in, never will.
        """
        linked = sa.select(external_identities.c.object_id).where(
            external_identities.c.provider_id == provider_id.lower()
        )
        if of is not None:
            linked = linked.where(external_identities.c.object_id == of.lower())

        def by_it(table: sa.Table) -> sa.ColumnElement[bool]:
            proved = sa.literal(" ") + table.c.methods + sa.literal(" ")
            return sa.and_(table.c.object_id.in_(linked), proved.contains(f" {word} ", autoescape=True))

        allowed = sa.and_(by_it(device_codes), device_codes.c.state == DeviceState.ALLOWED)
        await tx.change(sa.update(device_codes).where(allowed).values(state=DeviceState.WITHDRAWN))
        await tx.change(sa.delete(sign_in_steps).where(by_it(sign_in_steps)))
        table = sign_in_sessions
        theirs = sa.and_(by_it(table), table.c.ended.is_(None))
        if keep is not None:
            # A NULL parent is "not known to be different" in SQL, hence the coalesce.
            theirs = sa.and_(theirs, table.c.id != keep, sa.func.coalesce(table.c.parent_id, "") != keep)
        return await tx.change(sa.update(table).where(theirs).values(ended=now, reason=reason))
