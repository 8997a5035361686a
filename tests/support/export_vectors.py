"""Pages of a log and the files that `oob vm log` makes of them, for the portal, which has to make the same.

`python -m tests.support.export_vectors` writes the file; tests on both sides fail when a writer has moved on.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from outofband.cli import log_files
from outofband.wire import log_page
from outofband.wire.log_page import Line, Word

FILE = Path(__file__).with_name("export_vectors.json")
HOSTILE = "</pre><script>alert(1)</script>\"'&amp;<img src=x onerror=1>"
CUT = "é€😀".encode()


def at(second: float) -> str:
    """A time in the form of the API, with microseconds that a browser does not read."""
    return f"2026-05-04T10:{int(second) // 60:02d}:{second % 60:09.6f}Z"


def page(begin: int, data: bytes, times: list[tuple[int, float]], **more: Any) -> dict[str, Any]:
    """As the API tells raw bytes from offset `begin` on."""
    told = [{"end": end, "at": at(second)} for end, second in times]
    base: dict[str, Any] = {"lines": [], "records": [], "gaps": [], "boots": [], "from": begin}
    base |= {"next": begin + len(data), "more": False, "start": 0, "end": 10_000, "live": True, "at": at(900)}
    base |= {"data": base64.b64encode(data).decode(), "times": told}
    return base | more


def boot(number: int, begin: int, second: float) -> dict[str, Any]:
    return {"boot": 0, "number": number, "from": begin, "end": 10_000, "at": at(second), "last": at(900)}


def gap(begin: int, end: int, size: int) -> dict[str, Any]:
    return {"before": 0, "from": begin, "end": end, "bytes": size}


RECORDINGS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "nothing at all": ("", []),
    "an empty page": ("demo", [page(0, b"", [])]),
    "times of two pages, and a clock that was put back": (
        "demo",
        [
            page(0, b"boot\r\nlogin: ", [(6, 1.0004), (13, 3.25)]),
            page(13, b"root\r\n", [(15, 2.0), (19, 62.0019999)]),
        ],
    ),
    "an older control plane tells no times": ("demo", [page(5, b"text", [])]),
    "boots within a look, at its end and told again": (
        "demo",
        [
            page(0, b"old\r\nBIOS", [(3, 0), (9, 3.5)], boots=[boot(1, 0, 0), boot(2, 5, 2)]),
            page(9, b"\r\nGRUB", [(11, 4), (15, 5)], boots=[boot(2, 5, 2), boot(3, 11, 4.5)]),
        ],
    ),
    "output that is missing": (
        "demo",
        [
            page(100, b"abcdef", [(103, 1), (106, 2)], gaps=[gap(0, 100, 100), gap(103, 103, 0)]),
            page(110, b"g", [(111, 3)], gaps=[gap(106, 110, 4)], boots=[boot(2, 110, 3)]),
        ],
    ),
    "characters and sequences cut in two": (
        "demo",
        [
            page(0, CUT[:1] + b"x", [(2, 0)]),
            page(2, CUT[:4], [(5, 1), (6, 2)]),
            page(6, CUT[4:] + b"\x1b[3", [(11, 3)]),
            page(14, b"1mred\x1b[m \xff\xe0\x80\x80\xed\xa0\x80 \xf0\x9f", [(40, 4)]),
        ],
    ),
    "what a terminal would answer, and what JSON has to write": (
        HOSTILE,
        [page(0, b'a\x1b[6n\x1b]52;c;cm0=\x07\x1b[c\x05\x1b[31mb\x00\x07\x08\x0b\x0c\x7f"\\/', [(99, 1)])],
    ),
    "marks that other readers take for their own": (
        "\u2028 \ufeff",
        [page(0, "\ufeffa\u2028b\u2029\u0085".encode(), [(99, 1)]), page(14, "\ufeff".encode(), [(99, 2)])],
    ),
}

DOCUMENTS: dict[str, tuple[str, str, str, list[Line | Word]]] = {
    "nothing at all": ("", "", "en", []),
    "looks, matches and times": (
        "demo",
        "As it was.",
        "nl",
        [
            Line("plain", at(0), "10:00:00"),
            Line("", at(1), "10:00:01"),
            Line("a bad day", looks=[(2, 5, "fg1 bold")], matches=[(4, 7)]),
            Line("all of it", at(2), "", [(0, 9, "fg255 bg16 underline")]),
            Line("two looks", looks=[(0, 3, "fgback bgfront"), (3, 9, "dim")], matches=[(0, 9)]),
            Line("beyond its end", looks=[(10, 99, "fg2")], matches=[(90, 95)]),
            Word("boot", "boot 2 begins"),
            Word("gap", "12 bytes are missing here"),
            Word("record", "ada took the keyboard"),
        ],
    ),
    "characters beyond the basic plane": (
        "😀",
        "é€😀",
        "fr",
        [Line("😀 a 😀 b", looks=[(0, 1, "fg3"), (4, 5, "fg4")], matches=[(6, 7)])],
    ),
    "what a guest may try": (
        HOSTILE,
        HOSTILE,
        '"><script>',
        [
            Line(HOSTILE, HOSTILE, HOSTILE, [(0, 20, '"><script>')], [(6, 30)]),
            Word("record", HOSTILE),
        ],
    ),
}


def text() -> str:
    """The file."""
    recordings = [
        {"name": name, "title": title, "pages": pages, "file": "".join(log_files.cast(pages, title))}
        for name, (title, pages) in RECORDINGS.items()
    ]
    documents = [
        {
            "name": name,
            "title": title,
            "about": about,
            "language": language,
            "items": [each._asdict() for each in items],
            "file": "".join(
                [log_page.begin(title, about, language), *map(log_page.item, items), log_page.END]
            ).replace(log_page.SHEET, "SHEET"),
        }
        for name, (title, about, language, items) in DOCUMENTS.items()
    ]
    told = {"recordings": recordings, "sheet": log_page.SHEET, "documents": documents}
    return json.dumps(told, ensure_ascii=True, indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
