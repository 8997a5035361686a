"""Role assignments: which principal has which role on which scope."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

import msgspec
import sqlalchemy as sa

from outofband.core.errors import Fault
from outofband.store import tables
from outofband.store.columns import Text, inside
from outofband.store.groups import holders_of
from outofband.store.query import Query
from outofband.store.tx import Tx, columns

MAX_PER_PRINCIPAL = 2000
"""Assignments read for one decision; Azure allows 4000 in a whole subscription."""
MAX_PAGE = 1000


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    tenant_id: str
    """Of the principal. Every tenant has a `/` of its own, so a scope alone does not say whose it is."""
    name: str
    """GUID, chosen by who makes the assignment."""
    scope: str
    role_id: str
    """GUID of the role definition, lower case."""
    principal_id: str
    principal_type: str
    created: datetime
    created_by: str
    description: str | None = None

    @property
    def key(self) -> str:
        return key_of(self.tenant_id, self.scope, self.name)

    @property
    def scope_key(self) -> str:
        return scope_key(self.scope)

    @property
    def id(self) -> str:
        return f"{self.scope.rstrip('/')}/providers/Microsoft.Authorization/roleAssignments/{self.name}"


class AssignmentPage(msgspec.Struct, frozen=True, kw_only=True):
    items: list[Assignment]
    after: str | None


def scope_key(scope: str) -> str:
    """Lower case, no slash at the end; `/` is the whole tenant."""
    return "/" + scope.strip("/").lower()


def key_of(tenant_id: str, scope: str, name: str) -> str:
    """What an assignment is found by, and what lists are ordered by."""
    above = scope_key(scope).rstrip("/")
    return f"/tenants/{tenant_id}{above}/providers/Microsoft.Authorization/roleAssignments/{name}".lower()


_OF_ONE = Query(
    Assignment,
    columns(tables.role_assignments, Assignment)
    .where(tables.role_assignments.c.principal_id == sa.bindparam("principal"))
    .limit(MAX_PER_PRINCIPAL),
)
_HELD = holders_of(sa.bindparam("principal", type_=Text))
_OF_CALLER = Query(
    Assignment,
    columns(tables.role_assignments, Assignment)
    .where(tables.role_assignments.c.principal_id.in_(sa.select(_HELD.c.id)))
    .limit(MAX_PER_PRINCIPAL),
)


class Assignments:
    async def add(self, tx: Tx, assignment: Assignment) -> Assignment:
        """Add it. When it is there already under that name only its description may be another, and changes.
        A principal has as many at most as one decision reads: others could crowd out what it may do.

        Raises Fault RoleAssignmentExists when the principal has the role on the scope under another name,
        RoleAssignmentUpdateNotPermitted when the name stands for something else, and
        RoleAssignmentLimitExceeded.
        """
        there = await self.get(tx, assignment.tenant_id, assignment.scope, assignment.name)
        if there is not None:
            if (there.role_id, there.principal_id) != (
                assignment.role_id.lower(),
                assignment.principal_id.lower(),
            ):
                raise Fault("RoleAssignmentUpdateNotPermitted", name=assignment.name)
            if there.description == assignment.description:
                return there
            table = tables.role_assignments
            described = sa.update(table).where(table.c.key == there.key)
            await tx.change(described.values(description=assignment.description))
            return msgspec.structs.replace(there, description=assignment.description)
        row = msgspec.structs.replace(
            assignment, role_id=assignment.role_id.lower(), principal_id=assignment.principal_id.lower()
        )
        table = tables.role_assignments
        values = msgspec.structs.asdict(row) | {"scope_key": row.scope_key, "key": row.key}
        inserted = await tx.change(tx.insert(table).values(values).on_conflict_do_nothing())
        if not inserted:
            raise Fault("RoleAssignmentExists", name=assignment.name)
        held = sa.select(sa.func.count()).select_from(table).where(table.c.principal_id == row.principal_id)
        if await tx.value(held) > MAX_PER_PRINCIPAL:
            raise Fault("RoleAssignmentLimitExceeded", principal=row.principal_id, limit=MAX_PER_PRINCIPAL)
        return row

    async def get(self, tx: Tx, tenant_id: str, scope: str, name: str) -> Assignment | None:
        table = tables.role_assignments
        there = columns(table, Assignment).where(table.c.key == key_of(tenant_id, scope, name))
        return await tx.row(Assignment, there)

    async def of_caller(self, tx: Tx, principal_id: str) -> list[Assignment]:
        """Everything that somebody may act by: what is assigned to it, and to each group it is in."""
        return await tx.all(_OF_CALLER, principal=principal_id.lower())

    async def of_principals(self, tx: Tx, principal_ids: list[str]) -> list[Assignment]:
        """Everything assigned to these principals themselves."""
        table = tables.role_assignments
        wanted = [each.lower() for each in principal_ids]
        if len(wanted) == 1:
            return await tx.all(_OF_ONE, principal=wanted[0])
        query = columns(table, Assignment).where(table.c.principal_id.in_(wanted))
        return await tx.rows(Assignment, query.limit(MAX_PER_PRINCIPAL))

    async def at(self, tx: Tx, tenant_id: str, scope: str) -> list[Assignment]:
        """Assignments made on `scope` itself."""
        table = tables.role_assignments
        where = sa.and_(table.c.tenant_id == tenant_id, table.c.scope_key == scope_key(scope))
        return await tx.rows(Assignment, columns(table, Assignment).where(where).order_by(table.c.key))

    async def of_role(self, tx: Tx, tenant_id: str, role_id: str) -> list[Assignment]:
        table = tables.role_assignments
        where = sa.and_(table.c.tenant_id == tenant_id, table.c.role_id == role_id.lower())
        return await tx.rows(Assignment, columns(table, Assignment).where(where).order_by(table.c.key))

    async def page(
        self,
        tx: Tx,
        tenant_id: str,
        scope: str,
        *,
        above: Iterable[str] = (),
        below: bool = True,
        principal_id: str | None = None,
        principals: Collection[str] | None = None,
        role_id: str | None = None,
        after: str | None = None,
        limit: int = MAX_PAGE,
    ) -> AssignmentPage:
        """Those of one tenant on `scope`, on the scopes `above` and, with `below`, on anything inside it.
        `principals` are all whose may be shown. `after` is what the page before gave.
        """
        table = tables.role_assignments
        keys = {scope_key(scope), *map(scope_key, above)}
        where: sa.ColumnElement[bool] = table.c.scope_key.in_(keys)
        if below:
            where = sa.or_(where, inside(table.c.scope_key, scope_key(scope)))
        query = columns(table, Assignment).where(table.c.tenant_id == tenant_id, where)
        if principal_id is not None:
            query = query.where(table.c.principal_id == principal_id.lower())
        if principals is not None:
            query = query.where(table.c.principal_id.in_([each.lower() for each in principals]))
        if role_id is not None:
            query = query.where(table.c.role_id == role_id.lower())
        if after is not None:
            query = query.where(table.c.key > after)
        size = max(1, min(limit, MAX_PAGE))
        found = await tx.rows(Assignment, query.order_by(table.c.key).limit(size + 1))
        more = len(found) > size
        return AssignmentPage(items=found[:size], after=found[size - 1].key if more else None)

    async def remove(self, tx: Tx, tenant_id: str, scope: str, name: str) -> bool:
        """Take a role away, which is felt at the next request: no token says what its principal may do."""
        table = tables.role_assignments
        gone = sa.delete(table).where(table.c.key == key_of(tenant_id, scope, name))
        return await tx.change(gone) > 0

    async def remove_of(self, tx: Tx, principal_id: str) -> int:
        """Take everything away from a principal that is removed."""
        table = tables.role_assignments
        return await tx.change(sa.delete(table).where(table.c.principal_id == principal_id.lower()))

    async def remove_below(self, tx: Tx, scope: str) -> int:
        """Forget the assignments of a scope that is deleted: its name may come back for something else."""
        table, key = tables.role_assignments, scope_key(scope)
        where = sa.or_(table.c.scope_key == key, inside(table.c.scope_key, key))
        return await tx.change(sa.delete(table).where(where))
