"""The states of a run and what leads from one to the next, as a table. Pure; nothing is done in here."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType


class State(enum.StrEnum):
    BEGUN = "begun"
    """Nothing was looked at yet."""
    CHOOSING = "choosing"
    """Between two steps."""
    LOOKING = "looking"
    ASKING = "asking"
    """A deed waits for somebody's word; nothing runs meanwhile."""
    DOING = "doing"
    PROVING = "proving"
    """The step is done; whether the VM answers now is being tried."""
    PROVEN = "proven"
    """The VM answers from outside."""
    UNRESOLVED = "unresolved"
    """No step is left, and it does not answer."""
    LOOKED = "looked"
    """Everything was looked at, and nothing more was wanted."""
    CANCELED = "canceled"
    FAILED = "failed"
    """The run itself broke."""


class Event(enum.StrEnum):
    ANSWERS = "answers"
    SILENT = "silent"
    GO_ON = "goOn"
    """It answers, and yet somebody wants the steps."""
    MORE = "more"
    OVER = "over"
    LOOKED_ALL = "lookedAll"
    LOOKED_AT = "lookedAt"
    """A step was looked at in a run that only looks."""
    NOTHING = "nothing"
    """There is nothing to do in this step."""
    READY = "ready"
    ASKS = "asks"
    AGREED = "agreed"
    DECLINED = "declined"
    DONE = "done"
    NOT_DONE = "notDone"
    """The deed was refused, or failed; part of it may have been done."""
    CANCEL = "cancel"
    BROKE = "broke"


ENDS = frozenset({State.PROVEN, State.UNRESOLVED, State.LOOKED, State.CANCELED, State.FAILED})
RESTS = ENDS | {State.ASKING}
"""Where nothing goes on by itself."""

_COURSE: dict[tuple[State, Event], State] = {
    (State.BEGUN, Event.ANSWERS): State.PROVEN,
    (State.BEGUN, Event.SILENT): State.CHOOSING,
    (State.BEGUN, Event.GO_ON): State.CHOOSING,
    (State.CHOOSING, Event.MORE): State.LOOKING,
    (State.CHOOSING, Event.OVER): State.UNRESOLVED,
    (State.CHOOSING, Event.LOOKED_ALL): State.LOOKED,
    (State.LOOKING, Event.LOOKED_AT): State.CHOOSING,
    (State.LOOKING, Event.NOTHING): State.PROVING,
    (State.LOOKING, Event.READY): State.DOING,
    (State.LOOKING, Event.ASKS): State.ASKING,
    (State.ASKING, Event.AGREED): State.DOING,
    (State.ASKING, Event.DECLINED): State.CHOOSING,
    (State.DOING, Event.DONE): State.PROVING,
    (State.DOING, Event.NOT_DONE): State.PROVING,
    (State.PROVING, Event.ANSWERS): State.PROVEN,
    (State.PROVING, Event.SILENT): State.CHOOSING,
}
COURSE: Mapping[tuple[State, Event], State] = MappingProxyType(
    _COURSE
    | {(state, Event.CANCEL): State.CANCELED for state in State if state not in ENDS}
    | {(state, Event.BROKE): State.FAILED for state in State if state not in ENDS}
)


def advance(state: State, event: Event) -> State:
    """Raises ValueError for an event that cannot come in this state."""
    try:
        return COURSE[state, event]
    except KeyError:
        expected = ", ".join(sorted(each for at, each in COURSE if at is state)) or "nothing: it has ended"
        raise ValueError(f"in {state} expected {expected}, got {event}") from None
