"""`python -m bench.identity`: tokens asked for, and requests with a token, for some rounds."""

from __future__ import annotations

import argparse
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import uvloop

from bench import report as facts
from bench.api import measure
from bench.api.measure import Figures
from bench.identity.authority import Authority
from bench.system import Place

LOADS = {"token": "tokens given", "check": "requests with a token"}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="bench/identity/run", description="Tokens given and checked in a processor second."
    )
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--rounds", type=int, help="runs (default 5, quick 1)")
    parser.add_argument("--clients", type=int, default=4, help="who ask at once (default %(default)s)")
    parser.add_argument("--seconds", type=float, help="length of each load (default 5, quick 1.5)")
    parser.add_argument("--dir", type=Path, help="where state goes (default: memory if there is room)")
    parser.add_argument("--results", type=Path, default=facts.RESULTS, help="folder for the figures")
    parser.add_argument("--nice", type=int, default=0, help="niceness of all of it; below 0 needs root")
    chosen = parser.parse_args()
    room = Place(chosen.dir, nice=chosen.nice)
    room.pin_self()
    try:
        _run(room, chosen)
    finally:
        room.remove()


def _run(room: Place, chosen: argparse.Namespace) -> None:
    told = facts.machine() | {"clients": chosen.clients, "nice": chosen.nice}
    print("{processor}, {processors} processors, load {load:.2f}".format(**told))
    before = facts.stolen()
    authority = Authority(room)
    authority.prepare()
    seconds = chosen.seconds or (1.5 if chosen.quick else 5.0)
    rounds: list[dict[str, Figures]] = []
    for _ in range(chosen.rounds or (1 if chosen.quick else 5)):
        authority.start()
        try:
            rounds.append(
                {
                    "token": uvloop.run(
                        measure.reads(authority, machines=1, clients=chosen.clients, seconds=seconds)
                    ),
                    "check": uvloop.run(
                        measure.lists(authority, machines=1, clients=chosen.clients, seconds=seconds)
                    ),
                }
            )
        finally:
            authority.stop()
    told |= {"stolen": facts.taken_by_hypervisor(before), "load_after": os.getloadavg()[0]}
    for name, words in LOADS.items():
        rate = [each[name]["per_cpu_second"] for each in rounds]
        late = median(each[name]["p99_ms"] for each in rounds)
        spread = f"({min(rate):.0f} to {max(rate):.0f})"
        print(f"{words}: {median(rate):.0f} {spread} in a processor second, p99 {late:.1f} ms")
    print(f"{authority.name}: {authority.stated}")
    print(f"{len(rounds)} round(s); the hypervisor took {told['stolen']:.1%} meanwhile")
    chosen.results.mkdir(exist_ok=True)
    path = chosen.results / f"identity-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps({"facts": told, "rounds": rounds}, indent=1))
    print(f"all figures: {path}")


if __name__ == "__main__":
    main()
