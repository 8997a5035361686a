"""Parsers of Remote Desktop, of SSH and of what hosts are told of networks; see `parsers`."""

from __future__ import annotations

import base64
from collections.abc import Callable
from ipaddress import ip_address

import msgspec

from outofband.core.errors import ProtocolError
from outofband.net.remote.rdp import described
from outofband.wire import ssh
from outofband.wire.network.plan import Judge, Plan
from outofband.wire.rdp import credssp, mcs, verdict
from outofband.wire.rdp import probe as rdp_probe
from outofband.wire.rdp.credssp import User
from outofband.wire.rdp.probe import Depth
from tests.support import rdp as rdp_words
from tests.support.conversations import MOST, cut, messages

_CERTIFICATE = base64.b64decode(
    "MIIBHjCBxaADAgECAgEBMAoGCCqGSM49BAMCMAwxCjAIBgNVBAMMAWgwHhcNMjYwMTAxMDAwMDAwWhcNMzYwMTAxMDAwMDAw"
    "WjAMMQowCAYDVQQDDAFoMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEgIZBt3JPn5WbLxuWcbwkIeQmlT9iFVzhWZsODNmE"
    "dnZIrksKxD5aYBIHPzeeKZAKcj3Q9dCfO5fw/2Dt+HyA7qMYMBYwFAYDVR0RBA0wC4IJaC5leGFtcGxlMAoGCCqGSM49BAMC"
    "A0gAMEUCIFCKUIybjkv2GGyOARdLbV4QAA7+YiEwS9v3FOav5JPwAiEA4qTQlvstpr/JsJuoaMBIoSustvHgWyRlrCHYb2lw"
    "t4o="
)
"""Self-signed, of an elliptic curve."""
_CHALLENGE = bytes.fromhex(
    "4e544c4d5353500002000000040004003800000035828ae28d29da51eb784e9200000000000000003a003a003c000000"
    "000c04000000000f56004d000100040056004d000200160057004f0052004b00530054004100540049004f004e000300"
    "040076006d00070008003ea9bb8b097fdd0100000000"
)
"""Of NTLM, as a server that takes everything says it."""


def _rdp(text: bytes) -> None:
    """A server of Remote Desktop, to a probe that goes as deep as the first byte says; a message with nothing
    in it stands for a TLS handshake that is done.
    """
    depth = Depth(1 + text[0] % 4) if text else Depth.SECURITY
    user = User("LAB\\u", "p") if depth is Depth.SIGN_IN else None
    probe = rdp_probe.Probe("h", depth, user=user)
    for message in messages(text[1:]):
        probe.outgoing()
        if probe.wants_tls:
            probe.secured(message or _CERTIFICATE, described(message or _CERTIFICATE), "TLSv1.3")
        else:
            probe.receive(message)
    probe.ended(rdp_probe.End.CLOSED)
    assert probe.over and len(probe._held) < MOST
    verdict.judge(probe.seen, host="h", port=3389, user=user.name if user else "")


def _ssh(text: bytes) -> None:
    probe = ssh.Probe()
    for message in messages(text):
        probe.receive(message)
    probe.ended(ssh.End.CLOSED)
    ssh.judge(probe.seen, host="h", port=22)
    assert len(probe._held) < MOST


def _plan(text: bytes) -> None:
    """What a control plane tells a host of a VM's network."""
    judge = Judge(msgspec.json.decode(text, type=Plan))
    for source in ("203.0.113.7", "2001:db8::1"):
        judge.decide(ip_address(source), 50000, 22)


ENTRIES: dict[str, tuple[Callable[[bytes], object], tuple[type[BaseException], ...]]] = {
    "rdp": (_rdp, ()),
    "rdp-unit": (mcs.read, (ProtocolError,)),
    "credssp": (credssp.decode, (ProtocolError,)),
    "ntlm-challenge": (credssp.challenged, ()),
    "subject-key": (credssp.subject_public_key, (ProtocolError,)),
    "certificate": (described, ()),
    "ssh": (_ssh, ()),
    "plan": (_plan, (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError)),
}
"""Name, entry, refusals."""


def seeds(name: str) -> list[bytes]:
    """What a fuzzer begins with."""
    match name:
        case "rdp":
            start = [rdp_words.confirm(2, 1), b"", rdp_words.CONNECT_RESPONSE, rdp_words.ATTACHED]
            joined = [rdp_words.JOINED_OWN, rdp_words.JOINED_GLOBAL]
            ends = [rdp_words.licence(6), rdp_words.error_info(7), rdp_words.DEMAND_ACTIVE]
            asked = credssp.TsRequest(token=_CHALLENGE).encode()
            return [
                *(b"\3" + cut(*start, *joined, end) for end in ends),
                b"\1" + cut(rdp_words.confirm(2, 2), b"", asked),
                b"\2" + cut(rdp_words.confirm(2, 8), b"", asked),
                b"\0" + cut(rdp_words.confirm(3, 5)),
            ]
        case "rdp-unit":
            return [rdp_words.licence(7)[7:], rdp_words.error_info(1)[7:], rdp_words.CONNECT_RESPONSE[7:]]
        case "credssp":
            return [credssp.TsRequest(token=_CHALLENGE, pub_key_auth=b"p", nonce=b"n").encode()]
        case "ntlm-challenge":
            return [_CHALLENGE]
        case "subject-key" | "certificate":
            return [_CERTIFICATE]
        case "ssh":
            payload = bytes([20]) + bytes(16) + b"\0\0\0\1a" * 3
            packet = (len(payload) + 5).to_bytes(4, "big") + b"\4" + payload + bytes(4)
            return [cut(b"hello\r\n", b"SSH-2.0-x\r\n", packet), cut(b"HTTP/1.1 400 x\r\n\r\n")]
        case "plan":
            return [
                b'{"public":["203.0.113.1"],"ports":[22],"stages":[[{"name":"r","access":"Allow",'
                b'"sources":["10.0.0.0/8"],"ports":["22-23"]}]],"endpoints":[[80,8080]]}'
            ]
        case _:
            raise KeyError(name)
