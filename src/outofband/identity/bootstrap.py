"""What the first start creates: a tenant, a subscription, a resource group, and the principal of the local
CLI.

Every step looks before it makes, so a start that was killed half-way is simply repeated.
"""

from __future__ import annotations

import re
import uuid
from datetime import datetime
from pathlib import Path

import msgspec

from outofband.core import secrets
from outofband.core.ids import ResourceId
from outofband.identity.names import DOMAIN
from outofband.store.assignments import Assignment
from outofband.store.directory import Subscription, Tenant
from outofband.store.principals import ServicePrincipal
from outofband.store.store import Store
from outofband.store.tx import Tx

TENANT_NAME = "Outofband"
SUBSCRIPTION_NAME = "Local"
RESOURCE_GROUP = "demo"
CLI_NAME = "oob (local)"
SECRET_LABEL = "local client profile"  # noqa: S105 - a label
SYSTEM = "system"
"""Who made what nobody asked for, in `created_by` fields."""
_SECRET = re.compile(r"^[A-Za-z0-9_-]{43}$")


class FirstStart(msgspec.Struct, frozen=True, kw_only=True):
    """What the client's profile is made of. The secret is in the file that `ensure` was given."""

    tenant_id: str
    subscription_id: str
    resource_group: str
    client_id: str
    object_id: str


async def ensure(
    store: Store, secret_file: Path, *, owner_role: str, now: datetime, location: str = "local"
) -> FirstStart:
    """Make what is missing; what there is then. `owner_role` is the GUID of the role the CLI gets.

    The secret's file comes first and the row follows it: a kill in between, or a file that was deleted, is
    put right by the next start.
    """
    secret = _secret(secret_file)

    async def work(tx: Tx) -> FirstStart:
        tenant = await _tenant(store, tx, now)
        subscription = await _subscription(store, tx, tenant, location, now)
        client = await _client(store, tx, tenant, owner_role, now)
        await _register(store, tx, client, secret, now)
        return FirstStart(
            tenant_id=tenant.id,
            subscription_id=subscription.id,
            resource_group=RESOURCE_GROUP,
            client_id=client.app_id,
            object_id=client.object_id,
        )

    return await store.transact(work)


def _secret(file: Path) -> str:
    try:
        kept = file.read_text("ascii", "replace").strip()
    except FileNotFoundError:
        kept = ""
    # Whatever is not one of ours may be weak, and would become a way in.
    if _SECRET.fullmatch(kept):
        return kept
    made = secrets.token()
    secrets.write_private(file, made + "\n")
    return made


async def _tenant(store: Store, tx: Tx, now: datetime) -> Tenant:
    if there := await store.directory.tenants(tx):
        first = there[0]
        if first.domain is None:
            await store.directory.set_domain(tx, first.id, DOMAIN)
        return msgspec.structs.replace(first, domain=first.domain or DOMAIN)
    made = Tenant(id=str(uuid.uuid4()), name=TENANT_NAME, domain=DOMAIN, created=now)
    await store.directory.add_tenant(tx, made)
    return made


async def _subscription(store: Store, tx: Tx, tenant: Tenant, location: str, now: datetime) -> Subscription:
    if there := await store.directory.subscriptions(tx, tenant.id):
        return there[0]
    made = Subscription(
        id=str(uuid.uuid4()), tenant_id=tenant.id, name=SUBSCRIPTION_NAME, state="Enabled", created=now
    )
    await store.directory.add_subscription(tx, made)
    group = ResourceId(subscription=made.id, group=RESOURCE_GROUP)
    await store.resources.put(tx, group, now=now, by=SYSTEM, location=location)
    return made


async def _client(store: Store, tx: Tx, tenant: Tenant, role: str, now: datetime) -> ServicePrincipal:
    for each in await store.principals.of_tenant(tx, tenant.id):
        if each.name == CLI_NAME:
            return each
    made = ServicePrincipal(
        object_id=str(uuid.uuid4()),
        app_id=str(uuid.uuid4()),
        tenant_id=tenant.id,
        name=CLI_NAME,
        disabled=False,
        created=now,
    )
    await store.principals.add(tx, made)
    # With the principal, once: a start never gives back a right that somebody took away.
    assignment = Assignment(
        tenant_id=tenant.id,
        name=str(uuid.uuid4()),
        scope="/",
        role_id=role,
        principal_id=made.object_id,
        principal_type="ServicePrincipal",
        created=now,
        created_by=SYSTEM,
    )
    await store.assignments.add(tx, assignment)
    return made


async def _register(store: Store, tx: Tx, client: ServicePrincipal, secret: str, now: datetime) -> None:
    kept = await store.principals.secrets(tx, client.object_id)
    mine = [each for each in kept if each.label == SECRET_LABEL]
    if any(each.matches(secret) for each in mine):
        return
    # The file was lost: whoever has the old secret now is not the local client.
    for each in mine:
        await store.principals.remove_secret(tx, each.id)
    await store.principals.add_secret(tx, client.object_id, label=SECRET_LABEL, now=now, secret=secret)
