"""Providers, who is who there, memberships they gave, and sign-ins under way, on both databases."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import msgspec
import pytest

from outofband.core import secrets
from outofband.core.errors import Fault
from outofband.store.external_identities import ExternalIdentity
from outofband.store.external_sign_ins import Aim, ExternalSignIn
from outofband.store.groups import Group
from outofband.store.identity_providers import IdentityProvider
from outofband.store.store import Store
from outofband.store.wrapping import PROVIDERS, wrap_all
from tests.support.users import add_user
from tests.unit.store.conftest import TENANT

pytestmark = pytest.mark.anyio
SECOND = timedelta(seconds=1)
ISSUER = "https://login.example.org"


def provider(name: str, now: datetime, **changes: object) -> IdentityProvider:
    made = IdentityProvider(
        id=str(uuid.uuid4()),
        tenant_id=TENANT,
        name=name,
        issuer=ISSUER,
        client_id="oob",
        secret=None,
        wrap="none",
        settings={"scopes": ["openid"]},
        disabled=False,
        created=now,
        changed=now,
        changed_by="test",
    )
    return msgspec.structs.replace(made, **changes)


def identity(of: IdentityProvider, user: str, now: datetime, **changes: object) -> ExternalIdentity:
    made = ExternalIdentity(
        id=str(uuid.uuid4()),
        provider_id=of.id,
        object_id=user,
        issuer=ISSUER,
        subject="Sub",
        email_key=None,
        label="ada",
        linked=now,
        linked_by="test",
        last_used=None,
    )
    return msgspec.structs.replace(made, **changes)


@pytest.fixture
async def corp(populated: Store, now: datetime) -> IdentityProvider:
    made = provider("Corp", now)
    async with populated.write() as tx:
        await populated.identity_providers.add(tx, made)
    return made


@pytest.fixture
async def ann(populated: Store, now: datetime) -> str:
    return (await add_user(populated, TENANT, "ann@lab.example", now=now)).object_id


async def group(store: Store, now: datetime) -> str:
    made = Group(
        object_id=str(uuid.uuid4()),
        tenant_id=TENANT,
        name="g",
        mail_nickname="g",
        description=None,
        created=now,
    )
    async with store.write() as tx:
        await store.groups.add(tx, made)
    return made.object_id


async def test_names_are_one_whatever_their_case(
    populated: Store, corp: IdentityProvider, now: datetime
) -> None:
    store = populated
    other = provider("Other", now)
    with pytest.raises(Fault, match="ProviderExists"):
        async with store.write() as tx:
            await store.identity_providers.add(tx, provider("CORP", now))
    async with store.write() as tx:
        await store.identity_providers.add(tx, other)
        assert await store.identity_providers.named(tx, TENANT, "corp") == corp
        assert [each.name for each in await store.identity_providers.of_tenant(tx, TENANT)] == [
            "Corp",
            "Other",
        ]
        kept = msgspec.structs.replace(corp, name="cORP", disabled=True)
        await store.identity_providers.change(tx, kept)
        assert await store.identity_providers.get(tx, corp.id) == kept
    with pytest.raises(Fault, match="ProviderExists"):
        async with store.write() as tx:
            await store.identity_providers.change(tx, msgspec.structs.replace(corp, name="other"))


async def test_a_secret_is_rewrapped_with_the_others(populated: Store, now: datetime) -> None:
    store = populated
    made = provider("Sealed", now, secret=b"in clear")
    async with store.write() as tx:
        await store.identity_providers.add(tx, made)
    assert await wrap_all(store.db, store.vault) == 1
    async with store.read() as tx:
        kept = await store.identity_providers.get(tx, made.id)
    assert kept is not None and kept.secret is not None and b"clear" not in kept.secret
    assert store.vault.unseal(kept.secret, PROVIDERS.about(made.id), kept.wrap) == b"in clear"
    assert "clear" not in repr(made)


async def test_a_subject_is_one_and_compares_by_each_character(
    populated: Store, corp: IdentityProvider, ann: str, now: datetime
) -> None:
    store, identities = populated, populated.external_identities
    bob = (await add_user(store, TENANT, "bob@lab.example", now=now)).object_id
    one = identity(corp, ann, now)
    async with store.write() as tx:
        await identities.add(tx, one)
        assert await identities.of_subject(tx, corp.id, ISSUER, "Sub") == one
        assert await identities.of_subject(tx, corp.id, ISSUER, "sub") is None
        assert await identities.of_subject(tx, corp.id, f"{ISSUER}/", "Sub") is None
    with pytest.raises(Fault, match="ExternalTaken"):
        async with store.write() as tx:
            await identities.add(tx, identity(corp, bob, now))
    invited = identity(corp, bob, now, subject=None, email_key="bob@x.example")
    async with store.write() as tx:
        await identities.add(tx, invited)
        assert await identities.invited(tx, corp.id, ISSUER, "Bob@X.example") == invited
        assert await identities.take(tx, invited.id, subject="2", label="bob")
        assert not await identities.take(tx, invited.id, subject="3", label="eve")
        assert await identities.invited(tx, corp.id, ISSUER, "bob@x.example") is None
        assert len(await identities.of_provider(tx, corp.id)) == 2
        # A user who is removed takes the link along, a provider all of them.
        await store.people.remove(tx, bob)
        assert [each.object_id for each in await identities.of_provider(tx, corp.id)] == [ann]
        await store.identity_providers.remove(tx, corp.id)
        assert await identities.of_user(tx, ann) == []


async def test_a_provider_takes_away_only_what_it_gave(
    populated: Store, corp: IdentityProvider, ann: str, now: datetime
) -> None:
    store, given = populated, populated.external_memberships
    second = provider("Second", now)
    by_hand, by_both, by_one = [await group(store, now) for _ in range(3)]
    async with store.write() as tx:
        await store.identity_providers.add(tx, second)
        await store.groups.add_member(tx, by_hand, ann, "User", now)
        assert not await given.give(tx, corp.id, by_hand, ann, now)
        assert await given.give(tx, corp.id, by_both, ann, now)
        assert not await given.give(tx, second.id, by_both, ann, now)
        assert await given.give(tx, corp.id, by_one, ann, now)
        assert not await given.give(tx, corp.id, by_one, ann, now)
        assert await given.of(tx, corp.id, ann) == {by_both, by_one}
        assert await given.members(tx, second.id) == {ann}
        assert set(await store.groups.of(tx, ann)) == {by_hand, by_both, by_one}
        assert await store.groups.people(tx, by_hand, "User", by_hand=True) == {ann}
        assert await store.groups.people(tx, by_one, "User", by_hand=True) == set()
        assert await store.groups.people(tx, by_one, "User") == {ann}
        assert not await given.take(tx, corp.id, by_hand, ann)
        assert not await given.take(tx, corp.id, by_both, ann)
        assert await given.take(tx, corp.id, by_one, ann)
        assert set(await store.groups.of(tx, ann)) == {by_hand, by_both}
        assert await given.take(tx, second.id, by_both, ann)
        # Made one's own by hand, it stays; taken out by hand, the mark goes along.
        await given.give(tx, corp.id, by_one, ann, now)
        assert await given.adopt(tx, by_one, ann)
        assert not await given.take(tx, corp.id, by_one, ann)
        await given.give(tx, corp.id, by_both, ann, now)
        await store.groups.remove_member(tx, by_both, ann)
        assert await given.of(tx, corp.id, ann) == set()
        assert set(await store.groups.of(tx, ann)) == {by_hand, by_one}


async def test_a_way_there_counts_once_and_for_a_time(
    populated: Store, corp: IdentityProvider, now: datetime
) -> None:
    store, state = populated, secrets.token()
    row = ExternalSignIn(
        digest=secrets.digest(state),
        provider_id=corp.id,
        browser="b",
        aim=Aim.SIGN_IN,
        session_id=None,
        mfa=False,
        back="/portal/",
        created=now,
        expires=now + SECOND,
    )
    async with store.write() as tx:
        await store.external_sign_ins.begin(tx, row)
        assert await store.external_sign_ins.get(tx, state, now) == row
        assert await store.external_sign_ins.get(tx, state, now + SECOND) is None
        assert await store.external_sign_ins.end(tx, row.digest)
        assert not await store.external_sign_ins.end(tx, row.digest)
        await store.external_sign_ins.begin(tx, row)
        assert await store.external_sign_ins.prune(tx, now + SECOND + SECOND) == 1


async def test_only_sessions_that_came_by_a_provider_end(
    populated: Store, corp: IdentityProvider, ann: str, now: datetime
) -> None:
    store, life = populated, timedelta(hours=1)
    async with store.write() as tx:
        await store.external_identities.add(tx, identity(corp, ann, now))
        made = {}
        for methods in ("pwd", "ext", "ext otp mfa", "pwd extra"):
            session, _ = await store.sign_ins.start(
                tx, ann, address="", agent="", now=now, life=life, methods=methods
            )
            made[methods] = session.id
        child = await store.sign_ins.issue(
            tx,
            ann,
            client_id="c",
            parent=session,
            address="",
            agent="",
            authenticated=now,
            now=now,
            expires=now + life,
            methods="ext",
        )
        ended = await store.identity_providers.end_sessions(
            tx, corp.id, "ext", "Over", now, keep=made["pwd extra"]
        )
        assert ended == 2
        live = {
            name
            for name, each in made.items()
            if (await store.sign_ins.get(tx, each)).live(now)  # type: ignore[union-attr]
        }
        assert live == {"pwd", "pwd extra"}
        kept = await store.sign_ins.get(tx, child.id)
        assert kept is not None and kept.live(now)
        assert await store.identity_providers.end_sessions(tx, corp.id, "ext", "Over", now, of=ann) == 1
