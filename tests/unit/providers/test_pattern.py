"""Search expressions: what they find, what is refused, and that none takes longer than its text is long."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outofband.core.errors import Fault
from outofband.providers.serial_console.pattern import MAX_MATCHES, MAX_PATTERN, Pattern


@given(st.text(max_size=30))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    try:
        pattern = Pattern(text)
    except Fault as fault:
        assert fault.code == "LogPatternInvalid"
        assert fault.fields["detail"]
    else:
        pattern.matches("some line of a log: a+b (c) [d] {2}")


@given(st.text(min_size=1, max_size=30), st.text(max_size=10), st.text(max_size=10))
def test_escaped_text_finds_itself(text: str, before: str, behind: str) -> None:
    assert Pattern(re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", text)).finds(before + text + behind)


@pytest.mark.parametrize(
    "text", ["(a+)+b", "(a|a)*b", "(a*)*b", "(.*a){20}b", "(a?){30}a{30}b", "(?i)(x+x+)+y", "a*a*a*a*a*a*b"]
)
def test_what_makes_others_hang_takes_a_moment(text: str) -> None:
    pattern, began = Pattern(text), time.process_time()
    assert not pattern.finds("a" * 20_000 + ("" if "a{30}b" in text else "c"))
    assert time.process_time() - began < 2.0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("(a", "missing )"),
        ("a)", "unexpected )"),
        ("[a", "missing ]"),
        ("*a", "no argument"),
        ("a**", "bad repetition operator"),
        (r"(a)\1", "invalid escape"),
        ("(?=a)", "invalid perl operator"),
        ("a\\", "trailing \\"),
        ("[b-a]", "invalid character class range"),
        ("((a{999}){999}){999}", "repetition"),
        ("\ud800", "no text"),
        ("x" * (MAX_PATTERN + 1), "256 characters"),
    ],
)
def test_what_is_wrong_is_said(text: str, says: str) -> None:
    with pytest.raises(Fault) as caught:
        Pattern(text)
    assert caught.value.code == "LogPatternInvalid"
    assert says in caught.value.fields["detail"]


def test_where_it_matches_counts_characters_not_bytes() -> None:
    assert Pattern(r"(?i)panic|oops").matches("Kernel PANIC - an Oops") == [(7, 12), (18, 22)]
    assert Pattern("É", ignore_case=True).matches("é É") == [(0, 1), (2, 3)]
    assert Pattern("b").matches("é€😀b") == [(3, 4)]
    assert Pattern("").matches("x") == []
    assert Pattern("").finds("")
    assert len(Pattern("a").matches("a" * 100)) == MAX_MATCHES
