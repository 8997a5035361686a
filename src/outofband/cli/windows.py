"""The simulator of Windows' console as a demo VM, and the label that every one of its VMs wears."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from outofband.cli import agent, demo
from outofband.core.paths import StateDir

if TYPE_CHECKING:
    from outofband.client.http import ArmClient

NAME = "win-sim"
MODULE = "outofband.simulators.sac"
PROGRAMS = {
    NAME: (),
    f"{NAME}-off": ("--no-ems",),
    f"{NAME}-debug": ("--debug",),
    f"{NAME}-menu": ("--menu",),
}
"""What a host offers, and the options: a usual server; SAC off; kernel debugging on; with a boot menu."""
TAG = "simulator"
TAGS = {TAG: "windows-sac"}
LABEL = "Windows' console (SAC), simulated: this is not Windows"
LOGIN = "Administrator, no domain, password `simulator`"


def offer(state: StateDir) -> bool:
    """Offer the simulator's programs on this host; True when one of them was not offered yet."""
    # -P: what lies in the folder it is started from is none of its modules.
    command = [sys.executable, "-P", "-m", MODULE, "--name", NAME.upper()]
    if path := os.environ.get("PYTHONPATH"):
        # The agent starts programs in an environment of their own.
        command = ["env", f"PYTHONPATH={path}", *command]
    return any([agent.offer_simulator(state, name, [*command, *words]) for name, words in PROGRAMS.items()])


def find(client: ArmClient) -> dict[str, Any] | None:
    """The VM, if there is one."""
    return demo.find(client, NAME)


def create(client: ArmClient, detail: Callable[[str], None]) -> None:
    """Make it and start it; one whose making failed before is made once more."""
    body = {"location": "local", "tags": TAGS, "properties": properties(NAME)}
    client.put(client.vm(NAME), body, progress=lambda status, seconds: detail(f"{status}, {seconds:.0f} s"))


def properties(program: str) -> dict[str, Any]:
    """Of a VM that runs one of the programs."""
    return {
        "outofband": {"driver": "pty", "program": program},
        "storageProfile": {"osDisk": {"osType": "Windows"}},
    }


def label(machine: dict[str, Any]) -> str:
    """What to say of a VM that is a simulator; empty for one that is none."""
    definition = machine["properties"].get("outofband") or {}
    tagged = (machine.get("tags") or {}).get(TAG) == TAGS[TAG]
    return LABEL if tagged or definition.get("program") in PROGRAMS else ""
