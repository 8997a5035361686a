"""asciicast v2, the recordings of `asciinema`: a header, then an event a line. Pure.

https://docs.asciinema.org/manual/asciicast/v2/: times are seconds from the beginning and never go back, text
is UTF-8. What a guest printed is cleaned on the way (D13): whoever plays a recording has a terminal that
would answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from outofband.wire.screen import Hygiene

VERSION = 2
COLUMNS, ROWS = 80, 25
"""A serial line tells no size; this is what firmware, boot loaders and SAC draw for."""
IDLE_SECONDS = 2
"""Players make longer pauses this short: a console is silent for days."""


class Cast:
    """One recording that begins at `start`, in seconds since the epoch. Every method gives whole lines."""

    def __init__(self, start: float, *, title: str = "", columns: int = COLUMNS, rows: int = ROWS) -> None:
        self._start = start
        self._title = title
        self._size = columns, rows
        self._hygiene = Hygiene()
        self._at = 0.0

    def header(self) -> str:
        columns, rows = self._size
        header: dict[str, object] = {
            "version": VERSION,
            "width": columns,
            "height": rows,
            "timestamp": int(self._start),
            "idle_time_limit": IDLE_SECONDS,
        }
        if self._title:
            header["title"] = self._title
        return _line(header)

    def output(self, offset: int, data: bytes, times: Sequence[tuple[int, float]]) -> Iterator[str]:
        """What the guest printed, whose first byte has `offset`. `times`: (end, when) as the host saw the log
        grow, ends being offsets; what lies behind the last of them came with it.
        """
        begin = 0
        for number, (end, at) in enumerate(times):
            stop = len(data) if number == len(times) - 1 else min(end - offset, len(data))
            if stop > begin:
                yield from self._printed(data[begin:stop], at)
                begin = stop
        if begin < len(data):
            yield from self._printed(data[begin:], None)

    def marker(self, label: str, at: float | None = None) -> str:
        """A place that players can jump to: a boot, or where output is missing."""
        return self._event("m", label, at)

    def _printed(self, data: bytes, at: float | None) -> Iterator[str]:
        text = self._hygiene.clean(data).decode("utf-8", "replace")
        if text:
            yield self._event("o", text, at)

    def _event(self, code: str, text: str, at: float | None) -> str:
        if at is not None:
            # The host's clock may have been put back meanwhile.
            self._at = max(self._at, round(at - self._start, 3))
        # A whole number without its `.0`, as the portal writes it: both make the same file.
        whole = int(self._at)
        return _line([whole if whole == self._at else self._at, code, text])


def _line(value: object) -> str:
    # Half a surrogate pair is no UTF-8; `replace` above leaves none.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"
