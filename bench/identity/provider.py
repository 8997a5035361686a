"""oidc-provider, the most used authority for Node.js: tokens for a secret, over plain HTTP, all in memory."""

from __future__ import annotations

import json
import secrets
import socket
import uuid
from itertools import cycle
from pathlib import Path
from urllib.parse import urlencode

import msgspec

from bench.api.control import CALLERS
from bench.api.line import Line, Place, request
from bench.identity.authority import Given
from bench.processes import Child, wait_until
from bench.system import Place as Room
from bench.system import free_port

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "oidc"
"""Where it is installed: `scripts/bootstrap.sh test` does that."""
READY_SECONDS = 60.0


class Provider:
    name = "oidc-provider"
    stated = (
        "plain HTTP, everything in memory; RS256 with a key of 2048 bits, secret compared for every token"
    )

    def __init__(self, room: Room, folder: Path = FOLDER) -> None:
        self._room, self._installed = room, folder
        self._folder = room.folder("provider")
        self._server: Child | None = None
        self._port = 0

    def start(self, machines: int = 0) -> None:
        self._port = free_port()
        clients = [(str(uuid.uuid4()), secrets.token_urlsafe(32)) for _ in range(CALLERS)]
        resource = f"https://127.0.0.1:{self._port}/resource"
        settings = self._folder / "settings.json"
        settings.touch(mode=0o600)
        settings.write_text(json.dumps({"port": self._port, "resource": resource, "clients": clients}))
        program = str(Path(__file__).with_name("provider.mjs"))
        command = ["node", program, str(self._installed), str(settings)]
        self._server = Child(command, cpu=self._room.system_cpu, log=self._folder / "provider.log")
        wait_until(self._listens, READY_SECONDS, self.name, self._server)
        headers = {
            "Host": f"127.0.0.1:{self._port}",
            "Connection": "keep-alive",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        asked = {"grant_type": "client_credentials", "scope": "all", "resource": resource}
        self._asks = cycle(
            request(
                "POST", "/token", headers, urlencode(asked | {"client_id": name, "client_secret": secret})
            )
            for name, secret in clients
        )

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
        self._server = None

    @property
    def place(self) -> Place:
        return Place("127.0.0.1", self._port)

    @property
    def pids(self) -> list[int]:
        assert self._server is not None
        return self._server.tree()

    async def one(self, line: Line, number: int) -> int:
        """A token for one of the programs."""
        return msgspec.json.decode(await line.ask(next(self._asks)), type=Given).counts

    async def all(self, line: Line) -> int:
        raise NotImplementedError("it guards no resource of its own")

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0
