"""The lab's table: a row for each fault, printed and written as JSON and as Markdown."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path

from tests.lab.fault import Row

PLACE = Path(os.environ.get("OOB_LAB_RESULTS") or "results")
"""Folder of the table; git does not keep it."""
KEEP = bool(os.environ.get("OOB_LAB_KEEP"))
"""Whether rows of earlier runs stay in the table."""
HEADS = ("fault", "port", "cause named", "mended", "proven", "seconds", "told", "done")


class Table:
    """Rows by the fault's name, kept after each: a run that is ended halfway has told what it saw."""

    def __init__(self, folder: Path = PLACE, *, keep: bool = KEEP) -> None:
        self._folder = folder
        earlier = read(folder / "fault-lab.json") if keep else []
        self.rows: dict[str, Row] = {each.name: each for each in earlier}

    def add(self, row: Row) -> None:
        self.rows[row.name] = row
        print(f"\n{line(row)}", flush=True)
        self._folder.mkdir(parents=True, exist_ok=True)
        shown = [asdict(each) for each in self.rows.values()]
        (self._folder / "fault-lab.json").write_text(json.dumps(shown, indent=2) + "\n")
        (self._folder / "fault-lab.md").write_text(markdown(self.rows.values()))

    @property
    def named(self) -> list[Row]:
        return [each for each in self.rows.values() if each.named]

    @property
    def left(self) -> list[Row]:
        """What should have been mended and was not, or was and was not proven."""
        return [each for each in self.rows.values() if each.mendable and not (each.mended and each.proven)]


def markdown(rows: Iterable[Row]) -> str:
    lines = [f"| {' | '.join(HEADS)} |", "|" + " --- |" * len(HEADS), *map(line, rows)]
    return "\n".join(lines) + "\n"


def line(row: Row) -> str:
    mended = _word(row.mended) if row.mendable else f"{_word(row.mended)} (not expected)"
    cells = [row.name, row.protocol, _word(row.named), mended, _word(row.proven), f"{row.seconds:.0f}"]
    cells += [", ".join(row.told), ", ".join(row.deeds)]
    return f"| {' | '.join(cells)} |"


def _word(value: bool) -> str:
    return "yes" if value else "no"


def read(path: Path) -> list[Row]:
    """Rows that an earlier run wrote, if any."""
    if not path.exists():
        return []
    names = {each.name for each in fields(Row)}
    found = json.loads(path.read_text())
    return [
        Row(**{k: tuple(v) if isinstance(v, list) else v for k, v in each.items() if k in names})
        for each in found
    ]
