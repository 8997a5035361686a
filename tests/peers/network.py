"""Networks of a house, made through its API: a group with rules, a card with a public address."""

from __future__ import annotations

from typing import Any

from guests.build import Guest
from outofband.agent.config import config_path
from outofband.core.paths import StateDir
from outofband.core.secrets import write_private
from tests.peers.house import House, until
from tests.support.process import Api

NETWORK = {"api-version": "2024-05-01"}


def open_house(guest: Guest, public: str) -> House:
    """A house whose host offers a block of the loopback interface, which is the control plane's pool as well.
    Not up yet.
    """
    made = House(guest)
    made.env["OOB_PUBLIC_ADDRESSES"] = public
    path = config_path(StateDir(made.root))
    path.parent.mkdir(mode=0o700, exist_ok=True)
    write_private(path, f'[network]\npublic = ["{public}"]\n')
    return made


class Net:
    """What is asked of Microsoft.Network."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._base = f"{api.group}/providers/Microsoft.Network"

    def id(self, path: str) -> str:
        return f"{self._base}/{path}"

    def put(self, path: str, properties: dict[str, Any], **more: Any) -> dict[str, Any]:
        body = {"location": "local", "properties": properties, **more}
        answer = self._api.http.put(self.id(path), json=body, params=NETWORK)
        assert answer.status_code in (200, 201), answer.text
        return self.get(path)

    def get(self, path: str) -> dict[str, Any]:
        def settled() -> dict[str, Any] | None:
            found: dict[str, Any] = self._api.call("GET", self.id(path), **NETWORK)
            return found if found["properties"]["provisioningState"] == "Succeeded" else None

        got: dict[str, Any] = until(path, settled)
        return got

    def delete(self, path: str) -> None:
        answer = self._api.http.delete(self.id(path), params=NETWORK)
        assert answer.is_success, answer.text
        until(f"{path} is gone", lambda: self._gone(path))

    def rule(
        self, name: str, port: int, access: str = "Allow", source: str = "*", priority: int = 1000
    ) -> None:
        """Of the group `walls`, about inbound TCP."""
        self.put(
            f"networkSecurityGroups/walls/securityRules/{name}",
            {
                "priority": priority,
                "direction": "Inbound",
                "access": access,
                "protocol": "Tcp",
                "sourceAddressPrefix": source,
                "sourcePortRange": "*",
                "destinationAddressPrefix": "*",
                "destinationPortRange": str(port),
            },
        )

    def ground(self) -> str:
        """The group `walls` without rules, a network with one subnet, and the public address `door`, which
        is returned.
        """
        self.put("networkSecurityGroups/walls", {})
        self.desks()
        return self.door()

    def desks(self, group: str | None = None) -> None:
        """The network with its subnet, which has a group of its own by name, or none."""
        properties: dict[str, Any] = {"addressPrefix": "10.9.1.0/24"}
        if group is not None:
            properties["networkSecurityGroup"] = {"id": self.id(f"networkSecurityGroups/{group}")}
        subnets = [{"name": "desks", "properties": properties}]
        self.put(
            "virtualNetworks/net", {"addressSpace": {"addressPrefixes": ["10.9.0.0/16"]}, "subnets": subnets}
        )

    def door(self) -> str:
        """The public address of that name."""
        door = {"publicIPAllocationMethod": "Static"}
        made = self.put("publicIPAddresses/door", door, sku={"name": "Standard"})
        return str(made["properties"]["ipAddress"])

    def card(self, address: str) -> dict[str, Any]:
        """The interface `card` with this private address behind the door; its properties."""
        made: dict[str, Any] = self.put(
            "networkInterfaces/card",
            {
                "networkSecurityGroup": {"id": self.id("networkSecurityGroups/walls")},
                "ipConfigurations": [
                    {
                        "name": "one",
                        "properties": {
                            "subnet": {"id": self.id("virtualNetworks/net/subnets/desks")},
                            "privateIPAllocationMethod": "Static",
                            "privateIPAddress": address,
                            "publicIPAddress": {"id": self.id("publicIPAddresses/door")},
                        },
                    }
                ],
            },
        )["properties"]
        return made

    def _gone(self, path: str) -> bool:
        return self._api.http.get(self.id(path), params=NETWORK).status_code == 404
