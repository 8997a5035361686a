"""Every parser of what comes from somewhere else, as a function of bytes: for hypothesis and atheris alike.

An entry returns whatever it made of the bytes, or raises one of its refusals; anything else it raises is a
defect. Entries of conversations cut the bytes into messages: two bytes of length, then so many bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
from joserfc.jwk import KeySet, OKPKey

from outofband.core.errors import Fault, ProtocolError
from outofband.wire import (
    claims,
    dns,
    enrolment,
    grant,
    http_head,
    link,
    resolver,
    route,
    stream,
    tunnel,
)
from outofband.wire.arm import errors, filters, paging
from outofband.wire.audit import lines as audit_lines
from outofband.wire.azure_console import AzureConsole
from outofband.wire.console import SUBPROTOCOL, ClientSession, Open, offer, offered
from outofband.wire.grant import Mode
from outofband.wire.guest_agent import GuestAgentClient
from outofband.wire.login import LoginReport
from outofband.wire.printed import lines
from outofband.wire.screen import Hygiene, Reader
from outofband.wire.storage import documents, sas
from tests.support import parsers_remote
from tests.support.conversations import MOST, cut, messages

_ATTACHED = {"mode": "write", "offset": 0, "live": 0, "input": 0}


def _frames(text: bytes) -> None:
    frame = stream.decode(text)
    # What was understood can be said again, and is understood the same.
    assert stream.decode(stream.encode(frame)) == frame
    if isinstance(frame, stream.Notice) and frame.what == "alarm":
        stream.alarm_of(frame.fields)


def _viewer(text: bytes) -> None:
    """A viewer of ours, whatever its gateway says; the first byte: whether it is attached yet."""
    session = ClientSession(mode=Mode.WRITE)
    session.open("t")
    if text[:1] > b"\x7f":
        session.receive(stream.encode(stream.Notice("attached", _ATTACHED)), 0.0)
        session.type(b"keys")
    for message in messages(text[1:]):
        session.receive(message, 0.0)
    assert sum(map(len, session.outgoing())) < MOST


def _offered(text: bytes) -> None:
    """A first message in the head of a request, as the head's text has it."""
    offered([text.decode("latin-1"), f"{SUBPROTOCOL}, outofband.open.{text.decode('latin-1')}"])


def _azure_client(text: bytes) -> None:
    """A client of Azure's: what it types."""
    console = AzureConsole("demo", token="a.b.c")
    console.admit()
    for message in messages(text):
        console.receive(message.decode("utf-8", "replace"))
        console.frames()
    assert console.waiting < MOST


def _azure_token(text: bytes) -> None:
    """A client of Azure's that has not said who it is."""
    console = AzureConsole("demo")
    console.receive(text if text[:1] > b"\x7f" else text.decode("utf-8", "replace"))


def _azure_gateway(text: bytes) -> None:
    """What the gateway sends to a client of Azure's."""
    console = AzureConsole("demo", token="a.b.c")
    console.admit()
    for message in messages(text):
        console.frame(message, 0.0)
        console.frames()
    assert console.waiting < MOST
    shown = ""
    while piece := console.text():
        shown += piece
    assert shown.encode().decode() == shown


def _link_server(text: bytes) -> None:
    """The control plane's end of a link, whatever an agent says."""
    server = link.LinkServer(nonce="n", verify=lambda agent, signature, signed: True, now=0.0)
    for message in messages(text):
        server.receive(message, 0.0)
        if server.state is link.State.PROVING:
            server.welcome(link.Welcome("l", "n", [], ""))


def _link_agent(text: bytes) -> None:
    """The agent's end, whatever a control plane says."""
    agent = link.LinkAgent(agent="a", version="1", instance="i", sign=lambda signed: "s", now=0.0)
    for message in messages(text):
        agent.receive(message, 0.0)


def _guest_agent(text: bytes) -> None:
    guest = GuestAgentClient()
    guest.sync(1)
    for message in messages(text):
        guest.receive(message)


def _screen(text: bytes) -> None:
    """Hygiene: nothing that a terminal would obey for a stranger gets through, however it is cut."""
    hygiene = Hygiene()
    hygiene.reader = Reader.BYSTANDER
    shown = b"".join(hygiene.clean(piece) for piece in messages(text))
    for evil in (b"\x05", b"\x1bZ", b"\x1b]52", b"\x1b]0;", b"\x1bP"):
        assert evil not in shown


@cache
def _keys() -> tuple[OKPKey, KeySet]:
    key = OKPKey.generate_key("Ed25519", {"kid": "1"})
    return key, grant.key_set([key.as_dict(private=False)])


def _signed(kind: type[Any]) -> Callable[[bytes], object]:
    """A token that nobody signed; and claims that somebody did sign, of any form."""

    def read(text: bytes) -> None:
        key, keys = _keys()
        if text[:1] > b"\x7f":
            from joserfc import jws

            header = {"alg": grant.ALGORITHM, "kid": "1"}
            token = jws.serialize_compact(header, text[1:], key, algorithms=[grant.ALGORITHM])
        else:
            token = text.decode("utf-8", "replace")
        grant.verify(token, keys, kind, 0.0)

    return read


def _resolver(text: str) -> None:
    """resolv.conf and a hosts file, whoever wrote them."""
    used = resolver.resolv_conf(text)
    assert 1 <= len(used.servers) <= resolver.MAX_SERVERS
    resolver.candidates(text[:80], used)
    resolver.hosts_entries(text, "host")


