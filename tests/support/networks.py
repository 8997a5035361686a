"""Somebody who makes networks: a client of Microsoft.Network with as few words as a test wants to say."""

from __future__ import annotations

from typing import Any

import httpx

from tests.support.cloud import GROUP_ID, SCOPE, Person

VERSION = "2022-01-01"
PROVIDER = "providers/Microsoft.Network"
WATCHER = f"{SCOPE}/resourceGroups/NetworkWatcherRG/{PROVIDER}/networkWatchers/NetworkWatcher_local"
RDP: dict[str, Any] = {
    "priority": 300,
    "direction": "Inbound",
    "access": "Allow",
    "protocol": "Tcp",
    "sourceAddressPrefix": "*",
    "sourcePortRange": "*",
    "destinationAddressPrefix": "*",
    "destinationPortRange": "3389",
}


def path(kind: str, *names: str, group: str = GROUP_ID) -> str:
    """`path("virtualNetworks/subnets", "v", "s")` is the id of a subnet."""
    kinds = kind.split("/")
    return f"{group}/{PROVIDER}/" + "/".join(
        f"{kind}/{name}" for kind, name in zip(kinds, names, strict=True)
    )


def code(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    return answer.status_code, str(answer.json()["error"]["code"])


class Networks:
    def __init__(self, person: Person, group: str = GROUP_ID) -> None:
        self.person, self.group = person, group

    def id(self, kind: str, *names: str) -> str:
        return path(kind, *names, group=self.group)

    async def ask(self, method: str, where: str, body: Any = None, **more: Any) -> httpx.Response:
        return await self.person.ask(method, where, body, version=VERSION, **more)

    async def get(self, where: str, **query: str) -> dict[str, Any]:
        answer = await self.ask("GET", where, **query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def put(self, kind: str, *names: str, **properties: Any) -> dict[str, Any]:
        """Make or change one, to the end; what is read of it then."""
        envelope = {name: properties.pop(name) for name in ("sku", "tags", "location") if name in properties}
        where = self.id(kind, *names)
        answer = await self.ask("PUT", where, {"properties": properties, **envelope})
        assert answer.status_code in (200, 201), answer.text
        assert answer.json()["properties"]["provisioningState"] == "Updating"
        await self.end(answer)
        found = await self.get(where)
        assert found["properties"]["provisioningState"] == "Succeeded"
        return found

    async def refused(self, kind: str, *names: str, **properties: Any) -> tuple[int, str]:
        """Try to make one; the refusal."""
        envelope = {name: properties.pop(name) for name in ("sku", "tags", "location") if name in properties}
        return code(await self.ask("PUT", self.id(kind, *names), {"properties": properties, **envelope}))

    async def end(self, answer: httpx.Response) -> dict[str, Any]:
        """Poll an operation to its good end."""
        state = await self.person.follow(answer)
        assert state["status"] == "Succeeded", state
        return state

    async def delete(self, kind: str, *names: str) -> None:
        answer = await self.ask("DELETE", self.id(kind, *names))
        assert answer.status_code == 202, answer.text
        await self.end(answer)

    async def result(self, where: str, body: Any = None) -> Any:
        """Do a POST that ends with an answer, as Azure's clients do: by the Location at last."""
        answer = await self.ask("POST", where, body)
        assert answer.status_code == 202, answer.text
        await self.end(answer)
        last = await self.person.get(answer.headers["Location"], version=None)
        assert last.status_code == 200, last.text
        return last.json()

    async def network(self, name: str = "v", prefix: str = "10.0.0.0/16", **subnets: str) -> dict[str, Any]:
        """A virtual network with subnets by name."""
        parts = [{"name": each, "properties": {"addressPrefix": text}} for each, text in subnets.items()]
        return await self.put(
            "virtualNetworks", name, addressSpace={"addressPrefixes": [prefix]}, subnets=parts
        )

    async def interface(
        self, name: str, subnet: str = "s", network: str = "v", **more: Any
    ) -> dict[str, Any]:
        """A network interface with one configuration; `more` goes into that."""
        named = {"id": self.id("virtualNetworks/subnets", network, subnet)}
        group = {"networkSecurityGroup": {"id": more.pop("nsg")}} if "nsg" in more else {}
        part = {"name": "ipconfig1", "properties": {"subnet": named, **more}}
        return await self.put("networkInterfaces", name, ipConfigurations=[part], **group)


def address(interface: dict[str, Any], index: int = 0) -> str:
    return str(interface["properties"]["ipConfigurations"][index]["properties"]["privateIPAddress"])
