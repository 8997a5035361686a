"""Who else is at a console, and what passes between them about the keyboard: the list, and words for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from outofband.cli import output as show

MAX_NUMBERED = 9
"""People who can be named with one key."""


class Person(msgspec.Struct, frozen=True):
    """One session at the console, as the host tells of it."""

    session: str
    name: str = "?"
    mode: str = "observe"
    since: str = ""
    client: str = ""


class Company(msgspec.Struct):
    """The last that was told. `me` is this session."""

    me: str = ""
    people: Sequence[Person] = ()
    asking: Sequence[str] = ()
    kept: str | None = None
    numbered: Sequence[Person] = ()
    """As last shown with numbers: who comes and goes meanwhile must not change what a number means."""

    def told(self, fields: dict[str, Any]) -> None:
        """Take a `people` notice; one that cannot be read changes nothing."""
        try:
            self.people = msgspec.convert(fields.get("people"), list[Person])
            self.asking = msgspec.convert(fields.get("asking"), list[str])
            self.kept = msgspec.convert(fields.get("kept"), str | None)
        except msgspec.ValidationError:
            return

    def others(self) -> list[Person]:
        return [each for each in self.people if each.session != self.me]

    def number(self) -> str:
        """The others with numbers, for one to be chosen; empty when there is nobody."""
        self.numbered = self.others()[:MAX_NUMBERED]
        return "   ".join(f"{number} {each.name}" for number, each in enumerate(self.numbered, 1))

    def chosen(self, number: str) -> Person | None:
        index = int(number) - 1
        return self.numbered[index] if index < len(self.numbered) else None

    def lines(self) -> list[str]:
        """Everybody, a line each."""
        found = [_line(each, each.session == self.me, each.session in self.asking) for each in self.people]
        if self.kept is not None:
            found.append(f"{self.kept}: was cut off; the keyboard is kept for a while")
        return found


def _line(person: Person, is_me: bool, asks: bool) -> str:
    does = "types" if person.mode == "write" else "asks for the keyboard" if asks else "watches"
    client = f" with {person.client}" if person.client else ""
    since = f", since {show.local_times(person.since)}" if person.since else ""
    return f"{person.name}{' (you)' if is_me else ''}: {does}{client}{since}"


def keyboard_words(fields: dict[str, Any], me: str, key: str) -> str | None:
    """What a `keyboard` notice says to the session `me`, whose menu key is `key`."""
    who, of, mine = fields.get("who", "?"), fields.get("of") or "the writer", fields.get("session") == me
    match fields.get("event"):
        case "asked" if mine:
            return f"{of} was asked for the keyboard; waiting for {fields.get('seconds', '?')} s at most"
        case "asked":
            seconds = fields.get("seconds", "?")
            return f"{who} asks for the keyboard: {key} y gives it, {key} d declines ({seconds} s)"
        case "declined":
            return f"{of} keeps the keyboard" if mine else f"you keep the keyboard; {who} was told"
        case "unanswered":
            return f"{of} did not answer" if mine else f"{who} was not answered, and was told so"
        case "withdrawn":
            return None if mine else f"{who} does not ask for the keyboard any more"
        case "handed":
            by = fields.get("by", "?")
            return f"{by} gave you the keyboard" if mine else f"{by} gave the keyboard to {who}"
    return None


def login_words(fields: dict[str, Any]) -> str:
    """What a `login` notice says."""
    who = fields.get("who", "?")
    if fields.get("state") == "ending":
        return (
            f"the login of {who} in the guest is being ended, as the console's policy wants it; nobody types"
        )
    return f"the login of {who} in the guest: {fields.get('observed', '?')}"
