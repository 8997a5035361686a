"""What can cost work is asked on a terminal, and only there."""

from __future__ import annotations

import pytest

from outofband.cli import deeds
from outofband.cli import output as show
from outofband.cli.escape import ENDING_SYSRQ


@pytest.mark.parametrize(
    ("what", "key", "danger"),
    [
        ("nmi", None, True),
        ("ctrl-alt-del", None, True),
        ("reset", None, True),
        ("sysrq", "b", True),
        ("sysrq", "B", True),
        ("sysrq", "f", True),
        ("sysrq", "k", True),
        ("sysrq", "h", False),
        ("sysrq", "s", False),
    ],
)
def test_what_is_warned_of(what: str, key: str | None, danger: bool) -> None:
    assert (deeds.warning(what, key) is not None) == danger


@pytest.mark.parametrize(
    ("yes", "terminal", "answer", "declined"),
    [
        (True, True, None, False),
        (False, False, None, False),
        (False, True, True, False),
        (False, True, False, True),
    ],
)
def test_who_is_asked(
    monkeypatch: pytest.MonkeyPatch, yes: bool, terminal: bool, answer: bool | None, declined: bool
) -> None:
    asked: list[str] = []

    def confirm(question: str, *, err: bool) -> bool:
        assert err, "answers in JSON go to standard output"
        asked.append(question)
        assert answer is not None
        return answer

    monkeypatch.setattr(show, "interactive", lambda: terminal)
    monkeypatch.setattr("click.confirm", confirm)
    assert deeds.declined("Sure?", yes) is declined
    assert asked == ([] if answer is None else ["Sure?"])


def test_the_console_asks_of_the_same_keys() -> None:
    asked = {key for key in "0123456789abcdefghijklmnopqrstuvwxyz" if deeds.warning("sysrq", key)}
    assert asked == set(ENDING_SYSRQ)
