"""Which path leads to which door of the directory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from outofband.http.graph import Graph
from outofband.http.graph_groups import GraphGroups
from outofband.http.graph_objects import GraphObjects
from outofband.http.graph_programs import GraphPrograms
from outofband.http.services import Services

_Door = Callable[[Request], Awaitable[Response]]
V1 = "/v1.0"


def graph_routes(services: Services) -> list[Route]:
    people, groups = Graph(services), GraphGroups(services)
    programs, objects = GraphPrograms(services), GraphObjects(services)
    table: list[tuple[str, str, _Door]] = [
        ("GET", "/me", people.me),
        ("GET", "/me/ownedObjects", objects.owned),
        ("GET", "/users", people.users),
        ("POST", "/users", people.create),
        ("GET", "/users/{user}", people.user),
        ("PATCH", "/users/{user}", people.change),
        ("DELETE", "/users/{user}", people.remove),
        ("GET", "/applications", programs.applications),
        ("POST", "/applications", programs.create_application),
        ("PATCH", "/applications/{object}", programs.change_application),
        ("GET", "/servicePrincipals", programs.principals),
        ("POST", "/servicePrincipals", programs.create_principal),
        ("PATCH", "/servicePrincipals/{object}", programs.change_principal),
        ("GET", "/groups", groups.list),
        ("POST", "/groups", groups.create),
        ("GET", "/groups/{object}", groups.get),
        ("PATCH", "/groups/{object}", groups.change),
        ("DELETE", "/groups/{object}", groups.remove),
        ("GET", "/groups/{object}/members", groups.members),
        ("POST", "/groups/{object}/members/$ref", groups.add_member),
        ("DELETE", "/groups/{object}/members/{member}/$ref", groups.remove_member),
        ("POST", "/directoryObjects/getByIds", people.by_ids),
        ("GET", "/directoryObjects/{object}", objects.object),
    ]
    for kind in ("applications", "servicePrincipals"):
        table += [
            ("GET", f"/{kind}/{{object}}", programs.get),
            ("DELETE", f"/{kind}/{{object}}", programs.remove),
            ("POST", f"/{kind}/{{object}}/addPassword", programs.add_password),
            ("POST", f"/{kind}/{{object}}/removePassword", programs.remove_password),
        ]
    for kind in ("applications", "servicePrincipals", "groups"):
        table += [
            ("GET", f"/{kind}/{{object}}/owners", objects.owners),
            ("POST", f"/{kind}/{{object}}/owners/$ref", objects.add_owner),
            ("DELETE", f"/{kind}/{{object}}/owners/{{member}}/$ref", objects.remove_owner),
        ]
    for kind, part in (
        ("users", "{user}"),
        ("servicePrincipals", "{object}"),
        ("groups", "{object}"),
        ("directoryObjects", "{object}"),
    ):
        table += [
            ("POST", f"/{kind}/{part}/getMemberGroups", groups.get_member_groups),
            ("POST", f"/{kind}/{part}/checkMemberGroups", groups.check_member_groups),
        ]
    return [Route(V1 + path, door, methods=[method]) for method, path, door in table]
