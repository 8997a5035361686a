"""`outofband.step/1`: what a step found in a guest, and what it left there. One line of JSON, its last one.

A guest is not trusted: names and values are bounded, and nothing in them is obeyed by a terminal or a shell.
"""

from __future__ import annotations

import enum
import re

import msgspec

from outofband.core.errors import Fault
from outofband.wire.finding import plain

SCHEMA = "outofband.step/1"
MAX_VALUES = 128
MAX_PROBLEMS = 16
MAX_NUMBER = 2**53
_OPENING = '{"schema":"outofband.step/1"'
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_FIELD = re.compile(r"[a-z][a-zA-Z0-9]{0,39}")
_RUN = re.compile(r"[A-Za-z0-9-]{1,64}")

PROBLEMS = frozenset(
    {
        "GuestAccountEnded",
        "GuestAccountMissing",
        "GuestAccountNoPassword",
        "GuestAccountShell",
        "GuestCardNoCable",
        "GuestCardSettingsOld",
        "GuestCardWithoutAddress",
        "GuestCardWrongAddress",
        "GuestDiskFull",
        "GuestFileNotWritten",
        "GuestFirewallTemporary",
        "GuestPortLabelMissing",
        "GuestPortTaken",
        "GuestReadOnly",
        "GuestServiceFailed",
        "GuestServiceMissing",
        "VmAccessDomainController",
        "VmAccessNotAdministrator",
        "VmAccessPasswordPolicy",
        "WindowsListenerOfPolicy",
        "WindowsPolicyForbids",
        "WindowsSecurityWeak",
        "WindowsStepFailed",
    }
)
"""What a guest may say of itself. It names no other code, whatever it prints."""

Value = bool | int | str | None
"""None: there is no such thing in the guest."""


class System(enum.StrEnum):
    WINDOWS = "windows"
    LINUX = "linux"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the way and was not mended: `code` has an entry in the catalogue, filled by `fields`."""

    code: str
    fields: dict[str, str] = {}


class StepReport(msgspec.Struct, frozen=True, kw_only=True):
    """`before` and `after` have the same names, in the order in which they were looked at.

    `restart`: the guest has to be restarted before it counts. `run` names what an undo in the guest needs.
    """

    schema: str = SCHEMA
    step: str
    system: System
    before: dict[str, Value]
    after: dict[str, Value]
    problems: tuple[Problem, ...] = ()
    restart: bool = False
    run: str = ""


class Change(msgspec.Struct, frozen=True):
    name: str
    before: Value
    after: Value


def parse(output: str) -> StepReport:
    """The report in what a step printed. Raises Fault GuestStepUnreadable."""
    for line in reversed(output.splitlines()):
        if not line.startswith(_OPENING):
            continue
        try:
            found = msgspec.json.decode(line, type=StepReport)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise Fault("GuestStepUnreadable", detail="its report is no JSON of the agreed form") from error
        return cleaned(found)
    detail = "it printed no report" if output.strip() else "it printed nothing"
    raise Fault("GuestStepUnreadable", detail=detail)


def changes(report: StepReport) -> list[Change]:
    """What is not as it was, in the report's order."""
    names = dict.fromkeys([*report.before, *report.after])
    pairs = (Change(name, report.before.get(name), report.after.get(name)) for name in names)
    return [each for each in pairs if not same(each.before, each.after)]


def same(one: Value, other: Value) -> bool:
    """As values of a guest: `True` is not 1 here, as it would be to Python."""
    return type(one) is type(other) and one == other


def cleaned(report: StepReport) -> StepReport:
    """As `parse` gives it, of one that came another way. Raises Fault GuestStepUnreadable."""
    if not _NAME.fullmatch(report.step) or (report.run and not _RUN.fullmatch(report.run)):
        raise Fault("GuestStepUnreadable", detail="the names in its report are none of ours")
    return msgspec.structs.replace(
        report,
        before=_values(report.before),
        after=_values(report.after),
        problems=tuple(_problem(each) for each in report.problems if each.code in PROBLEMS)[:MAX_PROBLEMS],
    )


def _values(given: dict[str, Value]) -> dict[str, Value]:
    kept = [(name, _value(value)) for name, value in given.items() if _NAME.fullmatch(name)]
    return dict(kept[:MAX_VALUES])


def _value(value: Value) -> Value:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > MAX_NUMBER:
        return plain(str(value))
    return value


def _problem(problem: Problem) -> Problem:
    fields = {name: plain(text) for name, text in problem.fields.items() if _FIELD.fullmatch(name)}
    return Problem(code=problem.code, fields=dict(list(fields.items())[:8]))
