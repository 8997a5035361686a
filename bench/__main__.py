"""`python -m bench`: alternate the systems for some rounds, then say how they compare."""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import uvloop

from bench import measure, report
from bench.conman import Conman
from bench.conserver import Conserver
from bench.guests import Guests, build
from bench.measure import Figures
from bench.ours import Ours, OursForAzure
from bench.relay import Relay
from bench.system import Place, System
from bench.websockify import Websockify

MEASUREMENTS = ("attach", "one", "keys", "flood", "capture", "bytes", "idle")
SYSTEMS = tuple(each.name for each in (Ours, OursForAzure, Conserver, Conman, Websockify, Relay))
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
    parser = argparse.ArgumentParser(prog="bench/run", description="Benchmarks beside peers, in one run.")
    parser.add_argument(
        "--quick", action="store_true", help="one short round: does it work, roughly how fast"
    )
    parser.add_argument("--rounds", type=int, help="alternating runs (default 5, quick 1)")
    parser.add_argument("--sessions", type=int, default=200, help="busy sessions (default %(default)s)")
    parser.add_argument("--consoles", type=int, help="captured consoles (default 1000, quick: as sessions)")
    parser.add_argument("--seconds", type=float, help="length of each load (default 8, quick 4)")
    parser.add_argument("--only", metavar="NAMES", help=f"of {','.join(MEASUREMENTS)}")
    parser.add_argument("--idle", type=int, help="idle consoles (default 5000, quick: as sessions)")
    parser.add_argument("--systems", metavar="NAMES", help=f"of {','.join(SYSTEMS)} (default: all)")
    parser.add_argument("--alone", action="store_true", help="without the peers")
    parser.add_argument("--dir", type=Path, help="where logs and state go (default: memory if there is room)")
    parser.add_argument("--results", type=Path, default=report.RESULTS, help="folder for the figures")
    parser.add_argument("--nice", type=int, default=0, help="niceness of all of it; below 0 needs root")
    chosen = parser.parse_args()
    chosen.rounds = chosen.rounds or (1 if chosen.quick else 5)
    chosen.seconds = chosen.seconds or (4.0 if chosen.quick else 8.0)
    chosen.consoles = chosen.consoles or (chosen.sessions if chosen.quick else 1000)
    chosen.only = chosen.only.split(",") if chosen.only else list(MEASUREMENTS)
    chosen.idle = chosen.idle or (chosen.sessions if chosen.quick else 5000)
    chosen.systems = chosen.systems.split(",") if chosen.systems else list(SYSTEMS)
    if chosen.alone:
        chosen.systems = [Ours.name, OursForAzure.name]
    if unknown := (set(chosen.only) - set(MEASUREMENTS)) | (set(chosen.systems) - set(SYSTEMS)):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    return chosen


Maker = partial[Ours | OursForAzure | Conserver | Conman | Websockify | Relay]
"""Makes a system. Where a program is not installed this fails, which is no harm unless it was chosen."""


class Group(NamedTuple):
    """Measurements that share their guests. `systems` has those that may take part."""

    names: list[str]
    guests: int
    systems: Callable[[Place, Guests, str], list[Maker]]


def _watched(place: Place, guests: Guests, suffix: str) -> list[Maker]:
    return [
        partial(Ours, place, guests, "ours"),
        partial(OursForAzure, place, guests, "ours-azure"),
        partial(Conserver, place, guests, "conserver"),
        partial(Conman, place, guests, "conman"),
        partial(Websockify, place, guests, "websockify"),
        partial(Relay, place, guests, "relay", captures=False),
    ]


def _captured(place: Place, guests: Guests, suffix: str) -> list[Maker]:
    # A thousand reserves of the usual size would be gigabytes of memory.
    return [
        partial(Ours, place, guests, f"ours-{suffix}", ring_mib=1, reserve_mib=1),
        partial(Conserver, place, guests, f"conserver-{suffix}"),
        partial(Conman, place, guests, f"conman-{suffix}"),
        partial(Relay, place, guests, f"relay-{suffix}", captures=True),
    ]


async def _run(place: Place, chosen: argparse.Namespace) -> None:
    facts = report.machine() | {
        "sessions": chosen.sessions,
        "consoles": chosen.consoles,
        "idle": chosen.idle,
        "nice": chosen.nice,
        "place": str(place.root),
    }
    print("{processor}, {processors} processors, load {load:.2f}; logs in {place}".format(**facts))
    before = report.stolen()
    rounds: report.Rounds = [{} for _ in range(chosen.rounds)]
    stated: dict[str, str] = {}
    for group in _groups(chosen):
        guests = Guests(place.folder(f"guests-{group.names[0]}"), group.guests, cpu=place.load_cpu)
        try:
            made = group.systems(place, guests, group.names[0])
            systems: list[System] = [
                make()
                for make in made
                if make.func.name in chosen.systems and make.func.does & set(group.names)
            ]
            stated |= {f"{each.name}, {'/'.join(group.names)}": each.stated for each in systems}
            await _alternate(rounds, systems, guests, group.names, chosen)
        finally:
            guests.stop()
    facts |= {"stolen": report.taken_by_hypervisor(before), "stated": stated}
    print(f"\n{report.table(rounds)}\n")
    print("\n".join(f"{name}: {words}" for name, words in stated.items()))
    print(f"{chosen.rounds} round(s); the hypervisor took {facts['stolen']:.1%} of the processors meanwhile")
    print(f"all figures: {report.save(rounds, facts, chosen.results)}")


def _groups(chosen: argparse.Namespace) -> Iterator[Group]:
    alone = {"capture": chosen.consoles, "bytes": UARTS, "idle": chosen.idle}
    if watched := [name for name in chosen.only if name not in alone]:
        yield Group(watched, chosen.sessions, _watched)
    for name, number in alone.items():
        if name in chosen.only:
            yield Group([name], number, _captured)


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
                    for name in [each for each in names if each in system.does]:
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
        case "idle":
            return lambda: measure.idle(system, guests, seconds=seconds)
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
