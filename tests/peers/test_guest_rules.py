"""What the step reads in a chain of rules, held to what becomes of a neighbour's connection there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from outofband.wire.steps.linux_verdict import VERDICT
from tests.peers.jail import Jail
from tests.peers.systems import BUSYBOX, NEIGHBOUR, system

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a Linux of its own is only root's to make")
# True: it has to be seen that port 22 is let in. False: it may not be thought so, whether or not it is.
NFT: list[tuple[str, bool]] = [
    ("policy accept;", True),
    ("policy drop;", False),
    ("policy drop; tcp dport 22 accept", True),
    ("policy drop; ct state established,related accept; iif lo accept; tcp dport { 22, 80 } accept", True),
    ("policy drop; ct state invalid drop; ct state vmap { established : accept, related : accept }", False),
    ("policy drop; tcp dport 20-30 ct state new counter accept", True),
    ("policy drop; tcp dport 22 ct state { new, established } accept", True),
    ("policy drop; meta l4proto tcp th dport 22 accept", True),
    ("policy drop; tcp dport 23 accept; udp dport 22 accept; icmp type echo-request accept", False),
    ("policy drop; ip saddr 192.0.2.0/24 tcp dport 22 accept", False),
    ("policy drop; tcp dport != 22 accept", False),
    ("policy drop; tcp sport 22 accept", False),
    ("policy drop; ct state established accept", False),
    ("policy accept; tcp dport 22 drop", False),
    ("policy accept; tcp dport 22 reject with tcp reset", False),
    ("policy accept; tcp dport 80 drop; udp dport 22 drop", True),
    ("policy accept; ip saddr != 192.0.2.0/24 drop", False),
    ("policy accept; ip saddr 10.9.0.0/24 tcp dport 22 drop", False),
    ('policy accept; tcp dport 22 log prefix \\"accept\\" drop', False),
    ("policy accept; tcp dport != 80 drop", False),
    ("policy drop; tcp dport 22 drop; tcp dport 22 accept", False),
    ('policy drop; tcp dport 22 accept comment \\"drop\\"; tcp dport 22 drop', True),
    ("policy drop; jump other", False),
    ("policy accept; drop", False),
    ("policy accept; ct state new drop", False),
    ("policy drop; accept", True),
]
IPTABLES: list[tuple[str, bool]] = [
    ("-P INPUT ACCEPT", True),
    ("-P INPUT DROP", False),
    ("-P INPUT DROP; -A INPUT -p tcp --dport 22 -j ACCEPT", True),
    ("-P INPUT DROP; -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", False),
    ("-P INPUT DROP; -A INPUT -p tcp -m multiport --dports 80,20:30 -j ACCEPT", True),
    ("-P INPUT DROP; -A INPUT -p tcp -m conntrack --ctstate NEW -m tcp --dport 22 -j ACCEPT", True),
    ("-P INPUT DROP; -A INPUT -s 192.0.2.0/24 -p tcp --dport 22 -j ACCEPT", False),
    ("-P INPUT DROP; -A INPUT -p udp --dport 22 -j ACCEPT", False),
    ("-P INPUT DROP; -A INPUT -p tcp ! --dport 22 -j ACCEPT", False),
    ("-P INPUT ACCEPT; -A INPUT -p tcp --dport 22 -j REJECT", False),
    ("-P INPUT ACCEPT; -A INPUT -p tcp --dport 80 -j DROP", True),
    ("-P INPUT ACCEPT; -A INPUT -s 10.9.0.0/24 -p tcp --dport 22 -j DROP", False),
    ("-P INPUT ACCEPT; -A INPUT ! -s 192.0.2.0/24 -j DROP", False),
    ("-P INPUT ACCEPT; -A INPUT -j DROP", False),
    ("-P INPUT DROP; -N other; -A INPUT -j other", False),
]
PREPARE = """\
ip addr add 10.9.0.4/24 dev eth0
ip link set eth0 up
mkdir -p /run/sshd
/usr/sbin/sshd
until ss -Hltn | grep -q ':22 '; do sleep 0.1; done
tell() { if "$@"; then echo in; else echo out; fi; }
"""


def verdicts(output: str) -> list[tuple[str, str]]:
    words = output.split()
    return list(zip(words[::2], words[1::2], strict=True))


@pytest.fixture(scope="module")
def debian() -> Path:
    return system()


@pytest.mark.parametrize("path", ["", "/bb:"], ids=["mawk", "busybox"])
@pytest.mark.parametrize("kind", ["nft", "iptables"])
def test_a_chain_is_read_as_it_works(tmp_path: Path, debian: Path, path: str, kind: str) -> None:
    lines = [BUSYBOX, NEIGHBOUR, PREPARE, VERDICT]
    for rules, plain in NFT if kind == "nft" else IPTABLES:
        if kind == "nft":
            policy, *rest = rules.split("; ")
            chain = f"type filter hook input priority 0; {policy.rstrip(';')};"
            lines += [
                "nft flush ruleset",
                f'nft "table inet f {{\nchain other {{\ntcp dport 80 accept\n}}\nchain in {{\n{chain}',
                *rest,
                '}\n}"',
                f"was=$PATH; PATH={path}$PATH",
                "nft list chain inet f in >/tmp/chain",
                "tell nft_lets_in dport 22 </tmp/chain",
            ]
        else:
            lines += ["nft flush ruleset", *(f"iptables {each}" for each in rules.split("; "))]
            lines += [
                f"was=$PATH; PATH={path}$PATH",
                "iptables -S INPUT >/tmp/chain",
                "tell iptables_let_in dport 22 </tmp/chain",
            ]
        lines += ["PATH=$was", f"patience={30 if plain else 0.3}", "sees 22"]
    found = verdicts(Jail(tmp_path, debian).run("\n".join(lines)))
    given = NFT if kind == "nft" else IPTABLES
    assert len(found) == len(given)
    for (rules, plain), (read, real) in zip(given, found, strict=True):
        if plain:
            assert (read, real) == ("in", "open"), rules
        else:
            assert read == "out", rules
    assert "closed" in {real for _, real in found}
