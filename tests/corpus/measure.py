"""How much of what the recordings show the failure detector finds, and how much it finds that is not there.

    python -m tests.corpus.measure [known] [held_out] [--seed N] [--table]

A recording is played as it was made: its bytes at their times, in pieces of random length, with the resets
and the timers in between, and with the detector put away and taken up again now and then as an agent's
restart does it. Then the port stays quiet for a while.

A label counts as found when a finding of its code is told once its decisive byte was read, or a few seconds
before, and not after the guest's next reset. A finding is right when there is such a label, wrong otherwise;
labels marked `open` neither ask for a finding nor make one wrong. A finding that grows is one finding.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from guests.broken.labels import Label, Labelled, read
from guests.broken.recording import PRINTED, RESET, STOPPED, SUFFIX, Event, Recording, load
from outofband.wire.detect import Detector
from outofband.wire.finding import Finding

HERE: Final = Path(__file__).resolve().parent
KNOWN: Final = "known"
HELD_OUT: Final = "held_out"
EPOCH: Final = 1_790_000_000.0
QUIET_S: Final = 900.0
"""Of silence after each recording, in which nothing but what the recording shows may be told."""
PIECE_MAX: Final = 3000  # bytes
RESUME: Final = 0.02
"""Of the pieces, after which the detector is made anew from what it keeps."""
EARLY_S: Final = 5.0
"""By which a finding may come before what makes it certain: who reads it finds that it is so."""
LOG_MAX: Final = 2**20  # bytes that are there to be read again
NEEDED: Final = 0.95


@dataclass(frozen=True)
class Case:
    """One recording of the corpus."""

    name: str
    recording: Recording
    labelled: Labelled


@dataclass(frozen=True)
class Told:
    """A finding, and the offset and the time at which it was first told."""

    finding: Finding
    offset: int
    at: float


@dataclass
class Score:
    """Of one code, or of all."""

    found: int = 0
    missed: int = 0
    right: int = 0
    wrong: int = 0

    @property
    def recall(self) -> float:
        asked = self.found + self.missed
        return self.found / asked if asked else 1.0

    @property
    def precision(self) -> float:
        told = self.right + self.wrong
        return self.right / told if told else 1.0


@dataclass
class Result:
    """Scores by code, and every miss and false alarm in words."""

    scores: dict[str, Score] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    """Seconds of the recording between the decisive byte and the finding."""
    recordings: int = 0
    healthy: int = 0

    def of(self, code: str) -> Score:
        return self.scores.setdefault(code, Score())

    @property
    def overall(self) -> Score:
        each = self.scores.values()
        return Score(
            sum(s.found for s in each),
            sum(s.missed for s in each),
            sum(s.right for s in each),
            sum(s.wrong for s in each),
        )


def cases(part: str) -> Iterator[Case]:
    """The recordings of a part, by name."""
    for path in sorted((HERE / part).glob(f"*{SUFFIX}")):
        name = path.name.removesuffix(SUFFIX)
        yield Case(name, load(path), read(path.with_name(f"{name}.toml")))


class Player:
    """Plays a recording to a detector as an agent would."""

    def __init__(self, seed: object) -> None:
        self._draw = random.Random(str(seed))
        self._detector = Detector("serial0")
        self._log, self._start = bytearray(), 0
        self._offset = 0
        self._boot, self._now = 1, EPOCH
        self.told: dict[str, Told] = {}
        self._tell(self._detector.reset(0, self._boot, self._now), self._now)

    def play(self, recording: Recording) -> list[Told]:
        """Findings by when they were first told; what a second word on one changes is in its `finding`."""
        for event in recording.events:
            self.take(event)
        return self.end()

    def take(self, event: Event) -> None:
        """One event of a recording."""
        self._now = EPOCH + event.at / 1000
        self._let_time_pass(self._now)
        if event.kind == PRINTED:
            self._print(event.data, self._now)
        elif event.kind == RESET:
            self._boot += 1
            self._tell(self._detector.reset(self._offset, self._boot, self._now), self._now)
        elif event.kind == STOPPED:
            self._tell(self._detector.stopped(self._now), self._now)

    def end(self) -> list[Told]:
        """Silence, and all that was told."""
        self._let_time_pass(self._now + QUIET_S)
        return list(self.told.values())

    def _print(self, data: bytes, now: float) -> None:
        if len(self._log) > LOG_MAX:
            self._start += len(self._log)
            self._log.clear()
        self._log += data
        while (place := self._offset - self._start) < len(self._log):
            piece = bytes(self._log[place : place + self._draw.randint(1, PIECE_MAX)])
            found = self._detector.feed(self._offset, piece, now)
            self._offset += len(piece)
            self._tell(found, now)
            if self._draw.random() < RESUME:
                # An agent that starts again begins where its detector wants it to.
                self._detector = Detector("serial0", self._detector.kept())
                self._offset = self._detector.offset

    def _let_time_pass(self, until: float) -> None:
        while (due := self._detector.due()) is not None and due <= until:
            self._tell(self._detector.tick(due), due)

    def _tell(self, found: Sequence[Finding], now: float) -> None:
        for finding in found:
            first = self.told.get(finding.id)
            self.told[finding.id] = Told(
                finding, first.offset if first else self._offset, first.at if first else now
            )


def judge(case: Case, told: Sequence[Told], result: Result) -> None:
    """Compare what was told with what the recording shows."""
    resets = case.recording.resets
    labels = case.labelled.labels
    used: set[int] = set()
    result.recordings += 1
    result.healthy += not labels
    for each in sorted(told, key=lambda one: one.offset):
        fits = [
            label
            for label in labels
            if label.code == each.finding.code
            and (label.ends <= each.offset or _time_of(case.recording, label.ends) - each.at <= EARLY_S)
            and _same_boot(resets, label, each)
        ]
        if not fits:
            result.of(each.finding.code).wrong += 1
            lines = " / ".join(line.text for line in each.finding.evidence[-2:])
            result.problems.append(f"{case.name}: false {each.finding.code} at {each.offset}: {lines}")
            continue
        if all(label.open for label in fits):
            continue
        result.of(each.finding.code).right += 1
        for label in fits:
            if labels.index(label) not in used:
                used.add(labels.index(label))
                result.delays.append(max(0.0, each.at - _time_of(case.recording, label.ends)))
                _compare_fields(case, label, each, result)
    for number, label in enumerate(labels):
        if not label.open:
            score = result.of(label.code)
            if number in used:
                score.found += 1
            else:
                score.missed += 1
                result.problems.append(f"{case.name}: missed {label.code} at {label.offset}: {label.line}")


def _same_boot(resets: Sequence[int], label: Label, told: Told) -> bool:
    # A reset may be what makes it certain, and comes after the last byte of its boot.
    after = [reset for reset in resets if reset >= label.ends]
    return not after or told.offset <= after[0]


def _compare_fields(case: Case, label: Label, told: Told, result: Result) -> None:
    for name, value in label.fields.items():
        if told.finding.fields.get(name) != value:
            got = told.finding.fields.get(name)
            result.problems.append(f"{case.name}: {label.code} names {name}={got!r}, not {value!r}")


def _time_of(recording: Recording, offset: int) -> float:
    passed = 0
    for event in recording.events:
        passed += len(event.data)
        if passed >= offset:
            return EPOCH + event.at / 1000
    return EPOCH


def measure(part: str, seed: object = 1) -> Result:
    """Play and judge every recording of a part."""
    result = Result()
    for case in cases(part):
        judge(case, Player(f"{seed}/{case.name}").play(case.recording), result)
    return result


def report(result: Result, *, table: bool = False) -> str:
    """Precision and recall per code and over all; then every miss and false alarm."""
    edge, row = ("| ", " | ") if table else ("", "  ")
    end = " |" if table else ""
    lines = [f"{edge}{'code':22}{row}labels{row}recall{row}findings{row}precision{end}"]
    if table:
        lines.append("| --- | --- | --- | --- | --- |")
    for code, score in [*sorted(result.scores.items()), ("all", result.overall)]:
        asked, told = score.found + score.missed, score.right + score.wrong
        lines.append(
            f"{edge}{code:22}{row}{asked:6}{row}{score.recall:6.3f}{row}{told:8}{row}{score.precision:9.3f}{end}"
        )
    lines.append(f"{result.recordings} recordings, {result.healthy} of them healthy")
    if result.delays:
        ordered = sorted(result.delays)
        p95 = ordered[int(0.95 * (len(ordered) - 1))]
        lines.append(f"from byte to finding: median {ordered[len(ordered) // 2]:.3f} s, p95 {p95:.3f} s")
    return "\n".join([*lines, *sorted(result.problems)])


def main(argv: list[str] | None = None) -> int:
    """0 when both figures reach what is needed."""
    parser = argparse.ArgumentParser(prog="tests.corpus.measure")
    parser.add_argument("parts", nargs="*", default=[KNOWN, HELD_OUT])
    parser.add_argument("--seed", default="1")
    parser.add_argument("--table", action="store_true", help="as a table of Markdown")
    options = parser.parse_args(argv)
    good = True
    for part in options.parts:
        result = measure(part, options.seed)
        overall = result.overall
        good = good and min(overall.recall, overall.precision) >= NEEDED
        print(f"{part}\n{report(result, table=options.table)}\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
