"""All types of networks, as the program declares them."""

from __future__ import annotations

from collections.abc import Iterable

from outofband.access.authorizer import Authorizer
from outofband.fleet.fleet import Fleet
from outofband.providers.network.application_groups import ApplicationGroups
from outofband.providers.network.house import House
from outofband.providers.network.interfaces import Interfaces
from outofband.providers.network.places import Places
from outofband.providers.network.public_addresses import PublicAddresses
from outofband.providers.network.questions import Effective
from outofband.providers.network.route_tables import RouteTables
from outofband.providers.network.security_groups import SecurityGroups
from outofband.providers.network.virtual_networks import VirtualNetworks
from outofband.providers.network.watchers import Watchers
from outofband.resources.declaration import ResourceType
from outofband.store.store import Store
from outofband.wire.network.prefixes import Block


def networks(store: Store, authorizer: Authorizer, fleet: Fleet, pool: Iterable[Block]) -> list[ResourceType]:
    """`pool`: the public addresses that may be given out."""
    house = House(store, authorizer, tuple(pool))
    return [
        *SecurityGroups(house).types(),
        *ApplicationGroups(house).types(),
        *RouteTables(house).types(),
        *VirtualNetworks(house).types(),
        *PublicAddresses(house).types(),
        *Interfaces(house).types(actions=Effective(house).actions()),
        *Watchers(house, fleet).types(),
        *Places(house).types(),
    ]
