"""Who is asking: the verified content of an access token, without the token."""

from __future__ import annotations

import enum

import msgspec


class PrincipalKind(enum.StrEnum):
    USER = "User"
    SERVICE_PRINCIPAL = "ServicePrincipal"


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """A caller whose token was checked. `name` is what others are shown: a user or application name."""

    tenant: str
    object_id: str
    app_id: str
    kind: PrincipalKind
    name: str
    expires: float
    """End of the token that proved this, seconds since the epoch."""
    session: str | None = None
    """A person's sign-in session (claim `sid`): when it is ended, so is everything that came of it."""
    capable: bool = False
    """Its client answers a claims challenge (`identity.challenges`) with another token."""
