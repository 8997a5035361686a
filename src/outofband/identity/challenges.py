"""Continuous access evaluation: a 401 that a client answers by itself, with another token.

A client that announced it when it asked for its token (`xms_cc` with `cp1`) is told in `WWW-Authenticate`
which claims its next token must have (`wire.claims`); it asks for one with them, once, and sends its request
again. Everybody else is given the plain refusal.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from outofband.core.errors import Fault

CAPABILITY = "cp1"
"""What a client announces; compared without case, as Entra does (MSAL sends `CP1`)."""


def challenge(plain: Fault, *, capable: bool, claims: Mapping[str, Any]) -> Fault:
    """The fault to raise when a token lacks something: `plain`, whose status is 401, and for a client that is
    `capable` (a field of its principal) the same one with the claims that another token must have.
    """
    return Fault(plain.code, **plain.fields, claims=claims) if capable else plain


def issued_since(moment: datetime) -> dict[str, Any]:
    """The claims asked of a client whose token is older than a change: of a token that was issued now."""
    return {"access_token": {"nbf": {"essential": True, "value": str(int(moment.timestamp()))}}}


def announces(capabilities: list[str]) -> bool:
    """Whether a token with these capabilities is one of a client that understands a challenge."""
    return any(each.lower() == CAPABILITY for each in capabilities)
