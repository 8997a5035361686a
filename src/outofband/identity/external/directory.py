"""The providers of a tenant: registered, changed and removed, and who is who there. The right is checked by
the caller.

Every change is one unit of work, given by the caller, which writes its activity row too. What is taken from a
provider is taken from its people at once: switched off, removed, or with another issuer it gives nothing any
more and its sign-ins end.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.identity.external.accounts import Accounts
from outofband.identity.external.settings import (
    MAX_TEXT,
    Settings,
    check,
    check_client,
    check_issuer,
    check_name,
    check_secret,
    read,
    wrong,
)
from outofband.store.external_identities import ExternalIdentity
from outofband.store.identity_providers import IdentityProvider
from outofband.store.people import User
from outofband.store.sign_ins import EXTERNAL
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.store.wrapping import PROVIDERS

MAX_PROVIDERS = 20
"""In a tenant: each has a button."""
OVER = "ProviderOver"
UNLINKED = "Unlinked"
"""Why sessions ended."""


class ProviderDirectory:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._accounts = Accounts(store)

    async def require(self, tx: Tx, tenant_id: str, name_or_id: str) -> IdentityProvider:
        """Raises Fault ProviderNotFound."""
        providers = self._store.identity_providers
        found = await providers.get(tx, name_or_id) or await providers.named(tx, tenant_id, name_or_id)
        if found is None or found.tenant_id != tenant_id:
            raise Fault("ProviderNotFound", name=name_or_id[:80])
        return found

    async def add(
        self,
        tx: Tx,
        tenant_id: str,
        *,
        name: str,
        issuer: str,
        client_id: str,
        secret: str | None,
        settings: Settings,
        disabled: bool,
        by: str,
        now: datetime,
    ) -> IdentityProvider:
        """Raises Fault InvalidParameter, GroupNotFound, ProviderExists or ProviderLimit."""
        if len(await self._store.identity_providers.of_tenant(tx, tenant_id)) >= MAX_PROVIDERS:
            raise Fault("ProviderLimit", limit=MAX_PROVIDERS)
        provider_id = str(uuid.uuid4())
        provider = IdentityProvider(
            id=provider_id,
            tenant_id=tenant_id,
            name=check_name(name),
            issuer=check_issuer(issuer),
            client_id=check_client(client_id),
            secret=self._sealed(provider_id, secret),
            wrap=self._store.vault.name,
            settings=await self._settings(tx, tenant_id, settings),
            disabled=disabled,
            created=now,
            changed=now,
            changed_by=by,
        )
        await self._store.identity_providers.add(tx, provider)
        return provider

    async def change(
        self,
        tx: Tx,
        provider: IdentityProvider,
        *,
        given: dict[str, Any],
        settings: Settings,
        by: str,
        now: datetime,
    ) -> IdentityProvider:
        """`given` may have `name`, `issuer`, `client_id`, `secret` (None: none any more) and `disabled`; the
        settings are all of them.

        Raises Fault InvalidParameter, GroupNotFound or ProviderExists.
        """
        kept = msgspec.structs.replace(
            provider,
            settings=await self._settings(tx, provider.tenant_id, settings),
            changed=now,
            changed_by=by,
        )
        if "name" in given:
            kept = msgspec.structs.replace(kept, name=check_name(given["name"]))
        if "issuer" in given:
            kept = msgspec.structs.replace(kept, issuer=check_issuer(given["issuer"]))
        if "client_id" in given:
            kept = msgspec.structs.replace(kept, client_id=check_client(given["client_id"]))
        if kept.issuer != provider.issuer and provider.secret is not None and "secret" not in given:
            raise wrong("clientSecret", "another issuer needs its own; the old one's is not sent to it")
        if "secret" in given:
            sealed = self._sealed(provider.id, given["secret"])
            kept = msgspec.structs.replace(kept, secret=sealed, wrap=self._store.vault.name)
        if "disabled" in given:
            kept = msgspec.structs.replace(kept, disabled=bool(given["disabled"]))
        over = kept.issuer != provider.issuer or (kept.disabled and not provider.disabled)
        if over:
            await self._over(tx, provider, now)
        await self._store.identity_providers.change(tx, kept)
        if not over:
            await self._unmapped(tx, kept)
        return kept

    async def remove(self, tx: Tx, provider: IdentityProvider, now: datetime) -> None:
        """With all that it gave and who was linked to it."""
        await self._over(tx, provider, now)
        await self._store.identity_providers.remove(tx, provider.id)

    async def invite(
        self,
        tx: Tx,
        provider: IdentityProvider,
        user: User,
        *,
        subject: str | None,
        email: str | None,
        by: str,
        now: datetime,
    ) -> ExternalIdentity:
        """Link a user to who has `subject` there, or to who first comes with the address `email`, verified.

        Raises Fault InvalidParameter or ExternalTaken.
        """
        if (subject is None) == (email is None):
            raise wrong("subject", "one of subject and email has to be there")
        target, text = ("subject", subject) if subject is not None else ("email", email)
        assert text is not None
        if (
            not 0 < len(text) <= MAX_TEXT
            or not text.isprintable()
            or (email is not None and "@" not in email)
        ):
            raise wrong(target, f"it has 1 to {MAX_TEXT} printable characters, and an address has an @")
        for each in await self._store.external_identities.of_user(tx, user.object_id):
            if each.provider_id == provider.id and each.issuer == provider.issuer:
                raise Fault("ExternalTaken", who=each.label)
        made = ExternalIdentity(
            id=str(uuid.uuid4()),
            provider_id=provider.id,
            object_id=user.object_id,
            issuer=provider.issuer,
            subject=subject,
            email_key=email.lower() if email is not None else None,
            label=text,
            linked=now,
            linked_by=by,
            last_used=None,
        )
        await self._store.external_identities.add(tx, made)
        return made

    async def unlink(
        self,
        tx: Tx,
        provider: IdentityProvider,
        identity_id: str,
        now: datetime,
        *,
        of: User | None = None,
        keep: str | None = None,
    ) -> ExternalIdentity:
        """Undo a link: what came by it goes, and the sign-ins end but the session `keep`. `of`: only this
        user's own, and not when it is the last way in.

        Raises Fault ExternalNotFound or LastWayIn.
        """
        found = await self._store.external_identities.get(tx, identity_id)
        mine = found is not None and (of is None or found.object_id == of.object_id)
        if found is None or not mine or found.provider_id != provider.id:
            raise Fault("ExternalNotFound", id=identity_id[:80])
        if of is not None and of.password_hash is None:
            ways = {
                (each.id, each.issuer)
                for each in await self._store.identity_providers.of_tenant(tx, of.tenant_id)
                if not each.disabled
            }
            others = await self._store.external_identities.of_user(tx, of.object_id)
            lead_in = [each for each in others if each.subject and (each.provider_id, each.issuer) in ways]
            if not any(each.id != found.id for each in lead_in):
                raise Fault("LastWayIn", name=provider.name)
        await self._store.identity_providers.end_sessions(
            tx, provider.id, EXTERNAL, UNLINKED, now, of=found.object_id, keep=keep
        )
        await self._accounts.withdraw(tx, provider.id, found.object_id)
        await self._store.external_identities.remove(tx, found.id)
        return found

    async def _over(self, tx: Tx, provider: IdentityProvider, now: datetime) -> None:
        for member_id in await self._store.external_memberships.members(tx, provider.id):
            await self._accounts.withdraw(tx, provider.id, member_id)
        await self._store.identity_providers.end_sessions(tx, provider.id, EXTERNAL, OVER, now)

    async def _unmapped(self, tx: Tx, provider: IdentityProvider) -> None:
        """Groups that nothing leads to any more are taken from who has them by it."""
        mapped = {each.group for each in read(provider.settings).group_map}
        memberships = self._store.external_memberships
        for member_id in await memberships.members(tx, provider.id):
            for group_id in await memberships.of(tx, provider.id, member_id) - mapped:
                await memberships.take(tx, provider.id, group_id, member_id)

    async def _settings(self, tx: Tx, tenant_id: str, settings: Settings) -> dict[str, Any]:
        checked = check(settings)
        for each in checked.group_map:
            group = await self._store.groups.get(tx, each.group)
            if group is None or group.tenant_id != tenant_id:
                raise Fault("GroupNotFound", name=each.group[:80])
        kept: dict[str, Any] = msgspec.to_builtins(checked)
        return kept

    def _sealed(self, provider_id: str, secret: str | None) -> bytes | None:
        if secret is None:
            return None
        return self._store.vault.seal(check_secret(secret).encode(), PROVIDERS.about(provider_id))
