"""The last lines of a port's log. They are there whether the machine runs or not."""

from __future__ import annotations

from outofband.agent.ports.spool import Spool

WINDOW = 64 * 1024
"""Bytes that are looked at, and so the most that is given."""
MAX_LINES = 200


def last_lines(spool: Spool, lines: int) -> tuple[int, bytes]:
    """The offset at which the last `lines` lines begin, and their bytes. A line without an end counts too.

    A line whose beginning is not in the window is left out, unless it is all there is.
    """
    spool.refresh()
    first = max(spool.start, spool.end - WINDOW)
    text = spool.read(first, spool.end - first)
    pieces = text.split(b"\n")
    ended = not pieces[-1]
    if first > 0 and len(pieces) - ended > 1:
        del pieces[0]
    kept = b"\n".join(pieces[-lines - ended :])
    return first + len(text) - len(kept), kept
