"""The list of parsers that is fuzzed with coverage (`make soak`), by hypothesis: soon, without a defect."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.conversations import cut, messages
from tests.support.parsers import ENTRIES, seeds, try_entry

SECONDS = 1.0


@st.composite
def spoiled(draw: st.DrawFn, name: str) -> bytes:
    """Something real of which a few bytes are others, or missing, or twice."""
    text = bytearray(draw(st.sampled_from(seeds(name))))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(text)))
        text[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=4))
    return bytes(text)


@pytest.mark.parametrize("name", ENTRIES)
def test_any_bytes(name: str) -> None:
    conversations = st.lists(st.binary(max_size=60), max_size=6).map(lambda parts: cut(*parts))

    @given(st.binary(max_size=300) | conversations | spoiled(name))
    def tried(text: bytes) -> None:
        began = time.perf_counter()
        try_entry(name, text)
        assert time.perf_counter() - began < SECONDS

    tried()


@pytest.mark.parametrize("name", ENTRIES)
def test_what_a_fuzzer_begins_with_is_read(name: str) -> None:
    """An entry that refuses the real thing at once would be fuzzed for nothing."""
    for text in seeds(name):
        try_entry(name, text)


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_a_conversation_is_cut_as_it_was_joined(parts: list[bytes]) -> None:
    assert list(messages(cut(*parts))) == parts
