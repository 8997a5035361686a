"""Scale sets and imported machines with real guests: their consoles, their power, and that they run on."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.peers.guest import PASSWORD
from tests.peers.house import OOB, House, until
from tests.support.terminal import LOGIN_OR_SHELL, SHELL, Terminal

BOOT_S = 120.0
"""A crowded machine may take its time."""
MEMORY = "192"


def answers(house: House, name: str) -> None:
    """A person attaches to the console, logs in, and has the guest work something out."""
    with Terminal([*OOB, "console", name, "--replay", "0"], house.env) as seat:
        seat.expect(rb"you have the keyboard")
        seat.send(b"\r")
        if b"login:" in seat.expect(LOGIN_OR_SHELL, BOOT_S):
            seat.send(b"demo\r")
            seat.expect(rb"Password: ", BOOT_S)
            seat.send(PASSWORD.encode() + b"\r")
            seat.expect(SHELL, BOOT_S)
        seat.send(b"echo $((6*7))-answer\r")
        seat.expect(rb"\n42-answer")
        seat.send(b"\x1dq")
        assert seat.wait() == 0


def processes(house: House) -> dict[str, int]:
    """The QEMU that runs each VM of this host, by the VM's id."""
    found = {}
    for file in (house.root / "agent" / "machines").glob("*/qemu.pid"):
        text = file.read_text()  # QEMU makes the file before it writes its number
        if text.strip() and Path(f"/proc/{int(text)}").exists():
            found[file.parent.name] = int(text)
    return found


def instances(house: House) -> dict[str, Any]:
    return {each["instanceId"]: each for each in house.json("vmss", "show", "web")["instances"]}


def vm_of(instance: dict[str, Any]) -> str:
    return str(instance["properties"]["vmId"])


def test_instances_are_guests_with_consoles(house: House) -> None:
    house.oob("vmss", "create", "web", "--image", "demo", "--count", "1", "--memory", MEMORY)
    assert vm_of(instances(house)["0"]) in processes(house)
    answers(house, "web/0")

    house.oob("vmss", "scale", "web", "2")
    there = instances(house)
    running = processes(house)
    assert {vm_of(each) for each in there.values()} < set(running)
    assert len(running) == 3, "two instances beside the demo VM"

    house.oob("vm", "stop", "web/1", "--force")
    until("its QEMU is gone", lambda: vm_of(there["1"]) not in processes(house))
    said = house.error("console", "web/1", "--observe", expect=5)
    assert said["code"] == "VmNotRunning"

    house.oob("vmss", "scale", "web", "1")
    assert sorted(instances(house)) == ["0"]
    assert not (house.root / "agent" / "machines" / vm_of(there["1"])).exists()
    assert processes(house)[vm_of(there["0"])] == running[vm_of(there["0"])], "the other was left alone"
    house.oob("vmss", "delete", "web", "--yes")
    assert len(processes(house)) == 1


def test_a_machine_whose_resource_was_lost_is_imported_and_runs_on(house: House) -> None:
    vm = house.json("vm", "show", "demo")["properties"]["vmId"]
    pid = processes(house)[vm]
    house.kill("control")
    with closing(sqlite3.connect(house.root / "control" / "control.db")) as store, store:
        store.execute("DELETE FROM resources WHERE uid = ?", (vm,))
    house.up("--no-demo")
    until("the host", lambda: [each["name"] for each in house.json("vm", "import")] == [vm], BOOT_S)
    assert house.json("vm", "list") == []
    house.oob("vm", "import", "again", "--from", "demo")
    made = house.json("vm", "show", "again")["properties"]
    assert (made["vmId"], made["outofband"]["image"]) == (vm, "demo")
    assert processes(house)[vm] == pid, "neither stopped nor started"
    os.kill(pid, 0)
    answers(house, "again")
    assert house.json("vm", "import") == []
