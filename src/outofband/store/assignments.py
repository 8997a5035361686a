"""Role assignments: which principal has which role on which scope."""

from __future__ import annotations

from datetime import datetime

import msgspec
import sqlalchemy as sa

from outofband.core.errors import Fault
from outofband.store import tables
from outofband.store.columns import inside
from outofband.store.tx import Tx, columns

MAX_PER_PRINCIPAL = 2000
"""Assignments read for one decision; Azure allows 4000 in a whole subscription."""


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    """GUID, chosen by who makes the assignment."""
    scope: str
    role_id: str
    """GUID of the role definition, lower case."""
    principal_id: str
    principal_type: str
    created: datetime
    created_by: str

    @property
    def scope_key(self) -> str:
        return scope_key(self.scope)

    @property
    def id(self) -> str:
        return f"{self.scope.rstrip('/')}/providers/Microsoft.Authorization/roleAssignments/{self.name}"


def scope_key(scope: str) -> str:
    """Lower case, no slash at the end; `/` is the whole tenant."""
    return "/" + scope.strip("/").lower()


class Assignments:
    async def add(self, tx: Tx, assignment: Assignment) -> Assignment:
        """Add it, or give back the same one when it is there already under that name.

        Raises Fault RoleAssignmentExists when the principal has the role on the scope under another name, and
        RoleAssignmentUpdateNotPermitted when the name stands for something else.
        """
        there = await self.get(tx, assignment.scope, assignment.name)
        if there is not None:
            if (there.role_id, there.principal_id) != (
                assignment.role_id.lower(),
                assignment.principal_id.lower(),
            ):
                raise Fault("RoleAssignmentUpdateNotPermitted", name=assignment.name)
            return there
        row = msgspec.structs.replace(
            assignment, role_id=assignment.role_id.lower(), principal_id=assignment.principal_id.lower()
        )
        table = tables.role_assignments
        values = msgspec.structs.asdict(row) | {"scope_key": row.scope_key, "key": row.id.lower()}
        inserted = await tx.change(tx.insert(table).values(values).on_conflict_do_nothing())
        if not inserted:
            raise Fault("RoleAssignmentExists", name=assignment.name)
        return row

    async def get(self, tx: Tx, scope: str, name: str) -> Assignment | None:
        table = tables.role_assignments
        where = sa.and_(table.c.scope_key == scope_key(scope), sa.func.lower(table.c.name) == name.lower())
        return await tx.row(Assignment, columns(table, Assignment).where(where))

    async def of_principals(self, tx: Tx, principal_ids: list[str]) -> list[Assignment]:
        """Everything assigned to any of these principals (a caller and, later, its groups)."""
        table = tables.role_assignments
        wanted = [each.lower() for each in principal_ids]
        query = columns(table, Assignment).where(table.c.principal_id.in_(wanted))
        return await tx.rows(Assignment, query.limit(MAX_PER_PRINCIPAL))

    async def at(self, tx: Tx, scope: str, *, below: bool = True) -> list[Assignment]:
        """Assignments made on `scope` itself and, with `below`, on anything inside it."""
        table, key = tables.role_assignments, scope_key(scope)
        where: sa.ColumnElement[bool] = table.c.scope_key == key
        if below:
            where = sa.or_(where, inside(table.c.scope_key, key))
        return await tx.rows(Assignment, columns(table, Assignment).where(where).order_by(table.c.key))

    async def remove(self, tx: Tx, scope: str, name: str) -> bool:
        table = tables.role_assignments
        where = sa.and_(table.c.scope_key == scope_key(scope), sa.func.lower(table.c.name) == name.lower())
        return await tx.change(sa.delete(table).where(where)) > 0

    async def remove_of(self, tx: Tx, principal_id: str) -> int:
        """Take everything away from a principal that is removed."""
        table = tables.role_assignments
        return await tx.change(sa.delete(table).where(table.c.principal_id == principal_id.lower()))

    async def remove_below(self, tx: Tx, scope: str) -> int:
        """Forget the assignments of a scope that is deleted: its name may come back for something else."""
        table, key = tables.role_assignments, scope_key(scope)
        where = sa.or_(table.c.scope_key == key, inside(table.c.scope_key, key))
        return await tx.change(sa.delete(table).where(where))
