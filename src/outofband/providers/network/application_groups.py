"""Microsoft.Network/applicationSecurityGroups: a name for some IP configurations, for rules to speak of."""

from __future__ import annotations

from typing import Any

from outofband.providers.network.family import Family, Form, Seen
from outofband.providers.network.house import APPLICATION_GROUPS
from outofband.resources.declaration import Draft, ResourceType
from outofband.store.resources import Resource


class ApplicationGroups(Family):
    type_name = APPLICATION_GROUPS
    about = "an application security group"
    many = "application security groups"
    in_use = "InUseApplicationSecurityGroupCannotBeDeleted"

    def types(self) -> list[ResourceType]:
        return [self.declare()]

    def form(self, draft: Draft, kept: Resource | None) -> Form:
        return Form(properties={})

    def render(self, row: Resource, seen: Seen) -> dict[str, Any]:
        return {}
