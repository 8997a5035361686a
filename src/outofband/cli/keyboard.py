"""The person's keyboard at a console: keys go out as the port reads them now (wire/keys.py)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from outofband.wire import keys
from outofband.wire.keys import Converter, Shown


class Lacking(Protocol):
    def __call__(self, *, first: bool) -> None:
        """A key was left out because the port has none such; `first` since it is that kind of port."""


class Keyboard:
    """`send` gets bytes for the guest, later by ALONE_SECONDS where only what follows tells what a key is."""

    def __init__(self, *, send: Callable[[bytes], None], lacking: Lacking) -> None:
        self._send, self._lacking = send, lacking
        self._shown = Shown()
        self._converter = Converter()
        self._warned = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def shown(self) -> Shown:
        """What the port reads, by what it prints."""
        return self._shown

    def type(self, typed: bytes) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._converter.layout = self._shown.layout
        before = self._converter.dropped
        if sent := self._converter.feed(typed):
            self._send(sent)
        if self._converter.dropped > before:
            self._lacking(first=not self._warned)
            self._warned = True
        if self._converter.waits:
            self._timer = asyncio.get_running_loop().call_later(keys.ALONE_SECONDS, self._alone)

    def printed(self, output: bytes) -> None:
        self._shown.feed(output)

    def told(self, what: str, fields: dict[str, Any]) -> None:
        """A notice of the console's: `state` says what the port shows, a reset that it is something new."""
        if what == "state":
            state = str(fields.get("state"))
            # What the host cannot tell takes nothing from what the output told.
            self._shown.state = None if state in ("unknown", "silent") else state
        elif what == "reset" or (what == "power" and fields.get("power") == "stopped"):
            self._shown.restarted()

    def _alone(self) -> None:
        self._timer = None
        if sent := self._converter.flush():
            self._send(sent)
