"""Whom a provider's word makes of somebody here: linked before, invited, or new; and the groups that follow.

The identity is issuer and subject. An e-mail address is for people to read, and says who it is in one case
only: an administrator invited it, and the provider says that it was verified.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from datetime import datetime

import msgspec
import structlog

from outofband.core.errors import Fault
from outofband.identity import names
from outofband.identity.external.id_token import Told
from outofband.identity.external.settings import Settings
from outofband.identity.groups import MAX_MEMBERS
from outofband.store.external_identities import ExternalIdentity
from outofband.store.identity_providers import IdentityProvider
from outofband.store.people import User
from outofband.store.store import Store
from outofband.store.tx import Tx

log = structlog.get_logger(__name__)

ITSELF = "itself"
"""In `linked_by`: whoever it is was made, or took an invitation, at a sign-in."""
_NOT_LOCAL = re.compile(r"[^A-Za-z0-9._'+-]+")
_MAX_LOCAL = 60


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """Names of the groups that somebody was put into, and taken out of."""

    given: list[str]
    taken: list[str]


class Accounts:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def who(
        self, tx: Tx, provider: IdentityProvider, settings: Settings, told: Told, now: datetime
    ) -> User | Fault:
        """The user, made if that is allowed. What was let in before has to be let in still."""
        if (refused := allowed(provider, settings, told)) is not None:
            await self.refused(tx, provider, told)
            return refused
        known = await self._known(tx, provider, told)
        if known is None:
            return await self._new(tx, provider, settings, told, now)
        user = await self._store.people.get(tx, known.object_id)
        if user is None or user.tenant_id != provider.tenant_id:
            return _unknown(provider, told)
        if user.disabled:
            return Fault("AccountDisabled", name=user.name)
        await self._store.external_identities.used(tx, known.id, label=label(told), now=now)
        return user

    async def is_of(self, tx: Tx, provider: IdentityProvider, told: Told, user: User) -> bool:
        """Whether what the provider says is about this user, as it was linked before."""
        found = await self._store.external_identities.of_subject(
            tx, provider.id, provider.issuer, told.subject
        )
        return found is not None and found.object_id == user.object_id

    async def link(
        self, tx: Tx, provider: IdentityProvider, told: Told, user: User, *, by: str, now: datetime
    ) -> None:
        """Raises Fault ExternalTaken when it is somebody's, or the user has one there already."""
        there = await self._store.external_identities.of_user(tx, user.object_id)
        for each in there:
            if each.provider_id == provider.id and each.issuer == provider.issuer and each.subject:
                raise Fault("ExternalTaken", who=each.label)
            if each.provider_id == provider.id:
                # An invitation, or one of another issuer: this is what it was waiting for.
                await self._store.external_identities.remove(tx, each.id)
        await self._store.external_identities.add(tx, _identity(provider, told, user, by=by, now=now))

    async def refresh(
        self, tx: Tx, provider: IdentityProvider, settings: Settings, told: Told, user: User, now: datetime
    ) -> Changed:
        """The groups that the provider's groups stand for, and no others of those that it gave before."""
        memberships, groups = self._store.external_memberships, self._store.groups
        said = frozenset(told.groups or ())
        wanted = {each.group for each in settings.group_map if each.external in said}
        given, taken = [], []
        for group_id in sorted(wanted):
            group = await groups.get(tx, group_id)
            if group is None or group.tenant_id != user.tenant_id:
                continue
            if await groups.member_count(tx, group_id) >= MAX_MEMBERS:
                log.warning("external.group_full", group=group_id)
                continue
            if await memberships.give(tx, provider.id, group_id, user.object_id, now):
                given.append(group.name)
        for group_id in sorted(await memberships.of(tx, provider.id, user.object_id) - wanted):
            group = await groups.get(tx, group_id)
            if await memberships.take(tx, provider.id, group_id, user.object_id) and group is not None:
                taken.append(group.name)
        return Changed(given=given, taken=taken)

    async def refused(self, tx: Tx, provider: IdentityProvider, told: Told) -> None:
        """Who is not let in any more keeps nothing that the provider gave."""
        known = await self._store.external_identities.of_subject(
            tx, provider.id, provider.issuer, told.subject
        )
        if known is not None:
            await self.withdraw(tx, provider.id, known.object_id)

    async def withdraw(self, tx: Tx, provider_id: str, member_id: str) -> None:
        """Take away all that a provider gave to somebody."""
        for group_id in await self._store.external_memberships.of(tx, provider_id, member_id):
            await self._store.external_memberships.take(tx, provider_id, group_id, member_id)

    async def _known(self, tx: Tx, provider: IdentityProvider, told: Told) -> ExternalIdentity | None:
        identities = self._store.external_identities
        found = await identities.of_subject(tx, provider.id, provider.issuer, told.subject)
        # Signs of other alphabets may look like, and in lower case be, those of somebody's address.
        if found is not None or told.email is None or not told.verified or not told.email.isascii():
            return found
        invited = await identities.invited(tx, provider.id, provider.issuer, told.email)
        if invited is None or not await identities.take(
            tx, invited.id, subject=told.subject, label=label(told)
        ):
            return None
        return invited

    async def _new(
        self, tx: Tx, provider: IdentityProvider, settings: Settings, told: Told, now: datetime
    ) -> User | Fault:
        if not settings.create_users:
            return _unknown(provider, told)
        tenant = await self._store.directory.tenant(tx, provider.tenant_id)
        assert tenant is not None, "a provider is of a tenant that exists"
        name = names.complete(local_name(told, provider), tenant)
        try:
            names.check(name, tenant)
        except Fault:
            return _unknown(provider, told)
        if await self._store.people.by_name(tx, name) is not None:
            # Never somebody's account because the names are alike.
            return Fault("ExternalNameTaken", name=provider.name, who=name)
        user = User(
            object_id=str(uuid.uuid4()),
            tenant_id=provider.tenant_id,
            name=name,
            display_name=(told.display_name or name)[: names.MAX_DISPLAY_NAME],
            disabled=False,
            password_hash=None,
            password_changed=None,
            must_change=False,
            created=now,
        )
        await self._store.people.add(tx, user)
        await self._store.external_identities.add(tx, _identity(provider, told, user, by=ITSELF, now=now))
        return user


