"""Tenants, principals with secrets, role assignments, signing keys."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from outofband.core.errors import Fault
from outofband.store.assignments import Assignment
from outofband.store.directory_tables import client_secrets
from outofband.store.keyring import StoredKey
from outofband.store.principals import ServicePrincipal
from outofband.store.store import Store
from tests.unit.store.conftest import SUBSCRIPTION, TENANT

pytestmark = pytest.mark.anyio
DAY = timedelta(days=1)
PERSON = "aaaaaaaa-0000-0000-0000-00000000000a"


def principal(now: datetime) -> ServicePrincipal:
    return ServicePrincipal(
        object_id=PERSON, app_id="bbbb", tenant_id=TENANT, name="robot", disabled=False, created=now
    )


def assignment(now: datetime, scope: str, name: str | None = None, role: str = "R") -> Assignment:
    return Assignment(
        tenant_id=TENANT,
        name=name or str(uuid.uuid4()),
        scope=scope,
        role_id=role,
        principal_id=PERSON,
        principal_type="ServicePrincipal",
        created=now,
        created_by="ann",
    )


async def test_directory(populated: Store) -> None:
    store = populated
    async with store.read() as tx:
        by_id, by_domain = [await store.directory.tenant(tx, name) for name in (TENANT, "LAB.example")]
        assert by_id is not None and by_id == by_domain
        assert await store.directory.tenant(tx, "other") is None
        found = await store.directory.require_subscription(tx, SUBSCRIPTION.upper())
        assert [found] == await store.directory.subscriptions(tx, TENANT)
        assert await store.directory.subscriptions(tx, "other") == []
        with pytest.raises(Fault, match="SubscriptionNotFound"):
            await store.directory.require_subscription(tx, "other")


async def test_a_secret_is_kept_as_its_digest_only(populated: Store, now: datetime) -> None:
    store = populated
    async with store.write() as tx:
        await store.principals.add(tx, principal(now))
        first, secret = await store.principals.add_secret(tx, PERSON, label="one", now=now, expires=now + DAY)
        await store.principals.add_secret(tx, PERSON, label="two", now=now + DAY, secret="given")
        kept = await store.principals.secrets(tx, PERSON)
        row = await tx.fetch(sa.select(client_secrets))
    assert len(secret) >= 43
    assert secret not in str(row) and "given" not in str(row)
    assert [each.label for each in kept] == ["two", "one"]
    assert [each.matches(secret) for each in kept] == [False, True]
    assert [each.matches("given") for each in kept] == [True, False]
    assert (first.ended(now), first.ended(now + DAY), kept[0].ended(now + 999 * DAY)) == (False, True, False)


async def test_a_removed_principal_takes_its_secrets_along(populated: Store, now: datetime) -> None:
    store = populated
    async with store.write() as tx:
        await store.principals.add(tx, principal(now))
        await store.principals.add_secret(tx, PERSON, label="one", now=now)
        assert await store.principals.set_disabled(tx, PERSON, True)
        found = await store.principals.by_app(tx, "BBBB")
        assert found is not None and found.disabled
        assert await store.principals.remove(tx, PERSON)
        assert not await store.principals.remove(tx, PERSON)
        assert await store.principals.secrets(tx, PERSON) == []
        assert await store.principals.get(tx, PERSON) is None


async def test_assignments_compare_without_case(store: Store, now: datetime) -> None:
    async with store.write() as tx:
        made = await store.assignments.add(tx, assignment(now, "/subscriptions/S/", "N1", role="ROLE"))
        again = await store.assignments.add(tx, assignment(now + DAY, "/Subscriptions/s", "n1", role="role"))
        assert again == made
        assert (made.role_id, made.scope_key) == ("role", "/subscriptions/s")
        with pytest.raises(Fault, match="RoleAssignmentExists"):
            await store.assignments.add(tx, assignment(now, "/subscriptions/s", "other", role="ROLE"))
        with pytest.raises(Fault, match="RoleAssignmentUpdateNotPermitted"):
            await store.assignments.add(tx, assignment(now, "/subscriptions/s", "N1", role="another"))
        assert await store.assignments.of_principals(tx, [PERSON.upper()]) == [made]
        assert await store.assignments.of_principals(tx, ["x"]) == []
        assert await store.assignments.remove(tx, TENANT, "/SUBSCRIPTIONS/S", "N1")
        assert not await store.assignments.remove(tx, TENANT, "/subscriptions/s", "N1")


async def test_assignments_of_a_scope_and_below(store: Store, now: datetime) -> None:
    scopes = ["/", "/subscriptions/s", "/subscriptions/s/resourceGroups/G", "/subscriptions/s2"]
    async with store.write() as tx:
        for scope in scopes:
            await store.assignments.add(tx, assignment(now, scope))

        async def at(scope: str, below: bool) -> list[str]:
            page = await store.assignments.page(tx, TENANT, scope, below=below)
            return [each.scope for each in page.items]

        assert sorted(await at("/", True)) == scopes
        assert await at("/", False) == ["/"]
        assert await at("/subscriptions/S", True) == scopes[1:3]
        assert await at("/subscriptions/S", False) == scopes[1:2]
        assert await store.assignments.remove_below(tx, "/subscriptions/S") == 2
        assert sorted(await at("/", True)) == ["/", "/subscriptions/s2"]


async def test_keys_are_trusted_until_they_end(store: Store, now: datetime) -> None:
    def key(kid: str, active: datetime) -> StoredKey:
        return StoredKey(
            kid=kid,
            use="token",
            algorithm="RS256",
            public={"kid": kid},
            private=b"\x00secret",
            wrap="none",
            created=now,
            active_from=active,
            retired=None,
            expires=None,
        )

    async with store.write() as tx:
        await store.keyring.add(tx, key("old", now))
        await store.keyring.add(tx, key("new", now + DAY))
        await store.keyring.retire(tx, "old", retired=now + DAY, expires=now + 2 * DAY)

        async def trusted(when: datetime) -> list[str]:
            return [each.kid for each in await store.keyring.trusted(tx, "token", when)]

        assert await trusted(now) == ["new", "old"]
        assert await trusted(now + 2 * DAY) == ["new"]
        assert await store.keyring.trusted(tx, "grant", now) == []
        found = (await store.keyring.trusted(tx, "token", now))[1]
        assert (found.private, found.public, found.retired) == (b"\x00secret", {"kid": "old"}, now + DAY)
        assert "secret" not in repr(found)
        assert await store.keyring.prune(tx, now + 3 * DAY) == 1
