"""The guests behind both systems: `source.c`, built when needed and told what to print."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
PROGRAMS = ("source", "relay")
ROW = b"".join(bytes([ord("a") + at % 26]) for at in range(79)) + b"\r\n"
"""What a guest prints, over and over, between the echoes."""
CONSOLE_RATE = 11_500
"""Bytes a second of a serial port at 115200 baud, 8N1."""
TICK_MS = 20
PIECE = 65536
"""Most bytes in one write."""


class Count(NamedTuple):
    """Bytes of all guests together, since they were started; `connected` and `done` count guests."""

    printed: int
    refused: int
    typed: int
    connected: int
    done: int


def built(name: str) -> Path:
    """Where a program is once it was built."""
    return HERE / "bin" / name


def build() -> None:
    """Compile the programs in C, unless they are newer than their texts."""
    for name in PROGRAMS:
        text, program = HERE / f"{name}.c", built(name)
        if program.exists() and program.stat().st_mtime >= text.stat().st_mtime:
            continue
        program.parent.mkdir(exist_ok=True)
        subprocess.run(["gcc", "-O2", "-Wall", "-Wno-sign-compare", "-o", program, text], check=True)


class Guests:
    """`number` serial ports on the sockets `<directory>/g0`, `g1`, ... , on processor `cpu`."""

    def __init__(self, directory: Path, number: int, *, cpu: int | None) -> None:
        self.number = number
        self.prefix = str(directory / "g")
        """What the sockets' names have in common."""
        pin = [] if cpu is None else ["taskset", "-c", str(cpu)]
        self._process = subprocess.Popen(
            [*pin, str(built("source")), self.prefix, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._answer() != "ready":
            raise RuntimeError("the guests did not start")

    def socket(self, guest: int) -> Path:
        return Path(f"{self.prefix}{guest}")

    def rate(self, bytes_per_second: int = CONSOLE_RATE, tick_ms: int = TICK_MS, grain: int = PIECE) -> None:
        """Every guest prints steadily, a part each tick, at most `grain` bytes in one write."""
        self._tell(f"rate {bytes_per_second} {tick_ms} {grain}")

    def flood(self, guest: int, total: int) -> None:
        """One guest prints `total` bytes as fast as they are taken."""
        self._tell(f"flood {guest} {total}")

    def quiet(self) -> None:
        self._tell("stop")

    def count(self) -> Count:
        words = self._tell("count").split()
        return Count(*map(int, words[1::2]))

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    def _tell(self, line: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().strip()
        if not answer:
            raise RuntimeError(f"the guests ended with {self._process.poll()}")
        return answer
