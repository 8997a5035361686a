"""What it costs to keep the boot logs of many VMs: `python -m bench.diagnostics [--vms N] [--seconds S]`.

Guests behind unix sockets print steadily; agent and control plane are two processes, everything embedded. In
the end the store is asked what it has: every byte has to be there.
"""

from __future__ import annotations

import argparse
import sqlite3
import time
from contextlib import ExitStack
from pathlib import Path

from bench.guests import Guests, build
from bench.ours import Ours
from bench.system import Place

SHORT_SECONDS, LONG_SECONDS = 40.0, 300.0
IDLE_SECONDS = 15.0
SETTLE_SECONDS = 180.0
RATE = 1000
"""Bytes a second of each guest."""
TICK_MS = 1000


class Stored:
    """What the control plane's database says of logs."""

    def __init__(self, database: Path) -> None:
        self._database = database

    def ask(self, query: str) -> tuple[int, ...]:
        with sqlite3.connect(f"file:{self._database}?mode=ro", uri=True, timeout=30) as connection:
            row: tuple[int, ...] = connection.execute(query).fetchone()
        return tuple(value or 0 for value in row)

    @property
    def segments(self) -> tuple[int, int]:
        """How many there are, and their bytes together."""
        count, length = self.ask("SELECT count(*), sum(length) FROM blobs WHERE name LIKE 'log/%'")
        return count, length

    @property
    def puts(self) -> tuple[int, int]:
        """Objects written so far, those that were replaced and not swept yet among them, and their bytes."""
        count, length = self.ask("SELECT count(*), sum(length) FROM blob_objects")
        return count, length


def spent(ours: Ours, seconds: float) -> dict[str, float]:
    """Processor seconds of each process within so many seconds."""
    before = ours.cpu()
    time.sleep(seconds)
    return {name: value - before[name] for name, value in ours.cpu().items()}


def run(vms: int, seconds: float) -> None:
    build()
    with ExitStack() as ends:
        place = Place()
        ends.callback(place.remove)
        guests = Guests(place.folder("guests"), vms, cpu=place.load_cpu)
        ends.callback(guests.stop)
        ours = Ours(place, guests, "ours", ring_mib=1, reserve_mib=1)
        ends.callback(ours.stop)
        began = time.monotonic()
        ours.prepare()
        ours.start()
        stored = Stored(next(place.root.rglob("control.db")))
        print(f"{vms} VMs made and attached in {time.monotonic() - began:.0f} s")
        idle = spent(ours, IDLE_SECONDS)
        for name, value in idle.items():
            print(f"idle: {name} {100 * value / IDLE_SECONDS:.2f} % of a core")
        puts, put_bytes = stored.puts
        guests.rate(RATE, TICK_MS)
        busy = spent(ours, seconds)
        guests.quiet()
        printed = guests.count().printed
        end = time.monotonic() + SETTLE_SECONDS
        while stored.segments[1] < printed and time.monotonic() < end:
            time.sleep(0.5)
        count, length = stored.segments
        made, made_bytes = stored.puts[0] - puts, stored.puts[1] - put_bytes
        for name, value in busy.items():
            per_put = 1e3 * value / max(made, 1)
            print(
                f"busy: {name} {100 * value / seconds:.1f} % of a core, "
                f"{1e3 * value / (printed / 1e6):.0f} ms per MB printed, {per_put:.2f} ms per upload"
            )
        print(f"uploads {made}, {made_bytes / max(length, 1):.2f} bytes written per byte kept")
        print(f"segments per VM {count / vms:.2f}")
        print(f"printed {printed}, stored {length}, {'nothing lost' if length == printed else 'LOST'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vms", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=SHORT_SECONDS)
    parser.add_argument("--long", action="store_true", help="five minutes")
    given = parser.parse_args()
    run(given.vms, LONG_SECONDS if given.long else given.seconds)


if __name__ == "__main__":
    main()
