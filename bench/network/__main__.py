"""`python -m bench.network`: alternate the doors for some rounds, then say how they compare."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import socket
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path

from bench import report as facts
from bench.network.doors import HERE, NAMES, connected, door
from bench.network.guest import serve
from bench.processes import memory_mib, tree
from outofband.net.process import raise_file_limit

Figures = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench/network/run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--rounds", type=int, help="runs (default 5, quick 1)")
    parser.add_argument("--seconds", type=float, help="of each load (default 4, quick 1)")
    parser.add_argument("--idle", type=int, default=1000, help="idle connections (default %(default)s)")
    parser.add_argument("--results", type=Path, default=facts.RESULTS, help="folder for the figures")
    chosen = parser.parse_args()
    rounds = chosen.rounds or (1 if chosen.quick else 5)
    seconds = chosen.seconds or (1.0 if chosen.quick else 4.0)
    raise_file_limit()
    with socket.create_server((HERE, 0), backlog=1024) as listening:
        port = int(listening.getsockname()[1])
        guest = multiprocessing.get_context("fork").Process(target=serve, args=(listening,), daemon=True)
        guest.start()
    found: dict[str, list[Figures]] = {name: [] for name in NAMES}
    before = facts.stolen()
    try:
        for number in range(rounds):
            for name in NAMES:
                found[name].append(_measure(name, port, seconds, chosen.idle))
            print(f"round {number + 1} of {rounds}", flush=True)
    finally:
        guest.kill()
    middle = {
        name: {key: statistics.median(each[key] for each in runs) for key in runs[0]}
        for name, runs in found.items()
    }
    _show(middle)
    told = facts.machine() | {"idle": chosen.idle, "stolen": facts.taken_by_hypervisor(before)}
    chosen.results.mkdir(exist_ok=True)
    path = chosen.results / f"network-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps({"facts": told, "rounds": found}, indent=1))
    print(f"all figures: {path}")


def _measure(name: str, behind: int, seconds: float, idle: int) -> Figures:
    with door(name, behind) as (port, pid):
        figures = {"MB/s from the guest": _bulk(port, seconds, b"S")}
        figures["MB/s to the guest"] = _bulk(port, seconds, b"R")
        figures |= _keys(port)
        figures["connections/s"] = _rate(port, seconds)
        figures["KiB an idle connection"] = _idle(port, pid, idle) if pid is not None else 0.0
    return figures


def _bulk(port: int, seconds: float, kind: bytes) -> float:
    piece, moved = bytearray(256 * 1024), 0
    with connected(port, kind) as one:
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            moved += one.recv_into(piece) if kind == b"S" else one.send(piece)
    return moved / (time.monotonic() - began) / 1e6


def _keys(port: int, number: int = 2000) -> Figures:
    taken = []
    with connected(port, b"E") as one:
        for _ in range(number):
            began = time.monotonic()
            one.sendall(b"k")
            one.recv(1)
            taken.append(1e6 * (time.monotonic() - began))
    taken.sort()
    return {"us there and back, middle": taken[number // 2], "us, 99 of 100": taken[number * 99 // 100]}


def _rate(port: int, seconds: float) -> float:
    made, began = 0, time.monotonic()
    while time.monotonic() - began < seconds:
        with connected(port, b"Ek") as one:
            one.recv(1)
        made += 1
    return made / (time.monotonic() - began)


def _idle(port: int, pid: int, number: int) -> float:
    """Proportional memory of the process with its children, before and with all of them there."""
    before = memory_mib(tree(pid))
    held = []
    for _ in range(number):
        held.append(one := connected(port, b"Ek"))
        one.recv(1)
    grown = memory_mib(tree(pid)) - before
    for one in held:
        one.close()
    return 1024 * grown / number


def _show(middle: dict[str, Figures]) -> None:
    print(f"{'':28}" + "".join(f"{name:>12}" for name in NAMES) + f"{'ours/socat':>12}")
    for key in middle["ours"]:
        row = [middle[name][key] for name in NAMES]
        print(f"{key:28}" + "".join(f"{each:12.1f}" for each in row) + f"{row[2] / row[1]:12.2f}")


if __name__ == "__main__":
    main()
