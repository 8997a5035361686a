"""However the bytes of a guest agent are cut into pieces, they mean the same; and nonsense breaks nothing."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from outofband.core.errors import ProtocolError
from outofband.wire.guest_agent import Answered, Declined, Event, GuestAgentClient, State, Synced

SYNC = (
    b'{"return": {"pid": 99}}\n{"error": {"class": "GenericError", "desc": "JSON parse error, stray"}}\n'
    b'\xff{"return": 12}\n{"error": {"class": "GenericError", "desc": "stray"}}\n\xff{"return": 13}\n'
)
ANSWERS: list[tuple[bytes, Event]] = [
    (b'{"return": {}}\n', Answered({})),
    (b'{"error": {"class": "CommandNotFound", "desc": "\xc3\xa9"}}\n', Declined("CommandNotFound", "\u00e9")),
    (
        b'\n\n{"return": {"count": 2, "buf-b64": "aGk=", "eof": true}}\r\n',
        Answered({"count": 2, "buf-b64": "aGk=", "eof": True}),
    ),
]


def feed(client: GuestAgentClient, data: bytes, cuts: list[int]) -> list[Event]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [event for start, end in itertools.pairwise(edges) for event in client.receive(data[start:end])]


@given(cuts=st.lists(st.integers(0, 1000), max_size=12))
def test_pieces_do_not_matter(cuts: list[int]) -> None:
    client = GuestAgentClient()
    client.sync(13)
    assert feed(client, SYNC, cuts) == [Synced()]
    for line, event in ANSWERS:
        client.call("guest-ping")
        assert feed(client, line, cuts) == [event]
    assert client.state is State.READY


@given(before=st.binary(max_size=200), cuts=st.lists(st.integers(0, 400), max_size=6))
def test_any_rest_of_earlier_clients_is_skipped(before: bytes, cuts: list[int]) -> None:
    client = GuestAgentClient()
    client.sync(13)
    assert feed(client, before + b'\xff{"return": 13}\n', cuts) == [Synced()]


@given(pieces=st.lists(st.binary(max_size=60), max_size=20))
def test_nonsense_is_an_error_or_nothing(pieces: list[bytes]) -> None:
    client = GuestAgentClient()
    client.sync(13)
    for piece in pieces:
        try:
            events = client.receive(piece)
        except ProtocolError:
            assert client.state is State.DRIFTED
            return
        assert all(isinstance(event, Synced) for event in events)
