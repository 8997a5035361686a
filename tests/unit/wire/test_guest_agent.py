"""The guest agent's protocol: a recorded conversation with QEMU's own, and what a hostile one may send."""

from __future__ import annotations

import pytest

from outofband.core.errors import ProtocolError
from outofband.wire.guest_agent import (
    MAX_EMPTY,
    MAX_LINE,
    Answered,
    Declined,
    GuestAgentClient,
    State,
    Synced,
)

STALE = (
    b'{"return": {"pid": 99}}\n'
    b'{"error": {"class": "GenericError", "desc": "JSON parse error, stray \'\\"guest-file-o\\uFFFD\'"}}\n'
)
"""What an agent says to half a request of a client before, and to the byte that begins ours."""


def synced(number: int = 7) -> GuestAgentClient:
    client = GuestAgentClient()
    client.sync(number)
    assert client.receive(b'\xff{"return": %d}\n' % number) == [Synced()]
    return client


def test_a_conversation_as_it_was_recorded() -> None:
    client = GuestAgentClient()
    assert client.sync(4611686018427387) == (
        b'\xff{"execute":"guest-sync-delimited","arguments":{"id":4611686018427387}}\n'
    )
    assert client.receive(STALE) == []
    assert client.receive(b'\xff{"return": 4611686018427387}\n') == [Synced()]
    assert client.call("guest-ping") == b'{"execute":"guest-ping"}\n'
    assert client.receive(b'{"return": {}}\n') == [Answered({})]
    assert client.call("guest-file-open", path="/a", mode="r") == (
        b'{"execute":"guest-file-open","arguments":{"path":"/a","mode":"r"}}\n'
    )
    refusal = b'{"error": {"class": "GenericError", "desc": "failed to open file"}}\n'
    assert client.receive(refusal) == [Declined("GenericError", "failed to open file")]
    assert client.state is State.READY


def test_the_sync_of_an_earlier_client_is_not_ours() -> None:
    client = GuestAgentClient()
    client.sync(13)
    assert client.receive(b'\xff{"return": 12}\n') == []
    assert client.receive(b'{"error": {"class": "GenericError", "desc": "stray"}}\n') == []
    assert client.receive(b'\xff{"return": 13}\n') == [Synced()]


def test_a_line_that_was_cut_off_by_ours_is_dropped() -> None:
    client = GuestAgentClient()
    client.sync(13)
    assert client.receive(b'\xff{"return": 1\xff{"return": 13}\n') == [Synced()]


def test_one_request_at_a_time() -> None:
    client = GuestAgentClient()
    with pytest.raises(ProtocolError, match="drifted"):
        client.call("guest-ping")
    client = synced()
    client.call("guest-ping")
    with pytest.raises(ProtocolError, match="waiting"):
        client.call("guest-ping")


@pytest.mark.parametrize(
    "line",
    [b"[]\n", b"nonsense\n", b'{"error": 7}\n', b'\xff{"return": 1}\n', b"[" * 5000 + b"\n", b'"\xc3\x28"\n'],
)
def test_nonsense_ends_the_conversation(line: bytes) -> None:
    client = synced()
    client.call("guest-ping")
    with pytest.raises(ProtocolError):
        client.receive(line)
    assert client.state is State.DRIFTED


def test_nobody_is_to_speak_unasked() -> None:
    client = synced()
    with pytest.raises(ProtocolError, match="expected nothing while ready"):
        client.receive(b'{"return": {}}\n')


def test_a_guest_fills_no_memory() -> None:
    client = GuestAgentClient()
    client.sync(7)
    for _ in range(100):
        client.receive(b"x" * MAX_LINE)
    assert len(client._line) == 0, "what comes before the delimiter is not kept"
    client.receive(b"\xff")
    with pytest.raises(ProtocolError, match="at most"):
        for _ in range(3):
            client.receive(b"x" * (MAX_LINE // 2 + 1))


@pytest.mark.parametrize("line", [b"[" * 5000, b'"\xc3\x28"', b'{"return": 12}'])
def test_nonsense_before_the_sync_is_skipped(line: bytes) -> None:
    client = GuestAgentClient()
    client.sync(13)
    assert client.receive(b"\xff" + line + b"\n") == []
    assert client.receive(b'\xff{"return": 13}\n') == [Synced()]


@pytest.mark.parametrize("synced_first", [True, False])
def test_a_guest_does_not_go_on_saying_nothing(synced_first: bool) -> None:
    client = GuestAgentClient()
    if synced_first:
        client = synced()
        client.call("guest-ping")
    else:
        client.sync(7)
    with pytest.raises(ProtocolError, match="within"):
        client.receive((b"\n" if synced_first else b"\xff\n") * (MAX_EMPTY + 1))
    assert client.state is State.DRIFTED
