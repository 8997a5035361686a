"""Security rules of the API meet connections: allowed, denied, cut; and a card that is reset is another."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guests.build import Guest
from outofband.core.paths import StateDir
from outofband.net import tls
from tests.peers.house import House, until
from tests.peers.network import Net, open_house
from tests.support.process import Api

ECHO, PUBLIC = 2222, "127.9.7.0/29"
TOLD_SECONDS = 90.0


@pytest.fixture(scope="module")
def house(demo_guest: Guest) -> Iterator[House]:
    made = open_house(demo_guest, PUBLIC)
    try:
        made.up()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def api(house: House) -> Iterator[Api]:
    found = Api(house.profile(), tls.client_context(StateDir(house.root).trust))
    yield found
    found.http.close()


def echoes(address: str) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((address, ECHO), 5.0) as one:
        one.settimeout(5.0)
        one.sendall(b"hello\n")
        return one.recv(6) == b"hello\n"
    return False


def forwards(house: House) -> int:
    """At how many places of the loopback interface the VM's QEMU listens."""
    (kept,) = house.root.glob("agent/machines/*/qemu.pid")
    has = {str(each.readlink()) for each in Path(f"/proc/{kept.read_text().strip()}/fd").iterdir()}
    found = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        place, state, inode = (line.split()[index] for index in (1, 3, 9))
        # Its address is that of 127.x.x.x as the processor keeps it; 0A is to listen.
        found += state == "0A" and place[6:8] == "7F" and f"socket:[{inode}]" in has
    return found


def in_guest(api: Api, script: str) -> str:
    """What a script in the guest printed, as soon as its agent is there."""
    path = f"{api.group}/providers/Microsoft.Compute/virtualMachines/demo/runCommand"
    body = {"commandId": "RunShellScript", "script": [script]}

    def ran() -> str | None:
        answer = api.http.post(path, json=body, params={"api-version": "2024-11-01"})
        while answer.status_code == 202:
            time.sleep(0.2)
            answer = api.http.get(answer.headers["Location"])
        return str(answer.json()["value"][0]["message"]) if answer.status_code == 200 else None

    return str(until("the script", ran))


def test_rules_meet_connections(house: House, api: Api) -> None:
    net = Net(api)
    address = net.ground()
    first = net.card("10.9.1.4")
    vm = f"{api.group}/providers/Microsoft.Compute/virtualMachines/demo"
    profile = {"networkInterfaces": [{"id": net.id("networkInterfaces/card")}]}
    api.http.patch(vm, json={"properties": {"networkProfile": profile}}, params={"api-version": "2024-11-01"})
    until("the VM is written", lambda: api.call("GET", vm)["properties"]["provisioningState"] == "Succeeded")

    def restarted(expected: str) -> None:
        """The VM with its card and an echo service; a card comes with a start of the VM."""
        house.oob("vm", "stop", "demo")
        house.oob("vm", "start", "demo")
        look = "for i in $(seq 90); do ip address show eth0 | grep -q 10.9.1 && break; sleep 1; done; "
        said = in_guest(
            api, f"{look}setsid nc -ll -p {ECHO} -e cat >/dev/null 2>&1 </dev/null & ip address show eth0"
        )
        assert f"{expected}/24" in said, said

    restarted("10.9.1.4")
    assert not echoes(address)
    net.rule("echo", ECHO)
    until("the rule lets in", lambda: echoes(address), TOLD_SECONDS)

    with socket.create_connection((address, ECHO), TOLD_SECONDS) as live:
        live.sendall(b"alive\n")
        assert live.recv(6) == b"alive\n"
        net.rule("echo", ECHO, "Deny")
        live.settimeout(TOLD_SECONDS)
        with contextlib.suppress(ConnectionResetError):
            assert live.recv(1) == b""
    assert not echoes(address)
    net.rule("echo", ECHO, "Allow", "203.0.113.0/24")
    assert not echoes(address)

    # Another address is another card, which the guest gets at its next start.
    net.rule("echo", ECHO)
    second = net.card("10.9.1.5")
    assert second["macAddress"] != first["macAddress"]
    vm_written = {"properties": {"networkProfile": profile}}
    api.http.patch(vm, json=vm_written, params={"api-version": "2024-11-01"})
    until("the VM is written", lambda: api.call("GET", vm)["properties"]["provisioningState"] == "Succeeded")
    restarted("10.9.1.5")
    until("the rule lets in again", lambda: echoes(address), TOLD_SECONDS)

    # Whoever comes anew, node or agent, goes on with what is stored.
    house.kill("agent")
    house.oob("up")
    until("after the agent's restart", lambda: echoes(address), TOLD_SECONDS)

    # QEMU gives up the place behind a door that is no more, also one that an agent before this one asked for.
    assert forwards(house) == 3, "those of SSH, Remote Desktop and the rule"
    net.rule("echo", ECHO, "Deny")
    until("its place is given up", lambda: forwards(house) == 2, TOLD_SECONDS)
    assert not echoes(address)
