"""Runs in the environment .atheris: one entry of tests/support/parsers.py under libFuzzer, with coverage.

    python -m tests.soak.fuzz_entry NAME CORPUS [libFuzzer's options]

Ends with another status than 0 for a defect, a hang (-timeout), or too much memory (-rss_limit_mb).
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris  # type: ignore[import-not-found]  # of .atheris

# The list too: some entries are a decoder in C alone, and libFuzzer refuses what has no edge at all.
with atheris.instrument_imports(
    include=["outofband", "tests.support.parsers", "tests.support.parsers_remote"]
):
    from tests.support.parsers import seeds, try_entry


def main() -> None:
    name, corpus, *options = sys.argv[1:]
    folder = Path(corpus)
    for number, seed in enumerate(seeds(name)):
        (folder / f"seed-{number}").write_bytes(seed)
    atheris.Setup([sys.argv[0], *options, corpus], lambda text: try_entry(name, text))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
