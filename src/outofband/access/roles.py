"""Built-in roles, with Azure's names, GUIDs and permissions: scripts name them by GUID."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from outofband.access.console_roles import CONSOLE_OBSERVER, CONSOLE_OPERATOR, CONSOLE_ROLES
from outofband.access.general_roles import (
    CONTRIBUTOR,
    GENERAL_ROLES,
    OWNER,
    RBAC_ADMINISTRATOR,
    READER,
    TAG_CONTRIBUTOR,
    USER_ACCESS_ADMINISTRATOR,
)
from outofband.access.machine_roles import (
    MACHINE_ONBOARDING,
    MACHINE_ROLES,
    VIRTUAL_MACHINE_ADMINISTRATOR_LOGIN,
    VIRTUAL_MACHINE_CONTRIBUTOR,
    VIRTUAL_MACHINE_USER_LOGIN,
)
from outofband.access.resource_roles import (
    BLOB_DATA_CONTRIBUTOR,
    BLOB_DATA_OWNER,
    BLOB_DATA_READER,
    NETWORK_CONTRIBUTOR,
    RESOURCE_ROLES,
    STORAGE_ACCOUNT_CONTRIBUTOR,
)
from outofband.access.role import Permission, Role

__all__ = [
    "BLOB_DATA_CONTRIBUTOR",
    "BLOB_DATA_OWNER",
    "BLOB_DATA_READER",
    "BUILT_IN",
    "CONSOLE_OBSERVER",
    "CONSOLE_OPERATOR",
    "CONTRIBUTOR",
    "MACHINE_ONBOARDING",
    "NETWORK_CONTRIBUTOR",
    "OWNER",
    "RBAC_ADMINISTRATOR",
    "READER",
    "STORAGE_ACCOUNT_CONTRIBUTOR",
    "TAG_CONTRIBUTOR",
    "USER_ACCESS_ADMINISTRATOR",
    "VIRTUAL_MACHINE_ADMINISTRATOR_LOGIN",
    "VIRTUAL_MACHINE_CONTRIBUTOR",
    "VIRTUAL_MACHINE_USER_LOGIN",
    "Permission",
    "Role",
    "named",
    "role_id",
]

_BUILT_IN = (*GENERAL_ROLES, *MACHINE_ROLES, *RESOURCE_ROLES, *CONSOLE_ROLES)

BUILT_IN: Mapping[str, Role] = MappingProxyType({role.id: role for role in _BUILT_IN})
"""Role definitions by GUID."""


def named(name: str) -> Role | None:
    """A built-in role by its display name, whatever the case."""
    return next((role for role in _BUILT_IN if role.name.lower() == name.lower()), None)


def role_id(definition: str) -> str:
    """The GUID at the end of a role definition's id, lower case."""
    return definition.rstrip("/").rpartition("/")[2].lower()
