"""Pages of a log, as a client asks for them."""

from __future__ import annotations

from itertools import islice
from typing import Any

from outofband.client.log import LogReader


class Flood:
    """A guest that prints two pages while one is read."""

    def __init__(self) -> None:
        self.end = 100

    def post(self, path: str, body: dict[str, Any], *, version: str) -> dict[str, Any]:
        begin = body.get("from", 0)
        end, self.end = self.end, self.end + 20
        return {"from": begin, "next": begin + 10, "start": 0, "end": end, "more": True, "lines": []}


def test_what_is_there_now_ends_though_the_guest_prints_on() -> None:
    flood: Any = Flood()
    pages = list(islice(LogReader(flood, "vm", "0").forward(**{"from": 0}), 50))
    assert [page["from"] for page in pages] == list(range(0, 100, 10))
