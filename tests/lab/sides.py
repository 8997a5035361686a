"""The fault lab's second house: an Outofband at one end of a cable, a person's computer at the other.

Both ends are networks of their own, so routes, firewalls and ports are nobody else's. The guest is small and
carries its ports to real servers on this computer: what is broken here is the way, not the guest.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from guests.build import Guest
from outofband.agent.config import config_path
from outofband.core.paths import StateDir
from outofband.core.secrets import write_private
from outofband.net import process, tls
from outofband.wire.remote import Protocol, Report
from tests.lab.backstage import Backstage, Talk
from tests.peers import remote_servers as servers
from tests.peers.house import OOB, House, until
from tests.peers.network import Net
from tests.support.lab import ANSWERING, FAR, Lab
from tests.support.process import Api

NAME, INSIDE, GATEWAY = "demo", "10.9.1.4", "10.9.1.1"
SIDES = "sides"
"""Faults that belong here name this as their guest."""
POOL = "198.51.100.16/29"
ADDRESSES = tuple(f"198.51.100.{number}" for number in range(16, 24))
PORTS = {"rdp": 3389, "ssh": 22}
COMPUTE = "2024-11-01"
RUNS = "2026-11-01"
SECONDS = 300.0
DNS = f"nameserver {ANSWERING}\n"


class Sides:
    """Behaves as the lab with the large guest does; use inside of `there`.

    `words` are added to each rescue, and `resolv` is the person's resolv.conf, until the next `heal`.
    """

    def __init__(self, lab: Lab, house: House, folder: Path) -> None:
        self.lab, self.house, self.folder = lab, house, folder
        self.words: tuple[str, ...] = ()
        self.connect_to = ""
        """What the person connects to, where it is no address."""
        self.rdp, self.ssh = Backstage(), Backstage()
        self.api = Api(house.profile(), tls.client_context(StateDir(house.root).trust))
        self.net = Net(self.api)
        self.vm = f"{self.api.group}/providers/Microsoft.Compute/virtualMachines/{NAME}"
        self.classic = f"{self.api.group}/providers/Microsoft.ClassicCompute/virtualMachines/old"
        self._servers = contextlib.ExitStack()

    # Coming and going

    def furnish(self) -> None:
        self._xrdp = self.xrdp()
        self._sshd = self._servers.enter_context(servers.sshd(self.folder))
        self.net.put("networkSecurityGroups/fence", {})
        self.address = self.net.ground()
        self.rules()
        self.card()
        profile = {"networkInterfaces": [{"id": self.net.id("networkInterfaces/card")}]}
        self.ask("PATCH", self.vm, {"properties": {"networkProfile": profile}})
        until("the VM is written", self._written)
        self.house.oob("vm", "stop", NAME)
        self.heal()

    def close(self) -> None:
        self._servers.close()
        self.rdp.close()
        self.ssh.close()
        self.api.http.close()

    @contextlib.contextmanager
    def there(self) -> Iterator[Sides]:
        """This thread in the house's network."""
        with self.lab.inside(self.lab.far):
            yield self

    # Being well

    def heal(self) -> None:
        self.words, self.connect_to = (), ""
        self.lab.zone.clear()
        self.rdp.target, self.ssh.target = self._xrdp, self._sshd
        if process.running(self.house.root / "run" / "agent.json") is None:
            self.house.oob("up")
        self.end_rescue()
        self.api.http.delete(self.classic, params={"api-version": "2017-04-01"})
        self.net.desks()
        self.rules()
        self.address = self.net.door()
        self.card()
        if self._power() != "running":
            self.start()
        until("the VM is well", self.well)

    def well(self) -> bool:
        return all(self.look(each).works for each in Protocol)

    def rules(self) -> None:
        for group in ("walls", "fence"):
            found = self.net.get(f"networkSecurityGroups/{group}")["properties"]["securityRules"]
            for each in found:
                if group == "fence" or each["name"] not in PORTS:
                    self.net.delete(f"networkSecurityGroups/{group}/securityRules/{each['name']}")
        for number, (name, port) in enumerate(PORTS.items()):
            self.net.rule(name, port, priority=1000 + 10 * number)

    def card(self, *, door: bool = True) -> None:
        """The interface as it was in the beginning, or without its public address."""
        self.net.card(INSIDE)
        if door:
            return
        found = self.net.get("networkInterfaces/card")["properties"]
        kept = {name: found[name] for name in ("networkSecurityGroup", "ipConfigurations")}
        for each in kept["ipConfigurations"]:
            each["properties"].pop("publicIPAddress")
        self.net.put("networkInterfaces/card", kept)

    def carry(self) -> None:
        """Have the guest carry its ports backstage; for as long as it runs."""
        up = "for i in $(seq 60); do ip address show eth0 | grep -q 10.9.1 && break; sleep 1; done"
        lines = [
            f"setsid nc -ll -p {port} -e nc {GATEWAY} {door.port} >/dev/null 2>&1 </dev/null &"
            for port, door in ((PORTS["rdp"], self.rdp), (PORTS["ssh"], self.ssh))
        ]
        self.in_guest("\n".join([up, *lines, "ip address show eth0"]))

    def stop(self) -> None:
        self.house.oob("vm", "stop", NAME)

    def start(self) -> None:
        self.house.oob("vm", "start", NAME)
        self.carry()

    def carry_when_up(self) -> None:
        """As a guest does that starts its services by itself."""
        threading.Thread(target=self.carry, name="carry", daemon=True).start()

    def reaches_guest(self) -> bool:
        """Whether what answers the person is the VM."""
        before = self.rdp.taken
        return self.look(Protocol.RDP).works and self.rdp.taken > before

    def xrdp(self, *, days: int = 30) -> int:
        """The port of another xrdp, which stays until the end; its certificate is good for so long."""
        return self._servers.enter_context(servers.xrdp(self.folder, "negotiate", days=days))

    def serve(self, target: int | Talk | None) -> None:
        """What answers at the guest's port of Remote Desktop from now on."""
        self.rdp.target = target

    # What is done to it

    def in_guest(self, script: str) -> str:
        body = {"commandId": "RunShellScript", "script": [script]}

        def ran() -> str | None:
            answer = self.api.http.post(f"{self.vm}/runCommand", json=body, params={"api-version": COMPUTE})
            while answer.status_code == 202:
                time.sleep(0.2)
                answer = self.api.http.get(answer.headers["Location"])
            return str(answer.json()["value"][0]["message"]) if answer.status_code == 200 else None

        return str(until("the script in the guest", ran, 120.0))

    def firewall(self, side: str, hook: str, match: str) -> None:
        """Drop what matches at one of the sides (`lab.near`, `lab.far`)."""
        lines = [
            "table inet lab {",
            " chain one {",
            f"  type filter hook {hook} priority 0;",
            f"  {match} drop",
        ]
        self._nft(side, "\n".join([*lines, " }", "}\n"]))

    def no_firewall(self, side: str) -> None:
        self._nft(side, "delete table inet lab\n")

    def ask(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """Have something done to its end; what is answered then."""
        answer = self.api.http.request(method, path, json=body, params={"api-version": COMPUTE} | query)
        while answer.status_code == 202:
            time.sleep(0.1)
            answer = self.api.http.get(answer.headers["Location"])
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    # The person

    def person(self, *words: str, said: str = "") -> subprocess.CompletedProcess[str]:
        """A command of `oob` on the person's computer, to its end."""
        resolv = DNS if self.lab.zone or self.connect_to else ""
        command = self.lab.command(self.lab.near, [*OOB, *words], resolv=resolv)
        return subprocess.run(
            command,
            env=self.house.env,
            input=said,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def look(self, protocol: Protocol, user: str = "", password: str = "") -> Report:
        """What the person gets, at the name that they connect to or at the VM's address."""
        who = ("--user", user, "--password-file", "-") if user else ()
        deep = ("--session",) if "--session" in self.words else ()
        host = self.connect_to or self.address
        done = self.person(
            "probe", host, "--protocol", protocol.value, *who, *deep, "-o", "json", said=password
        )
        assert done.returncode in (0, 6), done.stderr
        return msgspec.json.decode(done.stdout, type=Report)

    def rescue(self, *words: str, password: str = "", seconds: float = SECONDS) -> tuple[dict[str, Any], int]:
        """`oob rescue`: the run at its end, and the exit code."""
        named = ("--connect-to", self.connect_to) if self.connect_to else ()
        done = self.person("rescue", NAME, *words, *self.words, *named, "-o", "json", said=password)
        assert done.stdout.strip(), done.stderr + self.house.logs()
        told: dict[str, Any] = json.loads(done.stdout)
        return told, done.returncode

    def end_rescue(self) -> None:
        """One that is under way."""
        where = f"{self.vm}/providers/Outofband.Diagnostics/rescues"
        for each in self.ask("GET", where, **{"api-version": RUNS})["value"]:
            if each["properties"]["outcome"] is None:
                self.api.http.post(f"{each['id']}/stop", params={"api-version": RUNS})
                until("the run has ended", lambda path=each["id"]: self._ended(path))

    def _ended(self, path: str) -> bool:
        return self.ask("GET", path, **{"api-version": RUNS})["properties"]["outcome"] is not None

    def _written(self) -> bool:
        return bool(self.ask("GET", self.vm)["properties"]["provisioningState"] == "Succeeded")

    def _power(self) -> str:
        view = self.ask("GET", f"{self.vm}/instanceView")
        found = [each["code"] for each in view["statuses"] if each["code"].startswith("PowerState/")]
        return str(found[0]).partition("/")[2] if found else ""

    def _nft(self, side: str, text: str) -> None:
        subprocess.run(["ip", "netns", "exec", side, "nft", "-f", "-"], input=text, text=True, check=True)


@contextlib.contextmanager
def open_sides(folder: Path, guest: Guest) -> Iterator[Sides]:
    """Both sides, with the house up and its VM well."""
    with Lab(folder, {}) as lab:
        for address in ADDRESSES:
            subprocess.run(["ip", "-n", lab.far, "address", "add", f"{address}/32", "dev", "lo"], check=True)
        with lab.inside(lab.far), contextlib.ExitStack() as making:
            house = House(guest)
            making.callback(house.close)
            house.env |= {"OOB_PUBLIC_ADDRESSES": POOL, "OOB_ADDRESS": FAR}
            path = config_path(StateDir(house.root))
            path.parent.mkdir(mode=0o700, exist_ok=True)
            write_private(path, f'[network]\npublic = ["{POOL}"]\n')
            house.up()
            sides = Sides(lab, house, folder)
            making.callback(sides.close)
            sides.furnish()
            stack = making.pop_all()
        try:
            yield sides
        finally:
            with lab.inside(lab.far):
                stack.close()
