"""Prints a recording as a terminal would get it: `python -m tests.corpus.look NAME [--times]`."""

from __future__ import annotations

import argparse
import sys

from guests.broken.machine import plain
from guests.broken.recording import PRINTED
from tests.corpus.measure import HELD_OUT, KNOWN, cases


def main(argv: list[str] | None = None) -> int:
    """0 when there is such a recording."""
    parser = argparse.ArgumentParser(prog="tests.corpus.look")
    parser.add_argument("name")
    parser.add_argument("--times", action="store_true", help="each piece with its seconds")
    options = parser.parse_args(argv)
    for part in (KNOWN, HELD_OUT):
        for case in cases(part):
            if case.name != options.name:
                continue
            for event in case.recording.events:
                text = plain(event.data).decode("utf-8", "replace").replace("\r", "")
                if options.times:
                    print(f"\n[{event.at / 1000:9.3f} {event.kind}] ", end="")
                elif event.kind != PRINTED:
                    print(f"\n[{event.kind} at {event.at / 1000:.1f} s]")
                print(text, end="")
            print("\n", case.labelled)
            return 0
    print(f"no recording {options.name}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
