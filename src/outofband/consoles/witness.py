"""What the audit wants to know of a session while it goes on: what became of its keyboard.

The host decides and tells everybody attached; each session's witness picks out what is about its own person,
so that each deed is noted once. A person who asks and withdraws without end fills no log: beyond MAX_DEEDS in
a minute deeds are counted only, and the record of the session's end has the number.
"""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.wire.arbiter import REFUSALS
from outofband.wire.grant import Mode
from outofband.wire.stream import Notice

MAX_DEEDS = 30
"""Noted within PERIOD_SECONDS."""
PERIOD_SECONDS = 60.0
_ASKINGS = {"asked": "Started", "declined": "Failed", "unanswered": "Failed", "withdrawn": "Succeeded"}


class Deed(msgspec.Struct, frozen=True):
    """`what` happened to the keyboard; `other` is the name of the one it was between, if there is one.

    `asked`, `declined`, `unanswered`, `withdrawn`: this person asked `other` for it. `taken`, `given`: has it
    now from `other`. `granted`: has it now, nobody had it. `handed over`: gave it to `other`. `given back`.
    A code of REFUSALS: did not get what was wished for.
    """

    what: str
    status: str
    other: str | None = None


class Witness:
    """Of the session `session` of a person called `name`."""

    def __init__(self, session: str, name: str) -> None:
        self.omitted = 0
        """Deeds that were counted only."""
        self._session, self._name = session, name
        self._has = False
        self._writer: str | None = None
        """Who had the keyboard when it was told last, by name."""
        self._forces = False
        """The last wish of this person was to take it, and it has not come to anything yet."""
        self._held = False
        """This session has it, and may not type while a login is being ended."""
        self._from: str | None = None
        """Who handed it to this person."""
        self._since = 0.0
        self._count = 0

    def wishes(self, verb: str) -> None:
        self._forces = verb == "write"

    def told(self, notice: Notice, now: float) -> Deed | None:
        """What to note of a notice of the host's, if anything; `now` is monotonic. Raises KeyError and
        ValueError when the notice is not as the protocol says.
        """
        deed = self._read(notice)
        if deed is None:
            return None
        if now - self._since >= PERIOD_SECONDS:
            self._since, self._count = now, 0
        self._count += 1
        if self._count > MAX_DEEDS:
            self.omitted += 1
            return None
        return deed

    def _read(self, notice: Notice) -> Deed | None:
        fields = notice.fields
        match notice.what:
            case "attached":
                self._has, self._writer = Mode(fields["mode"]) is Mode.WRITE, _name(fields.get("writer"))
                loser = _name(fields.get("takenFrom"))
                return Deed("taken", "Succeeded", loser) if self._has and loser else None
            case "writer":
                return self._seat(Mode(fields["mode"]) is Mode.WRITE, _name(fields.get("writer")))
            case "keyboard":
                return self._asking(str(fields["event"]), fields)
            case "alarm" if fields.get("code") in REFUSALS:
                self._forces = False
                inner = fields.get("fields")
                by = inner.get("by") if isinstance(inner, dict) else None
                return Deed(str(fields["code"]), "Failed", _name(by))
        return None

    def _seat(self, mine: bool, writer: str | None) -> Deed | None:
        had, before = self._has, self._writer
        self._has = mine
        giver, self._from = self._from, None
        if mine and not had:
            self._writer = writer
            forces, self._forces = self._forces, False
            held, self._held = self._held, False
            if giver is not None:
                return Deed("given", "Succeeded", giver)
            if forces and before is not None:
                return Deed("taken", "Succeeded", before)
            if held:
                return None
            if before not in (None, self._name):
                return Deed("given", "Succeeded", before)
            return Deed("granted", "Succeeded")
        # While a login is being ended the writer is named already, and does not type yet, or not now.
        self._held = writer == self._name and (had or self._held)
        if not (self._forces and writer == self._name and before is not None):
            self._writer = writer
        return Deed("given back", "Succeeded") if had and not mine and writer is None else None

    def _asking(self, event: str, fields: dict[str, Any]) -> Deed | None:
        mine = fields.get("session") == self._session
        if event in _ASKINGS:
            return Deed(event, _ASKINGS[event], _name(fields.get("of"))) if mine else None
        if event != "handed":
            return None
        if mine:
            self._from = _name(fields.get("by"))
        elif self._has:
            return Deed("handed over", "Succeeded", _name(fields.get("who")))
        return None


def _name(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
