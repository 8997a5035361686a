"""From the figures of all rounds to a table of medians and ratios, and to a file for later comparisons."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench.measure import Figures

RESULTS = Path(__file__).parent / "results"
OURS, PEER = "outofband", "conserver"
"""Ratios and goals are about these two; the others stand beside them."""

Rounds = list[dict[str, dict[str, Figures]]]
"""Each round: system -> measurement -> figures."""


class Row(NamedTuple):
    """One line of the table. `lower`: less is better. `goal` gets our median and the ratio to the peer."""

    measurement: str
    figure: str
    title: str
    unit: str
    lower: bool = True
    goal: str = ""
    reached: Callable[[float, float], bool] | None = None


ROWS = [
    Row(
        "attach",
        "byte_ms_p50",
        "attach to first byte, median",
        "ms",
        goal="< 100 ms",
        reached=lambda v, r: v < 100,
    ),
    Row("attach", "byte_ms_p99", "attach to first byte, p99", "ms"),
    Row("attach", "attached_ms_p50", "attached, median", "ms"),
    Row("attach", "round_trips", "round trips of an attach", "", goal="<= 4", reached=lambda v, r: v < 4.5),
    Row("attach", "far_byte_ms_p50", "attach to first byte, far away", "ms"),
    Row("one", "p50_ms", "key, 1 session, median", "ms"),
    Row("one", "p99_ms", "key, 1 session, p99", "ms"),
    Row("keys", "p50_ms", "key, busy sessions, median", "ms"),
    Row("keys", "p90_ms", "key, busy sessions, p90", "ms"),
    Row("keys", "p99_ms", "key, busy sessions, p99", "ms", goal=">= 4x better", reached=lambda v, r: r >= 4),
    Row("keys", "max_ms", "key, busy sessions, worst", "ms"),
    Row("keys", "lost_keys", "keys never echoed", ""),
    Row("keys", "delivered", "output delivered of printed", ""),
    Row("keys", "wrong_consoles", "consoles with a wrong byte (of 4)", ""),
    Row("keys", "cpu_share", "processor, busy sessions", "cores"),
    Row("keys", "cpu_control", "  of it control plane", "cores"),
    Row("keys", "cpu_agent", "  of it agent", "cores"),
    Row("keys", "generator_share", "  (the load generator beside it)", "cores"),
    Row("keys", "late_ms_p99", "  (how late that came itself, p99)", "ms"),
    Row("keys", "memory_mib", "memory, busy sessions", "MiB"),
    Row(
        "capture",
        "consoles_per_core",
        "captured consoles a core",
        "",
        lower=False,
        goal=">= 9000",
        reached=lambda v, r: v >= 9000,
    ),
    Row("capture", "written", "output written of printed", ""),
    Row("start", "seconds", "all of them attached after", "s", goal="<= 10 s", reached=lambda v, r: v <= 10),
    Row("capture", "taken", "output the guests got rid of", ""),
    Row("capture", "memory_mib", "memory, capture", "MiB"),
    Row(
        "idle", "kib_per_console", "idle, memory a console", "KiB", goal="<= 10", reached=lambda v, r: v <= 10
    ),
    Row("idle", "cpu_share", "idle, processor", "cores", goal="< 0.01", reached=lambda v, r: v < 0.01),
    Row("idle", "memory_mib", "idle, memory of all", "MiB"),
    Row("bytes", "consoles_per_core", "consoles a core, byte by byte", "", lower=False),
    Row("bytes", "taken", "output the guests got rid of", "", goal="> 0.95", reached=lambda v, r: v > 0.95),
    Row("flood", "cpu_ms_per_mb", "flood, processor", "ms/MB", goal="<= peer", reached=lambda v, r: r >= 1),
    Row("flood", "mb_per_second", "flood, speed", "MB/s", lower=False),
    Row("flood", "delivered", "flood, delivered to the viewer", "", lower=False),
    Row("flood", "written", "flood, written to the log", "", lower=False),
]
_NO_RATIO = frozenset(
    {
        "lost_keys",
        "delivered",
        "wrong_consoles",
        "written",
        "taken",
        "generator_share",
        "late_ms_p99",
        "round_trips",
    }
)


def table(rounds: Rounds) -> str:
    """The figures of all rounds, one line a row that was measured, one column a system."""
    found = {name: None for one in rounds for name in one}
    others = [name for name in found if name not in (OURS, PEER)]
    columns = [name for name in (OURS, PEER, *others) if name in found]
    widths = [max(10, len(name)) for name in columns]
    names = " ".join(f"{name:>{width}}" for name, width in zip(columns, widths, strict=True))
    head = f"{'':36} {'unit':6} {names} {'ratio':>7} {'(each round)':15} goal"
    lines = [head, "-" * len(head)]
    for row in ROWS:
        values = [_values(rounds, name, row) for name in columns]
        if not any(values):
            continue
        shown = [_number(median(each)) if each else "-" for each in values]
        figures = " ".join(f"{text:>{width}}" for text, width in zip(shown, widths, strict=True))
        line = f"{row.title:36} {row.unit:6} {figures} {_beside(row, rounds)}"
        lines.append(line.rstrip())
    return "\n".join(lines)


def _beside(row: Row, rounds: Rounds) -> str:
    """Ours beside the peer: the median of the ratios, their span, and whether the goal is reached."""
    ours, peer = _values(rounds, OURS, row), _values(rounds, PEER, row)
    ratios = sorted(_ratio(row, mine, theirs) for mine, theirs in zip(ours, peer, strict=False))
    shown = bool(ratios) and row.figure not in _NO_RATIO
    ratio = f"{median(ratios):6.2f}x" if shown else ""
    spread = f"{ratios[0]:.2f}-{ratios[-1]:.2f}" if shown and len(ratios) > 1 else ""
    goal = row.goal
    if row.reached is not None and ours and (ratios or "peer" not in goal):
        reached = row.reached(median(ours), median(ratios) if ratios else 0.0)
        goal += ": reached" if reached else ": MISSED"
    return f"{ratio:>7} {spread:15} {goal}"


def save(rounds: Rounds, facts: dict[str, Any], folder: Path) -> Path:
    """Write everything that was measured to a new file in `folder`."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps({"facts": facts, "rounds": rounds}, indent=1))
    return path


