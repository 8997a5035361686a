"""Every type there is, in one registry."""

from __future__ import annotations

from collections.abc import Iterable

from outofband.access.authorizer import Authorizer
from outofband.consoles.sessions import Sessions
from outofband.diagnostics.places import Places
from outofband.diagnostics.webhooks import Webhooks as Deliveries
from outofband.fleet.fleet import Fleet
from outofband.providers.authorization import DenyAssignments, RoleAssignments
from outofband.providers.authorization_operations import ProviderOperations
from outofband.providers.authorization_roles import RoleDefinitions
from outofband.providers.classic_compute.domains import DomainNames
from outofband.providers.classic_compute.machines import ClassicMachines
from outofband.providers.compute.types import declare_compute
from outofband.providers.findings import Findings
from outofband.providers.hybrid_compute.children import children
from outofband.providers.hybrid_compute.machines import Machines
from outofband.providers.insights import ActivityLog, EventCategories
from outofband.providers.network.house import House
from outofband.providers.network.types import networks
from outofband.providers.permissions import Permissions
from outofband.providers.rescues.hands import Requests
from outofband.providers.rescues.runs import Rescues
from outofband.providers.resource_health import AvailabilityStatuses
from outofband.providers.resource_manager.directory import Locations, Subscriptions, Tenants
from outofband.providers.resource_manager.generic import Resources
from outofband.providers.resource_manager.groups import ResourceGroups
from outofband.providers.resource_manager.locks import Locks
from outofband.providers.resource_manager.namespaces import FREE, Namespaces
from outofband.providers.resource_manager.tags import TagNames, Tags
from outofband.providers.serial_console.policies import ConsolePolicies
from outofband.providers.serial_console.ports import SerialPorts
from outofband.providers.serial_console.services import ConsoleServices
from outofband.providers.storage.accounts import AccountNames
from outofband.providers.storage.types import storages
from outofband.providers.webhooks import Webhooks
from outofband.resources.declaration import ResourceType
from outofband.resources.registry import Registry
from outofband.storage.service import Storage
from outofband.store.store import Store
from outofband.wire.network.prefixes import Block


def declare(
    store: Store,
    authorizer: Authorizer,
    fleet: Fleet,
    sessions: Sessions,
    storage: Storage,
    places: Places,
    webhooks: Deliveries,
    public_pool: Iterable[Block] = (),
    requests: Requests | None = None,
) -> Registry:
    """The registry of this program. `public_pool`: the public addresses that may be given out; `requests`: by
    which rescues do things, to be given the kernel that is made of the registry.
    """

    def find(name: str) -> ResourceType | None:
        return registry.find(name)

    house = House(store, authorizer, tuple(public_pool))
    rescues = Rescues(house, authorizer, fleet, requests or Requests(store, authorizer))
    registry = Registry(
        [
            Tenants(store).declare(),
            Subscriptions(store, authorizer).declare(),
            Locations(store, authorizer).declare(),
            ResourceGroups(store, find, fleet.erase).declare(),
            Namespaces(store, lambda: registry, AccountNames(store).actions()).declare(),
            Resources(store, lambda: registry).declare(),
            Tags(store, find).declare(),
            TagNames(store).declare(),
            Locks(store).declare(),
            RoleDefinitions(store, authorizer).declare(),
            DenyAssignments().declare(),
            ProviderOperations(lambda: registry).declare(),
            RoleAssignments(store).declare(),
            Permissions(authorizer).declare(),
            ActivityLog(store).declare(),
            EventCategories().declare(),
            AvailabilityStatuses(store, fleet).declare(),
            ClassicMachines(house, fleet, sessions, places).declare(),
            DomainNames(store).declare(),
            Machines(store, fleet).declare(),
            *children(),
            *declare_compute(store, authorizer, fleet, sessions, places, storage, house.pool),
            *networks(store, authorizer, fleet, house.pool),
            *storages(store, storage),
            ConsoleServices(store, sessions).declare(),
            SerialPorts(store, authorizer, fleet, sessions, storage, places).declare(),
            ConsolePolicies(store).declare(),
            Findings(store, authorizer, places).declare(),
            Webhooks(store, webhooks).declare(),
            rescues.declare(),
        ],
        free=FREE,
    )
    return registry
