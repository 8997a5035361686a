"""`python -m bench`: alternate the systems for some rounds, then say how they compare."""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from bench import measure, report
from bench.conserver import Conserver
from bench.guests import Guests, build
from bench.measure import Figures
from bench.ours import Ours
from bench.system import Place, System

MEASUREMENTS = ("attach", "one", "keys", "flood", "capture", "bytes")
UARTS = 20
"""Consoles that print byte by byte; each of these keeps the guests' processor busy."""
MAX_FILES = 65536
PAUSE_SECONDS = 0.5
"""Between two measurements: what the last one left behind is done by then."""


def main() -> None:
    chosen = _arguments()
    _raise_file_limit()
    build()
    place = Place(chosen.dir, nice=chosen.nice)
    place.pin_self()
    try:
        uvloop.run(_run(place, chosen))
    finally:
        place.remove()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run", description="Benchmarks beside conserver, in one run.")
    parser.add_argument(
        "--quick", action="store_true", help="one short round: does it work, roughly how fast"
    )
    parser.add_argument("--rounds", type=int, help="alternating runs (default 5, quick 1)")
    parser.add_argument("--sessions", type=int, default=200, help="busy sessions (default %(default)s)")
    parser.add_argument("--consoles", type=int, help="captured consoles (default 1000, quick: as sessions)")
    parser.add_argument("--seconds", type=float, help="length of each load (default 8, quick 4)")
    parser.add_argument("--only", metavar="NAMES", help=f"of {','.join(MEASUREMENTS)}")
    parser.add_argument("--alone", action="store_true", help="without conserver")
    parser.add_argument("--dir", type=Path, help="where logs and state go (default: memory if there is room)")
    parser.add_argument("--results", type=Path, default=report.RESULTS, help="folder for the figures")
    parser.add_argument("--nice", type=int, default=0, help="niceness of all of it; below 0 needs root")
    chosen = parser.parse_args()
    chosen.rounds = chosen.rounds or (1 if chosen.quick else 5)
    chosen.seconds = chosen.seconds or (4.0 if chosen.quick else 8.0)
    chosen.consoles = chosen.consoles or (chosen.sessions if chosen.quick else 1000)
    chosen.only = chosen.only.split(",") if chosen.only else list(MEASUREMENTS)
    if unknown := set(chosen.only) - set(MEASUREMENTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    return chosen


async def _run(place: Place, chosen: argparse.Namespace) -> None:
    facts = report.machine()
    facts |= {
        "sessions": chosen.sessions,
        "consoles": chosen.consoles,
        "nice": chosen.nice,
        "place": str(place.root),
    }
    print("{processor}, {processors} processors, load {load:.2f}; logs in {place}".format(**facts))
    before = report.stolen()
    rounds: report.Rounds = [{} for _ in range(chosen.rounds)]
    if watched := [name for name in chosen.only if name not in ("capture", "bytes")]:
        guests = Guests(place.folder("watched"), chosen.sessions, cpu=place.load_cpu)
        systems: list[System] = [Ours(place, guests, "ours")]
        if not chosen.alone:
            systems.append(Conserver(place, guests, "conserver"))
        facts |= {system.name: system.stated for system in systems}
        await _alternate(rounds, systems, guests, watched, chosen)
    for name, number in (("capture", chosen.consoles), ("bytes", UARTS)):
        if name in chosen.only:
            guests = Guests(place.folder(f"guests-{name}"), number, cpu=place.load_cpu)
            # A thousand reserves of the usual size would be gigabytes of memory.
            systems = [Ours(place, guests, f"ours-{name}", ring_mib=1, reserve_mib=1)]
            if not chosen.alone:
                systems.append(Conserver(place, guests, f"conserver-{name}"))
            facts |= {f"{system.name}, {name}": system.stated for system in systems}
            await _alternate(rounds, systems, guests, [name], chosen)
    facts["stolen"] = report.taken_by_hypervisor(before)
    print(f"\n{report.table(rounds)}\n")
    print(
        "\n".join(f"{name}: {facts[name]}" for name in facts if name.startswith((report.OURS, report.PEER)))
    )
    print(f"{chosen.rounds} round(s); the hypervisor took {facts['stolen']:.1%} of the processors meanwhile")
    print(f"all figures: {report.save(rounds, facts, chosen.results)}")


async def _alternate(
    rounds: report.Rounds, systems: list[System], guests: Guests, names: list[str], chosen: argparse.Namespace
) -> None:
    try:
        for system in systems:
            system.prepare()
            await _let_go(guests)
        for number, figures in enumerate(rounds):
            for system in systems if number % 2 == 0 else systems[::-1]:
                began = time.monotonic()
                system.start()
                took = time.monotonic() - began
                _say(f"round {number + 1}: {system.name} has its {guests.number} ports after {took:.1f} s")
                if "capture" in names:
                    figures.setdefault(system.name, {})["start"] = {"seconds": took}
                try:
                    for name in names:
                        await asyncio.sleep(PAUSE_SECONDS)
                        got = await _measure(name, system, guests, chosen)()
                        figures.setdefault(system.name, {})[name] = got
                        _say(f"  {name}: " + ", ".join(f"{key} {value:.4g}" for key, value in got.items()))
                finally:
                    system.stop()
                    await _let_go(guests)
    finally:
        # Harmless for one that is stopped; one whose preparation failed still runs.
        for system in systems:
            system.stop()
        guests.stop()


def _measure(
    name: str, system: System, guests: Guests, chosen: argparse.Namespace
) -> Callable[[], Awaitable[Figures]]:
    quick, seconds = chosen.quick, chosen.seconds
    match name:
        case "attach":
            times, far = (20, 5) if quick else (60, 10)
            return lambda: measure.attach(system, guests, times=times, rtt=0.15, far_times=far)
        case "one":
            return lambda: measure.keys(
                system, guests, sessions=1, interval=0.02, seconds=seconds, busy=False
            )
        case "keys":
            number = guests.number
            return lambda: measure.keys(
                system, guests, sessions=number, interval=0.5, seconds=seconds, busy=True
            )
        case "capture" | "bytes":
            return lambda: measure.capture(system, guests, seconds=seconds, uart=name == "bytes")
        case _:
            return lambda: measure.flood(system, guests, megabytes=100 if quick else 400)


async def _let_go(guests: Guests) -> None:
    """Wait until the system that was stopped has let go of the guests."""
    await measure.until(lambda: not guests.count().connected, measure.DRAIN_SECONDS)


def _raise_file_limit() -> None:
    """For this process and all it starts: each console takes a few descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < MAX_FILES:
        wanted = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
