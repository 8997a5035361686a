"""What a typist did over all its lives, and what of it must be in the guest's output: once, or not at all."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.peers.house import House, until
from tests.peers.test_flood import Record

KEY = re.compile(rb"key (\d{8});")


class Typing:
    """The typist, again and again. After a kill nothing that was not `sure` is certain, nor impossible."""

    def __init__(self, house: House, name: str = "demo", through: int = 0) -> None:
        self._house, self._name, self._through = house, name, through
        self.typed = 0
        self.doubtful: set[int] = set()
        """Told as perhaps not delivered, or in a killed process's hands."""
        self.dropped_bytes = 0
        self.lost: Counter[str] = Counter()
        self.seen: list[list[tuple[int, bytes | None, int]]] = []
        """Of each life: (offset, output) or, for what was told to be missing, (offset, None, count)."""
        self.over = threading.Event()
        self._sure = 0
        self._begin()

    def _begin(self) -> None:
        words = [str(self._house.root), self._name, str(self.typed + 1), str(self._through)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.typist", *words],
            env=self._house.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.seen.append([])
        self._thread = threading.Thread(target=self._read, args=(self._process, self.seen[-1]), daemon=True)
        self._thread.start()

    def _read(self, process: subprocess.Popen[bytes], seen: list[tuple[int, bytes | None, int]]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            try:
                told: dict[str, Any] = json.loads(line)
            except ValueError:
                return  # killed in the middle of a line
            match told:
                case {"typing": number}:
                    self.typed = number
                case {"sure": number}:
                    self._sure = number
                case {"dropped": count}:
                    self.dropped_bytes += count
                    self._doubt()
                case {"lost": code}:
                    self.lost[code] += 1
                case {"output": [offset, text]}:
                    seen.append((offset, base64.b64decode(text), 0))
                case {"missing": [offset, count]}:
                    assert count is not None
                    seen.append((offset, None, count))
                case {"over": _}:
                    self.over.set()

    def _doubt(self) -> None:
        self.doubtful |= set(range(self._sure + 1, self.typed + 1))

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()
        self._put_away()

    def _put_away(self) -> str:
        self._process.wait(30)
        self._thread.join(30)
        self._doubt()
        words = ""
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            if pipe is self._process.stderr:
                words = pipe.read().decode(errors="replace")
            pipe.close()
        return words

    def again(self) -> str:
        """Begin anew if it ended; its last words when it did so by itself."""
        if self.alive:
            return ""
        words = self._put_away() if self._process.stdin is not None and not self._process.stdin.closed else ""
        self._begin()
        return words

    def finish(self, seconds: float = 120.0) -> None:
        """Let it type no more and wait until it is sure of all it typed."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        until("the typist is sure of everything", self.over.is_set, seconds)
        self._put_away()

    def check(self, record: Record) -> str:
        """Every key once and only once, or told as perhaps not delivered; every byte as QEMU wrote it."""
        counted = Counter(int(found[1]) for found in KEY.finditer(bytes(record.seen)))
        assert self.typed > 0
        twice = [number for number, count in counted.items() if count > 1]
        assert not twice, f"typed twice: {twice[:10]}"
        gone = [n for n in range(1, self.typed + 1) if n not in counted and n not in self.doubtful]
        assert not gone, f"neither typed nor told: {gone[:10]} of {self.typed}"
        assert not set(counted) - set(range(1, self.typed + 1))
        size = sum(self._check_life(record, life) for life in self.seen)
        missing = sum(1 for n in self.doubtful if n not in counted)
        return (
            f"{self.typed} keys typed over {len(self.seen)} lives, {len(counted)} arrived, each once; "
            f"{len(self.doubtful)} were told as doubtful, {missing} of them did not arrive; "
            f"{size} bytes read as they were written"
        )

    @staticmethod
    def _check_life(record: Record, life: list[tuple[int, bytes | None, int]]) -> int:
        at: int | None = None
        size = 0
        for offset, text, count in life:
            if text is None:
                at = (offset if at is None else at) + count
                continue
            assert at is None or offset == at, (offset, at)
            at = offset + len(text)
            assert record.of(offset, at) == text, f"not what the log has at {offset}"
            size += len(text)
        return size


def wait_for(what: str, true: Callable[[], object], typing: Typing, seconds: float = 120.0) -> None:
    """Until it is so; the typist is begun anew where it gave up."""

    def tried() -> object:
        typing.again()
        return true()

    until(what, tried, seconds)
