"""What one port shows now (`wire.portstate`), by the newest bytes of its log, and only when there are any."""

from __future__ import annotations

from outofband.agent.ports.spool import Spool
from outofband.wire.portstate import LOOK, PortState, Seen, advance
from outofband.wire.stream import Notice

STATE = "state"
"""The notice, and the word by which a viewer says that it takes it."""


class Showing:
    """Call `look` about once a second. Of what came meanwhile at most LOOK bytes are read."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._seen = Seen()
        self._end = -1

    @property
    def state(self) -> PortState:
        return self._seen.state

    @property
    def notice(self) -> Notice:
        return Notice(STATE, {"state": self.state.value})

    def open(self) -> None:
        """The spool is open: what the guest printed since its start counts."""
        boots = self._spool.boots()
        self.reset(boots[-1].offset if boots else 0)
        self.look()

    def reset(self, offset: int) -> None:
        """The guest starts: nothing before `offset` counts any more."""
        self._seen, self._end = Seen(line=offset), -1

    def look(self) -> bool:
        """Whether the state is another than before. The spool was refreshed."""
        spool = self._spool
        if spool.end == self._end:
            return False
        self._end = spool.end
        start = max(self._seen.line, spool.start, spool.end - LOOK)
        before, self._seen = self._seen, advance(self._seen, start, spool.read(start, spool.end - start))
        return self._seen.state is not before.state
