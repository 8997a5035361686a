"""Microsoft.Authorization: built-in role definitions and role assignments, at any scope."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from outofband.access.roles import BUILT_IN, OWNER, READER, Role, role_id
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.core.principal import PrincipalKind
from outofband.identity.owners import ROOT, Owners
from outofband.providers.permissions import shape
from outofband.resources.declaration import Delete, Draft, Item, Page, Place, Put, ResourceType, Written
from outofband.resources.exchange import Call
from outofband.store.assignments import Assignment
from outofband.store.people import User
from outofband.store.principals import ServicePrincipal
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.arm.filters import Condition, parse

SINCE = "2015-07-01"
_VERSION = "2022-04-01"
_NAMESPACE = "Microsoft.Authorization"
_EVERYWHERE = frozenset(Place)
_NEW_ASSIGNMENT = {
    "properties": {
        "roleDefinitionId": f"/providers/{_NAMESPACE}/roleDefinitions/{READER}",
        "principalId": "the object id of a user or a service principal",
    }
}


class RoleDefinitions:
    def declare(self) -> ResourceType:
        return ResourceType(
            name=f"{_NAMESPACE}/roleDefinitions",
            about="a role definition",
            many="role definitions",
            since=SINCE,
            version=_VERSION,
            source=self,
            places=_EVERYWHERE,
            lists=_EVERYWHERE,
            filters="`roleName eq 'Reader'`, `type eq 'BuiltInRole'`",
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        role = BUILT_IN.get(rid.name.lower())
        return _definition(role, scope_of(rid)) if role is not None else None

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        conditions = parse(call.request.parameter("$filter"))
        found = [role for role in BUILT_IN.values() if all(_fits(role, each) for each in conditions)]
        return Page(items=[_definition(role, call.rid) for role in found])


class RoleAssignments:
    """The list at a scope holds what is given on it, above it and inside it; `$filter` narrows that."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._owners = Owners(store, OWNER)

    def declare(self) -> ResourceType:
        return ResourceType(
            name=f"{_NAMESPACE}/roleAssignments",
            about="a role assignment",
            many="role assignments",
            since=SINCE,
            version=_VERSION,
            source=self,
            places=_EVERYWHERE,
            lists=_EVERYWHERE,
            put=Put(
                plan=self._put,
                properties=RoleAssignmentProperties,
                updated_status=201,
                example=_NEW_ASSIGNMENT,
            ),
            delete=Delete(plan=self._delete),
            filters="`atScope()`, `principalId eq 'ID'`, `assignedTo('ID')`",
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        found = await self._store.assignments.get(tx, str(scope_of(rid)), rid.name)
        if found is None or not await self._is_ours(call, tx, found):
            return None
        return _assignment(found)

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        conditions = parse(call.request.parameter("$filter"))
        inside = not any(each == Condition("atscope", "call", "") for each in conditions)
        found = await self._store.assignments.at(tx, str(call.rid), below=inside)
        for scope in call.rid.scopes():
            if scope != call.rid.key:
                found += await self._store.assignments.at(tx, scope, below=False)
        chosen = sorted(
            (each for each in found if all(_meets(each, condition) for condition in conditions)),
            key=lambda each: each.id.lower(),
        )
        rest = [
            each
            for each in chosen
            if (after is None or each.id.lower() > after) and await self._is_ours(call, tx, each)
        ]
        return Page(
            items=[_assignment(each) for each in rest[:limit]],
            after=rest[limit - 1].id.lower() if len(rest) > limit else None,
        )

    async def _is_ours(self, call: Call, tx: Tx, assignment: Assignment) -> bool:
        """Every tenant has its own `/`: there, only what its own principals have is to be seen."""
        if call.rid.subscription is not None and assignment.scope_key != ROOT:
            return True
        found = await self._principal(tx, assignment.principal_id)
        return found is not None and found.tenant_id == call.principal.tenant

    async def _principal(self, tx: Tx, object_id: str) -> User | ServicePrincipal | None:
        user = await self._store.people.get(tx, object_id)
        return user or await self._store.principals.get(tx, object_id)

    async def _put(self, call: Call, tx: Tx, draft: Draft, there: Item | None) -> Written:
        wanted: RoleAssignmentProperties = draft.properties
        try:
            name = str(uuid.UUID(call.rid.name))
        except ValueError as error:
            raise Fault("InvalidParameter", target="name", detail="it must be a GUID") from error
        if wanted.condition is not None:
            raise Fault("InvalidParameter", target="condition", detail="conditions are not supported")
        role = BUILT_IN.get(role_id(wanted.role_definition_id))
        if role is None:
            raise Fault("RoleDefinitionDoesNotExist", role=role_id(wanted.role_definition_id)[:80])
        principal = await self._principal(tx, wanted.principal_id)
        if principal is None or principal.tenant_id != call.principal.tenant:
            raise Fault("PrincipalNotFound", principal=wanted.principal_id[:80], tenant=call.principal.tenant)
        kind = PrincipalKind.USER if isinstance(principal, User) else PrincipalKind.SERVICE_PRINCIPAL
        added = await self._store.assignments.add(
            tx,
            Assignment(
                name=name,
                scope=str(scope_of(call.rid)),
                role_id=role.id,
                principal_id=principal.object_id,
                principal_type=kind.value,
                created=call.now,
                created_by=call.principal.object_id,
            ),
        )
        return Written(item=_assignment(added), created=there is None)

    async def _delete(self, call: Call, tx: Tx, there: Item) -> Any:
        found = await self._store.assignments.get(tx, str(scope_of(call.rid)), call.rid.name)
        if found is not None and (found.role_id, found.scope_key) == (OWNER, ROOT):
            user = await self._store.people.get(tx, found.principal_id)
            if user is not None:
                await self._owners.require_another(tx, user)
        await self._store.assignments.remove(tx, str(scope_of(call.rid)), call.rid.name)


class RoleAssignmentProperties(msgspec.Struct, kw_only=True, rename="camel"):
    role_definition_id: str
    principal_id: str
    principal_type: str | None = None
    condition: str | None = None


def scope_of(rid: ResourceId) -> ResourceId:
    """What an assignment or definition hangs on."""
    return rid.parent or ResourceId(subscription=rid.subscription, group=rid.group)


def _definition(role: Role, scope: ResourceId) -> Item:
    above = f"/subscriptions/{scope.subscription}" if scope.subscription else ""
    body = {
        "id": f"{above}{role.resource_id}",
        "name": role.id,
        "type": f"{_NAMESPACE}/roleDefinitions",
        "properties": {
            "roleName": role.name,
            "type": "BuiltInRole",
            "description": role.description,
            "assignableScopes": ["/"],
            "permissions": [shape(each) for each in role.permissions],
        },
    }
    return Item(rid=parse_id(str(body["id"])), body=body)


def _assignment(found: Assignment) -> Item:
    rid = parse_id(found.id)
    above = f"/subscriptions/{rid.subscription}" if rid.subscription else ""
    body = {
        "id": found.id,
        "name": found.name,
        "type": f"{_NAMESPACE}/roleAssignments",
        "properties": {
            "roleDefinitionId": f"{above}{BUILT_IN[found.role_id].resource_id}"
            if found.role_id in BUILT_IN
            else found.role_id,
            "principalId": found.principal_id,
            "principalType": found.principal_type,
            "scope": found.scope,
            "condition": None,
            "conditionVersion": None,
            "createdOn": clock.iso(found.created),
            "updatedOn": clock.iso(found.created),
            "createdBy": found.created_by,
            "updatedBy": found.created_by,
        },
    }
    return Item(rid=rid, body=body)


def _fits(role: Role, condition: Condition) -> bool:
    match condition.name, condition.operator:
        case "rolename", "eq":
            return role.name.lower() == condition.value.lower()
        case "type", "eq":
            return condition.value.lower() == "builtinrole"
        case (("atscope" | "atscopeandbelow"), "call"):
            return True
    raise _unsupported(condition)


def _meets(assignment: Assignment, condition: Condition) -> bool:
    match condition.name, condition.operator:
        case "principalid", "eq":
            return assignment.principal_id == condition.value.lower()
        case "assignedto", "call":
            return assignment.principal_id == condition.value.lower()
        case "atscope", "call":
            return True
    raise _unsupported(condition)


def _unsupported(condition: Condition) -> Fault:
    detail = f"'{condition.name}' with '{condition.operator}' is not supported here"
    return Fault("InvalidParameter", target="$filter", detail=detail)
