"""What a probe tells of every way in which a firewall can turn it away, from one network to another."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.lab import FAR, NOWHERE, Lab

PORT = 3389


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab"), {}) as made, made.listen(FAR, PORT):
        yield made


def told(lab: Lab, address: str = FAR) -> str:
    words = [sys.executable, "-m", "outofband.cli", "probe", address, "-o", "json"]
    done = subprocess.run(lab.command(lab.near, words), capture_output=True, text=True, timeout=60)
    report = json.loads(done.stdout)
    # Every wait has a bound; the program's own start is not in it.
    assert report["seconds"] < 15.0
    return str((report["problem"] or {"code": ""})["code"])


def ruled(lab: Lab, side: str, hook: str, verdict: str) -> None:
    """One rule about the port on one of the sides, and nothing else; none for no verdict."""
    rule = f"ip daddr {FAR} tcp dport {PORT} {verdict}\n" if verdict else ""
    text = f"flush ruleset\ntable ip t {{\nchain c {{\ntype filter hook {hook} priority 0;\n{rule}}}\n}}\n"
    subprocess.run(["ip", "netns", "exec", side, "nft", "-f", "-"], input=text, text=True, check=True)


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        ("", "RdpSilent"),
        ("drop", "PortSilent"),
        ("reject with tcp reset", "PortClosed"),
        ("reject with icmp port-unreachable", "PortClosed"),
        ("reject with icmp prot-unreachable", "PortClosed"),
        ("reject with icmp host-unreachable", "HostUnreachable"),
        ("reject with icmp host-prohibited", "HostUnreachable"),
        ("reject with icmp admin-prohibited", "HostUnreachable"),
        ("reject with icmp net-unreachable", "NetworkUnreachable"),
        ("reject with icmp net-prohibited", "NetworkUnreachable"),
    ],
)
def test_a_firewall_in_front_of_the_server(lab: Lab, verdict: str, code: str) -> None:
    ruled(lab, lab.far, "input", verdict)
    assert told(lab) == code


def test_a_firewall_of_ones_own_and_no_way_at_all(lab: Lab) -> None:
    ruled(lab, lab.far, "input", "")
    ruled(lab, lab.near, "output", "drop")
    assert told(lab) in ("PortSilent", "ConnectionForbidden")
    ruled(lab, lab.near, "output", "")
    assert told(lab, NOWHERE) in ("HostUnreachable", "PortSilent")
    with lab.without_route():
        assert told(lab, NOWHERE) == "NetworkUnreachable"
