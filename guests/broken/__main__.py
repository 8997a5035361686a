"""`python -m guests.broken list` and `python -m guests.broken record --out tests/corpus [NAME ...]`."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path

from guests.broken import labels, recipes
from guests.broken.lab import PARTS, lab
from guests.broken.machine import NotSeen
from guests.broken.recording import SUFFIX, Recording, load
from guests.broken.registry import RECIPES, part_of
from guests.packages import GuestError

__all__ = ["main", "recipes", "record"]


def record(name: str, house: Path) -> tuple[Recording, labels.Labelled]:
    """Make the guest of a recipe, break it, and label what it printed; NotSeen, GuestError."""
    recipe = RECIPES[name]
    with lab(house, part_of(name), name) as place:
        recipe.make(place)
        found = labels.find(place.recording, recipe)
        guest = "; ".join(place.said)
    made = f"python -m guests.broken record {name}"
    return place.recording, labels.Labelled(recipe.title, made, guest, recipe.simulated, tuple(found))


def relabel(out: Path) -> int:
    """Label what was recorded once more; 1 when a recording does not show what it should."""
    failed = 0
    for path in sorted(out.glob(f"*/*{SUFFIX}")):
        name = path.name.removesuffix(SUFFIX)
        beside = path.with_name(name + labels.SUFFIX)
        try:
            found = labels.find(load(path), RECIPES[name])
        except NotSeen as problem:
            print(problem, file=sys.stderr)
            failed = 1
            continue
        labels.write(beside, replace(labels.read(beside), labels=tuple(found)))
    return failed


def main(argv: list[str] | None = None) -> int:
    """0 when everything asked for was made."""
    parser = argparse.ArgumentParser(prog="guests.broken", description="Break guests, record their consoles.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="the recipes, by part of the corpus and family")
    recorder = verbs.add_parser("record", help="run recipes and keep what they printed")
    recorder.add_argument("names", nargs="*", metavar="NAME", help="default: every recipe of the parts")
    recorder.add_argument("--out", type=Path, default=Path("tests/corpus"), metavar="DIR")
    recorder.add_argument("--house", type=Path, default=Path("build/broken"), metavar="DIR")
    recorder.add_argument("--part", choices=PARTS, action="append", help="only this part")
    recorder.add_argument("--missing", action="store_true", help="only what is not in --out yet")
    again = verbs.add_parser("label", help="label recordings anew, by what their recipes say now")
    again.add_argument("--out", type=Path, default=Path("tests/corpus"), metavar="DIR")
    options = parser.parse_args(argv)
    if options.verb == "label":
        return relabel(options.out)
    if options.verb == "list":
        for part, family, name in sorted((part_of(name), RECIPES[name].family, name) for name in RECIPES):
            print(f"{part:9} {family:20} {name:32} {RECIPES[name].title}")
        return 0
    failed = 0
    for name in options.names or sorted(RECIPES):
        folder = options.out / part_of(name)
        if options.part and part_of(name) not in options.part:
            continue
        if options.missing and (folder / f"{name}{SUFFIX}").exists():
            continue
        began = time.monotonic()
        try:
            recording, labelled = record(name, options.house.resolve())
        except (NotSeen, GuestError) as problem:
            print(f"{name}: {problem}", file=sys.stderr)
            failed += 1
            continue
        except Exception:
            print(f"{name}:\n{traceback.format_exc()}", file=sys.stderr)
            failed += 1
            continue
        folder.mkdir(parents=True, exist_ok=True)
        recording.save(folder / f"{name}{SUFFIX}")
        labels.write(folder / f"{name}{labels.SUFFIX}", labelled)
        seconds = time.monotonic() - began
        codes = ", ".join(label.code for label in labelled.labels) or "healthy"
        print(f"{name}: {len(recording.bytes)} bytes in {seconds:.0f} s: {codes}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
