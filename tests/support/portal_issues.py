"""What holds the portal's console to `wire/known_issues.py` and to the reasons of `wire/pasting.py`.

`python -m tests.support.portal_issues` writes the file; a test fails when a module has moved on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from outofband.wire.known_issues import BY_STATE, KnownIssues
from outofband.wire.pasting import Why

VECTORS = Path(__file__).with_name("issue_vectors.json")

Step = tuple[str, str | bytes, float]
"""`shows` a state, `printed` bytes, `typed` bytes; and the time in seconds."""
_POWERSHELL = b"\r\nPS C:\\Windows\\system32> "
TALKS: list[list[Step]] = [
    [
        ("shows", "healthReport", 0),
        ("shows", "healthReport", 1),
        ("shows", "silent", 2),
        ("shows", "healthReport", 3),
        ("shows", "kernelDebugger", 4),
        ("shows", "sac", 5),
    ],
    *(
        [("shows", state, 0.0), *(("typed", b"\r", at) for at in (0.0, 1.0, 2.9, 3.1, 9.0))]
        for state in ("login", "silent", "unknown", "shell", "grub", "sac", "firmware")
    ),
    [("typed", b"\r", at) for at in (0.0, 2.0, 4.0)],
    [
        ("shows", "login", 0),
        ("typed", b"\r", 0),
        ("typed", b"\r", 2),
        ("printed", b"\r\nlogin: ", 2),
        ("typed", b"\r", 4),
        ("typed", b"\r\n", 6),
        ("typed", b"\r", 7.5),
    ],
    [
        ("shows", "login", 0),
        ("typed", b"\r", 0),
        ("typed", b"x", 1),
        ("typed", b"\r", 2),
        ("typed", b"\r", 4),
    ],
    [("shows", "unknown", 0), ("typed", b"\r\r\r", 0), ("typed", b"\n", 2), ("typed", b"\r", 3)],
    *(
        [("shows", state, 0), ("printed", prompt, 1), ("typed", pasted, 2), ("typed", pasted, 3)]
        for state, prompt, pasted in (
            ("sac", _POWERSHELL, b"Write-Host 1000"),
            ("sac", b"\x1b[5;1HPS C:\\> ", b"Write-Host 1000"),
            ("sac", b"\x1b[0mPS C:\\> dir ", b"Write-Host 1000"),
            ("sac", _POWERSHELL, b"Write-Host 100"),
            ("sac", _POWERSHELL, b"a    b    c"),
            ("sac", _POWERSHELL, b"1000"),
            ("sac", b"\r\nC:\\> ", b"echo 1000000"),
            ("sac", b"\r\nxPS C:\\> ", b"echo 1000000"),
            ("shell", _POWERSHELL, b"Write-Host 1000"),
            ("sac", _POWERSHELL + 500 * b".", b"Write-Host 1000"),
            ("sac", _POWERSHELL, "é€€€€".encode()),
        )
    ),
    [("shows", "sac", 0), ("printed", b"\r\nPS C", 1), ("printed", b":\\> ", 2), ("typed", b"echo 1000", 3)],
]


def vectors() -> str:
    found: dict[str, Any] = {
        "byState": BY_STATE,
        "talks": [_told(talk) for talk in TALKS],
        "pasteReasons": [why.value for why in Why],
    }
    return json.dumps(found, indent=1) + "\n"


def _told(talk: list[Step]) -> list[dict[str, Any]]:
    issues = KnownIssues()
    steps = []
    for what, given, at in talk:
        code: str | None = None
        if isinstance(given, str):
            code = issues.shows(given)
        elif what == "printed":
            issues.printed(given)
        else:
            code = issues.typed(given, float(at))
        bare = given if isinstance(given, str) else given.hex()
        steps.append({"what": what, "given": bare, "at": at, "code": code})
    return steps


if __name__ == "__main__":
    VECTORS.write_text(vectors())
