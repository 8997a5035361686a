"""What is at fault around the guest: its power, its host's agent, ports, addresses and firewall."""

from __future__ import annotations

import os
import signal
import subprocess

from tests.lab.backstage import Backstage
from tests.lab.sides import POOL, Sides
from tests.lab.ways import Way, fault
from tests.peers.house import until

RDP = 3389
CLASSIC = {"api-version": "2017-04-01"}
_holding: list[Backstage] = []


def stopped(sides: Sides) -> None:
    sides.stop()
    sides.carry_when_up()


def agent(number: signal.Signals) -> Way:
    def act(sides: Sides) -> None:
        pid = sides.house.pid("agent")
        if number is signal.SIGKILL:
            sides.house.kill("agent")
        else:
            os.kill(pid, number)

    return act


def taken(*, answers: bool) -> Way:
    """A program of the host has the port at every address before the VM starts; with `answers` a desktop."""

    def act(sides: Sides) -> None:
        sides.stop()
        holding = Backstage("0.0.0.0", RDP)
        holding.target = sides.rdp.target if answers else _says_nothing
        _holding.append(holding)
        sides.start()

    return act


def freed(sides: Sides) -> None:
    _holding.pop().close()


def address(verb: str) -> Way:
    """The VM's public address leaves the host, or comes back."""

    def act(sides: Sides) -> None:
        words = ["ip", "-n", sides.lab.far, "address", verb, f"{sides.address}/32", "dev", "lo"]
        subprocess.run(words, check=True)

    return act


def firewall(sides: Sides) -> None:
    sides.firewall(sides.lab.far, "input", f"ip daddr {POOL} tcp dport {RDP}")


def endpoints(*private: int) -> Way:
    """A classic view whose endpoints lead to these ports of the VM, from 50000 on."""

    def act(sides: Sides) -> None:
        listed = [
            {"endpointName": f"e{port}", "privatePort": port, "publicPort": 50000 + number}
            for number, port in enumerate(private)
        ]
        properties = {
            "outofband": {"virtualMachine": {"id": sides.vm}},
            "networkProfile": {"inputEndpoints": listed},
        }
        sides.ask("PUT", sides.classic, {"properties": properties}, **CLASSIC)

    return act


def endpoint_added(sides: Sides) -> None:
    """What the finding says, by the API; and then the VM answers there."""
    endpoints(22, RDP)(sides)
    at = ("--protocol", "rdp", "--port", "50001")
    # A host is told of it after the request is answered.
    until("the endpoint leads in", lambda: sides.person("probe", sides.address, *at).returncode == 0)
    told, _ = sides.rescue()
    assert (told["outcome"], told["port"]) == ("proven", 50001), told["findings"]
    assert told["probe"]["client"]["works"]


def _says_nothing(one: object) -> None:
    """Until the other side goes."""
    one.recv(65536)  # type: ignore[attr-defined]
    one.recv(65536)  # type: ignore[attr-defined]


FAULTS = [
    fault("vm stopped", stopped, "RescueVmOff", mendable=True, beside=frozenset({"VmNotRunning"})),
    fault("host agent killed", agent(signal.SIGKILL), "AgentOffline"),
    fault(
        "host agent hangs",
        agent(signal.SIGSTOP),
        "AgentOffline",
        clear=agent(signal.SIGCONT),
        beside=frozenset({"AgentTimeout"}),
    ),
    fault("host port taken", taken(answers=False), "RescueHostPortTaken", clear=freed),
    fault(
        "host port taken by a desktop",
        taken(answers=True),
        "RescueHostPortTaken",
        clear=freed,
        broken=lambda sides: not sides.reaches_guest(),
    ),
    fault("address gone from the host", address("del"), "RescueWayBlocked", clear=address("add")),
    fault(
        "firewall of the host",
        firewall,
        "RescueWayBlocked",
        clear=lambda sides: sides.no_firewall(sides.lab.far),
    ),
    fault("classic endpoint missing", endpoints(22), "RescueNoEndpoint", clear=endpoint_added),
    fault("classic endpoint leads elsewhere", endpoints(22, 3390), "RescueNoEndpoint", clear=endpoint_added),
]
