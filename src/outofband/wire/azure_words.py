"""What Azure's clients are told in words of ours, and how their sockets are closed
(docs/protocol/azure-console.md).
"""

from __future__ import annotations

import enum
from typing import Any

import msgspec

from outofband.catalogue import Explained

MAX_REASON = 123
"""Bytes of a close reason (RFC 6455 section 5.5)."""
CAUTION = (
    "Everything shown here is kept in the VM's console log, for all who may read it: do not print secrets;"
    " for work with them use SSH or RDP."
)
WAITS = "you can type as soon as the login before has ended in the guest; keys until then are not taken"


class Code(enum.IntEnum):
    """How a socket is closed (RFC 6455 section 7.4.1; from 4000 on our own)."""

    DONE = 1000
    UNSUPPORTED = 1003
    REFUSED = 1008
    TOO_BIG = 1009
    FAILED = 1011
    RESTART = 1012
    TRY_AGAIN = 1013
    ENDED = 4000
    """The session was ended; the reason begins with a code of the catalogue."""
    TAKEN_OVER = 4001


class Closing(msgspec.Struct, frozen=True):
    """`reason` fits a close frame, and begins with a code of the catalogue unless all is well."""

    code: Code
    reason: str = ""


def code_of(told: Explained) -> Code:
    """How a socket is closed for something that ended its session."""
    if told.code.startswith("TakenOver"):
        return Code.TAKEN_OVER
    if told.code == "ControlPlaneStopping":
        return Code.RESTART
    if told.status in (401, 403):
        return Code.REFUSED
    if told.status == 500:
        return Code.FAILED
    return Code.TRY_AGAIN if told.retry else Code.ENDED


def seat(writer: str | None, may_type: bool = True) -> str:
    """Who has the keyboard, for somebody who has not; `may_type`: and can come to have it."""
    if not may_type:
        return f"{writer or 'nobody'} types; you may only watch."
    if writer is None:
        return "nobody types; your first key takes the keyboard."
    return f"{writer} has the keyboard. You watch; press Enter to take it over."


def keyboard(fields: dict[str, Any], types: bool) -> str:
    """What passes about the keyboard, for somebody who has it or not; empty for what he knows. As writer an
    Azure client cannot answer: it has keys only.
    """
    who, of = fields.get("who", "?"), fields.get("of") or "the writer"
    match fields.get("event"):
        case "asked" if types:
            return f"{who} asks for the keyboard; closing this session gives it"
        case "asked":
            return f"{of} was asked for the keyboard and has {fields.get('seconds', '?')} s to answer"
        case "declined" | "unanswered" if not types:
            return f"{of} keeps the keyboard"
        case "handed":
            return f"{fields.get('by', '?')} gave the keyboard to {who}"
    return ""


def login(fields: dict[str, Any]) -> str:
    """What becomes of a guest login that the console's policy has ended."""
    who = fields.get("who", "?")
    if fields.get("state") == "ending":
        return f"the login of {who} in the guest is being ended, as the console's policy wants it"
    return f"the login of {who} in the guest: {fields.get('observed', '?')}"
