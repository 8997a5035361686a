"""Signed rights: a *ticket* opens one viewer socket, a *grant* lets one session use one port of an agent.

Both are compact JWS (RFC 7515) with Ed25519. The control plane signs; a ticket is checked by the gateway, a
grant by the agent against the keys it got in its `welcome`. Pure: the time is an argument.
"""

from __future__ import annotations

import enum
from typing import Any, TypeVar

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from outofband.core.errors import Fault
from outofband.wire.stream import REPLAY_DEFAULT

ALGORITHM = "Ed25519"
TICKET_SECONDS = 60
GRANT_SECONDS = 3600
MAX_LENGTH = 8192
_LEEWAY_SECONDS = 30
"""Clocks of a host and the control plane may differ by this much."""


class Mode(enum.StrEnum):
    WRITE = "write"
    OBSERVE = "observe"


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """What a viewer shows in its first message. `jti` is used once; `rights` are the most it may ask for."""

    jti: str
    session: str
    vm: str
    port: str
    principal: str
    """Object id of the caller."""
    name: str
    exp: float
    rights: tuple[Mode, ...] = (Mode.WRITE, Mode.OBSERVE)
    typ: str = "ticket"


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent obeys. `agent` is the only agent that may accept it; `exp` in seconds since the epoch."""

    agent: str
    session: str
    vm: str
    port: str
    principal: str
    name: str
    exp: float
    mode: Mode = Mode.WRITE
    may_write: bool = True
    may_take: bool = True
    """The keyboard may be taken from a writer who does not give it."""
    end_login: bool = False
    """When this person is gone, the login he leaves behind in the guest is ended."""
    resume: int | None = None
    """First byte the viewer still lacks; None for a newcomer."""
    replay: int = REPLAY_DEFAULT
    address: str = ""
    """Where the viewer comes from, for the others to see."""
    client: str = ""
    """What the viewer says it is, for the others to see."""
    takes: tuple[str, ...] = ()
    """What the viewer takes beyond the first form of the protocol, of `console.TAKES`."""
    typ: str = "grant"


T = TypeVar("T", Ticket, Grant)


def sign(claims: Ticket | Grant, key: OKPKey) -> str:
    """Compact JWS over the claims; the header carries the key's id."""
    header = {"alg": ALGORITHM, "kid": key.kid}
    return jws.serialize_compact(header, msgspec.json.encode(claims), key, algorithms=[ALGORITHM])


def verify(token: str, keys: KeySet, kind: type[T], now: float) -> T:
    """Check signature, kind and end. Raises Fault TicketInvalid, GrantInvalid or GrantExpired."""
    wrong = "TicketInvalid" if kind is Ticket else "GrantInvalid"
    if len(token) > MAX_LENGTH:
        raise Fault(wrong, detail="it is too long", seconds=TICKET_SECONDS)
    try:
        payload = jws.deserialize_compact(token, keys, algorithms=[ALGORITHM]).payload
        claims = msgspec.json.decode(payload, type=kind)
    except (JoseError, ValueError, msgspec.MsgspecError) as error:
        detail = "its signature or form is wrong"
        raise Fault(wrong, detail=detail, seconds=TICKET_SECONDS) from error
    if claims.typ != kind.__name__.lower():
        raise Fault(wrong, detail="it is of another kind", seconds=TICKET_SECONDS)
    if claims.exp + _LEEWAY_SECONDS * (kind is Grant) < now:
        if kind is Ticket:
            raise Fault(wrong, detail="it has expired", seconds=TICKET_SECONDS)
        raise Fault("GrantExpired", expired=claims.exp)
    return claims


def key_set(public: list[dict[str, Any]]) -> KeySet:
    """Keys as they travel in `welcome`: a list of public JWKs."""
    return KeySet.import_key_set({"keys": public})
