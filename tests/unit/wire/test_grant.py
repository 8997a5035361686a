"""Signed rights: only the right key, the right kind, in time."""

from __future__ import annotations

import pytest
from joserfc.jwk import OKPKey

from outofband.core.errors import Fault
from outofband.wire.grant import MAX_LENGTH, Grant, Ticket, key_set, sign, verify

KEY = OKPKey.generate_key("Ed25519", {"kid": "k1"})
KEYS = key_set([KEY.as_dict(private=False)])
TICKET = Ticket(jti="1", session="s", vm="v", port="0", principal="p", name="anna", exp=100)
GRANT = Grant(agent="a", session="s", vm="v", port="0", principal="p", name="anna", exp=100)


def code(token: str, kind: type[Ticket] | type[Grant], now: float) -> str:
    with pytest.raises(Fault) as caught:
        verify(token, KEYS, kind, now)
    return caught.value.code


def test_both_kinds_travel() -> None:
    assert verify(sign(TICKET, KEY), KEYS, Ticket, 99) == TICKET
    assert verify(sign(GRANT, KEY), KEYS, Grant, 99) == GRANT


def test_a_ticket_is_no_grant() -> None:
    assert code(sign(TICKET, KEY), Grant, 0) == "GrantInvalid"
    assert code(sign(GRANT, KEY), Ticket, 0) == "TicketInvalid"


def test_time_ends_both_and_a_grant_forgives_clocks() -> None:
    assert code(sign(TICKET, KEY), Ticket, 101) == "TicketInvalid"
    assert verify(sign(GRANT, KEY), KEYS, Grant, 129) == GRANT
    assert code(sign(GRANT, KEY), Grant, 131) == "GrantExpired"


def test_another_key_an_altered_token_and_garbage_are_refused() -> None:
    other = OKPKey.generate_key("Ed25519", {"kid": "k1"})
    assert code(sign(TICKET, other), Ticket, 0) == "TicketInvalid"
    head, body, tail = sign(TICKET, KEY).split(".")
    assert code(f"{head}.{body[:-4]}AAAA.{tail}", Ticket, 0) == "TicketInvalid"
    assert code("nonsense", Ticket, 0) == "TicketInvalid"
    assert code("x" * (MAX_LENGTH + 1), Grant, 0) == "GrantInvalid"
