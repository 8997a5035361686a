"""Whatever arrives: every parser of a message gives a value or its own refusal, soon, and keeps little.

One list for all of them; those with rules of their own have further tests beside this one. Text from JSON is
made of what the parsers know, mixed with anything, so that it gets further than the first brace.
"""

from __future__ import annotations

import re
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import OKPKey

from outofband.cli.company import Company, keyboard_words, login_words
from outofband.core.errors import Fault, ProtocolError
from outofband.wire import claims, grant, http_head, link, stream
from outofband.wire.arm import filters, paging
from outofband.wire.audit import lines as audit_lines
from outofband.wire.azure_console import AzureConsole
from outofband.wire.console import ClientSession, Open
from outofband.wire.guest_agent import GuestAgentClient
from outofband.wire.printed import lines
from outofband.wire.storage import documents, sas

SECONDS = 1.0
"""Far more than any needs: what takes longer hangs."""
MEMORY = 16 * 1024 * 1024

WORDS = re.findall(
    r"\w+",
    """
    attached writer people keyboard login alarm joined left power reset session vm port mode write
    observe offset live input others asking kept event asked seconds state ended how observed code
    fields resumable verb grant ticket resume replay client type hello challenge open end command result
    inventory keys nonce what agent key report
    """,
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), inner)
    ),
    max_leaves=12,
)
JSON = VALUES.map(lambda value: _json(value))
BYTES = st.binary(max_size=300) | JSON
KINDS = st.sampled_from([*stream.Kind, 0x00, 0x7F, 0xFF])
FRAMES = st.tuples(KINDS, BYTES).map(lambda pair: bytes([pair[0]]) + pair[1]) | BYTES


