"""What a recording shows, as a TOML file beside it: each failure with the offset where it is certain."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

from guests.broken.machine import ESCAPE, NotSeen
from guests.broken.recording import Recording
from guests.broken.registry import ANYWHERE, Recipe

SUFFIX: Final = ".toml"
LINE_MAX: Final = 160  # characters: for people, a line of it is enough


@dataclass(frozen=True)
class Label:
    """`offset` is the first byte of what shows it, `ends` the byte after it: from there on it is certain."""

    code: str
    offset: int
    ends: int
    line: str
    fields: Mapping[str, str] = field(default_factory=dict)
    open: bool = False


@dataclass(frozen=True)
class Labelled:
    """A recording's label file. No `labels` at all: the guest is healthy."""

    title: str
    made: str
    guest: str
    simulated: bool
    labels: tuple[Label, ...]


def find(recording: Recording, recipe: Recipe) -> list[Label]:
    """Look for what the recipe shows, boot by boot; NotSeen when it does not show it."""
    data, found = recording.bytes, []
    edges = [0, *recording.resets, len(data)]
    for shows in (*recipe.shows, *ANYWHERE):
        hits: list[Label] = []
        for number, (start, end) in enumerate(pairwise(edges), 1):
            text, places = _plain(data, start, end)
            # A loop is one, however long it goes on.
            due = number >= shows.nth and not (hits and shows.nth > 1)
            match = re.search(shows.text, text) if due else None
            if match is not None:
                begin = text.rfind(b"\n", 0, match.end() - 1) + 1
                line = text[begin:].partition(b"\n")[0].decode("utf-8", "replace").strip()[:LINE_MAX]
                fields = {
                    name: match[int(value[1:])].decode() if value.startswith("$") else value
                    for name, value in shows.fields.items()
                }
                hits.append(
                    Label(
                        shows.code,
                        places[match.start()],
                        places[match.end() - 1] + 1,
                        line,
                        fields,
                        shows.open,
                    )
                )
        if not hits and not shows.maybe:
            raise NotSeen(f"{recipe.name} does not show {shows.code}: nothing like {shows.text!r}")
        found += hits
    return sorted(found, key=lambda label: label.ends)


def _plain(data: bytes, start: int, end: int) -> tuple[bytes, list[int]]:
    """What was printed without terminal sequences, and where each of its bytes stands in `data`."""
    text, places, place = bytearray(), list[int](), start
    for match in ESCAPE.finditer(data, start, end):
        text += data[place : match.start()]
        places += range(place, match.start())
        place = match.end()
    text += data[place:end]
    places += range(place, end)
    return bytes(text), places


def write(path: Path, labelled: Labelled) -> None:
    """Write the label file."""
    lines = [
        f"title = {_quoted(labelled.title)}",
        f"made = {_quoted(labelled.made)}",
        f"guest = {_quoted(labelled.guest)}",
    ]
    if labelled.simulated:
        lines.append("simulated = true")
    for label in labelled.labels:
        lines += [
            "",
            "[[finding]]",
            f'code = "{label.code}"',
            f"offset = {label.offset}",
            f"ends = {label.ends}",
            f"line = {_quoted(label.line)}",
        ]
        if label.open:
            lines.append("open = true")
        if label.fields:
            pairs = ", ".join(f"{name} = {_quoted(value)}" for name, value in sorted(label.fields.items()))
            lines.append(f"fields = {{ {pairs} }}")
    path.write_text("\n".join(lines) + "\n")


def read(path: Path) -> Labelled:
    """Read a label file."""
    content = tomllib.loads(path.read_text())
    labels: Sequence[dict[str, object]] = content.get("finding", [])
    return Labelled(
        content["title"],
        content["made"],
        content["guest"],
        content.get("simulated", False),
        tuple(Label(**each) for each in labels),  # type: ignore[arg-type]
    )


def _quoted(text: str) -> str:
    """A basic string of TOML."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}" for c in escaped) + '"'
