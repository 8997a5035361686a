"""A control plane in a process of its own that kills itself (-9) at a chosen commit, and its keeper.

The keeper writes `N before` or `N after` into the file `armed`; the N-th commit from then on is the last
thing the process does, or the first it does not do. As a module it is the nursery: it has imported all there
is, forks such a process for each line that it is told, and says how that one ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import httpx
import msgspec
import uvloop

from outofband.access import roles
from outofband.net import tls
from outofband.store.engine import Database
from outofband.wire.enrolment import EnrolAnswer
from tests.support.actors import AgentPeer, HostKey
from tests.support.cloud import GROUP, SUBSCRIPTION, Cloud, Host, Person
from tests.support.ports import lasting_ports
from tests.support.wait import until, within

START_SECONDS = 90.0
DEATH_SECONDS = 120.0
"""From what has a change made until the one that it is not to outlive."""


class Keeper:
    """Looks like a `Cloud` to `Person`: it has `base` and `http`. Starts the process anew when it died."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.folder = folder
        self.deaths = 0
        """How often it was started again after one."""
        if url is not None:
            (folder / "database").write_text(url)
        arm, gateway = lasting_ports(2)
        (folder / "ports").write_text(json.dumps({"arm": arm, "gateway": gateway}))

    async def __aenter__(self) -> Keeper:
        command = [sys.executable, "-m", "tests.support.mortal", str(self.folder)]
        with (self.folder / "log").open("ab") as log:
            self._nursery = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, stderr=log
            )
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()
        if not self.died:
            os.kill(self._pid, signal.SIGKILL)
        await within(self._ended, self.log)
        assert self._nursery.stdin is not None
        self._nursery.stdin.close()
        await within(self._nursery.wait(), self.log)

    async def start(self) -> None:
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        (self.folder / "armed").unlink(missing_ok=True)
        assert self._nursery.stdin is not None and self._nursery.stdout is not None
        self._nursery.stdin.write(b"\n")
        self._pid = int(await within(self._nursery.stdout.readline(), self.log))
        self._ended = asyncio.ensure_future(self._nursery.stdout.readline())
        await until(lambda: ready.exists() or self.died, seconds=START_SECONDS)
        assert ready.exists(), self.log()
        told: dict[str, Any] = json.loads(ready.read_text())
        self.base = str(told["base"])
        self.context = tls.client_context(Path(told["trust"]))
        self.http = httpx.AsyncClient(base_url=self.base, verify=self.context, trust_env=False, timeout=90)
        owner = told["owner"]
        self.owner = Person(self, owner["object"], owner["app"], owner["tenant"], owner["secret"])  # type: ignore[arg-type]

    def arm(self, commit: int, when: str) -> None:
        scratch = self.folder / "armed.new"
        scratch.write_text(f"{commit} {when}")
        scratch.rename(self.folder / "armed")

    def disarm(self) -> None:
        (self.folder / "armed").unlink(missing_ok=True)

    def log(self) -> str:
        return (self.folder / "log").read_text()[-3000:]

    @property
    def died(self) -> bool:
        return self._ended.done()

    async def revive(self) -> None:
        how = int(await within(asyncio.shield(self._ended), self.log, seconds=DEATH_SECONDS))
        assert how == -signal.SIGKILL, self.log()
        self.deaths += 1
        await self.http.aclose()
        await self.start()

    async def host(self, name: str = "h1") -> Host:
        body = {"subscription": SUBSCRIPTION, "resourceGroup": GROUP}
        token = (await self.owner.ask("POST", "/fleet/tokens", body, version=None)).json()["token"]
        key = HostKey()
        request = key.enrolment(token, name)
        answer = await self.http.post("/fleet/enroll", content=msgspec.json.encode(request))
        identity = msgspec.json.decode(answer.content, type=EnrolAnswer)
        peer = AgentPeer(key, identity, self.context)
        await peer.connect()
        host = Host(peer)
        await host.report()
        return host


def _die_at_commits(folder: Path) -> None:
    armed = folder / "armed"
    seen, order = 0, None

    def counted(commit: Any) -> Any:
        async def counting(self: Database, connection: Any, tx: Any) -> Any:
            nonlocal seen, order
            try:
                number, when = armed.read_text().split()
                changed = armed.stat().st_mtime_ns
            except FileNotFoundError:
                return await commit(self, connection, tx)
            if tx is None:
                return await commit(self, connection, tx)
            if order != changed:
                seen, order = 0, changed
            seen += 1
            if seen == int(number) and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            ended = await commit(self, connection, tx)
            if seen == int(number) and when == "after":
                os.kill(os.getpid(), signal.SIGKILL)
            return ended

        return counting

    # On PostgreSQL units end in the one, on SQLite in the other.
    Database._end_write = counted(Database._end_write)  # type: ignore[method-assign]
    Database._commit = counted(Database._commit)  # type: ignore[method-assign]


async def _live(folder: Path) -> None:
    database = folder / "database"
    url = database.read_text() if database.exists() else None
    cloud = Cloud(folder, json.loads((folder / "ports").read_text()), url)
    await cloud.start()
    owner = await cloud.person("owner", roles.OWNER)
    told = {
        "base": cloud.base,
        "trust": str(cloud.pki.trust),
        "owner": {
            "object": owner.object_id,
            "app": owner.app_id,
            "tenant": owner.tenant,
            "secret": owner.secret,
        },
    }
    scratch = folder / "ready.new"
    scratch.write_text(json.dumps(told))
    _die_at_commits(folder)
    scratch.rename(folder / "ready")
    await asyncio.Event().wait()


def _nurse(folder: Path) -> None:
    for _ in sys.stdin:
        if (child := os.fork()) == 0:
            # What it prints goes into the log; the pipe is for the nursery's own words.
            os.dup2(2, 1)
            uvloop.run(_live(folder))
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    _nurse(Path(sys.argv[1]))
