"""Findings that no control plane has kept yet: the newest word on each, the oldest finding first.

At most one message is without an answer. What a link ended before its answer is said again on the next one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import structlog

from outofband.wire.finding import Finding
from outofband.wire.link import MAX_FOUND, Found, Told

MAX_UNTOLD = 2000
"""Findings that wait; the oldest go first. With all of their evidence that many are some 5 MB."""
MAX_OF_ONE = 200
"""Of one machine: a guest that prints failures without end must not drive out what others have to tell."""

log = structlog.get_logger(__name__)
Key = tuple[str, str]


class Untold:
    """`agent.link.Telling`. `on_kept(vm, port)` is called when less waits of a port than before."""

    def __init__(self) -> None:
        self._waiting: dict[Key, Finding] = {}
        self._counts: Counter[str] = Counter()
        """Of `_waiting`, by machine."""
        self._number = 0
        self._sent: dict[Key, Finding] = {}
        self.on_news: Callable[[], None] = lambda: None
        """Called when there is something to tell."""
        self.on_kept: Callable[[str, str], None] = lambda vm, port: None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, vm: str, finding: Finding) -> None:
        """A finding is new, or another one than before."""
        key = vm, finding.id
        if key not in self._waiting:
            self._counts[vm] += 1
        self._waiting[key] = finding
        if self._counts[vm] > MAX_OF_ONE:
            self._drop(next(each for each in self._waiting if each[0] == vm), MAX_OF_ONE)
        elif len(self._waiting) > MAX_UNTOLD:
            self._drop(next(iter(self._waiting)), MAX_UNTOLD)
        self.on_news()

    def of(self, vm: str, port: str) -> list[Finding]:
        """What waits of one port."""
        if not self._waiting:
            return []
        return [each for (of, _), each in self._waiting.items() if of == vm and each.port == port]

    def forget(self, vm: str) -> None:
        """The machine is gone; so is whoever would want to know."""
        for key in [key for key in self._waiting if key[0] == vm]:
            self._remove(key)

    def restart(self) -> None:
        """A new link: what was sent on another one has no answer to come."""
        self._sent = {}

    def next(self) -> Found | None:
        """The next message; None while one is without its answer, and when nothing waits."""
        if self._sent or not self._waiting:
            return None
        self._number += 1
        self._sent = dict(list(self._waiting.items())[:MAX_FOUND])
        return Found(self._number, [Told(vm, finding) for (vm, _), finding in self._sent.items()])

    def kept(self, number: int) -> None:
        """A message was answered."""
        if number != self._number:
            return
        sent, self._sent = self._sent, {}
        for key, finding in sent.items():
            # A newer word on it may have come meanwhile, which is still to be told.
            if self._waiting.get(key) is finding:
                self._remove(key)
                self.on_kept(key[0], finding.port)
        self.on_news()

    def _drop(self, key: Key, limit: int) -> None:
        log.warning("finding.dropped", vm=key[0], id=key[1], limit=limit)
        self._remove(key)

    def _remove(self, key: Key) -> None:
        del self._waiting[key]
        self._counts[key[0]] -= 1
        if not self._counts[key[0]]:
            del self._counts[key[0]]
