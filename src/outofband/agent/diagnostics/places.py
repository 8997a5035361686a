"""Where each machine's boot diagnostics go: asked of the control plane, kept while the signature is good.

The agent only ever learns of containers of its own machines. A control plane of an older day does not know
the question; then nothing is uploaded, and nothing is asked.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from outofband.core import clock
from outofband.wire import link

RENEW = 0.5
"""Share of a signature's life after which the next one is asked for."""
MARGIN_SECONDS = 20.0
"""A signature with less life left is not used: an upload takes its time."""
UNANSWERED_SECONDS = 30.0


class _Kept(msgspec.Struct):
    place: link.Place
    since: float


class PlaceBook:
    """`ask` sends a question over the link; False when there is none now."""

    def __init__(
        self, ask: Callable[[link.WantPlaces], bool], *, now: Callable[[], float] = clock.monotonic
    ) -> None:
        self._ask = ask
        self._now = now
        self._kept: dict[str, _Kept] = {}
        self._asked: dict[str, float] = {}
        self._wanted: dict[str, None] = {}
        self._usable = False
        self.on_change: Callable[[str, link.Place], None] | None = None
        """Told of every answer."""

    def linked(self, takes: list[str]) -> None:
        """A link is open, to a control plane that understands these messages."""
        self._usable = link.TAKES_PLACES in takes
        # What was asked on the last link is not answered on this one.
        self._asked.clear()

    def find(self, vm: str) -> link.Place | None:
        """Where the machine's go now; None while that is not known, or nowhere. Asks when it has to."""
        now, kept = self._now(), self._kept.get(vm)
        if kept is None:
            self._want(vm, now)
            return None
        age = now - kept.since
        if kept.place.code is not None:
            if age >= kept.place.seconds:
                self._want(vm, now)
            return None
        if age >= kept.place.seconds * RENEW:
            self._want(vm, now)
        return kept.place if age < kept.place.seconds - MARGIN_SECONDS else None

    def answered(self, place: link.Place) -> None:
        self._asked.pop(place.vm, None)
        self._kept[place.vm] = _Kept(place, self._now())
        if self.on_change is not None:
            self.on_change(place.vm, place)

    def drop(self, vm: str) -> None:
        """It was refused there: ask anew before the next attempt."""
        self._kept.pop(vm, None)

    def forget(self, vm: str) -> None:
        """The machine is gone."""
        for known in (self._kept, self._asked, self._wanted):
            known.pop(vm, None)

    def flush(self) -> None:
        """Send the questions that came up since the last call, in messages of MAX_PLACES."""
        while self._wanted and self._usable:
            vms = list(self._wanted)[: link.MAX_PLACES]
            if not self._ask(link.WantPlaces(vms)):
                return
            for vm in vms:
                del self._wanted[vm]
                self._asked[vm] = self._now()

    def _want(self, vm: str, now: float) -> None:
        if now - self._asked.get(vm, -UNANSWERED_SECONDS) >= UNANSWERED_SECONDS:
            self._wanted[vm] = None
