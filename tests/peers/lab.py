"""A server that is to be connected: a control plane in this process, himds and azcmagent in their own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from outofband.agent import clouds, local
from outofband.agent.clouds import Cloud as InstalledFor
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.core.secrets import write_private
from tests.support.cloud import GROUP, SUBSCRIPTION, TENANT, Cloud, Person
from tests.support.wait import until, within

AZCMAGENT = [sys.executable, "-m", "outofband.cli.azcmagent"]
SECONDS = 120.0
LOCATION = "local"
ONBOARDING = "b64e21ea-ac4e-4cdf-9dc9-5b892992bee7"
MACHINES = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.HybridCompute/machines"


class Said:
    """How a command ended."""

    def __init__(self, words: tuple[str, ...], code: int, out: str, err: str) -> None:
        self.words, self.code, self.out, self.err = words, code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = self.json["error"]
        return found

    def __repr__(self) -> str:
        return f"azcmagent {' '.join(self.words)}: exit {self.code}\n{self.out[-4000:]}\n{self.err[-4000:]}"


class Lab:
    """`secrets` are texts that nothing may show. Every command's output is kept for the search at the end."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.cloud = Cloud(directory)
        self.state = StateDir(directory / "state")
        self.himds: asyncio.subprocess.Process | None = None
        self.secrets: list[str] = []
        self.shown: list[str] = []
        foreign = ("AZURE_", "OOB_", "LC_", "LANG")
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        self.env |= {"OOB_STATE": str(self.state.root), "HOME": str(directory), "NO_COLOR": "1"}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Lab]:
        async with self.cloud:
            self.state.root.mkdir(mode=0o700)
            self.install()
            await self.start()
            try:
                yield self
            finally:
                await self.stop()

    def install(self, arm: str = "", trust: str | None = None, login: str = "") -> None:
        """As `oob agent cloud` does: which control plane this agent is for."""
        base = arm or self.cloud.base
        pem = self.cloud.pki.trust.read_text() if trust is None else trust
        clouds.save(self.state, InstalledFor(name="Lab", arm=base, login=login or base, trust=pem))

    async def start(self, *before: str) -> None:
        """himds, by the command `before`, and wait until it answers."""
        with (self.directory / "himds.out").open("ab") as log:
            self.himds = await asyncio.create_subprocess_exec(
                *before, sys.executable, "-m", "outofband.agent.himds", "--state", str(self.state.root),
                stderr=log, stdout=log, env=self.env,
            )  # fmt: skip
        await until(self.answers)

    def answers(self) -> bool:
        try:
            local.status(self.state)
        except Fault:
            return False
        return True

    async def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self.himds is not None and self.himds.returncode is None:
            self.himds.send_signal(how)
            await within(self.himds.wait(), self.log)

    async def run(
        self,
        *words: str,
        expect: int | None = 0,
        said: str = "",
        env: dict[str, str] | None = None,
        command: list[str] | None = None,
    ) -> Said:
        """One command to its end; fails when the exit code is another one than expected."""
        # Who hears nothing gets no pipe: uvloop refuses to write to that of one that has ended already.
        process = await self.begin(*words, env=env, command=command, hears=bool(said))
        out, err = await asyncio.wait_for(process.communicate(said.encode() or None), SECONDS)
        return self.ended(words, process, out, err, expect)

    async def begin(
        self,
        *words: str,
        env: dict[str, str] | None = None,
        command: list[str] | None = None,
        hears: bool = True,
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(command or AZCMAGENT), *words,
            stdin=asyncio.subprocess.PIPE if hears else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env=self.env | (env or {}), cwd=self.directory,
        )  # fmt: skip

    def ended(
        self,
        words: tuple[str, ...],
        process: asyncio.subprocess.Process,
        out: bytes,
        err: bytes,
        expect: int | None,
    ) -> Said:
        assert process.returncode is not None
        found = Said(words, process.returncode, out.decode(), err.decode())
        self.shown += [found.out, found.err]
        assert expect is None or found.code == expect, f"{found}\n{self.log()}"
        return found

    def log(self) -> str:
        files = [self.directory / "himds.out", *sorted(self.state.log.glob("*.log"))]
        return "\n".join(f"--- {file}\n{file.read_text()[-3000:]}" for file in files if file.exists())

    def target(self, name: str = "web1") -> tuple[str, ...]:
        return ("-g", GROUP, "-l", LOCATION, "-s", SUBSCRIPTION, "-n", name)

    async def principal(self, person: Person) -> tuple[str, ...]:
        """Flags to sign in as a service principal, its secret in a file."""
        file = self.directory / f"{person.app_id}.secret"
        write_private(file, person.secret)
        self.secrets.append(person.secret)
        return ("-i", person.app_id, "-t", person.tenant, "--service-principal-secret-file", str(file))

    async def onboarder(self, name: str = "onboarder", role: str = ONBOARDING) -> Person:
        """A service principal that may do what onboarding takes, and no more."""
        return await self.cloud.person(name, role)

    async def machine(self, name: str = "web1") -> dict[str, Any] | None:
        """The resource as its owner sees it."""
        answer = await self.cloud.owner.get(f"{MACHINES}/{name}", version="2024-07-10")
        if answer.status_code == 404:
            return None
        found: dict[str, Any] = answer.json()
        return found


__all__ = ["GROUP", "LOCATION", "MACHINES", "ONBOARDING", "SUBSCRIPTION", "TENANT", "Lab", "Said"]
