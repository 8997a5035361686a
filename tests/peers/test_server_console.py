"""A console of the server itself: a real control plane, a real agent, and `oob console` in a real terminal; a
shell on a real pseudo terminal, and a guest of QEMU's whose serial port is one.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guests.build import Guest
from outofband.access import roles
from outofband.cli import audit_events
from outofband.client.opening import open_client
from outofband.core.paths import StateDir
from tests.peers.guest import PASSWORD, PROMPT
from tests.peers.house import OOB, House, until
from tests.peers.people import Person, move_in
from tests.support.lines import Lines
from tests.support.terminal import Terminal

SHELL = '[console]\nkind = "shell"\ncommand = ["/bin/sh", "-i"]\n'
BOOT_S = 120.0
LINES = 3000


class Server:
    """The house's one machine. `people`: `bert` has the right to consoles, `rita` may look."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house = house
        house.up("--no-demo")
        self.bare = self.config.read_text()
        self.people: dict[str, Person] = move_in(
            house, {"bert": roles.VIRTUAL_MACHINE_CONTRIBUTOR, "rita": roles.READER}
        )[0]
        self.name: str = house.json("machine", "list")[0]["name"]
        self.device = folder / "ttyUSB0"

    @property
    def config(self) -> Path:
        return self.house.root / "agent" / "agent.toml"

    def allows(self, more: str) -> None:
        """What its administrator writes, and an agent that has read it."""
        bare = re.sub(r"(?m)^\[console\]$", "", self.bare) if "[console]" in more else self.bare
        bare = re.sub(r"(?m)^\[policy\]$", "", bare) if "[policy]" in more else bare
        self.config.write_text(bare + "\n" + more)
        self.house.kill("agent")
        self.house.up("--no-demo")

    def seat(self, *more: str, who: str = "") -> Terminal:
        state = ("--state", str(self.people[who].state)) if who else ()
        return Terminal([*OOB, "console", "--machine", self.name, *more, *state], self.house.env)

    def shown(self) -> dict[str, Any]:
        found: dict[str, Any] = self.house.json("machine", "show", self.name)
        return found

    def events(self) -> list[dict[str, Any]]:
        with open_client(StateDir(self.house.root)) as client:
            return list(audit_events.of_vm(client, client.machine(self.name), 200))


