"""A throw-away PostgreSQL server for tests: its own directory, its own port on loopback, gone afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

from tests.support.ports import lasting_ports

OWNER = "postgres"
"""PostgreSQL refuses to run as root; the package made this account."""


def binaries() -> Path | None:
    """The folder with initdb and pg_ctl of the newest installed server, None when there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda each: int(each.parts[4]))
    if found:
        return found[-1].parent
    there = shutil.which("initdb")
    return Path(there).resolve().parent if there else None


class Cluster:
    """A running server. Every test takes a database of its own with `create`."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="oob-pg-"))
        self._root = os.geteuid() == 0
        if self._root:
            shutil.chown(self._folder, OWNER)
        [self.port] = lasting_ports(1)

    def start(self) -> None:
        data = self._folder / "d"
        if not data.exists():
            locale = ["--locale=C.UTF-8", "-E", "UTF8", "--no-sync", "--no-instructions"]
            self._run("initdb", "-D", str(data), "-U", "lab", "-A", "trust", *locale)
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder}"
        options += " -c fsync=off -c shared_buffers=16MB -c max_connections=80"
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(data), "-w", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        """Stop at once, as a power cut would."""
        self._run("pg_ctl", "-D", str(self._folder / "d"), "-w", "-m", "immediate", "stop")

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def create(self) -> str:
        """Make an empty database; its URL."""
        name = f"t{uuid.uuid4().hex[:12]}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "lab", name)
        return f"postgresql://lab@127.0.0.1:{self.port}/{name}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        if self._root:
            command = ["runuser", "-u", OWNER, "--", *command]
        # A file and not a pipe: the server inherits it and would keep a pipe open for ever.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(command, cwd="/", stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            output.seek(0)
            if done.returncode:
                raise RuntimeError(f"{program} failed: {output.read().decode(errors='replace')}")
