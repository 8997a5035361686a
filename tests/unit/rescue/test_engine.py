"""The engine: the order, a look after each step, the first success, questions, a step alone, looking only."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from outofband.core.errors import Fault
from outofband.rescue.course import State
from outofband.rescue.doing import Errand
from outofband.rescue.engine import Engine, answer
from outofband.rescue.run import Probed, Run, Wanted
from outofband.rescue.runbook import Ask, Deed, Step
from outofband.wire.remote import Word
from tests.unit.rescue.world import World, errand, report

pytestmark = pytest.mark.anyio


async def drive(world: World, run: Run, secret: dict[str, str] | None = None) -> tuple[Run, list[State]]:
    states = []

    async def save(each: Run) -> None:
        states.append(each.state)

    engine = Engine(world, world, pause=0.001, patience=0.0)
    return await engine.drive(errand(secret), run, save), states


def wanting(**wanted: Any) -> Run:
    return Run(wanted=Wanted(**wanted))


async def test_a_vm_that_answers_is_left_alone() -> None:
    world = World()
    world.answers = True
    run, states = await drive(world, wanting(agreed=True))
    assert (run.state, states) == (State.PROVEN, [State.PROVEN])
    assert (world.effects, world.looked, world.probes) == ([], [], 1)
    assert run.address == "203.0.113.7"


async def test_it_stops_at_the_first_success() -> None:
    world = World(mended_by=Deed.RESET_NIC)
    run, _ = await drive(world, wanting(agreed=True))
    assert run.state is State.PROVEN
    assert world.effects == [Deed.RESET_CONFIGURATION, Deed.ADD_RULE, Deed.RESET_NIC]
    assert world.looked == [Step.CONFIGURATION, Step.RULES, Step.DIAGNOSTICS, Step.NIC]
    assert world.probes == 5, "before, and after each step"
    assert all(each.probe is not None for each in run.taken)


async def test_nothing_helps() -> None:
    world = World(broken=[Deed.RESTART])
    run, _ = await drive(world, wanting(agreed=True), {"user": "ada", "password": "x"})
    assert run.state is State.UNRESOLVED
    assert world.looked == list(Step)
    restarted = run.taken[Step.RESTART - 1].done
    assert restarted is not None and restarted.problem is not None
    assert restarted.problem.code == "VmStartFailed"
    assert run.taken[-1].done is not None, "the next step was tried all the same"


async def test_looking_only() -> None:
    world = World()
    run, _ = await drive(world, wanting(dry_run=True, agreed=True))
    assert (run.state, world.effects, world.looked) == (State.LOOKED, [], list(Step))
    assert world.probes == 1
    assert all(each.look is not None and each.done is None for each in run.taken)


async def test_a_step_alone_though_it_answers() -> None:
    world = World()
    world.answers = True
    run, _ = await drive(world, wanting(step=Step.RESTART, agreed=True))
    assert (run.state, world.effects, world.looked) == (State.PROVEN, [Deed.RESTART], [Step.RESTART])


async def test_it_asks_and_goes_on_where_it_was() -> None:
    world = World(mended_by=Deed.RESTART)
    run, _ = await drive(world, wanting())
    assert run.state is State.ASKING and run.current is not None
    assert run.current.step is Step.RULES, "what loses nothing is not asked"
    run = answer(errand(), run, agree=False)
    assert (run.state, run.taken[-1].agreed) == (State.CHOOSING, False)
    run, _ = await drive(world, run)
    assert run.current is not None and run.current.step is Step.NIC
    run, _ = await drive(world, answer(errand(), run, agree=True))
    assert run.current is not None and run.current.look is not None and run.current.look.wish is not None
    assert run.current.look.wish.asks == (Ask.PASSWORD,)
    with pytest.raises(Fault, match="RescueCredentialsNeeded"):
        answer(errand(), run, agree=True)
    run, _ = await drive(world, answer(errand(), run, agree=False))
    run, _ = await drive(world, answer(errand(), run, agree=True))
    assert run.state is State.PROVEN
    assert world.effects == [Deed.RESET_CONFIGURATION, Deed.RESET_NIC, Deed.RESTART]
    with pytest.raises(Fault, match="RescueNotAsking"):
        answer(errand(), run, agree=True)


async def test_agreed_to_all_it_still_asks_for_a_password() -> None:
    world = World(wishes=[Step.PASSWORD])
    run, _ = await drive(world, wanting(agreed=True))
    assert run.state is State.ASKING
    secret = {"user": "ada", "password": "new"}
    run, _ = await drive(world, answer(errand(secret), run, agree=True), secret)
    assert world.effects == [Deed.RESET_PASSWORD]
    assert "new" not in str(run)


async def test_a_store_that_is_away_ends_the_drive_and_not_the_deed() -> None:
    world = World()

    def away(point: str) -> None:
        if point == "after the deed":
            raise Fault("StoreUnavailable", detail="x")

    world.reach = away
    with pytest.raises(Fault, match="StoreUnavailable"):
        await drive(world, wanting(agreed=True))


async def test_a_password_that_was_refused_is_not_tried_again_and_again() -> None:
    """Servers lock an account after a few; waiting does not make a password right."""

    class Refusing(World):
        async def probe(self, errand: Errand, run: Run) -> Probed:
            self.probes += 1
            word = Word(code="RdpWrongCredentials", title="t", message="m")
            return Probed(outside=msgspec.structs.replace(report(False), problem=word))

    world = Refusing(wishes=(Step.RESTART,))
    run = Run(wanted=Wanted(agreed=True, step=Step.RESTART))
    ended = await Engine(world, world, pause=0.001, patience=0.01).drive(errand(), run, _kept)
    assert ended.state is State.UNRESOLVED and world.effects == [Deed.RESTART]
    assert world.probes == 2, "before, and once after the deed"


async def _kept(run: Run) -> None:
    """Nobody reads it."""
