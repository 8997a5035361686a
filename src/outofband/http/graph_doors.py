"""The directory's doors, described: part of `doors.DOORS`."""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.http.directory import ExportRequest, ImportAnswer, ImportRequest
from outofband.http.door import Door
from outofband.http.graph_door import WRITES, Reference
from outofband.http.graph_program_shapes import (
    ApplicationChange,
    GroupChange,
    GroupIds,
    NewApplication,
    NewGroup,
    NewPassword,
    NewProgram,
    OldPassword,
    ProgramChange,
)
from outofband.http.graph_shapes import IdList, NewUser, UserChange
from outofband.identity.documents import FORMAT, Document

_READ = "Needs any role in the tenant."
_EVERY = f"the actions {', '.join(f'`{each}`' for each in dict.fromkeys(WRITES.values()))} at `/`."
_SELF = "Needs a token and no right."
_PAGED = (("$top", "Items a page"), ("$skiptoken", "Where to go on, as `@odata.nextLink` says"))
_V1 = "/v1.0"
_SECRET = {"passwordCredential": {"displayName": "pipeline", "endDateTime": "2027-01-01T00:00:00Z"}}
_WORDS = {
    "users": ("User", "a user", "users"),
    "groups": ("Group", "a group", "groups"),
    "applications": ("Application", "an application", "applications"),
    "servicePrincipals": ("ServicePrincipal", "a program that signs in", "the programs that sign in"),
}


def _writes(kind: str) -> str:
    return f"Needs the action `{WRITES[kind]}` at the scope `/`."


def _of(
    kind: str,
    new: type[msgspec.Struct],
    example: Any,
    change: type[msgspec.Struct],
    changed: Any,
    filters: str,
    created: str,
) -> list[Door]:
    """What there is of every kind: list, make, read, change, delete."""
    noun, one, many = _WORDS[kind]
    part = "user" if kind == "users" else "object"
    path, single = f"{_V1}/{kind}", f"{_V1}/{kind}/{{{part}}}"
    return [
        Door(
            method="get",
            path=path,
            id=f"{noun}s_List",
            tag="Directory",
            about=f"List {many}",
            needs=_READ,
            query=(("$filter", filters), *_PAGED),
        ),
        Door(
            method="post",
            path=path,
            id=f"{noun}s_Create",
            tag="Directory",
            about=created,
            needs=_writes(kind),
            body=new,
            example=example,
            status=201,
        ),
        Door(
            method="get",
            path=single,
            id=f"{noun}s_Get",
            tag="Directory",
            about=f"Read {one}",
            needs=_READ,
        ),
        Door(
            method="patch",
            path=single,
            id=f"{noun}s_Update",
            tag="Directory",
            about=f"Change {one}",
            needs=_writes(kind),
            body=change,
            example=changed,
            status=204,
        ),
        Door(
            method="delete",
            path=single,
            id=f"{noun}s_Delete",
            tag="Directory",
            about=f"Delete {one}",
            needs=_writes(kind),
            status=204,
        ),
    ]


def _proving(kind: str) -> list[Door]:
    noun, one, _ = _WORDS[kind]
    path = f"{_V1}/{kind}/{{object}}"
    return [
        Door(
            method="post",
            path=f"{path}/addPassword",
            id=f"{noun}s_AddPassword",
            tag="Directory",
            about=f"Make a secret of {one}, told once",
            needs=_writes(kind),
            body=NewPassword,
            example=_SECRET,
        ),
        Door(
            method="post",
            path=f"{path}/removePassword",
            id=f"{noun}s_RemovePassword",
            tag="Directory",
            about=f"Take back a secret of {one}",
            needs=_writes(kind),
            body=OldPassword,
            example={"keyId": "id of the secret"},
            status=204,
        ),
    ]


def _links(kind: str, part: str) -> list[Door]:
    """`part` is `members` or `owners`."""
    noun, one, _ = _WORDS[kind]
    path, name = f"{_V1}/{kind}/{{object}}/{part}", part.capitalize()
    return [
        Door(
            method="get",
            path=path,
            id=f"{noun}s_List{name}",
            tag="Directory",
            about=f"List the {part} of {one}",
            needs=_READ,
            query=_PAGED if part == "members" else (),
        ),
        Door(
            method="post",
            path=f"{path}/$ref",
            id=f"{noun}s_Add{name}",
            tag="Directory",
            about=f"Add to the {part} of {one}",
            needs=_writes(kind),
            body=Reference,
            example={"@odata.id": "https://HOST/v1.0/directoryObjects/ID"},
            status=204,
        ),
        Door(
            method="delete",
            path=f"{path}/{{member}}/$ref",
            id=f"{noun}s_Remove{name}",
            tag="Directory",
            about=f"Remove from the {part} of {one}",
            needs=_writes(kind),
            status=204,
        ),
    ]


