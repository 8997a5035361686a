"""What a run says is at fault: the one cause that stands first, and what it says to be at fault beside it.

A run tells more than causes, and has no word for the main one. This is the order in which somebody reads it:

1. findings of the looks, in the order in which they are told, without those that say that a part is well;
2. why somebody could not be asked (the guest's agent, the host), which is a cause where nothing else is told;
3. what was seen at the port before the first step: the problem outside, then the host's;
4. what let somebody in with a warning.

What is seen at the port is what everybody sees, and true: it is a cause where a fault says so, and never a
false one. What only a deed told says what could not be mended: it comes after the looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

WELL = frozenset(
    {
        "RescueDeedMissing",
        "RescueDiagnosticsOff",
        "RescueGuestAgentAnswers",
        "RescueGuestAnswers",
        "RescueHealth",
        "RescueLogQuiet",
        "RescueNothingSeen",
        "RescuePasswordNotInTheWay",
        "RescueRightMissing",
        "RescueRulesAllow",
        "RescueScreen",
        "RescueSignInProven",
        "RescueSignInUnproven",
    }
)
"""Codes that say what is in order, or was not looked at."""
UNASKED = frozenset({"AgentTimeout", "GuestAgentAbsent", "GuestAgentSilent", "VmNotRunning"})
"""Codes that say why somebody was not asked."""
_PLACES = ("controlPlane", "host")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`main` is empty where nothing is told. `causes` are all that are told of parts, the main one among them
    unless it was only seen at the port.
    """

    main: str
    causes: tuple[str, ...]

    def wrong(self, true: Iterable[str]) -> tuple[str, ...]:
        """Causes of parts that are well: those that are not `true`."""
        return tuple(code for code in self.causes if code not in set(true))


def verdict(told: Mapping[str, Any]) -> Verdict:
    """Of the document of a run."""
    seen = set(_seen(told))
    causes = [code for code in dict.fromkeys(_told(told)) if code not in WELL | seen]
    first = [code for code in causes if code not in UNASKED]
    before = told["probe"]["before"] or {}
    order = [*first, *causes, *_problems(before), *_warnings(before)]
    return Verdict(main=order[0] if order else "", causes=tuple(causes))


def _told(told: Mapping[str, Any]) -> Iterator[str]:
    """Of looks, then of deeds, then why the run itself failed."""
    deeds = [each["deed"] for each in told["steps"] if each["deed"] is not None]
    by_deeds = {code for deed in deeds for code in _of_deed(deed)}
    by_looks = {each["code"] for step in told["steps"] for each in step["findings"]}
    codes = [each["code"] for each in told["findings"]]
    yield from (code for code in codes if code in by_looks or code not in by_deeds)
    yield from codes
    if told.get("problem"):
        yield told["problem"]["code"]


def _of_deed(deed: Mapping[str, Any]) -> Iterator[str]:
    yield from (each["code"] for each in deed.get("findings") or ())
    if deed.get("problem"):
        yield deed["problem"]["code"]


def _seen(told: Mapping[str, Any]) -> Iterator[str]:
    """At the port, at any time."""
    for probed in (told["probe"]["before"], *(each["probe"] for each in told["steps"])):
        yield from _problems(probed or {})
        yield from _warnings(probed or {})


def _problems(probed: Mapping[str, Any]) -> Iterator[str]:
    for where in _PLACES:
        if (report := probed.get(where)) is not None and report["problem"] is not None:
            yield report["problem"]["code"]


def _warnings(probed: Mapping[str, Any]) -> Iterator[str]:
    for where in _PLACES:
        if (report := probed.get(where)) is not None:
            yield from (each["code"] for each in report["warnings"])
