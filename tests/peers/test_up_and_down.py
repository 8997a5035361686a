"""`oob up` and `oob down` again and again: what they bring back, what they leave alone, what they print."""

from __future__ import annotations

import json
import re
import subprocess

from guests.build import Guest
from outofband.net.process import start_ticks
from tests.peers.house import OOB, House, until


def power(house: House) -> dict[str, str]:
    return {vm["name"]: vm["power"] for vm in house.json("status")["vms"]}


def test_every_verb_prints_one_json_document_and_nothing_else(house: House) -> None:
    for line in (
        "up",
        "status",
        "vm list --all",
        "vm show demo",
        "vm start demo",
        "serial status",
        "serial send demo nmi",
        "trust",
        "trust --pem",
        "agent status",
        "agent token",
        "explain AgentOffline",
        "completion bash",
    ):
        done = house.oob(*line.split(), "-o", "json")
        assert json.loads(done.stdout)
        assert done.stderr == "", line


def test_up_is_quick_and_changes_nothing(house: House) -> None:
    before = {name: house.pid(name) for name in ("control", "agent")}
    steps = house.up().stderr
    assert [line.split("  ")[-1] for line in steps.splitlines()] == [
        "runs already",
        "built already",
        "runs already",
        "running",
    ]
    assert {name: house.pid(name) for name in ("control", "agent")} == before


def test_two_at_once_do_not_disturb_each_other(house: House) -> None:
    both = [
        subprocess.Popen([*OOB, "up", "-o", "json"], env=house.env, stdout=-1, stderr=-1, text=True)
        for _ in range(2)
    ]
    for each in both:
        out, err = each.communicate(timeout=240)
        if each.returncode == 0:
            assert json.loads(out)["ready"] is True
        else:
            assert (each.returncode, json.loads(err)["error"]["code"]) == (5, "AnotherWorks")
    assert power(house) == {"demo": "running"}


def test_other_ports_need_a_down_first(house: House) -> None:
    said = house.error("up", "--port", str(house.arm_port + 1), expect=5)
    assert "oob down" in said["message"]


def test_down_ends_all_guests_and_up_starts_those_that_ran(house: House) -> None:
    """Although the agent that ran them was killed, and a VM that its owner had stopped stays stopped."""
    house.oob("vm", "create", "other", "--image", "demo", "--memory", "128")
    house.oob("vm", "stop", "--force", "other")
    assert power(house) == {"demo": "running", "other": "stopped"}
    house.kill("agent")
    qemu = [int(file.read_text()) for file in (house.root / "agent" / "machines").glob("*/qemu.pid")]
    assert any(start_ticks(pid) for pid in qemu)
    done = house.oob("down", "-o", "json")
    assert len(json.loads(done.stdout)["guests"]) == 1
    assert done.stderr == ""
    until("the guests are gone", lambda: not any(start_ticks(pid) for pid in qemu))
    house.up()
    assert power(house) == {"demo": "running", "other": "stopped"}
    house.oob("vm", "delete", "--yes", "other")


def test_the_demo_may_come_later(demo_guest: Guest) -> None:
    late = House(demo_guest)
    try:
        first = late.up("--no-demo").stdout
        assert "console demo" not in first
        assert f"https://127.0.0.1:{late.arm_port}/portal/" in first
        assert re.search(r"user name +admin\n", first)
        assert late.first_password in first
        assert power(late) == {}
        steps = late.up().stderr
        assert "restarting the host agent" in steps
        assert late.first_password not in late.up().stdout, "it is shown once"
        assert power(late) == {"demo": "running"}
    finally:
        late.close()


def test_a_deleted_demo_vm_stays_deleted(house: House) -> None:
    house.oob("vm", "delete", "--yes", "demo")
    again = house.up()
    assert "deleted by you earlier" in again.stderr
    assert "console demo" not in again.stdout
    assert power(house) == {}
    house.oob("vm", "create", "demo", "--image", "demo")
    assert "oob console demo" in house.up().stdout
