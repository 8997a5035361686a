"""The viewer's session: replay, gaps, lost input, refusals."""

from __future__ import annotations

import pytest

from outofband.core.errors import ProtocolError
from outofband.wire import stream
from outofband.wire.console import (
    MAX_OFFERED,
    MAX_UNCONFIRMED,
    RESEND_SECONDS,
    SUBPROTOCOL,
    ClientSession,
    Ended,
    InputDropped,
    Missing,
    Output,
    Phase,
    Told,
    offer,
    offered,
)
from outofband.wire.grant import Mode


def attached(session: ClientSession, now: float = 0.0, **fields: object) -> list[object]:
    told = {"mode": "write", "offset": 0, "live": 0, "input": 0} | fields
    return list(session.receive(stream.encode(stream.Notice("attached", told)), now))


def fresh(**fields: object) -> ClientSession:
    session = ClientSession()
    session.open("ticket")
    attached(session, **fields)
    return session


def test_replay_and_live_are_told_apart_at_the_byte() -> None:
    session = fresh(offset=10, live=13)
    assert session.receive(stream.data(10, b"oldnew"), 0) == [
        Output(10, b"old", live=False),
        Output(13, b"new", live=True),
    ]


def test_a_resumed_replay_is_not_live_either() -> None:
    session = fresh()
    session.receive(stream.data(0, b"abc"), 0)
    session.lost(1)
    session.open("second")
    attached(session, 2, offset=3, live=6)
    assert session.receive(stream.data(3, b"defG"), 2) == [
        Output(3, b"def", live=False),
        Output(6, b"G", live=True),
    ]


def test_a_told_gap_and_an_untold_hole_are_both_missing() -> None:
    session = fresh()
    gap = stream.encode(stream.Gap(0, 100, stream.GapReason.TRIMMED))
    assert session.receive(gap, 0) == [Missing(0, 100, stream.GapReason.TRIMMED)]
    unknown = stream.encode(stream.Gap(100, 100, stream.GapReason.LOST))
    assert session.receive(unknown, 0) == [Missing(100, None, stream.GapReason.LOST)]
    assert session.receive(stream.data(105, b"x"), 0) == [
        Missing(100, 5, stream.GapReason.TRIMMED),
        Output(105, b"x", live=True),
    ]


def test_keys_typed_before_a_short_drop_are_sent_again_from_where_the_port_stopped() -> None:
    session = fresh()
    session.type(b"reboot\r")
    session.outgoing()
    session.lost(10)
    session.open("second")
    attached(session, 11, input=3)
    assert session.outgoing() == [stream.encode(stream.Input(3, b"oot\r"))]


def test_keys_typed_before_a_long_drop_are_dropped_and_told() -> None:
    session = fresh()
    session.type(b"reboot\r")
    session.lost(10)
    session.open("second")
    assert InputDropped(4) in attached(session, 11 + RESEND_SECONDS, input=3)
    assert session.outgoing() == []
    session.type(b"x")
    assert session.outgoing() == [stream.encode(stream.Input(3, b"x"))]


def test_keys_typed_into_a_long_outage_behind_a_living_socket_are_not_typed_late() -> None:
    session = fresh()
    alarm = stream.Notice("alarm", {"code": "AgentOffline", "host": "h"})
    session.receive(stream.encode(alarm), 100)
    session.type(b"reboot\r")
    session.outgoing()
    assert InputDropped(7) in attached(session, 101 + RESEND_SECONDS)
    session.type(b"x")
    assert session.outgoing() == [stream.encode(stream.Input(0, b"x"))]


def test_an_agent_that_forgot_the_session_makes_the_rest_uncertain() -> None:
    session = fresh()
    session.type(b"abc")
    session.receive(stream.encode(stream.Ack(2)), 0)
    session.lost(1)
    session.open("second")
    assert InputDropped(1) in attached(session, 2, input=0)
    session.outgoing()
    session.type(b"d")
    assert session.outgoing() == [stream.encode(stream.Input(0, b"d"))]


def test_an_observer_types_nothing() -> None:
    session = fresh(mode="observe")
    assert session.room == 0
    assert session.type(b"x") == 0
    assert session.outgoing() == []


def test_typing_is_bounded_until_the_port_takes_it() -> None:
    session = fresh()
    assert session.type(bytes(MAX_UNCONFIRMED + 5)) == MAX_UNCONFIRMED
    assert session.room == 0
    session.receive(stream.encode(stream.Ack(10)), 0)
    assert session.room == 10


def test_close_ends_or_asks_to_come_back() -> None:
    session = fresh()
    assert session.receive(stream.encode(stream.Close("AgentOffline", {}, True)), 0) == [
        Ended("AgentOffline", {}, True)
    ]
    assert session.phase is Phase.LOST
    session.open("again")
    attached(session)
    session.receive(stream.encode(stream.Close("TakenOver", {"by": "bert"})), 0)
    assert session.phase is Phase.ENDED
    assert session.receive(stream.data(0, b"late"), 0) == []


def test_losing_the_keyboard_changes_the_mode() -> None:
    session = fresh()
    notice = stream.Notice("writer", {"writer": "bert", "mode": "observe"})
    assert session.receive(stream.encode(notice), 0) == [Told("writer", notice.fields)]
    assert session.mode is Mode.OBSERVE


@pytest.mark.parametrize(
    "message",
    [
        stream.encode(stream.Ack(1)),
        stream.encode(stream.Input(0, b"x")),
        stream.encode(stream.Notice("attached", {"mode": "write"})),
        stream.encode(stream.Notice("writer", {"mode": "king"})),
    ],
)
def test_nonsense_is_a_protocol_error(message: bytes) -> None:
    with pytest.raises(ProtocolError):
        fresh().receive(message, 0)


def test_output_before_attached_is_a_protocol_error() -> None:
    session = ClientSession()
    session.open("ticket")
    with pytest.raises(ProtocolError, match="expected a session that is attached"):
        session.receive(stream.data(0, b"x"), 0)


@pytest.mark.parametrize("first", ['{"ticket":"t"}', '{"client":"é € 🙂"}', "x" * MAX_OFFERED])
def test_the_first_message_goes_with_the_request_and_comes_out_the_same(first: str) -> None:
    words = offer(first)
    assert words[0] == SUBPROTOCOL
    assert all(letter.isalnum() or letter in "._-" for letter in words[1]), "a token as RFC 9110 has it"
    assert offered([", ".join(words)]) == first
    assert offered(words) == first, "in fields of their own"


def test_what_does_not_fit_into_a_header_comes_as_a_message() -> None:
    assert offer("x" * (MAX_OFFERED + 1)) == []


@pytest.mark.parametrize("fields", [[], [""], [SUBPROTOCOL], ["chat, " + offer("{}")[1]], ["chat"]])
def test_a_request_without_a_first_message_for_this_protocol(fields: list[str]) -> None:
    assert offered(fields) is None


@pytest.mark.parametrize("text", ["!", "e30=e30", "_w", "e", "e30, outofband.open.e30"])
def test_a_first_message_that_cannot_be_read_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ProtocolError) as raised:
        offered([f"{SUBPROTOCOL}, outofband.open.{text}"])
    assert str(raised.value) == "expected one first message in base64url"
    assert raised.value.__cause__ is None
