"""Microsoft Graph's shapes of groups, applications, service principals, and of what proves programs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.identity.certificates import hex_of
from outofband.identity.programs import WantedCertificate
from outofband.store.principals import ClientCertificate, PrincipalSecret

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
OWN_TENANT = "AzureADMyOrg"


class _Closed(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True
):
    """A member that nothing here knows is refused, not forgotten."""


class NewGroup(_Closed, frozen=True, kw_only=True):
    display_name: str
    mail_nickname: str
    description: str | None = None
    mail_enabled: bool = False
    security_enabled: bool = True
    group_types: list[str] = []

    def check(self) -> None:
        """Raises Fault InvalidParameter for a kind of group that there is not."""
        if self.mail_enabled or not self.security_enabled or self.group_types:
            detail = "there are security groups only: mailEnabled false, securityEnabled true, no groupTypes"
            raise Fault("InvalidParameter", target="mailEnabled", detail=detail)


class GroupChange(_Closed, frozen=True, kw_only=True):
    display_name: str | msgspec.UnsetType = msgspec.UNSET
    mail_nickname: str | msgspec.UnsetType = msgspec.UNSET
    description: str | msgspec.UnsetType | None = msgspec.UNSET

    def given(self) -> dict[str, str | None]:
        wanted = {
            "name": self.display_name,
            "mail_nickname": self.mail_nickname,
            "description": self.description,
        }
        return {name: value for name, value in wanted.items() if not isinstance(value, msgspec.UnsetType)}


class GroupIds(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    group_ids: list[str]


class PasswordCredential(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    display_name: str | None = None
    start_date_time: Moment | None = None
    end_date_time: Moment | None = None


class NewPassword(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    password_credential: PasswordCredential = PasswordCredential()


class OldPassword(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    key_id: str


class KeyCredential(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One there is already is known by `keyId`, and comes without `key`."""

    key_id: str | None = None
    key: str | None = None
    display_name: str | None = None
    start_date_time: Moment | None = None
    end_date_time: Moment | None = None
    type: str = "AsymmetricX509Cert"
    usage: str = "Verify"

    def wanted(self) -> WantedCertificate:
        """Raises Fault CertificateRefused."""
        if (self.type, self.usage) != ("AsymmetricX509Cert", "Verify"):
            raise Fault(
                "CertificateRefused", detail="its type is AsymmetricX509Cert and its usage Verify, or none"
            )
        return WantedCertificate(
            id=self.key_id,
            text=self.key,
            label=self.display_name,
            begins=self.start_date_time,
            expires=self.end_date_time,
        )


class _Manifest(_Closed, frozen=True, kw_only=True):
    """What clients keep with an application and nothing here acts on."""

    identifier_uris: list[str] | msgspec.UnsetType | None = msgspec.UNSET
    sign_in_audience: str | msgspec.UnsetType | None = msgspec.UNSET
    is_fallback_public_client: bool | msgspec.UnsetType | None = msgspec.UNSET
    service_management_reference: str | msgspec.UnsetType | None = msgspec.UNSET
    web: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET
    spa: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET
    public_client: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET
    api: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET
    app_roles: list[dict[str, Any]] | msgspec.UnsetType | None = msgspec.UNSET
    optional_claims: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET
    required_resource_access: list[dict[str, Any]] | msgspec.UnsetType | None = msgspec.UNSET
    notes: str | msgspec.UnsetType | None = msgspec.UNSET
    tags: list[str] | msgspec.UnsetType | None = msgspec.UNSET

    def manifest(self) -> dict[str, Any]:
        """By Graph's names; None takes a member away. Raises Fault InvalidParameter."""
        if self.sign_in_audience not in (msgspec.UNSET, None, OWN_TENANT):
            detail = f"it is {OWN_TENANT}: programs are of one tenant"
            raise Fault("InvalidParameter", target="signInAudience", detail=detail)
        names = zip(_Manifest.__struct_fields__, _Manifest.__struct_encode_fields__, strict=True)
        given = {encoded: getattr(self, name) for name, encoded in names}
        return {name: value for name, value in given.items() if value is not msgspec.UNSET}


class NewApplication(_Manifest, frozen=True, kw_only=True):
    display_name: str
    key_credentials: list[KeyCredential] = []


class ApplicationChange(_Manifest, frozen=True, kw_only=True):
    display_name: str | None = None
    key_credentials: list[KeyCredential] | None = None


class NewProgram(_Closed, frozen=True, kw_only=True):
    app_id: str
    account_enabled: bool = True


class ProgramChange(_Closed, frozen=True, kw_only=True):
    account_enabled: bool | None = None
    key_credentials: list[KeyCredential] | None = None


def password_shape(found: PrincipalSecret, secret: str | None = None) -> dict[str, Any]:
    """`secret` is told once, by whoever made it."""
    return {
        "customKeyIdentifier": None,
        "displayName": found.label or None,
        "endDateTime": None if found.expires is None else clock.iso(found.expires),
        "hint": found.hint or None,
        "keyId": found.id,
        "secretText": secret,
        "startDateTime": clock.iso(found.begins or found.created),
    }


def key_shape(found: ClientCertificate) -> dict[str, Any]:
    return {
        "customKeyIdentifier": hex_of(found.thumbprint),
        "displayName": found.label or None,
        "endDateTime": clock.iso(found.expires),
        "key": None,
        "keyId": found.id,
        "startDateTime": clock.iso(found.begins),
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
    }
