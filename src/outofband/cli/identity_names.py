"""What a person calls things of the directory: by names or by ids, with what there is in completion."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from outofband.cli import options
from outofband.cli import output as show
from outofband.core.errors import Fault

if TYPE_CHECKING:
    from outofband.client.http import ArmClient

USERS, GROUPS = "/v1.0/users", "/v1.0/groups"
APPLICATIONS, PROGRAMS = "/v1.0/applications", "/v1.0/servicePrincipals"
ROLES = "providers/Microsoft.Authorization"
ROLES_VERSION = "2022-04-01"
EXIT_DECLINED = 130
"""As after Ctrl-C: the person said no."""


def one(client: ArmClient, path: str, object_id: str) -> str:
    return f"{path}/{quote(object_id, safe='@')}"


def is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def group_of(client: ArmClient, name: str) -> dict[str, Any]:
    """A group by its name or id. Raises Fault GroupNotFound or GroupAmbiguous."""
    found = _matching(client, GROUPS, name, "id")
    if not found:
        raise Fault("GroupNotFound", name=name)
    if len(found) > 1:
        raise Fault("GroupAmbiguous", name=name, count=len(found))
    return found[0]


def application_of(client: ArmClient, name: str) -> dict[str, Any]:
    """An application by its name, client id or object id. Raises Fault ClientUnknown or ClientAmbiguous."""
    found = _matching(client, APPLICATIONS, name, "appId", "id")
    if not found:
        raise Fault("ClientUnknown", name=name)
    if len(found) > 1:
        raise Fault("ClientAmbiguous", name=name, count=len(found))
    return found[0]


def program_of(client: ArmClient, app_id: str) -> dict[str, Any] | None:
    """The service principal of an application; None when it may not sign in."""
    found = _listed(client, PROGRAMS, "appId", app_id)
    return found[0] if found else None


def anybody(client: ArmClient, name: str) -> dict[str, Any]:
    """A user, a client or a group by its name or id; a client as its service principal.

    Raises Fault NobodyNamed, or SeveralNamed when it is the name of more than one.
    """
    people = [_user(client, name)]
    programs = _matching(client, PROGRAMS, name, "appId", "id")
    groups = _matching(client, GROUPS, name, "id")
    found = [each for each in (*people, *programs, *groups) if each is not None]
    if not found:
        raise Fault("NobodyNamed", name=name)
    if len(found) > 1:
        raise Fault("SeveralNamed", name=name, count=len(found))
    return found[0]


def _user(client: ArmClient, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = client.get(one(client, USERS, name), version=None)
    except Fault as fault:
        if fault.code == "UserNotFound":
            return None
        raise
    return found


def _matching(client: ArmClient, path: str, name: str, *ids: str) -> list[dict[str, Any]]:
    for member in ids if is_id(name) else ("displayName",):
        if found := _listed(client, path, member, name):
            return found
    return []


def _listed(client: ArmClient, path: str, member: str, value: str) -> list[dict[str, Any]]:
    quoted = value.replace("'", "''")
    return list(client.list(path, version=None, **{"$filter": f"{member} eq '{quoted}'"}))


def confirmed(question: str, yes: bool) -> bool:
    """Whether a person agrees. Raises UsageError where nobody can be asked and --yes is missing."""
    if yes:
        return True
    if not show.interactive():
        raise click.UsageError("without a terminal, removing needs --yes")
    if click.confirm(question, err=True):
        return True
    show.say("Nothing was removed.")
    return False


def completer(path: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Display names from the server, as `options.complete_vm`."""

    def complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
        begun = incomplete.replace("'", "''")
        where = {"$filter": f"startswith(displayName,'{begun}')"} if begun else {}
        return options.complete(
            ctx, lambda client: [each["displayName"] for each in client.list(path, version=None, **where)]
        )

    return complete


complete_group = completer(GROUPS)
complete_client = completer(APPLICATIONS)


def complete_role(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Names of roles from the server."""
    found = options.complete(
        ctx, lambda client: [each["properties"]["roleName"] for each in _definitions(client, "/")]
    )
    return [name for name in found if name.lower().startswith(incomplete.lower())]


def definition(client: ArmClient, scope: str, role: str) -> str:
    """Id of a role by its name or id. Raises Fault RoleUnknown."""
    known = list(_definitions(client, scope))
    for each in known:
        if role.lower() in (each["name"].lower(), each["properties"]["roleName"].lower()):
            return str(each["id"])
    raise Fault("RoleUnknown", role=role, known=", ".join(each["properties"]["roleName"] for each in known))


def assign(client: ArmClient, scope: str, definition: str, principal: str, kind: str) -> None:
    """`kind` is `User`, `ServicePrincipal` or `Group`."""
    body = {"roleDefinitionId": definition, "principalId": principal, "principalType": kind}
    path = f"{scope.rstrip('/')}/{ROLES}/roleAssignments/{uuid.uuid4()}"
    client.put(path, {"properties": body}, version=ROLES_VERSION)


def _definitions(client: ArmClient, scope: str, **query: str) -> Any:
    return client.list(f"{scope.rstrip('/')}/{ROLES}/roleDefinitions", version=ROLES_VERSION, **query)
