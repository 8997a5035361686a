"""How a person's login inside a guest ended, as the agent saw it: the policy of a console may want it to."""

from __future__ import annotations

import enum

import msgspec


class How(enum.StrEnum):
    GUEST_AGENT = "guest-agent"
    """The agent in the guest ended whatever ran on the terminal, and then found nobody there."""
    LOGIN_PROMPT = "login-prompt"
    """The shell's end was typed, and the guest asked for a name again."""
    PROGRAM_ENDED = "program-ended"
    """What was on the port is gone as a whole: its program, or the run of the guest."""
    NOBODY = "nobody"
    """Nobody was logged in."""
    UNVERIFIED = "unverified"


WORDS = {
    How.GUEST_AGENT: "ended by guest agent",
    How.LOGIN_PROMPT: "login prompt seen",
    How.PROGRAM_ENDED: "ended with the guest's run",
    How.NOBODY: "nobody was logged in",
    How.UNVERIFIED: "could not be verified",
}
MAX_DETAIL = 300


class LoginReport(msgspec.Struct, frozen=True, kw_only=True):
    """`detail`: for UNVERIFIED why it could not; else what was seen, if there is more to say than `how`."""

    how: How
    detail: str = ""

    @property
    def observed(self) -> str:
        """In words."""
        words, detail = WORDS[self.how], self.detail[:MAX_DETAIL]
        # It may have words of the guest's in it.
        shown = "".join(each if each.isprintable() else "?" for each in detail)
        return f"{words}: {shown}" if shown else words
