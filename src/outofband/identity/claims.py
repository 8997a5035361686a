"""The `claims` parameter of a request (OpenID Connect Core 5.5): what its token is to have.

MSAL merges into it what the client can do (`xms_cc`) and what a resource asked for in a claims challenge
(`nbf`, later `acrs`), each once.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from outofband.identity.tokens import SKEW

MAX_VALUES = 8
"""Values of one claim that are looked at."""
MAX_LENGTH = 128
"""Characters of one value."""


class AskedClaim(msgspec.Struct, frozen=True):
    """What is asked of one claim. `null` in the request stands for this without anything."""

    essential: bool = False
    value: Any = None
    values: list[Any] = []

    @property
    def texts(self) -> list[str]:
        """The value or values as text: Entra's `nbf` is a number in a string."""
        given = self.values if self.value is None else [self.value, *self.values]
        kept = [str(each) for each in given[:MAX_VALUES] if isinstance(each, str | int | float)]
        return [each[:MAX_LENGTH] for each in kept]


class WantedClaims(msgspec.Struct, frozen=True):
    """A `claims` parameter, as far as it is granted: of an access token, by name."""

    access_token: dict[str, AskedClaim | None] = {}
    id_token: dict[str, AskedClaim | None] = {}

    def texts(self, name: str) -> list[str]:
        """What was asked of the claim; empty when it was not named."""
        asked = self.access_token.get(name)
        return asked.texts if asked is not None else []

    @property
    def capabilities(self) -> list[str]:
        """What the client can do, for the claim of the same name (`xms_cc`)."""
        return self.texts("xms_cc")

    @property
    def not_before(self) -> float | None:
        """The token has to be issued then or later, seconds since the epoch."""
        try:
            return max((float(each) for each in self.texts("nbf")), default=None)
        except ValueError:
            return None

    @property
    def mfa(self) -> bool:
        """Whether more than one thing has to be proved: `acrs` with `p1` (`wire.claims.MFA`), or `amr` with
        `mfa`, of either token.
        """
        marks = (("acrs", "p1"), ("amr", "mfa"))
        asked = (each.get(name) for each in (self.access_token, self.id_token) for name, _ in marks)
        words = {word for each in asked if each is not None for word in each.texts}
        return any(word in words for _, word in marks)

    def possible(self, now: datetime) -> bool:
        """Whether a token issued now is new enough; a resource's clock may be ahead of ours a little."""
        return self.not_before is None or self.not_before <= now.timestamp() + SKEW


def read(text: str) -> WantedClaims | None:
    """The parameter; None when it cannot be read."""
    if not text:
        return WantedClaims()
    try:
        return msgspec.json.decode(text.encode(), type=WantedClaims)
    except (RecursionError, UnicodeEncodeError, msgspec.MsgspecError):
        return None
