"""Microsoft Graph's shapes as far as the directory's doors speak them: bodies in, objects out."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import unquote

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.identity.names import MAX_DISPLAY_NAME
from outofband.resources.exchange import Request
from outofband.store.applications import Application
from outofband.store.groups import Group
from outofband.store.people import User
from outofband.store.principals import ServicePrincipal
from outofband.wire.arm import paging
from outofband.wire.arm.filters import Condition, parse

_ANY = re.compile(r"\b([A-Za-z]{1,40})/any\(\s*(\w{1,20})\s*:\s*\2\s+eq\s+('(?:[^']|'')*')\s*\)")
_USER, _PROGRAM = "#microsoft.graph.user", "#microsoft.graph.servicePrincipal"
_GROUP, _APPLICATION = "#microsoft.graph.group", "#microsoft.graph.application"
Thing = User | ServicePrincipal | Group | Application


class PasswordProfile(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Without `password` one is made and told in the answer, once."""

    password: str | None = None
    force_change_password_next_sign_in: bool = True


class NewUser(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    display_name: str
    user_principal_name: str
    account_enabled: bool = True
    password_profile: PasswordProfile = PasswordProfile()
    mail_nickname: str | None = None
    """Clients of Azure send it; there is no mail here."""


class UserChange(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What is not named stays."""

    display_name: str | None = None
    account_enabled: bool | None = None
    password_profile: PasswordProfile | None = None


class IdList(msgspec.Struct, frozen=True, kw_only=True):
    ids: list[str]
    types: list[str] = []


class Wanted(msgspec.Struct, frozen=True):
    """The `$filter` of the people's list."""

    name: str | None
    display_name: str | None
    begins: dict[str, str]

    @classmethod
    def of(cls, conditions: list[Condition]) -> Wanted:
        """Raises Fault InvalidParameter."""
        name: str | None = None
        display_name: str | None = None
        begins: dict[str, str] = {}
        for each in conditions:
            if not each.value.isprintable():
                raise Fault("InvalidParameter", target="$filter", detail="a value has characters no name has")
            match each.name, each.operator:
                case "userprincipalname", "eq":
                    name = each.value
                case "displayname", "eq":
                    display_name = each.value
                case "displayname", "startswith":
                    begins["display_name"] = each.value
                case "userprincipalname", "startswith":
                    begins["name_key"] = each.value
                case _:
                    raise _unsupported(each)
        return cls(name, display_name, begins)


def conditions(text: str | None) -> list[Condition]:
    """As `parse`. That a list holds a value (`names/any(n:n eq 'x')`) is told as if it were the value."""
    return parse(_ANY.sub(r"\1 eq \3", text) if text else None)


def fits(body: dict[str, Any], condition: Condition, known: Collection[str]) -> bool:
    """Whether an object, in its shape, is as a condition of `$filter` says. `known` are the members that may
    be asked for. Nothing here compares by case. Raises Fault InvalidParameter.
    """
    name = next((each for each in known if each.lower() == condition.name), None)
    if name is None:
        raise _unsupported(condition)
    value, wanted = body.get(name), condition.value.lower()
    texts = [_text(each).lower() for each in (value if isinstance(value, list) else [value])]
    match condition.operator:
        case "eq":
            return wanted in texts
        case "ne":
            return wanted not in texts
        case "startswith":
            return any(each.startswith(wanted) for each in texts)
    raise _unsupported(condition)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def _unsupported(condition: Condition) -> Fault:
    detail = f"'{condition.name}' with '{condition.operator}' is not supported here"
    return Fault("InvalidParameter", target="$filter", detail=detail)


def page(asked: Request, found: list[Any], size: int, key: Callable[[Any], str]) -> dict[str, Any]:
    """`found` has one more than fits when there is another page."""
    return paged(asked, [shape(each) for each in found], size, lambda at: key(found[at]))


def paged(
    asked: Request, bodies: list[dict[str, Any]], size: int, key: Callable[[int], str]
) -> dict[str, Any]:
    """As `page`, of shapes; `key` is where to go on after the one at an index."""
    body: dict[str, Any] = {"value": bodies[:size]}
    if len(bodies) > size:
        link = paging.next_link(asked.base, unquote(asked.path), asked.query, key(size - 1))
        body["@odata.nextLink"] = link
    return body


def shape(found: Thing, *, typed: bool = False) -> dict[str, Any]:
    """What proves a program is not in it: see `graph_program_shapes`."""
    match found:
        case User():
            kind, body = _USER, _user(found)
        case ServicePrincipal():
            kind, body = _PROGRAM, _program(found)
        case Group():
            kind, body = _GROUP, _group(found)
        case _:
            kind, body = _APPLICATION, _application(found)
    return {"@odata.type": kind, **body} if typed else body


def _user(found: User) -> dict[str, Any]:
    return {
        "id": found.object_id,
        "displayName": found.display_name,
        "mail": None,
        "userPrincipalName": found.name,
        "accountEnabled": not found.disabled,
        "createdDateTime": clock.iso(found.created),
        "userType": "Member",
    }


def _program(found: ServicePrincipal) -> dict[str, Any]:
    return {
        "id": found.object_id,
        "displayName": found.name,
        "appId": found.app_id,
        "appDisplayName": found.name,
        "appOwnerOrganizationId": found.tenant_id,
        "servicePrincipalNames": [found.app_id],
        "accountEnabled": not found.disabled,
        "createdDateTime": clock.iso(found.created),
        "servicePrincipalType": "Application",
    }


def _group(found: Group) -> dict[str, Any]:
    return {
        "id": found.object_id,
        "displayName": found.name,
        "description": found.description,
        "mailNickname": found.mail_nickname,
        "mailEnabled": False,
        "securityEnabled": True,
        "groupTypes": [],
        "mail": None,
        "createdDateTime": clock.iso(found.created),
    }


def _application(found: Application) -> dict[str, Any]:
    return {
        "id": found.object_id,
        "appId": found.app_id,
        "displayName": found.name,
        "createdDateTime": clock.iso(found.created),
        "signInAudience": "AzureADMyOrg",
        "identifierUris": [],
        "appRoles": [],
        "requiredResourceAccess": [],
        "tags": [],
    } | found.manifest


def told(password: str, must_change: bool) -> dict[str, Any]:
    return {"password": password, "forceChangePasswordNextSignIn": must_change}


def display_name_in(text: str) -> str:
    name = text.strip()
    if not name or len(name) > MAX_DISPLAY_NAME or not name.isprintable():
        detail = f"it has 1 to {MAX_DISPLAY_NAME} printable characters"
        raise Fault("InvalidParameter", target="displayName", detail=detail)
    return name


def named_in(change: UserChange) -> list[str]:
    fields = {name: getattr(change, name) for name in change.__struct_fields__}
    encoded = dict(zip(change.__struct_fields__, change.__struct_encode_fields__, strict=True))
    return [encoded[name] for name, value in fields.items() if value is not None]
