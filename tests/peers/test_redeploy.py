"""A VM with a disk moves between two agents, which are killed meanwhile, as is the control plane.

The guest counts its boots on its disk and prints the count: the next letter each time. So its console's log,
which moves with it, says whether every boot found what the one before had written.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guests.build import Guest
from outofband.agent.config import Image, add_image, config_path
from outofband.core.paths import StateDir
from tests.peers.az import Clients
from tests.peers.house import OOB, House, until
from tests.peers.second_host import SecondHost
from tests.peers.talks import Talks

VM = "counter"
MIB = 1024 * 1024


def counting_sector() -> bytes:
    """A guest of a few bytes: adds one to a byte of the disk's second sector, and says which letter that is.

    ds = es = 0; int 13h, read sector 2 to 0x7e00; inc; int 13h, write it; letter, CR, LF to port 0x3f8; hlt.
    """
    code = bytes.fromhex(
        "31c0 8ed8 8ec0 b80102 bb007e b90200 b600 cd13 fe06007e b80103 bb007e b90200 b600 cd13"
        "a0007e 0440 baf803 ee b00d ee b00a ee f4 ebfd"
    )
    return code.ljust(510, b"\0") + b"\x55\xaa"


def offer(state: StateDir) -> None:
    disk = state.agent / "counting.img"
    disk.write_bytes(counting_sector().ljust(64 * MIB, b"\0"))
    add_image(config_path(state), VM, Image(disk=str(disk)))


class Pair:
    """The house's own agent and its neighbour."""

    def __init__(self, house: House, second: SecondHost) -> None:
        self.house, self.second = house, second
        self._azure: Clients | None = None

    @property
    def azure(self) -> Clients:
        """Azure's clients, signed in at the first use."""
        if self._azure is None:
            self._azure = Clients(self.house)
            self._azure.sign_in()
        return self._azure

    def close(self) -> None:
        if self._azure is not None:
            self._azure.close()

    @property
    def hosts(self) -> dict[str, bool]:
        return {each["name"]: each["connected"] for each in self.house.json("status")["hosts"]}

    @property
    def here(self) -> str:
        shown = self.house.json("vm", "show", VM)
        return str(shown["properties"]["host"]["id"]).rpartition("/")[2]

    @property
    def house_name(self) -> str:
        return next(name for name in self.hosts if name != SecondHost.name)

    @property
    def folders(self) -> list[Path]:
        return self.of(self.house.json("vm", "show", VM)["properties"]["vmId"])

    def of(self, uid: str) -> list[Path]:
        """Where the two hosts have a VM, or would have it."""
        roots = [self.house.root / "agent" / "machines", self.second.state.agent / "machines"]
        return [root / uid for root in roots]

    def running(self, uid: str | None = None) -> list[Path]:
        """Folders in which a QEMU of this VM runs, whatever any agent knows."""
        found = []
        for folder in self.folders if uid is None else self.of(uid):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    words = (process / "cmdline").read_bytes().split(b"\0")
                    if folder.name.encode() in words and (process / "cwd").resolve() == folder.resolve():
                        found.append(folder)
                except OSError:
                    continue
        return found

    def letters(self) -> str:
        """What it printed, one letter a boot."""
        homes = [folder for folder in self.folders if folder.exists()]
        if len(homes) != 1:
            return ""  # on its way
        [home] = homes
        text = (home / "serial0.log").read_bytes().decode("latin-1")
        return "".join(re.findall(r"(?m)([A-Z])\r$", text))

    def kill(self, who: str) -> None:
        if who == "control":
            self.house.kill("control")
            self.house.up("--no-demo")
        elif who == SecondHost.name:
            self.second.kill()
            self.second.start()
        else:
            self.house.kill("agent")
            self.house.up("--no-demo")

    def settled(self) -> bool:
        return sum(folder.exists() for folder in self.folders) == 1