@pytest.fixture(scope="module")
def server(demo_guest: Guest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    house = House(demo_guest)
    made: Server | None = None
    try:
        made = Server(house, tmp_path_factory.mktemp("wire"))
        yield made
    finally:
        house.close()
        for person in made.people.values() if made else ():
            shutil.rmtree(person.state, ignore_errors=True)


def test_without_a_word_of_its_administrator_there_is_none(server: Server) -> None:
    assert server.shown()["properties"]["outofband"]["console"] == ""
    refused = server.house.error("console", "--machine", server.name, "--observe", expect=5)
    assert refused["code"] == "ServerConsoleOff"
    # The file and the line.
    assert "agent.toml" in refused["remedy"][0]
    assert 'kind = "shell"' in refused["remedy"][0]
    # Nor can anybody switch it on from here.
    with open_client(StateDir(server.house.root)) as client:
        port = f"{client.machine(server.name)}/providers/Microsoft.SerialConsole/serialPorts/0"
        with pytest.raises(Exception, match="ServerConsoleSwitch"):
            client.put(port, {"properties": {"state": "enabled"}}, version="2024-07-01")


def test_a_shell_for_whoever_has_the_right_and_an_account_of_it(server: Server) -> None:
    server.allows(SHELL)
    assert server.shown()["properties"]["outofband"]["console"] == "shell"
    with server.seat() as owner:
        owner.expect(rb"you have the keyboard")
        owner.expect(rb"[#$] $")
        owner.send(b"mark=kept; echo $((6 * 7))\r")
        owner.expect(rb"\n42")
        # Looking at the machine is not the right to its console.
        state = str(server.people["rita"].state)
        refused = server.house.error(
            "console", "--machine", server.name, "--observe", "--state", state, expect=4
        )
        assert refused["code"] == "AuthorizationFailed"
        assert "Microsoft.SerialConsole/serialPorts/connect/action" in refused["message"]
        with server.seat("--observe") as watcher:
            watcher.expect(rb"watching")
            with server.seat(who="bert") as bert:
                bert.expect(rb"you have the keyboard")
                assert owner.wait() == 7
                owner.expect(rb"\(TakenOver\) bert took over")
                bert.send(b"echo $mark $((7 * 7))\r")
                watcher.expect(rb"kept 49")
                told = server.house.json("serial", "who", "--machine", server.name)["viewers"]
                assert {(each["name"], each["mode"]) for each in told} >= {("bert", "write")}
                bert.expect(rb"kept 49")
                bert.send(b"exit\r")
                assert bert.wait() == 6
                bert.expect(rb"ServerConsoleEnded")
            assert watcher.wait() == 6
    sessions = [
        each
        for each in server.events()
        if each["operationName"]["value"].endswith("serialPorts/session/action")
    ]
    callers = {each["caller"] for each in sessions}
    assert "bert" in callers
    assert len(callers) == 2
    assert all(f"/machines/{server.name}/".lower() in each["resourceId"].lower() for each in sessions)
    assert {each["properties"].get("reason") for each in sessions} >= {"TakenOver", "ServerConsoleEnded"}
    refusals = [each for each in server.events() if each["caller"] == "rita"]
    assert any("AuthorizationFailed" in str(each) for each in refusals)


def test_the_switch_of_the_subscription_closes_it_too(server: Server) -> None:
    with server.seat() as owner:
        owner.expect(rb"you have the keyboard")
        server.house.oob("serial", "disable")
        try:
            assert owner.wait() == 5
            refused = server.house.error("console", "--machine", server.name, "--observe", expect=5)
            assert refused["code"] == "ConsoleDisabledForSubscription"
        finally:
            server.house.oob("serial", "enable")


def test_its_local_settings_let_nobody_in(server: Server) -> None:
    def put(value: str) -> None:
        command = [sys.executable, "-m", "outofband.cli.azcmagent", "config", "set"]
        done = subprocess.run(
            [*command, "incomingconnections.enabled", value],
            env=server.house.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    with server.seat() as owner:
        owner.expect(rb"you have the keyboard")
        put("false")
        try:
            # Whoever is there goes, and nobody comes.
            assert owner.wait() == 5
            owner.expect(rb"HostPolicyRefused")
            refused = server.house.error("console", "--machine", server.name, "--observe", expect=5)
            assert refused["code"] == "HostPolicyRefused"
        finally:
            put("true")


def test_its_monitor_mode_lets_nobody_type(server: Server) -> None:
    server.allows(SHELL + "[policy]\nmonitor = true\n")
    with server.seat("--replay", "0") as owner:
        owner.expect(rb"watching")
        owner.send(b"echo $((7919 * 7907))\r\x1dq")
        owner.wait()
        assert b"62615533" not in owner.seen


def test_a_login_asks_who_comes(server: Server) -> None:
    """As root. Anybody else's agent says why it cannot."""
    server.allows('[console]\nkind = "shell"\n')
    with server.seat() as owner:
        owner.expect(rb"you have the keyboard")
        if os.geteuid():
            owner.expect(rb"ServerConsoleNeedsRoot")
        elif Path("/bin/login").exists():
            owner.expect(rb"login: $")
            owner.send(b"\x1dq")
        else:
            owner.expect(rb"ServerConsoleFailed")
        owner.wait()


def test_a_machine_of_no_agent_is_told_apart_from_one_that_is_away(server: Server) -> None:
    refused = server.house.error("console", "--machine", "no-such-server", "--observe", expect=3)
    assert refused["code"] == "ResourceNotFound"
    server.house.kill("agent")
    until("the link is gone", lambda: server.shown()["properties"]["status"] == "Disconnected")
    with open_client(StateDir(server.house.root)) as client:
        port = f"{client.machine(server.name)}/providers/Microsoft.SerialConsole/serialPorts/0"
        with pytest.raises(Exception, match="AgentOffline"):
            client.post(f"{port}/connect", version="2024-07-01")
    server.house.up("--no-demo")


@pytest.fixture
def wire(server: Server, demo_guest: Guest, tmp_path: Path) -> Iterator[Path]:
    """A guest whose serial port is the device; the log of what it said, kept by QEMU itself."""
    said = tmp_path / "said"
    command = [
        "qemu-system-x86_64",
        "-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none",
        "-machine", "pc,graphics=off", "-accel", "tcg", "-smp", "1", "-m", "256", "-nic", "none",
        "-kernel", str(demo_guest.kernel), "-initrd", str(demo_guest.initrd), "-append", demo_guest.cmdline,
        "-chardev", f"pty,id=wire,logfile={said}", "-serial", "chardev:wire",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        found = re.search(r"/dev/pts/\d+", Lines(process).next())
        assert found is not None
        server.device.unlink(missing_ok=True)
        server.device.symlink_to(found[0])
        yield said
    finally:
        process.kill()
        process.communicate()


def test_a_serial_cable_carries_every_byte_both_ways(server: Server, wire: Path, tmp_path: Path) -> None:
    server.allows(f'[console]\nkind = "uart"\ndevice = "{server.device}"\n')
    with server.seat() as seat:
        seat.expect(rb"you have the keyboard")
        until("the guest is up", lambda: PROMPT in wire.read_bytes(), BOOT_S)
        seat.send(b"\r")
        seat.expect(PROMPT + rb"$")
        seat.send(b"demo\r")
        seat.expect(rb"Password: $")
        seat.send(PASSWORD.encode() + b"\r")
        seat.expect(rb"demo@demo:~\$ ")
        seat.send(b"stty -echo; echo be''gin\r")
        seat.expect(rb"begin\r\n")
        # Out: more than the kernel keeps for a terminal at any time.
        seat.send(f"seq 1 {LINES}; echo e''nd\r".encode())
        seat.expect(rb"end\r\n", 60)
        seat.send(b"stty echo\r")
        seat.expect(rb"demo@demo:~\$ ")
        seat.send(b"\x1dq")
        assert seat.wait() == 0
    # And in: what the guest took is compared there, by its own digest.
    keys = tmp_path / "keys"
    keys.write_bytes(random.Random(9).randbytes(6000))
    told = server.house.json("paste", "--machine", server.name, str(keys), "--here-document", "/tmp/keys")
    assert told["sha256"] == hashlib.sha256(keys.read_bytes()).hexdigest()
    log = (server.house.root / "agent" / "console" / "serial0.log").read_bytes()
    begin = log.index(b"begin\r\n")
    ours = log[begin : log.index(b"end\r\n", begin)]
    theirs = wire.read_bytes()
    start = theirs.index(b"begin\r\n")
    assert ours == theirs[start : theirs.index(b"end\r\n", start)]
    assert len(ours) > 12_000
