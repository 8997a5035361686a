"""A guest's console as a conversation: what it prints, and what the detector says to it."""

from __future__ import annotations

from outofband.wire.detect import Detector
from outofband.wire.finding import Finding

BOOT = "[    0.000000] Linux version 6.1.0-56-cloud-amd64 (debian-kernel@lists.debian.org)\r\n"
LOGIN = "\r\nDebian GNU/Linux 12 tgt01 ttyS0\r\n\r\ntgt01 login: "


class Console:
    """One guest's. `at` is the host's clock."""

    def __init__(self, *, step: int = 0) -> None:
        """`step` cuts what is printed into pieces of so many bytes."""
        self.detector = Detector("web1/0")
        self.at = 1000.0
        self.step = step
        self.heard: dict[str, Finding] = {}
        self.log = b""

    def prints(self, *lines: str | bytes) -> list[str]:
        """Lines, each with its end unless it has one or waits; the codes of what changed."""
        data = b"".join(each if isinstance(each, bytes) else each.encode() for each in lines)
        offset = len(self.log)
        self.log += data
        told: list[Finding] = []
        step = self.step or len(data) or 1
        for start in range(0, len(data), step):
            told += self.detector.feed(offset + start, data[start : start + step], self.at)
        return self._hear(told)

    def waits(self, seconds: float) -> list[str]:
        """Time passes, and `tick` is called when it is due."""
        end = self.at + seconds
        told: list[Finding] = []
        while (due := self.detector.due()) is not None and due <= end:
            self.at = due
            told += self.detector.tick(due)
        self.at = end
        return self._hear(told)

    def resets(self, boot: int = 1) -> list[str]:
        return self._hear(self.detector.reset(len(self.log), boot, self.at))

    def stops(self) -> list[str]:
        return self._hear(self.detector.stopped(self.at))

    def _hear(self, told: list[Finding]) -> list[str]:
        self.heard |= {each.code: each for each in told}
        return [each.code for each in told]

    @property
    def open(self) -> list[str]:
        return sorted(each.code for each in self.detector.open())

    def fields(self, code: str) -> dict[str, str]:
        return self.heard[code].fields

    def evidence(self, code: str) -> list[str]:
        return [each.text for each in self.heard[code].evidence]


def lines(*texts: str) -> str:
    return "".join(f"{each}\r\n" for each in texts)
