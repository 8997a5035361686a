"""What the failure detector costs: milliseconds of CPU per MB on healthy and on hostile output.

    python -m bench.detector [--megabytes 4] [-o json]

Process time, the median of five runs. Each text is fed in pieces as an agent reads a spool.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Iterator

from outofband.wire.detect import Detector

RUNS = 5
PIECE = 65536
MB = 1_000_000


def _boot() -> Iterator[bytes]:
    """A kernel and systemd coming up, again and again, with what they say most."""
    draw, at = random.Random(1), 0.0
    subjects = [
        "pci 0000:00:1f.2",
        "ACPI",
        "usb 1-1",
        "e1000e 0000:00:19.0 eth0",
        "NET: ",
        "audit",
        "NET",
    ]
    words = ["initialized", "registered", "mounted", "filesystem", "link is up", "type=1400", "BAR"]
    while True:
        at += draw.random()
        said = " ".join(draw.choice(words) for _ in range(draw.randint(3, 9)))
        if draw.random() < 0.7:
            yield f"[{at:12.6f}] {draw.choice(subjects)}: {said}\r\n".encode()
        else:
            yield f"[  \x1b[0;32mOK\x1b[0m  ] Started \x1b[0;1;39m{said}\x1b[0m.\r\n".encode()


def _daemon() -> Iterator[bytes]:
    draw = random.Random(2)
    while True:
        number = draw.randint(0, 1 << 30)
        said = f"worker-{number % 16} request {number:x} done in {number % 997} ms"
        yield f"2026-11-27T10:00:00Z INFO {said}\n".encode()


def text(lines: Iterator[bytes], size: int) -> bytes:
    out = bytearray()
    while len(out) < size:
        out += next(lines)
    return bytes(out[:size])


def kinds(size: int) -> dict[str, bytes]:
    panic = b"[    1.903234] Kernel panic - not syncing: again\r\n"
    return {
        "healthy boots": text(_boot(), size),
        "a daemon's log": text(_daemon(), size),
        "no line feed": b"a" * size,
        "binary": random.Random(3).randbytes(size),
        "failures only": panic * (size // len(panic)),
        "cursor movements": b"\x1b[7;1Hx\x1b[7;2Hy" * (size // 14),
        "shell prompts": b"root@tgt01:~# ls\r\n" * (size // 18),
    }


def cost(data: bytes) -> float:
    """Milliseconds of CPU per MB."""

    def once() -> float:
        detector = Detector("0")
        began = time.process_time()
        for start in range(0, len(data), PIECE):
            detector.feed(start, data[start : start + PIECE], 1.0)
        return time.process_time() - began

    return statistics.median(once() for _ in range(RUNS)) * 1000 / (len(data) / MB)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.detector")
    parser.add_argument("--megabytes", type=int, default=4)
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    options = parser.parse_args()
    found = {name: round(cost(data), 1) for name, data in kinds(options.megabytes * MB).items()}
    if options.output == "json":
        print(json.dumps({"ms_per_mb": found}))
        return
    for name, milliseconds in found.items():
        print(f"{name:20} {milliseconds:7.1f} ms per MB")


if __name__ == "__main__":
    main()