def machine() -> dict[str, Any]:
    """What the figures depend on besides the code."""
    model = _after("model name", Path("/proc/cpuinfo").read_text().splitlines())
    versions = {"python": platform.python_version(), "kernel": platform.release()}
    said = _said("conserver", "-V").splitlines()
    versions["peer_version"] = said[0].rpartition("version ")[2] if said else ""
    return {
        "processor": model,
        "processors": os.cpu_count(),
        "load": os.getloadavg()[0],
        "commit": _said("git", "-C", str(RESULTS.parent), "describe", "--always", "--dirty").strip(),
        **versions,
    }


def stolen() -> tuple[float, float]:
    """Processor time of all processors since boot, in ticks: (given to other machines, all there was)."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return ticks[7], sum(ticks[:8])


def taken_by_hypervisor(before: tuple[float, float]) -> float:
    """The share of all processor time since `before` (from `stolen`) that went to other machines."""
    now = stolen()
    return (now[0] - before[0]) / max(now[1] - before[1], 1)


def _values(rounds: Rounds, system: str, row: Row) -> list[float]:
    found = (one.get(system, {}).get(row.measurement, {}).get(row.figure) for one in rounds)
    return [value for value in found if value is not None]


def _ratio(row: Row, ours: float, peer: float) -> float:
    """How many times better ours is."""
    better, worse = (peer, ours) if row.lower else (ours, peer)
    return better / worse if worse else float("inf")


def _number(value: float) -> str:
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 1000 else f"{value:.0f}"


def _after(key: str, lines: Iterable[str]) -> str:
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return ""
