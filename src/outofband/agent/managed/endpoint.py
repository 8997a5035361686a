"""The endpoint on a loopback port where local programs get tokens of this host's identity, and what it is."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h11
import msgspec
import structlog

from outofband.agent.managed.keyfiles import KeyFiles
from outofband.agent.managed.tokens import HostTokens, TokenRefused
from outofband.catalogue import explain
from outofband.core import clock, secrets
from outofband.core.errors import Fault
from outofband.wire import instance_metadata, managed_identity
from outofband.wire.instance_metadata import Machine
from outofband.wire.managed_identity import MAX_HEAD, Ask, Form, Refusal

HOSTS = ("127.0.0.1", "::1")
"""What clients find under `localhost`; some try the one first, some the other."""
SECONDS = 10.0
"""For a request to come whole."""
MAX_CONNECTIONS = 64

log = structlog.get_logger(__name__)
_Answer = tuple[int, dict[str, str], dict[str, Any]]


class IdentityEndpoint:
    """`secret_file` holds what the App Service form asks for (IDENTITY_HEADER), made once. `tokens` is None
    while the host is not connected: programs are told so.
    """

    def __init__(
        self,
        tokens: HostTokens | None,
        files: KeyFiles,
        *,
        port: int,
        secret_file: Path,
        machine: Callable[[], Machine] = Machine,
    ) -> None:
        self.tokens, self._files = tokens, files
        self._port = port
        self._secret_file = secret_file
        self._secret = ""
        self._machine = machine
        self._servers: list[asyncio.Server] = []
        self.closed: dict[str, str] = {}
        """By address: why nothing is answered there."""
        self._busy = asyncio.Semaphore(MAX_CONNECTIONS)

    @property
    def address(self) -> str:
        """IMDS_ENDPOINT of local programs."""
        return f"http://localhost:{self._port}"

    async def open(self) -> None:
        """One of the two addresses is enough. Raises Fault TokenFolderUnsafe or IdentityPortTaken."""
        self._files.prepare()
        if not self._secret_file.exists():
            secrets.write_private(self._secret_file, secrets.token())
        self._secret = self._secret_file.read_text().strip()
        for host in HOSTS:
            try:
                server = await asyncio.start_server(self._serve, host, self._port, limit=MAX_HEAD)
            except OSError as error:
                self.closed[host] = error.strerror or str(error)
                continue
            self._servers.append(server)
        if not self._servers:
            raise Fault("IdentityPortTaken", port=self._port, detail=self.closed[HOSTS[0]])
        for host, why in self.closed.items():
            log.warning("identity.half_open", address=host, port=self._port, detail=why)
        log.info("identity.open", port=self._port)

    async def close(self) -> None:
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()
            await server.wait_closed()
        self._files.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        try:
            async with self._busy:
                status, headers, body = await self._answer(await _request(connection, reader))
                _write(connection, writer, status, headers, body)
                await writer.drain()
        except (OSError, TimeoutError, h11.RemoteProtocolError):
            # Whoever speaks no HTTP, or goes away, is not told anything.
            pass
        finally:
            with contextlib.suppress(OSError):
                writer.close()
                await writer.wait_closed()

    async def _answer(self, request: h11.Request) -> _Answer:
        fields = [(name.decode("ascii"), value.decode("latin-1")) for name, value in request.headers]
        method, target = request.method.decode("ascii"), request.target.decode("latin-1")
        if instance_metadata.is_asked(target):
            status, found = instance_metadata.answer(method, target, fields, self._machine())
            return status, {}, found
        tokens = self.tokens
        asked = managed_identity.read(
            method,
            target,
            fields,
            identity=tokens.identity if tokens else "",
        )
        if isinstance(asked, Refusal):
            return asked.status, {}, asked.body()
        if tokens is None:
            words = "This host is not connected to a control plane: it has no identity."
            return 503, {"Retry-After": "60"}, Refusal(503, "not_connected", words).body()
        if not asked.secret:
            return self._challenge()
        if not self._proven(asked):
            log.warning("identity.not_proven", form=asked.form.value)
            refusal = Refusal(
                403, "unauthorized_client", "The proof is wrong, used up, or older than a minute."
            )
            return refusal.status, {}, refusal.body()
        try:
            token = await tokens.get(asked.resource, fresh=asked.fresh)
        except TokenRefused as refused:
            status = refused.status if refused.status == 429 else 400
            return status, {}, Refusal(status, refused.error, refused.description).body()
        except Fault as fault:
            told = explain(fault)
            log.warning("identity.failed", code=told.code)
            return 503, {"Retry-After": "5"}, Refusal(503, told.code, told.message).body()
        body = managed_identity.answer(token, asked.resource, tokens.identity, clock.wall())
        log.info("identity.given", resource=asked.resource, client=asked.client, fresh=asked.fresh)
        return 200, {}, dict(body)

    def _challenge(self) -> _Answer:
        try:
            path = self._files.make()
        except OSError as error:
            log.warning("identity.no_key_file", error=str(error))
            words = "The agent cannot write to its token folder."
            return 500, {}, Refusal(500, "server_error", words).body()
        body = Refusal(
            401, "unauthorized", "Read the file that the challenge names, and show its text."
        ).body()
        return 401, {"WWW-Authenticate": f"Basic realm={path}"}, body

    def _proven(self, asked: Ask) -> bool:
        if asked.form is Form.ARC:
            return self._files.redeem(asked.secret)
        return hmac.compare_digest(asked.secret.encode(), self._secret.encode())


async def _request(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Request:
    """The head of one request; a body is not read. Raises as `_serve` catches."""
    async with asyncio.timeout(SECONDS):
        while (event := connection.next_event()) is h11.NEED_DATA:
            data = await reader.read(MAX_HEAD)
            if not data:
                raise OSError("the program went away")
            connection.receive_data(data)
    if not isinstance(event, h11.Request):
        raise OSError("no request")
    return event


def _write(
    connection: h11.Connection,
    writer: asyncio.StreamWriter,
    status: int,
    headers: dict[str, str],
    body: dict[str, Any],
) -> None:
    text = msgspec.json.encode(body)
    fields = {
        "Content-Type": "application/json; charset=utf-8",
        "Content-Length": str(len(text)),
        "Cache-Control": "no-store",
        "Connection": "close",
        **headers,
    }
    for event in (
        h11.Response(status_code=status, headers=list(fields.items())),
        h11.Data(data=text),
        h11.EndOfMessage(),
    ):
        writer.write(connection.send(event) or b"")
