"""A whole Outofband in a state directory of its own, on free ports: real processes, guests and sockets."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from guests.build import Guest
from outofband.core.secrets import write_private
from outofband.net import process
from tests.support.ports import lasting_ports
from tests.support.wait import until_now

OOB = [sys.executable, "-m", "outofband.cli"]
COMMAND_SECONDS = 240.0


def until(what: str, true: Callable[[], Any], seconds: float = 150.0) -> Any:
    """Poll until `true()` is; returns its value."""
    return until_now(true, what, seconds=seconds)


class House:
    """`oob up` and everything after it, as a person on this machine would run it."""

    def __init__(self, guest: Guest, root: Path | None = None) -> None:
        self.root = root or Path(tempfile.mkdtemp(prefix="oob-house-"))
        self.root.chmod(0o700)
        self._own = root is None
        self.arm_port, self.console_port = lasting_ports(2)
        demo = self.root / "guests" / "demo"
        for folder in (demo.parent, demo):
            folder.mkdir(mode=0o700)
        built = {"kernel": str(guest.kernel), "initrd": str(guest.initrd), "cmdline": guest.cmdline}
        write_private(demo / "built.json", json.dumps(built | {"username": guest.username}))
        self.env = {**os.environ, "OOB_STATE": str(self.root)}
        self.first_password = ""
        """Of the user `admin`, as the first `oob up` shows it."""

    def up(self, *more: str) -> subprocess.CompletedProcess[str]:
        ports = ("--port", str(self.arm_port), "--console-port", str(self.console_port))
        done = self.oob("up", *ports, *more)
        if shown := re.search(r"password +(\S+) +\(shown this once", done.stdout):
            self.first_password = shown[1]
        return done

    def oob(
        self,
        *arguments: str,
        expect: int | None = 0,
        said: str | None = None,
        seconds: float = COMMAND_SECONDS,
    ) -> subprocess.CompletedProcess[str]:
        """Run one command to its end; fails when the exit code is another one than expected."""
        done = subprocess.run(
            [*OOB, *arguments],
            env=self.env,
            input=said,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if expect is not None and done.returncode != expect:
            words = [f"oob {' '.join(arguments)}: exit {done.returncode}", done.stdout, done.stderr]
            raise AssertionError("\n".join([*words, self.logs()]))
        return done

    def json(self, *arguments: str, seconds: float = COMMAND_SECONDS, expect: int = 0) -> Any:
        return json.loads(self.oob(*arguments, "-o", "json", seconds=seconds, expect=expect).stdout)

    def error(self, *arguments: str, expect: int) -> dict[str, Any]:
        """The error object of a command that is to fail."""
        done = self.oob(*arguments, "-o", "json", expect=expect)
        found: dict[str, Any] = json.loads(done.stderr.strip().splitlines()[-1])["error"]
        return found

    def pid(self, service: str) -> int:
        found = process.running(self.root / "run" / f"{service}.json")
        assert found is not None, f"{service} does not run"
        return found.pid

    def kill(self, service: str) -> None:
        """kill -9 `control` or `agent`, and wait until it is gone."""
        pid = self.pid(service)
        os.kill(pid, signal.SIGKILL)
        until(f"{service} is gone", lambda: process.start_ticks(pid) is None)

    def logs(self) -> str:
        files = sorted((self.root / "log").glob("*.log"))
        return "\n".join(f"--- {file.name}\n{file.read_text(errors='replace')[-3000:]}" for file in files)

    def profile(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.root / "client" / "profile.json").read_bytes())
        return found

    def close(self) -> None:
        """Take everything down, by force where it must be, and remove it."""
        self.oob("down", expect=None)
        for file in (self.root / "agent" / "machines").glob("*/qemu.pid"):
            _end(file)
        for service in ("agent", "control"):
            process.stop(self.root / "run" / f"{service}.json", 5.0)
        if self._own:
            shutil.rmtree(self.root, ignore_errors=True)


def _end(file: Path) -> None:
    try:
        pid = int(file.read_text())
        if str(file.parent.name) in Path(f"/proc/{pid}/cmdline").read_text():
            os.kill(pid, signal.SIGKILL)
    except (OSError, ValueError):
        return
