"""What a step in the guest told, as a run tells it: what was wrong, what is otherwise now. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.rescue.run import Found, Wanted, found
from outofband.wire.steps import words
from outofband.wire.steps.causes import causes, missing
from outofband.wire.steps.report import Problem, StepReport

_BENEATH = frozenset({"GuestDiskFull", "GuestReadOnly"})
"""What keeps services down is told before the services that are down."""
_NEW_CARD = "resetCards"
"""A step for a card that was plugged in a moment ago: it had no address by then, and that is no fault."""


def found_in(report: StepReport, wanted: Wanted, addresses: tuple[str, ...] = ()) -> tuple[Found, ...]:
    """Why nobody got in, as far as the guest knows, and what could not be mended there. `addresses`: those
    that its card has for everybody else.
    """
    wrong = causes(report, (wanted.protocol,), addresses) if report.step != _NEW_CARD else ()
    beneath = tuple(each for each in report.problems if each.code in _BENEATH)
    told = dict.fromkeys([*_keys(beneath), *_keys(wrong), *_keys(report.problems)])
    return tuple(
        found(Fault(code, **dict(fields)), wanted.locale, step=report.step, before=report.before)
        for code, fields in told
    )


def lacking(report: StepReport, wanted: Wanted) -> tuple[Found, ...]:
    """A service that is not installed; for who saw at its port that no other one is there in its place."""
    return tuple(
        found(Fault(each.code, **each.fields), wanted.locale, step=report.step, before=report.before)
        for each in missing(report, (wanted.protocol,))
    )


def shown(report: StepReport, locale: str) -> dict[str, Any]:
    """For the document of a run: the report itself, and each change in words."""
    told = words.tell(report, locale)
    return {
        "report": msgspec.to_builtins(report),
        "changes": [{"name": each.name, "text": each.text, "undo": each.undo} for each in told.lines],
        "notes": told.notes,
    }


def has_plan(report: StepReport) -> bool:
    """Whether there is something to take back: a plan in the guest, or a change that the report knows."""
    return bool(report.run) or words.tell(report).can_undo


def can_be_undone(report: StepReport | None) -> bool:
    return report is None or words.tell(report).can_undo


def _keys(problems: tuple[Problem, ...]) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    return [(each.code, tuple(each.fields.items())) for each in problems]
