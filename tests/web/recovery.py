"""A house with a network, and a whole Debian behind its rules: what the ways back in are tried on."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import Any

from guests.build import Guest
from guests.debian.build import DebianGuest
from outofband.agent.config import Image, add_image, config_path
from outofband.core.paths import StateDir
from tests.peers import network
from tests.peers.house import House, until
from tests.peers.network import Net
from tests.support.process import Api

COMPUTE: dict[str, Any] = {"api-version": "2024-11-01"}
PUBLIC = "127.9.8.0/28"
"""Of the loopback interface: what the host offers is also what the control plane may give out."""
BOOT_SECONDS = 420.0
SSH, RDP = 22, 3389


def open_house(guest: Guest, debian: DebianGuest | None = None) -> House:
    """A house whose host offers public addresses, and the image `debian` where there is one. Not up yet."""
    made = network.open_house(guest, PUBLIC)
    if debian is not None:
        image = Image(
            kernel=str(debian.kernel),
            initrd=str(debian.initrd),
            # Its settings are for eth0, wherever on the bus the card is.
            cmdline=f"{debian.cmdline} net.ifnames=0",
            disk=str(debian.disk),
            format="raw",
        )
        add_image(config_path(StateDir(made.root)), "debian", image)
    return made


class Network:
    """What is asked of Microsoft.Network. A rule's name is what it does."""

    def __init__(self, api: Api) -> None:
        net = Net(api)
        self.id, self.get, self.delete = net.id, net.get, net.delete
        self._put = net.put

    def put(self, path: str, properties: dict[str, Any], **more: Any) -> str:
        """Make or change one to its end; its id."""
        self._put(path, properties, **more)
        return self.id(path)

    def space(self) -> str:
        """A virtual network with one subnet; the subnet's id."""
        subnet = {"name": "desks", "properties": {"addressPrefix": "10.9.1.0/24"}}
        space = {"addressSpace": {"addressPrefixes": ["10.9.0.0/16"]}, "subnets": [subnet]}
        return f"{self.put('virtualNetworks/net', space)}/subnets/desks"

    def door(self, name: str) -> str:
        """A public address; its id."""
        static = {"publicIPAllocationMethod": "Static"}
        return self.put(f"publicIPAddresses/{name}", static, sku={"name": "Standard"})

    def card(self, name: str, subnet: str, group: str, door: str | None = None) -> str:
        part: dict[str, Any] = {"subnet": {"id": subnet}, "privateIPAllocationMethod": "Dynamic"}
        if door is not None:
            part["publicIPAddress"] = {"id": door}
        return self.put(
            f"networkInterfaces/{name}",
            {
                "networkSecurityGroup": {"id": group},
                "ipConfigurations": [{"name": "one", "properties": part}],
            },
        )

    def rule(self, group: str, name: str, access: str, priority: int, ports: str) -> str:
        return self.put(
            f"networkSecurityGroups/{group}/securityRules/{name}",
            {
                "priority": priority,
                "direction": "Inbound",
                "access": access,
                "protocol": "Tcp",
                "sourceAddressPrefix": "*",
                "sourcePortRange": "*",
                "destinationAddressPrefix": "*",
                "destinationPortRange": ports,
            },
        )


def vm_of(api: Api, name: str) -> str:
    return f"{api.group}/providers/Microsoft.Compute/virtualMachines/{name}"


def settled(api: Api, name: str, seconds: float = 90.0) -> None:
    """Wait until nothing is written to a VM any more."""
    until(
        f"{name} is written",
        lambda: (
            api.call("GET", vm_of(api, name), **COMPUTE)["properties"]["provisioningState"] == "Succeeded"
        ),
        seconds,
    )


def make_vm(api: Api, name: str, image: str, card: str | None, *, memory: int = 256, **more: Any) -> None:
    """A VM that runs, with a card from its first start on."""
    properties: dict[str, Any] = {
        "outofband": {"driver": "qemu", "image": image, "memoryMiB": memory, "cpus": 1},
        **more,
    }
    if card is not None:
        properties["networkProfile"] = {"networkInterfaces": [{"id": card}]}
    answer = api.http.put(
        vm_of(api, name), json={"location": "local", "properties": properties}, params=COMPUTE
    )
    assert answer.status_code in (200, 201, 202), answer.text
    settled(api, name)


def in_guest(api: Api, name: str, script: str, seconds: float = BOOT_SECONDS) -> str:
    """What a script in the guest printed, as soon as its agent is there."""
    body = {"commandId": "RunShellScript", "script": [script]}

    def ran() -> str | None:
        answer = api.http.post(f"{vm_of(api, name)}/runCommand", json=body, params=COMPUTE)
        while answer.status_code == 202:
            time.sleep(0.3)
            answer = api.http.get(answer.headers["Location"])
        return str(answer.json()["value"][0]["message"]) if answer.status_code == 200 else None

    return str(until(f"a script in {name}", ran, seconds))


def greets(address: str, port: int = SSH) -> bool:
    """An SSH server says its name there."""
    with suppress(OSError), socket.create_connection((address, port), 10.0) as line:
        line.settimeout(20.0)
        return line.recv(4) == b"SSH-"
    return False
