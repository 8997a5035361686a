"""Who may stay at a console, on what the store says."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from outofband.access.roles import (
    CONSOLE_OBSERVER,
    CONSOLE_OPERATOR,
    OWNER,
    READER,
    VIRTUAL_MACHINE_CONTRIBUTOR,
)
from outofband.consoles.rights import Extra, Subject, Verdict
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import parse_id
from outofband.core.principal import Principal, PrincipalKind
from outofband.providers.compute.shape import PRIVATE
from outofband.server.rights import ConsoleRights
from outofband.store import sign_in_tables
from outofband.store.assignments import Assignment
from outofband.store.directory import Subscription, Tenant
from outofband.store.principals import ServicePrincipal
from outofband.store.store import Store
from outofband.wire.grant import Mode
from tests.support.database import open_store
from tests.support.users import add_user

pytestmark = pytest.mark.anyio

TENANT, SUBSCRIPTION = str(uuid.uuid4()), str(uuid.uuid4())
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/demo"
OTHER = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/other"
ALL = frozenset({Mode.WRITE, Mode.OBSERVE, Extra.TAKE_OVER})


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(tmp_path)
    now = clock.now()
    async with opened.write() as tx:
        await opened.directory.add_tenant(tx, Tenant(id=TENANT, name="T", domain=None, created=now))
        mine = Subscription(id=SUBSCRIPTION, tenant_id=TENANT, name="S", state="Enabled", created=now)
        await opened.directory.add_subscription(tx, mine)
    yield opened
    await opened.close()


async def person(store: Store, role: str | None, scope: str = f"/subscriptions/{SUBSCRIPTION}") -> Principal:
    found = ServicePrincipal(
        object_id=str(uuid.uuid4()),
        app_id=str(uuid.uuid4()),
        tenant_id=TENANT,
        name="somebody",
        disabled=False,
        created=clock.now(),
    )
    async with store.write() as tx:
        await store.principals.add(tx, found)
        if role is not None:
            row = Assignment(
                tenant_id=TENANT,
                name=str(uuid.uuid4()),
                scope=scope,
                role_id=role,
                principal_id=found.object_id,
                principal_type="ServicePrincipal",
                created=clock.now(),
                created_by="test",
            )
            await store.assignments.add(tx, row)
    return Principal(
        tenant=TENANT,
        object_id=found.object_id,
        app_id=found.app_id,
        kind=PrincipalKind.SERVICE_PRINCIPAL,
        name=found.name,
        expires=clock.wall() + 60,
    )


def at(who: Principal, vm_id: str = VM) -> Subject:
    return Subject(
        session=uuid.uuid4().hex,
        principal=who,
        vm_id=vm_id,
        vm=str(uuid.uuid4()),
        vm_name="demo",
        agent="a",
        subscription=SUBSCRIPTION.upper(),
        port="0",
    )


def codes(verdicts: list[Verdict]) -> list[str]:
    return [verdict.code if isinstance(verdict, Fault) else "yes" for verdict in verdicts]


async def test_roles_decide(store: Store) -> None:
    rights = ConsoleRights(store)
    people = [await person(store, role) for role in (OWNER, VIRTUAL_MACHINE_CONTRIBUTOR, READER, None)]
    verdicts = await rights([at(who) for who in people])
    assert codes(verdicts) == ["yes", "yes", "AccessRevoked", "AccessRevoked"]
    assert verdicts[0] == ALL


async def test_a_console_is_given_in_parts(store: Store) -> None:
    rights = ConsoleRights(store)
    people = [await person(store, role) for role in (CONSOLE_OBSERVER, CONSOLE_OPERATOR)]
    assert await rights([at(who) for who in people]) == [
        frozenset({Mode.OBSERVE}),
        frozenset({Mode.OBSERVE, Mode.WRITE}),
    ]


async def test_the_policy_of_a_vm_goes_before_its_subscriptions(store: Store) -> None:
    rights, who = ConsoleRights(store), await person(store, OWNER)
    here, there = at(who), at(who, OTHER)
    async with store.write() as tx:
        for vm_id, own in ((VM, None), (OTHER, False)):
            private = {PRIVATE: {"agent": "a", "end_login": own}}
            await store.resources.put(tx, parse_id(vm_id), properties=private, now=clock.now(), by="test")
    assert await rights([here, there]) == [ALL, ALL]
    async with store.write() as tx:
        await store.console_settings.set_end_login(tx, SUBSCRIPTION, True, by="test", now=clock.now())
        assert not await store.console_settings.disabled(tx, SUBSCRIPTION)
    assert await rights([here, there]) == [ALL | {Extra.END_LOGIN}, ALL]


async def test_a_role_on_one_vm_is_for_that_vm(store: Store) -> None:
    who = await person(store, VIRTUAL_MACHINE_CONTRIBUTOR, VM.upper())
    verdicts = await ConsoleRights(store)([at(who), at(who, OTHER)])
    assert codes(verdicts) == ["yes", "AccessRevoked"]


async def test_a_disabled_or_removed_principal_is_out(store: Store) -> None:
    rights, first, second = ConsoleRights(store), await person(store, OWNER), await person(store, OWNER)
    async with store.write() as tx:
        await store.principals.set_disabled(tx, first.object_id, True)
        await store.principals.remove(tx, second.object_id)
    assert codes(await rights([at(first), at(second)])) == ["AccessRevoked", "AccessRevoked"]


async def test_a_disabled_console_comes_before_everything(store: Store) -> None:
    rights, who = ConsoleRights(store), await person(store, OWNER)
    for disabled, expected in ((True, "ConsoleDisabledForSubscription"), (False, "yes")):
        async with store.write() as tx:
            await store.console_settings.set_disabled(tx, SUBSCRIPTION, disabled, by="test", now=clock.now())
        assert codes(await rights([at(who)])) == [expected]


# --- people


async def somebody(store: Store, *, parent: bool = True) -> tuple[Principal, str]:
    """A person with every right, at a client; and the id of the browser's session it came from."""
    user = await add_user(store, TENANT, f"{uuid.uuid4().hex}@lab.example", role=OWNER)
    now = clock.now()
    async with store.write() as tx:
        browser, _ = await store.sign_ins.start(
            tx, user.object_id, address="", agent="", now=now, life=timedelta(seconds=1)
        )
        session = await store.sign_ins.issue(
            tx,
            user.object_id,
            client_id="c",
            parent=browser if parent else None,
            address="",
            agent="",
            authenticated=now,
            now=now,
            expires=browser.expires,
        )
    principal = Principal(
        tenant=TENANT,
        object_id=user.object_id,
        app_id="c",
        kind=PrincipalKind.USER,
        name=user.name,
        expires=0.0,
        session=session.id,
    )
    return principal, browser.id


