"""A detector that finds the word PANIC, and keeps books of what it was shown."""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.wire.finding import Evidence, Finding, Severity, finding_id


class Books(msgspec.Struct):
    offset: int = 0
    boot: int = 0


class Detector:
    """`seen`: of all lives, what was shown in order: bytes with offset and time, resets, the end, ticks."""

    seen: list[tuple[Any, ...]] = []  # noqa: RUF012 - shared on purpose: lives come and go

    def __init__(self, port: str, kept: bytes | None = None) -> None:
        self.port = port
        self.books = msgspec.json.decode(kept, type=Books) if kept is not None else Books()
        self.alarm: float | None = None

    @property
    def offset(self) -> int:
        return self.books.offset

    def feed(self, offset: int, data: bytes, at: float) -> list[Finding]:
        self.seen.append((offset, data, at))
        if b"POISON" in data:
            raise ValueError("cannot be read")
        self.books.offset = offset + len(data)
        if b"TIMER" in data:
            self.alarm = at
        found, place = [], data.find(b"PANIC")
        while place >= 0:
            found.append(self.finding(offset + place, at))
            place = data.find(b"PANIC", place + 1)
        return found

    def finding(self, offset: int, at: float, code: str = "GuestPanicked") -> Finding:
        return Finding(
            id=finding_id(code, self.port, offset),
            code=code,
            severity=Severity.ERROR,
            port=self.port,
            boot=self.books.boot,
            offset=offset,
            first=at,
            last=at,
            evidence=(Evidence(offset=offset, at=at, text="PANIC"),),
        )

    def reset(self, offset: int, boot: int, at: float) -> list[Finding]:
        self.seen.append(("reset", offset, boot))
        self.books.boot = boot
        return []

    def stopped(self, at: float) -> list[Finding]:
        self.seen.append(("stopped",))
        return []

    def tick(self, at: float) -> list[Finding]:
        self.seen.append(("tick",))
        self.alarm = None
        return [self.finding(self.offset, at, "GuestPaused")]

    def due(self) -> float | None:
        return self.alarm

    def kept(self) -> bytes:
        return msgspec.json.encode(self.books)
