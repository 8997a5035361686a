"""Every type there is, in one registry."""

from __future__ import annotations

from outofband.access.authorizer import Authorizer
from outofband.consoles.sessions import Sessions
from outofband.fleet.fleet import Fleet
from outofband.providers.authorization import DenyAssignments, RoleAssignments
from outofband.providers.authorization_roles import RoleDefinitions
from outofband.providers.compute.types import declare_compute
from outofband.providers.hybrid_compute import Machines
from outofband.providers.insights import ActivityLog
from outofband.providers.permissions import Permissions
from outofband.providers.resource_manager import ResourceGroups, Subscriptions, Tenants
from outofband.providers.serial_console.ports import SerialPorts
from outofband.providers.serial_console.services import ConsoleServices
from outofband.resources.declaration import ResourceType
from outofband.resources.registry import Registry
from outofband.store.store import Store


def declare(store: Store, authorizer: Authorizer, fleet: Fleet, sessions: Sessions) -> Registry:
    """The registry of this program."""

    def find(name: str) -> ResourceType | None:
        return registry.find(name)

    registry = Registry(
        [
            Tenants(store).declare(),
            Subscriptions(store, authorizer).declare(),
            ResourceGroups(store, find).declare(),
            RoleDefinitions(store, authorizer).declare(),
            DenyAssignments().declare(),
            RoleAssignments(store).declare(),
            Permissions(authorizer).declare(),
            ActivityLog(store).declare(),
            Machines(store, fleet).declare(),
            *declare_compute(store, authorizer, fleet, sessions),
            ConsoleServices(store, sessions).declare(),
            SerialPorts(store, authorizer, fleet, sessions).declare(),
        ]
    )
    return registry
