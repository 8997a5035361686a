"""Cutting the stream anywhere changes nothing; no reader but the live writer is ever asked anything."""

from __future__ import annotations

import itertools
import re

from hypothesis import given
from hypothesis import strategies as st

from outofband.wire.screen import Hygiene, Reader

OPENERS = [b"\x1b", b"\x1b[", b"[", b"]", b"P", b"\xc2", b"\xc2\x9b", b"\x9b", b"\xe2"]
ENDS = [b"6n", b"c", b"$p", b"21t", b"Z", b"52;c;?", b"1;31m", b"?", b">", b"\\", b"\x07", b"\x18", b"\x05"]
PIECES = st.sampled_from([*OPENERS, *ENDS, b"\xe2\x82\xac", b"text", b"\r\n"])
STREAMS = st.lists(PIECES | st.binary(max_size=4), max_size=30).map(b"".join)
ASKING = re.compile(rb"\x1b\[[0-9;<=>?]*(?:[cntx]|\$p)|\x1bZ|\x1b[\]PX^_]|\x05")


@given(STREAMS, st.data(), st.sampled_from(Reader))
def test_the_cut_does_not_matter(text: bytes, data: st.DataObject, reader: Reader) -> None:
    whole = Hygiene(reader).clean(text)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = Hygiene(reader)
    edges = [0, *cuts, len(text)]
    assert b"".join(pieces.clean(text[a:b]) for a, b in itertools.pairwise(edges)) == whole


@given(STREAMS)
def test_a_bystander_is_never_asked(text: bytes) -> None:
    assert not ASKING.search(Hygiene(Reader.BYSTANDER).clean(text))


@given(STREAMS)
def test_what_passed_once_passes_again(text: bytes) -> None:
    once = Hygiene().clean(text)
    assert Hygiene().clean(once) == once


@given(st.text(alphabet=st.characters(blacklist_categories=["Cc", "Cs"])))
def test_text_is_untouched(text: str) -> None:
    assert Hygiene().clean(text.encode()) == text.encode()
