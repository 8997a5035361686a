"""Data actions: rights on what is inside a resource, which no action of Resource Manager gives."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"

DATA_ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        f"{_BLOBS}/read": "Read and list blobs",
        f"{_BLOBS}/write": "Write blobs",
        f"{_BLOBS}/delete": "Delete blobs",
        f"{_BLOBS}/add/action": "Add what is new to a container, and change nothing",
        f"{_BLOBS}/move/action": "Move blobs from one path to another",
        "Microsoft.Compute/virtualMachines/login/action": "Sign in to a VM as an ordinary user",
        "Microsoft.Compute/virtualMachines/loginAsAdmin/action": "Sign in to a VM as an administrator",
        "Microsoft.HybridCompute/machines/login/action": "Sign in to a machine as an ordinary user",
        "Microsoft.HybridCompute/machines/loginAsAdmin/action": "Sign in to a machine as an administrator",
    }
)
"""What they allow, by action."""
