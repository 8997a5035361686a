"""A run that is killed anywhere, any number of times, does no deed twice and comes to the same end."""

from __future__ import annotations

import asyncio

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from outofband.rescue.course import State
from outofband.rescue.engine import Engine, answer
from outofband.rescue.run import Run, Wanted
from outofband.rescue.runbook import Deed, Step
from tests.unit.rescue.world import World, errand

SECRET = {"user": "ada", "password": "x"}


class Killed(BaseException):
    """The process is gone; nothing after this line runs."""


class Fate:
    """Kills at the points whose numbers are given."""

    def __init__(self, kills: frozenset[int]) -> None:
        self.kills, self.passed = kills, 0

    def reach(self, point: str) -> None:
        self.passed += 1
        if self.passed in self.kills:
            raise Killed(point)


async def to_the_end(world: World, wanted: Wanted, agree: dict[Step, bool], fate: Fate) -> Run:
    """Drive as often as it takes, each time from what is on the disk."""
    world.reach = fate.reach
    disk = msgspec.json.encode(Run(wanted=wanted))

    async def save(run: Run) -> None:
        nonlocal disk
        fate.reach("before it is kept")
        disk = msgspec.json.encode(run)
        fate.reach("after it is kept")

    while True:
        engine = Engine(world, world, pause=0.0, patience=0.0)
        try:
            run = await engine.drive(errand(SECRET), msgspec.json.decode(disk, type=Run), save)
            if run.state is not State.ASKING:
                return run
            assert run.current is not None
            await save(answer(errand(SECRET), run, agree=agree[run.current.step]))
        except Killed:
            continue


WORLDS = st.builds(
    lambda mended_by, wishes, broken: (mended_by, wishes, broken),
    st.none() | st.sampled_from(Deed),
    st.frozensets(st.sampled_from(Step)),
    st.frozensets(st.sampled_from(Deed)),
)
WANTED = st.builds(
    Wanted, step=st.none() | st.sampled_from(Step), dry_run=st.booleans(), agreed=st.booleans()
)
KILLS = st.frozensets(st.integers(1, 120), max_size=12)
AGREE = st.fixed_dictionaries({step: st.booleans() for step in Step})


@given(WORLDS, WANTED, AGREE, KILLS)
def test_no_deed_is_done_twice(
    given_world: tuple[Deed | None, frozenset[Step], frozenset[Deed]],
    wanted: Wanted,
    agree: dict[Step, bool],
    kills: frozenset[int],
) -> None:
    undisturbed = World(*given_world)
    expected = asyncio.run(to_the_end(undisturbed, wanted, agree, Fate(frozenset())))
    world = World(*given_world)
    run = asyncio.run(to_the_end(world, wanted, agree, Fate(kills)))
    assert world.effects == undisturbed.effects
    assert len(set(world.effects)) == len(world.effects) == len(world.ledger)
    assert run.state is expected.state
    assert [(each.step, each.agreed) for each in run.taken] == [
        (each.step, each.agreed) for each in expected.taken
    ]
    if wanted.dry_run:
        assert not world.effects


def test_every_single_point() -> None:
    """One kill at each point there is, in a run that does everything."""
    wanted, agree = Wanted(agreed=True), dict.fromkeys(Step, True)
    fate, whole = Fate(frozenset()), World()
    asyncio.run(to_the_end(whole, wanted, agree, fate))
    assert fate.passed > 60
    for point in range(1, fate.passed + 1):
        world = World()
        run = asyncio.run(to_the_end(world, wanted, agree, Fate(frozenset({point}))))
        assert world.effects == whole.effects, point
        assert run.state is State.UNRESOLVED
