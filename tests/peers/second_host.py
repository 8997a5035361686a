"""Another agent on this machine, beside that of a house: enrolled with a token, with images of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

from guests.build import Guest
from outofband.agent.ports.program import find_ptyhost
from outofband.core.paths import StateDir
from outofband.net import process
from tests.peers.house import OOB, House

COUNTING = "oob.numbers=0,0.005 loglevel=0"


class SecondHost:
    """With a state directory of its own. `token` is one for one host; the house makes one when it is None.
    `settings` are tables of its agent.toml.
    """

    name = "second-host"

    def __init__(
        self, house: House, folder: Path, guest: Guest, token: str | None = None, settings: str = ""
    ) -> None:
        self.state = StateDir(folder)
        self._env = {**os.environ, "OOB_STATE": str(folder)}
        self._log = (folder / "second.log").open("ab")
        file = folder / "token"
        file.write_text(house.oob("agent", "token").stdout if token is None else token)
        file.chmod(0o600)
        server = house.profile()["arm"]
        self._oob("agent", "enroll", "--server", server, "--token-file", str(file), "--name", self.name)
        offer(self._oob, guest)
        if settings:
            config = self.state.agent / "agent.toml"
            text = config.read_text()
            for table in re.findall(r"(?m)^\[\w+\]$", settings):
                # It is there already, with nothing in it.
                text = re.sub(rf"(?m)^{re.escape(table)}$", "", text)
            config.write_text(f"{text}\n{settings}")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [*OOB, "agent", "run"], env=self._env, stdout=self._log, stderr=self._log
        )

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(30)

    def close(self) -> None:
        for file in (self.state.agent / "machines").glob("*/qemu.pid"):
            pid = int(file.read_text())
            if process.start_ticks(pid) is not None:
                os.kill(pid, signal.SIGKILL)
        self.kill()
        for file in self.state.agent.rglob("serial0.pid"):
            # The server's own console: a program on its terminal goes when the terminal does.
            if (terminal := find_ptyhost(file.parent)) is not None:
                terminal.signal(signal.SIGKILL)
        self._log.close()

    def _oob(self, *words: str) -> None:
        done = subprocess.run(
            [*OOB, *words], env=self._env, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, done.stderr


def offer(oob: Any, guest: Guest) -> None:
    """An image whose guest counts from its start on and never stops."""
    files = ("--kernel", str(guest.kernel), "--initrd", str(guest.initrd))
    oob("agent", "image", "counting", *files, "--cmdline", f"{guest.cmdline} {COUNTING}")
