"""How many bytes a session pasted, by its agent's notices: each paste once, over any number of streams."""

from __future__ import annotations

from outofband.wire.stream import PASTE, Notice

MAX_ID = 64
"""Characters of what a viewer calls its paste."""
MAX_KEPT = 64
"""Pastes that may still be told of; of older ones only the sum is kept."""


class Pasted:
    """Of one session. A paste that goes on over another stream is told of again under its name."""

    def __init__(self) -> None:
        self._before = 0
        self._typed: dict[str, int] = {}

    @property
    def total(self) -> int:
        return self._before + sum(self._typed.values())

    def noticed(self, notice: Notice) -> None:
        """Any notice of the agent's. Raises KeyError, TypeError or ValueError when it cannot be read."""
        told = notice.fields if notice.what == PASTE else None
        if notice.what == "attached":
            # What said it before may have gone with the last stream.
            told = notice.fields.get("pasting")
        if isinstance(told, dict):
            self._typed_of(str(told["id"])[:MAX_ID], int(told["typed"]))

    def _typed_of(self, name: str, typed: int) -> None:
        # One that was refused typed nothing; of a name that is used again the larger count stands.
        if typed > self._typed.get(name, 0):
            self._typed[name] = typed
        if len(self._typed) > MAX_KEPT:
            self._before += self._typed.pop(next(iter(self._typed)))
