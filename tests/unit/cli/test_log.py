"""`oob vm log`: lines of the guest and records of who was there, which no guest can print."""

from __future__ import annotations

from typing import Any

from outofband.cli.log import GUEST, RECORD, told


def tail(*lines: str, **records: int) -> dict[str, Any]:
    found = [{"before": before, "at": "12:00", "text": text} for text, before in records.items()]
    return {"lines": [{"text": line} for line in lines], "records": found}


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
