"""`python -m bench.api`: alternate the two servers for some rounds, then let the number of machines grow."""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from bench import report as facts
from bench.api import measure, report
from bench.api.control import Control
from bench.api.measure import Figures
from bench.api.moto import PYTHON, Moto
from bench.api.system import Api
from bench.system import Place

GROWTH = (100, 1000, 10_000)
TIMES_BETTER = 5.0
LISTERS = 2
"""Most clients who ask for lists at the same time."""


def main() -> None:
    chosen = _arguments()
    room = Place(chosen.dir, nice=chosen.nice)
    room.pin_self()
    try:
        _run(room, chosen)
    finally:
        room.remove()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/api/run", description="Resource Manager beside moto, in one run."
    )
    parser.add_argument(
        "--quick", action="store_true", help="one short round: does it work, roughly how fast"
    )
    parser.add_argument("--rounds", type=int, help="alternating runs (default 5, quick 1)")
    parser.add_argument("--machines", type=int, default=1000, help="machines of each (default %(default)s)")
    parser.add_argument(
        "--clients", type=int, default=4, help="who ask at the same time (default %(default)s)"
    )
    parser.add_argument("--seconds", type=float, help="length of each load (default 5, quick 1.5)")
    parser.add_argument("--alone", action="store_true", help="without moto")
    parser.add_argument("--no-growth", action="store_true", help=f"not with {GROWTH} machines")
    parser.add_argument(
        "--moto", type=Path, default=PYTHON, help="Python that has moto (default %(default)s)"
    )
    parser.add_argument("--dir", type=Path, help="where state goes (default: memory if there is room)")
    parser.add_argument("--results", type=Path, default=facts.RESULTS, help="folder for the figures")
    parser.add_argument("--nice", type=int, default=0, help="niceness of all of it; below 0 needs root")
    chosen = parser.parse_args()
    chosen.rounds = chosen.rounds or (1 if chosen.quick else 5)
    chosen.seconds = chosen.seconds or (1.5 if chosen.quick else 5.0)
    if not chosen.alone and not chosen.moto.exists():
        parser.error(f"no {chosen.moto}: `scripts/apart.sh moto` makes it; or --alone, without it")
    return chosen


def _run(room: Place, chosen: argparse.Namespace) -> None:
    told = facts.machine() | {"clients": chosen.clients, "machines": chosen.machines, "nice": chosen.nice}
    print("{processor}, {processors} processors, load {load:.2f}".format(**told))
    before = facts.stolen()
    control = Control(room)
    control.prepare()
    apis: list[Api] = [control]
    if not chosen.alone:
        apis.append(Moto(room, chosen.moto))
    rounds: report.Rounds = [{} for _ in range(chosen.rounds)]
    for number, figures in enumerate(rounds):
        for api in apis if number % 2 == 0 else apis[::-1]:
            figures[api.name] = _measure(api, chosen.machines, chosen, f"round {number + 1}")
    grown = (
        {}
        if chosen.no_growth
        else {number: _measure(control, number, chosen, f"{number} machines") for number in GROWTH}
    )
    told |= {"stolen": facts.taken_by_hypervisor(before), "load_after": os.getloadavg()[0]}
    titles = {"one": "one machine by name", "all": f"list of {chosen.machines}"}
    print(f"\n{report.table(rounds, titles, peer=Moto.name, times_better=TIMES_BETTER)}\n")
    if grown:
        print(f"{report.growth(grown)}\n")
    for api in apis:
        print(f"{api.name}: {api.stated}")
    print(
        f"{chosen.rounds} round(s), {chosen.clients} clients; load {told['load']:.1f} before and"
        f" {told['load_after']:.1f} after; the hypervisor took {told['stolen']:.1%} meanwhile"
    )
    path = _save({"facts": told, "rounds": rounds, "growth": grown}, chosen.results)
    print(f"all figures: {path}")


def _measure(api: Api, machines: int, chosen: argparse.Namespace, label: str) -> dict[str, Figures]:
    try:
        api.start(machines)
        found = {}
        for name, work in (("one", measure.reads), ("all", measure.lists)):
            # A list keeps a server busy for so long that more people only wait for each other.
            clients = chosen.clients if name == "one" else min(chosen.clients, LISTERS)
            found[name] = uvloop.run(work(api, machines=machines, clients=clients, seconds=chosen.seconds))
            words = ", ".join(f"{key} {value:.4g}" for key, value in found[name].items())
            print(f"{label}: {api.name}, {name}: {words}", file=sys.stderr, flush=True)
        return found
    finally:
        api.stop()


def _save(figures: object, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"api-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(figures, indent=1))
    return path


if __name__ == "__main__":
    main()
