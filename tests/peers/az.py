"""Azure's own clients on a test house: the program `az` in a folder of its own, and lines of bash."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.peers.house import COMMAND_SECONDS, House
from tests.peers.people import Person
from tests.support.lines import Lines

ROOT = Path(__file__).parents[2]
APART = ROOT / ".az"
"""The environment with az and the SDKs."""
PYTHON = APART / "bin" / "python"


def needed() -> None:
    """Fails when the environment is not there: a peer that is missing is no reason to pass."""
    assert PYTHON.exists(), "no environment .az: run scripts/apart.sh az"


class Said:
    """How a command of az ended."""

    def __init__(self, words: tuple[str, ...], code: int, out: str, err: str) -> None:
        self.words, self.code, self.out, self.err = words, code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out) if self.out.strip() else None

    def __repr__(self) -> str:
        return f"az {' '.join(self.words)}: exit {self.code}\n{self.out[-3000:]}\n{self.err[-3000:]}"


class Clients:
    """A folder for az, set up by `oob az setup`, fresh: nobody is signed in, no token is cached.

    `person` is in whose state directory `oob` runs; without one it is the house's own client.
    """

    def __init__(self, house: House, person: Person | None = None) -> None:
        needed()
        self.house = house
        self.root = Path(tempfile.mkdtemp(prefix="oob-az-"))
        self.config = self.root / "config"
        self.state = person.state if person else house.root
        path = f"{APART / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        # Only az's own environment, as a person has it: nothing of the machine that runs the tests.
        foreign = ("AZURE_", "ARM_", "REQUESTS_CA", "CURL_CA", "WEBSOCKET_CLIENT", "SSL_CERT", "PYTHON")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        self.env = kept | {
            "PATH": path,
            "HOME": str(self.root),
            "OOB_STATE": str(self.state),
            "AZURE_CORE_COLLECT_TELEMETRY": "no",
        }
        self.told: dict[str, Any] = self._set_up()
        self.env |= self.told["environment"]
        self._loop: subprocess.Popen[str] | None = None

    def _set_up(self) -> dict[str, Any]:
        command = ["oob", "az", "setup", "--config-dir", str(self.config), "-o", "json"]
        done = self._run(command)
        assert done.code == 0, done
        told: dict[str, Any] = done.json
        return told

    def _run(self, command: list[str]) -> Said:
        done = subprocess.run(
            command,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
            cwd=self.root,
        )
        return Said(tuple(command), done.returncode, done.stdout, done.stderr)

    def bash(self, lines: str, expect: int | None = 0) -> Said:
        """Lines as a person types them into a shell that has az and oob in its PATH."""
        said = self._run(["bash", "-euo", "pipefail", "-c", lines])
        assert expect is None or said.code == expect, said
        return said

    def program(self, *words: str, expect: int | None = 0) -> Said:
        """The program `az` itself, started anew."""
        said = self._run(["az", *words])
        assert expect is None or said.code == expect, said
        return said

    def az(self, *words: str, expect: int | None = 0) -> Said:
        """The same as `program`, in a fork of an az that is loaded already: see az_loop.py."""
        if self._loop is None:
            command = [str(PYTHON), str(Path(__file__).with_name("az_loop.py"))]
            log = (self.root / "loop.log").open("w")
            self._loop = subprocess.Popen(
                command,
                env=self.env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=self.root,
            )
            log.close()
            self._lines = Lines(self._loop, (self.root / "loop.log").read_text)
        assert self._loop.stdin is not None
        self._loop.stdin.write(json.dumps(words) + "\n")
        self._loop.stdin.flush()
        answer = json.loads(self._lines.next(COMMAND_SECONDS))
        said = Said(words, answer["code"], answer["out"], answer["err"])
        assert expect is None or said.code == expect, said
        return said

    def json(self, *words: str) -> Any:
        """What a command prints, as JSON; None when it prints nothing."""
        return self.az(*words, "--output", "json").json

    def refused(self, *words: str, code: int = 1) -> str:
        """What a command that is to fail says, without its first word ERROR."""
        said = self.az(*words, expect=code)
        lines = said.err.splitlines()
        at = next((number for number, line in enumerate(lines) if line.startswith("ERROR: ")), None)
        assert at is not None, said
        return "\n".join(lines[at:]).removeprefix("ERROR: ")

    def sign_in(self) -> None:
        """With the very line that `oob az setup` shows."""
        self.bash(self.told["login"]["client"] + " --output none")

    def fresh(self) -> Clients:
        """Another one, set up alike; whoever is signed in here is not signed in there."""
        other = object.__new__(Clients)
        other.__dict__.update(self.__dict__)
        other.root = Path(tempfile.mkdtemp(prefix="oob-az-"))
        other.config = other.root / "config"
        other.config.mkdir()
        for name in ("clouds.config", "config", "outofband.json", "outofband-ca.pem"):
            shutil.copy2(self.config / name, other.config / name)
        other.env = self.env | {"HOME": str(other.root), "AZURE_CONFIG_DIR": str(other.config)}
        other._loop = None
        return other

    def close(self) -> None:
        if self._loop is not None:
            assert self._loop.stdin is not None
            assert self._loop.stdout is not None
            with contextlib.suppress(BrokenPipeError):
                self._loop.stdin.close()
            self._loop.wait(30)
            self._loop.stdout.close()
            self._loop = None
        shutil.rmtree(self.root, ignore_errors=True)
