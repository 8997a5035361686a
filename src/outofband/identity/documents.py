"""The directory of a tenant as one document: who there is, without what proves them unless that is asked for.

Not in it: the control plane's own client, role assignments, sessions and second factors.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from outofband.identity.bootstrap import CLI_NAME
from outofband.store.applications import Application
from outofband.store.groups import MAX_PAGE, Group
from outofband.store.people import User
from outofband.store.principals import ServicePrincipal
from outofband.store.store import Store
from outofband.store.tx import Tx

FORMAT = "outofband-directory/1"
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
APPLICATION: Literal["application"] = "application"
PROGRAM: Literal["servicePrincipal"] = "servicePrincipal"
Holder = Literal["application", "servicePrincipal"]


class _Entry(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True
):
    pass


class TenantEntry(_Entry, frozen=True, kw_only=True):
    id: str
    domain: str | None = None


class UserEntry(_Entry, frozen=True, kw_only=True):
    id: str
    name: str
    display_name: str
    enabled: bool = True
    must_change: bool = False
    password_hash: str | None = None
    """argon2's own text, only where it was asked for."""

    def __repr__(self) -> str:
        return f"UserEntry({self.name!r})"


class SecretEntry(_Entry, frozen=True, kw_only=True):
    holder: Holder
    label: str = ""
    hint: str = ""
    begins: Moment | None = None
    expires: Moment | None = None
    digest: str | None = None
    """SHA-256, only where it was asked for; without it the secret cannot be taken over."""

    def __repr__(self) -> str:
        return f"SecretEntry({self.label!r})"


class CertificateEntry(_Entry, frozen=True, kw_only=True):
    holder: Holder
    certificate: str
    label: str = ""
    begins: Moment | None = None
    expires: Moment | None = None


class ProgramEntry(_Entry, frozen=True, kw_only=True):
    id: str
    enabled: bool = True


class ClientEntry(_Entry, frozen=True, kw_only=True):
    """An application, and the service principal that lets it sign in."""

    id: str
    app_id: str
    display_name: str
    manifest: dict[str, Any] = {}
    service_principal: ProgramEntry | None = None
    owners: list[str] = []
    secrets: list[SecretEntry] = []
    certificates: list[CertificateEntry] = []


class GroupEntry(_Entry, frozen=True, kw_only=True):
    id: str
    name: str
    mail_nickname: str
    description: str | None = None
    owners: list[str] = []
    members: list[str] = []
    """Ids of users, service principals and groups."""


class Document(_Entry, frozen=True, kw_only=True):
    format: str
    tenant: TenantEntry
    users: list[UserEntry] = []
    clients: list[ClientEntry] = []
    groups: list[GroupEntry] = []


class Exporter:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def document(self, tx: Tx, tenant_id: str, *, hashes: bool) -> Document:
        """Everything of a tenant, in an order that stays. `hashes` adds those of passwords and secrets."""
        tenant = await self._store.directory.tenant(tx, tenant_id)
        assert tenant is not None, "callers are of a tenant that exists"
        every = await self._store.applications.of_tenant(tx, tenant_id)
        principals = {each.app_id: each for each in await self._store.principals.of_tenant(tx, tenant_id)}
        local = {each.object_id for each in principals.values() if each.name == CLI_NAME}
        clients = [
            await self._client(tx, each, principals.get(each.app_id), hashes, local)
            for each in every
            if each.name != CLI_NAME
        ]
        groups = await self._store.groups.of_tenant(tx, tenant_id)
        return Document(
            format=FORMAT,
            tenant=TenantEntry(id=tenant.id, domain=tenant.domain),
            users=[_user(each, hashes) for each in await self._people(tx, tenant_id)],
            clients=clients,
            groups=[await self._group(tx, each, local) for each in groups],
        )

    async def _people(self, tx: Tx, tenant_id: str) -> list[User]:
        found: list[User] = []
        while True:
            after = found[-1].name if found else None
            page = await self._store.people.page(tx, tenant_id, after=after)
            if not page:
                return found
            found += page

    async def _client(
        self,
        tx: Tx,
        application: Application,
        program: ServicePrincipal | None,
        hashes: bool,
        local: set[str],
    ) -> ClientEntry:
        holders: list[tuple[Holder, str]] = [(APPLICATION, application.object_id)]
        if program is not None:
            holders.append((PROGRAM, program.object_id))
        secrets = [
            SecretEntry(
                holder=holder,
                label=each.label,
                hint=each.hint,
                begins=each.begins,
                expires=each.expires,
                digest=each.digest if hashes else None,
            )
            for holder, object_id in holders
            for each in await self._store.principals.secrets_held(tx, object_id)
        ]
        certificates = [
            CertificateEntry(
                holder=holder,
                certificate=each.certificate,
                label=each.label,
                begins=each.begins,
                expires=each.expires,
            )
            for holder, object_id in holders
            for each in await self._store.principals.certificates_held(tx, object_id)
        ]
        owners = await self._store.custodians.of(tx, application.object_id)
        return ClientEntry(
            id=application.object_id,
            app_id=application.app_id,
            display_name=application.name,
            manifest=application.manifest,
            service_principal=(
                ProgramEntry(id=program.object_id, enabled=not program.disabled)
                if program is not None
                else None
            ),
            owners=[each for each in owners if each not in local],
            secrets=secrets,
            certificates=certificates,
        )

    async def _group(self, tx: Tx, group: Group, local: set[str]) -> GroupEntry:
        members: list[str] = []
        while True:
            after = members[-1] if members else None
            # What a provider gave comes with the next sign-in through it, or not.
            page = await self._store.groups.members(
                tx, group.object_id, after=after, limit=MAX_PAGE, by_hand=True
            )
            if not page:
                break
            members += [each.member_id for each in page]
        owners = await self._store.custodians.of(tx, group.object_id)
        return GroupEntry(
            id=group.object_id,
            name=group.name,
            mail_nickname=group.mail_nickname,
            description=group.description,
            owners=[each for each in owners if each not in local],
            members=[each for each in members if each not in local],
        )


def _user(user: User, hashes: bool) -> UserEntry:
    return UserEntry(
        id=user.object_id,
        name=user.name,
        display_name=user.display_name,
        enabled=not user.disabled,
        must_change=user.must_change,
        password_hash=user.password_hash if hashes else None,
    )
