"""What is told of servers that are SSH, are none, or stop in the middle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outofband.wire.ssh import IDENTIFICATION, End, Probe, judge

OPENSSH = b"SSH-2.0-OpenSSH_9.2p1\r\n"


def told(heard: bytes, end: End) -> str | None:
    probe = Probe()
    probe.outgoing()
    probe.receive(heard)
    probe.ended(end, "it ended")
    fault = judge(probe.seen, host="vm1", port=22)
    return fault.code if fault is not None else None


@pytest.mark.parametrize(
    ("heard", "end", "code"),
    [
        (b"", End.SILENT, "SshSilent"),
        (b"", End.CLOSED, "SshCut"),
        (b"", End.RESET, "SshCut"),
        (b"SSH-2.", End.SILENT, "SshSilent"),
        (OPENSSH, End.SILENT, "SshSilent"),
        (OPENSSH, End.CLOSED, "SshCut"),
        (b"SSH-1.5-old\r\n", End.CLOSED, "SshCut"),
        (b"Not allowed at this time\r\n", End.CLOSED, "SshCut"),
        (b"Exceeded MaxStartups\r\n", End.CLOSED, "SshCut"),
        # Whoever gives back what he is sent is no server of anything.
        (IDENTIFICATION, End.SILENT, "SshNotSpoken"),
        (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", End.CLOSED, "SshNotSpoken"),
        (b"220 mail.example ESMTP\r\n", End.SILENT, "SshNotSpoken"),
        (b"220-ftp\r\n220 ready\r\n", End.CLOSED, "SshNotSpoken"),
        (b"+OK POP3 ready\r\n", End.SILENT, "SshNotSpoken"),
        (b"* OK IMAP4rev1\r\n", End.SILENT, "SshNotSpoken"),
        (b"RFB 003.008\n", End.SILENT, "SshNotSpoken"),
        # Greetings of binary protocols have no line at all.
        (b"J\0\0\0\x0a8.0.36\0", End.SILENT, "SshNotSpoken"),
        (b"\xff\xfd\x18\xff\xfd\x20", End.CLOSED, "SshNotSpoken"),
        (b"\x15\x03\x01\0\x02\x02\x16", End.CLOSED, "SshNotSpoken"),
        (b"welcome\r\n", End.SILENT, "SshNotSpoken"),
    ],
)
def test_verdicts(heard: bytes, end: End, code: str) -> None:
    assert told(heard, end) == code


@pytest.mark.parametrize(
    ("heard", "end", "code"),
    [
        (b"", End.RESET, "GuestPortClosed"),
        (b"", End.CLOSED, "GuestPortClosed"),
        (b"", End.SILENT, "SshSilent"),
        (b"SSH-2.", End.RESET, "SshCut"),
        (OPENSSH, End.CLOSED, "SshCut"),
        (b"Not allowed at this time\r\n", End.RESET, "SshCut"),
    ],
)
def test_behind_a_forward_nobody_is_heard_who_is_not_there(heard: bytes, end: End, code: str) -> None:
    probe = Probe()
    probe.receive(heard)
    probe.ended(end, "it ended")
    fault = judge(probe.seen, host="vm1", port=22, forwarded=True)
    assert fault is not None and fault.code == code


def test_a_banner_before_the_identification_is_no_refusal() -> None:
    lists = b"".join(len(each).to_bytes(4, "big") + each for each in [b"curve25519", b"ed25519", b"aes"])
    payload = bytes([20]) + bytes(16) + lists
    packet = (len(payload) + 5).to_bytes(4, "big") + b"\4" + payload + bytes(4)
    assert told(b"Only for members\r\n\r\n" + OPENSSH + packet, End.CLOSED) is None


@given(st.lists(st.binary(max_size=400) | st.just(OPENSSH), max_size=12), st.sampled_from(list(End)[1:]))
def test_however_it_is_cut_it_ends_in_the_same_verdict(pieces: list[bytes], end: End) -> None:
    probe = Probe()
    for each in pieces:
        probe.receive(each)
        assert len(probe._held) < 64 * 1024
    probe.ended(end)
    first = judge(probe.seen, host="h", port=22)
    again = told(b"".join(pieces), end)
    assert (first.code if first is not None else None) == again
