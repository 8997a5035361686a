"""Microsoft.Authorization/permissions: what the caller may do at a scope; a page greys out the rest."""

from __future__ import annotations

from outofband.access.authorizer import Authorizer
from outofband.access.decision import covers
from outofband.access.roles import Permission
from outofband.core.ids import ResourceId
from outofband.resources.declaration import Item, Page, Place, ResourceType
from outofband.resources.exchange import Call
from outofband.store.tx import Tx


class Permissions:
    """One entry for each permission of each role that reaches the scope, without saying where it was given.

    Whoever asks about a scope learns nothing of it: the answer is the same when it is not there.
    """

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    def declare(self) -> ResourceType:
        return ResourceType(
            name="Microsoft.Authorization/permissions",
            about="a permission of the caller at a scope",
            many="what the caller may do",
            since="2015-07-01",
            version="2022-04-01",
            source=self,
            places=frozenset(),
            lists=frozenset(Place),
            open_list=True,
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        return None

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        rights = await self._authorizer.rights(call.principal, tx)
        reaching = {each.role_id for each in rights.assignments if covers(each.scope_key, call.rid.key)}
        found = [
            each for role in sorted(reaching & rights.roles.keys()) for each in rights.roles[role].permissions
        ]
        return Page(items=[Item(rid=call.rid, body=shape(each)) for each in found])


def shape(permission: Permission) -> dict[str, list[str]]:
    """A permission in Resource Manager's words."""
    return {
        "actions": list(permission.actions),
        "notActions": list(permission.not_actions),
        "dataActions": list(permission.data_actions),
        "notDataActions": list(permission.not_data_actions),
    }
