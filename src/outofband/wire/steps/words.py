"""A step's report in words for people: what was, what is, what stands in the way, and what an undo does."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from outofband.core.errors import Fault
from outofband.core.locale import DEFAULT, LOCALES
from outofband.wire.remote import Word, word
from outofband.wire.steps import labels, windows_undo
from outofband.wire.steps.report import Change, Problem, StepReport, System, Value, changes

RESET_PASSWORD = "resetPassword"  # noqa: S105


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """`undo` says what an undo makes of it."""

    name: str
    text: str
    undo: str


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """`notes` are what holds for the whole step."""

    lines: list[Line]
    problems: list[Word]
    notes: list[str]
    can_undo: bool


def tell(report: StepReport, locale: str = DEFAULT, wrong: Sequence[Problem] = ()) -> Told:
    """`wrong`: what was found besides (`causes`), where the caller tells that as well."""
    at = LOCALES.index(locale)
    found = changes(report)
    lines = [_line(report, each, at) for each in found]
    notes = []
    password = report.step == RESET_PASSWORD and not any(
        each.code.startswith("Vm") for each in report.problems
    )
    if not found and not report.problems and not password:
        notes.append((labels.UNCHANGED if wrong else labels.NOTHING)[at])
    if password:
        notes.append(labels.PASSWORD[at])
    if report.restart:
        notes.append(labels.RESTART[at])
    problems = [word(Fault(each.code, **each.fields), locale) for each in report.problems]
    can_undo = any(_comes_back(report, each) for each in found)
    return Told(lines=lines, problems=problems, notes=notes, can_undo=can_undo)


def label(name: str, locale: str = DEFAULT) -> str:
    """What a value is called; one that has no words keeps its name."""
    at = LOCALES.index(locale)
    if (found := labels.LABELS.get(name)) is not None:
        return found[at]
    kind, _, rest = name.partition(".")
    service, _, what = rest.rpartition(".")
    if kind == "service" and service and what in labels.SERVICE:
        return labels.SERVICE[what][at].format(name=service)
    return name


def shown(name: str, value: Value, locale: str = DEFAULT) -> str:
    at = LOCALES.index(locale)
    if value is None:
        return labels.WORDS["none"][at]
    if isinstance(value, bool):
        return labels.WORDS["true" if value else "false"][at]
    if name in labels.SWITCHES and value in (0, 1):
        return labels.WORDS["true" if value else "false"][at]
    if name == "TCP.SecurityLayer" and isinstance(value, int) and value in labels.SECURITY_LAYERS:
        return labels.SECURITY_LAYERS[value][at]
    text = str(value)
    if not text:
        return labels.WORDS["nothing"][at]
    if text in ("true", "false", "none", "nothing") or text not in labels.WORDS:
        return text
    return labels.WORDS[text][at]


def _line(report: StepReport, change: Change, at: int) -> Line:
    locale = LOCALES[at]
    before, after = (shown(change.name, each, locale) for each in (change.before, change.after))
    text = labels.CHANGED[at].format(label=label(change.name, locale), before=before, after=after)
    returns = _comes_back(report, change)
    undo = labels.UNDOES[at].format(before=before) if returns else labels.REMAINS[at]
    return Line(name=change.name, text=text, undo=undo)


def _comes_back(report: StepReport, change: Change) -> bool:
    """Whether an undo puts a value back, or what makes it."""
    if report.system is System.WINDOWS:
        return windows_undo.can_be_undone(change)
    if not report.run:
        return False
    return change.name not in ("disk.full", "ssh.hostKeys", "firewall.denies")
