"""Azure's built-in roles for virtual machines and for connected machines."""

from __future__ import annotations

from outofband.access.role import Permission, Role

VIRTUAL_MACHINE_CONTRIBUTOR = "9980e02c-c2be-4d73-94e8-173b1dc7cf3c"
VIRTUAL_MACHINE_ADMINISTRATOR_LOGIN = "1c0163c0-47e6-4577-8991-ea5c82e286e4"
VIRTUAL_MACHINE_USER_LOGIN = "fb879df8-f326-4884-b1cf-06f3ad86be52"
CLASSIC_VIRTUAL_MACHINE_CONTRIBUTOR = "d73bb868-a0df-4d4d-bd69-98a00b01fccb"
MACHINE_ONBOARDING = "b64e21ea-ac4e-4cdf-9dc9-5b892992bee7"
MACHINE_RESOURCE_ADMINISTRATOR = "cd570a14-e51a-42ad-bac8-bafd67325302"

_LOGIN_READS = (
    "Microsoft.Network/publicIPAddresses/read",
    "Microsoft.Network/virtualNetworks/read",
    "Microsoft.Network/loadBalancers/read",
    "Microsoft.Network/networkInterfaces/read",
    "Microsoft.Compute/virtualMachines/*/read",
    "Microsoft.HybridCompute/machines/*/read",
    "Microsoft.HybridConnectivity/endpoints/listCredentials/action",
)
_LOGINS = ("Microsoft.Compute/virtualMachines/login/action", "Microsoft.HybridCompute/machines/login/action")
_ADMINISTRATOR_LOGINS = (
    "Microsoft.Compute/virtualMachines/loginAsAdmin/action",
    "Microsoft.HybridCompute/machines/loginAsAdmin/action",
)

MACHINE_ROLES = (
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
                    "Microsoft.Compute/cloudServices/*",
                    "Microsoft.Compute/disks/write",
                    "Microsoft.Compute/disks/read",
                    "Microsoft.Compute/disks/delete",
                    "Microsoft.DevTestLab/schedules/*",
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
                    "Microsoft.RecoveryServices/locations/*",
                    "Microsoft.RecoveryServices/Vaults/backupFabrics/backupProtectionIntent/write",
                    "Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/*/read",
                    "Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/read",
                    "Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/write",
                    "Microsoft.RecoveryServices/Vaults/backupPolicies/read",
                    "Microsoft.RecoveryServices/Vaults/backupPolicies/write",
                    "Microsoft.RecoveryServices/Vaults/read",
                    "Microsoft.RecoveryServices/Vaults/usages/read",
                    "Microsoft.RecoveryServices/Vaults/write",
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
    Role(
        id=VIRTUAL_MACHINE_ADMINISTRATOR_LOGIN,
        name="Virtual Machine Administrator Login",
        description="Signs in to machines as an administrator.",
        permissions=(Permission(actions=_LOGIN_READS, data_actions=(*_LOGINS, *_ADMINISTRATOR_LOGINS)),),
    ),
    Role(
        id=VIRTUAL_MACHINE_USER_LOGIN,
        name="Virtual Machine User Login",
        description="Signs in to machines as an ordinary user.",
        permissions=(Permission(actions=_LOGIN_READS, data_actions=_LOGINS),),
    ),
    Role(
        id=CLASSIC_VIRTUAL_MACHINE_CONTRIBUTOR,
        name="Classic Virtual Machine Contributor",
        description="Manages classic virtual machines, without access to what is in them.",
        permissions=(
            Permission(
                actions=(
                    "Microsoft.Authorization/*/read",
                    "Microsoft.ClassicCompute/domainNames/*",
                    "Microsoft.ClassicCompute/virtualMachines/*",
                    "Microsoft.ClassicNetwork/networkSecurityGroups/join/action",
                    "Microsoft.ClassicNetwork/reservedIps/link/action",
                    "Microsoft.ClassicNetwork/reservedIps/read",
                    "Microsoft.ClassicNetwork/virtualNetworks/join/action",
                    "Microsoft.ClassicNetwork/virtualNetworks/read",
                    "Microsoft.ClassicStorage/storageAccounts/disks/read",
                    "Microsoft.ClassicStorage/storageAccounts/images/read",
                    "Microsoft.ClassicStorage/storageAccounts/listKeys/action",
                    "Microsoft.ClassicStorage/storageAccounts/read",
                    "Microsoft.Insights/alertRules/*",
                    "Microsoft.ResourceHealth/availabilityStatuses/read",
                    "Microsoft.Resources/deployments/*",
                    "Microsoft.Resources/subscriptions/resourceGroups/read",
                    "Microsoft.Support/*",
                )
            ),
        ),
    ),
    Role(
        id=MACHINE_ONBOARDING,
        name="Azure Connected Machine Onboarding",
        description="Enrols connected machines.",
        permissions=(
            Permission(
                actions=(
                    "Microsoft.HybridCompute/machines/read",
                    "Microsoft.HybridCompute/machines/write",
                    "Microsoft.HybridCompute/privateLinkScopes/read",
                    "Microsoft.GuestConfiguration/guestConfigurationAssignments/read",
                )
            ),
        ),
    ),
    Role(
        id=MACHINE_RESOURCE_ADMINISTRATOR,
        name="Azure Connected Machine Resource Administrator",
        description="Reads, writes, deletes and enrols connected machines, and manages what runs on them.",
        permissions=(
            Permission(
                actions=(
                    "Microsoft.HybridCompute/machines/*",
                    "Microsoft.HybridCompute/machines/extensions/*",
                    "Microsoft.HybridCompute/machines/licenseProfiles/*",
                    "Microsoft.HybridCompute/machines/runCommands/*",
                    "Microsoft.HybridCompute/machines/UpgradeExtensions/action",
                    "Microsoft.HybridCompute/privateLinkScopes/*",
                    "Microsoft.HybridCompute/licenses/*",
                    "Microsoft.HybridCompute/locations/*",
                    "Microsoft.HybridCompute/*/read",
                    "Microsoft.Resources/deployments/*",
                )
            ),
        ),
    ),
)
