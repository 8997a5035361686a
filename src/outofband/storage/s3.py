"""Objects in an S3-compatible store: path style, single requests, signed by `wire.storage.sigv4`."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from urllib.parse import urlsplit

import httpx

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.net.backoff import Backoff
from outofband.storage.objects import PIECE, Meter
from outofband.wire.storage.sigv4 import Credentials, quoted, signed

ATTEMPTS = 4
CONNECTIONS = 32
_TIMEOUT = httpx.Timeout(30.0, connect=5.0, pool=30.0)
_MD5 = re.compile(r'^"?([0-9a-f]{32})"?$')
_ENCRYPTED, _PLAIN = "x-amz-server-side-encryption", "AES256"
_PASSING = frozenset({408, 429, 500, 502, 503, 504})


class S3:
    """`url` is `https://host[:port]/bucket[/prefix]`; a bucket that is not there is made by `prepare`."""

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        *,
        verify: ssl.SSLContext | bool = True,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        parts = urlsplit(url)
        self._credentials = credentials
        self._host = parts.netloc
        bucket, _, prefix = parts.path.strip("/").partition("/")
        self._bucket = f"/{bucket}"
        self._root = f"/{bucket}/{prefix}/" if prefix else f"/{bucket}/"
        self._http = httpx.AsyncClient(
            base_url=f"{parts.scheme}://{parts.netloc}",
            verify=verify,
            timeout=_TIMEOUT,
            trust_env=False,
            transport=transport,
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
        )

    async def prepare(self) -> None:
        """See that the bucket is there. Raises Fault ObjectStoreBusy when the store does not let us."""
        answer = await self._again("HEAD", self._bucket)
        if answer.status_code == 404:
            answer = await self._again("PUT", self._bucket)
        # 409: another node made it in the same moment.
        if answer.status_code not in (200, 204, 409):
            raise _refused(answer.status_code)

    async def put(self, key: str, pieces: AsyncIterator[bytes], length: int) -> bytes:
        meter = Meter(pieces, length)
        headers = {"content-length": str(length), "content-type": "application/octet-stream"}
        async with self._sent("PUT", self._path(key), headers, aiter(meter)) as answer:
            await answer.aread()
            if answer.status_code != 200:
                raise _refused(answer.status_code)
        tag = _MD5.match(answer.headers.get("etag", ""))
        if answer.headers.get(_ENCRYPTED, _PLAIN) != _PLAIN:
            # Under a key of its own the entity tag is no MD5, though it looks like one.
            tag = None
        if tag is not None and tag[1] != meter.md5.hex():
            raise Fault("ObjectStoreDamaged", detail="the store took other bytes than were sent")
        return meter.md5

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        backoff, failures = Backoff(first=0.1, limit=2.0), 0
        while start < end:
            try:
                headers = {"range": f"bytes={start}-{end - 1}"}
                async with self._sent("GET", self._path(key), headers) as answer:
                    if answer.status_code == 404:
                        raise Fault("ObjectStoreDamaged", detail="an object is gone")
                    if answer.status_code != 206:
                        raise _refused(answer.status_code)
                    async for came in answer.aiter_raw(PIECE):
                        piece = came[: end - start]
                        start += len(piece)
                        failures = 0
                        yield piece
                if start < end:
                    raise Fault("ObjectStoreBusy", detail="the store ended an answer early")
            except Fault as fault:
                failures += 1
                if fault.code != "ObjectStoreBusy" or failures >= ATTEMPTS:
                    raise
                # What came is with the reader already: go on behind it.
                await asyncio.sleep(backoff.next())

    async def erase(self, key: str) -> None:
        answer = await self._again("DELETE", self._path(key))
        if answer.status_code not in (200, 204, 404):
            raise _refused(answer.status_code)

    async def close(self) -> None:
        await self._http.aclose()

    def _path(self, key: str) -> str:
        return f"{self._root}{key[:2]}/{key}"

    async def _again(self, method: str, path: str) -> httpx.Response:
        """A request without a body, again when it may help."""
        backoff = Backoff(first=0.1, limit=2.0)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self._sent(method, path) as answer:
                    await answer.aread()
                if answer.status_code not in _PASSING or attempt == ATTEMPTS:
                    return answer
            except Fault:
                if attempt == ATTEMPTS:
                    raise
            await asyncio.sleep(backoff.next())
        raise AssertionError("unreachable")

    @contextlib.asynccontextmanager
    async def _sent(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        content: AsyncIterator[bytes] | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """One request; the answer is open within the block."""
        sent = quoted(path)
        given = signed(
            self._credentials, method=method, host=self._host, path=sent, headers=headers, now=clock.now()
        )
        request = self._http.build_request(method, sent, headers=given, content=content)
        with _translating():
            answer = await self._http.send(request, stream=True)
        try:
            with _translating():
                yield answer
        finally:
            await answer.aclose()


@contextlib.contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        raise Fault("ObjectStoreBusy", detail=type(error).__name__) from error


def _refused(status: int) -> Fault:
    return Fault("ObjectStoreBusy", detail=f"the store answered {status}")
