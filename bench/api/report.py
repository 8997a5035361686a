"""From the figures of all rounds to a table, with what each goal asks for."""

from __future__ import annotations

from statistics import median

from bench.api.measure import Figures

OURS = "outofband"
LINEAR = 1.15
"""How much more the cost of a row may be in the longer list, for the noise of measuring."""
Rounds = list[dict[str, dict[str, Figures]]]
"""Each round: system -> measurement -> figures."""
_FIGURES = (
    ("per_cpu_second", "requests a processor second", False),
    ("cpu_ms", "  processor, ms", True),
    ("p50_ms", "  latency, median, ms", True),
    ("p99_ms", "  latency, p99, ms", True),
)


def table(rounds: Rounds, titles: dict[str, str], *, peer: str, times_better: float) -> str:
    """Medians of the rounds; each ratio is taken within its round, above 1 is in our favour.

    `titles`: measurement -> what it is called. What the peer does not do stands alone.
    """
    head = f"{'':34} {OURS:>10} {peer:>13} {'ratio':>8} {'(each round)':15} goal"
    lines = [head, "-" * len(head)]
    for name, title in titles.items():
        lines.append(title)
        for figure, label, lower in _FIGURES:
            ours = [one[OURS][name][figure] for one in rounds if OURS in one]
            others = [one[peer][name][figure] for one in rounds if name in one.get(peer, {})]
            if not ours:
                continue
            pairs = zip(ours, others, strict=bool(others))
            ratios = sorted(theirs / mine if lower else mine / theirs for mine, theirs in pairs)
            theirs = f"{median(others):13.2f}" if others else f"{'-':>13}"
            line = f"  {label:32} {median(ours):10.2f} {theirs}"
            if ratios:
                line += f" {median(ratios):7.2f}x {f'{ratios[0]:.2f}-{ratios[-1]:.2f}':15}"
                if figure == "per_cpu_second":
                    line += f" >= {times_better:g}x: {_word(median(ratios) >= times_better)}"
            lines.append(line.rstrip())
    return "\n".join(lines)


def growth(found: dict[int, dict[str, Figures]]) -> str:
    """What the number of machines costs us. `found`: number -> measurement -> figures."""
    head = (
        f"{'machines':>10} {'one, ms':>10} {'all, ms':>10} {'a row, us':>10} {'one p99':>10} {'all p99':>10}"
    )
    lines = [head, "-" * len(head)]
    for machines, each in sorted(found.items()):
        one, everything = each["one"], each["all"]
        row = everything["cpu_ms"] / machines * 1000
        lines.append(
            f"{machines:10} {one['cpu_ms']:10.3f} {everything['cpu_ms']:10.2f} {row:10.1f}"
            f" {one['p99_ms']:10.1f} {everything['p99_ms']:10.1f}"
        )
    least, most = min(found), max(found)
    rows = [found[number]["all"]["cpu_ms"] / number for number in (least, most)]
    ones = [found[number]["one"]["cpu_ms"] for number in (least, most)]
    lines += [
        f"a row costs {rows[1] / rows[0]:.2f} of what it does among {least}"
        f" (goal: no more than linear: {_word(rows[1] <= rows[0] * LINEAR)})",
        f"one machine costs {ones[1] / ones[0]:.2f} of what it does among {least}"
        f" (goal: the same: {_word(ones[1] <= ones[0] * LINEAR)})",
    ]
    return "\n".join(lines)


def _word(reached: bool) -> str:
    return "reached" if reached else "MISSED"
