"""The lab's table: a row for each fault, printed and written as JSON and as Markdown."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path

from tests.lab.fault import Row

PLACE = Path(os.environ.get("OOB_LAB_RESULTS") or "results")
"""Folder of the table; git does not keep it."""
KEEP = bool(os.environ.get("OOB_LAB_KEEP"))
"""Whether rows of earlier runs, and of other processes of this one, stay in the table."""
HEADS = ("fault", "port", "cause named", "false causes", "mended", "proven", "seconds", "told", "done")


class Table:
    """Rows by the fault's name, kept after each: a run that is ended halfway has told what it saw.

    With `keep` several processes may fill one table.
    """

    def __init__(self, folder: Path = PLACE, *, keep: bool = KEEP) -> None:
        self._folder, self._keep = folder, keep
        self.rows: dict[str, Row] = {}
        self.read()

    def read(self) -> None:
        """Take in what others wrote since."""
        if self._keep:
            with self._alone():
                self.rows = self._written()

    def begin(self, name: str) -> None:
        """Without the row of an earlier try, which may have ended better."""
        with self._alone():
            if self._keep:
                self.rows = self._written()
            self.rows.pop(name, None)
            self._write()

    def add(self, row: Row) -> None:
        print(f"\n{line(row)}", flush=True)
        with self._alone():
            if self._keep:
                self.rows = self._written()
            self.rows[row.name] = row
            self._write()

    def unnamed(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if not self.rows[name].named]

    def alarms(self, names: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """False causes, by fault."""
        return {name: self.rows[name].alarms for name in names if self.rows[name].alarms}

    def left(self, names: Iterable[str]) -> list[str]:
        """What should have been mended and was not, or was and was not proven."""
        rows = [self.rows[name] for name in names]
        return [each.name for each in rows if each.mendable and not (each.mended and each.proven)]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / ".fault-lab.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _written(self) -> dict[str, Row]:
        return {each.name: each for each in read(self._folder / "fault-lab.json")}

    def _write(self) -> None:
        shown = [asdict(each) for each in self.rows.values()]
        for name, text in (
            ("fault-lab.json", json.dumps(shown, indent=2) + "\n"),
            ("fault-lab.md", markdown(self.rows.values())),
        ):
            made = self._folder / f"{name}.new"
            made.write_text(text)
            made.replace(self._folder / name)


def markdown(rows: Iterable[Row]) -> str:
    lines = [f"| {' | '.join(HEADS)} |", "|" + " --- |" * len(HEADS), *map(line, rows)]
    return "\n".join(lines) + "\n"


def line(row: Row) -> str:
    mended = _word(row.mended) if row.mendable else f"{_word(row.mended)} (not expected)"
    named = _word(row.named) if row.named else f"no ({row.main or 'nothing'} first)"
    cells = [row.name, row.protocol, named, ", ".join(row.alarms) or "none", mended, _word(row.proven)]
    cells.append(f"{row.seconds:.0f}")
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
