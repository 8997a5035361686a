"""Rights by groups within groups against a plain model: a member has what a walk along its groups comes by.

One store for all examples, for opening one takes longer than an example; each has a tenant of its own.
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outofband.access.authorizer import Authorizer
from outofband.access.roles import CONTRIBUTOR, OWNER, READER
from outofband.core.errors import Fault
from outofband.core.principal import Principal, PrincipalKind
from outofband.identity.groups import MAX_DEPTH, GroupDirectory
from outofband.identity.owners import Owners
from outofband.store.assignments import Assignment
from outofband.store.directory import Tenant
from outofband.store.groups import GROUP, Group
from outofband.store.people import User
from outofband.store.store import Store
from tests.support.database import open_store

NOW = datetime(2026, 3, 4, tzinfo=UTC)
GROUPS, PEOPLE = 10, 3
PUT, TAKE, GIVE, REMOVE = "put", "take", "give", "remove"
ROLES = (READER, CONTRIBUTOR)
SCOPES = ("/", "/subscriptions/s", "/subscriptions/s/resourceGroups/g")
ACTIONS = ("N.X/t/read", "N.X/t/write")
_GROUP = st.integers(0, GROUPS - 1)
_MEMBER = st.one_of(
    _GROUP.map(lambda number: ("g", number)), st.integers(0, PEOPLE - 1).map(lambda number: ("p", number))
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just(PUT), _GROUP, _MEMBER),
        st.tuples(st.just(PUT), _GROUP, _MEMBER),
        st.tuples(st.just(TAKE), _GROUP, _MEMBER),
        st.tuples(st.just(GIVE), _MEMBER, st.sampled_from(ROLES), st.sampled_from(SCOPES)),
        st.tuples(st.just(REMOVE), _GROUP),
    ),
    max_size=40,
)
# Chains that are long enough to be refused do not come by chance.
CHAINS = st.permutations(range(GROUPS)).map(
    lambda order: [(PUT, outer, ("g", inner)) for outer, inner in itertools.pairwise(order)]
)


class House(msgspec.Struct):
    runner: asyncio.Runner
    store: Store


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        store = runner.run(open_store(Path(folder)))
        yield House(runner, store)
        runner.run(store.close())


class Model:
    """Groups as lists of names; a right is found by walking, never by an index."""

    def __init__(self) -> None:
        self.inside: dict[str, set[str]] = {f"g{number}": set() for number in range(GROUPS)}
        self.given: set[tuple[str, str, str]] = set()

    def depth(self, name: str) -> int:
        """Groups one within another from `name` downwards."""
        nested = [each for each in self.inside[name] if each in self.inside]
        return 1 + max((self.depth(each) for each in nested), default=0)

    def reaches(self, outer: str, inner: str) -> bool:
        there = self.inside.get(outer, set())
        return outer == inner or any(self.reaches(each, inner) for each in there)

    def put(self, outer: str, member: str) -> str | None:
        """Why it is refused."""
        if outer not in self.inside or (member[0] == "g" and member not in self.inside):
            return "NotFound"
        if member in self.inside and self.reaches(member, outer):
            return "GroupCycle"
        there = self.inside[outer]
        known = member in there
        there.add(member)
        if max(self.depth(each) for each in self.inside) > MAX_DEPTH:
            there.discard(member)
            return "GroupDepth"
        return "MemberExists" if known else None

    def remove(self, name: str) -> None:
        self.inside.pop(name, None)
        for members in self.inside.values():
            members.discard(name)
        self.given = {each for each in self.given if each[0] != name}

    def may(self, person: str, action: str, scope: str) -> bool:
        holders = {person} | {each for each in self.inside if self.reaches(each, person)}
        return any(
            holder in holders
            and (action.endswith("/read") or role == CONTRIBUTOR)
            and (place in ("/", scope) or scope.startswith(place + "/"))
            for holder, role, place in self.given
        )


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_a_member_may_what_its_groups_may(house: House, steps: list[tuple[object, ...]]) -> None:
    house.runner.run(_play(house.store, steps))


@settings(max_examples=15, deadline=None)
@given(CHAINS, STEPS)
def test_so_it_is_at_the_deepest(
    house: House, chain: list[tuple[object, ...]], steps: list[tuple[object, ...]]
) -> None:
    house.runner.run(_play(house.store, chain + steps))


async def _play(store: Store, steps: list[tuple[object, ...]]) -> None:
    tenant, ids = await _found(store)
    names = {value: key for key, value in ids.items()}
    directory, model = GroupDirectory(store, Owners(store, OWNER)), Model()

    def named(member: object) -> str:
        kind, number = member  # type: ignore[misc]
        return f"{kind}{number}"

    for step in steps:
        if step[0] == PUT:
            outer, member = f"g{step[1]}", named(step[2])
            expected, said = model.put(outer, member), None
            try:
                async with store.write() as tx:
                    group = await directory.require(tx, tenant, ids[outer])
                    await directory.add_member(tx, group, ids[member], NOW)
            except Fault as fault:
                said = "NotFound" if fault.code.endswith("NotFound") else fault.code
            assert said == expected, step
        elif step[0] == TAKE:
            outer, member = f"g{step[1]}", named(step[2])
            model.inside.get(outer, set()).discard(member)
            async with store.write() as tx:
                await store.groups.remove_member(tx, ids[outer], ids[member])
        elif step[0] == REMOVE:
            model.remove(f"g{step[1]}")
            async with store.write() as tx:
                if (found := await store.groups.get(tx, ids[f"g{step[1]}"])) is not None:
                    await directory.remove(tx, found)
        else:
            holder, role, scope = named(step[1]), str(step[2]), str(step[3])
            if (holder in model.inside or holder[0] == "p") and (holder, role, scope) not in model.given:
                model.given.add((holder, role, scope))
                async with store.write() as tx:
                    await store.assignments.add(tx, _assignment(tenant, ids[holder], holder, role, scope))
    await _agree(store, tenant, ids, names, model)


async def _agree(store: Store, tenant: str, ids: dict[str, str], names: dict[str, str], model: Model) -> None:
    authorizer = Authorizer(store)
    for number in range(PEOPLE):
        person = f"p{number}"
        caller = Principal(
            tenant=tenant,
            object_id=ids[person],
            app_id="a",
            kind=PrincipalKind.USER,
            name=person,
            expires=0.0,
        )
        rights = await authorizer.rights(caller)
        for action in ACTIONS:
            for scope in (*SCOPES[1:], "/subscriptions/other"):
                assert rights.allow(action, scope) is model.may(person, action, scope), (person, scope)
        async with store.read() as tx:
            held = {names[each] for each in await store.groups.of(tx, ids[person])}
        assert held == {each for each in model.inside if model.reaches(each, person)}


async def _found(store: Store) -> tuple[str, dict[str, str]]:
    """A tenant with people and groups; ids by the model's names."""
    tenant = str(uuid.uuid4())
    names = [f"g{number}" for number in range(GROUPS)] + [f"p{number}" for number in range(PEOPLE)]
    ids = {name: str(uuid.uuid4()) for name in names}
    async with store.write() as tx:
        await store.directory.add_tenant(tx, Tenant(id=tenant, name="x", domain=tenant, created=NOW))
        for name, object_id in ids.items():
            if name[0] == "g":
                group = Group(
                    object_id=object_id,
                    tenant_id=tenant,
                    name=name,
                    mail_nickname=name,
                    description=None,
                    created=NOW,
                )
                await store.groups.add(tx, group)
            else:
                await store.people.add(tx, _user(tenant, object_id))
    return tenant, ids


def _user(tenant: str, object_id: str) -> User:
    return User(
        object_id=object_id,
        tenant_id=tenant,
        name=f"{object_id}@x",
        display_name="x",
        disabled=False,
        password_hash=None,
        password_changed=None,
        must_change=False,
        created=NOW,
    )


def _assignment(tenant: str, holder: str, name: str, role: str, scope: str) -> Assignment:
    return Assignment(
        tenant_id=tenant,
        name=str(uuid.uuid4()),
        scope=scope,
        role_id=role,
        principal_id=holder,
        principal_type=GROUP if name[0] == "g" else "User",
        created=NOW,
        created_by="test",
    )
