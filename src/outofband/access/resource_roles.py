"""Azure's built-in roles for networks, storage accounts and the blobs in them."""

from __future__ import annotations

from outofband.access.role import Permission, Role

NETWORK_CONTRIBUTOR = "4d97b98b-1d4f-4787-a291-c67834d212e7"
STORAGE_ACCOUNT_CONTRIBUTOR = "17d1049b-9a84-46fb-8f53-869881c3d3ab"
STORAGE_ACCOUNT_KEY_OPERATOR = "81a9662b-bebf-436f-a333-f67b29880f12"
READER_AND_DATA_ACCESS = "c12c1c16-33a1-487b-954d-41c89c60f349"
BLOB_DATA_OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
BLOB_DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
BLOB_DATA_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
BLOB_DELEGATOR = "db58b8e5-c6ad-4a2a-8342-4190687cbf4a"

_ACCOUNTS = "Microsoft.Storage/storageAccounts"
_CONTAINERS = f"{_ACCOUNTS}/blobServices/containers"
_BLOBS = f"{_CONTAINERS}/blobs"
_DELEGATE = f"{_ACCOUNTS}/blobServices/generateUserDelegationKey/action"

RESOURCE_ROLES = (
    Role(
        id=NETWORK_CONTRIBUTOR,
        name="Network Contributor",
        description="Manages networks, without managing who has access to them.",
        permissions=(
            Permission(
                actions=(
                    "Microsoft.Authorization/*/read",
                    "Microsoft.Insights/alertRules/*",
                    "Microsoft.Network/*",
                    "Microsoft.ResourceHealth/availabilityStatuses/read",
                    "Microsoft.Resources/deployments/*",
                    "Microsoft.Resources/subscriptions/resourceGroups/read",
                    "Microsoft.Support/*",
                )
            ),
        ),
    ),
    Role(
        id=STORAGE_ACCOUNT_CONTRIBUTOR,
        name="Storage Account Contributor",
        description="Manages storage accounts, their keys included: who has a key has all data.",
        permissions=(
            Permission(
                actions=(
                    "Microsoft.Authorization/*/read",
                    "Microsoft.Insights/alertRules/*",
                    "Microsoft.Insights/diagnosticSettings/*",
                    "Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action",
                    "Microsoft.ResourceHealth/availabilityStatuses/read",
                    "Microsoft.Resources/deployments/*",
                    "Microsoft.Resources/subscriptions/resourceGroups/read",
                    f"{_ACCOUNTS}/*",
                    "Microsoft.Support/*",
                )
            ),
        ),
    ),
    Role(
        id=STORAGE_ACCOUNT_KEY_OPERATOR,
        name="Storage Account Key Operator Service Role",
        description="Lists the keys of storage accounts and makes new ones.",
        permissions=(
            Permission(actions=(f"{_ACCOUNTS}/listkeys/action", f"{_ACCOUNTS}/regeneratekey/action")),
        ),
    ),
    Role(
        id=READER_AND_DATA_ACCESS,
        name="Reader and Data Access",
        description="Sees storage accounts and, with their keys, all data in them.",
        permissions=(
            Permission(
                actions=(
                    f"{_ACCOUNTS}/listKeys/action",
                    f"{_ACCOUNTS}/ListAccountSas/action",
                    f"{_ACCOUNTS}/read",
                )
            ),
        ),
    ),
    Role(
        id=BLOB_DATA_OWNER,
        name="Storage Blob Data Owner",
        description="Full access to containers and blobs.",
        permissions=(Permission(actions=(f"{_CONTAINERS}/*", _DELEGATE), data_actions=(f"{_BLOBS}/*",)),),
    ),
    Role(
        id=BLOB_DATA_CONTRIBUTOR,
        name="Storage Blob Data Contributor",
        description="Reads, writes and deletes containers and blobs.",
        permissions=(
            Permission(
                actions=(
                    f"{_CONTAINERS}/delete",
                    f"{_CONTAINERS}/read",
                    f"{_CONTAINERS}/write",
                    _DELEGATE,
                ),
                data_actions=(
                    f"{_BLOBS}/delete",
                    f"{_BLOBS}/read",
                    f"{_BLOBS}/write",
                    f"{_BLOBS}/move/action",
                    f"{_BLOBS}/add/action",
                ),
            ),
        ),
    ),
    Role(
        id=BLOB_DATA_READER,
        name="Storage Blob Data Reader",
        description="Reads and lists containers and blobs.",
        permissions=(
            Permission(actions=(f"{_CONTAINERS}/read", _DELEGATE), data_actions=(f"{_BLOBS}/read",)),
        ),
    ),
    Role(
        id=BLOB_DELEGATOR,
        name="Storage Blob Delegator",
        description="Gets a key that signs access to containers and blobs in its holder's own name.",
        permissions=(Permission(actions=(_DELEGATE,)),),
    ),
)
