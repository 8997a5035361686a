"""Findings as a stranger may send them: cut to their bounds, or none at all; older words never win."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outofband.wire import finding as rules
from outofband.wire import link
from outofband.wire.finding import Evidence, Finding, Severity, cleaned, finding_id, is_newer


def found(**changes: object) -> Finding:
    plain = Finding(
        id="KernelPanic-0-40",
        code="KernelPanic",
        severity=Severity.ERROR,
        port="0",
        boot=2,
        offset=40,
        first=100.0,
        last=101.0,
        fields={"reason": "no init"},
        evidence=(Evidence(offset=40, at=100.0, text="Kernel panic - not syncing"),),
    )
    return msgspec.structs.replace(plain, **changes)


def test_a_good_one_stays_as_it_is() -> None:
    assert cleaned(found()) == found()


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "KernelPanic-0-41"},
        {"code": "../x", "id": "../x-0-40"},
        {"port": "0/1", "id": "KernelPanic-0/1-40"},
        {"offset": -1, "id": "KernelPanic-0--1"},
        {"offset": 2**63, "id": f"KernelPanic-0-{2**63}"},
        {"boot": -1},
        {"count": 0},
        {"first": math.inf},
        {"last": -1.0},
        {"ended": 1e15},
        {"evidence": (Evidence(offset=-1, at=0.0, text="x"),)},
        {"evidence": (Evidence(offset=1, at=math.nan, text="x"),)},
    ],
)
def test_what_cannot_be_is_none(changes: dict[str, object]) -> None:
    assert cleaned(found(**changes)) is None


def test_texts_are_cut_and_plain() -> None:
    lines = tuple(Evidence(offset=n, at=1.0, text="\x1b[31mred\u202e" + "x" * 999) for n in range(50))
    fields = {f"f{n}": "y" * 999 for n in range(50)} | {"not a name": "z"}
    clean = cleaned(found(evidence=lines, fields=fields, count=10**12))
    assert clean is not None
    assert len(clean.evidence) == rules.MAX_EVIDENCE
    assert all(len(each.text) == rules.MAX_TEXT for each in clean.evidence)
    assert clean.evidence[0].text.startswith("\ufffd[31mred\ufffdx")
    assert len(clean.fields) == rules.MAX_FIELDS
    assert all(len(value) == rules.MAX_TEXT for value in clean.fields.values())
    assert "not a name" not in clean.fields
    assert clean.count == rules.MAX_COUNT


@given(
    st.builds(
        Finding,
        id=st.text(max_size=20),
        code=st.text(max_size=20),
        severity=st.sampled_from(Severity),
        port=st.text(max_size=4),
        boot=st.integers(),
        offset=st.integers(),
        first=st.floats(),
        last=st.floats(),
        count=st.integers(),
        fields=st.dictionaries(st.text(), st.text(max_size=400), max_size=12),
    ),
    st.booleans(),
)
def test_whatever_comes_is_bounded(sent: Finding, named: bool) -> None:
    if named:
        sent = msgspec.structs.replace(sent, id=finding_id(sent.code, sent.port, sent.offset))
    clean = cleaned(sent)
    if clean is not None:
        assert cleaned(clean) == clean
        assert len(clean.fields) <= rules.MAX_FIELDS
        assert all(text.isprintable() for text in clean.fields.values())


def test_a_full_message_fits_into_the_link() -> None:
    wide = "\U0001f600" * rules.MAX_TEXT
    lines = tuple(Evidence(offset=2**62, at=1e9, text=wide) for _ in range(rules.MAX_EVIDENCE))
    fields = {f"field{n}": wide for n in range(rules.MAX_FIELDS)}
    message = link.Found(1, [link.Told("v" * 36, found(evidence=lines, fields=fields))] * link.MAX_FOUND)
    assert len(msgspec.json.encode(message)) < link.MAX_MESSAGE


def test_older_words_are_not_newer() -> None:
    known = found(count=5, last=200.0, ended=210.0)
    assert not is_newer(known, known)
    assert not is_newer(found(count=1, last=100.0), known)
    assert not is_newer(found(count=5, last=200.0), known), "it had ended by then"
    assert is_newer(found(count=6, last=201.0), known), "it began again"
    assert is_newer(known, found(count=5, last=200.0))


def test_peers_of_an_earlier_day_go_on() -> None:
    """Neither word is in the way of who does not know it."""
    old_welcome = b'{"type":"welcome","link":"l","node":"n","grant_keys":[],"trust":""}'
    assert msgspec.json.decode(old_welcome, type=link.Welcome).takes == []

    class OldWelcome(msgspec.Struct, tag="welcome"):
        link: str
        trust: str

    new_welcome = msgspec.json.encode(link.Welcome("l", "n", [], "t", [link.TAKES_FINDINGS]))
    assert msgspec.json.decode(new_welcome, type=OldWelcome) == OldWelcome("l", "t")
