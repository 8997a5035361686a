"""A reason survives a header field; what is no line of words does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outofband.core.errors import Fault
from outofband.wire.arm import reasons

WORDS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=reasons.MAX_LENGTH)


@given(WORDS)
def test_words_go_through(words: str) -> None:
    value = reasons.encode(words)
    assert value.isascii()
    assert value.isprintable()
    assert reasons.decode(value) == words


@given(st.text(max_size=400))
def test_anything_is_words_or_refused(value: str) -> None:
    try:
        found = reasons.decode(value)
    except Fault as fault:
        assert fault.code == "InvalidParameter"
        return
    assert found is None or (found.isprintable() and len(found) <= reasons.MAX_LENGTH)


@pytest.mark.parametrize("value", ["a%0Ab", "%1b[2J", "x" * 257])
def test_what_is_no_line(value: str) -> None:
    with pytest.raises(Fault):
        reasons.decode(value)


@pytest.mark.parametrize("value", [None, "", "  ", "%20"])
def test_none(value: str | None) -> None:
    assert reasons.decode(value) is None
