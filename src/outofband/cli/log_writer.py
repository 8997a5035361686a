"""Prints a followed log as it comes, each row once, though every page begins with the line that was open."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import click
import msgspec

from outofband.cli import log_text
from outofband.cli.log_text import Teller


class _Place(NamedTuple):
    """A row as it was told: that of a line, by the line's offset and the rows of it before this one."""

    offset: int
    row: int
    text: str


class Writer:
    """Prints as it comes. A line that the guest has not ended is shown on a terminal at once; a program gets
    it when it is ended, or when nothing more came to it for a moment.
    """

    def __init__(self, teller: Teller, *, as_json: bool, times: bool, terminal: bool) -> None:
        self._teller = teller
        self._as_json = as_json
        self._times = times
        self._terminal = terminal and not as_json
        self._open: str | None = None
        """On the terminal, without a line break behind it."""
        self._waiting: tuple[_Place, dict[str, Any]] | None = None
        """Seen open once, and not printed yet."""
        self._given: set[_Place] = set()
        """Rows of the line that was open when the last page ended: the next page begins with them again."""

    def page(self, page: dict[str, Any]) -> None:
        waited, self._waiting = self._waiting, None
        place: _Place | None = None
        is_open = False
        for kind, value in self._teller.told(page):
            if kind != "line":
                self._put(kind, value)
                continue
            offset, text, is_open = value["offset"], value["text"], value.get("open", False)
            # A line whose text was cleared, or jumped about, has several rows.
            row = place.row + 1 if place is not None and place.offset == offset else 0
            place = _Place(offset, row, text)
            given = place in self._given
            if row == 0:
                self._given = {each for each in self._given if each.offset == offset}
            if is_open and not self._terminal:
                self._waiting = place, value
                if waited is not None and waited[0] == place and not given:
                    self._give(place, value)
            elif not given:
                self._give(place, value)
        if not is_open:
            self._given.clear()
        sys.stdout.flush()

    def pause(self) -> None:
        """Something else is to be printed, or nothing more."""
        if self._open is not None:
            click.echo()
            self._open = None
        waiting, self._waiting = self._waiting, None
        if waiting is not None and waiting[0] not in self._given:
            self._give(*waiting)
        sys.stdout.flush()

    def _give(self, place: _Place, value: dict[str, Any]) -> None:
        if not (self._terminal and value.get("open")):
            # What a terminal shows of an open line is not whole yet.
            self._given.add(place)
        self._put("line", value)

    def _put(self, kind: str, value: dict[str, Any]) -> None:
        if self._as_json:
            click.echo(msgspec.json.encode({"kind": kind} | value).decode())
            return
        text = log_text.text_of(kind, value, times=self._times)
        if self._open is not None:
            if kind == "line" and text.startswith(self._open):
                shown, self._open = text[len(self._open) :], None
                self._end(shown, text, value)
                return
            click.echo()
            self._open = None
        self._end(text, text, value if kind == "line" else {})

    def _end(self, shown: str, text: str, value: dict[str, Any]) -> None:
        if self._terminal and value.get("open"):
            click.echo(shown, nl=False)
            self._open = text
        else:
            click.echo(shown)
