"""Access records among the lines of a log: each at its place, and no guest makes one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outofband.providers.serial_console import records
from outofband.providers.serial_console.records import Mark
from outofband.store.activity import ActivityEntry

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
PORT = "Microsoft.SerialConsole/serialPorts"


def entry(
    second: float, status: str = "Started", action: str = "session", **properties: Any
) -> ActivityEntry:
    return ActivityEntry(
        sequence=1,
        id="e",
        at=NOON + timedelta(seconds=second),
        tenant_id="t",
        subscription_id="s",
        resource_id="r",
        resource_type=PORT,
        action=f"{PORT}/{action}/action",
        scope="r",
        status=status,
        sub_status=str(properties.pop("sub", "")),
        level="Informational",
        caller="ann",
        object_id="o",
        app_id="a",
        client_address="192.0.2.7",
        method=None,
        correlation_id="c",
        operation_id="c",
        properties=properties,
    )


def mark(offset: int, seconds: float) -> Mark:
    return Mark(offset, NOON.timestamp() + seconds)


TEXT = b"one\ntwo\nthree\n"
MARKS = [mark(100, 0), mark(104, 10), mark(108, 20), mark(114, 30)]


@pytest.mark.parametrize(
    ("seconds", "before"), [(0, 0), (9, 0), (10, 1), (19, 1), (20, 2), (30, 3), (3000, 3), (-60, 0)]
)
def test_a_record_goes_before_what_came_after_it(seconds: float, before: int) -> None:
    lines, found = records.merged(TEXT, 100, 50, [entry(seconds)], MARKS, 0.0)
    assert lines == ["one", "two", "three"]
    assert [each.before for each in found] == [before]


def test_the_hosts_clock_may_differ() -> None:
    _, found = records.merged(TEXT, 100, 50, [entry(10)], MARKS, 10.0)
    assert found[0].before == 2


def test_a_line_stays_whole() -> None:
    marks = [mark(100, 0), mark(102, 10), mark(114, 20)]
    lines, found = records.merged(TEXT, 100, 50, [entry(10), entry(11)], marks, 0.0)
    assert lines == ["one", "two", "three"]
    assert [each.before for each in found] == [1, 1]
    lines, found = records.merged(b"login: ", 100, 50, [entry(10)], [mark(100, 0), mark(103, 10)], 0.0)
    assert (lines, found[0].before) == (["login:"], 1)


def test_what_belongs_to_lines_that_are_not_shown_is_not() -> None:
    lines, found = records.merged(TEXT, 100, 1, [entry(0), entry(10), entry(20)], MARKS, 0.0)
    assert (lines, [each.before for each in found]) == (["three"], [0])


def test_from_when_on_records_are_wanted() -> None:
    assert records.since(MARKS, 105) == NOON.timestamp() + 10
    assert records.since(MARKS, 99) is None
    assert records.since([], 0) is None


def test_a_record_says_it_all_in_one_sentence() -> None:
    ended = entry(
        1, "Succeeded", sub="TakenOver", reason="TakenOver", mode="write", client="oob", seconds=12,
        bytesIn=5, bytesOut=300, by="bob", session="x",
    )  # fmt: skip
    [found] = records.merged(b"", 0, 5, [ended], [], 0.0)[1]
    assert found.text == (
        "ann from 192.0.2.7: session Succeeded (TakenOver), mode write, client oob, by bob, 12 s, 5 bytes in,"
        " 300 bytes out"
    )
    assert found.properties["by"] == "bob"
    assert "session" not in found.properties


@pytest.mark.parametrize(
    ("action", "status", "told"),
    [
        ("session", "Started", True),
        ("tail", "Succeeded", False),
        ("tail", "Failed", True),
        ("nmi", "Started", True),
    ],
)
def test_which_records_are_told(action: str, status: str, told: bool) -> None:
    assert records.is_told(entry(0, status, action)) is told


@given(
    st.binary(max_size=200),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 100)), max_size=8),
    st.lists(st.integers(-10, 110), max_size=6),
    st.integers(1, 20),
)
def test_lines_and_records_are_each_there_once_and_in_order(
    text: bytes, marks: list[tuple[int, int]], times: list[int], limit: int
) -> None:
    told = [mark(100 + offset, seconds) for offset, seconds in sorted(marks)]
    entries = [entry(seconds) for seconds in sorted(times)]
    lines, found = records.merged(text, 100, limit, entries, told, 0.0)
    assert len(lines) <= limit
    assert len(found) <= len(entries)
    places = [each.before for each in found]
    assert places == sorted(places)
    assert all(0 <= each <= len(lines) for each in places)
