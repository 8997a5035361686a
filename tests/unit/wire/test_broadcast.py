"""Which consoles a line may go to, and what each answered: by the vectors that the portal follows too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outofband.wire import broadcast
from outofband.wire.broadcast import ECHO_SECONDS, MAX_OUTPUT, Answer, Look, Outcome, obstacle_of
from outofband.wire.portstate import PortState

VECTORS = json.loads((Path(__file__).parents[2] / "support" / "broadcast_vectors.json").read_text())
PROMPT = "demo@demo:~$ "


@pytest.mark.parametrize("vector", VECTORS["lines"])
def test_lines_as_a_person_reads_them(vector: dict[str, Any]) -> None:
    text = broadcast.cleaned(vector["output"])
    assert broadcast.lines_of(text) == vector["lines"]
    assert broadcast.open_line_of(text) == vector["open"]


@pytest.mark.parametrize("vector", VECTORS["prompts"])
def test_prompts(vector: dict[str, Any]) -> None:
    assert broadcast.is_prompt(vector["state"], vector["line"]) is vector["prompt"]


@pytest.mark.parametrize("vector", VECTORS["checks"])
def test_what_stands_in_the_way(vector: dict[str, Any]) -> None:
    found = obstacle_of(Look(**vector["look"]), vector["wanted"])
    assert (msgspec.to_builtins(found) if found else None) == vector["obstacle"]


looks = st.builds(
    Look,
    connected=st.booleans(),
    may_type=st.booleans(),
    writer=st.none() | st.just("ann"),
    stopped=st.booleans(),
    typing=st.booleans(),
    shows=st.sampled_from(["", *PortState]),
    line=st.sampled_from(["", "$", "demo login:", "grub>", "SAC>", "text"]),
)


@given(looks, st.sampled_from(broadcast.READERS))
def test_nothing_goes_where_anything_is_in_the_way(look: Look, wanted: str) -> None:
    if obstacle_of(look, wanted) is None:
        assert look.connected
        assert look.may_type
        assert look.writer is None
        assert not look.stopped
        assert not look.typing
        assert look.shows == wanted
        assert broadcast.is_prompt(wanted, look.line) is not False
    else:
        better = msgspec.structs.replace(look, connected=True, may_type=True, writer=None, stopped=False)
        better = msgspec.structs.replace(better, typing=False, shows=wanted, line="$")
        if wanted == PortState.SHELL:
            assert obstacle_of(better, wanted) is None


def told(text: str, *printed: str, state: str = "shell") -> Answer:
    answer = Answer(text, state, 0.0)
    for each in printed:
        answer.printed(each.encode(), 1.0)
    return answer


def test_an_answer_is_echo_output_and_prompt() -> None:
    answer = told("uptime", "upt")
    assert answer.outcome(1) is Outcome.WAITING
    answer.printed(b"ime\r\n", 1)
    assert (answer.outcome(1), answer.lines, answer.echoed) == (Outcome.RUNNING, [], True)
    answer.printed(b" 10:00 up 3 min\r\nload \xc3", 1)
    answer.printed(b"\xa9 0.1\r\n", 1)
    assert answer.outcome(1) is Outcome.RUNNING
    answer.printed(f"\x1b[?2004h{PROMPT}".encode(), 1)
    assert answer.outcome(1) is Outcome.RUNNING, "it may be the middle of a line"
    answer.lose()
    assert (answer.outcome(2), answer.lines) == (Outcome.DONE, [" 10:00 up 3 min", "load \u00e9 0.1"])


@pytest.mark.parametrize(
    ("printed", "lines"),
    [
        ("true\r\n" + PROMPT, []),
        (f"{PROMPT}tr \r\x1b[Kue\r\nout\r\n{PROMPT}", ["out"]),
        (f"true\r\nout\r\n{PROMPT}[   12.345678] random: crng init done\r\n", ["out"]),
    ],
)
def test_answers_that_terminals_and_kernels_break(printed: str, lines: list[str]) -> None:
    answer = told("true", printed)
    assert answer.outcome(2) is Outcome.DONE
    assert answer.lines == lines


@given(st.lists(st.integers(0, 60), max_size=8))
def test_how_the_output_is_cut_makes_no_difference(cuts: list[int]) -> None:
    printed = f"echo x\r\ncost 5 $ 6 # 7\r\n\x1b[1mload \u00e9\x1b[0m\r\n{PROMPT}\x1b[6n".encode()
    answer = Answer("echo x", "shell", 0.0)
    at = 0
    for cut in [*sorted(cuts), len(printed)]:
        answer.printed(printed[at:cut], 1.0)
        assert answer.outcome(1.0) is not Outcome.DONE
        at = max(at, cut)
    assert answer.outcome(2) is Outcome.DONE
    assert answer.lines == ["cost 5 $ 6 # 7", "load \u00e9"]


def test_an_echo_is_no_prompt() -> None:
    answer = told("echo 5 $", f"{PROMPT}echo 5 $")
    assert answer.outcome(1) is Outcome.RUNNING
    answer.printed(f"\r\n5 $x\r\n{PROMPT}".encode(), 1)
    assert (answer.outcome(2), answer.lines) == (Outcome.DONE, ["5 $x"])


def test_what_does_not_come_is_told() -> None:
    assert told("ls").outcome(ECHO_SECONDS) is Outcome.NOT_ECHOED
    answer = told("ls", "ls\r\n")
    assert answer.outcome(ECHO_SECONDS) is Outcome.RUNNING
    answer.lose()
    assert answer.outcome(1) is Outcome.LOST
    login = told("demo", "demo\r\nPassword: ", state="login")
    assert login.outcome(1) is Outcome.RUNNING
    assert login.outcome(3) is Outcome.ECHOED


def test_an_empty_line_has_no_echo_to_wait_for() -> None:
    assert told("", f"\r\n{PROMPT}").outcome(2) is Outcome.DONE


def test_of_a_long_answer_the_end_is_kept() -> None:
    answer = told("seq", "seq\r\n", *["x" * 79 + "\r\n"] * (MAX_OUTPUT // 80), f"last\r\n{PROMPT}")
    assert answer.outcome(2) is Outcome.DONE
    assert answer.lines[-1] == "last"
    assert len("".join(answer.lines)) <= MAX_OUTPUT


def test_the_status_is_told_by_a_line_that_does_not_look_like_its_echo() -> None:
    line = broadcast.asks_status("oobX1")
    assert line == "echo o''obX1=$?"
    assert broadcast.status_in([f"$ {line}", "oobX1=3"], "oobX1") == 3
    assert broadcast.status_in([line], "oobX1") is None
