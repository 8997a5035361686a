"""The fault lab: an Outofband with one Debian guest that is reached from outside, and can be made well again.

Real control plane, agent, QEMU, sshd and xrdp. The guest has a card behind a public address, with rules that
let Remote Desktop and SSH in.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from guests.build import Guest
from guests.debian.build import DebianGuest
from outofband.agent.config import Image, add_image, config_path
from outofband.core.paths import StateDir
from outofband.core.secrets import write_private
from outofband.net import tls
from outofband.net.remote.look import look
from outofband.wire.rdp.credssp import User
from outofband.wire.remote import PORTS, Protocol, Report
from tests.lab.machine import INSIDE, MEMORY_MIB, Machine
from tests.peers.guest import PASSWORD, cache_folder
from tests.peers.house import House, until
from tests.peers.network import Net
from tests.support.process import Api

NAME, IMAGE = "web1", "debian"
USER = "operator1"
BOOT_SECONDS = 900.0
SOON_SECONDS = 30
"""As long as the end of a script may take to be known outside; later nobody would ever hear of it."""
ANSWER_SECONDS = 300.0
RESCUE_SECONDS = 2400.0
"""For eight steps with a guest that is silent at each look, and boots of an emulated processor."""
COMPUTE = "2024-11-01"
RESCUES = "2026-11-01"


class Lab:
    def __init__(self, demo: Guest, debian: DebianGuest) -> None:
        # A unix socket's name is short, so the state is not in pytest's own folder.
        self.house = House(demo, Path(tempfile.mkdtemp(prefix="oob-lab-")))
        self.machine = Machine(debian, cache_folder() / "lab", self.house.root)
        self.public = f"127.{random.randrange(20, 250)}.{random.randrange(256)}.8/29"
        """Addresses of this computer that the host offers: ports 22 and 3389 are fixed ones."""

    # --- coming and going

    def open(self) -> None:
        """A house with the guest in it, which is well; the first time that takes a boot."""
        state = StateDir(self.house.root)
        self.house.env["OOB_PUBLIC_ADDRESSES"] = self.public
        self.machine.prepare()
        path = config_path(state)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        words = f'[qemu]\nprogram = "{self.machine.program}"\n\n[network]\npublic = ["{self.public}"]\n'
        write_private(path, words)
        add_image(path, IMAGE, Image(disk=str(self.machine.guest.disk), format="raw"))
        self.house.up("--no-demo")
        self.api = Api(self.house.profile(), tls.client_context(state.trust))
        self.net = Net(self.api)
        self.vm = f"{self.api.group}/providers/Microsoft.Compute/virtualMachines/{NAME}"
        self.address = self.net.ground()
        self.card()
        self.rules()
        profile = {"networkInterfaces": [{"id": self.net.id("networkInterfaces/card")}]}
        definition = {"driver": "qemu", "image": IMAGE, "memoryMiB": MEMORY_MIB, "cpus": 1}
        body = {"location": "local", "properties": {"outofband": definition, "networkProfile": profile}}
        with self.machine.alone():
            self.ask("PUT", self.vm, body)
            made = until("the VM is made", self._made)
            self.uid = str(made["properties"]["vmId"]).lower()
            self.machine.directory = state.machines / self.uid
            if not self.machine.kept.exists():
                until("the guest answers", self.well, BOOT_SECONDS)
                self.in_guest("sync")
                self.machine.keep()
                self.stop()
                self.machine.store()
        self.heal()

    def close(self) -> None:
        if hasattr(self, "api"):
            self.api.http.close()
        self.house.close()
        shutil.rmtree(self.house.root, ignore_errors=True)

    # --- being well

    def heal(self) -> None:
        """Back to health, whatever was done to it: rules, card, disks and memory."""
        self.end_rescue()
        self.stop()
        self.card()
        self.rules()
        self.machine.put()
        self.start()
        until("the guest is well", self.well, ANSWER_SECONDS)
        # It does not know how long it was away; and who reads along has to see that it came up.
        since = self.machine.printed
        self.in_guest(f"date -s @{int(time.time())} >/dev/null; systemctl restart serial-getty@ttyS0")
        self.prints(b"login:", since)

    def well(self) -> bool:
        self.seen = [self.look(each) for each in Protocol]
        return all(each.works for each in self.seen)

    def look(self, protocol: Protocol, user: str = "", password: str = "") -> Report:
        """What somebody outside sees."""
        who = User(user, password) if user else None
        return asyncio.run(look(self.address, protocol, user=who))

    def card(self) -> None:
        """The guest's card as it was in the beginning; it comes with a start."""
        self.net.card(INSIDE)

    def rules(self) -> None:
        """The group's rules as they were in the beginning: one for each protocol."""
        wanted = {each.value: PORTS[each] for each in Protocol}
        found = self.net.get("networkSecurityGroups/walls")["properties"]["securityRules"]
        for each in found:
            if each["name"] not in wanted:
                self.net.delete(f"networkSecurityGroups/walls/securityRules/{each['name']}")
        for number, (name, port) in enumerate(wanted.items()):
            self.net.rule(name, port, priority=1000 + 10 * number)

    # --- what is done to it

    def start(self) -> None:
        self.ask("POST", f"{self.vm}/start")

    def stop(self) -> None:
        """Cut its power."""
        self.ask("POST", f"{self.vm}/powerOff", skipShutdown="true")

    def in_guest(self, script: str) -> str:
        """What a script in the guest printed, as soon as its agent is there."""
        body = {"commandId": "RunShellScript", "script": [script]}
        told: dict[str, Any] = self.ask("POST", f"{self.vm}/runCommand", body)
        return str(told["value"][0]["message"])

    def soon(self, script: str) -> None:
        """Have something done in the guest when nobody waits for its end any more."""
        self.in_guest(f"setsid sh -c 'sleep {SOON_SECONDS}; {script}' >/dev/null 2>&1 </dev/null &")

    def prints(self, text: bytes, since: int | None = None) -> None:
        """Wait until it printed that on its serial port, after now or after `since`."""
        begin = self.machine.printed if since is None else since
        until(f"{text!r} is printed", lambda: text in self.machine.words(begin), BOOT_SECONDS)

    def ask(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """Have something done to its end; what is answered then."""
        answer = self.api.http.request(method, path, json=body, params={"api-version": COMPUTE} | query)
        while answer.status_code == 202:
            time.sleep(0.1)
            answer = self.api.http.get(answer.headers["Location"])
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    # --- rescues

    def rescue(
        self, *words: str, password: str = "", seconds: float = RESCUE_SECONDS
    ) -> tuple[dict[str, Any], int]:
        """`oob rescue`: the run at its end, and the exit code."""
        command = ("rescue", NAME, *words, "-o", "json")
        told = self.house.oob(*command, said=password or None, expect=None, seconds=seconds)
        assert told.stdout.strip(), told.stderr + self.house.logs()
        return json.loads(told.stdout), told.returncode

    def end_rescue(self) -> None:
        """One that is under way."""
        where = f"{self.vm}/providers/Outofband.Diagnostics/rescues"
        runs = self.ask("GET", where, **{"api-version": RESCUES})["value"]
        for each in runs:
            if each["properties"]["outcome"] is None:
                self.api.http.post(f"{each['id']}/stop", params={"api-version": RESCUES})
                until("the run has ended", lambda path=each["id"]: self._ended(path))

    def _ended(self, path: str) -> bool:
        told = self.ask("GET", path, **{"api-version": RESCUES})
        return told["properties"]["outcome"] is not None

    def _made(self) -> dict[str, Any] | None:
        found: dict[str, Any] = self.ask("GET", self.vm)
        assert found["properties"]["provisioningState"] != "Failed", found
        return found if found["properties"]["provisioningState"] == "Succeeded" else None


__all__ = ["NAME", "PASSWORD", "USER", "Lab"]
