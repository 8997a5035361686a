"""Events of the activity log as a line for people."""

from __future__ import annotations

from typing import Any

import pytest

from outofband.cli.audit_events import ending

SITTING = {"session": "s1", "mode": "write", "client": "oob"}


@pytest.mark.parametrize(
    ("status", "sub", "properties", "line"),
    [
        ("Started", "", SITTING, "Started mode write client oob"),
        (
            "Succeeded",
            "TakenOver",
            {**SITTING, "seconds": "61", "reason": "TakenOver", "by": "bob", "bytesIn": "0", "bytesOut": "9"},
            "Succeeded (TakenOver) after 61 s mode write client oob by bob reason TakenOver"
            " 0 bytes in 9 bytes out",
        ),
        (
            "Succeeded",
            "taken",
            {**SITTING, "keyboard": "taken", "with": "bob"},
            "Succeeded (taken) mode write client oob with bob",
        ),
        (
            "Succeeded",
            "",
            {"key": "b", "reason": "it hangs", "observed": "reset seen"},
            "Succeeded key b reason it hangs observed reset seen",
        ),
    ],
)
def test_what_came_of_it(status: str, sub: str, properties: dict[str, Any], line: str) -> None:
    event = {"status": {"value": status}, "subStatus": {"value": sub}, "properties": properties}
    assert ending(event) == line
