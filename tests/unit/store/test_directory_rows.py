"""Groups, applications and what proves programs, on both databases; and the way there from an older one."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import msgspec
import pytest
import sqlalchemy as sa
from alembic import command

from outofband.core.errors import Fault
from outofband.store import migrate
from outofband.store.assignments import Assignment
from outofband.store.credentials import MAX_EACH, ClientCertificate
from outofband.store.groups import GROUP, Group
from outofband.store.principals import ServicePrincipal
from outofband.store.store import Store
from outofband.store.tx import Tx
from tests.unit.store.conftest import NOW, TENANT

pytestmark = pytest.mark.anyio
DAY = timedelta(days=1)
ANN, BOB = "aaaaaaaa-0000-4000-8000-00000000000a", "bbbbbbbb-0000-4000-8000-00000000000b"
ROBOT = ServicePrincipal(
    object_id="cccccccc-0000-4000-8000-00000000000c",
    app_id="dddddddd-0000-4000-8000-00000000000d",
    tenant_id=TENANT,
    name="robot",
    disabled=False,
    created=NOW,
)


async def group(store: Store, tx: Tx, name: str) -> str:
    made = Group(
        object_id=str(uuid.uuid4()),
        tenant_id=TENANT,
        name=name,
        mail_nickname=name,
        description=None,
        created=NOW,
    )
    await store.groups.add(tx, made)
    return made.object_id


def assignment(principal: str, scope: str = "/", kind: str = GROUP) -> Assignment:
    return Assignment(
        tenant_id=TENANT,
        name=str(uuid.uuid4()),
        scope=scope,
        role_id="r",
        principal_id=principal,
        principal_type=kind,
        created=NOW,
        created_by="ann",
    )


def certificate(holder: str, thumbprint: str, begins: datetime, days: int) -> ClientCertificate:
    return ClientCertificate(
        id=str(uuid.uuid4()),
        app_id="looked up",
        object_id=holder,
        label=thumbprint,
        thumbprint=thumbprint,
        thumbprint_sha256=f"{thumbprint}256",
        certificate="PEM",
        created=NOW,
        begins=begins,
        expires=begins + days * DAY,
    )


async def test_what_a_group_has_its_members_have_also_through_others(populated: Store) -> None:
    store = populated
    async with store.write() as tx:
        outer, middle, inner, other = [await group(store, tx, name) for name in "omix"]
        for holder, member, kind in (
            (outer, middle, GROUP),
            (middle, inner, GROUP),
            (inner, ANN, "User"),
            (middle, BOB, "User"),
            (other, BOB, "User"),
        ):
            assert await store.groups.add_member(tx, holder, member, kind, NOW)
            assert not await store.groups.add_member(tx, holder, member, kind, NOW)
        for each in (outer, inner, other, ANN):
            await store.assignments.add(tx, assignment(each))
    async with store.read() as tx:
        assert await store.groups.of(tx, ANN.upper()) == sorted([outer, middle, inner])
        assert await store.groups.of(tx, BOB) == sorted([outer, middle, other])
        assert await store.groups.people(tx, outer, "User") == {ANN, BOB}
        assert await store.groups.people(tx, inner, "User") == {ANN}
        held = {each.principal_id for each in await store.assignments.of_caller(tx, ANN.upper())}
        assert held == {outer, inner, ANN}
        held = {each.principal_id for each in await store.assignments.of_caller(tx, BOB)}
        assert held == {outer, other}
        assert await store.assignments.of_caller(tx, "nobody") == []
        assert [each.principal_id for each in await store.assignments.of_principals(tx, [ANN])] == [ANN]
    async with store.write() as tx:
        assert await store.groups.remove_member(tx, middle, inner)
        assert not await store.groups.remove_member(tx, middle, inner)
        assert await store.groups.of(tx, ANN) == [inner]
        assert await store.groups.remove(tx, outer)
        assert await store.groups.of(tx, BOB) == sorted([middle, other])
        await store.groups.forget(tx, BOB)
        assert await store.groups.of(tx, BOB) == []


async def test_a_circle_ends_however_it_came_about(populated: Store) -> None:
    store = populated
    async with store.write() as tx:
        one, two = [await group(store, tx, name) for name in "12"]
        await store.groups.add_member(tx, one, two, GROUP, NOW)
        await store.groups.add_member(tx, two, one, GROUP, NOW)
        await store.groups.add_member(tx, one, ANN, "User", NOW)
        assert await store.groups.of(tx, ANN) == sorted([one, two])
        assert await store.groups.people(tx, two, "User") == {ANN}


async def test_members_page_by_page_and_groups_by_name(populated: Store) -> None:
    store = populated
    async with store.write() as tx:
        crew = await group(store, tx, "Crew")
        again = await group(store, tx, "crew")
        for number in range(5):
            await store.groups.add_member(tx, crew, f"{number}", "User", NOW)
        first = await store.groups.members(tx, crew, limit=3)
        rest = await store.groups.members(tx, crew, after=first[-1].member_id)
        assert [each.member_id for each in first + rest] == ["0", "1", "2", "3", "4"]
        assert await store.groups.member_count(tx, crew) == 5
        found = {each.object_id for each in await store.groups.named(tx, TENANT, "CREW")}
        assert found == {crew, again}
        assert await store.groups.change(tx, crew, name="Ops", description="on call")
        changed = await store.groups.get(tx, crew.upper())
        assert changed is not None
        assert (changed.name, changed.mail_nickname, changed.description) == ("Ops", "Crew", "on call")
        assert await store.groups.count(tx, TENANT) == 2


async def test_an_application_and_its_program_are_proven_by_what_either_holds(populated: Store) -> None:
    store = populated
    async with store.write() as tx:
        await store.principals.add(tx, ROBOT)
        application = await store.applications.by_app(tx, ROBOT.app_id.upper())
        assert application is not None
        assert (application.name, application.tenant_id) == ("robot", TENANT)
        one, _ = await store.principals.add_secret(tx, ROBOT.object_id, label="own", now=NOW)
        two, secret = await store.principals.add_secret(
            tx, application.object_id, label="app", now=NOW + DAY, begins=NOW + DAY, expires=NOW + 2 * DAY
        )
        assert [each.label for each in await store.principals.secrets(tx, ROBOT.object_id)] == ["app", "own"]
        assert await store.principals.secrets_held(tx, ROBOT.object_id) == [one]
        assert await store.principals.secrets_held(tx, application.object_id) == [two]
        assert two.hint == secret[:3]
        assert (two.begun(NOW), two.begun(NOW + DAY), one.begun(NOW)) == (False, True, True)
        with pytest.raises(Fault, match="ServicePrincipalExists"):
            await store.principals.add(tx, ROBOT)
        with pytest.raises(Fault, match="DirectoryObjectNotFound"):
            await store.principals.add_secret(tx, ANN, label="nobody's", now=NOW)
        for _ in range(MAX_EACH - 1):
            await store.principals.add_secret(tx, ROBOT.object_id, label="more", now=NOW)
        with pytest.raises(Fault, match="CredentialLimit"):
            await store.principals.add_secret(tx, ROBOT.object_id, label="more", now=NOW)
        await store.principals.remove(tx, ROBOT.object_id)
        assert await store.principals.secrets_held(tx, ROBOT.object_id) == []
        assert await store.principals.secrets_held(tx, application.object_id) == [two]
        assert await store.applications.remove(tx, application.object_id)
        assert await store.principals.secrets_held(tx, application.object_id) == []


async def test_the_certificates_of_a_program_that_are_valid_now(populated: Store) -> None:
    store = populated
    async with store.write() as tx:
        await store.principals.add(tx, ROBOT)
        application = await store.applications.by_app(tx, ROBOT.app_id)
        assert application is not None
        for holder, name, begins, days in (
            (ROBOT.object_id, "now", NOW - DAY, 2),
            (application.object_id, "app", NOW, 1),
            (ROBOT.object_id, "old", NOW - 3 * DAY, 3),
            (ROBOT.object_id, "next", NOW + DAY, 9),
        ):
            await store.principals.add_certificate(tx, certificate(holder, name, begins, days))
        again = certificate(ROBOT.object_id, "now", NOW, 1)
        with pytest.raises(Fault, match="CertificateExists"):
            await store.principals.add_certificate(tx, again)
        # The other holder may have the same one.
        await store.principals.add_certificate(
            tx, msgspec.structs.replace(again, object_id=application.object_id)
        )
    async with store.read() as tx:
        valid = await store.principals.valid_certificates(tx, ROBOT.object_id.upper(), NOW)
        assert sorted(each.thumbprint for each in valid) == ["app", "now", "now"]
        assert {each.app_id for each in valid} == {ROBOT.app_id}
        every = await store.principals.certificates(tx, ROBOT.object_id)
        assert len(every) == 5
        assert await store.principals.certificates(tx, ANN) == []
        held = await store.principals.certificates_held(tx, application.object_id)
    async with store.write() as tx:
        assert await store.principals.remove_certificate(tx, held[0].id)
        assert not await store.principals.remove_certificate(tx, held[0].id)


async def test_who_looks_after_what(populated: Store) -> None:
    store = populated
    async with store.write() as tx:
        assert await store.custodians.add(tx, "X", ANN, NOW)
        assert not await store.custodians.add(tx, "x", ANN.upper(), NOW)
        await store.custodians.add(tx, "y", ANN, NOW)
        await store.custodians.add(tx, "x", BOB, NOW)
        assert await store.custodians.of(tx, "x") == [ANN, BOB]
        assert await store.custodians.owned_by(tx, ANN) == ["x", "y"]
        assert await store.custodians.remove(tx, "x", BOB)
        await store.custodians.forget(tx, ANN)
        assert await store.custodians.of(tx, "x") == []


async def test_an_older_store_keeps_its_programs_and_their_secrets(store_url: str) -> None:
    """As the release before had them: a program with two secrets, which has no application yet."""
    store = await Store.open(store_url)

    def back(connection: sa.Connection) -> None:
        """Empty the database and lead it to the revision before."""
        every = sa.MetaData()
        every.reflect(connection)
        every.drop_all(connection)
        settings = migrate.config()
        settings.attributes["connection"] = connection
        command.upgrade(settings, "0008")
        tenant = {"id": TENANT, "name": "Lab", "domain": "lab.example", "created": 1}
        there = {name: sa.Table(name, sa.MetaData(), autoload_with=connection) for name in OLD}
        connection.execute(sa.insert(there["tenants"]).values(tenant))
        program = msgspec.structs.asdict(ROBOT) | {"created": 1}
        connection.execute(sa.insert(there["service_principals"]).values(program))
        for label in ("one", "two"):
            row = {"id": label, "object_id": ROBOT.object_id, "label": label, "digest": f"d{label}"}
            connection.execute(sa.insert(there["principal_secrets"]).values(row | {"created": 2}))

    async with store.write() as tx:
        await tx.run_sync(back)
    await store.close()
    store = await Store.open(store_url)
    async with store.read() as tx:
        kept = await store.principals.secrets(tx, ROBOT.object_id)
        assert sorted((each.label, each.digest, each.hint) for each in kept) == [
            ("one", "done", ""),
            ("two", "dtwo", ""),
        ]
        application = await store.applications.by_app(tx, ROBOT.app_id)
        assert application is not None
        assert (application.name, application.tenant_id, application.manifest) == ("robot", TENANT, {})
    await store.close()


OLD = ("tenants", "service_principals", "principal_secrets")


async def test_a_credential_that_is_taken_back_ends_what_was_given_for_it(populated: Store) -> None:
    store = populated
    async with store.write() as tx:
        await store.principals.add(tx, ROBOT)
        application = await store.applications.by_app(tx, ROBOT.app_id)
        assert application is not None
        secret, _ = await store.principals.add_secret(tx, application.object_id, label="x", now=NOW)
        proof = certificate(ROBOT.object_id, "t", NOW, 1)
        await store.principals.add_certificate(tx, proof)
        for number, each in enumerate((secret.id, proof.id)):
            assert await store.principals.has_credential(tx, ROBOT.object_id, each)
            assert not await store.principals.has_credential(tx, ANN, each)
            remove = store.principals.remove_certificate if number else store.principals.remove_secret
            assert await remove(tx, each)
            found = await store.principals.get(tx, ROBOT.object_id)
            assert found is not None and found.generation == number + 1
            assert not await store.principals.has_credential(tx, ROBOT.object_id, each)