def _around(kind: str) -> list[Door]:
    name = kind[0].upper() + kind[1:]
    path = f"{_V1}/{kind}/{{{'user' if kind == 'users' else 'object'}}}"
    return [
        Door(
            method="post",
            path=f"{path}/getMemberGroups",
            id=f"{name}_GetMemberGroups",
            tag="Directory",
            about="Read the groups that somebody is in, through others too",
            needs=_READ,
        ),
        Door(
            method="post",
            path=f"{path}/checkMemberGroups",
            id=f"{name}_CheckMemberGroups",
            tag="Directory",
            about="Read which of some groups somebody is in",
            needs=_READ,
            body=GroupIds,
            example={"groupIds": []},
        ),
    ]


GRAPH_DOORS: tuple[Door, ...] = (
    Door(method="get", path=f"{_V1}/me", id="Me_Get", tag="Directory", about="Read who you are", needs=_SELF),
    Door(
        method="get",
        path=f"{_V1}/me/ownedObjects",
        id="Me_ListOwnedObjects",
        tag="Directory",
        about="List what you look after",
        needs=_SELF,
    ),
    *_of(
        "users",
        NewUser,
        {"displayName": "Ada Operator", "userPrincipalName": "ada"},
        UserChange,
        {"accountEnabled": False},
        "`userPrincipalName eq 'NAME'`, `startsWith(displayName, 'A')`",
        "Make a user; a password that is not given is made and told once",
    ),
    *_of(
        "groups",
        NewGroup,
        {"displayName": "Operators", "mailNickname": "operators"},
        GroupChange,
        {"description": "On call"},
        "`displayName eq 'NAME'`, `startsWith(displayName, 'A')`, `mailNickname eq 'NAME'`",
        "Make a group",
    ),
    *_of(
        "applications",
        NewApplication,
        {"displayName": "Pipeline"},
        ApplicationChange,
        {"displayName": "Pipeline 2"},
        "`appId eq 'ID'`, `startsWith(displayName, 'A')`, `identifierUris/any(u:u eq 'URI')`",
        "Make an application; it cannot sign in before it has a service principal",
    ),
    *_of(
        "servicePrincipals",
        NewProgram,
        {"appId": "id of the application"},
        ProgramChange,
        {"accountEnabled": False},
        "`appId eq 'ID'`, `servicePrincipalNames/any(n:n eq 'ID')`, `displayName eq 'NAME'`",
        "Let an application sign in",
    ),
    *(door for kind in ("applications", "servicePrincipals") for door in _proving(kind)),
    *_links("groups", "members"),
    *(door for kind in ("applications", "servicePrincipals", "groups") for door in _links(kind, "owners")),
    *(
        door
        for kind in ("users", "servicePrincipals", "groups", "directoryObjects")
        for door in _around(kind)
    ),
    Door(
        method="post",
        path=f"{_V1}/directoryObjects/getByIds",
        id="DirectoryObjects_GetByIds",
        tag="Directory",
        about="Read the names behind ids",
        needs=_READ,
        body=IdList,
        example={"ids": []},
    ),
    Door(
        method="get",
        path=f"{_V1}/directoryObjects/{{object}}",
        id="DirectoryObjects_Get",
        tag="Directory",
        about="Read a user, a group, an application or a program by its id",
        needs=_READ,
    ),
    Door(
        method="post",
        path="/directory/export",
        id="Directory_Export",
        tag="Directory",
        about="Read the whole directory as one document",
        needs=f"{_READ} For the hashes of passwords and secrets: {_EVERY}",
        body=ExportRequest,
        example={"passwordHashes": False},
        answer=Document,
    ),
    Door(
        method="post",
        path="/directory/import",
        id="Directory_Import",
        tag="Directory",
        about="Bring a document in: make what is missing, change what differs, remove nothing",
        needs=f"Needs {_EVERY}",
        body=ImportRequest,
        example={"document": {"format": FORMAT, "tenant": {"id": "its id"}}, "dryRun": True},
        answer=ImportAnswer,
    ),
)
