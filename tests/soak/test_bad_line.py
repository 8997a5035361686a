"""Somebody types and reads for minutes over a line with a round trip of 150 ms that stalls and is cut.

`OOB_SOAK_LINE_MINUTES` says how long (default 3). Prints what was done.
"""

from __future__ import annotations

import os
import time

from tests.peers.house import House, until
from tests.peers.test_flood import Record
from tests.soak.ledger import Typing
from tests.soak.test_long_kills import counting
from tests.support.bad_line import BadLine

__all__ = ["counting"]

MINUTES = float(os.environ.get("OOB_SOAK_LINE_MINUTES", "3"))


def test_typing_and_reading_over_a_bad_line(house: House, counting: Record) -> None:
    line = BadLine(house.console_port)
    typing = Typing(house, through=line.port)
    try:
        until("the typist is there", lambda: typing.typed > 0, 60)
        end = time.monotonic() + MINUTES * 60
        while time.monotonic() < end:
            assert typing.alive, "it comes back by itself, however often"
            time.sleep(0.5)
        typing.finish(180)
        said = typing.check(counting)
        assert len(typing.seen) == 1
        assert line.cuts > 0 and line.stalls > 0
    finally:
        if typing.alive:
            typing.kill()
        line.close()
    print(
        f"\n{line.connections} connections, {line.cuts} cut, {line.stalls} stalls; {said}; "
        f"told as lost: {dict(typing.lost)}"
    )
