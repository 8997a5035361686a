"""What every type of networks is given, and the words that they share."""

from __future__ import annotations

import msgspec

from outofband.access.authorizer import Authorizer
from outofband.store.store import Store
from outofband.wire.network.prefixes import Block

NAMESPACE = "Microsoft.Network"
SECURITY_GROUPS = f"{NAMESPACE}/networkSecurityGroups"
SECURITY_RULES = f"{SECURITY_GROUPS}/securityRules"
NETWORKS = f"{NAMESPACE}/virtualNetworks"
SUBNETS = f"{NETWORKS}/subnets"
INTERFACES = f"{NAMESPACE}/networkInterfaces"
CONFIGURATIONS = f"{INTERFACES}/ipConfigurations"
PUBLIC_ADDRESSES = f"{NAMESPACE}/publicIPAddresses"
ROUTE_TABLES = f"{NAMESPACE}/routeTables"
APPLICATION_GROUPS = f"{NAMESPACE}/applicationSecurityGroups"
WATCHERS = f"{NAMESPACE}/networkWatchers"
LOCATIONS = f"{NAMESPACE}/locations"

SINCE = "2014-12-01"
VERSION = "2024-05-01"
MACHINES = ("microsoft.compute/virtualmachines", "microsoft.compute/virtualmachinescalesets/virtualmachines")
"""Types, in lower case, whose network profile names network interfaces."""

LIMITS = {
    NETWORKS: ("VirtualNetworks", "Virtual Networks", 1000),
    SECURITY_GROUPS: ("NetworkSecurityGroups", "Network Security Groups", 5000),
    INTERFACES: ("NetworkInterfaces", "Network Interfaces", 65536),
    PUBLIC_ADDRESSES: ("PublicIPAddresses", "Public IP Addresses", 1000),
    ROUTE_TABLES: ("RouteTables", "Route Tables", 200),
    APPLICATION_GROUPS: ("ApplicationSecurityGroups", "Application Security Groups", 3000),
}
"""Azure's, for each subscription and location: the name in `usages`, the same to read, and how many."""


class House(msgspec.Struct, frozen=True):
    """`pool`: the public addresses that may be given out, from the settings; empty: there are none."""

    store: Store
    authorizer: Authorizer
    pool: tuple[Block, ...] = ()
