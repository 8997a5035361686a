"""How often the port's state is right when a recording ends: `python -m tests.corpus.states [--seed N]`.

A recording is looked at as an agent does: at most the newest LOOK bytes, after each reset from there on,
about once a second by the recording's own clock, a little earlier or later as drawn.
"""

from __future__ import annotations

import argparse
import random
import sys
import tomllib
from pathlib import Path

from guests.broken.recording import PRINTED, RESET, Recording
from outofband.wire.portstate import LOOK, PortState, Seen, advance
from tests.corpus.measure import HELD_OUT, KNOWN, cases

LABELS = Path(__file__).with_name("states.toml")


def shown(recording: Recording, seed: object) -> PortState:
    """What the port shows after all of a recording."""
    draw = random.Random(str(seed))
    log, seen, at = bytearray(), Seen(), 0.0

    def look() -> Seen:
        start = max(seen.line, len(log) - LOOK)
        return advance(seen, start, bytes(log[start:]))

    for event in recording.events:
        if event.at - at >= draw.uniform(500, 1500) or event.kind == RESET:
            seen, at = look(), event.at
        if event.kind == PRINTED:
            log += event.data
        elif event.kind == RESET:
            seen = Seen(line=len(log))
    return look().state


def measure(part: str, seed: object = 1) -> tuple[int, list[str]]:
    """How many are right, and the others in words."""
    labels = tomllib.loads(LABELS.read_text())[part]
    right, wrong = 0, []
    for case in cases(part):
        if case.name not in labels:
            wrong.append(f"{case.name}: has no label in states.toml")
            continue
        got = shown(case.recording, f"{seed}/{case.name}")
        if got.value == labels[case.name]:
            right += 1
        else:
            wrong.append(f"{case.name}: shows {got.value}, not {labels[case.name]}")
    return right, wrong


def main(argv: list[str] | None = None) -> int:
    """0 when every recording's state is right."""
    parser = argparse.ArgumentParser(prog="tests.corpus.states")
    parser.add_argument("--seed", default="1")
    options = parser.parse_args(argv)
    good = True
    for part in (KNOWN, HELD_OUT):
        right, wrong = measure(part, options.seed)
        print("\n".join([f"{part}: {right} of {right + len(wrong)} right", *wrong]))
        good = good and not wrong
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
