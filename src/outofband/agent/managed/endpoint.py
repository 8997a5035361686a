"""The endpoint on a loopback port where local programs get tokens of this host's identity."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
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
from outofband.wire import managed_identity
from outofband.wire.managed_identity import MAX_HEAD, Ask, Form, Refusal

HOST = "127.0.0.1"
SECONDS = 10.0
"""For a request to come whole."""
MAX_CONNECTIONS = 64

log = structlog.get_logger(__name__)
_Answer = tuple[int, dict[str, str], dict[str, Any]]


class IdentityEndpoint:
    """`secret_file` holds what the App Service form asks for (IDENTITY_HEADER), made once."""

    def __init__(self, tokens: HostTokens, files: KeyFiles, *, port: int, secret_file: Path) -> None:
        self._tokens, self._files = tokens, files
        self._port = port
        self._secret_file = secret_file
        self._secret = ""
        self._server: asyncio.Server | None = None
        self._busy = asyncio.Semaphore(MAX_CONNECTIONS)

    @property
    def address(self) -> str:
        """IMDS_ENDPOINT of local programs."""
        return f"http://localhost:{self._port}"

    async def open(self) -> None:
        """Raises Fault TokenFolderUnsafe or IdentityPortTaken."""
        self._files.prepare()
        if not self._secret_file.exists():
            secrets.write_private(self._secret_file, secrets.token())
        self._secret = self._secret_file.read_text().strip()
        try:
            self._server = await asyncio.start_server(self._serve, HOST, self._port, limit=MAX_HEAD)
        except OSError as error:
            raise Fault("IdentityPortTaken", port=self._port, detail=error.strerror or str(error)) from error
        log.info("identity.open", port=self._port)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
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
        asked = managed_identity.read(
            request.method.decode("ascii"),
            request.target.decode("latin-1"),
            fields,
            identity=self._tokens.identity,
        )
        if isinstance(asked, Refusal):
            return asked.status, {}, asked.body()
        if not asked.secret:
            return self._challenge()
        if not self._proven(asked):
            log.warning("identity.not_proven", form=asked.form.value)
            refusal = Refusal(
                403, "unauthorized_client", "The proof is wrong, used up, or older than a minute."
            )
            return refusal.status, {}, refusal.body()
        try:
            token = await self._tokens.get(asked.resource)
        except TokenRefused as refused:
            status = refused.status if refused.status == 429 else 400
            return status, {}, Refusal(status, refused.error, refused.description).body()
        except Fault as fault:
            told = explain(fault)
            log.warning("identity.failed", code=told.code)
            return 503, {"Retry-After": "5"}, Refusal(503, told.code, told.message).body()
        body = managed_identity.answer(token, asked.resource, self._tokens.identity, clock.wall())
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
