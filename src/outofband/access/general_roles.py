"""Azure's built-in roles for resources of every kind, and for who may do what with them."""

from __future__ import annotations

from outofband.access.role import Permission, Role

OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
USER_ACCESS_ADMINISTRATOR = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"
RBAC_ADMINISTRATOR = "f58310d9-a9f6-439a-9e8d-f62e7b41a168"
TAG_CONTRIBUTOR = "4a9ae827-6dc8-4573-8ac7-8239d42aa03f"
LOCKS_CONTRIBUTOR = "28bf596f-4eb7-45ce-b5bc-6cf482fec137"
MONITORING_READER = "43d0d8ad-25c7-4714-9337-8ba259a9fe05"

GENERAL_ROLES = (
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
        id=RBAC_ADMINISTRATOR,
        name="Role Based Access Control Administrator",
        description="Manages who has access to resources by assigning roles, and in no other way.",
        permissions=(
            Permission(
                actions=(
                    "Microsoft.Authorization/roleAssignments/write",
                    "Microsoft.Authorization/roleAssignments/delete",
                    "*/read",
                    "Microsoft.Support/*",
                )
            ),
        ),
    ),
    Role(
        id=TAG_CONTRIBUTOR,
        name="Tag Contributor",
        description="Manages the tags of resources without access to the resources themselves.",
        permissions=(
            Permission(
                actions=(
                    "Microsoft.Authorization/*/read",
                    "Microsoft.Resources/subscriptions/resourceGroups/read",
                    "Microsoft.Resources/subscriptions/resourceGroups/resources/read",
                    "Microsoft.Resources/subscriptions/resources/read",
                    "Microsoft.Resources/deployments/*",
                    "Microsoft.Insights/alertRules/*",
                    "Microsoft.Support/*",
                    "Microsoft.Resources/tags/*",
                )
            ),
        ),
    ),
    Role(
        id=LOCKS_CONTRIBUTOR,
        name="Locks Contributor",
        description="Sets and takes away locks of resources.",
        permissions=(
            Permission(
                actions=(
                    "Microsoft.Authorization/locks/read",
                    "Microsoft.Authorization/locks/write",
                    "Microsoft.Authorization/locks/delete",
                )
            ),
        ),
    ),
    Role(
        id=MONITORING_READER,
        name="Monitoring Reader",
        description="Reads all monitoring data.",
        permissions=(
            Permission(
                actions=(
                    "*/read",
                    "Microsoft.OperationalInsights/workspaces/search/action",
                    "Microsoft.Support/*",
                )
            ),
        ),
    ),
)