def allowed(provider: IdentityProvider, settings: Settings, told: Told) -> Fault | None:
    """Whether the provider's groups and domains let somebody in at all."""
    if settings.allowed_groups and not set(settings.allowed_groups) & set(told.groups or ()):
        detail = "it is in none of the groups that are let in"
        return Fault("ExternalNotAllowed", name=provider.name, who=label(told), detail=detail)
    if settings.allowed_domains:
        domain = (told.email or "").rpartition("@")[2].lower()
        if not told.verified or domain not in settings.allowed_domains:
            detail = "it has no verified e-mail address in a domain that is let in"
            return Fault("ExternalNotAllowed", name=provider.name, who=label(told), detail=detail)
    return None


def label(told: Told) -> str:
    """How people know it."""
    return told.name or told.email or told.subject


def local_name(told: Told, provider: IdentityProvider) -> str:
    """What a new user is called: as there, without what follows the @, in the signs that a name may have."""
    plain = _NOT_LOCAL.sub("-", told.name.partition("@")[0]).strip("._'+-")[:_MAX_LOCAL].rstrip("._'+-")
    if plain:
        return plain
    return "user-" + hashlib.sha256(f"{provider.issuer} {told.subject}".encode()).hexdigest()[:12]


def _unknown(provider: IdentityProvider, told: Told) -> Fault:
    return Fault("ExternalUnknown", name=provider.name, who=label(told))


def _identity(
    provider: IdentityProvider, told: Told, user: User, *, by: str, now: datetime
) -> ExternalIdentity:
    return ExternalIdentity(
        id=str(uuid.uuid4()),
        provider_id=provider.id,
        object_id=user.object_id,
        issuer=provider.issuer,
        subject=told.subject,
        email_key=None,
        label=label(told),
        linked=now,
        linked_by=by,
        last_used=now,
    )
