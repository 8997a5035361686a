"""Whatever is done to an exported log shows, and where."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from outofband.wire.audit import chain, lines
from outofband.wire.audit.chain import Checkpoint
from outofband.wire.audit.verify import Report, What
from tests.support import audit
from tests.support.audit import checkpoint, log, pruned, verify, whole

QUICK = settings(deadline=None, max_examples=40)
DAYS = {"2026-03-04": 7, "2026-03-05": 2, "2026-03-07": 4}
LOG = log(DAYS)
RECORDS = [at for at, line in enumerate(LOG) if isinstance(line, lines.Record)]


def whats(report: Report) -> set[str]:
    return {each.what.value for each in report.problems}


def change(line: Any, **fields: Any) -> Any:
    return msgspec.structs.replace(line, **fields)


def relinked(told: list[lines.Line]) -> list[lines.Line]:
    """What a thief without the key can do: link all records anew, and write the heads to fit."""
    found: list[lines.Line] = []
    at, link, before = -1, "", (None, None)
    for line in told:
        if isinstance(line, lines.Chain):
            link = chain.seed(line.node, line.day, *before)
            found.append(change(line, previous_day=before[0], previous_link=before[1]))
            at, number = len(found) - 1, 0
        elif isinstance(line, lines.Record):
            number += 1
            link = chain.link(link, number, chain.digest(line.record or {}))
            found.append(change(line, number=number, link=link))
            found[at] = change(found[at], count=number, link=link)
            before = (line.day, link)  # type: ignore[assignment]
        else:
            found.append(line)
    return found


def test_a_log_as_it_was_written_is_complete() -> None:
    report = verify(whole(LOG))
    assert report.complete and not report.problems
    [node] = report.nodes
    assert (node.records, node.unsigned, node.signed_at) == (13, 0, audit.AT)
    assert (node.first_day, node.last_day, report.until) == ("2026-03-04", "2026-03-07", audit.AT)


def test_two_nodes_have_chains_of_their_own() -> None:
    other = log({"2026-03-05": 3}, node="n2", sequence=100)
    report = verify(whole([*LOG, *other]))
    assert report.complete
    assert [(each.node, each.records) for each in report.nodes] == [("n1", 13), ("n2", 3)]


def test_records_after_the_last_signature_are_counted() -> None:
    told = [
        each
        for each in LOG
        if not (isinstance(each, Checkpoint) and each.day == "2026-03-07" and each.count > 3)
    ]
    report = verify(whole(told))
    assert report.complete and report.nodes[0].unsigned == 1


@pytest.mark.parametrize("name", chain.FIELDS)
@QUICK
@given(at=st.sampled_from(RECORDS))
def test_every_changed_field_shows(name: str, at: int) -> None:
    line: Any = LOG[at]
    value = line.record[name]
    other = (
        value + 1
        if isinstance(value, int)
        else {**value, "n": -1}
        if isinstance(value, dict)
        else value + "x"
    )
    for fresh in (other, None):
        told = [*LOG]
        told[at] = change(line, record={**line.record, name: fresh})
        report = verify(whole(told))
        assert not report.complete
        [problem] = report.problems
        assert (problem.what, problem.day, problem.first) == (What.CHANGED, line.day, line.number)
        # Linked anew it is the signatures that tell.
        assert What.CHANGED.value in whats(verify(whole(relinked(told))))


@QUICK
@given(first=st.integers(0, len(RECORDS) - 1), many=st.integers(1, len(RECORDS)))
def test_removed_records_show(first: int, many: int) -> None:
    gone = set(RECORDS[first : first + many])
    told = [line for at, line in enumerate(LOG) if at not in gone]
    report = verify(whole(told))
    missing: dict[str, set[int]] = {}
    for problem in report.problems:
        assert problem.what is What.MISSING
        missing.setdefault(problem.day, set()).update(range(problem.first, problem.last + 1))
    expected: dict[str, set[int]] = {}
    for at in gone:
        line: Any = LOG[at]
        expected.setdefault(line.day, set()).add(line.number)
    assert missing == expected, "exactly what is missing"
    assert not verify(whole(relinked(told))).complete


@QUICK
@given(at=st.sampled_from(RECORDS))
def test_a_record_that_is_there_twice_shows(at: int) -> None:
    for place in (at, len(LOG)):
        told = [*LOG[:place], LOG[at], *LOG[place:]]
        assert not verify(whole(told)).complete


@QUICK
@given(one=st.sampled_from(RECORDS), two=st.sampled_from(RECORDS))
def test_records_in_another_order_show(one: int, two: int) -> None:
    if one == two:
        return
    told: list[Any] = [*LOG]
    told[one], told[two] = told[two], told[one]
    assert not verify(whole(told)).complete
    # Only what they tell is exchanged, as an UPDATE would.
    told = [*LOG]
    told[one] = change(LOG[one], record=LOG[two].record)  # type: ignore[union-attr]
    told[two] = change(LOG[two], record=LOG[one].record)  # type: ignore[union-attr]
    assert not verify(whole(told)).complete
    assert not verify(whole(relinked(told))).complete


def test_the_place_in_which_people_read_a_record_counts() -> None:
    told: list[Any] = [*LOG]
    one, two = RECORDS[1], RECORDS[2]
    told[one] = change(LOG[one], sequence=LOG[two].sequence)  # type: ignore[union-attr]
    told[two] = change(LOG[two], sequence=LOG[one].sequence)  # type: ignore[union-attr]
    assert whats(verify(whole(told))) == {"changed"}


@pytest.mark.parametrize("day", DAYS)
def test_a_removed_day_shows(day: str) -> None:
    told = [each for each in LOG if getattr(each, "day", None) != day]
    report = verify(whole(told))
    if day == "2026-03-07":
        # Nothing follows the last one: the log is whole, and ends earlier. Who knows when it was signed sees.
        assert report.complete and report.nodes[0].last_day == "2026-03-05"
        return
    assert What.MISSING.value in whats(report)
    assert not verify(whole(relinked(told))).complete


def test_a_removed_head_shows() -> None:
    for at, line in enumerate(LOG):
        if isinstance(line, lines.Chain):
            assert What.HEAD.value in whats(verify(whole(LOG[:at] + LOG[at + 1 :])))


def test_a_head_that_tells_something_else_shows() -> None:
    for at, line in enumerate(LOG):
        if isinstance(line, lines.Chain):
            for other in (
                change(line, count=line.count + 1),
                change(line, count=line.count - 1),
                change(line, link="00" * 32),
                change(line, previous_link="11" * 32),
                change(line, previous_day="2026-03-01"),
            ):
                assert not verify(whole([*LOG[:at], other, *LOG[at + 1 :]])).complete


def test_a_signature_by_another_key_is_none() -> None:
    thief = Ed25519PrivateKey.generate()
    told: list[Any] = []
    for line in LOG:
        if isinstance(line, Checkpoint):
            line = checkpoint(line.node, line.day, line.count, line.link, key=thief)
        told.append(line)
    report = verify(whole(told))
    assert whats(report) == {"signature"}
    assert report.nodes[0].signed_at is None and report.nodes[0].unsigned == 13
    named = [change(each, kid="k2") if isinstance(each, Checkpoint) else each for each in told]
    assert whats(verify(whole(named))) == {"signature"}


@QUICK
@given(st.sampled_from(["node", "day", "count", "link", "at", "closed", "signature"]), st.integers(0, 5))
def test_a_changed_checkpoint_shows(name: str, which: int) -> None:
    words = [at for at, line in enumerate(LOG) if isinstance(line, Checkpoint)]
    at = words[which % len(words)]
    value = getattr(LOG[at], name)
    other: Any = (
        not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else value[::-1] + "A"
    )
    told = [*LOG[:at], change(LOG[at], **{name: other}), *LOG[at + 1 :]]
    assert What.SIGNATURE.value in whats(verify(whole(told)))


def test_days_removed_by_age_are_said_to_be() -> None:
    head: Any = LOG[0]
    rest = [each for each in LOG if getattr(each, "day", None) != head.day]
    word = pruned(head.node, head.day, head.count, head.link)
    report = verify(whole([head, word, *rest]))
    assert report.complete
    assert (report.nodes[0].records, report.nodes[0].pruned) == (13, 7)
    assert What.MISSING.value in whats(verify(whole([head, *rest]))), "without the word they are missing"
    forged = change(word, count=6)
    assert {"signature", "missing"} <= whats(verify(whole([head, forged, *rest])))
    other = pruned(head.node, head.day, head.count, "22" * 32)
    assert "head" in whats(verify(whole([head, other, *rest])))


def test_part_of_a_log_is_whole_in_itself() -> None:
    rest = [each for each in LOG if getattr(each, "day", "") >= "2026-03-05"]
    assert verify(whole(rest, since="2026-03-05")).complete
    assert not verify(whole(rest, since="2026-03-04")).complete


def test_records_of_others_link_by_their_digest() -> None:
    told: list[Any] = [*LOG]
    for at in RECORDS[::2]:
        line: Any = LOG[at]
        told[at] = change(line, record=None, digest=chain.digest(line.record))
    assert verify(whole(told)).complete
    told[RECORDS[2]] = change(told[RECORDS[2]], digest="33" * 32)
    assert whats(verify(whole(told))) == {"changed"}


def test_rows_that_no_node_wrote_show_and_old_ones_are_counted() -> None:
    later = log({"2026-03-04": 3}, sequence=10)
    old, slipped = (lines.Loose(sequence=n, id=f"r{n}", at=audit.AT) for n in (10, 12))
    report = verify(whole([*later, old]))
    assert report.complete and report.older == 1
    assert whats(verify(whole([*later, slipped]))) == {"added"}
    assert "incomplete" in whats(verify(whole([old, *later])))


def test_a_row_put_in_shows_however_many_old_ones_stand_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outofband.wire.audit.verify.MAX_PROBLEMS", 3)
    later = log({"2026-03-04": 3}, sequence=10)
    loose = [lines.Loose(sequence=n, id=f"r{n}", at=audit.AT) for n in (1, 2, 3, 4, 5, 12)]
    report = verify(whole([*later, *loose]))
    assert (report.older, whats(report)) == (5, {"added"})


def test_an_export_that_was_cut_shows() -> None:
    told = whole(LOG)
    for cut in range(1, len(told)):
        assert "incomplete" in whats(verify(told[:cut]))
        assert not verify(told[:cut] + told[cut + 1 :]).complete


@QUICK
@given(st.lists(st.sampled_from(whole(LOG)), max_size=30))
def test_any_lines_in_any_order_get_a_report(told: list[lines.Line]) -> None:
    report = verify(told)
    assert report.complete is (not report.problems)


@QUICK
@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers() | st.none(), max_size=4))
def test_a_foreign_key_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        chain.public_key(told)
