"""What is at fault on the person's own side: their firewall, their routes, the name that they connect by."""

from __future__ import annotations

import subprocess

from tests.lab.sides import Sides
from tests.lab.ways import Way, fault

NAMED = "desk.example"
OTHER = "198.51.100.10"
"""Another machine of the far side, where no desktop is."""


def firewall(match: str) -> Way:
    def act(sides: Sides) -> None:
        sides.firewall(sides.lab.near, "output", match)

    return act


def no_firewall(sides: Sides) -> None:
    sides.no_firewall(sides.lab.near)


def no_route(sides: Sides) -> None:
    subprocess.run(["ip", "-n", sides.lab.near, "route", "del", "default"], check=True)


def route(sides: Sides) -> None:
    sides.lab.route()


def name(leads_to: str | None) -> Way:
    """The person connects by a name that leads there, or that nobody knows."""

    def act(sides: Sides) -> None:
        sides.connect_to = NAMED
        if leads_to is not None:
            sides.lab.zone[NAMED] = leads_to

    return act


FAULTS = [
    fault("own firewall blocks 3389", firewall("tcp dport 3389"), "RescueClientBlocked", clear=no_firewall),
    fault("no route from the person", no_route, "RescueClientNoRoute", clear=route),
    fault("name unknown", name(None), "RescueNameUnknown"),
    fault("name leads elsewhere", name(OTHER), "RescueNameElsewhere"),
]
