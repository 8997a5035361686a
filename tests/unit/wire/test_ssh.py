"""The start of SSH, as servers say it and as they should not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outofband.wire import ssh
from outofband.wire.ssh import End, Probe


def text(value: str) -> bytes:
    return len(value).to_bytes(4, "big") + value.encode()


def packet(payload: bytes) -> bytes:
    padding = 8 - (len(payload) + 5) % 8 + 8
    return (len(payload) + padding + 1).to_bytes(4, "big") + bytes([padding]) + payload + bytes(padding)


OFFER = bytes([20]) + bytes(16) + text("curve25519-sha256") + text("ssh-ed25519,rsa-sha2-512")
OFFER += text("aes256-ctr") + text("") * 7 + bytes(5)
WHOLE = b"Welcome, and go away\r\nSSH-2.0-OpenSSH_9.2p1 Debian\r\n" + packet(OFFER)


@given(st.data())
def test_a_server_is_read_however_its_words_are_cut(data: st.DataObject) -> None:
    probe, rest = Probe(), WHOLE
    assert probe.outgoing().startswith(b"SSH-2.0-") and not probe.outgoing()
    while rest and not probe.over:
        size = data.draw(st.integers(1, len(rest)))
        probe.receive(rest[:size])
        rest = rest[size:]
    assert probe.seen.version == "SSH-2.0-OpenSSH_9.2p1 Debian"
    assert probe.seen.host_keys == ("ssh-ed25519", "rsa-sha2-512")
    assert ssh.judge(probe.seen, host="vm1", port=22) is None


@pytest.mark.parametrize(
    ("heard", "end", "code"),
    [
        (b"", End.SILENT, "SshSilent"),
        (b"", End.CLOSED, "SshCut"),
        (b"Not allowed at this time\r\n", End.CLOSED, "SshCut"),
        (b"SSH-2.0-x\r\n" + packet(bytes([1]) + bytes(4) + text("Too many")), None, "SshCut"),
        (b"SSH-1.5-old\r\n", None, "SshCut"),
        (b"SSH-2.0-x\r\n" + b"\xff" * 8, None, "SshCut"),
        (bytes.fromhex("0300001300000000") * 200, None, "SshNotSpoken"),
    ],
)
def test_what_goes_no_further_is_told_apart(heard: bytes, end: End | None, code: str) -> None:
    probe = Probe()
    probe.receive(heard)
    if end is not None:
        probe.ended(end)
    fault = ssh.judge(probe.seen, host="vm1", port=22)
    assert fault is not None and fault.code == code


@given(st.binary(max_size=400))
def test_whatever_comes_ends_in_a_verdict(junk: bytes) -> None:
    probe = Probe()
    probe.receive(junk)
    probe.ended(End.CLOSED)
    ssh.judge(probe.seen, host="vm1", port=22)
