"""Takes a run from state to state, keeping it before and after everything that takes time.

A process may be killed between any two lines: the next one goes on in the state that was kept. What it looked
at it looks at again; a deed has a key that was kept before it began, so it is asked for again and not done
again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.rescue import guest
from outofband.rescue.course import RESTS, Event, State
from outofband.rescue.doing import Errand, Eyes, Hands
from outofband.rescue.judging import refused_password
from outofband.rescue.run import Done, Found, Look, Probed, Run, Taken, found
from outofband.rescue.runbook import EFFECTS, Ask
from outofband.store.faults import PASSING
from outofband.wire.steps.report import StepReport

BETWEEN_SECONDS = 3.0
"""Between two looks at a VM that may still be on its way up."""

Save = Callable[[Run], Awaitable[None]]


class Engine:
    def __init__(
        self, eyes: Eyes, hands: Hands, *, pause: float = BETWEEN_SECONDS, patience: float = 1
    ) -> None:
        """`patience`: how much of the runbook's patience there is; tests have none."""
        self._eyes = eyes
        self._hands = hands
        self._pause = pause
        self._patience = patience

    async def drive(self, errand: Errand, run: Run, save: Save) -> Run:
        """Go on until the run ends or asks. `save` keeps it; what it raises ends the drive.

        Raises Fault only of the kind that passes (`store.faults`): then somebody drives again.
        """
        while run.state not in RESTS:
            run = await self._turn(errand, run)
            await save(run)
        return run

    async def _turn(self, errand: Errand, run: Run) -> Run:
        match run.state:
            case State.BEGUN:
                return await self._first(errand, run)
            case State.CHOOSING:
                return _choose(run)
            case State.LOOKING:
                return await self._look(errand, run)
            case State.DOING:
                return await self._do(errand, run)
            case State.PROVING:
                return await self._prove(errand, run)
        raise ValueError(f"nothing goes on by itself in {run.state}")

    async def _first(self, errand: Errand, run: Run) -> Run:
        run = msgspec.structs.replace(run, address=await self._eyes.address(errand))
        seen = await self._eyes.probe(errand, run)
        wants_steps = run.wanted.step is not None or run.wanted.dry_run
        event = Event.SILENT if not seen.works else Event.GO_ON if wants_steps else Event.ANSWERS
        return run.on(event, before=seen)

    async def _look(self, errand: Errand, run: Run) -> Run:
        taken = run.taken[-1]
        look = await self._eyes.look(errand, run, taken.step)
        event, done = _after(errand, run, look)
        return run.on(event, taken=run.with_current(look=look, done=done))

    async def _do(self, errand: Errand, run: Run) -> Run:
        done = run.taken[-1].done
        assert done is not None
        try:
            told = await self._hands.do(errand, run, done)
        except Fault as fault:
            if fault.code in PASSING:
                raise
            ended = msgspec.structs.replace(done, ended=clock.iso(), problem=found(fault, run.wanted.locale))
            return run.on(Event.NOT_DONE, taken=run.with_current(done=ended))
        ended = msgspec.structs.replace(
            done,
            ended=clock.iso(),
            observed=told.observed,
            effects=told.effects,
            report=told.report,
            findings=_new(run, told.report) if told.report is not None else (),
            before=told.before,
        )
        return run.on(Event.DONE, taken=run.with_current(done=ended))

    async def _prove(self, errand: Errand, run: Run) -> Run:
        until = self._until(run.taken[-1].done)
        while True:
            if not run.address:
                run = msgspec.structs.replace(run, address=await self._eyes.address(errand))
            seen = await self._eyes.probe(errand, run)
            if seen.works or clock.now() >= until or not _may_change(seen):
                break
            await asyncio.sleep(self._pause)
        event = Event.ANSWERS if seen.works else Event.SILENT
        return run.on(event, taken=run.with_current(probe=seen))

    def _until(self, done: Done | None) -> datetime:
        """By the clock, and from the deed's end: a later life of this process does not begin to wait anew."""
        if done is None or done.problem is not None or not done.ended:
            return clock.now()
        began = clock.parse_iso(done.ended)
        seconds = EFFECTS[done.wish.deed].patience * self._patience
        return datetime.fromtimestamp(began.timestamp() + seconds, began.tzinfo)


def _new(run: Run, report: StepReport) -> tuple[Found, ...]:
    """What the step tells that the look before it did not."""
    look = run.taken[-1].look
    known = {(each.code, each.message) for each in look.findings} if look is not None else set()
    return tuple(
        each for each in guest.found_in(report, run.wanted) if (each.code, each.message) not in known
    )


def answer(errand: Errand, run: Run, *, agree: bool) -> Run:
    """The run after somebody said yes or no to what it asks. Raises Fault RescueNotAsking, or
    RescueCredentialsNeeded when a password has to come with the word.
    """
    taken = run.current
    if run.state is not State.ASKING or taken is None or taken.look is None or taken.look.wish is None:
        raise Fault("RescueNotAsking", state=run.state.value)
    wish = taken.look.wish
    if not agree:
        return run.on(Event.DECLINED, taken=run.with_current(agreed=False))
    if Ask.PASSWORD in wish.asks and not errand.secret:
        raise Fault("RescueCredentialsNeeded")
    done = Done(wish=wish, key=key_of(errand, taken), began=clock.iso())
    return run.on(Event.AGREED, taken=run.with_current(agreed=True, done=done))


def key_of(errand: Errand, taken: Taken) -> str:
    """One for each step of a run, known before the deed begins."""
    return f"rescue:{errand.id}:{taken.step.value}"


def _choose(run: Run) -> Run:
    step = run.following
    if step is not None:
        return run.on(Event.MORE, taken=(*run.taken, Taken(step=step)))
    return run.on(Event.LOOKED_ALL if run.wanted.dry_run else Event.OVER)


def _after(errand: Errand, run: Run, look: Look) -> tuple[Event, Done | None]:
    wish = look.wish
    if run.wanted.dry_run:
        return Event.LOOKED_AT, None
    if wish is None:
        return Event.NOTHING, None
    lacks_password = Ask.PASSWORD in wish.asks and not errand.secret
    if lacks_password or (wish.asks and not run.wanted.agreed):
        return Event.ASKS, None
    return Event.READY, Done(wish=wish, key=key_of(errand, run.taken[-1]), began=clock.iso())


def _may_change(seen: Probed) -> bool:
    """Whether waiting can help: without any way to look it cannot, and a password that was refused would be
    counted against its account at every look.
    """
    return not refused_password(seen) and (seen.outside is not None or seen.host is not None)
