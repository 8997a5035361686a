"""The doors of `providers`, described: part of `doors.DOORS`."""

from __future__ import annotations

from outofband.http.door import Door
from outofband.http.provider_shapes import (
    LinkList,
    LinkShape,
    NewLink,
    NewProvider,
    ProviderChange,
    ProviderList,
    ProviderShape,
    ProviderTest,
)
from outofband.http.providers import PATH, READ, WRITE

_TAG = "Identity providers"
_READS = f"Needs the action `{READ}` at the scope `/`."
_WRITES = f"Needs the action `{WRITE}` at the scope `/`."
_WITH_GROUPS = (
    f"Needs the action `{WRITE}` at the scope `/`; where groups are mapped also "
    "`Microsoft.Authorization/groups/write`."
)
_WITH_USERS = f"Needs the actions `{WRITE}` and `Microsoft.Authorization/users/write` at the scope `/`."
_ONE, _LINKS = f"{PATH}/{{provider}}", f"{PATH}/{{provider}}/links"
_NEW = {
    "name": "Example",
    "issuer": "https://login.example.org",
    "clientId": "outofband",
    "enabled": False,
    "groupsClaim": "groups",
    "allowedDomains": ["example.org"],
}

PROVIDER_DOORS = (
    Door(
        method="get",
        path=PATH,
        id="IdentityProviders_List",
        tag=_TAG,
        about="List the providers that people sign in through",
        needs=_READS,
        answer=ProviderList,
    ),
    Door(
        method="post",
        path=PATH,
        id="IdentityProviders_Create",
        tag=_TAG,
        about="Register a provider",
        needs=_WITH_GROUPS,
        body=NewProvider,
        example=_NEW,
        answer=ProviderShape,
        status=201,
    ),
    Door(
        method="get",
        path=_ONE,
        id="IdentityProviders_Get",
        tag=_TAG,
        about="Read a provider; its secret is not in it",
        needs=_READS,
        answer=ProviderShape,
    ),
    Door(
        method="patch",
        path=_ONE,
        id="IdentityProviders_Change",
        tag=_TAG,
        about="Change a provider; switched off, its sign-ins end and its groups are taken back",
        needs=_WITH_GROUPS,
        body=ProviderChange,
        example={"enabled": False},
        answer=ProviderShape,
    ),
    Door(
        method="delete",
        path=_ONE,
        id="IdentityProviders_Delete",
        tag=_TAG,
        about="Remove a provider with its links, sign-ins and groups that it gave",
        needs=_WRITES,
        status=204,
    ),
    Door(
        method="post",
        path=f"{_ONE}/test",
        id="IdentityProviders_Test",
        tag=_TAG,
        about="Ask a provider for its configuration and keys, without a sign-in",
        needs=_WRITES,
        answer=ProviderTest,
    ),
    Door(
        method="get",
        path=_LINKS,
        id="IdentityProviders_Links",
        tag=_TAG,
        about="List who is who at a provider",
        needs=_READS,
        answer=LinkList,
    ),
    Door(
        method="post",
        path=_LINKS,
        id="IdentityProviders_Link",
        tag=_TAG,
        about="Say who a user is at a provider, or invite an e-mail address",
        needs=_WITH_USERS,
        body=NewLink,
        example={"user": "ada", "email": "ada@example.org"},
        answer=LinkShape,
        status=201,
    ),
    Door(
        method="delete",
        path=f"{_LINKS}/{{identity}}",
        id="IdentityProviders_Unlink",
        tag=_TAG,
        about="Undo a link, and end the sign-ins that came by it",
        needs=_WITH_USERS,
        status=204,
    ),
)
