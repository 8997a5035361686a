"""Which deeds of a run can be taken back. Pure.

A run may be stopped in the middle of a deed, by somebody or for good with its node. What that deed was about
to do was kept before it began: its wish, and the key by which its requests are found. So it is taken back
like any other, as far as it came.
"""

from __future__ import annotations

from outofband.rescue import guest
from outofband.rescue.run import Done, Run
from outofband.rescue.runbook import EFFECTS

_GOES_ON = "RescueDeedSlow"
"""Problem of a deed whose operation was not waited for any longer."""


def undoable(run: Run) -> list[int]:
    """Places in `taken` of what was done, or begun, and can be taken back; none while the run goes on."""
    if not run.ended:
        return []
    return [
        number
        for number, taken in enumerate(run.taken)
        if (done := taken.done) is not None
        and not done.undone
        and EFFECTS[done.wish.deed].undone
        and (is_open(run, done) or _left_something(done))
    ]


def is_open(run: Run, done: Done) -> bool:
    """Nobody saw the end of it, and nobody waits for it any more."""
    return run.ended and (not done.ended or (done.problem is not None and done.problem.code == _GOES_ON))


def _left_something(done: Done) -> bool:
    return done.problem is None and (bool(done.before) or guest.can_be_undone(done.report))
