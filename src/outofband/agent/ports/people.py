"""Who is on a port: their sessions, those that may come back, and what all of them are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from outofband.agent.ports.attachment import Attachment, Typed
from outofband.core import clock
from outofband.wire.arbiter import RESERVE_SECONDS
from outofband.wire.stream import Notice

MAX_KEPT_SESSIONS = 256
"""Dropped sessions whose input offset is remembered; the oldest is forgotten first."""
MAX_NAMES = 64
"""Of others at the port that a newcomer is told."""


class People:
    """`seat` gives the fields by which they are told of the keyboard."""

    __slots__ = ("_due", "_here", "_kept", "_loop", "_seat")

    def __init__(self, loop: asyncio.AbstractEventLoop, seat: Callable[[], dict[str, Any]]) -> None:
        self._loop, self._seat = loop, seat
        self._here: dict[str, Attachment] = {}
        self._kept: dict[str, Typed] = {}
        self._due = False

    def __len__(self) -> int:
        """How many are here."""
        return len(self._here)

    @property
    def awaited(self) -> bool:
        """Somebody is away who may come back."""
        return bool(self._kept)

    def all(self) -> list[Attachment]:
        """Everybody who is here; it stays as it is while they come and go."""
        return list(self._here.values())

    def find(self, session: str) -> Attachment | None:
        return self._here.get(session)

    def others(self, attachment: Attachment) -> list[str]:
        """Who was here before, by name; a person with two sessions twice."""
        names = [each.grant.name for each in self._here.values() if each is not attachment]
        return names[:MAX_NAMES]

    # --- coming and going ---

    def typed(self, session: str) -> Typed:
        """What a session that comes has typed already."""
        typed = self._kept.pop(session, None) or Typed()
        typed.kept_until = None
        # `attached` tells that all this was taken: an acknowledgement must not fall behind it.
        typed.delivered = typed.accepted
        return typed

    def add(self, attachment: Attachment) -> None:
        self._here[attachment.session] = attachment

    def remove(self, session: str) -> None:
        self._here.pop(session, None)

    def keep(self, attachment: Attachment) -> None:
        """It may come back to where it was."""
        attachment.typed.kept_until = clock.monotonic() + RESERVE_SECONDS
        self._kept[attachment.session] = attachment.typed
        while len(self._kept) > MAX_KEPT_SESSIONS:
            del self._kept[next(iter(self._kept))]

    def tick(self, now: float) -> None:
        """About once a second, monotonic seconds: forget who did not come back."""
        if self._kept:
            for session in [key for key, typed in self._kept.items() if now >= (typed.kept_until or now)]:
                del self._kept[session]

    # --- telling ---

    def tell(self, notice: Notice, but: Attachment | None = None) -> None:
        for attachment in self.all():
            if attachment is not but:
                attachment.notify(notice)

    def tell_takers(self, notice: Notice) -> None:
        """Tell those whose client said that it takes such a notice."""
        for attachment in self.all():
            if notice.what in attachment.grant.takes:
                attachment.notify(notice)

    def changed(self) -> None:
        """Who is here, who types or who asks is another now: everybody is told, once for all of a turn."""
        if not self._due and self._here:
            self._due = True
            self._loop.call_soon(self._tell)

    def _tell(self) -> None:
        self._due = False
        people = [
            {
                "session": each.session,
                "name": each.grant.name,
                "mode": each.mode,
                "since": each.typed.since,
                "client": each.grant.client,
            }
            for each in self.all()[:MAX_NAMES]
        ]
        self.tell(Notice("people", {"people": people, **self._seat()}))