@pytest.fixture(scope="module")
def pair(demo_guest: Guest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    house = House(demo_guest)
    second: SecondHost | None = None
    try:
        house.up("--no-demo")
        offer(StateDir(house.root))
        house.kill("agent")
        house.up("--no-demo")
        folder = tmp_path_factory.mktemp("second")
        folder.chmod(0o700)
        second = SecondHost(house, folder, demo_guest)
        second.kill()
        offer(second.state)
        second.start()
        made = Pair(house, second)
        until("both hosts are connected", lambda: list(made.hosts.values()) == [True, True])
        house.oob("vm", "create", VM, "--image", VM, "--memory", "64", "--host", SecondHost.name)
        until("it counts", lambda: made.letters() == "A")
        yield made
        made.close()
    finally:
        if second is not None:
            second.close()
        house.close()


def test_it_moves_with_its_disk(pair: Pair) -> None:
    before = pair.here
    told = json.loads(pair.house.oob("vm", "redeploy", VM, "--yes", "-o", "json").stdout)
    assert told["host"] != before
    assert pair.here == told["host"]
    until("it counts on", lambda: pair.letters() == "AB")
    assert len(pair.running()) == 1
    until("the other host has nothing of it", pair.settled)


@pytest.mark.parametrize("delay", [0.5, 1.5])
@pytest.mark.parametrize("victim", ["source", "target", "control"])
def test_whoever_is_killed_it_runs_once_with_its_disk(pair: Pair, victim: str, delay: float) -> None:
    until("both hosts are connected", lambda: list(pair.hosts.values()) == [True, True])
    # A guest without ACPI takes half a minute to be given up; what is stopped already moves at once.
    pair.house.oob("vm", "stop", VM, "--force", "--yes")
    source, before = pair.here, pair.letters()
    target = next(name for name in pair.hosts if name != source)
    command = [*OOB, "vm", "redeploy", VM, "--yes", "-o", "json"]
    moving = subprocess.Popen(
        command, env=pair.house.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    time.sleep(delay)
    assert len(pair.running()) <= 1
    pair.kill({"source": source, "target": target}.get(victim, victim))
    out, err = moving.communicate(timeout=300)
    if moving.returncode != 0:
        # The client itself may have lost the control plane; what it began goes on without it.
        assert victim == "control", err or out
    until("it is on one host", lambda: pair.settled() and len(pair.running()) == 1, 240)
    until("the control plane knows", lambda: pair.here == target)
    # That its QEMU runs says nothing of what it has printed.
    until("it counts on", lambda: len(pair.letters()) > len(before))
    after = pair.letters()
    assert after.startswith(before)
    assert len(after) == len(before) + 1
    assert after == "".join(chr(ord("A") + number) for number in range(len(after)))


def test_az_moves_it(pair: Pair) -> None:
    """Unmodified az, between the two hosts."""
    until("both hosts are connected", lambda: list(pair.hosts.values()) == [True, True])
    # A guest without ACPI takes half a minute to be given up; what is stopped already moves at once.
    pair.house.oob("vm", "stop", VM, "--force", "--yes")
    before, letters = pair.here, pair.letters()
    where = ("--resource-group", "demo", "--name", VM)
    pair.azure.json("vm", "redeploy", *where)
    assert pair.here != before
    until("it counts on", lambda: len(pair.letters()) == len(letters) + 1)
    assert pair.letters().startswith(letters)
    assert len(pair.running()) == 1
    until("the other host has nothing of it", pair.settled)
    assert pair.azure.json("vm", "show", *where, "--show-details")["powerState"] == "VM running"


def test_azures_sdk_moves_instances_of_a_scale_set(pair: Pair) -> None:
    pair.house.oob("vmss", "create", "twins", "--image", VM, "--count", "2", "--memory", "64")
    # As above: what is stopped moves at once, and runs afterwards.
    pair.azure.json("vmss", "stop", "--resource-group", "demo", "--name", "twins", "--skip-shutdown")
    talk = Talks(pair.house, pair.azure)
    other = {SecondHost.name: pair.house_name, pair.house_name: SecondHost.name}

    def hosts() -> dict[str, str]:
        listed = pair.house.json("vmss", "show", "twins")["instances"]
        return {each["instanceId"]: each["properties"]["host"]["id"].rpartition("/")[2] for each in listed}

    before = hosts()
    assert talk("redeploy_one") == {"power": "PowerState/running"}
    one = hosts()
    assert one == {"0": before["0"], "1": other[before["1"]]}
    pair.azure.json("vmss", "stop", "--resource-group", "demo", "--name", "twins", "--skip-shutdown")
    assert talk("redeploy_all") == {"power": ["PowerState/running"] * 2}
    assert hosts() == {number: other[host] for number, host in one.items()}
    for each in pair.house.json("vmss", "show", "twins")["instances"]:
        assert len(pair.running(each["properties"]["vmId"])) == 1, "it runs, and on one host"
