"""What a host decides by its plan is what Azure's evaluation says of the stored rules."""

from __future__ import annotations

import time
from ipaddress import ip_address, ip_network

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outofband.wire.network.flows import Flow, Group, verify
from outofband.wire.network.plan import ALWAYS, Judge, Nic, Plan, PlanRule, ports_of, stage
from outofband.wire.network.rules import Access, Direction, End, Protocol, Rule
from outofband.wire.network.tags import Surroundings

OWN = ip_address("10.0.0.4")
AROUND = Surroundings(
    space=(ip_network("10.0.0.0/16"),), groups={"asg": frozenset({OWN, ip_address("10.0.0.9")})}
)
SOURCES = ["*", "Internet", "VirtualNetwork", "203.0.113.0/24", "10.0.0.9", "0.0.0.0/0"]
RANGES = ["*", "22", "3389", "3000-4000", "1-21"]


@st.composite
def rules(draw: st.DrawFn) -> list[Rule]:
    priorities = draw(st.lists(st.integers(100, 4096), max_size=6, unique=True))
    return [
        Rule(
            name=f"r{priority}",
            priority=priority,
            direction=draw(st.sampled_from(list(Direction))),
            access=draw(st.sampled_from(list(Access))),
            protocol=draw(st.sampled_from([Protocol.TCP, Protocol.UDP, Protocol.ANY])),
            source=draw(
                st.one_of(
                    st.just(End(groups=("asg",))),
                    st.builds(
                        lambda p, r: End(prefixes=(p,), ports=(r,)),
                        st.sampled_from(SOURCES),
                        st.sampled_from(["*", "50000-60000"]),
                    ),
                )
            ),
            destination=draw(
                st.one_of(
                    st.builds(lambda r: End(groups=("asg",), ports=(r,)), st.sampled_from(RANGES)),
                    st.builds(
                        lambda p, r: End(prefixes=(p,), ports=(r,)),
                        st.sampled_from(["*", "10.0.0.4", "10.0.0.8", "VirtualNetwork"]),
                        st.sampled_from(RANGES),
                    ),
                )
            ),
        )
        for priority in priorities
    ]


@given(
    subnet=st.none() | rules(),
    interface=st.none() | rules(),
    source=st.sampled_from(["203.0.113.7", "198.51.100.1", "10.0.0.9", "10.0.5.1", "8.8.8.8"]),
    source_port=st.sampled_from([1024, 55555]),
    port=st.sampled_from([22, 3389, 80, 3500]),
    protocol=st.sampled_from([Protocol.TCP, Protocol.UDP]),
)
def test_a_host_decides_as_ip_flow_verify(
    subnet: list[Rule] | None,
    interface: list[Rule] | None,
    source: str,
    source_port: int,
    port: int,
    protocol: Protocol,
) -> None:
    groups = [
        Group(id=name, rules=found) if found is not None else None
        for name, found in (("subnet", subnet), ("nic", interface))
    ]
    flow = Flow(
        direction=Direction.INBOUND,
        protocol=protocol,
        local=OWN,
        remote=ip_address(source),
        local_port=port,
        remote_port=source_port,
    )
    expected = verify(flow, AROUND, subnet=groups[0], interface=groups[1])
    there = [each for each in groups if each is not None]
    plan = Plan(
        stages=tuple(stage(each, [OWN], AROUND) for each in there),
        udp_stages=tuple(stage(each, [OWN], AROUND, Protocol.UDP) for each in there),
    )
    found = Judge(plan, protocol).decide(ip_address(source), source_port, port)
    assert found.allowed is (expected.access is Access.ALLOW)
    assert found.rule == (expected.rule.name if expected.rule is not None else "")


def test_thousands_of_blocks_hold_nobody_up() -> None:
    """The most that one rule may have, in twenty rules: each connection is judged within a moment."""
    sources = [f"{10 + each // 65536}.{each // 256 % 256}.{each % 256}.7" for each in range(80_000)]
    rules = tuple(
        PlanRule(
            name="many",
            access=Access.DENY,
            sources=tuple(sources[4000 * each : 4000 * (each + 1)]),
            ports=("22",),
        )
        for each in range(20)
    )
    last = PlanRule(name="last", access=Access.ALLOW, sources=("0.0.0.0/0", "::/0"))
    judge = Judge(Plan(stages=((*rules, last),)))
    began = time.thread_time()
    for _ in range(100):
        assert judge.decide(ip_address("203.0.113.9"), 50000, 22).allowed
        assert not judge.decide(ip_address("10.0.9.7"), 50000, 22).allowed
        assert judge.decide(ip_address("2001:db8::1"), 50000, 22).allowed
    assert time.thread_time() - began < 1.0


def test_without_a_group_a_standard_address_is_shut() -> None:
    source = ip_address("203.0.113.7")
    assert Judge(Plan()).decide(source, 1, 22).allowed
    assert not Judge(Plan(shut=True)).decide(source, 1, 22).allowed


def test_the_ports_that_rules_name_are_offered() -> None:
    allow = Rule(
        name="web",
        priority=100,
        direction=Direction.INBOUND,
        access=Access.ALLOW,
        source=End(prefixes=("*",)),
        destination=End(prefixes=("*",), ports=("8080", "9000-9001", "*")),
    )
    assert ports_of([stage(Group(id="g", rules=[allow]), [OWN], AROUND)]) == (*ALWAYS, 8080, 9000, 9001)
    udp = [stage(Group(id="g", rules=[allow]), [OWN], AROUND, Protocol.UDP)]
    assert ports_of(udp, ()) == (8080, 9000, 9001)
    tcp = msgspec.structs.replace(allow, protocol=Protocol.TCP)
    assert ports_of([stage(Group(id="g", rules=[tcp]), [OWN], AROUND, Protocol.UDP)], ()) == ()


@pytest.mark.parametrize(
    ("mac", "address", "network", "word"),
    [
        ("00:0d:3a:00:00:01", "10.0.0.4", "10.0.0.0/24", None),
        ("00:0d:3a:00:00:01", "10.0.0.4,restrict=on", "10.0.0.0/24", "does not appear"),
        ("00:0d:3a:00:00:01", "10.0.1.4", "10.0.0.0/24", "no address for a VM"),
        ("00:0d:3a:00:00:01", "10.0.0.1", "10.0.0.0/24", "no address for a VM"),
        ("00:0d:3a:00:00:01", "fd00::4", "fd00::/64", "no IPv4 network"),
        ("01:0d:3a:00:00:01", "10.0.0.4", "10.0.0.0/24", "no address of a card"),
        ("00:0d:3a:00:00:01,id=x", "10.0.0.4", "10.0.0.0/24", "no address of a card"),
    ],
)
def test_what_becomes_an_argument_is_narrow(mac: str, address: str, network: str, word: str | None) -> None:
    problem = Nic(mac=mac, address=address, network=network).problem()
    assert problem is None if word is None else word in (problem or "")
