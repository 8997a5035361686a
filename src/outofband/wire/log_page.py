"""A log as one HTML document of its own: colours kept, nothing of the guest's alive in it.

Every character of a guest's is text. The document loads nothing, runs nothing, sends nothing: its own
policy (CSP, in a `meta`) forbids all but the one style sheet it brings along, named by its hash; so it can
also be served under a policy as strict.
"""

from __future__ import annotations

import base64
import hashlib
import html
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from outofband.wire.colours import BACK, FRONT

_SIXTEEN = [
    "#1b1f27",
    "#f2777a",
    "#8fd18b",
    "#e6c770",
    "#7fb4f5",
    "#d7a1ee",
    "#6fd0d4",
    "#d3d7de",
    "#8b93a1",
    "#ff9c9e",
    "#b1e8ad",
    "#f6dd95",
    "#a8ceff",
    "#ebc4fb",
    "#9ae8eb",
    "#ffffff",
]
"""As the portal's terminal has them (web/src/console/terminal/options.ts)."""
_PAPER, _LETTERS = "#0c0f14", "#e3e6eb"
_LEVELS = (0, 95, 135, 175, 215, 255)


def _palette() -> list[str]:
    cube = [f"#{r:02x}{g:02x}{b:02x}" for r in _LEVELS for g in _LEVELS for b in _LEVELS]
    greys = [f"#{level:02x}{level:02x}{level:02x}" for level in range(8, 248, 10)]
    return [*_SIXTEEN, *cube, *greys]


def _sheet() -> str:
    rules = [
        f"body{{margin:1rem;background:{_PAPER};color:{_LETTERS};font-family:sans-serif}}",
        "h1{font-size:1.2rem}",
        "pre{font:0.85rem/1.35 monospace;white-space:pre-wrap;overflow-wrap:anywhere}",
        "time{color:#9fb8b4;user-select:none}",
        ".boot{background:#1f3a5c}.gap{background:#5c2b1f}.record{background:#23403c}",
        "mark{background:#f2c744;color:#111716}",
        ".bold{font-weight:bold}.dim{opacity:.75}.italic{font-style:italic}",
        ".underline{text-decoration:underline}.strike{text-decoration:line-through}",
        f".fg{BACK}{{color:{_PAPER}}}.bg{FRONT}{{background:{_LETTERS}}}",
    ]
    for number, colour in enumerate(_palette()):
        rules.append(f".fg{number}{{color:{colour}}}.bg{number}{{background:{colour}}}")
    return "\n".join(rules)


SHEET = _sheet()
POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(SHEET.encode()).digest()).decode()
    + "'"
)


class Word(NamedTuple):
    """What is no word of the guest's, at its place: `kind` is `boot`, `gap` or `record`."""

    kind: str
    text: str


class Line(NamedTuple):
    """Of the guest. `at` is ISO 8601, `shown` how the time is told; `looks` and `matches` as in the API."""

    text: str
    at: str = ""
    shown: str = ""
    looks: Sequence[Sequence[int | str]] = ()
    matches: Sequence[Sequence[int]] = ()


def begin(title: str, about: str, language: str = "en") -> str:
    """All that stands before the first line."""
    return (
        f'<!doctype html>\n<html lang="{html.escape(language)}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(POLICY, quote=False)}">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{html.escape(title)}</title>\n<style>{SHEET}</style>\n</head>\n<body>\n"
        f"<h1>{html.escape(title)}</h1>\n<p>{html.escape(about)}</p>\n<pre>\n"
    )


def item(each: Line | Word) -> str:
    """One line of the document."""
    if isinstance(each, Word):
        return f'<span class="{each.kind}">{html.escape(each.text)}</span>\n'
    time = f'<time datetime="{html.escape(each.at)}">{html.escape(each.shown)}</time> ' if each.shown else ""
    return f"{time}{''.join(_pieces(each))}\n"


END = "</pre>\n</body>\n</html>\n"


def _pieces(line: Line) -> Iterator[str]:
    """The text, cut wherever its look changes or a match begins or ends."""
    cuts = {0, len(line.text)}
    for first, end, *_ in (*line.looks, *line.matches):
        cuts |= {int(first), int(end)}
    places = sorted(cut for cut in cuts if 0 <= cut <= len(line.text))
    for first, end in itertools.pairwise(places):
        text = html.escape(line.text[first:end])
        if any(int(each[0]) <= first < int(each[1]) for each in line.matches):
            text = f"<mark>{text}</mark>"
        look = next((str(each[2]) for each in line.looks if int(each[0]) <= first < int(each[1])), "")
        yield f'<span class="{html.escape(look)}">{text}</span>' if look else text
