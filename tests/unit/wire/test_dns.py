"""Name servers' answers and this host's own files, as they are met."""

from __future__ import annotations

import pytest

from outofband.core.errors import ProtocolError
from outofband.wire import dns
from outofband.wire.resolver import LOCAL, candidates, hosts_entries, resolv_conf

# NXDOMAIN with its SOA, and an answer with an alias before its address.
NXDOMAIN = bytes.fromhex(
    "1267818300010000000100000467"
    "6f6e65076578616d706c6500000100010000060001000151800040"
    "01610c726f6f742d73657276657273036e657400056e73746c640c766572697369676e2d67727303636f6d00"
    "78a0a3b4000007080000038400093a8000015180"
)
ALIAS = bytes.fromhex(
    "00078180000100020000000003777777076578616d706c6500000100 01"
    "c00c000500010000012c00060372656fc010c02d000100010000003c0004c0000207".replace(" ", "")
)


def test_no_such_name() -> None:
    answer = dns.read(NXDOMAIN)
    assert (answer.ident, answer.word, answer.addresses) == (0x1267, "NXDOMAIN", [])


def test_an_alias_and_its_address() -> None:
    assert dns.read(ALIAS).addresses == ["192.0.2.7"]


@pytest.mark.parametrize("cut", [0, 5, 11, len(ALIAS) - 1])
def test_a_cut_answer_is_none(cut: int) -> None:
    with pytest.raises(ProtocolError):
        dns.read(ALIAS[:cut])


def test_a_cut_answer_that_says_so_is_one() -> None:
    flags = bytes((ALIAS[2] | 0x02,))
    assert dns.read(ALIAS[:2] + flags + ALIAS[3:-1]).truncated


def test_a_question_is_no_answer() -> None:
    with pytest.raises(ProtocolError, match="got a question"):
        dns.read(dns.query(1, "a.example", dns.Kind.A))


@pytest.mark.parametrize("name", ["", "a..b", "x" * 64, ".".join(["x" * 60] * 5)])
def test_what_is_no_name_is_not_asked(name: str) -> None:
    with pytest.raises(ValueError):
        dns.query(1, name, dns.Kind.A)


def test_a_number_without_a_name() -> None:
    assert dns.Answer(ident=1, rcode=11).word == "RCODE11"


def test_resolv_conf() -> None:
    used = resolv_conf(
        "# made by dhcp\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\nnameserver nonsense\n"
        "domain old.example\nsearch corp.example. lab.example\noptions edns0 ndots:2 timeout:1\n"
    )
    assert used.servers == ("192.0.2.53", "fe80::1%eth0")
    assert used.search == ("corp.example", "lab.example")
    assert used.ndots == 2
    assert candidates("login.example", used)[0] == "login.example.corp.example"
    assert candidates("a.b.example", used)[0] == "a.b.example"


def test_a_host_without_a_file_asks_itself() -> None:
    assert resolv_conf("").servers == (LOCAL,)


def test_hosts() -> None:
    text = "127.0.0.1 localhost\n192.0.2.1 Login.Example login # control plane\n#192.0.2.9 login\nx login\n"
    assert hosts_entries(text, "login") == ["192.0.2.1"]
    assert hosts_entries(text, "login.example.") == ["192.0.2.1"]
    assert hosts_entries(text, "control") == []
