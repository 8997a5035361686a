"""`--tags`: the form of the document of 2021, and what it does not say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outofband.cli.azcmagent.tags import FORBIDDEN, parse, written
from outofband.wire.azcm import AzcmFault

NAMES = st.text(
    st.characters(
        min_codepoint=32, max_codepoint=0x2FF, exclude_characters=FORBIDDEN, categories=("L", "N", "P", "Zs")
    ),
    min_size=1,
    max_size=20,
).filter(lambda name: name.isprintable())
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=20)


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        (
            "SingleName='Value with spaces',Location=Redmond",
            {"SingleName": "Value with spaces", "Location": "Redmond"},
        ),
        ("A=B", {"A": "B"}),
        ("A=B,C='d e'", {"A": "B", "C": "d e"}),
        ("A = B , C=D", {"A": "B", "C": "D"}),
        ("'a name'=x", {"a name": "x"}),
        ("A=''", {"A": ""}),
        ("A=", {"A": ""}),
        ("A='x=y,z'", {"A": "x=y,z"}),
        (r"A=it\'s,B=a\,b,C=a\=b,D=a\\b", {"A": "it's", "B": "a,b", "C": "a=b", "D": "a\\b"}),
        (r"A='it\'s'", {"A": "it's"}),
        ("A=pre' mid 'post", {"A": "pre mid post"}),
        (r"A=a\ b", {"A": "a b"}),
        ("Été='à l’est'", {"Été": "à l’est"}),
    ],
)
def test_what_is_taken(text: str, tags: dict[str, str]) -> None:
    assert parse(text) == tags


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "there are none"),
        ("  ", "there are none"),
        ("A", "has no ="),
        ("A=B,C", "number 2"),
        ("A=B,", "number 2"),
        ("=B", "no name"),
        ("A=B=C", "second ="),
        ("A=b c", "has blanks"),
        ("A='b", "never closed"),
        ("A=b\\", "ends with a backslash"),
        ("A=1,a=2", "twice"),
        ("A<=1", "character '<'"),
        (f"{'n' * 513}=1", "at most 512"),
        (f"A={'v' * 257}", "256"),
        (",".join(f"n{number}=1" for number in range(51)), "at most 50"),
    ],
)
def test_what_is_not(text: str, says: str) -> None:
    with pytest.raises(AzcmFault) as caught:
        parse(text)
    assert caught.value.code == "AZCM0013"
    assert says in str(caught.value.fields["detail"])


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=6))
def test_what_is_written_is_read_back(tags: dict[str, str]) -> None:
    if len({name.lower() for name in tags}) == len(tags):
        assert parse(written(tags)) == tags


@given(st.text(max_size=60))
def test_any_text_is_tags_or_a_fault(text: str) -> None:
    try:
        found = parse(text)
    except AzcmFault as fault:
        assert fault.code == "AZCM0013"
    else:
        assert found
