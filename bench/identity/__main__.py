"""`python -m bench.identity`: tokens asked for, in turn with oidc-provider, and requests with a token."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from bench import report as facts
from bench.api import measure, report
from bench.api.measure import Figures
from bench.identity.authority import Authority
from bench.identity.provider import FOLDER, Provider
from bench.system import Place

LOADS = {"token": "a token for a secret", "check": "a request with a token"}
TIMES_BETTER = 1.0
"""Both sign with the same kind of key, which is most of the work, in the same library."""
_WORK = {"token": measure.reads, "check": measure.lists}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="bench/identity/run",
        description="Tokens given and checked in a processor second, beside oidc-provider.",
    )
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--rounds", type=int, help="runs (default 5, quick 1)")
    parser.add_argument("--clients", type=int, default=4, help="who ask at once (default %(default)s)")
    parser.add_argument("--seconds", type=float, help="length of each load (default 5, quick 1.5)")
    parser.add_argument("--alone", action="store_true", help="without oidc-provider")
    parser.add_argument("--dir", type=Path, help="where state goes (default: memory if there is room)")
    parser.add_argument("--results", type=Path, default=facts.RESULTS, help="folder for the figures")
    parser.add_argument("--nice", type=int, default=0, help="niceness of all of it; below 0 needs root")
    chosen = parser.parse_args()
    if not chosen.alone and not (FOLDER / "node_modules").exists():
        parser.error("oidc-provider is missing: `scripts/bootstrap.sh test` installs it; or --alone")
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
    loads: dict[Authority | Provider, Mapping[str, str]] = {authority: LOADS}
    if not chosen.alone:
        loads[Provider(room)] = {"token": LOADS["token"]}
    rounds: report.Rounds = [{} for _ in range(chosen.rounds or (1 if chosen.quick else 5))]
    for number, figures in enumerate(rounds):
        for system, names in list(loads.items())[:: 1 if number % 2 == 0 else -1]:
            figures[system.name] = _measure(system, names, clients=chosen.clients, seconds=seconds)
    told |= {"stolen": facts.taken_by_hypervisor(before), "load_after": os.getloadavg()[0]}
    print(f"\n{report.table(rounds, LOADS, peer=Provider.name, times_better=TIMES_BETTER)}\n")
    for system in loads:
        print(f"{system.name}: {system.stated}")
    print(f"{len(rounds)} round(s); the hypervisor took {told['stolen']:.1%} meanwhile")
    chosen.results.mkdir(exist_ok=True)
    path = chosen.results / f"identity-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps({"facts": told, "rounds": rounds}, indent=1))
    print(f"all figures: {path}")


def _measure(
    system: Authority | Provider, names: Mapping[str, str], *, clients: int, seconds: float
) -> dict[str, Figures]:
    system.start()
    try:
        return {
            name: uvloop.run(_WORK[name](system, machines=1, clients=clients, seconds=seconds))
            for name in names
        }
    finally:
        system.stop()


if __name__ == "__main__":
    main()
