"""Built-in roles, with Azure's names, GUIDs and permissions: scripts name them by GUID."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec


class Permission(msgspec.Struct, frozen=True, kw_only=True):
    """Patterns of actions; `*` stands for any text, `/` included. `not_actions` takes away from `actions`
    here only.
    """

    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """A role definition. `id` is its GUID, lower case."""

    id: str
    name: str
    description: str
    permissions: tuple[Permission, ...]

    @property
    def resource_id(self) -> str:
        return f"/providers/Microsoft.Authorization/roleDefinitions/{self.id}"


OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
USER_ACCESS_ADMINISTRATOR = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"
VIRTUAL_MACHINE_CONTRIBUTOR = "9980e02c-c2be-4d73-94e8-173b1dc7cf3c"

_BUILT_IN = (
    Role(
        id=OWNER,
        name="Owner",
        description="Full access to all resources, the right to assign roles included.",
        permissions=(Permission(actions=("*",)),),
    ),
    Role(
        id=CONTRIBUTOR,
        name="Contributor",
        description="Full access to all resources, without the right to assign roles.",
        permissions=(
            Permission(
                actions=("*",),
                not_actions=(
                    "Microsoft.Authorization/*/Delete",
                    "Microsoft.Authorization/*/Write",
                    "Microsoft.Authorization/elevateAccess/Action",
                    "Microsoft.Blueprint/blueprintAssignments/write",
                    "Microsoft.Blueprint/blueprintAssignments/delete",
                    "Microsoft.Compute/galleries/share/action",
                    "Microsoft.Purview/consents/write",
                    "Microsoft.Purview/consents/delete",
                    "Microsoft.Resources/deploymentStacks/manageDenySetting/action",
                    "Microsoft.Subscription/cancel/action",
                    "Microsoft.Subscription/enable/action",
                ),
            ),
        ),
    ),
    Role(
        id=READER,
        name="Reader",
        description="Sees all resources and changes none.",
        permissions=(Permission(actions=("*/read",)),),
    ),
    Role(
        id=USER_ACCESS_ADMINISTRATOR,
        name="User Access Administrator",
        description="Manages who has access to resources.",
        permissions=(Permission(actions=("*/read", "Microsoft.Authorization/*", "Microsoft.Support/*")),),
    ),
    Role(
        id=VIRTUAL_MACHINE_CONTRIBUTOR,
        name="Virtual Machine Contributor",
        description="Manages virtual machines and opens their consoles, without managing who has access.",
        permissions=(
            Permission(
                actions=(
                    "Microsoft.Authorization/*/read",
                    "Microsoft.Compute/availabilitySets/*",
                    "Microsoft.Compute/locations/*",
                    "Microsoft.Compute/virtualMachines/*",
                    "Microsoft.Compute/virtualMachineScaleSets/*",
                    "Microsoft.Compute/disks/read",
                    "Microsoft.Compute/disks/write",
                    "Microsoft.Compute/disks/delete",
                    "Microsoft.Insights/alertRules/*",
                    "Microsoft.Network/applicationGateways/backendAddressPools/join/action",
                    "Microsoft.Network/loadBalancers/backendAddressPools/join/action",
                    "Microsoft.Network/loadBalancers/inboundNatPools/join/action",
                    "Microsoft.Network/loadBalancers/inboundNatRules/join/action",
                    "Microsoft.Network/loadBalancers/probes/join/action",
                    "Microsoft.Network/loadBalancers/read",
                    "Microsoft.Network/locations/*",
                    "Microsoft.Network/networkInterfaces/*",
                    "Microsoft.Network/networkSecurityGroups/join/action",
                    "Microsoft.Network/networkSecurityGroups/read",
                    "Microsoft.Network/publicIPAddresses/join/action",
                    "Microsoft.Network/publicIPAddresses/read",
                    "Microsoft.Network/virtualNetworks/read",
                    "Microsoft.Network/virtualNetworks/subnets/join/action",
                    "Microsoft.ResourceHealth/availabilityStatuses/read",
                    "Microsoft.Resources/deployments/*",
                    "Microsoft.Resources/subscriptions/resourceGroups/read",
                    "Microsoft.SerialConsole/serialPorts/connect/action",
                    "Microsoft.SqlVirtualMachine/*",
                    "Microsoft.Storage/storageAccounts/listKeys/action",
                    "Microsoft.Storage/storageAccounts/read",
                    "Microsoft.Support/*",
                ),
            ),
        ),
    ),
)

BUILT_IN: Mapping[str, Role] = MappingProxyType({role.id: role for role in _BUILT_IN})
"""Role definitions by GUID."""


def named(name: str) -> Role | None:
    """A built-in role by its display name, whatever the case."""
    return next((role for role in _BUILT_IN if role.name.lower() == name.lower()), None)


def role_id(definition: str) -> str:
    """The GUID at the end of a role definition's id, lower case."""
    return definition.rstrip("/").rpartition("/")[2].lower()
