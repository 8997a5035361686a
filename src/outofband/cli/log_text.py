"""Pages of a log as text: guest lines, and between them what is no word of the guest's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from outofband.cli import output as show
from outofband.core import clock

GUEST = "  "
RECORD = "* "
"""What a line begins with. Each has one of them, so that nothing a guest prints looks like a record."""


class Teller:
    """Puts pages into one sequence of (kind, value): `line`, `record`, `gap`, `boot`.

    What a later page repeats is told once. `boots`: those that begin on the way are told too.
    """

    def __init__(self, *, boots: bool = True) -> None:
        self._records: set[tuple[str, str]] = set()
        self._boots: set[tuple[int, int]] | None = None
        self._gaps: set[tuple[int, int, int]] = set()
        self._tell_boots = boots

    def told(self, page: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        lines, records, gaps = page["lines"], list(page.get("records", ())), list(page.get("gaps", ()))
        boots = self._new_boots(page)
        for number in range(len(lines) + 1):
            while gaps and gaps[0]["before"] <= number:
                gap = gaps.pop(0)
                key = (gap["from"], gap["end"], gap["bytes"])
                if key not in self._gaps:
                    self._gaps.add(key)
                    yield "gap", gap
            while boots and (number == len(lines) or boots[0]["from"] <= lines[number]["offset"]):
                yield "boot", boots.pop(0)
            while records and records[0]["before"] <= number:
                record = records.pop(0)
                if (record["at"], record["text"]) not in self._records:
                    self._records.add((record["at"], record["text"]))
                    yield "record", record
            if number < len(lines):
                yield "line", lines[number]

    def _new_boots(self, page: dict[str, Any]) -> list[dict[str, Any]]:
        """Those that began within the page, or since the one before it."""
        boots = page.get("boots", [])
        keys = {(boot["number"], boot["from"]) for boot in boots}
        if self._boots is None:
            self._boots = {key for key in keys if key[1] < page.get("from", 0)}
        # One that begins further on is for the page that shows it.
        reached = page.get("end", 0) if not page.get("more") else page["next"] - 1
        new = [
            boot
            for boot in boots
            if (boot["number"], boot["from"]) not in self._boots and boot["from"] <= reached
        ]
        self._boots |= {(boot["number"], boot["from"]) for boot in new}
        return new if self._tell_boots else []


def text_of(kind: str, value: dict[str, Any], *, times: bool = False) -> str:
    """One line for people."""
    if kind == "line":
        at = f"{moment(value['at'])} " if times else ""
        return f"{GUEST}{at}{plain(value['text'])}".rstrip()
    if kind == "record":
        return f"{RECORD}{plain(value['at'])} {plain(value['text'])}"
    if kind == "boot":
        return f"{RECORD}{plain(value['at'])} boot {value['number']} begins"
    return f"{RECORD}{gap_words(value)}"


def gap_words(gap: dict[str, Any]) -> str:
    count = f"{gap['bytes']} bytes are" if gap["bytes"] else "output is"
    return f"{count} missing here (offset {gap['from']})"


def moment(at: str) -> str:
    """In this machine's own time, to the second."""
    try:
        return clock.parse_iso(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return plain(at)


def plain(text: Any) -> str:
    return show.plain(str(text)).replace("\n", " ")
