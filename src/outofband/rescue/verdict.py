"""What a run says is at fault: its main cause, and all that it names. Pure.

A run tells more than causes. This is the order in which somebody reads it:

1. findings of the looks, in the order in which they are told, without those that say that a part is well;
2. why somebody could not be asked (the guest's agent, the host), which is a cause where nothing else is told;
3. what was seen at the port before the first step: the problem outside, then the host's;
4. what let somebody in with a warning.

What is seen at the port is what everybody sees, and true: it is the main cause where nothing else is, and
none of the others. What only a deed told says what could not be mended: it comes after the looks, and why
the run itself failed after that.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from outofband.rescue.run import Found, Probed, Run, of_word
from outofband.rescue.vantage import concluded
from outofband.wire.remote import Report

WELL = frozenset(
    {
        "RescueDiagnosticsOff",
        "RescueGuestAgentAnswers",
        "RescueGuestAnswers",
        "RescueHealth",
        "RescueLogQuiet",
        "RescueNothingSeen",
        "RescuePasswordNotInTheWay",
        "RescueRightMissing",
        "RescueRightsMissing",
        "RescueRulesAllow",
        "RescueScreen",
        "RescueSignInProven",
        "RescueSignInUnproven",
    }
)
"""Codes that say what is in order, or was not looked at."""
UNASKED = frozenset({"AgentTimeout", "GuestAgentAbsent", "GuestAgentSilent", "VmNotRunning"})
"""Codes that say why somebody was not asked."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """`main` is None where nothing is told. `causes` are all that are told of parts, one of a code, the main
    one among them unless it was only seen at the port.
    """

    main: Found | None
    causes: tuple[Found, ...]


def verdict(run: Run) -> Verdict:
    seen = {each.code for probed in _looks(run) for each in (*_problems(probed), *_warnings(probed))}
    causes: dict[str, Found] = {}
    for each in _told(run):
        if each.code not in WELL | seen:
            causes.setdefault(each.code, each)
    first = [each for code, each in causes.items() if code not in UNASKED]
    before = run.before or Probed()
    order = [*first, *causes.values(), *_problems(before), *_warnings(before)]
    return Verdict(main=order[0] if order else None, causes=tuple(causes.values()))


def _told(run: Run) -> Iterator[Found]:
    """Of looks, then of deeds, then why the run itself failed."""
    if run.before is not None:
        yield from run.before.findings
    for taken in run.taken:
        yield from taken.look.findings if taken.look is not None else ()
    yield from concluded(run)
    for taken in run.taken:
        if taken.done is not None:
            yield from taken.done.findings
            if taken.done.problem is not None:
                yield taken.done.problem
    if run.problem is not None:
        yield run.problem


def _looks(run: Run) -> Iterator[Probed]:
    """At the port, at any time."""
    for probed in (run.before, *(each.probe for each in run.taken)):
        if probed is not None:
            yield probed


def _problems(probed: Probed) -> list[Found]:
    return [of_word(each.problem) for each in _reports(probed) if each.problem is not None]


def _warnings(probed: Probed) -> list[Found]:
    return [of_word(word) for each in _reports(probed) for word in each.warnings]


def _reports(probed: Probed) -> list[Report]:
    return [each for each in (probed.outside, probed.host) if each is not None]