def _tunnel(text: bytes) -> None:
    """A proxy's answer: nothing of it would move a terminal's cursor."""
    answer = tunnel.read(text)
    told = (answer.line, answer.via, answer.server, answer.detail, answer.body, *answer.schemes)
    assert all(each.isprintable() and len(each) <= 8 * tunnel.MAX_SHOWN for each in told)


def _decoded(kind: type[Any]) -> Callable[[bytes], object]:
    return lambda text: msgspec.json.decode(text, type=kind)


def _text(parse: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda text: parse(text.decode("utf-8", "replace"))


_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

ENTRIES: dict[str, tuple[Callable[[bytes], object], tuple[type[BaseException], ...]]] = {
    "frames": (_frames, (ProtocolError,)),
    "viewer": (_viewer, (ProtocolError,)),
    "viewers-first-message": (_decoded(Open), _JSON),
    "streams-first-message": (_decoded(link.StreamHello), _JSON),
    "azure-client": (_azure_client, ()),
    "azure-token": (_azure_token, ()),
    "azure-gateway": (_azure_gateway, (ProtocolError,)),
    "link-server": (_link_server, (ProtocolError,)),
    "link-agent": (_link_agent, (ProtocolError,)),
    "offered": (_offered, (ProtocolError,)),
    "login": (_decoded(LoginReport), _JSON),
    "ticket": (_signed(grant.Ticket), (Fault,)),
    "grant": (_signed(grant.Grant), (Fault,)),
    "enrolment": (_text(enrolment.parse_token), (Fault,)),
    "enrolment-request": (_decoded(enrolment.EnrolRequest), _JSON),
    "guest-agent": (_guest_agent, (ProtocolError,)),
    "screen": (_screen, ()),
    "printed": (lambda text: lines(text, 5), ()),
    "http-head": (lambda text: http_head.read(text + b"\r\n\r\n"), (ValueError,)),
    "challenge": (_text(claims.wanted), (ValueError,)),
    "remote-error": (errors.read, ()),
    "filter": (_text(filters.parse), (Fault,)),
    "paging": (_text(paging.after), (Fault,)),
    "sas": (_text(lambda text: sas.read([("sig", text), ("sv", text), ("se", text)])), (Fault,)),
    "block-list": (documents.read_block_list, (Fault,)),
    "policies": (documents.read_policies, (Fault,)),
    "dns": (dns.read, (ProtocolError,)),
    "resolver": (_text(_resolver), ()),
    "tunnel": (_tunnel, (ProtocolError,)),
    "route": (route.read, (ProtocolError,)),
    "audit-line": (audit_lines.read, (ValueError, msgspec.MsgspecError, ProtocolError)),
}
"""Name, entry, refusals."""
ENTRIES |= parsers_remote.ENTRIES


def try_entry(name: str, text: bytes) -> None:
    """Run one. Raises what is a defect."""
    parse, refusals = ENTRIES[name]
    try:
        parse(text)
    except refusals:
        return


def seeds(name: str) -> list[bytes]:
    """What a fuzzer begins with: the real thing, as far as there is one."""
    frames = [
        stream.encode(each)
        for each in (
            stream.Notice("attached", _ATTACHED),
            stream.Data(0, b"login: \x1b[6n"),
            stream.Gap(7, 9, stream.GapReason.TRIMMED),
            stream.Notice("alarm", {"code": "KeyboardHeld", "fields": {"vm": "v", "by": "b"}}),
            stream.Notice("writer", {"writer": "b", "mode": "observe"}),
            stream.Ack(0),
            stream.Close("TakenOver", {"by": "b"}),
        )
    ]
    match name:
        case "frames":
            return [*frames, stream.encode(stream.Input(0, b"ls")), stream.encode(stream.Control("write"))]
        case "viewer":
            return [b"\0" + cut(*frames), b"\xff" + cut(*frames[1:])]
        case "azure-gateway":
            return [cut(*frames)]
        case "azure-client" | "screen":
            return [cut(b"l", b"s", b"\r", b"\xe2\x9c", b"\x93\x1b]0;x\x07")]
        case "viewers-first-message":
            return [b'{"ticket":"t","mode":"write","resume":5,"replay":0,"client":"c"}']
        case "offered":
            return [offer('{"ticket":"t"}')[1].removeprefix("outofband.open.").encode()]
        case "streams-first-message":
            return [b'{"session":"s","token":"t"}']
        case "login":
            return [b'{"how":"login-prompt","detail":"x"}']
        case "link-server":
            hello = b'{"type":"hello","agent":"a","version":"1","instance":"i","signature":"s","clock":0}'
            return [cut(hello, b'{"type":"heartbeat"}', b'{"type":"vm-gone","vm":"v"}')]
        case "link-agent":
            return [cut(b'{"type":"challenge","nonce":"n"}', b'{"type":"end","session":"s","code":"c"}')]
        case "ticket" | "grant":
            return [b'\xff{"session":"s","exp":1,"typ":"%s"}' % name.encode(), b"e30.e30.e30"]
        case "guest-agent":
            return [cut(b'\xff{"return": 1}\n', b'{"return": {}}\n')]
        case "dns":
            asked = dns.query(7, "a.example", dns.Kind.A)
            return [asked[:2] + b"\x81\x83" + asked[4:]]
        case "resolver":
            return [
                b"nameserver 192.0.2.1\nsearch a.example b.example\noptions ndots:2\n192.0.2.2 host # x\n"
            ]
        case "tunnel":
            return [b"HTTP/1.1 403 Filtered\r\nServer: tinyproxy\r\nVia: 1.1 p\r\n\r\n<html>"]
        case "route":
            return [route.request("192.0.2.1")]
        case _ if name in parsers_remote.ENTRIES:
            return parsers_remote.seeds(name)
        case _:
            return [b"{}"]
