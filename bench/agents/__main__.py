"""`python -m bench.agents`: all at once, then idle, then a control plane that is killed and comes back."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop

from bench import report as facts
from bench.agents.plane import ControlPlane, cpu_within
from bench.processes import memory_mib
from bench.system import Place
from outofband.agent.simulated.run import Figures, Ledger, Run
from outofband.wire.link import KEEPALIVE_SECONDS

GOAL_SECONDS = 60.0
"""Within which a thousand agents are to be linked."""
SETTLE_SECONDS = 8.0
"""What the links of all agents leave to be written is written by then."""
PATIENCE_SECONDS = 300.0
BAR = 50


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench/agents/run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="200 agents, short")
    parser.add_argument("--agents", type=int, help="how many (default 1000, quick 200)")
    parser.add_argument("--rounds", type=int, help="runs (default 3, quick 1)")
    parser.add_argument("--seconds", type=float, help="of being idle (default 60, quick 20)")
    parser.add_argument("--away", type=float, default=2.0, help="seconds the control plane stays dead")
    parser.add_argument("--dir", type=Path, help="where state goes (default: memory if there is room)")
    parser.add_argument("--results", type=Path, default=facts.RESULTS, help="folder for the figures")
    parser.add_argument("--nice", type=int, default=0, help="niceness of all of it; below 0 needs root")
    chosen = parser.parse_args()
    chosen.agents = chosen.agents or (200 if chosen.quick else 1000)
    chosen.rounds = chosen.rounds or (1 if chosen.quick else 3)
    chosen.seconds = chosen.seconds or (20.0 if chosen.quick else 60.0)
    place = Place(chosen.dir, nice=chosen.nice)
    place.pin_self()
    try:
        uvloop.run(_run(place, chosen))
    finally:
        place.remove()


async def _run(place: Place, chosen: argparse.Namespace) -> None:
    told = facts.machine() | {"agents": chosen.agents, "nice": chosen.nice}
    print("{processor}, {processors} processors, load {load:.2f}".format(**told))
    before = facts.stolen()
    plane = ControlPlane(place)
    rounds: list[dict[str, Any]] = []
    try:
        plane.start()
        began = time.monotonic()
        book, keys = await asyncio.to_thread(plane.enrol, chosen.agents)
        print(f"{chosen.agents} agents enrolled in {time.monotonic() - began:.1f} s")
        plane.stop()
        for number in range(chosen.rounds):
            rounds.append(found := await _round(plane, book, keys, chosen))
            print(f"\nround {number + 1}")
            print("\n".join(_lines(found)), flush=True)
        alone = await _himds(plane, chosen.seconds)
        print(f"\nhimds without a VM: {alone['memory_mib']:.0f} MiB, {100 * alone['cpu']:.2f} % of a core")
    finally:
        plane.stop()
    told |= {"stolen": facts.taken_by_hypervisor(before), "load_after": os.getloadavg()[0]}
    print(f"{len(rounds)} round(s); the hypervisor took {told['stolen']:.1%} meanwhile")
    chosen.results.mkdir(exist_ok=True)
    path = chosen.results / f"agents-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps({"facts": told, "rounds": rounds, "himds": alone}, indent=1))
    print(f"all figures: {path}")


async def _round(
    plane: ControlPlane, book: Any, keys: list[str], chosen: argparse.Namespace
) -> dict[str, Any]:
    found: dict[str, Any] = {"agents": len(keys)}
    plane.start()
    # What was prepared on first use, and what a start leaves behind, is no agent's.
    await asyncio.sleep(SETTLE_SECONDS)
    bare, spent = plane.memory, plane.cpu
    rest = await _share(plane, chosen.seconds / 2)
    spent = plane.cpu
    async with Run(book, keys, folder=plane.agents) as run:
        if not await run.all_linked(PATIENCE_SECONDS):
            raise RuntimeError(f"{len(run.ledger.linked)} of {len(keys)} were linked")
        await asyncio.sleep(SETTLE_SECONDS)
        found["connect"] = _connecting(run.ledger.figures()) | {
            "cpu_ms_per_agent": 1e3 * (plane.cpu - spent) / len(keys)
        }
        if (seen := await asyncio.to_thread(plane.linked)) != len(keys):
            raise RuntimeError(f"the control plane sees {seen} of {len(keys)} agents")
        await asyncio.sleep(SETTLE_SECONDS)
        spent = await _share(plane, chosen.seconds)
        crowd = await cpu_within(10.0, *run.pids)
        beats = len(keys) / KEEPALIVE_SECONDS
        found["idle"] = {
            "bare_mib": bare,
            "bare_cpu": rest,
            "kib_per_agent": 1024 * (plane.memory - bare) / len(keys),
            "cpu": spent,
            "cpu_us_per_agent_second": 1e6 * (spent - rest) / len(keys),
            "cpu_us_per_heartbeat": 1e6 * (spent - rest) / beats,
            "crowd_cpu_us_per_agent_second": 1e6 * crowd / len(keys),
            "crowd_kib_per_agent": 1024 * memory_mib(run.pids) / len(keys),
        }
        found["return"] = await _killed(plane, run, chosen.away)
    plane.stop()
    return found


async def _killed(plane: ControlPlane, run: Run, away: float) -> dict[str, Any]:
    """The control plane is killed and comes again: how everybody comes back."""
    again = Ledger(run.ledger.agents, run.processes, time.monotonic())
    run.ledger, before = again, run.ledger
    again.begin_linked(before.linked)
    plane.kill()
    dead = time.monotonic()
    await asyncio.sleep(away)
    began = time.monotonic()
    await asyncio.to_thread(plane.start)
    up = time.monotonic()
    spent = plane.cpu
    if not await run.all_linked(PATIENCE_SECONDS):
        raise RuntimeError(f"{len(run.ledger.linked)} of {run.ledger.agents} came back")
    whole = time.monotonic()
    figures = run.ledger.figures()
    return {
        "dead_s": up - dead,
        "start_s": up - began,
        "all_back_s": whole - up,
        "away_p50": figures.away_p50,
        "away_most": figures.away,
        "dials": figures.dials,
        "returns": figures.returns,
        "refused": figures.refused,
        "cpu_ms_per_agent": 1e3 * (plane.cpu - spent) / run.ledger.agents,
    }


async def _himds(plane: ControlPlane, seconds: float) -> dict[str, float]:
    plane.start()
    child, _ = await asyncio.to_thread(plane.real_agent)
    try:
        await asyncio.sleep(SETTLE_SECONDS)
        cpu = await cpu_within(seconds, *child.tree())
        return {"memory_mib": memory_mib(child.tree()), "cpu": cpu}
    finally:
        child.stop()
        plane.stop()


async def _share(plane: ControlPlane, seconds: float) -> float:
    before, began = plane.cpu, time.monotonic()
    await asyncio.sleep(seconds)
    return (plane.cpu - before) / (time.monotonic() - began)


def _connecting(figures: Figures) -> dict[str, Any]:
    return {
        "within_s": figures.connected_within,
        "p50_s": figures.connect_p50,
        "p99_s": figures.connect_p99,
        "attempts": figures.attempts,
    }


def _lines(found: dict[str, Any]) -> list[str]:
    connect, idle, back = found["connect"], found["idle"], found["return"]
    within = connect["within_s"]
    goal = "reached" if within <= GOAL_SECONDS else "MISSED"
    lines = [
        f"all {found['agents']} linked within {within:.1f} s (goal {GOAL_SECONDS:.0f} s: {goal}); one: "
        f"median {connect['p50_s']:.2f} s, p99 {connect['p99_s']:.2f} s; {connect['attempts']} dials; "
        f"{connect['cpu_ms_per_agent']:.1f} ms of the control plane each",
        f"control plane without agents: {idle['bare_mib']:.0f} MiB, {100 * idle['bare_cpu']:.2f} % of a core",
        f"an idle agent: {idle['kib_per_agent']:.0f} KiB, {idle['cpu_us_per_agent_second']:.0f} us a second, "
        f"{idle['cpu_us_per_heartbeat']:.0f} us a heartbeat (all {100 * idle['cpu']:.2f} % of a core)",
        f"killed and back after {back['dead_s']:.1f} s: all linked {back['all_back_s']:.1f} s later, "
        f"{back['cpu_ms_per_agent']:.1f} ms of the control plane each; an agent was away "
        f"{back['away_p50']:.1f} s (median), {back['away_most']:.1f} s at most",
    ]
    most = max(*back["dials"], 1)
    for second, dials in enumerate(back["dials"]):
        came = back["returns"][second] if second < len(back["returns"]) else 0
        bar = "#" * (BAR * came // most) + "." * (BAR * max(dials - came, 0) // most)
        lines.append(f"  {second:3} s  {dials:5} dials {came:5} linked  {bar}")
    return lines


if __name__ == "__main__":
    main()
