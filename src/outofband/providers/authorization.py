"""Microsoft.Authorization: role assignments at any scope, and the deny assignments there are none of."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from outofband.access.custom_roles import role_of
from outofband.access.decision import covers
from outofband.access.roles import BUILT_IN, OWNER, READER, Role, role_id
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.core.principal import PrincipalKind
from outofband.identity.owners import ROOT, Owners
from outofband.resources.declaration import Delete, Draft, Item, Page, Place, Put, ResourceType, Written
from outofband.resources.exchange import Call
from outofband.store.assignments import Assignment, scope_key
from outofband.store.groups import GROUP, Group
from outofband.store.people import User
from outofband.store.principals import ServicePrincipal
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.arm.filters import Condition, parse

SINCE = "2015-07-01"
VERSION = "2022-04-01"
NAMESPACE = "Microsoft.Authorization"
EVERYWHERE = frozenset(Place)
MAX_DESCRIPTION = 1024
_NEW_ASSIGNMENT = {
    "properties": {
        "roleDefinitionId": f"/providers/{NAMESPACE}/roleDefinitions/{READER}",
        "principalId": "the object id of a user, a service principal or a group",
    }
}


class RoleAssignmentProperties(msgspec.Struct, kw_only=True, rename="camel"):
    role_definition_id: str
    principal_id: str
    principal_type: str | None = None
    description: str | None = None
    condition: str | None = None


class RoleAssignments:
    """The list at a scope holds what is given on it, above it and inside it; `$filter` narrows that."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._owners = Owners(store, OWNER)

    def declare(self) -> ResourceType:
        return ResourceType(
            name=f"{NAMESPACE}/roleAssignments",
            about="a role assignment",
            many="role assignments",
            since=SINCE,
            version=VERSION,
            source=self,
            places=EVERYWHERE,
            lists=EVERYWHERE,
            put=Put(
                plan=self._put,
                properties=RoleAssignmentProperties,
                updated_status=201,
                example=_NEW_ASSIGNMENT,
            ),
            delete=Delete(plan=self._delete),
            filters="`atScope()`, `principalId eq 'ID'`, `assignedTo('ID')`, `roleDefinitionId eq 'ID'`",
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        found = await self._store.assignments.get(tx, call.principal.tenant, str(scope_of(rid)), rid.name)
        return _item(found, call.rid.subscription) if found is not None else None

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        wanted = _Wanted.of(parse(call.request.parameter("$filter")))
        holders = None
        if wanted.assigned_to is not None:
            # What it may act by: its own, and what the groups have that it is in.
            holders = {wanted.assigned_to, *await self._store.groups.of(tx, wanted.assigned_to)}
        page = await self._store.assignments.page(
            tx,
            call.principal.tenant,
            str(call.rid),
            above=call.rid.scopes(),
            below=wanted.below,
            principal_id=wanted.principal,
            principals=holders,
            role_id=wanted.role,
            after=after,
            limit=limit,
        )
        return Page(items=[_item(each, call.rid.subscription) for each in page.items], after=page.after)

    async def _put(self, call: Call, tx: Tx, draft: Draft, there: Item | None) -> Written:
        wanted: RoleAssignmentProperties = draft.properties
        tenant, scope = call.principal.tenant, scope_of(call.rid)
        name = guid(call.rid.name)
        if wanted.condition is not None:
            raise Fault("RoleAssignmentConditionNotSupported")
        if wanted.description is not None and len(wanted.description) > MAX_DESCRIPTION:
            detail = f"it has at most {MAX_DESCRIPTION} characters"
            raise Fault("InvalidParameter", target="description", detail=detail)
        role = await self._assignable(tx, tenant, wanted.role_definition_id, scope)
        principal = await self._principal(tx, wanted.principal_id)
        if principal is None or principal.tenant_id != tenant:
            raise Fault("PrincipalNotFound", principal=wanted.principal_id[:80], tenant=tenant)
        kind = _kind(principal)
        if wanted.principal_type is not None and wanted.principal_type.lower() != kind.lower():
            raise Fault(
                "UnmatchedPrincipalType",
                principal=principal.object_id,
                kind=kind,
                given=wanted.principal_type[:80],
            )
        added = await self._store.assignments.add(
            tx,
            Assignment(
                tenant_id=tenant,
                name=name,
                scope=str(scope),
                role_id=role.id,
                principal_id=principal.object_id,
                principal_type=kind,
                created=call.now,
                created_by=call.principal.object_id,
                description=wanted.description,
            ),
        )
        return Written(item=_item(added, call.rid.subscription), created=there is None)

    async def _assignable(self, tx: Tx, tenant: str, definition: str, scope: ResourceId) -> Role:
        """Raises Fault RoleDefinitionDoesNotExist, also for a custom role of somewhere else."""
        wanted = role_id(definition)
        role = BUILT_IN.get(wanted)
        if role is None:
            custom = await self._store.role_definitions.get(tx, tenant, wanted)
            role = role_of(custom) if custom is not None else None
        if role is None or not any(covers(scope_key(each), scope.key) for each in role.assignable_scopes):
            raise Fault("RoleDefinitionDoesNotExist", role=wanted[:80])
        return role

    async def _principal(self, tx: Tx, object_id: str) -> User | ServicePrincipal | Group | None:
        user = await self._store.people.get(tx, object_id)
        found = user or await self._store.principals.get(tx, object_id)
        return found or await self._store.groups.get(tx, object_id)

    async def _delete(self, call: Call, tx: Tx, there: Item) -> Any:
        found: Assignment = there.row
        if (found.role_id, found.scope_key) != (OWNER, ROOT):
            await self._store.assignments.remove(tx, found.tenant_id, found.scope, found.name)
            return
        who = await self._principal(tx, found.principal_id)
        name = found.principal_id if who is None else who.name
        async with self._owners.kept(tx, found.tenant_id, name):
            await self._store.assignments.remove(tx, found.tenant_id, found.scope, found.name)


class DenyAssignments:
    """There are none: what nobody was given is denied anyway. Clients ask before they show who has access."""

    def declare(self) -> ResourceType:
        return ResourceType(
            name=f"{NAMESPACE}/denyAssignments",
            about="a deny assignment; there is none",
            many="deny assignments: always none",
            since="2018-07-01",
            version=VERSION,
            source=self,
            places=EVERYWHERE,
            lists=EVERYWHERE,
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        return None

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        return Page(items=[])


class _Wanted(msgspec.Struct):
    """The `$filter` of the list."""

    below: bool = True
    principal: str | None = None
    assigned_to: str | None = None
    role: str | None = None

    @classmethod
    def of(cls, conditions: list[Condition]) -> _Wanted:
        """Raises Fault InvalidParameter."""
        wanted = cls()
        for each in conditions:
            match each.name, each.operator:
                case "principalid", "eq":
                    wanted.principal = _one(wanted.principal, each.value)
                case "assignedto", "call":
                    wanted.assigned_to = _one(wanted.assigned_to, each.value)
                case "atscope", "call":
                    wanted.below = False
                case "roledefinitionid", "eq":
                    wanted.role = role_id(each.value)
                case _:
                    raise unsupported(each)
        return wanted


def _one(there: str | None, value: str) -> str:
    """Two different ones at once are nobody: no object id has a blank in it."""
    return value.lower() if there in (None, value.lower()) else " "


def _kind(principal: User | ServicePrincipal | Group) -> str:
    if isinstance(principal, Group):
        return GROUP
    kind = PrincipalKind.USER if isinstance(principal, User) else PrincipalKind.SERVICE_PRINCIPAL
    return kind.value


def scope_of(rid: ResourceId) -> ResourceId:
    """What an assignment or definition hangs on."""
    return rid.parent or ResourceId(subscription=rid.subscription, group=rid.group)


def guid(name: str) -> str:
    """Raises Fault InvalidParameter."""
    try:
        return str(uuid.UUID(name))
    except ValueError as error:
        raise Fault("InvalidParameter", target="name", detail="it must be a GUID") from error


def unsupported(condition: Condition) -> Fault:
    detail = f"'{condition.name}' with '{condition.operator}' is not supported here"
    return Fault("InvalidParameter", target="$filter", detail=detail)


def _item(found: Assignment, asked_in: str | None) -> Item:
    """Clients find the name of the role by comparing ids, so it is told from where they ask."""
    rid = parse_id(found.id)
    subscription = asked_in or rid.subscription
    above = f"/subscriptions/{subscription}" if subscription else ""
    body = {
        "id": found.id,
        "name": found.name,
        "type": f"{NAMESPACE}/roleAssignments",
        "properties": {
            "roleDefinitionId": f"{above}/providers/{NAMESPACE}/roleDefinitions/{found.role_id}",
            "principalId": found.principal_id,
            "principalType": found.principal_type,
            "scope": found.scope,
            "description": found.description,
            "condition": None,
            "conditionVersion": None,
            "createdOn": clock.iso(found.created),
            "updatedOn": clock.iso(found.created),
            "createdBy": found.created_by,
            "updatedBy": found.created_by,
            "delegatedManagedIdentityResourceId": None,
        },
    }
    return Item(rid=rid, body=body, row=found)