def _json(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (msgspec.MsgspecError, OverflowError, UnicodeEncodeError):
        return b"{}"


def bounded(parse: Callable[[], object], *refusals: type[BaseException]) -> None:
    """Run it: a value or one of the refusals, in time, of which only the processor's own counts."""
    began = time.thread_time()
    try:
        parse()
    except refusals:
        pass
    assert time.thread_time() - began < SECONDS


@given(FRAMES)
def test_frames_of_a_console(message: bytes) -> None:
    bounded(lambda: stream.decode(message), ProtocolError)


@given(st.lists(FRAMES, max_size=6), st.booleans())
def test_a_viewer_outlives_any_gateway(messages: list[bytes], attached: bool) -> None:
    session = ClientSession()
    session.open("t")
    if attached:
        fields = {"mode": "write", "offset": 0, "live": 0, "input": 0}
        session.receive(stream.encode(stream.Notice("attached", fields)), 0.0)
    for message in messages:
        bounded(lambda message=message: session.receive(message, 0.0), ProtocolError)  # type: ignore[misc]
    assert sum(map(len, session.outgoing())) < MEMORY


@given(st.lists(FRAMES, max_size=6))
def test_an_azure_client_outlives_any_gateway(messages: list[bytes]) -> None:
    console = AzureConsole("demo", token="a.b.c")
    console.admit()
    for message in messages:
        bounded(lambda message=message: console.frame(message, 0.0), ProtocolError)  # type: ignore[misc]
    assert console.waiting < MEMORY


@given(BYTES)
def test_a_viewers_first_message(text: bytes) -> None:
    bounded(lambda: msgspec.json.decode(text, type=Open), msgspec.MsgspecError, UnicodeDecodeError)


@given(BYTES)
def test_a_link_outlives_any_peer(text: bytes) -> None:
    server = link.LinkServer(nonce="n", verify=lambda agent, signature, signed: True, now=0.0)
    bounded(lambda: server.receive(text, 0.0), ProtocolError)
    agent = link.LinkAgent(agent="a", version="1", instance="i", sign=lambda signed: "s", now=0.0)
    bounded(lambda: agent.receive(text, 0.0), ProtocolError)


@given(st.sampled_from(sorted(each.__struct_config__.tag for each in link.AgentMessage.__args__)), VALUES)
def test_every_message_of_an_agent(tag: str, value: Any) -> None:
    server = link.LinkServer(nonce="n", verify=lambda agent, signature, signed: True, now=0.0)
    body = {**(value if isinstance(value, dict) else {"session": value}), "type": tag}
    bounded(lambda: server.receive(_json(body), 0.0), ProtocolError)


@given(st.text(max_size=200) | st.sampled_from(["..", "a.b.c", "." * 9000, "e30.e30.e30"]))
def test_a_token_that_nobody_signed(token: str) -> None:
    keys = grant.key_set([OKPKey.generate_key("Ed25519", {"kid": "1"}).as_dict(private=False)])
    for kind in (grant.Ticket, grant.Grant):
        with pytest.raises(Fault):
            grant.verify(token, keys, kind, 0.0)


@given(VALUES, VALUES, st.booleans())
def test_words_about_people_from_any_host(people: Any, asking: Any, as_dict: bool) -> None:
    company = Company(me="s")
    fields = people if as_dict and isinstance(people, dict) else {"people": people, "asking": asking}
    bounded(lambda: company.told(fields))
    bounded(
        lambda: (company.lines(), company.number(), keyboard_words(fields, "s", "^]"), login_words(fields))
    )


@given(BYTES)
def test_output_as_lines(printed: bytes) -> None:
    bounded(lambda: lines(printed, 5))


@given(st.text(max_size=120), BYTES)
def test_texts_of_requests(text: str, body: bytes) -> None:
    bounded(lambda: filters.parse(text), Fault)
    bounded(lambda: paging.after(text), Fault)
    bounded(lambda: paging.size(text), Fault)
    bounded(lambda: claims.wanted(text), ValueError)
    bounded(lambda: sas.read([("sig", text), ("sv", text), ("se", text)]), Fault)
    bounded(lambda: sas.moment(text))
    bounded(lambda: http_head.read(body + b"\r\n\r\n"), ValueError)


@given(BYTES | st.text(max_size=200).map(lambda text: f"<a>{text}</a>".encode("utf-8", "replace")))
def test_documents_of_the_blob_service(body: bytes) -> None:
    bounded(lambda: documents.read_block_list(body), Fault)
    bounded(lambda: documents.read_policies(body), Fault)


@given(BYTES)
def test_lines_of_an_audit(line: bytes) -> None:
    bounded(lambda: audit_lines.read(line), ValueError, msgspec.MsgspecError, ProtocolError)


NESTED = {
    "arrays": b"[" * 40_000,
    "objects": b'{"a":' * 12_000,
    "fields": b'{"what":"x","fields":{"a":' + b"[" * 60_000 + b"]" * 60,
    "text": b'"' * 60_000,
    "closed": b'{"what":"x","fields":{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}}",
}


@pytest.mark.parametrize("name", NESTED)
def test_nesting_without_an_end(name: str) -> None:
    text = NESTED[name]
    for kind in stream.Kind:
        bounded(lambda kind=kind: stream.decode(bytes([kind]) + text), ProtocolError)  # type: ignore[misc]
    bounded(lambda: msgspec.json.decode(text, type=Open), msgspec.MsgspecError, RecursionError)
    server = link.LinkServer(nonce="n", verify=lambda agent, signature, signed: True, now=0.0)
    bounded(lambda: server.receive(text, 0.0), ProtocolError)
    agent = link.LinkAgent(agent="a", version="1", instance="i", sign=lambda signed: "s", now=0.0)
    bounded(lambda: agent.receive(text, 0.0), ProtocolError)
    guest = GuestAgentClient()
    guest.sync(1)
    bounded(lambda: guest.receive(b"\xff" + text + b"\n"), ProtocolError)
    bounded(lambda: documents.read_block_list(text), Fault)
    bounded(lambda: lines(text, 5))


def test_the_largest_frames_take_no_more_than_a_few_times_their_size() -> None:
    tracemalloc.start()
    try:
        session = ClientSession()
        session.open("t")
        fields = {"mode": "write", "offset": 0, "live": 0, "input": 0}
        session.receive(stream.encode(stream.Notice("attached", fields)), 0.0)
        for number in range(64):
            session.receive(stream.data(number * stream.MAX_PAYLOAD, bytes(stream.MAX_PAYLOAD)), 0.0)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()
