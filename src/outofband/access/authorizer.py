"""The decision for a caller, on what the store says now.

No cache between requests, on purpose: to know that a cached answer is still right costs the same one indexed
read as the answer, and a revoked role must be gone at the very next request, on every node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from outofband.access import decision
from outofband.access.custom_roles import roles_of
from outofband.access.role import Role
from outofband.access.roles import BUILT_IN
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.core.principal import Principal
from outofband.store.assignments import Assignment
from outofband.store.store import Store
from outofband.store.tx import Tx

GIVES = "Microsoft.Authorization/roleAssignments/write"
"""Whoever has it can have everything, on its scope."""


class Rights(msgspec.Struct, frozen=True):
    """What one caller may do, as of the unit of work that read it. Good for one request, not longer.

    Tenants are not its business: that the caller and the subscription are of one tenant is checked before
    (`Authority.require_tenant`).
    """

    principal: Principal
    assignments: Sequence[Assignment]
    roles: Mapping[str, Role] = BUILT_IN

    def allow(self, action: str, scope: ResourceId | str, *, data: bool = False) -> bool:
        return decision.allowed(action, str(scope), self.assignments, self.roles, data=data)

    def role_for(self, action: str, scope: ResourceId | str) -> str | None:
        """The name of a role that allows it, for the record of what was done by it."""
        role = decision.granting(action, str(scope), self.assignments, self.roles)
        return role.name if role is not None else None

    def allow_below(self, action: str, scope: ResourceId | str) -> bool:
        """Whether the action is allowed on the scope or on anything inside it; for lists of containers."""
        return decision.allowed_below(action, str(scope), self.assignments, self.roles)

    def require(self, action: str, scope: ResourceId | str, *, data: bool = False) -> None:
        """Raises Fault AuthorizationFailed."""
        if not self.allow(action, scope, data=data):
            raise Fault(
                "AuthorizationFailed",
                name=self.principal.name,
                object_id=self.principal.object_id,
                action=action,
                scope=str(scope),
            )

    def require_linked(
        self, needed: str, linked: ResourceId | str, *, action: str, scope: ResourceId
    ) -> None:
        """For `action` on `scope`, which is about another resource too: that `needed` is allowed on that one.

        Raises Fault LinkedAuthorizationFailed.
        """
        if not self.allow(needed, linked):
            raise self.refused_linked(needed, linked, action=action, scope=scope)

    def refused_linked(
        self, needed: str, linked: ResourceId | str, *, action: str, scope: ResourceId
    ) -> Fault:
        return Fault(
            "LinkedAuthorizationFailed",
            name=self.principal.name,
            object_id=self.principal.object_id,
            action=action,
            scope=str(scope),
            needed=needed,
            linked=str(linked),
        )


class Authorizer:
    """Reads rights. Inside a unit of work pass its `tx`: a write is then decided on the state it changes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def rights(self, principal: Principal, tx: Tx | None = None) -> Rights:
        """What the caller may do now."""
        if tx is not None:
            held = await self._store.assignments.of_caller(tx, principal.object_id)
            return Rights(principal, held, await roles_of(self._store, tx, principal.tenant, held))
        async with self._store.read() as snapshot:
            return await self.rights(principal, snapshot)

    async def require_not_above(self, principal: Principal, object_id: str, tx: Tx) -> None:
        """For a change of what proves `object_id` (a person or a program) or of who is in it (a group): that
        the caller may give roles wherever it may. Whoever resets the password of an Owner is one afterwards.

        Raises Fault AuthorizationFailed.
        """
        held = await self._store.assignments.of_caller(tx, object_id)
        known = await roles_of(self._store, tx, principal.tenant, held)
        giving = {
            each.scope
            for each in held
            if (role := known.get(each.role_id)) is not None and decision.role_allows(role, GIVES)
        }
        if giving:
            rights = await self.rights(principal, tx)
            for scope in sorted(giving):
                rights.require(GIVES, scope)

    async def require(
        self,
        principal: Principal,
        action: str,
        scope: ResourceId | str,
        tx: Tx | None = None,
        *,
        also: Sequence[str] = (),
    ) -> None:
        """Each of `also` suffices in place of `action`. Raises Fault AuthorizationFailed."""
        rights = await self.rights(principal, tx)
        if not any(rights.allow(each, scope) for each in also):
            rights.require(action, scope)
