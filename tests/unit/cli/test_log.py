"""`oob vm log`: lines of the guest and records of who was there, which no guest can print."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from outofband.cli import log_files, log_text
from outofband.cli.log import _since
from outofband.cli.log_text import GUEST, RECORD, Teller, text_of
from outofband.cli.log_writer import Writer
from outofband.cli.main import run
from outofband.core import clock
from outofband.core.errors import Fault


def tail(*lines: str, **records: int) -> dict[str, Any]:
    found = [{"before": before, "at": "12:00", "text": text} for text, before in records.items()]
    return {"lines": [{"text": line} for line in lines], "records": found}


def told(page: dict[str, Any]) -> list[str]:
    return [text_of(*each) for each in Teller().told(page)]


def test_records_stand_at_their_places() -> None:
    assert told(tail("one", "two", came=0, left=1, last=2)) == [
        f"{RECORD}12:00 came",
        f"{GUEST}one",
        f"{RECORD}12:00 left",
        f"{GUEST}two",
        f"{RECORD}12:00 last",
    ]


def test_a_guest_that_prints_a_record_prints_a_line() -> None:
    forged = told(tail(f"{RECORD}12:00 ann left", f"x\n{RECORD}12:00 ann left", f"\r{RECORD}12:00 ann left"))
    assert len(forged) == 3
    assert all(line.startswith(GUEST) and "\n" not in line and "\r" not in line for line in forged)


def test_a_control_plane_that_tells_no_records() -> None:
    assert told({"lines": [{"text": "one"}]}) == [f"{GUEST}one"]


# --- times and spans ---


def since(given: str) -> str | None:
    return _since(click.Context(click.Command("log")), click.Option(["--since"]), given)


@pytest.mark.parametrize(
    ("given", "seconds"), [("10m", 600), ("2h", 7200), ("45s", 45), ("1 d", 86400), ("1W", 604800)]
)
def test_how_long_ago(given: str, seconds: int) -> None:
    found = since(given)
    assert found is not None
    assert clock.wall() - clock.parse_iso(found).timestamp() == pytest.approx(seconds, abs=5)


def test_a_time_without_a_zone_is_this_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC-3")
    time.tzset()
    try:
        for given, hour in (("2026-05-04T10:00", 7), ("2026-05-04T10:00:00Z", 10)):
            found = since(given)
            assert found is not None
            assert clock.parse_iso(found).hour == hour
        assert log_text.moment("2026-05-04T07:00:00Z") == "2026-05-04 10:00:00"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("given", ["soon", "10", "m", "-5m", "2026-13-01", "", "999999w", "0001-01-01"])
def test_what_is_no_time_is_refused(given: str) -> None:
    with pytest.raises(click.BadParameter):
        since(given)


# --- following ---


def page(begin: int, *lines: str, opened: bool = False, **more: Any) -> dict[str, Any]:
    """Lines of five bytes each; the last one may be open."""
    found = [{"offset": begin + 5 * number, "at": "t", "text": text} for number, text in enumerate(lines)]
    end = begin + 5 * len(lines)
    if opened:
        found[-1]["open"] = True
    following = end - 5 * opened
    boots = [{"boot": 0, "number": 1, "from": 0, "end": end, "at": "b", "last": "l"}]
    base = {"lines": found, "from": begin, "next": following, "end": end, "more": False, "boots": boots}
    return base | {"records": [], "gaps": [], "live": True, "start": 0} | more


def printed(capsys: pytest.CaptureFixture[str], *pages: dict[str, Any], **kind: bool) -> str:
    given = {"as_json": False, "times": False, "terminal": False} | kind
    writer = Writer(Teller(), **given)
    for each in pages:
        writer.page(each)
    writer.pause()
    return capsys.readouterr().out


def test_a_terminal_sees_a_line_grow(capsys: pytest.CaptureFixture[str]) -> None:
    pages = page(5, "log", opened=True), page(5, "login:", opened=True), page(5, "login: root", "next")
    assert printed(capsys, *pages, terminal=True) == "  login: root\n  next\n"


def test_a_terminal_sees_a_line_that_was_written_over(capsys: pytest.CaptureFixture[str]) -> None:
    pages = page(5, "10 %", opened=True), page(5, "20 %")
    assert printed(capsys, *pages, terminal=True) == "  10 %\n  20 %\n"


def test_a_program_gets_whole_lines(capsys: pytest.CaptureFixture[str]) -> None:
    pages = page(5, "log", opened=True), page(5, "login: root", "next")
    assert printed(capsys, *pages) == "  login: root\n  next\n"


def test_a_program_gets_an_open_line_once_nothing_comes_to_it(capsys: pytest.CaptureFixture[str]) -> None:
    same = page(5, "login:", opened=True)
    assert printed(capsys, same, same, same, page(5, "login:")) == "  login:\n"
    assert printed(capsys, same, same, page(5, "login: root")) == "  login:\n  login: root\n"


@pytest.mark.parametrize("terminal", [False, True])
def test_rows_of_a_line_that_was_cleared_are_told_once(
    capsys: pytest.CaptureFixture[str], terminal: bool
) -> None:
    def rows(*texts: str, opened: bool) -> dict[str, Any]:
        one = page(5, *texts, opened=opened)
        return one | {"lines": [line | {"offset": 5} for line in one["lines"]], "next": 5 if opened else 20}

    pages = (
        rows("Probing... o", opened=True),
        rows("Probing... o", "", opened=True),
        rows("Probing... o", "Linux", opened=True),
        rows("Probing... o", "Linux version", opened=False),
    )
    assert printed(capsys, *pages, terminal=terminal).split() == ["Probing...", "o", "Linux", "version"]


def test_a_program_gets_objects(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(
        capsys, page(5, "one", gaps=[{"before": 1, "from": 10, "end": 10, "bytes": 7}]), as_json=True
    )
    told = [json.loads(line) for line in out.splitlines()]
    assert told == [
        {"kind": "line", "offset": 5, "at": "t", "text": "one"},
        {"kind": "gap", "before": 1, "from": 10, "end": 10, "bytes": 7},
    ]


def test_what_pages_repeat_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    record = {"before": 0, "at": "12:00", "text": "ann came"}
    again = [{"boot": 0, "number": 2, "from": 10, "end": 10, "at": "b", "last": "l"}]
    first = page(5, "one", records=[record])
    reset = page(10, records=[record], boots=first["boots"] + again)
    assert printed(capsys, first, reset, reset, page(10, "two", boots=reset["boots"])) == (
        "* 12:00 ann came\n  one\n* b boot 2 begins\n  two\n"
    )


# --- files ---


def raw(begin: int, data: bytes, *times: tuple[int, str], **more: Any) -> dict[str, Any]:
    end = begin + len(data)
    told = [{"end": end, "at": at} for end, at in times]
    base = {"from": begin, "next": end, "end": end, "boots": [], "gaps": [], "at": "2026-05-04T10:00:09Z"}
    return base | {"data": base64.b64encode(data).decode(), "times": told} | more


def test_a_recording_goes_through_pages_boots_and_gaps() -> None:
    boot = {"number": 2, "from": 8, "at": "2026-05-04T10:00:04Z"}
    gap = {"from": 12, "end": 12, "bytes": 7}
    pages = [
        raw(0, b"old\r\n", (3, "2026-05-04T10:00:01Z"), (5, "2026-05-04T10:00:02Z"), boots=[boot]),
        raw(5, b"endBIOSlogin", (17, "2026-05-04T10:00:05.500Z"), boots=[boot], gaps=[gap]),
    ]
    header, *events = [json.loads(line) for line in log_files.cast(pages, "web1")]
    assert (header["version"], header["timestamp"], header["title"]) == (2, 1777888801, "web1")
    assert events == [
        [0.0, "o", "old"],
        [1.0, "o", "\r\n"],
        [4.5, "o", "end"],
        [4.5, "m", "boot 2"],
        [4.5, "o", "BIOS"],
        [4.5, "m", "7 bytes are missing here (offset 12)"],
        [4.5, "o", "login"],
    ]


def test_an_older_control_plane_tells_no_times() -> None:
    lines = [json.loads(line) for line in log_files.cast([raw(0, b"a", times=[])], "web1")]
    assert lines[1:] == [[0.0, "o", "a"]]


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    def broken() -> Iterator[str]:
        yield "half"
        raise Fault("AgentOffline")

    place = tmp_path / "web1.cast"
    place.write_text("before")
    with pytest.raises(Fault):
        log_files.write(str(place), broken())
    assert place.read_text() == "before"
    assert list(tmp_path.iterdir()) == [place]
    with pytest.raises(Fault, match="UsageInvalid"):
        log_files.write(str(tmp_path / "none" / "x"), ["a"])


# --- the command line ---


@pytest.mark.parametrize(
    "words",
    [
        ["--follow", "--boot", "-1"],
        ["--raw", "--grep", "x"],
        ["--raw", "-o", "json"],
        ["--raw", "--boot", "0", "-n", "5"],
        ["--boots", "--follow"],
        ["--cast", "x", "--follow"],
        ["--cast", "x", "--grep", "y"],
        ["--cast", "x", "--html", "y"],
        ["--html", "x", "-o", "json"],
        ["--html", "x", "-n", "3"],
    ],
)
def test_options_that_exclude_each_other(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["vm", "log", "web1", *words]) == 2
    assert "UsageInvalid" in capsys.readouterr().err