async def test_who_signs_out_loses_the_console(store: Store) -> None:
    rights = ConsoleRights(store)
    (ann, browser), (bob, _) = await somebody(store), await somebody(store)
    assert codes(await rights([at(ann), at(bob), at(await person(store, OWNER))])) == ["yes"] * 3
    async with store.write() as tx:
        await store.sign_ins.end(tx, browser, "SignedOut", clock.now())
    assert codes(await rights([at(ann), at(bob)])) == ["AccessRevoked", "yes"]


async def test_a_program_of_the_same_person_keeps_it(store: Store) -> None:
    ann, browser = await somebody(store, parent=False)
    async with store.write() as tx:
        await store.sign_ins.end(tx, browser, "SignedOut", clock.now())
    assert codes(await ConsoleRights(store)([at(ann)])) == ["yes"]


async def test_a_console_outlives_the_time_of_its_sign_in(store: Store) -> None:
    """Nobody is cut off at work by the clock: the session here lasted for a second."""
    ann, _ = await somebody(store)
    async with store.read() as tx:
        session = await store.sign_ins.get(tx, ann.session or "")
    assert session is not None and not session.live(clock.now() + timedelta(seconds=2))
    assert codes(await ConsoleRights(store)([at(ann)])) == ["yes"]


@pytest.mark.parametrize("what", ["disabled", "removed", "given a password", "of no session", "made up"])
async def test_who_may_not_be_signed_in_is_not_at_a_console(store: Store, what: str) -> None:
    ann, _ = await somebody(store)
    async with store.write() as tx:
        match what:
            case "disabled":
                await store.people.set_disabled(tx, ann.object_id, True)
            case "removed":
                await store.people.remove(tx, ann.object_id)
            case "given a password":
                await store.people.set_password(tx, ann.object_id, "$", must_change=True, now=clock.now())
            case "of no session":
                ann = msgspec.structs.replace(ann, session=None)
            case "made up":
                ann = msgspec.structs.replace(ann, session=str(uuid.uuid4()))
    assert codes(await ConsoleRights(store)([at(ann)])) == ["AccessRevoked"]


async def test_a_tenant_that_requires_a_factor_requires_it_of_consoles_that_are_open(store: Store) -> None:
    """Row S7: also of one that was opened before; programs are not asked."""
    rights, (ann, _), program = ConsoleRights(store), await somebody(store), await person(store, OWNER)
    bob, _ = await somebody(store)
    async with store.write() as tx:
        await tx.change(
            sa.update(sign_in_tables.sign_in_sessions)
            .where(sign_in_tables.sign_in_sessions.c.id == bob.session)
            .values(methods="pwd otp mfa")
        )
    for required, expected in ((True, ["MfaRequired", "yes", "yes"]), (False, ["yes", "yes", "yes"])):
        async with store.write() as tx:
            await store.sign_in_policies.set(tx, TENANT, require_mfa=required, by="t", now=clock.now())
        assert codes(await rights([at(ann), at(bob), at(program)])) == expected
