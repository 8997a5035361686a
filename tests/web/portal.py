"""The portal of a test house: its address, how a browser gets there, and the API beside it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from anyio import to_thread

from outofband.core.paths import StateDir
from outofband.net import tls
from tests.peers.house import House
from tests.support.process import Api
from tests.web.cable import Cable

T = TypeVar("T")


class Portal:
    def __init__(self, house: House, api: Cable, console: Cable) -> None:
        self.house = house
        self.api_cable = api
        self.console_cable = console

    @property
    def address(self) -> str:
        """The portal's address, with a slash at the end."""
        return f"https://127.0.0.1:{self.house.arm_port}/portal/"

    @property
    def authority(self) -> Path:
        """The authorities of this house, as `oob trust` names them."""
        return StateDir(self.house.root).trust

    @property
    def through_cables(self) -> str:
        """Chromium's argument: addresses and certificates stay, the bytes go through the cables."""
        rules = [
            f"MAP 127.0.0.1:{cable.target} 127.0.0.1:{cable.port}"
            for cable in (self.api_cable, self.console_cable)
        ]
        return f"--host-resolver-rules={', '.join(rules)}"

    @cached_property
    def api(self) -> Api:
        """Resource Manager and directory, signed in as the local principal, who may do everything."""
        return Api(self.house.profile(), tls.client_context(self.authority))

    async def console_switch(self, verb: str) -> dict[str, Any]:
        """`disableConsole` or `enableConsole` the subscription; "" only asks. The answer's properties."""
        path = f"{self.api.subscription}/providers/Microsoft.SerialConsole/consoleServices/default"
        method, path = ("POST", f"{path}/{verb}") if verb else ("GET", path)
        version: dict[str, Any] = {"api-version": "2018-05-01"}
        answer = await self.meanwhile(lambda: self.api.call(method, path, **version))
        found: dict[str, Any] = answer.get("properties", {})
        return found

    def close(self) -> None:
        """Hang up, if anybody has called."""
        if "api" in self.__dict__:
            self.api.http.close()

    def vm_id(self, name: str = "demo") -> str:
        return f"{self.api.group}/providers/Microsoft.Compute/virtualMachines/{name}"

    def vm_page(self, name: str = "demo", part: str = "") -> str:
        """Address of a VM's page, or of one of its parts (`console`, `activity`, ...)."""
        profile = self.house.profile()
        at = f"{self.address}vms/{profile['subscriptionId']}/{profile['resourceGroup']}/{name}"
        return f"{at}/{part}" if part else at

    @cached_property
    def machine(self) -> str:
        """Resource id of the machine that hosts the VMs of this house."""
        path = f"{self.api.subscription}/providers/Microsoft.HybridCompute/machines"
        version: dict[str, Any] = {"api-version": "2024-07-10"}
        found = self.api.call("GET", path, **version)["value"]
        hosts = [each for each in found if each["properties"]["outofband"]["virtualMachines"]]
        identity: str = (hosts or found)[0]["id"]
        return identity

    def machine_page(self, part: str = "", name: str = "") -> str:
        """Address of a connected machine's page, the house's own unless `name` is of another one."""
        profile = self.house.profile()
        name = name or self.machine.rsplit("/", 1)[1]
        at = f"{self.address}machines/{profile['subscriptionId']}/{profile['resourceGroup']}/{name}"
        return f"{at}/{part}" if part else at

    async def meanwhile(self, do: Callable[..., T], *arguments: Any) -> T:
        """Run what blocks in a thread, so that cables and browser go on."""
        return await to_thread.run_sync(lambda: do(*arguments))
