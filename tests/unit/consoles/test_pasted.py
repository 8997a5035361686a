"""Bytes that were pasted: each paste counted once, whichever notice tells of it."""

from __future__ import annotations

import pytest

from outofband.consoles.pasted import MAX_KEPT, Pasted
from outofband.wire.stream import Notice


def told(id: str, typed: int) -> Notice:
    return Notice("paste", {"id": id, "typed": typed})


def test_each_paste_counts_once_with_its_largest_count() -> None:
    pasted = Pasted()
    for id, typed in (("a", 10), ("a", 25), ("b", 5), ("a", 0)):
        pasted.noticed(told(id, typed))
    pasted.noticed(Notice("writer", {"mode": "write"}))
    assert pasted.total == 30


def test_what_the_last_stream_did_not_tell_counts_too() -> None:
    pasted = Pasted()
    pasted.noticed(told("a", 10))
    pasted.noticed(Notice("attached", {"pasting": {"id": "a", "typed": 40, "state": "done"}}))
    pasted.noticed(Notice("attached", {}))
    assert pasted.total == 40


def test_of_many_only_the_sum_is_kept() -> None:
    pasted = Pasted()
    for number in range(10 * MAX_KEPT):
        pasted.noticed(told(f"{number:04d}" * 100, 2))
    assert pasted.total == 20 * MAX_KEPT
    assert len(pasted._typed) == MAX_KEPT
    assert max(map(len, pasted._typed)) == 64


def test_what_cannot_be_read_is_said() -> None:
    with pytest.raises(KeyError):
        Pasted().noticed(Notice("paste", {"id": "a"}))
