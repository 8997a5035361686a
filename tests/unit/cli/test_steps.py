"""Progress: on a terminal it moves, in a log it is a line now and then, with -q it is silent."""

from __future__ import annotations

import sys

import pytest

from outofband.cli import output, steps
from outofband.cli.steps import Steps
from tests.support.terminal import Terminal

LIVE = """
from outofband.cli.steps import Steps
steps = Steps()
with steps.step("first") as detail:
    detail("half \\x1b[2Jway " + "x" * 300)
try:
    with steps.step("second"):
        raise SystemExit(3)
finally:
    print("changed", steps.changed)
"""


def test_a_log_gets_a_line_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    made = Steps()
    with made.step("first") as detail:
        detail("half way")
    made.already("second", "done before")
    made.done("third", "after all")
    with made.progress("fourth"):
        pass
    with pytest.raises(ValueError, match="x"), made.step("fifth"):
        raise ValueError("x")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        " ✓ first  0.0 s",
        " ✓ second  done before",
        " ✓ third  after all",
        " ✗ fifth  failed",
    ]
    assert made.changed == 3


def test_a_long_step_says_now_and_then_where_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "EVERY_SECONDS", 0.0)
    with Steps().progress("waiting") as detail:
        detail("half way")
    assert " … waiting: half way\n" in capsys.readouterr().err


@pytest.mark.parametrize("by_option", [True, False])
def test_quiet_is_silent(capsys: pytest.CaptureFixture[str], by_option: bool) -> None:
    output.voice.quiet = by_option
    made = Steps(quiet=not by_option)
    with made.step("first") as detail:
        detail("x")
    made.already("second", "x")
    assert capsys.readouterr() == ("", "")
    assert made.changed == 1


def test_a_terminal_sees_it_move_and_is_left_clean() -> None:
    with Terminal([sys.executable, "-c", LIVE]) as terminal:
        shown = terminal.expect(rb"changed 2")
        assert terminal.wait() == 3
    assert b"\x1b[2J" not in shown
    assert "… first: half".encode() in shown
    assert b"x" * 80 not in shown, "a line that wraps cannot be taken back"
    assert "\r\x1b[K ✓ first".encode() in shown
    assert "✗ second".encode() in shown
