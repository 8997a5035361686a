"""Providers and links in JSON, as they come and go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from outofband.core import clock
from outofband.identity.external.settings import Mapped, Settings, read
from outofband.store.external_identities import ExternalIdentity
from outofband.store.identity_providers import IdentityProvider
from outofband.store.people import User

_OWN = frozenset({"name", "issuer", "clientId", "clientSecret", "enabled"})
"""Members that are no settings."""


class ProviderChange(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What is not there stays. `clientSecret` null: a public client, which has PKCE alone."""

    name: str | UnsetType = UNSET
    issuer: str | UnsetType = UNSET
    client_id: str | UnsetType = UNSET
    client_secret: str | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET
    scopes: list[str] | UnsetType = UNSET
    name_claim: str | UnsetType = UNSET
    groups_claim: str | UnsetType | None = UNSET
    group_map: list[Mapped] | UnsetType = UNSET
    create_users: bool | UnsetType = UNSET
    allowed_groups: list[str] | UnsetType = UNSET
    allowed_domains: list[str] | UnsetType = UNSET
    second_factor: list[str] | UnsetType = UNSET
    ca: str | UnsetType | None = UNSET

    def settings(self, kept: dict[str, Any]) -> Settings:
        """Those that there are, with what is changed."""
        given = msgspec.to_builtins(self)
        return read(kept | {name: value for name, value in given.items() if name not in _OWN})

    def given(self) -> dict[str, Any]:
        """The rest, for `ProviderDirectory.change`."""
        found = {
            "name": self.name,
            "issuer": self.issuer,
            "client_id": self.client_id,
            "secret": self.client_secret,
            "disabled": UNSET if self.enabled is UNSET else not self.enabled,
        }
        return {name: value for name, value in found.items() if value is not UNSET}

    @property
    def told(self) -> list[str]:
        """Names of what is changed, for the activity log."""
        return sorted(msgspec.to_builtins(self))

    def __repr__(self) -> str:
        return "ProviderChange(...)"


class NewProvider(ProviderChange, frozen=True, kw_only=True):
    """A provider; what is left out has its default."""

    name: str
    issuer: str
    client_id: str

    def __repr__(self) -> str:
        return f"NewProvider({self.name!r})"


class ProviderShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A provider without its secret. One of `redirectUris` is registered there, for each address in use."""

    id: str
    name: str
    issuer: str
    client_id: str
    has_secret: bool
    enabled: bool
    redirect_uris: list[str]
    scopes: list[str]
    name_claim: str
    groups_claim: str | None
    group_map: list[Mapped]
    create_users: bool
    allowed_groups: list[str]
    allowed_domains: list[str]
    second_factor: list[str]
    ca: str | None
    created: str
    changed: str
    changed_by: str


class ProviderList(msgspec.Struct, frozen=True):
    value: list[ProviderShape]


class ProviderTest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a provider says of itself now. `sendsIssuer`: RFC 9207, which is then asked for."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str | None
    keys: int
    sends_issuer: bool


class NewLink(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """`user` by sign-in name or id; one of `subject` and `email`. `dropPassword`: no other way any more."""

    user: str
    subject: str | None = None
    email: str | None = None
    drop_password: bool = False


class LinkShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Who is who there. `subject` is null while an invitation waits."""

    id: str
    user_id: str
    user_principal_name: str
    subject: str | None
    label: str
    linked: str
    linked_by: str
    last_used: str | None


class LinkList(msgspec.Struct, frozen=True):
    value: list[LinkShape]


def provider_shape(provider: IdentityProvider, redirects: Iterable[str]) -> ProviderShape:
    settings = read(provider.settings)
    return ProviderShape(
        id=provider.id,
        name=provider.name,
        issuer=provider.issuer,
        client_id=provider.client_id,
        has_secret=provider.secret is not None,
        enabled=not provider.disabled,
        redirect_uris=list(redirects),
        scopes=list(settings.scopes),
        name_claim=settings.name_claim,
        groups_claim=settings.groups_claim,
        group_map=list(settings.group_map),
        create_users=settings.create_users,
        allowed_groups=list(settings.allowed_groups),
        allowed_domains=list(settings.allowed_domains),
        second_factor=list(settings.second_factor),
        ca=settings.ca,
        created=clock.iso(provider.created),
        changed=clock.iso(provider.changed),
        changed_by=provider.changed_by,
    )


def link_shape(link: ExternalIdentity, user: User | None) -> LinkShape:
    return LinkShape(
        id=link.id,
        user_id=link.object_id,
        user_principal_name=user.name if user is not None else "",
        subject=link.subject,
        label=link.label,
        linked=clock.iso(link.linked),
        linked_by=link.linked_by,
        last_used=clock.iso(link.last_used) if link.last_used is not None else None,
    )
