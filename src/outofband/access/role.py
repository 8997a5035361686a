"""What a role is: a name with patterns of actions."""

from __future__ import annotations

import msgspec

EVERYWHERE = ("/",)


class Permission(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
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
    custom: bool = False
    assignable_scopes: tuple[str, ...] = EVERYWHERE

    @property
    def resource_id(self) -> str:
        return f"/providers/Microsoft.Authorization/roleDefinitions/{self.id}"
