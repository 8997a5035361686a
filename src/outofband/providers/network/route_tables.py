"""Microsoft.Network/routeTables with their routes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from outofband.providers.network.family import Family, Form, Seen
from outofband.providers.network.house import ROUTE_TABLES
from outofband.providers.network.parts import Parts, check_name, shown
from outofband.resources.declaration import Draft, ResourceType
from outofband.resources.exchange import Call
from outofband.resources.lookup import DELETING
from outofband.store.network import Link
from outofband.store.resources import Resource
from outofband.store.tx import Tx
from outofband.wire.network import routes
from outofband.wire.network.routes import Route, user_route

ROUTES = "routes"
_PROPAGATION = "disableBgpRoutePropagation"
_NOWHERE = {"addressPrefix": "203.0.113.0/24", "nextHopType": "None"}


class RouteProperties(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    next_hop_type: str
    address_prefix: str
    next_hop_ip_address: str | None = None


class RouteForm(msgspec.Struct, frozen=True, kw_only=True):
    properties: RouteProperties
    name: str | None = None


class RouteTableProperties(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    routes: list[RouteForm] | None = None
    disable_bgp_route_propagation: bool | None = None


class RouteTables(Family):
    type_name = ROUTE_TABLES
    about = "a route table"
    many = "route tables"
    in_use = "InUseRouteTableCannotBeDeleted"
    properties = RouteTableProperties
    example: ClassVar[dict[str, Any]] = {"properties": {ROUTES: [{"name": "drop", "properties": _NOWHERE}]}}

    def types(self) -> list[ResourceType]:
        own = Parts(
            self,
            ROUTES,
            about="a route of a route table",
            many="routes",
            form=stored,
            properties=RouteProperties,
            example={"properties": _NOWHERE},
        )
        return [self.declare(), own.declare()]

    def form(self, draft: Draft, kept: Resource | None) -> Form:
        given: RouteTableProperties = draft.properties
        return Form(
            properties={
                ROUTES: [
                    stored(check_name(each.name, "routes.name"), each.properties)
                    for each in given.routes or ()
                ],
                _PROPAGATION: bool(given.disable_bgp_route_propagation),
            }
        )

    async def settle(
        self, call: Call, tx: Tx, properties: dict[str, Any], links: Sequence[Link], kept: Resource | None
    ) -> None:
        routes.check_together(routes_of(properties))

    def render(self, row: Resource, seen: Seen) -> dict[str, Any]:
        properties: dict[str, Any] = {
            ROUTES: [
                shown(
                    row, f"{self.type_name}/{ROUTES}", part, {**part["properties"], "hasBgpOverride": False}
                )
                for part in row.properties[ROUTES]
            ],
            _PROPAGATION: row.properties[_PROPAGATION],
        }
        if links := seen.links.get(row.key):
            properties["subnets"] = [{"id": link.part_id} for link in links]
        return properties


def stored(name: str, given: RouteProperties) -> dict[str, Any]:
    """A checked route as its table's row keeps it. Raises what `wire.network.routes.user_route` does."""
    made = user_route(name, given.address_prefix, given.next_hop_type, given.next_hop_ip_address)
    kept = {"addressPrefix": str(made.prefix), "nextHopType": made.hop.value}
    if made.address is not None:
        kept["nextHopIpAddress"] = str(made.address)
    return {"name": name, "properties": kept}


def routes_of(properties: dict[str, Any], table: str = "") -> list[Route]:
    """The routes of a table that count: those on their way out do not. `table`: its id."""
    return [
        user_route(
            part["name"],
            part["properties"]["addressPrefix"],
            part["properties"]["nextHopType"],
            part["properties"].get("nextHopIpAddress"),
            table,
        )
        for part in properties[ROUTES]
        if part.get("state") != DELETING
    ]
