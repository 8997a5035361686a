"""A client of the Blob service for agents: puts a blob of a few MiB in its place, looks for one, gets one.

Connections are kept and shared; who calls bounds how many requests are under way.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from urllib.parse import quote

import httpx

from outofband.net.proxies import proxy_for

VERSION = "2022-11-02"
SECONDS = 30.0
CONNECT_SECONDS = 10.0
LIMIT = 64 * 1024
"""Bytes of an answer that are read; a refusal's document is a few hundred."""


class Unreachable(Exception):
    """No answer, or one that says to come back later. The text is for a log."""


class Refused(Exception):
    """The service knows why not: `code` is its own word, such as AuthenticationFailed."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code = status, code


class BlobClient:
    """`base` is the address below which accounts are, `https://host/blob`; `context` whom to trust. Both are
    asked each time, for they may change.
    """

    def __init__(self, base: Callable[[], str], context: Callable[[], ssl.SSLContext]) -> None:
        self._base, self._context = base, context
        self._client: httpx.AsyncClient | None = None
        self._made_for: tuple[str, ssl.SSLContext] | None = None

    async def put(
        self,
        account: str,
        container: str,
        blob: str,
        query: str,
        body: bytes,
        *,
        kind: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Make or replace a block blob; `query` is the signature's, quoted. Raises Unreachable or Refused."""
        url = self._url(account, container, blob, query)
        headers = {
            "x-ms-version": VERSION,
            "x-ms-blob-type": "BlockBlob",
            "content-type": kind,
            **{f"x-ms-meta-{name}": value for name, value in (metadata or {}).items()},
        }
        try:
            async with (await self._ready()).stream("PUT", url, content=body, headers=headers) as answer:
                status, code = answer.status_code, answer.headers.get("x-ms-error-code", "")
                read = 0
                async for piece in answer.aiter_raw():
                    if (read := read + len(piece)) > LIMIT:
                        break
        except (httpx.HTTPError, ssl.SSLError, OSError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}"[:200]) from error
        if status >= 500 or status in (408, 429):
            raise Unreachable(f"{status} {code}")
        if status != 201:
            raise Refused(status, code)

    async def has(self, account: str, container: str, blob: str, query: str) -> bool:
        """Whether there is such a blob. Raises Unreachable or Refused."""
        try:
            await self._read("HEAD", account, container, blob, query, 0)
        except Refused as error:
            if error.status == 404 and error.code == "BlobNotFound":
                return False
            raise
        return True

    async def get(self, account: str, container: str, blob: str, query: str, *, limit: int) -> bytes:
        """All of a blob. Raises Unreachable, Refused, and ValueError for one of more than `limit` bytes."""
        return await self._read("GET", account, container, blob, query, limit)

    async def _read(
        self, method: str, account: str, container: str, blob: str, query: str, limit: int
    ) -> bytes:
        url = self._url(account, container, blob, query)
        headers, body = {"x-ms-version": VERSION}, bytearray()
        try:
            async with (await self._ready()).stream(method, url, headers=headers) as answer:
                status, code = answer.status_code, answer.headers.get("x-ms-error-code", "")
                most = limit if status == 200 else LIMIT
                async for piece in answer.aiter_raw():
                    body += piece
                    if len(body) > most:
                        break
        except (httpx.HTTPError, ssl.SSLError, OSError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}"[:200]) from error
        if status >= 500 or status in (408, 429):
            raise Unreachable(f"{status} {code}")
        if status != 200:
            raise Refused(status, code)
        if len(body) > limit:
            raise ValueError(f"expected at most {limit} bytes, got more")
        return bytes(body)

    def _url(self, account: str, container: str, blob: str, query: str) -> str:
        return f"{self._base()}/{account}/{container}/{quote(blob)}?{query}"

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _ready(self) -> httpx.AsyncClient:
        wanted = (self._base(), self._context())
        if self._client is None or self._made_for != wanted:
            # Made before the old one is closed: whoever comes meanwhile must not make another.
            old = self._client
            self._client = httpx.AsyncClient(
                verify=wanted[1],
                trust_env=False,
                proxy=proxy_for(wanted[0]),
                follow_redirects=False,
                timeout=httpx.Timeout(SECONDS, connect=CONNECT_SECONDS),
                limits=httpx.Limits(max_connections=32, max_keepalive_connections=32, keepalive_expiry=20.0),
                headers={"accept-encoding": "identity"},
            )
            self._made_for = wanted
            if old is not None:
                await old.aclose()
        return self._client
