"""Who is the client: only what a trusted proxy says counts, and of that only what it can know."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outofband.net.forwarded import Proxies, network

OURS = Proxies(["10.0.0.0/8", "192.0.2.8", "2001:db8:1::/48"])


def seen(peer: str, forwarded: list[str] | None = None, forwarded_for: list[str] | None = None) -> str:
    return OURS.client(peer, forwarded or [], forwarded_for or [])


def test_a_stranger_speaks_for_himself() -> None:
    assert seen("198.51.100.1", ["for=1.1.1.1"], ["1.1.1.1"]) == "198.51.100.1"
    assert Proxies([]).client("10.0.0.1", [], ["1.1.1.1"]) == "10.0.0.1"


@pytest.mark.parametrize(
    ("fields", "client"),
    [
        (["203.0.113.7"], "203.0.113.7"),
        (["1.1.1.1, 203.0.113.7"], "203.0.113.7"),
        (["203.0.113.7, 10.1.2.3"], "203.0.113.7"),
        (["1.1.1.1", "203.0.113.7,192.0.2.8 , 10.1.2.3"], "203.0.113.7"),
        (["10.9.9.9, 10.1.2.3"], "10.9.9.9"),
        (["203.0.113.7, unknown, 10.1.2.3"], "10.1.2.3"),
        (["203.0.113.7:4711"], "203.0.113.7"),
        (["[2001:db8::7]:4711"], "2001:db8::7"),
        (["2001:db8::7"], "2001:db8::7"),
        (["::ffff:203.0.113.7"], "203.0.113.7"),
        ([""], "10.0.0.1"),
        (["; DROP TABLE"], "10.0.0.1"),
        ([], "10.0.0.1"),
    ],
)
def test_the_last_that_is_no_proxy_of_ours_is_the_client(fields: list[str], client: str) -> None:
    assert seen("10.0.0.1", None, fields) == client


@pytest.mark.parametrize(
    ("fields", "client"),
    [
        (["for=203.0.113.7;proto=https;by=10.0.0.1"], "203.0.113.7"),
        (["For=1.1.1.1, for=203.0.113.7"], "203.0.113.7"),
        (['for="[2001:db8::7]:4711"'], "2001:db8::7"),
        (['for="203.0.113.7:80", for=10.2.2.2'], "203.0.113.7"),
        (["for=_hidden"], "10.0.0.1"),
        (["for=203.0.113.7, proto=https"], "10.0.0.1"),
        (['for="a,b", for=203.0.113.7'], "203.0.113.7"),
        (['for="203.0.113.7'], "203.0.113.7"),
    ],
)
def test_rfc_7239_is_read(fields: list[str], client: str) -> None:
    assert seen("10.0.0.1", fields, ["1.1.1.1"]) == client, "it goes before the older field"


@settings(deadline=None)
@given(st.text(max_size=200), st.text(max_size=200))
def test_whatever_is_sent_the_answer_is_an_address(forwarded: str, forwarded_for: str) -> None:
    for found in (seen("10.0.0.1", [forwarded]), seen("10.0.0.1", None, [forwarded_for])):
        network(found)


@pytest.mark.parametrize("text", ["", "10.0.0.1/8", "proxy.example", "10.0.0.0/33"])
def test_a_setting_that_is_no_block_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        network(text)
