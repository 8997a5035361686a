"""What comes in and what goes out, free of any web framework."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.core.locale import DEFAULT
from outofband.core.principal import Principal

MAX_BODY = 4 * 1024 * 1024
"""Bytes of a request body; Resource Manager's own limit."""
_FALSE_AND_TRUE = {"false": False, "true": True}


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request to Resource Manager by a caller whose token was checked."""

    method: str
    path: str
    """As it came, still quoted: a quoted slash is told apart from none."""
    query: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    principal: Principal
    base: str
    """Scheme and authority the caller used; poll addresses and next links start with it."""
    request_id: str
    correlation_id: str
    address: str | None = None
    if_match: str | None = None
    if_none_match: str | None = None
    reason: str | None = None
    """Why the caller does this, in words of a person; it stands beside the deed in the activity log."""
    locale: str = DEFAULT
    """Of texts for people in what is answered."""
    key: str | None = None
    """Idempotency key of the operation that this begins, for who asks from within: the same key never begins
    a second one.
    """

    def parameter(self, name: str) -> str | None:
        """A query parameter; names compare without case."""
        for key, value in self.query:
            if key.lower() == name.lower():
                return value
        return None

    def flag(self, name: str) -> bool:
        """A boolean query parameter, False when absent. Raises Fault InvalidParameter."""
        text = self.parameter(name)
        if text is None:
            return False
        try:
            return _FALSE_AND_TRUE[text.lower()]
        except KeyError:
            raise Fault("InvalidParameter", target=name, detail="it must be true or false") from None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`body` is any JSON value; None sends none. `noted` stands beside the deed in the activity log."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = {}
    noted: Mapping[str, Any] = {}


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request that passed every check up to the right: what a declaration's hooks are told of it."""

    request: Request
    rid: ResourceId
    """The resource, in the caller's spelling; for a list the node it hangs on."""
    version: str
    now: datetime

    @property
    def principal(self) -> Principal:
        return self.request.principal

    @property
    def by(self) -> str:
        """What systemData and audit rows name the caller as."""
        return self.request.principal.name

    @property
    def expand(self) -> frozenset[str]:
        """The words of `$expand`, in lower case."""
        words = (self.request.parameter("$expand") or "").split(",")
        return frozenset(word.strip().lower() for word in words if word.strip())


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who began an operation, as its row keeps it."""

    principal: Principal
    address: str | None = None
    method: str | None = None
    version: str = ""
